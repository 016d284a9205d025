"""A process that acquires, uses and releases locks, and writes its history.

worker.py NAME MOUNT_NAME MOUNT KEYS SEED DIR CONTROL SETUP

It works while the file CONTROL contains a number, which is the round, and writes its
history to DIR/ROUND/NAME.jsonl. It rests while CONTROL contains `pause ROUND`, and ends
with `end`. SEED alone decides what it does; the machine decides when.

For a while CONTROL.MOUNT_NAME may name a mode, that is a kind of turns:

  rush   tight loops that create plain paths, as under a mount that is just being replaced
  ids    presents an id to acquire and release, again and again
  join   presents an id to use what workers of other mounts acquired with it
  force  takes by force in every other turn
"""

import ctypes
import errno
import fcntl
import os
import random
import select
import signal
import struct
import sys
import time

from history import Writer, boot_ns, outcome, set_limit
from setups import SETUPS
from stage import LIMIT, POOL

SIGNAL = signal.SIGUSR1
AWAY = ("ENOTCONN", "EHOSTDOWN", "ETIMEDOUT", "ECONNABORTED")

# Longer leases show whether an acquisition whose answer was lost is undone, and does not just expire.
LEASE_MAX_SHORT = 4000

# Ids that workers of all mounts present, and the keys that are acquired with an id only. Workers
# contend for a few of these; there are more of them, so that one of them is free most of the time.
IDS = ("blue", "green")
ID_KEYS = tuple("id-%d" % number for number in range(30))
FEW = 3
ID_LEASES = (1000, 2000, 4000, 4000)

# Of locks in a directory with a limit: short, so that what a killed process leaves does not fill it for long.
POOL_LEASES = (500, 1000, 2000)

RUSH = 0.3  # seconds


def mount_id(fd):
    """Of the mount that a file lies on. The kernel answers that without asking the daemon."""
    with open("/proc/self/fdinfo/%d" % fd, encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("mnt_id:"))


# How likely an acquisition is shared, and how likely the holder of a locked file converts it at each turn.
SHARED = 0.35
CONVERTS = 0.1

# Ways to lock an open file, and if they wait. `posix` locks belong to the process, `ofd` ones to the open file.
FLOCK = {"flock": True, "flocknb": False}
FCNTL = {"posix": True, "posixnb": False, "ofd": True, "ofdnb": False}
LOCKING = {**FLOCK, **FCNTL}
FLOCK_MODES = {"exclusive": fcntl.LOCK_EX, "shared": fcntl.LOCK_SH}
FCNTL_MODES = {"exclusive": fcntl.F_WRLCK, "shared": fcntl.F_RDLCK}
F_OFD_SETLK, F_OFD_SETLKW = 37, 38


def fcntl_lock(fd, how, kind, waits):
    """F_SETLK of the whole file, or what goes with it."""
    plain, waiting = (fcntl.F_SETLK, fcntl.F_SETLKW) if how.startswith("posix") else (F_OFD_SETLK, F_OFD_SETLKW)
    fcntl.fcntl(fd, waiting if waits else plain, struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0))


class Interrupted(Exception):
    pass


def interrupt(_number, _frame):
    raise Interrupted


class Handle:
    """An open file of an acquisition."""

    def __init__(self, name, key, fd, ttl, bound, signalled):
        self.name, self.key, self.fd, self.ttl = name, key, fd, ttl
        self.bound, self.signalled = bound, signalled
        self.how, self.mode = None, "exclusive"
        self.locked = False  # by flock(2) or fcntl(2)
        self.writable = True
        self.lost = False
        self.unsure = False  # whether it still has the lock


