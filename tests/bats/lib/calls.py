"""System calls for the tests, with their exact errno.

From a shell:   calls.py CALL ARGUMENT...     prints the result, `OK`, or the name of the errno
From Python:    from calls import *           in a script given to `py` (helper.bash)
"""

import errno
import fcntl
import os
import select
import signal
import stat
import sys
import threading
import time

# ENOTSUP and EOPNOTSUPP are one number, as are EDEADLK and EDEADLOCK; Python's table may have either name.
ERRNO_NAMES = {**errno.errorcode, errno.ENOTSUP: "ENOTSUP", errno.EDEADLK: "EDEADLK"}

KINDS = {"fifo": stat.S_IFIFO, "char": stat.S_IFCHR, "block": stat.S_IFBLK, "socket": stat.S_IFSOCK}


def flags_of(text):
    """`CREAT,EXCL,WRONLY` as open(2) wants it."""
    flags = 0
    for name in text.split(","):
        flags |= getattr(os, "O_" + name)
    return flags


def outcome(function, *arguments, **named):
    """The result of the call, OK if it returned None, or the name of its errno."""
    try:
        result = function(*arguments, **named)
    except OSError as error:
        return ERRNO_NAMES[error.errno]
    return "OK" if result is None else result


def when_forgotten(function, *arguments):
    """The result of the call, repeated while the user has too many names: on a busy machine the kernel forgets them late."""
    while True:
        try:
            return function(*arguments)
        except OSError as error:
            if error.errno != errno.ENFILE:
                raise
        time.sleep(0.01)


def with_file(path, flags, function):
    """The result of function(descriptor) on the opened path, which is closed afterwards."""
    descriptor = os.open(path, flags)
    try:
        return function(descriptor)
    finally:
        os.close(descriptor)


def do_open(path, flags, mode="666"):
    os.close(os.open(path, flags_of(flags), int(mode, 8)))


def do_read(path):
    return with_file(path, os.O_RDONLY, lambda fd: os.read(fd, 65536)).decode("latin-1")


def do_write(path, text, offset="0"):
    return with_file(path, os.O_WRONLY, lambda fd: os.pwrite(fd, os.fsencode(text), int(offset)))


def do_fill(path, size, offset="0"):
    """Writes that many bytes with one write(2)."""
    return with_file(path, os.O_WRONLY, lambda fd: os.pwrite(fd, b"x" * int(size), int(offset)))


def do_append(path, size):
    return with_file(path, os.O_WRONLY | os.O_APPEND, lambda fd: os.write(fd, b"x" * int(size)))


def do_stat(path):
    os.stat(path)


def do_utime(path, seconds=None):
    os.utime(path, None if seconds is None else (float(seconds), float(seconds)))


def do_getxattr(path, name):
    return os.fsdecode(os.getxattr(path, name))


def do_setxattr(path, name, value, flag="0"):
    os.setxattr(path, name, os.fsencode(value), getattr(os, "XATTR_" + flag, 0))


def do_listxattr(path):
    return " ".join(sorted(os.listxattr(path)))


def do_list(path):
    return " ".join(sorted(os.listdir(path)))


def do_flock(path, operation):
    with_file(path, os.O_RDONLY, lambda fd: fcntl.flock(fd, getattr(fcntl, "LOCK_" + operation) | fcntl.LOCK_NB))


def do_lockf(path):
    with_file(path, os.O_RDWR, lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))


def snapshot(path):
    """All attributes and the content of a lock, except the remaining lease, as one line."""
    status = os.lstat(path)
    parts = [oct(status.st_mode), status.st_size, status.st_ino, status.st_uid, status.st_gid,
             status.st_mtime_ns, status.st_ctime_ns]
    for name in sorted(os.listxattr(path)):
        if name != "user.lock.remaining":
            parts.append("%s=%s" % (name, os.fsdecode(os.getxattr(path, name))))
    if stat.S_ISREG(status.st_mode):
        parts.append(do_read(path))
    return " ".join(map(str, parts))


def attribute(path, name):
    """user.lock.NAME of a path or descriptor, as text."""
    return os.fsdecode(os.getxattr(path, "user.lock." + name))


def is_late(answer, error):
    """Is this the errno of a call whose short lease was over when the server's reply arrived? Never with the memory backend."""
    return answer == error and os.environ["LOCKFS_TEST_SOURCE"] != "memory:"


