"""Holds a Lock of python3-redis, unmodified, until a line comes on standard input.

    redis_lock.py SOCKET KEY [SECONDS]    SECONDS: how long it waits; without it: it tries once

A line `extend` extends the lock to 60 seconds. It prints `held` and the lock's value, `extended`, and at the end `released` or
the exception's name; if it has not got the lock, it ends with status 75.
"""
import sys

import redis

SOCKET, KEY = sys.argv[1:3]
client = redis.Redis(unix_socket_path=SOCKET)
lock = client.lock(KEY, timeout=20, sleep=0.05)
waiting = {"blocking_timeout": float(sys.argv[3])} if len(sys.argv) > 3 else {"blocking": False}
if not lock.acquire(**waiting):
    sys.exit(75)
print("held", lock.local.token.decode(), flush=True)
try:
    while sys.stdin.readline() == "extend\n":
        lock.extend(60, replace_ttl=True)
        print("extended", flush=True)
    lock.release()
    print("released")
except redis.exceptions.LockError as error:
    print(type(error).__name__)
