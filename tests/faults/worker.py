"""A process that takes and gives back locks, and writes down what it was told.

worker.py NAME MOUNT_NAME MOUNT KEYS SEED DIR CONTROL

Takes turns for as long as CONTROL has a number in it, which is the round; its
history goes to DIR/ROUND/NAME.jsonl. It rests while CONTROL says `pause ROUND`,
and ends with `end`. What it does is decided by SEED alone; when, by the machine.
"""

import ctypes
import errno
import fcntl
import os
import random
import select
import signal
import sys
import time

from history import Writer, boot_ns, outcome

SIGNAL = signal.SIGUSR1
AWAY = ("ENOTCONN", "EHOSTDOWN", "ETIMEDOUT", "ECONNABORTED")

# Leases in ms, as (weight, lease). The long ones show whether what was never
# reported is undone, and does not only end.
LEASES = ((3, 500), (4, 1000), (4, 2000), (2, 4000), (1, 60000))
LEASE_MAX_SHORT = 4000


class Interrupted(Exception):
    pass


def interrupt(_number, _frame):
    raise Interrupted


class Handle:
    """An open file of an acquisition."""

    def __init__(self, name, key, fd, ttl, bound, signalled):
        self.name, self.key, self.fd, self.ttl = name, key, fd, ttl
        self.bound, self.signalled = bound, signalled
        self.writable = True
        self.lost = False


