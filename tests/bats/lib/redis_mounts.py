"""A client of a Redis server that pretends to be other mounts of the namespace `lockfs`.

redis_mounts.py SOCKET silent          is asked where it is (WHO), and does not answer
redis_mounts.py SOCKET answer TEXT...  answers once with each TEXT, in which escapes such as \\0 are read; N stands for the
                                       number of the roll call
redis_mounts.py SOCKET flood COUNT     answers COUNT times with a host of its own
redis_mounts.py SOCKET ask COUNT       asks every mount COUNT times where it is, and prints how many answers came in a second

Prints `ready`.
"""

import socket
import sys
import time

CHANNEL = b"lockfs#m:0123456789abcdef0123456789abcdef"


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        return rest

    def __call__(self, *words):
        self.send(*words)
        return self.read()


def answers(how, arguments):
    if how == "answer":
        return [text.encode("latin-1").decode("unicode_escape").encode("latin-1") for text in arguments]
    if how == "flood":
        return [b"HERE N flood%06d\0/mnt\0001" % i for i in range(int(arguments[0]))]
    return []


def pretend(listening, path, texts):
    publisher = Client(path)
    while True:
        _, _, message = listening.read()
        if message.startswith(b"WHO "):
            _, number, asker = message.split(b" ")
            for text in texts:
                publisher(b"PUBLISH", b"lockfs#m:" + asker, text.replace(b"HERE N", b"HERE " + number))


def ask(listening, path, count):
    publisher = Client(path)
    instance = CHANNEL.split(b":")[1]
    for channel in publisher(b"PUBSUB", b"CHANNELS", b"lockfs#m:*"):
        if channel != CHANNEL:
            for number in range(count):
                publisher(b"PUBLISH", channel, b"WHO %d %s" % (number + 1, instance))
    listening.socket.settimeout(1)
    got, end = 0, time.monotonic() + 1
    try:
        while time.monotonic() < end:
            got += listening.read()[2].startswith(b"HERE ")
    except TimeoutError:
        pass
    print(got, flush=True)


def main():
    path, how, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
    listening = Client(path)
    listening(b"SUBSCRIBE", CHANNEL)
    print("ready", flush=True)
    if how == "ask":
        ask(listening, path, int(arguments[0]))
    else:
        pretend(listening, path, answers(how, arguments))


main()
