"""Many processes that take places of a full directory, and are killed meanwhile.

pool.py LIMIT PROCESSES KILLS MOUNT...: the directory `pool` of all these mounts, which share their locks, has this limit.
Each process locks a file of its own there by flock(2). Fails if more than LIMIT have one at a time, if a process that was not
killed is not served, or if they are not served in the order in which they came.
"""

import fcntl
import mmap
import os
import random
import signal
import sys
import time

COMES, WAITS, HAS, DONE, KILLED = range(5)
LIMIT, COUNT, KILLS = map(int, sys.argv[1:4])
MOUNTS = sys.argv[4:]
POOL = MOUNTS[0] + "/pool"
DEADLINE = time.monotonic() + 100

state = mmap.mmap(-1, COUNT)  # of each process, which alone writes it; its killer does once it is stopped
crowds = mmap.mmap(-1, COUNT)  # set where a process saw too many
tokens = mmap.mmap(-1, COUNT * 8)


def attribute(path, name):
    return int(os.getxattr(path, "user.lock." + name))


def work(i):
    path = "%s/pool/%d" % (MOUNTS[i % len(MOUNTS)], i)
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    state[i] = WAITS
    fcntl.flock(fd, fcntl.LOCK_EX)
    state[i] = HAS
    if sum(each == HAS for each in state[:]) > LIMIT:
        crowds[i] = 1
    tokens[i * 8:i * 8 + 8] = attribute(path, "token").to_bytes(8, "little")
    time.sleep(random.uniform(0.005, 0.03))
    state[i] = DONE
    os.close(fd)


def start(i):
    pid = os.fork()
    if pid == 0:
        try:
            work(i)
            os._exit(0)
        except BaseException as error:
            print("process %d: %r" % (i, error), file=sys.stderr)
            os._exit(1)
    return pid


def until(holds, what):
    while not holds():
        if time.monotonic() > DEADLINE:
            sys.exit("waited too long for %s" % what)
        time.sleep(0.002)


def kill(i, wanted):
    """Kills a process, if it is in this state. Returns whether it was."""
    os.kill(pids[i], signal.SIGSTOP)
    time.sleep(0.001)
    if state[i] != wanted:
        os.kill(pids[i], signal.SIGCONT)
        return False
    state[i] = KILLED
    os.kill(pids[i], signal.SIGKILL)
    return True


def kill_some():
    """Kills waiters and holders by turns."""
    left = KILLS
    while left > 0 and time.monotonic() < DEADLINE:
        wanted = HAS if left % 2 else WAITS
        found = [i for i in range(COUNT) if state[i] == wanted]
        if found:
            left -= kill(random.choice(found), wanted)
        elif not any(each in (WAITS, HAS) for each in state[:]):
            break
        else:
            time.sleep(0.001)
    return KILLS - left


plugs = [os.open("%s/plug-%d" % (POOL, i), os.O_CREAT | os.O_EXCL | os.O_RDWR) for i in range(LIMIT)]
pids = []
for number in range(COUNT):
    pids.append(start(number))
    until(lambda: attribute(POOL, "waiters") == number + 1, "waiter %d" % number)
for i in range(LIMIT):
    os.unlink("%s/plug-%d" % (POOL, i))
killed = kill_some()
until(lambda: all(each in (DONE, KILLED) for each in state[:]), "all to be served: %r" % list(state[:]))
failed = [i for i in range(COUNT) if (os.waitpid(pids[i], 0)[1] != 0) != (state[i] == KILLED)]
served = [int.from_bytes(tokens[i * 8:i * 8 + 8], "little") for i in range(COUNT)]
served = [token for token in served if token]
until(lambda: os.listdir(POOL) == [], "the last locks to go")
if any(crowds[:]):
    sys.exit("more than %d at a time" % LIMIT)
if failed:
    sys.exit("failed: %r" % failed)
if served != sorted(served):
    sys.exit("not served in order: %r" % served)
if attribute(POOL, "waiters") != 0:
    sys.exit("somebody still waits")
print("%d served, %d killed" % (len(served), killed))