class Worker:
    def __init__(self, name, mount_name, mount, keys, seed, directory, control, setup):
        self.setup = SETUPS[setup]
        self.name, self.mount_name, self.mount = name, mount_name, mount
        self.keys = keys.split(",")
        self.own_key = "own-" + name.split(".")[0]
        self.rush_key = "rush-" + name.split(".")[0]
        parent = os.open(os.path.dirname(mount), os.O_PATH | os.O_CLOEXEC)
        self.plain_mount = mount_id(parent)
        os.close(parent)
        self.random = random.Random(seed)
        self.directory, self.control = directory, control
        self.round = None
        self.writer = None
        self.count = 0

    # Recording

    def enter(self, turn):
        if turn == self.round:
            return
        if self.writer:
            self.writer.close()
        self.round = turn
        self.writer = Writer("%s/%s/%s.jsonl" % (self.directory, turn, self.name))
        self.writer.write(e="begin", p=self.name, pid=os.getpid(), m=self.mount_name, t=boot_ns())

    def do(self, operation, function, *arguments, found=None, **fields):
        """One operation, written down: its result and value. `found` makes more fields from the value."""
        self.count += 1
        number = self.count
        self.writer.write(e="inv", p=self.name, n=number, op=operation, **fields, t=boot_ns())
        result, value = outcome(function, *arguments)
        at = boot_ns()
        more = found(value) if found and result == "OK" else {}
        self.writer.write(e="ret", p=self.name, n=number, t=at, r=result, **more)
        return result, value

    # Acquiring

    def lease(self):
        weights, leases = zip(*self.setup.leases)
        return self.random.choices(leases, weights)[0]

    def any_key(self):
        return self.random.choice(self.keys)

    def path(self, key, *options):
        return "/".join([self.mount] + ([".with", ",".join(options)] if options else []) + [key])

    def is_plain(self, fd):
        """Is this file none of lockfs, but a plain one beneath the mount?"""
        return mount_id(fd) == self.plain_mount

    def acquire(self, how, key, ttl=None, mode="exclusive"):
        """A handle, or None where the answer was no."""
        ttl = ttl or self.lease()
        wait = 0
        options = ["ttl=%dms" % ttl] if ttl != self.setup.lease_ms else []
        if mode == "shared" and how not in LOCKING:
            options.append("shared")
        flags = os.O_CREAT | os.O_RDWR | os.O_EXCL
        bound = how == "hold" or how in LOCKING
        signalled = bound and self.random.random() < 0.7
        if how in ("wait", "hold"):
            wait = self.random.choice(self.setup.waits)
            options.append("wait=%dms" % wait)
        if how == "attempts":
            options += ["attempts=3", "interval=200ms"]
            wait = 600
        if how == "hold":
            options.append("hold")
        if signalled:
            options.append("signal=USR1")
        if how == "plain":
            # In this view, creation acquires without O_EXCL, too, and does not wait.
            options.append("attempts=1")
            flags = os.O_CREAT | os.O_RDWR | os.O_TRUNC
        if how in FLOCK:
            flags = os.O_CREAT | self.random.choice((os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_TRUNC))
        if how in FCNTL:
            flags = os.O_CREAT | os.O_RDWR
        if LOCKING.get(how):
            wait = self.random.choice(self.setup.waits)
        self.forget_signals()
        name = "%s#%d" % (self.name, self.count + 1)
        # A view in which no call can wait has no place in the order of waiters.
        queued = wait if how in ("wait", "hold") or how in LOCKING else 0
        result, fd = self.do("acquire", self.open_and_lock, self.path(key, *options), flags, how, mode, wait,
                             key=key, h=name, how=how, mode=mode, ttl=ttl, wait=wait, queued=queued,
                             excl=bool(flags & os.O_EXCL), bound=bound, signal=signalled,
                             found=lambda fd: {"plain": True} if self.is_plain(fd) else {})
        if result != "OK":
            return self.step_back(result)
        handle = Handle(name, key, fd, ttl, bound, signalled)
        handle.how, handle.mode, handle.locked = how, mode, how in LOCKING
        handle.writable = flags & os.O_ACCMODE != os.O_RDONLY
        self.read_token(handle)
        return handle

    def open_and_lock(self, path, flags, how, mode, wait):
        fd = os.open(path, flags, 0o644)
        if how not in LOCKING:
            return fd
        try:
            self.lock(fd, how, mode, wait)
            return fd
        except OSError:
            os.close(fd)
            raise

    @staticmethod
    def lock(fd, how, mode, wait):
        """Locks or converts an open file, for as long as it may take (ms; 0: does not wait)."""
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, wait / 1000)
                if how in FLOCK:
                    fcntl.flock(fd, FLOCK_MODES[mode] | (0 if wait else fcntl.LOCK_NB))
                else:
                    fcntl_lock(fd, how, FCNTL_MODES[mode], wait > 0)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupted:
            raise InterruptedError(errno.EINTR, "interrupted") from None

    def convert(self, handle):
        mode = "exclusive" if handle.mode == "shared" else "shared"
        # To share a lock takes no wait.
        wait = self.random.choice((0, 300, 1000)) if mode == "exclusive" else 0
        # flock(2) lets go of a shared lock before it waits for an exclusive one. fcntl(2) does not.
        keeps = not wait or handle.how in FCNTL
        result, _ = self.do("convert", self.lock, handle.fd, handle.how, mode, wait, key=handle.key, h=handle.name,
                            how=handle.how, mode=mode, ttl=handle.ttl, wait=wait, queued=0, bound=True, keeps=keeps)
        if result == "OK":
            handle.mode = mode
            self.read_token(handle)
        elif not keeps or result not in ("EAGAIN", "EDEADLK", "EINTR"):
            handle.unsure = True
        return result

    def read_token(self, handle):
        self.do("token", os.getxattr, handle.fd, "user.lock.token", h=handle.name,
                found=lambda value: {"token": int(value)})

    def step_back(self, result):
        if result in AWAY:
            time.sleep(0.05)
        return None

    # Holding

    @staticmethod
    def forget_signals():
        while SIGNAL in signal.sigpending():
            signal.sigwait([SIGNAL])

    def write(self, handle):
        text = "%s %d" % (handle.name, self.count)
        result, _ = self.do("write", os.pwrite, handle.fd, text.ljust(40).encode(), 0, h=handle.name, text=text)
        return result

    def read(self, handle):
        result, _ = self.do("read", os.pread, handle.fd, 40, 0, h=handle.name,
                            found=lambda value: {"text": value.decode("latin-1").strip()})
        return result

    def state(self, handle):
        result, value = self.do("state", os.getxattr, handle.fd, "user.lock.state", h=handle.name,
                                found=lambda value: {"state": value.decode()})
        return "EXPIRED" if result == "OK" and value == b"EXPIRED" else result

    def poll(self, handle):
        poll = select.poll()
        poll.register(handle.fd, 0)
        _, value = self.do("poll", poll.poll, 0, h=handle.name, found=lambda value: {"told": bool(value)})
        return "HUP" if value else "OK"

    def signalled(self, handle):
        _, value = self.do("signal", signal.sigpending, h=handle.name,
                           found=lambda value: {"told": SIGNAL in value})
        return "SIGNAL" if value and SIGNAL in value else "OK"

    def refresh(self, handle):
        how = self.random.random()
        if how < 0.4 and handle.mode == "exclusive":
            path = self.path(handle.key)
            result, _ = self.do("refresh", os.utime, path, key=handle.key, h=handle.name, ttl=0)
        elif how < 0.7:
            result, _ = self.do("refresh", os.utime, handle.fd, key=handle.key, h=handle.name, ttl=0)
        else:
            ttl = self.setup.lease_ms // self.random.choice((4, 2, 1))
            result, _ = self.do("refresh", os.setxattr, handle.fd, "user.lock.ttl", b"%dms" % ttl,
                                key=handle.key, h=handle.name, ttl=ttl)
        return result

    def use_once(self, handle):
        """One thing that a holder does; whether it still has the lock, for all that it was told."""
        actions = [self.state, self.poll, self.poll]
        if handle.mode == "shared":
            actions += [self.state] * 3 + [self.read]
            actions += [self.write] if handle.writable else []
        elif handle.writable:
            actions += [self.write] * 5 + [self.read]
        if handle.signalled:
            actions += [self.signalled] * 2
        if not handle.bound and self.random.random() < 0.15:
            actions = [self.refresh]
        # Locking again what was lost would acquire it.
        if handle.locked and not handle.lost and self.random.random() < CONVERTS:
            actions = [self.convert]
        result = self.random.choice(actions)(handle)
        handle.lost = handle.lost or result in ("ESTALE", "EXPIRED", "HUP", "SIGNAL", "ENOENT", "ENOTCONN")
        return not handle.lost and not handle.unsure

    def hold_time(self, handle):
        if self.random.random() < self.setup.holds:
            return self.random.uniform(1, 7)
        chance = self.random.random()
        if chance < 0.7:
            return self.random.uniform(0, 0.05)
        if chance < 0.86:
            return self.random.uniform(0.1, 0.6)
        if chance < 0.94:
            return self.random.uniform(0.5, 2.5)
        # Longer than the lease, so that an unbound holding expires.
        return min(handle.ttl / 1000 * 1.3, 3)

    def use(self, handle):
        end = time.monotonic() + self.hold_time(handle)
        if not handle.bound and self.random.random() < 0.1:
            # Does nothing until its lease is over, and releases too late.
            time.sleep(min(handle.ttl / 1000 * self.random.uniform(0.9, 1.3), 3))
            end = 0
        while self.use_once(handle) and time.monotonic() < end:
            time.sleep(self.random.choice((0, 0.002, 0.01, 0.05, 0.1)))
        # A lost holding stays lost.
        for _ in range(self.random.choice((0, 1, 3)) if handle.lost else 0):
            self.use_once(handle)
            time.sleep(self.random.choice((0, 0.02, 0.1)))

    # Giving back

    def close(self, handle):
        name = "release" if handle.bound else "close"
        self.do(name, os.close, handle.fd, key=handle.key, h=handle.name, how="close")

    def unlink(self, handle):
        for _ in range(5):
            result, _ = self.do("release", os.unlink, self.path(handle.key), key=handle.key, h=handle.name, how="unlink")
            if result not in AWAY:
                return
            time.sleep(0.2)

    def give_back(self, handle):
        if not handle.bound:
            # Of several shared holdings of a process, a release by path ends the oldest, so it should have one only.
            if handle.ttl > LEASE_MAX_SHORT or handle.mode == "shared" or self.random.random() < 0.9:
                self.unlink(handle)
        elif handle.unsure:
            pass  # it is closed
        elif not handle.locked:
            if self.random.random() < 0.3:
                self.unlink(handle)
        elif self.random.random() < 0.4:
            self.do("release", self.unlock, handle, key=handle.key, h=handle.name, how="unlock")
        self.close(handle)

    @staticmethod
    def unlock(handle):
        if handle.how in FLOCK:
            fcntl.flock(handle.fd, fcntl.LOCK_UN)
        else:
            fcntl_lock(handle.fd, handle.how, fcntl.F_UNLCK, False)

    # Turns

    def turn_lock(self, how, key=None, ttl=None):
        shares = key is None and how != "plain" and self.random.random() < SHARED
        handle = self.acquire(how, key or self.any_key(), ttl, "shared" if shares else "exclusive")
        if not handle:
            return
        if how == "excl" and not shares and handle.ttl <= 2000 and self.random.random() < 0.2:
            result, _ = self.do("bind", fcntl.flock, handle.fd, fcntl.LOCK_EX | fcntl.LOCK_NB, key=handle.key,
                                h=handle.name)
            handle.bound = result == "OK"
            if result != "OK":
                # It may be bound, so it is closed, which ends a bound holding.
                handle.bound = True
                self.close(handle)
                return
        self.use(handle)
        self.give_back(handle)

    def turn_pool(self):
        """Acquires one of the few locks that a directory has room for, by a name that nobody else uses."""
        how = self.random.choice(("excl", "wait", "wait", "hold", "flock", "flocknb"))
        handle = self.acquire(how, "%s/%s-%d" % (POOL, self.name, self.count), self.random.choice(POOL_LEASES))
        if handle:
            self.use(handle)
            self.give_back(handle)
        elif outcome(os.stat, self.path(POOL))[0] == "ENOENT":
            # Redis has come back empty.
            self.do("set-limit", set_limit, self.path(POOL), LIMIT, dir=POOL, limit=LIMIT)

    def turn_attack(self):
        key = self.any_key()
        how = self.random.choice(("unlink", "utime", "truncate", "write"))
        call = {"unlink": os.unlink, "utime": os.utime, "truncate": self.truncate_opened, "write": self.write_opened}[how]
        result, _ = self.do("attack", call, self.path(key), key=key, how=how)
        self.step_back(result)

    @staticmethod
    def truncate_opened(path):
        fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
        try:
            os.ftruncate(fd, 0)
        finally:
            os.close(fd)

    @staticmethod
    def write_opened(path):
        """By an open that succeeds whoever holds the lock, or nobody."""
        fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o644)
        try:
            os.write(fd, b"attack")
        finally:
            os.close(fd)

    def turn_force(self):
        key = self.any_key()
        self.do("force", os.unlink, self.path(key, "force"), key=key)

    def turn_look(self):
        key = self.any_key()
        result, _ = self.do("look", self.look, self.path(key), key=key, found=lambda value: value)
        self.step_back(result)

    @staticmethod
    def look(path):
        """The token of a holding, and the process that acquired it. A handle follows the key, so both are read again if
        the token has changed."""
        fd = os.open(path, os.O_RDONLY)
        try:
            before, token, pid = None, int(os.getxattr(fd, "user.lock.token")), None
            while token != before:
                before, pid = token, int(os.getxattr(fd, "user.lock.pid"))
                token = int(os.getxattr(fd, "user.lock.token"))
            return {"token": token, "pid": pid}
        finally:
            os.close(fd)

    # Under a mount that is being replaced

    def turn_rush(self):
        self.do("rush", self.rush, self.path(self.rush_key), found=lambda value: value)

    def rush(self, path):
        """Takes and gives back a lock that nobody else uses, without a pause and whatever is answered."""
        counts = {"tries": 0, "acquired": 0, "plain": 0}
        end = time.monotonic() + RUSH
        while time.monotonic() < end:
            counts["tries"] += 1
            result, fd = outcome(os.open, path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
            if result == "OK":
                counts["acquired"] += 1
                counts["plain"] += self.is_plain(fd)
                outcome(os.close, fd)
            if result in ("OK", "EEXIST"):
                outcome(os.unlink, path)
            elif result in AWAY:
                # Leaves processor time to the tested processes.
                time.sleep(0.00005)
        return counts

    # One id on several mounts

    def turn_id(self, keys, joins, uses, releases):
        """
        Presents an id, which workers of other mounts present as well. How likely it is only to
        look for what others acquired with it, for how many seconds it may be used, and how likely it is
        released in the end.
        """
        if not keys:
            return
        key, holder = self.random.choice(keys), self.random.choice(IDS)
        if self.random.random() < 0.01:
            self.do("id-force", os.unlink, self.path(key, "force"), key=key)
            return
        joins = self.random.random() < joins
        fd, name = self.open_as(holder, key) if joins else self.acquire_as(holder, key)
        if fd is None:
            return
        try:
            if self.use_as(holder, key, fd, name, self.random.choice(uses)) and self.random.random() < releases:
                self.do("id-release", os.unlink, self.path(key, "id=" + holder), key=key, id=holder)
        finally:
            outcome(os.close, fd)

    def turn_join(self):
        """Presents an id to refresh or use what is held now, whichever mount it was acquired on."""
        keys = self.held_id_keys()
        if not keys or self.random.random() < 0.3:
            self.turn_id(keys, 0.6, (0.5, 1, 3), 0.1)
            return
        key, holder = self.random.choice(keys), self.random.choice(IDS)
        self.do("id-refresh", os.utime, self.path(key, "id=" + holder, "ttl=%dms" % max(ID_LEASES)),
                key=key, id=holder, ttl=max(ID_LEASES))

    def held_id_keys(self):
        """Those that are held now, by whomever."""
        _, names = outcome(os.listdir, self.mount)
        return [name for name in names or () if name in ID_KEYS]

    def open_as(self, holder, key):
        """A descriptor of what is held, by whomever, and its name; (None, None) where nothing is."""
        result, fd = outcome(os.open, self.path(key, "id=" + holder), os.O_RDONLY)
        return (fd, "%s#%d" % (self.name, self.count + 1)) if result == "OK" else (None, None)

    def acquire_as(self, holder, key):
        """Likewise, of what was acquired, or of what is there already."""
        how = self.random.choice(("excl", "plain", "wait"))
        ttl = self.random.choice(ID_LEASES)
        wait = self.random.choice((100, 300, 1000)) if how == "wait" else 0
        options = ["id=" + holder, "ttl=%dms" % ttl] + (["wait=%dms" % wait] if wait else [])
        flags = os.O_CREAT | os.O_RDWR | (os.O_TRUNC if how == "plain" else os.O_EXCL)
        name = "%s#%d" % (self.name, self.count + 1)
        result, fd = self.do("id-acquire", os.open, self.path(key, *options), flags, 0o644, key=key, id=holder,
                             h=name, how=how, ttl=ttl, wait=wait,
                             found=lambda fd: {"plain": True} if self.is_plain(fd) else {})
        if result == "EEXIST":
            # The id itself may hold it.
            return self.open_as(holder, key)
        if result != "OK":
            self.step_back(result)
            return None, None
        return fd, name

    def use_as(self, holder, key, fd, name, seconds):
        """Uses it for a while if the id has it; whether it still has it then, for all that was told."""
        end = time.monotonic() + seconds
        while self.state_as(holder, key, fd, name):
            if time.monotonic() >= end:
                return True
            time.sleep(self.random.uniform(0.02, 0.2))
            if self.random.random() < 0.4 and not self.refresh_as(holder, key, fd, name):
                return False
        return False

    def state_as(self, holder, key, fd, name):
        result, value = self.do("id-state", self.read_state, fd, key=key, id=holder, h=name, found=lambda value: value)
        return result in AWAY or (result == "OK" and value["state"] == "ACQUIRED")

    @staticmethod
    def read_state(fd):
        """The state before the lease: what is told of the lease of a holding that was there then can only be too little.
        The descriptor may be a handle, which follows the key, so nothing but the state is told if the token changes."""
        result, token = outcome(os.getxattr, fd, "user.lock.token")
        told = {"state": os.getxattr(fd, "user.lock.state").decode()}
        left = outcome(os.getxattr, fd, "user.lock.remaining")
        if result == "OK" and outcome(os.getxattr, fd, "user.lock.token") == ("OK", token):
            told["token"] = int(token)
            if left[0] == "OK":
                told["left"] = int(float(left[1]) * 1000)
        return told

    def refresh_as(self, holder, key, fd, name):
        ttl = self.random.choice(ID_LEASES)
        if self.random.random() < 0.5:
            result, _ = self.do("id-refresh", os.utime, self.path(key, "id=" + holder, "ttl=%dms" % ttl),
                                key=key, id=holder, ttl=ttl)
        else:
            result, _ = self.do("id-refresh", os.setxattr, fd, "user.lock.ttl", b"%dms" % ttl,
                                key=key, id=holder, ttl=ttl, h=name)
        return result == "OK" or result in AWAY

    # All kinds

    def mode(self):
        try:
            with open("%s.%s" % (self.control, self.mount_name), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def take_turn(self):
        mode = self.mode()
        if mode == "rush":
            if self.random.random() < 0.7:
                self.turn_rush()
            else:
                self.turn_lock("excl", ttl=self.setup.lease_ms)
        elif mode == "ids":
            self.turn_id(ID_KEYS, 0, (0, 0, 0.1), 1)
        elif mode == "force" and self.random.random() < 0.5:
            self.turn_force()
        elif mode == "join":
            self.turn_join()
        else:
            self.take_any_turn()

    def take_any_turn(self):
        turns = self.setup.turns or {"excl": 18, "plain": 6, "wait": 22, "attempts": 6, "hold": 20, "flock": 14, "flocknb": 6,
                                     "posix": 8, "posixnb": 3, "ofd": 6, "ofdnb": 3,
                                     "pool": 20, "own": 8, "attack": 8, "look": 12, "force": 3, "id": 6}
        turn = self.random.choices(list(turns), list(turns.values()))[0]
        if turn == "own":
            self.turn_lock("excl", self.own_key)
        elif turn == "pool":
            self.turn_pool()
        elif turn == "id":
            self.turn_id(ID_KEYS[:FEW], 0.2, (0, 0.2, 1, 2, 4), 0.5)
        elif turn == "attack":
            self.turn_attack()
        elif turn == "look":
            self.turn_look()
        elif turn == "force":
            self.turn_force()
        else:
            self.turn_lock(turn)
        time.sleep(self.random.uniform(0, 0.06))

    def rest(self, word):
        """While it rests, a file says so, with the word that told it to."""
        if self.writer:
            self.writer.close()
            self.writer = self.round = None
        with open("%s.%s" % (self.control, self.name), "w", encoding="utf-8") as file:
            file.write(word)
        time.sleep(0.05)

    def run(self):
        while True:
            with open(self.control, encoding="utf-8") as file:
                word = file.read().strip()
            if word == "end":
                return
            if not word.isdigit():
                self.rest(word)
                continue
            self.enter(word)
            self.take_turn()


def main():
    # The kernel kills this process when the runner ends.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.setsid()
    os.nice(2)
    signal.pthread_sigmask(signal.SIG_BLOCK, [SIGNAL])
    signal.signal(signal.SIGALRM, interrupt)
    Worker(*sys.argv[1:]).run()


if __name__ == "__main__":
    main()
