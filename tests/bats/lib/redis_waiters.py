"""Processes that wait for locks on several mounts of one server.

redis_waiters.py COMMAND SOCKET ARGUMENT...    SOCKET is the server's; the commands are those listed at the end

A waiter is a process in a session of its own, or a thread if there are many. It writes a
line to a pipe for each thing that happens to it, with the time. Times are CLOCK_MONOTONIC,
which all processes share.
"""

import errno
import fcntl
import json
import os
import select
import signal
import statistics
import sys
import threading
import time

from calls import outcome
from redis_client import Redis

EXCLUSIVE = os.O_CREAT | os.O_EXCL | os.O_WRONLY
HANDLE = os.O_CREAT | os.O_RDWR

now = time.monotonic


# The server

class Server(Redis):
    """The Redis server, with the numbers of commands that it executed."""

    def commands(self):
        """How often each command was called since CONFIG RESETSTAT, by clients or scripts."""
        counts = {}
        for line in self("INFO", "commandstats").split():
            if line.startswith("cmdstat_"):
                name, rest = line[len("cmdstat_"):].split(":", 1)
                counts[name] = int(rest.split("calls=")[1].split(",")[0])
        return counts

    def asked(self):
        """Round trips since CONFIG RESETSTAT: commands that only clients send."""
        return sum(count for name, count in self.commands().items() if name in ("eval", "evalsha", "script|load"))

    def waiting(self, key="job"):
        return self("ZCARD", "lockfs#w:" + key)


def do(redis, command):
    """Runs a shell command; `redis:COMMAND` is one of the server, `STOP:PID` and `CONT:PID` signal a process."""
    kind, _, rest = command.partition(":")
    if kind == "redis":
        redis(*rest.split())
    elif kind in ("STOP", "CONT"):
        os.kill(int(rest), getattr(signal, "SIG" + kind))
    elif os.system(command):
        sys.exit("cannot: " + command)


def until(what, function, seconds=20):
    end = now() + seconds
    while not function():
        if now() > end:
            sys.exit("not within %d s: %s" % (seconds, what))
        time.sleep(0.002)


# Waiters

def lock_by_flock(mount, key):
    fd = os.open(mount + "/" + key, HANDLE)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return lambda: os.close(fd)


def lock_by_view(mount, key, view="wait=forever"):
    os.close(os.open("%s/.with/%s/%s" % (mount, view, key), EXCLUSIVE))
    return lambda: unlink_surely(mount + "/" + key)


def unlink_surely(path):
    """Repeats an unlink that was not answered: it may have had its effect, or not."""
    answer = outcome(os.unlink, path)
    while answer in ("ETIMEDOUT", "EHOSTDOWN"):
        time.sleep(0.005)
        answer = outcome(os.unlink, path)
        if answer in ("ENOENT", "EPERM"):
            return
    if answer != "OK":
        raise OSError(getattr(errno, answer), "unlink")


def lock_by_hold(mount, key, view="hold,wait=forever"):
    fd = os.open("%s/.with/%s/%s" % (mount, view, key), EXCLUSIVE)
    return lambda: os.close(fd)


KINDS = {"flock": lock_by_flock, "view": lock_by_view, "hold": lock_by_hold}


children = []  # process ids; end_children() kills them


def end_child(pid):
    outcome(os.kill, pid, signal.SIGKILL)
    outcome(os.waitpid, pid, 0)
    if pid in children:
        children.remove(pid)


def end_children():
    for pid in children:
        outcome(os.kill, pid, signal.SIGCONT)
        outcome(os.kill, pid, signal.SIGKILL)