def take_brief(path):
    """Takes a lock with a short lease. False if the lease was over when the reply arrived, as that is no acquisition."""
    answer = outcome(do_open, path, "CREAT,EXCL,WRONLY")
    if is_late(answer, "ETIMEDOUT"):
        return False
    check(path, answer, "OK")
    return True


def boottime():
    """Seconds of CLOCK_BOOTTIME, which leases are measured with."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def waits_in_read(pid, name):
    """Does this process wait in read(2) on a file of this name?"""
    try:
        number, descriptor = open("/proc/%d/syscall" % pid).read().split()[:2]
        link = os.readlink("/proc/%d/fd/%d" % (pid, int(descriptor, 16)))
    except (OSError, ValueError):
        return False
    # A later lookup of the name may have made the kernel drop the path of the open file.
    return number == "0" and os.path.basename(link).removesuffix(" (deleted)") == name


def in_child(function, session=False):
    """Runs function() in a child, and returns its result as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if session:
                os.setsid()
            answer = str(outcome(function))
        except BaseException as error:  # a child never goes on with its parent's script
            answer = repr(error)
        os.write(writer, os.fsencode(answer))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = os.fsdecode(stream.read())
    os.waitpid(pid, 0)
    return answer


def check(what, got, want):
    if got != want:
        sys.exit("%s: %r, expected %r" % (what, got, want))


def as_nobody(function):
    """Calls function() in a child as the user nobody; fails if the child fails."""
    child = os.fork()
    if child == 0:
        os.setgid(65534)
        os.setuid(65534)
        function()
        os._exit(0)
    check("nobody", os.waitpid(child, 0)[1], 0)


def look_up_together(name, dirs):
    """Looks up a name in all these open directories at the same time; returns the results, and how many seconds they took."""
    answers = []
    threads = [threading.Thread(target=lambda fd: answers.append(outcome(os.stat, name, dir_fd=fd)), args=(fd,)) for fd in dirs]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, time.monotonic() - began


class Inotify:
    """inotify(7), which Python's library does not have."""

    WORDS = {0x4: "ATTRIB", 0x20: "OPEN", 0x200: "DELETE", 0x400: "DELETE_SELF", 0x8000: "IGNORED"}

    def __init__(self):
        import ctypes
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def add(self, path, mask=0x400):
        import ctypes
        if self.libc.inotify_add_watch(self.fd, os.fsencode(path), mask) < 0:
            raise OSError(ctypes.get_errno(), path)

    def wait(self, ms):
        """The names of events until none arrives for `ms`, or for 20 ms once a watch has ended."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        words = []
        while poll.poll(ms):
            data = os.read(self.fd, 65536)
            while data:
                mask = int.from_bytes(data[4:8], sys.byteorder)
                words += [word for bit, word in self.WORDS.items() if mask & bit]
                data = data[16 + int.from_bytes(data[12:16], sys.byteorder):]
            if "IGNORED" in words:
                ms = 20
        return words

    def close(self):
        os.close(self.fd)


def do_timed(name, *arguments):
    """The result of a call, and how many ms it took."""
    began = time.monotonic()
    answer = outcome(CALLS[name], *arguments)
    return "%s %d" % (answer, (time.monotonic() - began) * 1000)


CALLS = {
    "timed": do_timed,
    "open": do_open,
    "read": do_read,
    "write": do_write,
    "fill": do_fill,
    "append": do_append,
    "unlink": os.unlink,
    "mkdir": lambda path, mode="777": os.mkdir(path, int(mode, 8)),
    "rmdir": os.rmdir,
    "rename": os.rename,
    "link": os.link,
    "symlink": os.symlink,
    "readlink": os.readlink,
    "mknod": lambda path, kind: os.mknod(path, KINDS[kind] | 0o600, os.makedev(1, 3)),
    "chmod": lambda path, mode: os.chmod(path, int(mode, 8)),
    "chown": lambda path, uid, gid: os.chown(path, int(uid), int(gid)),
    "utime": do_utime,
    "truncate": lambda path, size: os.truncate(path, int(size)),
    "stat": do_stat,
    "getxattr": do_getxattr,
    "setxattr": do_setxattr,
    "removexattr": os.removexattr,
    "listxattr": do_listxattr,
    "list": do_list,
    "flock": do_flock,
    "lockf": do_lockf,
    "snapshot": snapshot,
}

if __name__ == "__main__":
    os.umask(0o022)
    print(outcome(CALLS[sys.argv[1]], *sys.argv[2:]))
