"""Fuzzes a mount: sessions make random system calls, get signals and are killed.

mount.py LOCKFS SOURCE SECONDS SEED DIR     SOURCE: memory:, or redis: for a server of its own

When all sessions have ended, the mount must be empty; each lock can be taken, waited for and
released; .stats counts nothing open or waiting; the server has no lock left; and the daemon
ends with 0 and has written nothing. A call that does not return is a finding too, and the
mount is aborted. Prints `calls N`, then the findings, one a paragraph. All files are below
DIR, which must exist and be empty.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import calls
from calls import KEYS, Interrupted

SESSIONS = 4
CALLERS = 2         # in each
CALL_BOUND = 30     # seconds: none waits that long, on however busy a machine
SETTLE_BOUND = 60   # what follows by itself has followed by then
NOTE = struct.Struct("dii")  # since when, 0: at nothing; how many calls so far; and the process
NOTE_SIZE = 1024
CHILD_SUBREAPER = 36
NOBODY = 65534


class Finding(Exception):
    pass


def now():
    return time.monotonic()


def until(what, function, seconds=SETTLE_BOUND):
    """Waits until the function returns something true."""
    end = now() + seconds
    while True:
        answer = function()
        if answer:
            return answer
        if now() > end:
            raise Finding("not within %d s: %s" % (seconds, what))
        time.sleep(0.02)


def read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError as error:
        return str(error)


def outcome(function, *arguments):
    """OK, or the name of the errno."""
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    return "OK"


def expect(what, wanted, got):
    if got != wanted:
        raise Finding("%s: %r, expected %r" % (what, got, wanted))


# What the callers share with who watches them

class Board:
    """A note of what each is at, in memory that all have."""

    def __init__(self, count):
        self.memory = mmap.mmap(-1, count * NOTE_SIZE)
        self.count = count

    def write(self, slot, text, made):
        at = slot * NOTE_SIZE
        data = text.encode("utf-8", "replace")[:NOTE_SIZE - NOTE.size - 1] + b"\0"
        self.memory[at + NOTE.size:at + NOTE.size + len(data)] = data
        NOTE.pack_into(self.memory, at, now() if text else 0.0, made, os.getpid())

    def clear(self):
        for slot in range(self.count):
            NOTE.pack_into(self.memory, slot * NOTE_SIZE, 0.0, self.made(slot), 0)

    def read(self, slot):
        return NOTE.unpack_from(self.memory, slot * NOTE_SIZE)

    def late(self, slot):
        since = self.read(slot)[0]
        return since and now() - since > CALL_BOUND

    def made(self, slot):
        return self.read(slot)[1]

    def pid(self, slot):
        """Who wrote it last; it may be dead since."""
        return self.read(slot)[2]

    def text(self, slot):
        at = slot * NOTE_SIZE + NOTE.size
        return self.memory[at:at + NOTE_SIZE - NOTE.size].split(b"\0")[0].decode("utf-8", "replace")


def make_calls(board, slot, seed):
    """What a caller does, until it is killed."""
    made = board.made(slot)

    def note(text):
        nonlocal made
        made += not text
        board.write(slot, text, made)

    for each in signal.SIGALRM, signal.SIGUSR1:
        signal.signal(each, calls.interrupt)
    caller = calls.Caller(random.Random(seed), note)
    while True:
        try:
            while True:
                caller.step()
        except Interrupted:
            pass


def in_child(function, *arguments):
    """Starts it as a process, which never comes back here. Its id."""
    pid = os.fork()
    if pid == 0:
        try:
            function(*arguments)
        finally:
            os._exit(1)
    return pid


def lead_session(board, slots, seed, is_nobody):
    """A session with a caller for each slot, and others for those who die."""
    pids = {}
    started = 0
    os.setsid()
    if is_nobody:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    for each in signal.SIGIO, signal.SIGALRM, signal.SIGUSR1:  # until they are wanted
        signal.signal(each, signal.SIG_IGN)
    while True:
        for slot in slots:
            if slot not in pids.values():
                started += 1
                pids[in_child(make_calls, board, slot, "%s/%d" % (seed, started))] = slot
        pids.pop(os.waitpid(-1, 0)[0], None)


# A server

class Server:
    """A Redis of our own, behind a socket."""

    def __init__(self, dir):
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        self.path = os.path.join(dir, "redis.sock")
        self.process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", self.path, "--unixsocketperm", "777", "--dir", dir, "--save", ""],
            stdout=subprocess.DEVNULL)
        until("Redis answers", lambda: outcome(self.keys) == "OK")
        self.source = "redis+unix://" + self.path

    def answer(self, command):
        """What the server answers to an inline command, as it is sent."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            connection.sendall(command + b"\r\nQUIT\r\n")
            data = b""
            while not data.endswith(b"+OK\r\n"):
                part = connection.recv(65536)
                if not part:
                    raise OSError(errno.EPIPE, "")
                data += part
        return data[:-len(b"+OK\r\n")]

    def keys(self):
        """The names of all keys."""
        return sorted(re.findall(rb"\$\d+\r\n(.*?)\r\n", self.answer(b"KEYS *"), re.S))

    def describe(self):
        """All keys with their time to live and their values, a line each."""
        reads = {b"string": b"GET %s", b"hash": b"HGETALL %s", b"zset": b"ZRANGE %s 0 9 WITHSCORES",
                 b"set": b"SMEMBERS %s", b"list": b"LRANGE %s 0 9"}
        lines = []
        for key in self.keys():
            name = b'"%s"' % b"".join(b"\\x%02x" % byte for byte in key)
            kind = self.answer(b"TYPE " + name).strip(b"+\r\n")
            value = self.answer(reads[kind] % name) if kind in reads else b""
            lines.append("%r %s ms left: %r" % (key, self.answer(b"PTTL " + name).decode().strip(":\r\n"), value))
        return "\n".join(lines)

    def end(self):
        self.process.kill()
        self.process.wait()


