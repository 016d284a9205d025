"""A Redis client for the tests: it waits for each reply, and error replies are replies too."""

import socket


class Redis:
    """One connection, to the unix socket `path` or to `port` of 127.0.0.1. Calling it sends a command."""

    def __init__(self, path=None, port=None):
        self.path, self.port = path, port
        self.connect()

    def connect(self):
        if self.path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(self.path)
        else:
            self.socket = socket.create_connection(("127.0.0.1", self.port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def read(self):
        """The next reply: a number, a text, None, or a list of these. A binary text is decoded as Latin-1."""
        line = self.stream.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == "-1" else self.stream.read(int(rest) + 2)[:-2].decode("latin-1")
        return int(rest) if kind == b":" else rest

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.read()
