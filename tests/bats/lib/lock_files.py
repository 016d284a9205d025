"""Holds a lock of python3-lockfile or python3-zc.lockfile, unmodified, until a line comes on standard input.

    lock_files.py CLASS PATH [SECONDS]    SECONDS: how long it tries; a tenth of it passes between two attempts; 0: once

It prints `held`, with what the library says about its lock, and releases at the end. If the library refuses, it prints the
exception's name and ends with status 75; any other exception is shown as Python does, with status 1.
"""
import sys

CLASS, PATH = sys.argv[1:3]
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 0


def python_lockfile():
    import importlib
    import lockfile
    lock = getattr(importlib.import_module("lockfile." + CLASS.lower()), CLASS)(PATH)
    try:
        lock.acquire(timeout=SECONDS)
    except (lockfile.AlreadyLocked, lockfile.LockTimeout) as refusal:
        sys.exit(refused(refusal))
    assert lock.is_locked() and lock.i_am_locking()
    return lock.release


def zc_lockfile():
    import logging
    import zc.lockfile
    logging.disable()
    try:
        lock = zc.lockfile.LockFile(PATH, content_template="{pid};{hostname}")
    except zc.lockfile.LockError as refusal:
        sys.exit(refused(refusal))
    return lock.close


def refused(refusal):
    print(type(refusal).__name__, flush=True)
    return 75


release = zc_lockfile() if CLASS == "zc" else python_lockfile()
print("held", flush=True)
sys.stdin.readline()
release()