class Crowd:
    """Processes that report into one pipe."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        self.pids = {}

    def tell(self, name, what, **more):
        os.write(self.writer, (json.dumps(dict(more, name=name, what=what, at=now())) + "\n").encode())

    def start(self, name, function, *arguments):
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                # Closes inherited files, because the last close of one releases its lock.
                os.closerange(3, self.writer)
                os.closerange(self.writer + 1, 1024)
                function(*arguments)
            except OSError as error:
                self.tell(name, "failed", why=errno.errorcode[error.errno])
            except BaseException as error:
                self.tell(name, "failed", why=repr(error))
            os._exit(0)
        self.pids[name] = pid
        children.append(pid)
        return pid

    def wait_for(self, name, mount, key="job", kind="flock", hold_s=0.003, **more):
        """Starts a process that waits for the lock, holds it for `hold_s`, and releases it."""
        def run():
            release = KINDS[kind](mount, key, **more)
            self.tell(name, "has")
            time.sleep(hold_s)
            began = now()
            release()
            self.tell(name, "gave", began=began)
        return self.start(name, run)

    def hear(self, seconds=20):
        """The next line, or None if none comes in time."""
        if not select.select([self.reader], [], [], seconds)[0]:
            return None
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(self.reader, 1)
        return json.loads(text)

    def hear_that(self, what, seconds=20):
        heard = self.hear(seconds)
        if heard is None:
            sys.exit("nobody said %r in %d s" % (what, seconds))
        if heard["what"] != what:
            sys.exit("expected %r, heard %s" % (what, heard))
        return heard

    def kill(self, name, sign=signal.SIGKILL):
        os.kill(self.pids[name], sign)

    def end(self):
        for pid in self.pids.values():
            end_child(pid)
        os.close(self.reader)
        os.close(self.writer)


def queue_up(redis, crowd, count, mounts, key="job", kinds=("flock", "view"), **more):
    """Starts `count` waiters in this order; each begins to wait after the one before is in the queue."""
    before = redis.waiting(key)
    for number in range(count):
        crowd.wait_for(number, mounts[number % len(mounts)], key, kinds[number % len(kinds)], **more)
        until("waiter %d queues" % number, lambda: redis.waiting(key) == before + number + 1)


def served(crowd, count, seconds=20):
    """The names of the waiters in the order in which they had the lock, and the time of each hand-over in ms."""
    order, gaps, gave = [], [], None
    while len(order) < count or gave is None:
        heard = crowd.hear(seconds)
        if heard is None:
            sys.exit("only %s had it" % order)
        if heard["what"] == "failed":
            sys.exit("a waiter failed: %s after %s" % (heard, order))
        if heard["what"] == "has":
            if gave:
                gaps.append((heard["at"] - gave) * 1000)
            order.append(heard["name"])
            gave = None
        else:
            gave = heard["began"]
    return order, gaps


def median(numbers):
    return statistics.median(numbers)


def ms(seconds):
    return seconds * 1000


# The commands

def order(redis, count, *mounts):
    """COUNT wait in order over the mounts, and are served in it; prints the median hand-over in ms."""
    count = int(count)
    crowd = Crowd()
    os.close(os.open(mounts[0] + "/job", EXCLUSIVE))
    queue_up(redis, crowd, count, mounts)
    waiters = [int(os.getxattr(mount + "/job", "user.lock.waiters")) for mount in mounts]
    if waiters != [count] * len(mounts):
        sys.exit("user.lock.waiters: %s" % waiters)
    os.unlink(mounts[0] + "/job")
    names, gaps = served(crowd, count)
    if names != list(range(count)):
        sys.exit("the order was %s" % names)
    print("%.1f" % median(gaps))
    crowd.end()


# Ways in which a holding ends, and the time until the next waiter has the lock

def hold_by_session(mounts):
    """Acquires the lock as this session, once the last holder's close(2) has reached the daemon."""
    def take():
        os.close(os.open(mounts[0] + "/job", EXCLUSIVE))

    until("it is had", lambda: outcome(take) == "OK")


def hold_by_child(crowd, mounts, view="hold"):
    """Starts a process that holds the lock by an open file until it is killed."""
    def run():
        os.open("%s/.with/%s/job" % (mounts[0], view), EXCLUSIVE)
        crowd.tell("holder", "holds")
        time.sleep(1000)
    crowd.start("holder", run)
    crowd.hear_that("holds")


def end_by_release(redis, crowd, mounts, wait):
    hold_by_session(mounts)
    wait()
    began = now()
    os.unlink(mounts[0] + "/job")
    return began


def end_by_close(redis, crowd, mounts, wait):
    fd = os.open(mounts[0] + "/job", HANDLE)
    fcntl.flock(fd, fcntl.LOCK_EX)
    wait()
    began = now()
    os.close(fd)
    return began


def end_by_unlock(redis, crowd, mounts, wait):
    fd = os.open(mounts[0] + "/job", HANDLE)
    fcntl.flock(fd, fcntl.LOCK_EX)
    wait()
    began = now()
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)
    return began


def end_by_expiry(redis, crowd, mounts, wait):
    began = now()
    os.close(os.open(mounts[0] + "/.with/ttl=1s/job", EXCLUSIVE))
    wait()
    return began + 1


def end_by_force(redis, crowd, mounts, wait):
    hold_by_session(mounts)
    wait()
    began = now()
    os.unlink(mounts[1] + "/.with/force/job")
    return began


