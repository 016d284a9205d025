"""Processes of redis-server, and the one Redis of the setups with one server."""

import os
import shutil
import socket
import subprocess

from system import StageError, call, die_with_runner, wait_until

PORT = 6379
NAMESPACE = "faults"
DISK_MB = 64


def ask_redis(path, *questions):
    """
    Answers of the server behind a unix socket to questions, which are lists of words. Bytes that
    are no text are given and read as latin-1.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        request = b""
        for words in questions:
            request += b"*%d\r\n" % len(words)
            for word in words:
                data = str(word).encode("latin-1")
                request += b"$%d\r\n%s\r\n" % (len(data), data)
        connection.sendall(request)
        with connection.makefile("rb") as stream:
            return [read_reply(stream) for _ in questions]


def read_reply(stream):
    line = stream.readline()
    kind, rest = line[:1], line[1:].strip().decode("latin-1")
    if kind == b"+":
        return rest
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode("latin-1")
    if kind == b"*":
        return [read_reply(stream) for _ in range(int(rest))]
    raise StageError("Redis says: %s" % rest)


class Server:
    """One process, in a network namespace, and the few words that the nemesis has with it, over its socket."""

    environment = {}

    def __init__(self, stage, name, netns, options):
        self.name, self.netns, self.options = name, netns, options
        self.command, self.work = stage.server, stage.work
        self.data = "%s/%s.data" % (self.work, name)
        self.socket = "%s/%s.sock" % (self.work, name)
        self.process = None
        os.mkdir(self.data)

    def arguments(self):
        return ("--port", str(PORT), "--bind", "0.0.0.0", "--protected-mode", "no", "--unixsocket", self.socket,
                "--dir", self.data, "--save", "", *self.options)

    def start(self):
        with open("%s/%s.log" % (self.work, self.name), "ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", "--net=/run/netns/" + self.netns, self.command, *self.arguments()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_runner,
                env={**os.environ, **self.environment})
        wait_until(15, self.answers, self.name + " answers")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def forget(self):
        for name in os.listdir(self.data):
            shutil.rmtree(os.path.join(self.data, name), ignore_errors=True)

    def answers(self):
        if self.process.poll() is not None:
            raise StageError("%s has ended; see %s.log" % (self.name, self.name))
        try:
            return self.ask("PING") == "PONG"
        except (OSError, StageError):
            return False

    def ask(self, *words):
        return ask_redis(self.socket, words)[0]


class Redis(Server):
    """The only server. It has a wall clock that can be set, and a small disk that can be filled."""

    prefix = NAMESPACE  # of the keys and channels

    def __init__(self, stage):
        super().__init__(stage, "redis", stage.middle.netns, stage.setup.redis)
        self.clock = self.work + "/clock"
        self.environment = {"LD_PRELOAD": stage.build + "/tests/faults/clock.so", "LOCKFS_CLOCK": self.clock}
        self.offset_us = 0
        call("mount", "-t", "tmpfs", "-o", "size=%dm" % DISK_MB, "tmpfs", self.data)
        self.set_clock(0)

    @staticmethod
    def source(mount):
        return "redis://10.77.%d.2:%d" % (mount, PORT)

    def set_clock(self, offset_us):
        self.offset_us = offset_us
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "w+b") as file:
            file.write(offset_us.to_bytes(8, "little", signed=True))
