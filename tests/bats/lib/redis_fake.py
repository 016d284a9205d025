"""A server on 127.0.0.1 that is no Redis server, or one that refuses everything.

redis_fake.py silent          takes connections, reads, never answers
redis_fake.py closing         takes connections and closes them
redis_fake.py http            answers as a web server does
redis_fake.py garbage         answers with bytes of no protocol
redis_fake.py refuse LINE     answers every command with the error LINE
redis_fake.py info TEXT       answers every command with TEXT, in which escapes such as \\n are read

Prints `ready PORT`.
"""

import socket
import sys
import threading


def count_commands(data):
    """How many whole commands begin in these bytes: each is an array of bulk strings."""
    return data.count(b"*") if data.startswith(b"*") else 1


def answer_to(kind, line, data):
    if kind == "http":
        return b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    if kind == "garbage":
        return bytes(range(1, 200)) * 5
    if kind == "info":
        text = line.encode().decode("unicode_escape").encode()
        return b"$%d\r\n%s\r\n" % (len(text), text) * count_commands(data)
    return b"-%s\r\n" % line.encode() * count_commands(data)


def serve(client, kind, line):
    with client:
        while kind != "closing":
            try:
                data = client.recv(65536)
                if not data:
                    return
                if kind != "silent":
                    client.sendall(answer_to(kind, line, data))
                if kind == "http":
                    return
            except OSError:
                return


def main():
    kind = sys.argv[1]
    line = sys.argv[2] if len(sys.argv) > 2 else ""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print("ready", server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client, kind, line), daemon=True).start()


main()