def end_by_force_of_bound(redis, crowd, mounts, wait):
    hold_by_child(crowd, mounts)
    wait()
    began = now()
    os.unlink(mounts[1] + "/.with/force/job")
    return began


def end_by_del(redis, crowd, mounts, wait):
    hold_by_session(mounts)
    wait()
    redis("DEL", "lockfs:job")
    return now()


def end_by_del_of_never(redis, crowd, mounts, wait):
    os.close(os.open(mounts[0] + "/.with/ttl=never/job", EXCLUSIVE))
    wait()
    redis("DEL", "lockfs:job")
    return now()


def end_of_foreign(redis, crowd, mounts, wait):
    redis("SET", "lockfs:job", "theirs", "NX", "PX", 60000)
    wait()
    redis("DEL", "lockfs:job")
    return now()


def end_of_foreign_lease(redis, crowd, mounts, wait):
    began = now()
    redis("SET", "lockfs:job", "theirs", "NX", "PX", 2000)
    wait()
    return began + 2


def end_by_shortening(redis, crowd, mounts, wait):
    """The lease is shortened: the holding ends long before the waiters were told it would."""
    hold_by_session(mounts)
    wait()
    began = now()
    os.setxattr(mounts[0] + "/job", "user.lock.ttl", b"600ms")
    return began + 0.6


def end_after_short(redis, crowd, mounts, wait):
    """The lock is handed to a waiter with a short lease, which never releases it."""
    hold_by_session(mounts)
    crowd.start("short", lambda: (lock_by_view(mounts[-1], "job", "wait=forever,ttl=600ms"), crowd.tell("short", "took")))
    until("the first waits", lambda: redis.waiting() == 1)
    wait()
    began = now()
    os.unlink(mounts[0] + "/job")
    crowd.hear_that("took")
    return began + 0.6


ENDS = {name[len("end_"):]: function for name, function in globals().items() if name.startswith("end_")}


def ends(redis, how, kind, rounds, *mounts, view=None):
    """Prints the median and the longest time, in ms, until a waiter on the second mount has it."""
    took = []
    for _ in range(int(rounds)):
        crowd = Crowd()
        # The last holder's close(2) may not have reached the daemon yet.
        until("it is free", lambda: redis("EXISTS", "lockfs:job") == 0)

        def wait():
            before = redis.waiting()
            crowd.wait_for("waiter", mounts[1 % len(mounts)], kind=kind, **({"view": view} if view else {}))
            until("it queues", lambda: redis.waiting() == before + 1)

        ended = ENDS[how](redis, crowd, mounts, wait)
        took.append(ms(crowd.hear_that("has")["at"] - ended))
        crowd.hear_that("gave")
        crowd.end()
    # Nobody has the lock before the end of the holding; 2 ms for the difference of two clocks.
    if min(took) < -2:
        sys.exit("too early: %s" % took)
    print("%.1f %.1f" % (median(took), max(took)))


def slow(redis, *mounts):
    """A waiter on each mount but the first, which releases: prints after how many ms each had the lock."""
    crowd = Crowd()
    hold_by_session(mounts)
    queue_up(redis, crowd, len(mounts) - 1, mounts[1:], kinds=("flock",))
    began = now()
    os.unlink(mounts[0] + "/job")
    at = []
    while len(at) < len(mounts) - 1:
        heard = crowd.hear()
        if heard is None or heard["what"] == "failed":
            sys.exit("after %s it was told %s" % (at, heard))
        if heard["what"] == "has":
            at.append("%.1f" % ms(heard["at"] - began))
    print(*at)
    crowd.end()


def intervals(redis, view, *mounts):
    """A waiter that polls, behind one that does not: prints after how many ms it has a key that was deleted."""
    redis("SET", "lockfs:job", "theirs", "NX", "PX", 60000)
    crowd = Crowd()
    queue_up(redis, crowd, 1, mounts)
    crowd.wait_for("poller", mounts[0], kind="view", view=view)
    until("it queues", lambda: redis.waiting() == 2)
    time.sleep(0.05)
    redis("DEL", "lockfs:job")
    ended = now()
    print("%.1f" % ms(crowd.hear_that("has")["at"] - ended))
    served(crowd, 1)
    crowd.end()


# Deaths