# A mount

class Mount:
    def __init__(self, lockfs, source, dir):
        self.dir = os.path.join(dir, "mnt")
        self.said = os.path.join(dir, "daemon")
        os.mkdir(self.dir, 0)
        with open(self.said, "wb") as said:
            self.daemon = subprocess.Popen(
                [lockfs, source, self.dir, "-f", "-o", "allow_other,ttl=2s,timeout=20s,namespace=fuzz,user_renewals=0,grace=0"],
                stdout=said, stderr=said, env=dict(os.environ, **SANITIZERS))
        until("it is mounted", lambda: os.path.ismount(self.dir) or self.daemon.poll() is not None)
        if not os.path.ismount(self.dir):
            raise Finding("it does not mount: " + read(self.said))
        self.connection = "/sys/fs/fuse/connections/%d" % os.minor(os.stat(self.dir).st_dev)

    def abort(self):
        """Frees whoever waits for it."""
        if not os.path.exists(self.connection):
            subprocess.run(["mount", "-t", "fusectl", "fusectl", os.path.dirname(self.connection)],
                           stderr=subprocess.DEVNULL)
        outcome(lambda: open(self.connection + "/abort", "w").write("1"))

    def unmount(self):
        """Nobody is there any more, so it goes at once, and the daemon ends well."""
        def gone():
            return subprocess.run(["fusermount3", "-u", self.dir], stderr=subprocess.DEVNULL).returncode == 0
        until("it is unmounted", gone)
        until("the daemon ends", lambda: self.daemon.poll() is not None)
        said = read(self.said)
        if self.daemon.returncode != 0 or said:
            raise Finding("the daemon ended with %d and said: %s" % (self.daemon.returncode, said))

    def end(self):
        if os.path.ismount(self.dir) or self.daemon.poll() is None:
            self.abort()
            subprocess.run(["umount", "-l", self.dir], stderr=subprocess.DEVNULL)
        self.daemon.kill()
        self.daemon.wait()


SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


# Those who call, and who watches them

