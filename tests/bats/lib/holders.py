"""Processes that take a lock with signal= and report what happens, for scripts given to `py` (helper.bash)."""

import fcntl
import os
import signal

from calls import outcome


def holder(name, ready, take):
    """Forks a process that calls take(name). It writes `has` to the descriptor `ready`, or the errno if it was
    refused; then `told` once it gets SIGUSR1. Returns its process id."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGUSR1, lambda *_: (os.write(ready, b"told\n"), os._exit(0)))
        signal.alarm(60)
        descriptors = []
        answer = outcome(lambda: descriptors.append(take(name)))
        os.write(ready, ("%s\n" % ("has" if answer == "OK" else answer)).encode())
        if answer != "OK":
            os._exit(0)
        while True:
            signal.pause()
    return pid


def create(name):
    return os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR)


def lock(name):
    fd = os.open(name, os.O_CREAT | os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return fd
