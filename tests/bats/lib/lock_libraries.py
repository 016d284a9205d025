"""Locks a file by python3-fasteners or python3-oslo.concurrency, prints `held`, and keeps it until standard input ends.

    lock_libraries.py fasteners|fasteners-rw|oslo PATH exclusive|shared 'at once'|briefly|long

The exit status is 75 if another process has the lock.
"""
import os
import sys

LIBRARY, PATH, MODE, WAIT = sys.argv[1:]
OPTIONS = {"at once": {"blocking": False}, "briefly": {"timeout": 0.3}, "long": {}}[WAIT]


def keep():
    print("held", flush=True)
    sys.stdin.readline()


def keep_if(acquired, release):
    if not acquired:
        sys.exit(75)
    keep()
    release()


def fasteners_lock():
    import fasteners
    lock = fasteners.InterProcessLock(PATH)
    keep_if(lock.acquire(**OPTIONS), lock.release)


def fasteners_reader_writer_lock():
    import fasteners
    lock = fasteners.InterProcessReaderWriterLock(PATH)
    if MODE == "shared":
        keep_if(lock.acquire_read_lock(**OPTIONS), lock.release_read_lock)
    else:
        keep_if(lock.acquire_write_lock(**OPTIONS), lock.release_write_lock)


def oslo_lock():
    from oslo_concurrency import lockutils
    directory, name = os.path.split(PATH)
    try:
        with lockutils.lock(name, external=True, lock_path=directory, do_log=False, **OPTIONS):
            keep()
    except lockutils.AcquireLockFailedException:
        sys.exit(75)


{"fasteners": fasteners_lock, "fasteners-rw": fasteners_reader_writer_lock, "oslo": oslo_lock}[LIBRARY]()