def holder_killed(redis, rounds, *mounts):
    """kill -9 of a process that holds by an open file: prints median and longest, in ms, until the next has it."""
    took = []
    for turn in range(int(rounds)):
        crowd = Crowd()
        mount = mounts[turn % len(mounts)]
        crowd.wait_for("holder", mount, kind=("flock", "hold")[turn % 2], hold_s=100)
        crowd.hear_that("has")
        crowd.wait_for("next", mounts[(turn + 1) % len(mounts)])
        until("it queues", lambda: redis.waiting() == 1)
        began = now()
        crowd.kill("holder")
        took.append(ms(crowd.hear_that("has")["at"] - began))
        crowd.hear_that("gave")
        crowd.end()
    print("%.1f %.1f" % (median(took), max(took)))


def waiter_killed(redis, rounds, *mounts):
    """kill -9 of the first that waits: prints after how many ms it is gone, and the next has what is released (medians)."""
    died, took = [], []
    for _ in range(int(rounds)):
        crowd = Crowd()
        hold_by_session(mounts)
        queue_up(redis, crowd, 3, mounts)
        began = now()
        crowd.kill(0)
        os.waitpid(crowd.pids[0], 0)
        died.append(ms(now() - began))
        until("it leaves the queue", lambda: redis.waiting() == 2)
        began = now()
        os.unlink(mounts[0] + "/job")
        heard = crowd.hear_that("has")
        if heard["name"] != 1:
            sys.exit("the next was %s" % heard)
        took.append(ms(heard["at"] - began))
        # It hands the lock to the last waiter, which releases it.
        if not all([crowd.hear(10) for _ in range(3)]):
            sys.exit("the last did not have it")
        crowd.end()
    print("%.1f %.1f" % (median(died), median(took)))


def daemon_gone(redis, how, pid, count, dying, *mounts):
    """The daemon of the first COUNT that wait is stopped or killed: prints after how many ms one on another mount is served."""
    crowd = Crowd()
    hold_by_session(mounts)
    queue_up(redis, crowd, int(count), [dying], kinds=("flock",))
    crowd.wait_for("other", mounts[-1])
    until("it queues", lambda: redis.waiting() == int(count) + 1)
    os.kill(int(pid), getattr(signal, "SIG" + how))
    began = now()
    os.unlink(mounts[0] + "/job")
    heard = crowd.hear()
    while heard and heard["what"] == "failed" and how == "KILL":
        heard = crowd.hear()  # those of the dead mount
    if not heard or heard["name"] != "other":
        sys.exit("the other was told %s" % heard)
    print("%.1f" % ms(heard["at"] - began))
    if how == "STOP":
        crowd.hear_that("gave")
        time.sleep(1)
        os.kill(int(pid), signal.SIGCONT)
        # All that stood still are served by and by, in their order.
        names, _ = served(crowd, int(count))
        if names != list(range(int(count))):
            sys.exit("the order was %s" % names)
    crowd.end()


def holders_daemon_gone(redis, pid, dying, *mounts):
    """Prints how long after kill -9 of the holder's daemon the next has the lock, and what was left of the lease, in ms."""
    crowd = Crowd()
    crowd.wait_for("holder", dying, hold_s=100)
    crowd.hear_that("has")
    crowd.wait_for("next", mounts[0])
    until("it queues", lambda: redis.waiting() == 1)
    time.sleep(0.5)
    os.kill(int(pid), signal.SIGKILL)
    began = now()
    left = redis("PTTL", "lockfs:job")
    print("%.1f %d" % (ms(crowd.hear_that("has")["at"] - began), left))
    crowd.end()


# Daemons that are stopped for longer than the lease

def write_on(fd, seconds):
    """Writes in a loop; returns the first and the last successful write as (begin, end), and how the loop ended."""
    first = last = None
    end = now() + seconds
    while now() < end:
        began = now()
        answer = outcome(os.pwrite, fd, b"x", 0)
        if answer != 1:
            return first, last, answer
        last = (began, now())
        first = first or last
        time.sleep(0.001)
    return first, last, "OK"


