"""The stage of a run: a Redis server and some mounts, each in a network namespace of its own.

    mount I   10.77.I.1 ──── cable ──── 10.77.I.2   Redis

Cables are programs (cable.c); each direction can be cut, slow or lossy. Redis has a wall
clock that can be set (clock.c), and its data on a small tmpfs that can be filled. Every
process started here dies with the runner; `run` recognizes namespaces and mounts that
are left by their names.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

PORT = 6379
NAMESPACE = "faults"
DISK_MB = 64
POOL = "pool"    # a directory with room for so many locks
LIMIT = 2

# On a busy machine the tested processes must get processor time.
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


class Redis:
    """The server, and the few words that the nemesis has with it, over its socket."""

    def __init__(self, stage, command):
        self.command, self.options = command, stage.setup.redis
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
                 "--protected-mode", "no", "--unixsocket", self.socket, "--dir", self.data, "--save", "", *self.options],
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
        return ask_redis(self.socket, words)[0]


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
        self.options = ["namespace=" + NAMESPACE, "timeout=%dms" % stage.setup.timeout_ms, "ttl=%dms" % stage.setup.lease_ms]
        self.options += [stage.mount_options] if stage.mount_options else []
        self.cable = Cable(stage, self.name, number, seed)
        self.process = None
        self.mode_file = "%s/control.%s" % (stage.work, self.name)
        os.mkdir(self.path)
        # Opened before the first mount, so it always shows the directory beneath.
        self.beneath = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.found_beneath = set()
        self.changed_beneath_ns = os.fstat(self.beneath).st_mtime_ns

    def start(self):
        """
        Mounts, and repeats that until the server answers. It never unmounts: a new daemon
        has to replace the mount of a dead one by itself.
        """
        end = time.monotonic() + 30
        while not self.start_once():
            if time.monotonic() > end:
                raise StageError("%s cannot be mounted; see %s.log" % (self.name, self.name))
            # A plain file would keep the daemon from mounting. It is reported when the round ends.
            self.clear_beneath()

    def clear_beneath(self):
        for name in os.listdir(self.beneath):
            self.found_beneath.add(name)
            # The process that created it may remove it meanwhile.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.beneath)

    def look_beneath(self):
        """The plain files found beneath the mount, and whether any was created there, since the last call."""
        self.clear_beneath()
        names, changed_ns = sorted(self.found_beneath), os.fstat(self.beneath).st_mtime_ns
        changed = changed_ns != self.changed_beneath_ns
        self.found_beneath, self.changed_beneath_ns = set(), changed_ns
        return names, changed

    def set_mode(self, mode):
        """
        Asks the workers of this mount for turns of one kind (worker.py); None: for all kinds again.
        Where two faults ask at the same time, the last word counts.
        """
        if mode is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.mode_file)
            return
        with open(self.mode_file + ".new", "w", encoding="utf-8") as file:
            file.write(mode)
        os.rename(self.mode_file + ".new", self.mode_file)

    def start_two(self):
        """Starts two daemons at the same time. Answers whether one of them has given up, as it has to."""
        rivals = [self.spawn(), self.spawn()]
        end = time.monotonic() + 15
        while all(rival.poll() is None for rival in rivals) and time.monotonic() < end:
            time.sleep(0.01)
        winners = [rival for rival in rivals if rival.poll() is None]
        self.process = winners[0] if winners else rivals[0]
        if len(winners) == 2:
            for rival in rivals:
                rival.kill()
                rival.wait()
        if len(winners) != 1 or not self.answers():
            self.start()
        return len(winners) < 2

    def spawn(self):
        with open(self.path + ".log", "ab") as log:
            return subprocess.Popen(
                ["nsenter", "--net=/run/netns/" + self.cable.netns, self.lockfs, self.source, self.path, "-f",
                 "-o", ",".join(self.options)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_runner)

    def start_once(self):
        self.process = self.spawn()
        return self.answers()

    def answers(self):
        """Waits until the mount answers; false where its daemon ends instead."""
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
    def __init__(self, work, build, lockfs, server, mounts, seed, setup, mount_options):
        self.work, self.build, self.lockfs = work, build, lockfs
        self.setup, self.mount_options = setup, mount_options
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
