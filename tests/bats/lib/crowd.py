"""Holders and contenders on some mounts while their server changes, and a judge of what they believed.

crowd.py DIR HOLDERS LEASE MOUNT...

HOLDERS locks are held by this process all the time, half of them by descriptors with this lease; processes of other sessions acquire and
release others in a loop, and try for those that are held. DIR/ready tells that all have begun. For each line N of the input
all holders are looked at: DIR/checked.N says `kept`, or which are lost. After the line `end`, DIR/result has the number
of acquisitions, of those that began while another holder of the key believed to hold it, and the longest time in ms without
an acquisition.
"""

import errno
import fcntl
import os
import random
import select
import signal
import sys
import time

CONTENDERS = 3      # on each mount
KEYS = 5            # for which they contend
LEASE_S = 3         # of what they acquire
BOUND_S = 30        # until a holder is sure to be back

now = time.monotonic
lease = None        # of descriptors, from the command line


def attribute(file, name):
    return os.getxattr(file, "user.lock." + name).decode()


# Holders

class FileHolder:
    """By exclusive creation; the lease never ends, and nobody renews it."""

    def __init__(self, mount, name):
        self.path = os.path.join(mount, name)
        os.close(os.open(os.path.join(mount, ".with/ttl=never", name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        self.token = attribute(self.path, "token")

    def is_kept(self):
        return attribute(self.path, "state") == "ACQUIRED" and attribute(self.path, "token") == self.token


class DescriptorHolder:
    """By flock(2); the mount renews the lease, and tells the descriptor when it is lost."""

    def __init__(self, mount, name):
        self.fd = os.open(os.path.join(mount, ".with/ttl=" + lease, name), os.O_CREAT | os.O_RDWR, 0o644)
        fcntl.flock(self.fd, fcntl.LOCK_EX)
        self.token = attribute(self.fd, "token")
        self.poll = select.poll()
        self.poll.register(self.fd, 0)

    def is_kept(self):
        return not self.poll.poll(0) and attribute(self.fd, "state") == "ACQUIRED" and \
            attribute(self.fd, "token") == self.token


def look(holder):
    """Is it kept? A server that is away is waited for; an answer of it is final."""
    end = now() + BOUND_S
    while True:
        try:
            return holder.is_kept()
        except OSError as error:
            if error.errno not in (errno.EHOSTDOWN, errno.ETIMEDOUT, errno.EIO) or now() > end:
                return False
        time.sleep(0.02)


# Contenders

def contend(mount, holders, log, seed):
    """Writes a line for each acquisition: the key, and from when to when it was believed to be held."""
    os.setsid()
    chance = random.Random(seed)
    with open(log, "w", buffering=1) as file:
        while True:
            key = "h%d" % chance.randrange(holders) if chance.random() < 0.1 else "c%d" % chance.randrange(KEYS)
            path = os.path.join(mount, ".with/ttl=%ds" % LEASE_S, key)
            began = now()
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except OSError as error:
                time.sleep(0.002 if error.errno == errno.EEXIST else 0.02)
                continue
            had = now()
            time.sleep(chance.uniform(0, 0.02))
            file.write("%s %.6f %.6f\n" % (key, had, min(now(), began + LEASE_S)))
            try:
                os.unlink(os.path.join(mount, key))
            except OSError:
                pass  # it has given the lock up in any case, and its lease ends


def start_contenders(dir, holders, mounts):
    pids, logs = [], []
    for mount in mounts:
        for number in range(CONTENDERS):
            logs.append(os.path.join(dir, "log.%d" % len(logs)))
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                try:
                    contend(mount, holders, logs[-1], "%s/%d" % (mount, number))
                finally:
                    os._exit(1)
            pids.append(pid)
    return pids, logs


# The judge

def beliefs(logs):
    found = []
    for log in logs:
        with open(log) as file:
            for line in file:
                if line.endswith("\n"):
                    key, begin, end = line.split()
                    found.append((key, float(begin), float(end)))
    return found


def judge(found):
    doubles = sum(key.startswith("h") for key, _, _ in found)
    for key in {key for key, _, _ in found}:
        held_until = 0
        for begin, end in sorted((begin, end) for each, begin, end in found if each == key):
            doubles += begin < held_until
            held_until = max(held_until, end)
    times = sorted(begin for _, begin, _ in found)
    stall = max((later - earlier for earlier, later in zip(times, times[1:])), default=0)
    return "%d %d %.0f" % (len(found), doubles, stall * 1000)


def write(path, text):
    with open(path + ".new", "w") as file:
        file.write(text + "\n")
    os.rename(path + ".new", path)


def main():
    global lease
    dir, count, lease, mounts = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    holders = [(FileHolder, DescriptorHolder)[n % 2](mounts[n // 2 % len(mounts)], "h%d" % n) for n in range(count)]
    pids, logs = start_contenders(dir, count, mounts)
    try:
        write(os.path.join(dir, "ready"), "ready")
        for number in iter(sys.stdin.readline, "end\n"):
            lost = ["h%d" % n for n, holder in enumerate(holders) if not look(holder)]
            write(os.path.join(dir, "checked." + number.strip()), "lost: " + " ".join(lost) if lost else "kept")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    write(os.path.join(dir, "result"), judge(beliefs(logs)))


main()