class Crowd:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed
        self.board = Board(SESSIONS * CALLERS)
        self.sessions = [0] * SESSIONS  # the process that leads each; 0: none
        self.started = 0
        self.killed = {}  # process, or with a minus the group of a session → since when

    def start(self, index):
        self.started += 1
        slots = range(index * CALLERS, (index + 1) * CALLERS)
        is_nobody = os.getuid() == 0 and self.random.random() < 0.3
        self.sessions[index] = in_child(lead_session, self.board, slots, "%s/%d" % (self.seed, self.started), is_nobody)

    def kill(self, target):
        if outcome(os.kill, target, signal.SIGKILL) == "OK":
            self.killed.setdefault(target, now())

    def kill_session(self, index):
        leader, self.sessions[index] = self.sessions[index], 0
        if leader:
            # It may have no session of its own yet.
            until("a session begins", lambda: os.getsid(leader) == leader)
            self.kill(-leader)

    def is_ours(self, pid):
        """Not one that has its number now."""
        try:
            return pid and os.getpgid(pid) in self.sessions
        except ProcessLookupError:
            return False

    def disturb(self):
        what = self.random.random()
        if what < 0.05:
            self.kill_session(self.random.randrange(SESSIONS))
            return
        pid = self.board.pid(self.random.randrange(self.board.count))
        if not self.is_ours(pid):
            return
        if what < 0.15:
            self.kill(pid)
        elif what < 0.3:
            outcome(os.kill, pid, signal.SIGSTOP)
            time.sleep(0.02)
            outcome(os.kill, pid, signal.SIGCONT)
        else:
            outcome(os.kill, pid, signal.SIGUSR1)

    def look(self):
        """Takes away who is dead. Whoever does not return from a call, or does not die, is a finding."""
        while self.killed or any(self.sessions):
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        for target in [target for target in self.killed if outcome(os.kill, target, 0) == "ESRCH"]:
            del self.killed[target]
        for target, since in self.killed.items():
            if now() - since > CALL_BOUND:
                raise Finding(describe(members(-target) if target < 0 else [target], "killed, and not dead"))
        for slot in range(self.board.count):
            if self.board.late(slot):
                raise Finding(describe([self.board.pid(slot)], "it does not return: " + self.board.text(slot)))

    def run(self, seconds, daemon):
        end = now() + seconds
        while now() < end:
            for index, leader in enumerate(self.sessions):
                if not leader:
                    self.start(index)
            if daemon.poll() is not None:
                raise Finding("the daemon ended by itself, with %d" % daemon.returncode)
            time.sleep(self.random.uniform(0, 0.02))
            self.disturb()
            self.look()

    def end(self):
        """All are gone when it returns."""
        for index in range(SESSIONS):
            self.kill_session(index)
        self.board.clear()
        while self.killed:
            self.look()
            time.sleep(0.01)

    def made(self):
        return sum(self.board.made(slot) for slot in range(self.board.count))


