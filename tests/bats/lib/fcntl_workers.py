"""Processes for tests of fcntl(2) locks: each has its own descriptors, and makes the calls that the test tells it."""
import ctypes
import fcntl
import os
import signal
import socket
import struct

from calls import outcome

OFD_GETLK, OFD_SETLK, OFD_SETLKW = 36, 37, 38
EX, SH, UN = fcntl.F_WRLCK, fcntl.F_RDLCK, fcntl.F_UNLCK
LAYOUT = "hhqqi4x"
WORDS = {EX: "exclusive", SH: "shared", UN: "none"}


def lock(kind, start=0, length=0, pid=0, whence=os.SEEK_SET):
    return struct.pack(LAYOUT, kind, whence, start, length, pid)


def setlk(fd, kind, start=0, length=0, command=fcntl.F_SETLK, whence=os.SEEK_SET):
    """OK, or the name of the errno."""
    answer = outcome(fcntl.fcntl, fd, command, lock(kind, start, length, 0, whence))
    return answer if isinstance(answer, str) else "OK"


def setlkw(fd, kind, start=0, length=0):
    return setlk(fd, kind, start, length, fcntl.F_SETLKW)


def ofd(fd, kind, start=0, length=0):
    return setlk(fd, kind, start, length, OFD_SETLK)


def ofdw(fd, kind, start=0, length=0):
    return setlk(fd, kind, start, length, OFD_SETLKW)


def getlk(fd, kind, command=fcntl.F_GETLK):
    """`none`, or the mode and the process id of a holder that excludes the caller."""
    answer = outcome(fcntl.fcntl, fd, command, lock(kind))
    if isinstance(answer, str):
        return answer
    kind, _, start, length, pid = struct.unpack(LAYOUT, answer)
    if kind == UN:
        return "none"
    return "%s %d" % (WORDS[kind], pid) if (start, length) == (0, 0) else "wrong range %d %d" % (start, length)


def flock(fd, operation):
    return outcome(fcntl.flock, fd, operation)


def opened(path, flags=os.O_RDWR | os.O_CREAT):
    return os.open(path, flags, 0o644)


def alarmed(call, *arguments, seconds=0.15):
    """The answer of a call that waits, which a signal interrupts after a while (EINTR)."""
    libc = ctypes.CDLL(None)
    # siginterrupt(3): Python would repeat the call otherwise.
    def interrupted(*_):
        raise InterruptedError(4, "interrupted")

    signal.signal(signal.SIGALRM, interrupted)
    libc.siginterrupt(signal.SIGALRM, 1)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
    try:
        return call(*arguments)
    except InterruptedError:
        return "EINTR"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class Worker:
    """A child process in a session of its own; calls of its methods are functions of this module, run there."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            os.setsid()
            serve(theirs)
        theirs.close()
        self.stream = ours.makefile("rwb", buffering=0)
        ours.close()

    def begin(self, name, *arguments):
        """Starts a call, of which end() has the answer."""
        self.stream.write(repr((name, arguments)).encode() + b"\n")

    def end(self):
        return eval(self.stream.readline() or b"'gone'")

    def __getattr__(self, name):
        def call(*arguments):
            self.begin(name, *arguments)
            return self.end()
        return call

    def is_gone(self):
        os.waitpid(self.pid, 0)
        self.stream.close()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.is_gone()

    def quit(self):
        self.begin("os._exit", 0)
        self.is_gone()


def serve(theirs):
    stream = theirs.makefile("rwb", buffering=0)
    for line in stream:
        name, arguments = eval(line)
        function = eval(name)
        arguments = [eval(each[1:]) if isinstance(each, str) and each.startswith("=") else each for each in arguments]
        stream.write(repr(outcome(function, *arguments)).encode() + b"\n")
    os._exit(0)
