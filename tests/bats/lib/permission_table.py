"""Makes the same calls on lockfs and on a tmpfs with the same modes and owners, as several users, and compares the results.

    permission_table.py dirs LOCKFS TMPFS    in directories of the first half of DIRS, below these two directories
    permission_table.py more LOCKFS TMPFS    in directories of the second half
    permission_table.py root LOCKFS TMPFS    in these two directories themselves
    permission_table.py view LOCKFS TMPFS    in views of lockfs
    permission_table.py ro LOCKFS TMPFS [WRITABLE]
                                             in the read-only mount LOCKFS, where directories are made through WRITABLE

Prints every difference that DIFFERENCES does not list and, with `dirs`, every row of that list that was not seen.
"""

import ctypes
import os
import stat
import subprocess
import sys
from contextlib import contextmanager

from calls import Inotify, outcome

GROUP = 61007
A, B, C, D = 61001, 61002, 61003, 61004

# uid, gid, supplementary groups. C is in GROUP by a supplementary group, behind as many others as the daemon has room for.
USERS = {
    "root": (0, 0, []),
    "A": (A, A, []),
    "B": (B, B, []),
    "C": (C, C, [GROUP]),
    "C+70": (C, C, list(range(62000, 62070)) + [GROUP]),
    "D:G": (D, GROUP, []),
}

# Directories: mode, uid, gid
DIRS = [
    (0o755, A, A), (0o775, A, GROUP), (0o1777, 0, 0), (0o700, A, A), (0o2775, A, GROUP), (0o555, A, A), (0o000, A, A),
    (0o311, A, A), (0o1775, A, GROUP), (0o707, A, GROUP), (0o070, A, GROUP), (0o666, A, A), (0o1733, B, B), (0o2755, A, B),
]

libc = ctypes.CDLL(None, use_errno=True)
AT_EACCESS = 0x200
TTL, DEFAULT_TTL = "user.lock.ttl", "user.lock.default_ttl"


