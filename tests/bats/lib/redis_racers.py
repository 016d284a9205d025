"""Processes that race for locks on several mounts of one server.

redis_racers.py race ROUNDS RACERS MOUNT...    RACERS processes on each mount, in
    sessions of their own, take one lock: in turns by exclusive creation, by creation in a view with
    an id, and by flock(2). Prints the rounds and how often each mount won
redis_racers.py cycle COUNT WORKERS MOUNT...   acquires and releases, COUNT times in all
redis_racers.py lapse COUNT WORKERS MOUNT...   acquires COUNT locks with leases of 20 to 50 ms, and leaves them
"""

import errno
import fcntl
import os
import sys
import time

CREATE = os.O_CREAT | os.O_EXCL | os.O_WRONLY


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def create(path, flags=CREATE):
    os.close(os.open(path, flags))
    return "won"


class ByFlock:
    """Locks a file that it opened as any program does, and unlocks it."""

    def __init__(self):
        self.fd = None

    def take(self, path):
        self.fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_TRUNC)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.fd)
            raise
        return "won"

    def release(self, _path):
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        os.close(self.fd)


class Gates:
    """Lets all children through at once. Two pipes in turn, so that none passes twice."""

    def __init__(self):
        self.pipes = [os.pipe(), os.pipe()]
        self.turn = 0

    def open(self, count):
        os.write(self.pipes[self.turn][1], b"x" * count)
        self.turn ^= 1

    def wait(self):
        os.read(self.pipes[self.turn][0], 1)
        self.turn ^= 1


# What whoever does not win is told in each of the ways.
REFUSED = ("EEXIST", "EBUSY", "EAGAIN")


def racer(mount, number, rounds, gates, results):
    os.setsid()
    path, view = mount + "/prize", "%s/.with/id=racer-%d/prize" % (mount, number)
    flocker = ByFlock()
    # How to take it, how to release it, and the path.
    ways = ((create, os.unlink, path), (lambda name: create(name, os.O_CREAT | os.O_WRONLY), os.unlink, view),
            (flocker.take, flocker.release, path))
    for turn in range(rounds):
        take, release, name = ways[turn % len(ways)]
        gates.wait()
        answer = outcome(take, name)
        os.write(results, b"%-4d %-9s\n" % (number, answer.encode()))
        gates.wait()
        answer = outcome(release, name) if answer == "won" else None
        os.write(results, b"%-4d %-9s\n" % (number, str(answer).encode()))
    os._exit(0)


def read_results(stream, count):
    return [stream.readline().split() for _ in range(count)]


def race(rounds, racers, *mounts):
    rounds, racers = int(rounds), int(racers)
    gates = Gates()
    reader, writer = os.pipe()
    count = racers * len(mounts)
    for number in range(count):
        if os.fork() == 0:
            racer(mounts[number % len(mounts)], number, rounds, gates, writer)
    won_on = [0] * len(mounts)
    with os.fdopen(reader) as stream:
        for turn in range(rounds):
            gates.open(count)
            answers = read_results(stream, count)
            winners = [number for number, answer in answers if answer == "won"]
            others = {answer for _, answer in answers if answer != "won"}
            if len(winners) != 1 or others - {REFUSED[turn % len(REFUSED)]}:
                sys.exit("round %d: winners %s, others %s" % (turn, winners, others))
            won_on[int(winners[0]) % len(mounts)] += 1
            gates.open(count)
            released = {answer for _, answer in read_results(stream, count)}
            if released != {"None"}:
                sys.exit("round %d: the winner's release: %s" % (turn, released))
    for _ in range(count):
        os.wait()
    print(rounds, *won_on)


def work(workers, mounts, job):
    """Runs job(mount, worker) in so many processes on each mount; all must succeed."""
    pids = []
    for number in range(workers * len(mounts)):
        pid = os.fork()
        if pid == 0:
            try:
                job(mounts[number % len(mounts)], number)
            except OSError as error:
                print("worker %d: %s" % (number, error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        pids.append(pid)
    if any([os.waitpid(pid, 0)[1] for pid in pids]):
        sys.exit("a worker failed")


def cycle(count, workers, *mounts):
    each = int(count) // (int(workers) * len(mounts))

    def job(mount, number):
        for turn in range(each):
            path = "%s/team/cycle-%d-%d" % (mount, number, turn)
            create(path)
            os.unlink(path)

    work(int(workers), mounts, job)


def lapse(count, workers, *mounts):
    each = int(count) // (int(workers) * len(mounts))

    def job(mount, number):
        for turn in range(each):
            ttl_ms = 20 + turn % 31
            began = time.monotonic()
            try:
                create("%s/.with/ttl=%dms/team/lapse-%d-%d" % (mount, ttl_ms, number, turn))
            except TimeoutError:
                # The answer may come after the end of its own lease, and not before.
                if time.monotonic() - began < ttl_ms / 1000:
                    raise

    work(int(workers), mounts, job)


globals()[sys.argv[1]](*sys.argv[2:])
