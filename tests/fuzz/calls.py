"""Random system calls, valid and invalid, on the mount that is the current directory.

Every path is relative and without `..`, so nothing outside is touched even if the mount is
gone. A caller has one random number generator; its calls and their order depend only on that
and on the results.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import select
import signal
import stat
import struct

KEYS = ["a", "b", "c", "d"]
DIRS = ["", "", "", "one", "two", "one/deep"]
ODD_NAMES = ["n" * 255, "n" * 256, "n" * 300, " ", "\n", "-", "#", "a,b", "a=b", b"\xff\xfe", "\u00e4", ".with",
             ".events", ".events.json", ".stats", ".status", ".status.json", ".locks", ".locks.json",
             ".hidden", "x/y/z", "one", "two", "."]
GOOD_OPTIONS = ["ttl=1ms", "ttl=300ms", "ttl=2s", "ttl=never", "id=alice", "id=bob", "force", "hold", "wait=0",
                "wait=200ms", "wait=1s", "wait=forever", "interval=10ms", "interval=1s", "attempts=1", "attempts=5",
                "signal=USR1", "hold,signal=USR1", "hold,wait=300ms", "hold,ttl=300ms"]
BAD_VIEWS = ["", ",", "what", "ttl", "ttl=", "ttl=0", "ttl=-1", "ttl=1x", "ttl=1s,ttl=1s", "id=", "id=" + "x" * 129,
             "force=1", "wait=", "wait=never", "attempts=0", "interval=0", "signal=9999", "hold,signal=NONE",
             "v" * 256, b"id=\xff"]
OPEN_FLAGS = [os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND, os.O_NONBLOCK, os.O_SYNC, os.O_DSYNC, os.O_DIRECT,
              os.O_DIRECTORY, os.O_NOFOLLOW, os.O_NOATIME, os.O_PATH, os.O_NOCTTY, os.O_TMPFILE, os.O_ASYNC]
XATTRS = ["user.lock." + name for name in
          ("state", "owner", "ttl", "remaining", "acquired", "expires", "token", "key", "id", "handle", "host", "pid",
           "uid", "command", "waiters", "identity", "default_ttl", "what")] + \
         ["user.", "user.x", "user." + "n" * 250, "user." + "n" * 251, "security.capability", "security.selinux",
          "system.posix_acl_access", "trusted.x", "what", ""]
VALUES = [b"", b"1s", b"300ms", b"2s", b"never", b"0", b"-1", b"1s\0", b"\xff", b"forever", b"x" * 31, b"x" * 32,
          b"x" * 4096, b"x" * 65536, b"x" * 65537]
SIZES = [0, 1, 7, 100, 4095, 4096, 4097, 70000]
OFFSETS = [0, 0, 0, 1, 4095, 4096, 1 << 31, 1 << 40, (1 << 63) - 1, -1]
OPEN_MAX = 8

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
MAP_FAILED = ctypes.c_void_p(-1).value


class Interrupted(Exception):
    """By a signal: the system call is over, and not begun anew."""


def interrupt(*_):
    raise Interrupted


def encoded(path):
    return path if isinstance(path, bytes) else os.fsencode(path)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


class Caller:
    """One process that makes calls. `note(text)` is told what it is at, "" where at nothing."""

    def __init__(self, random, note):
        self.random = random
        self.note = note
        self.open = []
        self.at = ""  # the present call, with its paths
        self.mixed = [call for call, weight in CALLS for _ in range(weight)]

    # What calls are made of

    def flip(self, chance):
        return self.random.random() < chance

    def view(self):
        if self.flip(0.15):
            return self.random.choice(BAD_VIEWS)
        return ",".join(self.random.sample(GOOD_OPTIONS, self.random.choice((1, 1, 2, 3))))

    def name(self):
        return self.random.choice(ODD_NAMES) if self.flip(0.1) else self.random.choice(KEYS)

    def path(self):
        parts = [self.random.choice(DIRS), self.name()]
        if self.flip(0.4):
            parts[:0] = [".with", self.view()]
        path = b"/".join(encoded(part) for part in parts if part)
        self.at += " %r" % path
        self.note(self.at)
        return path

    def dir(self):
        parts = [self.random.choice(DIRS)]
        if self.flip(0.2):
            parts[:0] = [".with", self.view()] if self.flip(0.8) else [".with"]
        return b"/".join(encoded(part) for part in parts if part) or b"."

    def fd(self):
        """One that is open, now and then one that is not."""
        return self.random.choice(self.open) if self.open and not self.flip(0.01) else 1000

    def place(self):
        """A path or a descriptor."""
        return self.fd() if self.open and self.flip(0.4) else self.path() if self.flip(0.8) else self.dir()

    def keep(self, fd):
        self.open.append(fd)
        while len(self.open) > OPEN_MAX:
            os.close(self.open.pop(self.random.randrange(len(self.open))))

    def one(self, *choices):
        return self.random.choice(choices)

    # Calls

    def do_open(self):
        flags = self.random.choice((os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR, 3))
        for flag in self.random.sample(OPEN_FLAGS, self.random.choice((0, 1, 1, 2, 3, 6))):
            flags |= flag
        self.keep(os.open(self.path(), flags, self.random.randrange(0o10000)))

    def do_create(self):
        self.keep(os.open(self.path(), os.O_CREAT | os.O_WRONLY | self.one(0, os.O_EXCL, os.O_EXCL), 0o644))

    def do_open_for_flock(self):
        self.keep(os.open(self.path(), os.O_CREAT | self.one(os.O_RDONLY, os.O_WRONLY | os.O_TRUNC, os.O_RDWR), 0o644))

    def do_close(self):
        if self.open:
            os.close(self.open.pop(self.random.randrange(len(self.open))))

    def do_dup(self):
        self.keep(os.dup(self.fd()))

    def do_read(self):
        fd, size = self.fd(), self.random.choice(SIZES)
        if self.flip(0.5):
            os.pread(fd, size, self.random.choice(OFFSETS))
        else:
            os.read(fd, size)

    def do_write(self):
        fd, data = self.fd(), b"w" * self.random.choice(SIZES)
        if self.flip(0.5):
            os.pwrite(fd, data, self.random.choice(OFFSETS))
        else:
            os.write(fd, data)

    def do_truncate(self):
        os.truncate(self.place(), self.random.choice(OFFSETS + SIZES))

    def do_fallocate(self):
        checked(libc.fallocate(self.fd(), self.random.randrange(64), ctypes.c_long(self.random.choice(OFFSETS)),
                               ctypes.c_long(self.random.choice(SIZES))))

    def do_fsync(self):
        self.one(os.fsync, os.fdatasync)(self.fd())

    def do_unlink(self):
        os.unlink(self.path())

    def do_mkdir(self):
        os.mkdir(self.random.choice(DIRS[3:]) if self.flip(0.8) else self.path(), self.random.randrange(0o10000))

    def do_rmdir(self):
        os.rmdir(self.random.choice(DIRS[3:]) if self.flip(0.8) else self.path())

    def do_rename(self):
        checked(libc.renameat2(-100, self.path(), -100, self.path(), self.one(0, 0, 1, 2, 4, 8)))

    def do_link(self):
        os.link(self.path(), self.path())

    def do_symlink(self):
        os.symlink(self.name(), self.path())

    def do_readlink(self):
        os.readlink(self.path())

    def do_mknod(self):
        kind = self.one(stat.S_IFREG, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, 0)
        os.mknod(self.path(), kind | 0o644, os.makedev(1, 3))

    def do_setxattr(self):
        name = self.one("user.lock.ttl", "user.lock.default_ttl") if self.flip(0.5) else self.random.choice(XATTRS)
        os.setxattr(self.place(), name, self.random.choice(VALUES), self.one(0, 0, 0, 1, 2, 3))

    def do_getxattr(self):
        size = self.one(0, 1, 8, 4096, 65536)
        checked(libc.getxattr(self.path(), encoded(self.random.choice(XATTRS)), ctypes.create_string_buffer(size),
                              ctypes.c_size_t(size)))

    def do_fgetxattr(self):
        os.getxattr(self.fd(), self.random.choice(XATTRS))

    def do_listxattr(self):
        size = self.one(0, 1, 100, 65536)
        checked(libc.listxattr(self.path(), ctypes.create_string_buffer(size), ctypes.c_size_t(size)))

    def do_removexattr(self):
        os.removexattr(self.place(), self.random.choice(XATTRS))

    def do_utime(self):
        times = self.one(None, (0, 0), (-1, 1 << 40), (1, 1 << 62))
        os.utime(self.place(), ns=times) if times else os.utime(self.place())

    def do_chmod(self):
        os.chmod(self.place(), self.random.randrange(0o10000))

    def do_chown(self):
        os.chown(self.place(), self.one(-1, 0, 65534), self.one(-1, 0, 65534))

    def do_flock(self):
        kind = self.one(fcntl.LOCK_EX, fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN)
        fcntl.flock(self.fd(), kind | self.one(0, fcntl.LOCK_NB))

    def do_fcntl_lock(self):
        lock = struct.pack("hhqqi4x", self.one(fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK), self.one(0, 1, 2, 7),
                           self.one(0, 10, -1), self.one(0, 10), 0)
        fcntl.fcntl(self.fd(), self.one(fcntl.F_GETLK, fcntl.F_SETLK, fcntl.F_SETLKW, 36, 37, 38), lock)

    def do_poll(self):
        poll = select.poll()
        for fd in self.open:
            poll.register(fd, self.random.randrange(1 << 6))
        poll.poll(self.one(0, 0, 20, 100))

    def do_seek(self):
        os.lseek(self.fd(), self.random.choice(OFFSETS), self.random.randrange(6))

    def do_list(self):
        for entry in os.scandir(self.dir()):
            if self.flip(0.3):
                entry.stat(follow_symlinks=False)

    def do_open_dir(self):
        self.keep(os.open(self.dir(), os.O_RDONLY | os.O_DIRECTORY))

    def do_events(self):
        path = os.path.join(self.dir(), self.one(b".events", b".events.json"))
        self.keep(os.open(path, os.O_RDONLY | self.one(0, os.O_NONBLOCK)))

    def do_stats(self):
        with open(os.path.join(self.dir(), self.one(b".stats", b".status", b".status.json", b".locks", b".locks.json")), "rb") as file:
            file.read(self.random.choice(SIZES))

    def do_ioctl(self):
        fcntl.ioctl(self.fd(), self.one(0x541B, 0x5421, 0x80086601, 0x40086602, 0xC0045878, self.random.randrange(1 << 32)),
                    bytes(64))

    def do_mmap(self):
        area = libc.mmap(None, ctypes.c_size_t(4096), self.one(mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE),
                         self.one(mmap.MAP_PRIVATE, mmap.MAP_SHARED), self.fd(), ctypes.c_long(0))
        if area != MAP_FAILED:
            libc.munmap(ctypes.c_void_p(area), ctypes.c_size_t(4096))

    def do_statfs(self):
        os.statvfs(self.place())

    def do_stat(self):
        self.one(os.stat, os.lstat)(self.path())

    def do_fstat(self):
        os.fstat(self.fd())

    def do_access(self):
        os.access(self.path(), self.random.randrange(8))

    def do_copy(self):
        os.copy_file_range(self.fd(), self.fd(), self.random.choice(SIZES))

    def do_watch(self):
        fd = checked(libc.inotify_init1(os.O_NONBLOCK))
        try:
            checked(libc.inotify_add_watch(fd, self.path(), 0xFFF))
        finally:
            self.keep(fd)

    def step(self):
        """One call, which a signal ends if nothing else does."""
        call = self.random.choice(self.mixed)
        seconds = self.one(0.02, 0.1, 0.6)
        self.at = call.__name__
        self.note(self.at)
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
            call(self)
        except (OSError, Interrupted, ValueError, OverflowError):
            pass  # any answer is one
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.note("")


# Each with how often it is made: what takes and gives back locks most.
CALLS = [(getattr(Caller, name), weight) for name, weight in {
    "do_open": 6, "do_create": 10, "do_open_for_flock": 6, "do_close": 12, "do_dup": 2, "do_read": 4, "do_write": 4,
    "do_truncate": 3, "do_fallocate": 1, "do_fsync": 1, "do_unlink": 10, "do_mkdir": 3, "do_rmdir": 2, "do_rename": 2,
    "do_link": 1, "do_symlink": 1, "do_readlink": 1, "do_mknod": 2, "do_setxattr": 4, "do_getxattr": 3,
    "do_fgetxattr": 3, "do_listxattr": 2, "do_removexattr": 1, "do_utime": 4, "do_chmod": 1, "do_chown": 1,
    "do_flock": 10, "do_fcntl_lock": 2, "do_poll": 2, "do_seek": 1, "do_list": 3, "do_open_dir": 1, "do_events": 2,
    "do_stats": 1, "do_ioctl": 1, "do_mmap": 1, "do_statfs": 1, "do_stat": 3, "do_fstat": 2, "do_access": 1,
    "do_copy": 1, "do_watch": 1,
}.items()]