def members(group):
    """The processes of a group."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if read("/proc/%d/stat" % pid).rpartition(")")[2].split()[2:3] == [str(group)]]


def describe(pids, what):
    lines = [what]
    for pid in pids:
        lines.append("process %d, syscall %s\nwaits in %s\n%s" % (
            pid, read("/proc/%d/syscall" % pid), read("/proc/%d/wchan" % pid), read("/proc/%d/stack" % pid)))
    return "\n".join(lines)


# What must hold when all have gone. Paths are relative to the mount.

def forced(path):
    return os.path.join(b".with/force", path)


def clear(dir=b"."):
    """Takes away what is there, as far as it goes now."""
    for entry in os.scandir(dir):
        path = os.path.normpath(entry.path)
        if entry.is_dir(follow_symlinks=False):
            clear(path)
            outcome(os.rmdir, path)
        else:
            outcome(os.unlink, forced(path))


def is_empty():
    clear()
    return not os.listdir(b".")


def attribute(path, name):
    return os.getxattr(path, "user.lock." + name).decode()


def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))


def is_free(path):
    return outcome(os.stat, path) == "ENOENT"


def check_acquisition(key):
    expect("stat of a free lock", "ENOENT", outcome(os.stat, key))
    expect("release of a free lock", "ENOENT", outcome(os.unlink, key))
    expect("acquisition", "OK", outcome(create, key))
    expect("another acquisition", "EEXIST", outcome(create, key))
    expect("state", "ACQUIRED", attribute(key, "state"))
    expect("waiters", "0", attribute(key, "waiters"))
    expect("refresh", "OK", outcome(os.utime, key))
    expect("release", "OK", outcome(os.unlink, key))
    expect("stat after release", "ENOENT", outcome(os.stat, key))


def wait_for(key):
    os.setsid()
    create(os.path.join(".with/wait=30s,ttl=never", key))
    os._exit(0)


def check_waiting(key):
    """Another session waits for it, and has it when it is released."""
    create(key)
    pid = in_child(wait_for, key)
    until("one waits for it", lambda: attribute(key, "waiters") == "1")
    os.unlink(key)
    _, status = os.waitpid(pid, 0)
    expect("waiting", 0, status)
    expect("state of another's", "UNAVAILABLE", attribute(key, "state"))
    expect("forced release", "OK", outcome(os.unlink, os.path.join(".with/force", key)))


def check_handle(key):
    """An open takes nothing, and what it gives follows the key."""
    fd = os.open(key, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o644)
    expect("stat of what was opened", "ENOENT", outcome(os.stat, key))
    expect("state of a free lock", "EXPIRED", attribute(fd, "state"))
    expect("write to a free lock", "ENOLCK", outcome(os.write, fd, b"x"))
    create(key)
    expect("state of an own lock", "ACQUIRED", attribute(fd, "state"))
    expect("write to an own lock", "OK", outcome(os.write, fd, b"x"))
    expect("release", "OK", outcome(os.unlink, key))
    expect("write after release", "ENOLCK", outcome(os.write, fd, b"x"))
    os.close(fd)


def check_flock(key):
    fd = os.open(key, os.O_CREAT | os.O_RDONLY, 0o644)
    other = os.open(key, os.O_CREAT | os.O_RDONLY, 0o644)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    expect("flock of a held lock", "EAGAIN", outcome(fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB))
    os.close(other)
    os.close(fd)
    until("a closed lock is free", lambda: is_free(key))


GAUGES = ("locks", "kept_locks", "open_locks", "waiting_requests", "waited_for_locks", "event_readers",
          "backend_calls_under_way")


def busy_gauges():
    with open(".stats") as file:
        values = dict(line.split() for line in file if line[0] != "#" and "{" not in line)
    return {name: values["lockfs_" + name] for name in GAUGES if float(values.get("lockfs_" + name, 0)) != 0}


def check_gauges():
    busy = {}

    def idle():
        nonlocal busy
        busy = busy_gauges()
        return not busy

    try:
        until("", idle)
    except Finding:
        raise Finding(".stats still shows %s" % busy) from None


def check_locks():
    """With leases that no check outlasts, on however slow a machine."""
    os.setxattr(".", "user.lock.default_ttl", b"1h")
    until("the directory is empty", is_empty)
    check_gauges()
    for dir in ("", "one", "one/deep"):
        if dir:
            os.mkdir(dir)
        for key in KEYS:
            for check in check_acquisition, check_waiting, check_handle, check_flock:
                check(os.path.join(dir, key))
    until("the directory is empty", is_empty)
    check_gauges()
    os.removexattr(".", "user.lock.default_ttl")


def check_server(server):
    try:
        until("", lambda: server.keys() == [b"fuzz#e", b"fuzz#server", b"fuzz#token"])
    except Finding:
        raise Finding("the server has more than the counter and the epoch: %s" % server.describe()) from None


def tell_check(writer):
    # What started this may be of a session that nobody sees, as the first process of a container is.
    os.setsid()
    try:
        check_locks()
    except (Finding, OSError) as finding:
        os.write(writer, (str(finding) or repr(finding)).encode())
    else:
        os.write(writer, b"exact")


def check_in_child():
    """As a process, so that a call which does not return ends nothing but this."""
    reader, writer = os.pipe()
    pid = in_child(tell_check, writer)
    os.close(writer)
    end = now() + 4 * SETTLE_BOUND
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if now() > end:
            raise Finding(describe([pid], "a check does not end"))
        time.sleep(0.02)
    with os.fdopen(reader) as stream:
        said = stream.read()
    if said != "exact":
        raise Finding("not exact afterwards: " + said)


def fuzz(lockfs, server, seconds, seed, dir):
    mount = Mount(lockfs, server.source if server else "memory:", dir)
    crowd = Crowd(seed)
    try:
        os.chdir(mount.dir)
        crowd.run(seconds, mount.daemon)
        crowd.end()
        check_in_child()
        os.chdir("/")
        if server:
            check_server(server)
        mount.unmount()
    except Finding as finding:
        print("%s\n" % finding)
        said = read(mount.said)
        if said and said not in str(finding):
            print("the daemon said: %s\n" % said)
        return 1
    finally:
        os.chdir("/")
        for leader in crowd.sessions:
            if leader:
                outcome(os.kill, -leader, signal.SIGKILL)
        mount.end()
        print("calls %d" % crowd.made())
    return 0


def main():
    lockfs, source, seconds, seed, dir = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    os.umask(0)
    os.chmod(dir, 0o755)
    server = Server(dir) if source == "redis:" else None
    try:
        return fuzz(os.path.abspath(lockfs), server, float(seconds), seed, os.path.abspath(dir))
    finally:
        if server:
            server.end()


sys.exit(main())