@contextmanager
def acting(user, real=None):
    """Acts as a user of USERS; `real` is another one that the real ids are those of."""
    uid, gid, groups = USERS[user]
    real_uid, real_gid, _ = USERS[real or user]
    os.setgroups(groups)
    os.setresgid(real_gid, gid, 0)
    os.setresuid(real_uid, uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups([])


def user_of(uid):
    return next(name for name, (number, _, _) in USERS.items() if number == uid)


def create(path, flags=os.O_CREAT | os.O_EXCL | os.O_WRONLY, **named):
    os.close(os.open(path, flags, 0o666, **named))


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    else:
        os.unlink(path)


def remove_if_there(path):
    if os.path.lexists(path):
        remove(path)


class Place:
    """A directory under test, in one of the two filesystems."""

    def __init__(self, base, name, is_lockfs, user, spec):
        self.base, self.is_lockfs, self.user, self.spec = base, is_lockfs, user, spec
        self.dir = os.path.join(base, name) if name else base
        self.seen = self.dir  # what the calls are made on: the directory as it is seen through a view or another mount
        self.uid = USERS[user][0]
        self.another = A if self.uid != A else B
        # By another holder: name → uid. The session of this program holds the other locks.
        self.held_elsewhere = {"other": self.another, "own_elsewhere": self.uid}
        self.held_here = {"own": self.uid, "others_here": self.another}
        self.subdirs = {"sub_own": self.uid, "sub_other": self.another}

    def see(self, base):
        self.seen = os.path.join(base, os.path.relpath(self.dir, self.base))

    def path(self, name):
        return os.path.join(self.dir, name)

    def at(self, name):
        return os.path.join(self.seen, name)

    def through(self, options, name):
        """The path in a view of lockfs."""
        if not self.is_lockfs:
            return self.path(name)
        return os.path.join(self.base, ".with", options, os.path.relpath(self.path(name), self.base))

    def elsewhere(self, name):
        """The path as another holder sees it."""
        return self.through("id=elsewhere", name)

    def make(self):
        """Makes the directory and all in it."""
        if self.dir != self.base:
            os.mkdir(self.dir)
            self.make_names()
            if not self.is_lockfs:
                self.make_control_file()
            self.set_attributes()
        else:
            self.make_names()

    def make_names(self):
        """Makes what a call has removed, and removes what it has made."""
        names = set(os.listdir(self.dir))
        owners = {**self.held_elsewhere, **self.held_here, **self.subdirs}
        # A call may also have moved or changed a file.
        for name in names.intersection(owners):
            if os.lstat(self.path(name)).st_uid != owners[name] or os.path.isdir(self.path(name)) != (name in self.subdirs):
                remove(self.path(name))
                names.remove(name)
        for name in names.intersection(("new", "newdir")):
            remove(self.path(name))
        missing = set(owners).difference(names)
        if missing and self.dir != self.base:
            os.chmod(self.dir, 0o777)
        for name in missing:
            if name in self.subdirs:
                self.make_subdir(name, owners[name])
            else:
                self.make_lock(name, owners[name])
        if missing and self.dir != self.base:
            os.chmod(self.dir, self.spec[0])

    def set_attributes(self):
        mode, uid, gid = self.spec
        os.setxattr(self.dir, DEFAULT_TTL, b"300")
        os.chown(self.dir, uid, gid)
        os.chmod(self.dir, mode)

    def make_lock(self, name, uid):
        with acting(user_of(uid)):
            answer = outcome(create, self.elsewhere(name) if name in self.held_elsewhere else self.path(name))
        self.must_be_made(answer)
        if answer == "OK" and not self.is_lockfs:
            os.setxattr(self.path(name), TTL, b"300")

    def make_subdir(self, name, uid):
        with acting(user_of(uid)):
            self.must_be_made(outcome(os.mkdir, self.path(name), 0o755))

    def must_be_made(self, answer):
        """The root of a mount has the mode of its options, so not everybody can make something there."""
        if answer != "OK" and (self.dir != self.base or answer != "EACCES"):
            sys.exit("cannot prepare %s as %s: %s" % (self.dir, self.user, answer))

    def make_control_file(self):
        """A user who may list a directory may read its control files."""
        mode, uid, gid = self.spec
        create(self.path(".stats"))
        os.chown(self.path(".stats"), uid, gid)
        os.chmod(self.path(".stats"), mode & 0o444)

    def remove(self):
        for name in {**self.held_elsewhere, **self.held_here}:
            path = self.through("force", name)
            if os.path.lexists(path):
                os.unlink(path)
        for name in self.subdirs:
            if os.path.isdir(self.path(name)):
                os.rmdir(self.path(name))
        if self.dir != self.base:
            if not self.is_lockfs:
                os.unlink(self.path(".stats"))
            os.rmdir(self.dir)


# Calls: name → function of the place, called as its user

def access(path, mode, flags=0):
    # -100: AT_FDCWD
    if libc.faccessat(-100, os.fsencode(path), mode, flags) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def change_dir(place):
    os.chdir(place.seen)
    os.chdir("/")


def change_by_descriptor(place):
    descriptor = os.open(place.seen, os.O_PATH)
    try:
        os.fchdir(descriptor)
        os.chdir("/")
    finally:
        os.close(descriptor)


def in_closed_dir(call):
    """The call through a descriptor of the directory, after the right to use the directory was taken away."""
    def function(place):
        descriptor = os.open(place.seen, os.O_PATH)
        ids = os.getresuid(), os.getresgid()
        try:
            os.setresuid(-1, 0, -1)
            os.chmod(place.seen, 0)
            os.setresuid(*ids[0])
            call(descriptor)
        finally:
            os.setresuid(-1, 0, -1)
            os.chmod(place.seen, place.spec[0])
            os.setresuid(*ids[0])
            os.close(descriptor)
    return function


def change_mode(mode):
    """chmod of the directory, and what it made of S_ISGID."""
    def function(place):
        os.chmod(place.seen, mode)
        return oct(stat.S_IMODE(os.stat(place.seen).st_mode))
    return function


def change_owner(uid, gid):
    def function(place):
        os.chown(place.seen, uid, gid)
        status = os.stat(place.seen)
        return "%d:%d %o" % (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
    return function


def getxattr(path, name):
    os.getxattr(path, name)


def watch(path):
    inotify = Inotify()
    try:
        inotify.add(path)
    finally:
        inotify.close()


CALLS = {
    "create exclusively": lambda p: create(p.at("new")),
    "create over own": lambda p: create(p.at("own")),
    "create for reading": lambda p: create(p.at("new"), os.O_CREAT | os.O_RDONLY),
    "create to write": lambda p: create(p.at("new"), os.O_CREAT | os.O_WRONLY),
    "open missing": lambda p: create(p.at("missing"), os.O_RDONLY),
    "stat": lambda p: os.stat(p.at("own")) and None,
    "stat missing": lambda p: os.stat(p.at("missing")) and None,
    "stat in sub": lambda p: os.stat(p.at("sub_own/missing")) and None,
    "stat .": lambda p: os.stat(p.at(".")) and None,
    "stat ..": lambda p: os.stat(p.at("..")) and None,
    "chdir": change_dir,
    "fchdir": change_by_descriptor,
    "list": lambda p: os.listdir(p.seen) and None,
    "list sub": lambda p: os.listdir(p.at("sub_other")) and None,
    "mkdir": lambda p: os.mkdir(p.at("newdir")),
    "mkdir over own": lambda p: os.mkdir(p.at("own")),
    "rmdir own": lambda p: os.rmdir(p.at("sub_own")),
    "rmdir other": lambda p: os.rmdir(p.at("sub_other")),
    "rmdir missing": lambda p: os.rmdir(p.at("missing")),
    "rmdir of a file": lambda p: os.rmdir(p.at("own")),
    "unlink missing": lambda p: os.unlink(p.at("missing")),
    "unlink own": lambda p: os.unlink(p.at("own")),
    "unlink other": lambda p: os.unlink(p.at("other")),
    "unlink own_elsewhere": lambda p: os.unlink(p.at("own_elsewhere")),
    "unlink others_here": lambda p: os.unlink(p.at("others_here")),
    "unlink of a directory": lambda p: os.unlink(p.at("sub_own")),
    "rename own": lambda p: os.rename(p.at("own"), p.at("new")),
    "rename other": lambda p: os.rename(p.at("other"), p.at("new")),
    "rename over own": lambda p: os.rename(p.at("others_here"), p.at("own")),
    "rename over other": lambda p: os.rename(p.at("own"), p.at("other")),
    "rename missing": lambda p: os.rename(p.at("missing"), p.at("new")),
    "rename directory": lambda p: os.rename(p.at("sub_own"), p.at("newdir")),
    "link": lambda p: os.link(p.at("own"), p.at("new")),
    "link other": lambda p: os.link(p.at("other"), p.at("new")),
    "link over other": lambda p: os.link(p.at("own"), p.at("other")),
    "symlink": lambda p: os.symlink("target", p.at("new")),
    "symlink over own": lambda p: os.symlink("target", p.at("own")),
    "mknod fifo": lambda p: os.mknod(p.at("new"), stat.S_IFIFO | 0o600),
    "mknod file": lambda p: os.mknod(p.at("new"), stat.S_IFREG | 0o600),
    "mknod device": lambda p: os.mknod(p.at("new"), stat.S_IFCHR | 0o600, os.makedev(1, 3)),
    "truncate own": lambda p: os.truncate(p.at("own"), 0),
    "truncate other": lambda p: os.truncate(p.at("other"), 0),
    "touch own": lambda p: os.utime(p.at("own")),
    "touch other": lambda p: os.utime(p.at("other")),
    "touch others_here": lambda p: os.utime(p.at("others_here")),
    "set times of own": lambda p: os.utime(p.at("own"), (1, 1)),
    "set times of other": lambda p: os.utime(p.at("other"), (1, 1)),
    "chmod other": lambda p: os.chmod(p.at("other"), 0o600),
    "chown other": lambda p: os.chown(p.at("other"), p.uid, -1),
    "getxattr other": lambda p: getxattr(p.at("other"), TTL),
    "getxattr missing": lambda p: getxattr(p.at("own"), "user.missing"),
    "listxattr other": lambda p: os.listxattr(p.at("other")) and None,
    "watch other": lambda p: watch(p.at("other")),
    "setxattr own": lambda p: os.setxattr(p.at("own"), TTL, b"300"),
    "setxattr other": lambda p: os.setxattr(p.at("other"), TTL, b"300"),
    "setxattr others_here": lambda p: os.setxattr(p.at("others_here"), TTL, b"300"),
    "setxattr foreign other": lambda p: os.setxattr(p.at("other"), "user.foreign", b"1"),
    "setxattr trusted": lambda p: os.setxattr(p.at("missing"), "trusted.x", b"1"),
    "create exclusively by descriptor": in_closed_dir(lambda fd: create("new", dir_fd=fd)),
    "stat by descriptor": in_closed_dir(lambda fd: os.stat("own", dir_fd=fd) and None),
    "stat missing by descriptor": in_closed_dir(lambda fd: os.stat("missing", dir_fd=fd) and None),
    "unlink by descriptor": in_closed_dir(lambda fd: os.unlink("own", dir_fd=fd)),
    "mkdir by descriptor": in_closed_dir(lambda fd: os.mkdir("newdir", dir_fd=fd)),
    "list by descriptor": in_closed_dir(lambda fd: create(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)),
    "chmod 2775": change_mode(0o2775),
    "chmod 1700": change_mode(0o1700),
    "chown to self": lambda p: change_owner(p.uid, -1)(p),
    "chown to B": change_owner(B, -1),
    "chown to A": change_owner(A, -1),
    "chgrp to own group": lambda p: change_owner(-1, USERS[p.user][1])(p),
    "chgrp to GROUP": change_owner(-1, GROUP),
    "chgrp to another": change_owner(-1, 62999),
    "chown to nothing": change_owner(-1, -1),
    "touch directory": lambda p: os.utime(p.seen),
    "set times of directory": lambda p: os.utime(p.seen, (1, 1)),
    "watch directory": lambda p: watch(p.seen),
    "getxattr directory": lambda p: getxattr(p.seen, DEFAULT_TTL),
    "getxattr missing of directory": lambda p: getxattr(p.seen, "user.missing"),
    "listxattr directory": lambda p: os.listxattr(p.seen) and None,
    "setxattr directory": lambda p: os.setxattr(p.seen, DEFAULT_TTL, b"30"),
    "setxattr foreign of directory": lambda p: os.setxattr(p.seen, "user.foreign", b"1"),
    "removexattr directory": lambda p: os.removexattr(p.seen, DEFAULT_TTL),
    "force other": lambda p: os.unlink(p.through("force", "other")),
    "force own_elsewhere": lambda p: os.unlink(p.through("force", "own_elsewhere")),
    "force others_here": lambda p: os.unlink(p.through("force", "others_here")),
    "by id: unlink": lambda p: os.unlink(p.elsewhere("other")),
    "by id: unlink own_elsewhere": lambda p: os.unlink(p.elsewhere("own_elsewhere")),
    "by id: touch": lambda p: os.utime(p.elsewhere("other")),
    "by id: truncate": lambda p: os.truncate(p.elsewhere("other"), 0),
    "by id: open w": lambda p: create(p.elsewhere("other"), os.O_WRONLY),
    "by id: access W": lambda p: access(p.elsewhere("other"), os.W_OK),
    "by id: setxattr": lambda p: os.setxattr(p.elsewhere("other"), TTL, b"300"),
    "by id: unlink of another": lambda p: os.unlink(p.elsewhere("others_here")),
    "by id: access W another": lambda p: access(p.elsewhere("others_here"), os.W_OK),
    "open .stats r": lambda p: create(p.at(".stats"), os.O_RDONLY),
    "open .stats w": lambda p: create(p.at(".stats"), os.O_WRONLY),
    "unlink .stats": lambda p: os.unlink(p.at(".stats")),
}

OPEN_FLAGS = {
    "r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR,
    "creat r": os.O_RDONLY | os.O_CREAT, "creat rw": os.O_RDWR | os.O_CREAT,
    "trunc": os.O_WRONLY | os.O_TRUNC, "r trunc": os.O_RDONLY | os.O_TRUNC,
}

for _name in ("own", "other", "others_here"):
    for _flags in OPEN_FLAGS:
        CALLS["open %s %s" % (_name, _flags)] = (
            lambda p, name=_name, flags=OPEN_FLAGS[_flags]: create(p.at(name), flags))

MASKS = {"F": os.F_OK, "R": os.R_OK, "W": os.W_OK, "X": os.X_OK, "RWX": os.R_OK | os.W_OK | os.X_OK}

for _name, _mask in MASKS.items():
    for _target in (".", "own", "other", "sub_other", "missing"):
        CALLS["access %s %s" % (_name, _target)] = (
            lambda p, mask=_mask, target=_target: access(p.seen if target == "." else p.at(target), mask))
    CALLS["eaccess %s ." % _name] = lambda p, mask=_mask: access(p.seen, mask, AT_EACCESS)

# Calls that are also made by a process whose real user is another one
CALLS_OF_REAL_USER = ("access R .", "access RWX .", "access F own", "access W own", "access W other", "access X other", "eaccess RWX .")

# Calls that change attributes of the directory, and those that change names in it, by their beginnings
CHANGES_DIR = ("chmod", "chown to", "chgrp", "touch directory", "set times of directory", "setxattr directory",
               "setxattr foreign of directory", "removexattr directory")
CHANGES_NAMES = ("create exclusively", "create for reading", "create to write", "mkdir", "rmdir", "unlink", "rename", "link",
                 "symlink", "mknod", "force", "by id: unlink")

# Calls that are not the same on the root of a mount, whose mode and owner are options, and which has no own attributes
NOT_ON_ROOT = ("chmod", "chown to", "chgrp", "by descriptor", "xattr", ".stats", "directory")


class Difference:
    """What lockfs answers instead of a result on tmpfs. `calls`: the beginnings of the names of the calls, or whole names."""

    def __init__(self, reason, tmpfs, lockfs, calls):
        self.reason, self.tmpfs, self.lockfs, self.calls = reason, tmpfs, lockfs, calls
        self.seen = set()

    def explains(self, call, tmpfs, lockfs):
        if tmpfs != self.tmpfs or lockfs != self.lockfs:
            return False
        found = [each for each in self.calls if call == each or call.startswith(each + " ")]
        self.seen.update(found)
        return bool(found)


DIFFERENCES = [
    Difference("who presents a lock's id counts as its user", "EACCES", "OK",
               ["by id: touch", "by id: truncate", "by id: open w", "by id: access W", "by id: setxattr"]),
    Difference("who presents a lock's id counts as its user", "EPERM", "OK", ["by id: unlink"]),
    Difference("a lock is released by its holder only", "OK", "EPERM", ["unlink other", "unlink own_elsewhere", "by id: unlink of another"]),
    Difference("a lock is refreshed by its holder only", "OK", "EPERM", ["touch other", "set times of other", "setxattr other"]),
    Difference("a lock is written by its holder only", "OK", "EBUSY",
               ["truncate other"]),
    Difference("who may create in a directory may open the locks in it, to wait for them", "EACCES", "OK",
               ["open other", "open others_here"]),
    Difference("the mode of a lock is changed by its holder only", "OK", "EPERM", ["chmod other"]),
    Difference("the owner of a lock is its holder's user", "OK", "EPERM", ["chown other"]),
    Difference("directories cannot be moved", "OK", "EXDEV", ["rename directory"]),
    Difference("a lock is moved by its holder only", "OK", "EPERM", ["rename other"]),
    Difference("the lock of another holder or user is not replaced", "OK", "EBUSY", ["rename over other", "rename over own"]),
    Difference("a lock is linked by its holder only", "OK", "EPERM", ["link other"]),
    Difference("there are only locks and directories", "OK", "EPERM", ["mknod fifo", "mknod file", "mknod device"]),
    Difference("only the attributes of locks can be set", "OK", "ENOTSUP",
               ["setxattr foreign other", "setxattr foreign of directory"]),
    Difference("control files are neither written nor removed", "OK", "EPERM", ["open .stats w", "unlink .stats"]),
    # The kernel decides the following without asking the daemon.
    Difference("the kernel compares types before the daemon checks permissions", "EACCES", "EISDIR", ["unlink of a directory"]),
    Difference("the kernel compares types before the daemon checks permissions", "EACCES", "ENOTDIR", ["rmdir of a file"]),
    Difference("the kernel refuses devices before the daemon checks permissions", "EACCES", "EPERM", ["mknod device"]),
    Difference("the kernel watches a directory without asking", "EACCES", "OK", ["watch directory"]),
    Difference("the kernel finds `.` and `..` without asking", "EACCES", "OK", ["stat .", "stat .."]),
]

VIEW_DIFFERENCES = [
    Difference("in a view in which it would acquire, an open to write by one who may only wait is refused", "EACCES", "EBUSY",
               ["open others_here w", "open others_here trunc"]),
]

READ_ONLY_DIFFERENCES = [
    Difference("the kernel refuses to remove anything before it looks the name up", "EACCES", "EROFS", ["rmdir", "unlink", "rename"]),
    Difference("fs.protected_regular does not hold", "EACCES", "EROFS", ["open other creat rw", "open others_here creat rw"]),
]


class Comparison:
    def __init__(self, user, spec, differences):
        self.user, self.spec, self.differences = user, spec, differences
        self.problems = []
        self.count = 0

    def compare(self, places, call, real=None):
        results = []
        for place in places:
            with acting(self.user, real):
                results.append(str(outcome(CALLS[call], place)))
        self.count += 1
        lockfs, tmpfs = results
        if lockfs != tmpfs and not [each for each in self.differences if each.explains(call, tmpfs, lockfs)]:
            self.problems.append("%s as %s%s in %04o %d:%d: lockfs %s, tmpfs %s" % (
                call, self.user, " (real: %s)" % real if real else "", *self.spec, lockfs, tmpfs))
        return "OK" in results or results[0].startswith(("0o", "6"))


def restore(place, call):
    """Undoes what a call that succeeded has changed."""
    if call in ("chmod other", "chown other") and not place.is_lockfs:
        remove_if_there(place.path("other"))
        place.make_names()
    elif call == "unlink .stats" and not place.is_lockfs:
        place.make_control_file()
    elif call.startswith(CHANGES_DIR):
        place.set_attributes()
    elif call.startswith(CHANGES_NAMES) or call.endswith("by descriptor") or " creat " in call:
        place.make_names()


def compare_all(user, spec, places, calls, differences=DIFFERENCES, restored=True):
    comparison = Comparison(user, spec, differences)
    for call in calls:
        if comparison.compare(places, call) and restored:
            for place in places:
                restore(place, call)
    for real in USERS:
        if real != user:
            for call in (call for call in CALLS_OF_REAL_USER if call in calls):
                comparison.compare(places, call, real)
    return comparison


def compare_in(lockfs, tmpfs, name, user, spec, calls, view=None):
    places = [Place(lockfs, name, True, user, spec), Place(tmpfs, name, False, user, spec)]
    for place in places:
        place.make()
    if view:
        places[0].see(os.path.join(lockfs, ".with", view))
    comparison = compare_all(user, spec, places, calls, DIFFERENCES + (VIEW_DIFFERENCES if view else []))
    for place in places:
        place.remove()
    return comparison


HALF = len(DIRS) // 2


def matters(user, number, spec):
    """Root may do the same in all directories, many groups are found as few are, and some users matter only to the group."""
    limits = {"root": number < 3, "C+70": number == 1, "D:G": spec[2] == GROUP}
    return limits.get(user, True)


def compare_each(numbers, lockfs, tmpfs):
    for number in numbers:
        for user in USERS:
            if matters(user, number, DIRS[number]):
                yield compare_in(lockfs, tmpfs, "d%d%s" % (number, user), user, DIRS[number], CALLS)


def compare_dirs(lockfs, tmpfs):
    return compare_each(range(HALF), lockfs, tmpfs)


def compare_more_dirs(lockfs, tmpfs):
    return compare_each(range(HALF, len(DIRS)), lockfs, tmpfs)


def compare_roots(lockfs, tmpfs):
    status = os.stat(lockfs)
    spec = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    calls = [call for call in CALLS if not any(part in call for part in NOT_ON_ROOT)]
    for user in USERS:
        yield compare_in(lockfs, tmpfs, "", user, spec, calls)


# The second hides the locks of other holders. Each lookup of a directory makes another node there, and a right that was
# taken away through one lasts for 10 ms more through the others.
VIEWS = {"ttl=60": (), "wait=10s": ("other", "own_elsewhere", "descriptor")}


def compare_views(lockfs, tmpfs):
    for view, not_here in VIEWS.items():
        calls = [call for call in CALLS if not set(not_here).intersection(call.split())]
        for number, spec in enumerate(DIRS[:4]):
            for user in "root", "A", "B", "C":
                yield compare_in(lockfs, tmpfs, "v%d%s" % (number, user), user, spec, calls, view)


def compare_read_only(lockfs, tmpfs, writable=None):
    """Nothing is restored, as nothing can be changed."""
    pairs = []
    for number, spec in enumerate(DIRS[:6] if writable else []):
        for user in "root", "A", "B", "C":
            name = "ro%d%s" % (number, user)
            pairs.append([Place(writable, name, True, user, spec), Place(tmpfs, name, False, user, spec)])
    for place in sum(pairs, []):
        place.make()
    for places in pairs:
        places[0].see(lockfs)
    status = os.stat(lockfs)
    spec = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    pairs += [[Place(lockfs, "", True, user, spec), Place(tmpfs, "", False, user, spec)] for user in ("root", "A")]
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    for places in pairs:
        is_root = places[0].dir == lockfs
        # A call by descriptor takes a right away before; views are of the writable mount.
        not_here = ("by descriptor", "by id", "force", ".stats") + (NOT_ON_ROOT if is_root else ())
        calls = [call for call in CALLS if not any(part in call for part in not_here)]
        yield compare_all(places[0].user, places[0].spec, places, calls,
                          DIFFERENCES + READ_ONLY_DIFFERENCES, restored=False)
    subprocess.run(["mount", "-o", "remount,rw", tmpfs], check=True)


def main():
    os.umask(0o022)
    what = sys.argv[1]
    compare = {"dirs": compare_dirs, "more": compare_more_dirs, "root": compare_roots, "view": compare_views, "ro": compare_read_only}[what]
    comparisons = list(compare(*sys.argv[2:]))
    problems = [problem for each in comparisons for problem in each.problems]
    if what == "dirs":
        for each in DIFFERENCES:
            problems += ["never seen: %s, on tmpfs %s, on lockfs %s: %s" % (call, each.tmpfs, each.lockfs, each.reason)
                         for call in each.calls if call not in each.seen]
    print("%d calls compared" % sum(each.count for each in comparisons))
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