class Worker:
    def __init__(self, name, mount_name, mount, keys, seed, directory, control):
        self.name, self.mount_name, self.mount = name, mount_name, mount
        self.keys = keys.split(",")
        self.own_key = "own-" + name.split(".")[0]
        self.random = random.Random(seed)
        self.directory, self.control = directory, control
        self.round = None
        self.writer = None
        self.count = 0

    # Writing down

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
        weights, leases = zip(*LEASES)
        return self.random.choices(leases, weights)[0]

    def any_key(self):
        return self.random.choice(self.keys)

    def path(self, key, *options):
        return "/".join([self.mount] + ([".with", ",".join(options)] if options else []) + [key])

    def acquire(self, how, key):
        """A handle, or None where the answer was no."""
        ttl = self.lease()
        wait = 0
        options = ["ttl=%dms" % ttl]
        flags = os.O_CREAT | os.O_RDWR | os.O_EXCL
        bound = how in ("hold", "flock", "flocknb")
        signalled = bound and self.random.random() < 0.7
        if how in ("wait", "hold"):
            wait = self.random.choice((300, 1000, 2500, 4000))
            options.append("wait=%dms" % wait)
        if how == "attempts":
            options += ["attempts=3", "interval=200ms"]
            wait = 600
        if how == "hold":
            options.append("hold")
        if signalled:
            options += ["signal=USR1"] if how == "hold" else ["hold", "signal=USR1"]
        if how == "plain":
            flags = os.O_CREAT | os.O_RDWR | os.O_TRUNC
        if how in ("flock", "flocknb"):
            flags = os.O_CREAT | os.O_RDONLY
        if how == "flock":
            wait = self.random.choice((300, 1000, 2500, 4000))
        self.forget_signals()
        name = "%s#%d" % (self.name, self.count + 1)
        # Where nobody can wait, in the order of arrival, it is not one of those who do.
        queued = wait if how in ("wait", "hold", "flock") else 0
        result, fd = self.do("acquire", self.open_and_lock, self.path(key, *options), flags, how, wait,
                             key=key, h=name, how=how, ttl=ttl, wait=wait, queued=queued,
                             excl=bool(flags & os.O_EXCL), bound=bound, signal=signalled)
        if result != "OK":
            return self.step_back(result)
        handle = Handle(name, key, fd, ttl, bound, signalled)
        handle.writable = how not in ("flock", "flocknb")
        self.read_token(handle)
        return handle

    @staticmethod
    def open_and_lock(path, flags, how, wait):
        fd = os.open(path, flags, 0o644)
        if how not in ("flock", "flocknb"):
            return fd
        try:
            try:
                if how == "flocknb":
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return fd
                signal.setitimer(signal.ITIMER_REAL, wait / 1000)
                fcntl.flock(fd, fcntl.LOCK_EX)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            return fd
        except Interrupted:
            os.close(fd)
            raise InterruptedError(errno.EINTR, "interrupted") from None
        except OSError:
            os.close(fd)
            raise

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
        if how < 0.4:
            path = self.path(handle.key)
            result, _ = self.do("refresh", os.utime, path, key=handle.key, h=handle.name, ttl=0)
        elif how < 0.7:
            result, _ = self.do("refresh", os.utime, handle.fd, key=handle.key, h=handle.name, ttl=0)
        else:
            ttl = self.random.choice((500, 1000, 2000))
            result, _ = self.do("refresh", os.setxattr, handle.fd, "user.lock.ttl", b"%dms" % ttl,
                                key=handle.key, h=handle.name, ttl=ttl)
        return result

    def use_once(self, handle):
        """One thing that a holder does; whether it still has the lock, for all that it was told."""
        actions = [self.state, self.poll, self.poll]
        if handle.writable:
            actions += [self.write] * 5 + [self.read]
        if handle.signalled:
            actions += [self.signalled] * 2
        if not handle.bound and self.random.random() < 0.15:
            actions = [self.refresh]
        result = self.random.choice(actions)(handle)
        handle.lost = handle.lost or result in ("ESTALE", "EXPIRED", "HUP", "SIGNAL", "ENOENT", "ENOTCONN")
        return not handle.lost

    def hold_time(self, handle):
        chance = self.random.random()
        if chance < 0.7:
            return self.random.uniform(0, 0.05)
        if chance < 0.86:
            return self.random.uniform(0.1, 0.6)
        if chance < 0.94:
            return self.random.uniform(0.5, 2.5)
        # Longer than the lease, where nobody renews it.
        return min(handle.ttl / 1000 * 1.3, 3)

    def use(self, handle):
        end = time.monotonic() + self.hold_time(handle)
        if not handle.bound and self.random.random() < 0.1:
            # Does nothing until its lease is over, and then comes late.
            time.sleep(min(handle.ttl / 1000 * self.random.uniform(0.9, 1.3), 3))
            end = 0
        while self.use_once(handle) and time.monotonic() < end:
            time.sleep(self.random.choice((0, 0.002, 0.01, 0.05, 0.1)))
        # What was lost stays lost.
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
            if handle.ttl > LEASE_MAX_SHORT or self.random.random() < 0.9:
                self.unlink(handle)
        elif handle.writable:
            if self.random.random() < 0.3:
                self.unlink(handle)
        elif self.random.random() < 0.4:
            self.do("release", fcntl.flock, handle.fd, fcntl.LOCK_UN, key=handle.key, h=handle.name, how="unlock")
        self.close(handle)

    # Turns

    def turn_lock(self, how, key=None):
        handle = self.acquire(how, key or self.any_key())
        if not handle:
            return
        if how == "excl" and handle.ttl <= 2000 and self.random.random() < 0.2:
            result, _ = self.do("bind", fcntl.flock, handle.fd, fcntl.LOCK_EX | fcntl.LOCK_NB, key=handle.key,
                                h=handle.name)
            handle.bound = result == "OK"
            if result != "OK":
                # It may be bound or not, so it is closed, which ends it if it is.
                handle.bound = True
                self.close(handle)
                return
        self.use(handle)
        self.give_back(handle)

    def turn_attack(self):
        key = self.any_key()
        how = self.random.choice(("unlink", "utime", "open"))
        call = {"unlink": os.unlink, "utime": os.utime, "open": self.open_and_close}[how]
        result, _ = self.do("attack", call, self.path(key), key=key, how=how)
        self.step_back(result)

    @staticmethod
    def open_and_close(path):
        os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))

    def turn_force(self):
        key = self.any_key()
        self.do("force", os.unlink, self.path(key, "force"), key=key)

    def turn_look(self):
        key = self.any_key()
        result, _ = self.do("look", self.look, self.path(key), key=key, found=lambda value: value)
        self.step_back(result)

    @staticmethod
    def look(path):
        """The token, and the process that acquired, of one holding: both are read twice, where it changed between."""
        fd = os.open(path, os.O_RDONLY)
        try:
            token = int(os.getxattr(fd, "user.lock.token"))
            return {"token": token, "pid": int(os.getxattr(fd, "user.lock.pid"))}
        finally:
            os.close(fd)

    def take_turn(self):
        turns = {"excl": 18, "plain": 6, "wait": 22, "attempts": 6, "hold": 20, "flock": 14, "flocknb": 6,
                 "own": 8, "attack": 8, "look": 12, "force": 3}
        turn = self.random.choices(list(turns), list(turns.values()))[0]
        if turn == "own":
            self.turn_lock("excl", self.own_key)
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
    # Whatever becomes of the runner, none is left behind.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.setsid()
    os.nice(2)
    signal.pthread_sigmask(signal.SIG_BLOCK, [SIGNAL])
    signal.signal(signal.SIGALRM, interrupt)
    Worker(*sys.argv[1:]).run()


if __name__ == "__main__":
    main()
