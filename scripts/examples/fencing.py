#!/usr/bin/env python3
"""A resource that refuses a holder which is late, by its fencing token:

    fencing.py NAME BODY TOKEN       writes a document into documents.db

TOKEN is the attribute user.lock.token of the writer's lock. The database keeps the largest token that it has seen
for each document, and refuses smaller ones. The check and the write are one statement: reading first and writing
then would leave a gap between the two. lockfs(5), GUARANTEES, says why this is needed.
"""
import sqlite3
import sys

db = sqlite3.connect("documents.db", isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS doc (name PRIMARY KEY, body, token)")


def write(name, body, token):
    done = db.execute("""INSERT INTO doc VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body,
        token = excluded.token WHERE excluded.token >= doc.token""", (name, body, token))
    if done.rowcount == 0:
        raise PermissionError(f"{name}: the lock with token {token} was lost, and somebody else has written since")


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]))