def stops(redis, rounds, pid, stopped, other):
    """SIGSTOP of a holder's daemon; prints the rounds, and how many writes were under way when it was stopped."""
    under_way, late = 0, []
    for turn in range(int(rounds)):
        crowd = Crowd()

        def work(name, mount, seconds):
            fd = os.open(mount + "/.with/hold,wait=forever,ttl=500ms/job", EXCLUSIVE)
            crowd.tell(name, "has")
            first, last, answer = write_on(fd, seconds)
            state = outcome(os.getxattr, fd, "user.lock.state")
            crowd.tell(name, "wrote", first=first, last=last, answer=answer, state=str(state))
            os.close(fd)

        crowd.start("stopped", work, "stopped", stopped, 10)
        crowd.hear_that("has")
        crowd.start("other", work, "other", other, 0.1)
        until("it queues", lambda: redis.waiting() == 1)
        time.sleep(0.05 + turn % 5 * 0.01)
        os.kill(int(pid), signal.SIGSTOP)
        began = now()
        time.sleep(1.2)
        os.kill(int(pid), signal.SIGCONT)
        told = {}
        while len(told) < 2:
            heard = crowd.hear()
            if heard["what"] == "has":
                late.append(ms(heard["at"] - began))
            else:
                told[heard["name"]] = heard
        if told["stopped"]["answer"] != "ESTALE" or told["stopped"]["state"] != "b'EXPIRED'":
            sys.exit("round %d: after SIGCONT: %s" % (turn, told["stopped"]))
        if told["other"]["answer"] != "OK":
            sys.exit("round %d: the next: %s" % (turn, told["other"]))
        last, first = told["stopped"]["last"], told["other"]["first"]
        if last and first:  # on a slow machine, one may have come to write nothing
            if last[0] >= first[0]:
                sys.exit("round %d: wrote %.1f ms after the next had begun to" % (turn, ms(last[0] - first[0])))
            under_way += last[1] >= first[0]
        crowd.end()
    print("%d %d %.1f" % (int(rounds), under_way, median(late)))


# Losses

def watch_loss(fd, is_free, pause=0):
    """Waits until the key is free, then checks what its holder has been notified of. Returns problems, how much earlier the
    holder was notified, and the longest time between two polls, both in ms."""
    told = None
    longest, at = 0, now()
    while True:
        before, at, free = at, now(), is_free()
        longest = max(longest, ms(at - before))
        if told is None and signal.SIGUSR1 in signal.sigpending():
            told = at
        if free:
            break
        if pause:
            time.sleep(pause)
    poll = select.poll()
    poll.register(fd, 0)
    problems = []
    if told is None:
        problems.append("no signal was sent")
    answers = outcome(os.pwrite, fd, b"x", 0), outcome(poll.poll, 0), outcome(os.getxattr, fd, "user.lock.state")
    if answers != ("ESTALE", [(fd, select.POLLERR | select.POLLHUP)], b"EXPIRED"):
        problems.append(str(answers))
    signal.sigtimedwait([signal.SIGUSR1], 1)
    return problems, (ms(at - told) if told else None), longest


def kept_waiting(pid):
    """For how many ms a process was ready to run while other programs ran."""
    with open("/proc/%s/schedstat" % pid) as stream:
        return int(stream.read().split()[1]) / 1e6


def report_losses(leads, failures):
    if failures:
        sys.exit("%d of %d were told late: %s" % (len(failures), len(failures) + len(leads), failures[:5]))
    print("%d %.1f %.1f" % (len(leads), median(leads), min(leads)))


def losses_by_force(redis, count, mine, other, deaf=None):
    """Prints how many, and how long before the key was free they were told: median and shortest, in ms.
    With `deaf`, the mounts are disconnected at that moment."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    leads, failures = [], []
    for _ in range(int(count)):
        fd = os.open(mine + "/.with/hold,signal=USR1/job", EXCLUSIVE)
        token = redis("GET", "lockfs:job")
        thief = os.fork()
        if thief == 0:
            if deaf:
                Redis(redis.path)("CLIENT", "KILL", "TYPE", "pubsub")
            os._exit(0 if outcome(os.unlink, other + "/.with/force/job") == "OK" else 1)
        problems, lead, _ = watch_loss(fd, lambda: redis("GET", "lockfs:job") != token)
        if os.waitpid(thief, 0)[1]:
            sys.exit("the forced release failed")
        failures.append(problems) if problems else leads.append(lead)
        os.close(fd)
    report_losses(leads, failures)


def losses_of_server(redis, count, ttl, cut, heal, pid, mount):
    """As above, where the shell command CUT keeps the daemon from renewing until HEAL. It tells 100 ms before the end, so
    that a round with problems counts only where the machine did not keep the daemon, or us, from running for half of that."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    leads, failures = [], []
    turn = 0
    while len(leads) + len(failures) < int(count):
        turn += 1
        until("the mount works", lambda: outcome(os.stat, mount + "/other") == "ENOENT")
        fd = os.open("%s/.with/hold,signal=USR1,ttl=%sms/job-%d" % (mount, ttl, turn), EXCLUSIVE)
        # Right after a renewal, so that none comes between this look and the cut.
        first = redis("PEXPIRETIME", "lockfs:job-%d" % turn)
        until("it is renewed", lambda: redis("PEXPIRETIME", "lockfs:job-%d" % turn) != first)
        end_ms = redis("PEXPIRETIME", "lockfs:job-%d" % turn)
        do(redis, cut)
        waited = kept_waiting(pid)
        if end_ms - time.time() * 1000 < int(ttl) * 0.75:
            # Too late for that on this machine: there may have been one more.
            do(redis, heal)
            os.close(fd)
            continue
        problems, lead, gap = watch_loss(fd, lambda: time.time() * 1000 >= end_ms, 0.0002)
        stood_still = max(gap, kept_waiting(pid) - waited) > 50
        do(redis, heal)
        os.close(fd)
        if not problems:
            leads.append(lead)
        elif not stood_still:
            failures.append(problems)
    report_losses(leads, failures)


