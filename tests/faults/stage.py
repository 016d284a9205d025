"""What a run happens on: a Redis and some mounts, each in a network namespace of its own.

    mount I   10.77.I.1 ──── cable ──── 10.77.I.2   Redis

Cables are programs (cable.c), which can be cut, slow and lossy each way. Redis
has a wall clock that can be set (clock.c), and its data on a small tmpfs that
can be filled. Every process started here dies with the runner; what else there
is to be taken away is told by the names, to `run`.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

PORT = 6379
NAMESPACE = "faults"
TIMEOUT_MS = 1000
DISK_MB = 64

# On a busy machine, what is tested shall not be what starves.
NICE = -5


class StageError(Exception):
    pass


def die_with_runner():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.nice(NICE)


def wait_until(seconds, condition, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise StageError("not within %d s: %s" % (seconds, what))
        time.sleep(0.01)


def call(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise StageError("%s: %s" % (" ".join(command), done.stdout.strip()))


class Redis:
    """The server, and the few words that the nemesis has with it, over its socket."""

    def __init__(self, stage, command):
        self.command = command
        self.netns = stage.netns("r")
        self.work = stage.work
        self.data = stage.work + "/data"
        self.socket = stage.work + "/redis.sock"
        self.clock = stage.work + "/clock"
        self.clock_library = stage.build + "/tests/faults/clock.so"
        self.offset_us = 0
        self.process = None
        os.mkdir(self.data)
        call("mount", "-t", "tmpfs", "-o", "size=%dm" % DISK_MB, "tmpfs", self.data)
        self.set_clock(0)

    def set_clock(self, offset_us):
        self.offset_us = offset_us
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "w+b") as file:
            file.write(offset_us.to_bytes(8, "little", signed=True))

    def start(self):
        with open(self.work + "/redis.log", "ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", "--net=/run/netns/" + self.netns, self.command, "--port", str(PORT), "--bind", "0.0.0.0",
                 "--protected-mode", "no", "--unixsocket", self.socket, "--dir", self.data, "--save", "",
                 "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-min-size", "8mb",
                 "--no-appendfsync-on-rewrite", "no"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_runner,
                env={**os.environ, "LD_PRELOAD": self.clock_library, "LOCKFS_CLOCK": self.clock})
        wait_until(15, self.answers, "Redis answers")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def forget(self):
        for name in os.listdir(self.data):
            shutil.rmtree(os.path.join(self.data, name), ignore_errors=True)

    def answers(self):
        if self.process.poll() is not None:
            raise StageError("Redis has ended; see redis.log")
        try:
            return self.ask("PING") == "PONG"
        except (OSError, StageError):
            return False

    def ask(self, *words):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(self.socket)
            request = b"*%d\r\n" % len(words)
            for word in words:
                data = str(word).encode()
                request += b"$%d\r\n%s\r\n" % (len(data), data)
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                return self.read_reply(stream)

    def read_reply(self, stream):
        line = stream.readline()
        kind, rest = line[:1], line[1:].strip().decode()
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode("latin-1")
        if kind == b"*":
            return [self.read_reply(stream) for _ in range(int(rest))]
        raise StageError("Redis says: %s" % rest)


class Cable:
    def __init__(self, stage, mount, number, seed):
        self.netns = stage.netns(mount)
        far = stage.netns("r")
        call("ip", "netns", "add", self.netns)
        call("ip", "-n", self.netns, "link", "set", "lo", "up")
        self.process = subprocess.Popen(
            [stage.build + "/tests/faults/cable", self.netns, "near", far, mount, str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=die_with_runner)
        if self.process.stdout.readline() != "ready\n":
            raise StageError("no cable")
        for netns, device, end in ((self.netns, "near", 1), (far, mount, 2)):
            call("ip", "-n", netns, "addr", "add", "10.77.%d.%d/30" % (number, end), "dev", device)
            call("ip", "-n", netns, "link", "set", device, "up")

    def order(self, way, delay=0, jitter=0, loss=0):
        self.process.stdin.write("%s %d %d %d\n" % (way, delay, jitter, loss))
        if self.process.stdout.readline() != "ok\n":
            raise StageError("the cable does not obey")

    def both(self, **how):
        self.order("there", **how)
        self.order("back", **how)


class Mount:
    def __init__(self, stage, number, seed):
        self.name = "m%d" % number
        self.path = "%s/%s" % (stage.work, self.name)
        self.source = "redis://10.77.%d.2:%d" % (number, PORT)
        self.lockfs = stage.lockfs
        self.cable = Cable(stage, self.name, number, seed)
        self.process = None
        os.mkdir(self.path)

    def start(self):
        """Mounts, again where its daemon died, and as often as it takes until the server is there."""
        end = time.monotonic() + 30
        while not self.start_once():
            if time.monotonic() > end:
                raise StageError("%s cannot be mounted; see %s.log" % (self.name, self.name))

    def start_once(self):
        with open(self.path + ".log", "ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", "--net=/run/netns/" + self.cable.netns, self.lockfs, self.source, self.path, "-f",
                 "-o", "namespace=%s,timeout=%dms" % (NAMESPACE, TIMEOUT_MS)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_runner)
        probe = subprocess.Popen(["sh", "-c", 'until [ "$(stat -f -c %T "$0" 2>/dev/null)" = fuseblk ]; do sleep 0.02; done',
                                  self.path], preexec_fn=die_with_runner)
        while probe.poll() is None and self.process.poll() is None:
            time.sleep(0.01)
        probe.kill()
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()


class Stage:
    def __init__(self, work, build, lockfs, server, mounts, seed):
        self.work, self.build, self.lockfs = work, build, lockfs
        self.prefix = "lff%d" % (os.getpid() % 100000)
        call("ip", "netns", "add", self.netns("r"))
        call("ip", "-n", self.netns("r"), "link", "set", "lo", "up")
        self.redis = Redis(self, server)
        self.redis.start()
        self.mounts = [Mount(self, number, seed + number) for number in range(1, mounts + 1)]
        for mount in self.mounts:
            mount.start()

    def netns(self, name):
        return self.prefix + name
