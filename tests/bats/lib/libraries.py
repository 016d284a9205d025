"""Uses python3-filelock and python3-portalocker in the directory DIR, unmodified, and prints what they do.

    libraries.py DIR LOCK      LOCK: a name in `locks`

The holder is another process. A contender times out, then waits, and gets the lock when the holder has released it or was
killed. The output is the same on a local disk and on a lock directory.
"""

import contextlib
import io
import os
import signal
import sys
import time

import filelock
import portalocker

DIR, NAME = sys.argv[1:]
PATH = os.path.join(DIR, NAME)
SHORT = 0.3  # seconds that a contender waits in vain
LONG = 60    # seconds after which a wait has failed


class FileLock:
    """filelock.FileLock and SoftFileLock"""

    def __init__(self, make):
        self.make = make

    def acquire(self, timeout):
        lock = self.make(PATH)
        while True:
            try:
                lock.acquire(timeout=timeout, poll_interval=0.01)
                return lock
            except filelock.Timeout:
                return None
            except FileNotFoundError:
                # Newer versions look whether the file exists, and open it without O_CREAT then. See lockfs-recipes(7).
                pass

    def release(self, lock):
        lock.release()


class Portalocker:
    """portalocker.Lock and its relatives, which are opened in `mode`"""

    def __init__(self, make):
        self.make = make

    def acquire(self, timeout):
        lock = self.make(timeout)
        # BoundedSemaphore prints what it tries.
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                held = lock.acquire()
            except (portalocker.LockException, portalocker.AlreadyLocked):
                return None
        return lock if held else None

    def release(self, lock):
        lock.release()


class TemporaryFileLock(Portalocker):
    """It removes the file after it has unlocked it. By then the file is that of the next holder, or gone."""

    def release(self, lock):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            lock.release()


def lock_in_mode(mode):
    return Portalocker(lambda timeout: portalocker.Lock(PATH, mode=mode, timeout=timeout, check_interval=0.01))


locks = {
    "FileLock": FileLock(filelock.FileLock),
    "SoftFileLock": FileLock(filelock.SoftFileLock),
    "Lock-a": lock_in_mode("a"),
    "Lock-w": lock_in_mode("w"),
    "RLock": Portalocker(lambda timeout: portalocker.RLock(PATH, timeout=timeout, check_interval=0.01)),
    "TemporaryFileLock": TemporaryFileLock(lambda timeout: portalocker.TemporaryFileLock(
        PATH, timeout=timeout, check_interval=0.01, fail_when_locked=False)),
    "BoundedSemaphore": Portalocker(lambda timeout: portalocker.BoundedSemaphore(
        1, name=NAME, directory=DIR, timeout=timeout, check_interval=0.01)),
}


def hold(lock):
    """Starts a process that acquires and holds until it is told to release. Returns its number and a pipe to it."""
    told, tell = os.pipe()
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(tell)
        held = lock.acquire(LONG)
        os.write(says, b"held" if held else b"none")
        if os.read(told, 1):
            lock.release(held)
        os._exit(0)
    os.close(told)
    os.close(says)
    print("holder:", os.read(hears, 4).decode())
    os.close(hears)
    return child, tell


def contend(lock, end_holder):
    child, tell = hold(lock)
    began = time.monotonic()
    print("contender in vain:", lock.acquire(SHORT) is not None, time.monotonic() - began >= SHORT)
    waiter = os.fork()
    if waiter == 0:
        os.setsid()
        held = lock.acquire(LONG)
        print("waiter:", held is not None, flush=True)
        if held:
            lock.release(held)
        os._exit(0)
    time.sleep(SHORT)
    waits = os.waitpid(waiter, os.WNOHANG)[0] == 0
    print("it waits:", waits)
    end_holder(child, tell)
    os.close(tell)
    os.waitpid(child, 0)
    if waits:
        os.waitpid(waiter, 0)


def main():
    sys.stdout.reconfigure(line_buffering=True)
    lock = locks[NAME]
    contend(lock, lambda child, tell: os.write(tell, b"x"))
    # The file of a killed SoftFileLock stays, on every filesystem.
    if NAME != "SoftFileLock":
        contend(lock, lambda child, tell: os.kill(child, signal.SIGKILL))
    held = lock.acquire(LONG)
    print("again:", held is not None)
    lock.release(held)


if __name__ == "__main__":
    main()