def told(redis, ttl, command, mount):
    """After a shell command that takes the server's data away: prints after how many ms the holder is told."""
    fd = os.open("%s/.with/hold,ttl=%s/job" % (mount, ttl), EXCLUSIVE)
    poll = select.poll()
    poll.register(fd, 0)
    if poll.poll(0):
        sys.exit("it is told of too early")
    time.sleep(0.3)
    began = now()
    do(redis, command)
    if not command.startswith("redis:"):
        began = now()  # when the server is back
    answer = poll.poll(10000)
    took = ms(now() - began)
    if answer != [(fd, select.POLLERR | select.POLLHUP)] or outcome(os.pwrite, fd, b"x", 0) != "ESTALE":
        sys.exit("it is told: %s" % answer)
    print("%.1f" % took)


# Hand-over while connections break

def cuts(redis, kinds, rounds, *mounts):
    """Kills connections of these kinds at the moment of the release. Prints median and longest, in ms, until the next has it."""
    took = []
    for turn in range(int(rounds)):
        crowd = Crowd()
        holder = KINDS[("flock", "view", "hold")[turn % 3]](mounts[turn % len(mounts)], "job")
        queue_up(redis, crowd, 2, mounts[(turn + 1) % len(mounts):] + mounts[:(turn + 1) % len(mounts)])

        def cut():
            other = Redis(redis.path)
            time.sleep(turn % 7 * 0.0005)
            for kind in kinds.split(","):
                other("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

        knife = crowd.start("knife", cut)
        began = now()
        holder()
        os.waitpid(knife, 0)
        try:
            redis("PING")
        except OSError:
            redis.connect()
        first = crowd.hear(10)
        if first is None or first["what"] != "has":
            sys.exit("round %d: the next was told %s" % (turn, first))
        took.append(ms(first["at"] - began))
        heard = [crowd.hear(10) for _ in range(3)]
        if not all(heard) or {each["what"] for each in heard} != {"has", "gave"}:
            sys.exit("round %d: %s" % (turn, heard))
        crowd.end()
    print("%.1f %.1f" % (median(took), max(took)))


def signs_of_life(redis):
    """When each mount that waits will be taken for dead, in ms since the epoch."""
    while True:
        try:
            return {key: redis("PEXPIRETIME", key) for key in redis("KEYS", "lockfs#m:*")}
        except OSError:
            # A mount that comes back over a socket may have a new server end another's connection.
            redis.connect()


def all_are_back(redis, mounts, count, before):
    """So many wait, and each of the mounts hears, and has said that it lives since it was in `before`."""
    try:
        alive = signs_of_life(redis)
        return (redis.waiting() == count and len(alive) == len(mounts) and
                len(redis("PUBSUB", "CHANNELS", "lockfs#m:*")) == len(mounts) and
                # What was saved and loaded again is no sign of life.
                all(end > before.get(key, 0) for key, end in alive.items()))
    except OSError:
        redis.connect()
        return False


def outage(redis, commands, expected, *mounts):
    """Six wait while the server is away: then all are served in order (`order`), in any (`all`), or told an errno."""
    crowd = Crowd()
    hold_by_session(mounts)
    queue_up(redis, crowd, 6, mounts)
    began = now()
    do(redis, commands)
    if expected in ("order", "all"):
        redis.connect()
        before = signs_of_life(redis)
        until("the mount works", lambda: outcome(os.stat, mounts[0] + "/other") == "ENOENT")
        if expected == "order":
            until("all mounts are back", lambda: all_are_back(redis, mounts, 6, before))
        outcome(os.unlink, mounts[0] + "/job")
        released = now()
        names, _ = served(crowd, 6)
        if expected == "order" and names != list(range(6)):
            sys.exit("the order was %s" % names)
        print("%.1f" % ms(now() - released))
    else:
        whys = []
        while len(whys) < 6:
            heard = crowd.hear_that("failed", 30)
            whys.append(heard["why"])
            last = heard["at"]
        if set(whys) - set(expected.split("|")):
            sys.exit("they were told %s" % whys)
        print("%.1f" % ms(last - began))
    crowd.end()


# A grant that nobody takes

def kills(redis, rounds, *mounts):
    """kill -9 of the first that waits races with the release. Prints median and longest until the second has it, and how often the first had it."""
    took, had = [], 0
    for turn in range(int(rounds)):
        crowd = Crowd()
        fd = os.open(mounts[turn % len(mounts)] + "/job", HANDLE)
        fcntl.flock(fd, fcntl.LOCK_EX)
        crowd.wait_for("first", mounts[(turn + 1) % len(mounts)], kind=("flock", "hold")[turn // 2 % 2], hold_s=100)
        until("it queues", lambda: redis.waiting() == 1)
        crowd.wait_for("second", mounts[turn // 3 % len(mounts)], kind="flock")
        until("it queues", lambda: redis.waiting() == 2)
        began = now()
        if turn % 2:
            os.close(fd)
            time.sleep(turn % 16 * 0.0003)
            crowd.kill("first")
        else:
            crowd.kill("first")
            os.close(fd)
        heard = crowd.hear(10)
        if heard and heard["name"] == "first":
            had += 1
            heard = crowd.hear(10)
        if not heard or heard["what"] != "has":
            sys.exit("round %d: the second was told %s" % (turn, heard))
        took.append(ms(heard["at"] - began))
        crowd.hear_that("gave")
        crowd.end()
    print("%.1f %.1f %d" % (median(took), max(took), had))


# Thousands. Who waits here is a thread.

class Threads:
    """So many wait by flock, in processes on these mounts, and each passes it on at once."""

    def __init__(self, redis, count, mounts):
        self.crowd = Crowd()
        before = redis.waiting()
        each = count // len(mounts)
        for number, mount in enumerate(mounts):
            self.crowd.start(number, self.run, number, mount, each)
        self.count = each * len(mounts)
        until("all queue", lambda: redis.waiting() == before + self.count, 60)

    def run(self, number, mount, count):
        threading.stack_size(65536)

        def wait():
            fd = os.open(mount + "/job", HANDLE)
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.close(fd)

        threads = [threading.Thread(target=wait) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.crowd.tell(number, "done")

    def wait(self):
        for _ in self.crowd.pids:
            self.crowd.hear_that("done", 100)
        self.crowd.end()


def idle(redis, count, seconds, *mounts):
    """COUNT wait for one key whose holder is renewed: prints what the server was asked in SECONDS, and how many ms that
    were; then in how many seconds all have had it, and how many round trips and commands a hand-over took."""
    holder = lock_by_flock(mounts[0], "job")
    threads = Threads(redis, int(count), mounts)
    waiters = int(os.getxattr(mounts[0] + "/job", "user.lock.waiters"))
    if waiters != threads.count:
        sys.exit("user.lock.waiters: %d" % waiters)
    time.sleep(0.5)
    began = now()
    redis("CONFIG", "RESETSTAT")
    time.sleep(float(seconds))
    asked = redis.asked()
    watched = ms(now() - began)
    redis("CONFIG", "RESETSTAT")
    began = now()
    holder()
    threads.wait()
    took = now() - began
    commands = redis.commands()
    del commands["config|resetstat"]
    print("%d %d %.1f %.2f %.1f" % (asked, watched, took, redis.asked() / threads.count,
                                    sum(commands.values()) / threads.count))


def beats(redis, seconds, *mounts):
    """On each mount one waits for a lock of its own, which never ends: prints how many scripts the server was asked in
    SECONDS, how many ms that were, and how many commands each of them had."""
    crowd = Crowd()
    for number, mount in enumerate(mounts):
        os.close(os.open("%s/.with/ttl=never/job%d" % (mount, number), EXCLUSIVE))
        crowd.wait_for(number, mount, "job%d" % number)
    for number in range(len(mounts)):
        until("waiter %d queues" % number, lambda: redis.waiting("job%d" % number) == 1)
    time.sleep(1)
    began = now()
    redis("CONFIG", "RESETSTAT")
    time.sleep(float(seconds))
    asked, commands = redis.asked(), redis.commands()
    watched = ms(now() - began)
    del commands["config|resetstat"]
    print("%d %d %.1f" % (asked, watched, sum(commands.values()) / max(asked, 1)))
    crowd.end()
    for number, mount in enumerate(mounts):
        os.unlink("%s/job%d" % (mount, number))


def one_expiry(redis, count, *mounts):
    """COUNT wait for a lock that expires; who gets it keeps it: prints what the server was asked in a second around that."""
    os.close(os.open(mounts[0] + "/job", EXCLUSIVE))
    crowd = Crowd()
    crowd.wait_for("first", mounts[0], hold_s=100)
    until("it queues", lambda: redis.waiting() == 1)
    threads = Threads(redis, int(count), mounts)
    time.sleep(0.5)
    end = now() + 1.5
    os.setxattr(mounts[0] + "/job", "user.lock.ttl", b"1500ms")
    time.sleep(1)
    redis("CONFIG", "RESETSTAT")
    took = ms(crowd.hear_that("has")["at"] - end)
    time.sleep(max(0, end + 0.5 - now()))
    print("%d %.1f" % (redis.asked(), took))
    crowd.end()
    threads.crowd.end()


def hand_over(redis, rounds, crowd_size, port, orders, *mounts):
    """From the release on the first mount to one who waits on the second, behind whom so many others do. Once all wait,
    the proxy of the port gets its orders, such as to be slow. Prints the median round trip through it, and of hand-overs
    by close, by unlink, and from the answer of unlink, in ms."""
    def order(text):
        with open(orders + ".new", "w") as file:
            file.write(text)
        os.rename(orders + ".new", orders)

    with open(orders) as file:
        given = file.read()
    trips = []
    far = Redis(port=int(port))
    took = {"close": [], "unlink": [], "answer": []}
    for turn in range(2 * int(rounds)):
        crowd = Crowd()
        by_close = turn % 2 == 0
        order("{}")
        release = (lock_by_flock if by_close else lock_by_view)(mounts[0], "job")
        crowd.wait_for("next", mounts[1], hold_s=0)
        until("it queues", lambda: redis.waiting() == 1)
        others = Threads(redis, int(crowd_size), mounts) if int(crowd_size) else None
        order(given)
        # As long as it takes now, among all who wait.
        for _ in range(3):
            began = now()
            far("PING")
            trips.append(ms(now() - began))
        began = now()
        release()
        answered = now()
        at = crowd.hear_that("has")["at"]
        took["close" if by_close else "unlink"].append(ms(at - began))
        if not by_close:
            took["answer"].append(ms(at - answered))
        crowd.hear_that("gave")
        order("{}")
        if others:
            others.crowd.end()
        crowd.end()
        until("nobody waits", lambda: redis.waiting() == 0, 60)
    print(" ".join("%.1f" % median(each) for each in (trips, took["close"], took["unlink"], took["answer"])))


def count(redis, rounds, workers, file, *mounts):
    """ROUNDS of lock, increment, unlock by so many processes on each mount, each with a descriptor kept open."""
    crowd = Crowd()
    total = int(workers) * len(mounts)
    each = int(rounds) // total

    def work(mount):
        lock = os.open(mount + "/job", HANDLE)
        counter = os.open(file, os.O_RDWR)
        for _ in range(each):
            fcntl.flock(lock, fcntl.LOCK_EX)
            value = int(os.pread(counter, 20, 0) or b"0")
            os.pwrite(counter, b"%d" % (value + 1), 0)
            fcntl.flock(lock, fcntl.LOCK_UN)
        crowd.tell(mount, "done")

    open(file, "w").close()
    began = now()
    for number in range(total):
        crowd.start(number, work, mounts[number % len(mounts)])
    for _ in range(total):
        crowd.hear_that("done", 100)
    took = now() - began
    crowd.end()
    with open(file) as stream:
        if int(stream.read()) != each * total:
            sys.exit("lost updates: %s of %d" % (stream.read(), each * total))
    print("%d %.1f" % (each * total, took))


COMMANDS = {function.__name__: function for function in (
    order, ends, slow, intervals, holder_killed, waiter_killed, daemon_gone, holders_daemon_gone, stops, losses_by_force,
    losses_of_server, told, cuts, outage, kills, idle, beats, one_expiry, hand_over, count)}

if __name__ == "__main__":
    try:
        COMMANDS[sys.argv[1]](Server(sys.argv[2]), *sys.argv[3:])
    finally:
        end_children()
