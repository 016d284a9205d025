"""Does every kind of operation on a mount whose server fails, and times them.

redis_ops.py prepare M                    makes the directories and locks that the operations need
redis_ops.py measure M LIMIT ERRNO...     does all operations at the same time, then one after another
redis_ops.py local M                      operations that need no server end soon
redis_ops.py heals M LIMIT                prints after how many ms the mount works again
redis_ops.py churn M SECONDS ERRNO...     acquires and releases in a loop; only these errors may occur

LIMIT is in ms; `OK` may be among the ERRNOs. Prints problems and fails, or prints the longest time.
"""

import errno
import os
import select
import sys
import time

LOCAL_LIMIT_MS = 900  # an operation that asks the server waits for a second at least
CREATE = os.O_CREAT | os.O_EXCL | os.O_WRONLY


def place(m, name, last):
    return "%s/%s/%s" % (m, name, last)


def create(path, flags=CREATE):
    os.close(os.open(path, flags))


# Each operation has a directory of its own, because the kernel serializes some in one directory.
OPERATIONS = {
    "stat": lambda m: os.stat(place(m, "stat", "absent")),
    "stat held": lambda m: os.stat(place(m, "stat held", "held")),
    "create": lambda m: create(place(m, "create", "new")),
    "create by id": lambda m: create(place(m + "/.with/id=alice", "create by id", "new")),
    "open": lambda m: create(place(m, "open", "held"), os.O_WRONLY),
    "touch": lambda m: os.utime(place(m, "touch", "held")),
    "rm": lambda m: os.unlink(place(m, "rm", "held")),
    "force": lambda m: os.unlink(place(m + "/.with/force", "force", "held")),
    "ls": lambda m: os.listdir(place(m, "ls", "")),
    "getfattr": lambda m: os.getxattr(place(m, "getfattr", "held"), "user.lock.state"),
    "setfattr": lambda m: os.setxattr(place(m, "setfattr", "held"), "user.lock.ttl", b"60"),
    "truncate": lambda m: os.truncate(place(m, "truncate", "held"), 0),
    "mkdir": lambda m: os.mkdir(place(m, "mkdir", "new")),
    "rmdir": lambda m: os.rmdir(place(m, "rmdir", "empty")),
    "chmod": lambda m: os.chmod(place(m, "chmod", "empty"), 0o700),
    "ls root": lambda m: os.listdir(m),
    "stat root": lambda m: os.stat(m),
}


def outcome(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "OK"


def timed(function, *arguments):
    began = time.monotonic()
    answer = outcome(function, *arguments)
    return answer, (time.monotonic() - began) * 1000


def prepare(m):
    for name in OPERATIONS:
        os.mkdir("%s/%s" % (m, name))
        os.mkdir(place(m, name, "empty"))
        create(place(m, name, "held"))


def all_at_once(m):
    """[(name, answer, ms)], each done by a process of its own."""
    readers = []
    for name, function in OPERATIONS.items():
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.write(writer, b"%s %f" % tuple(x if isinstance(x, float) else x.encode() for x in timed(function, m)))
            os._exit(0)
        os.close(writer)
        readers.append((name, reader))
    answers = []
    for name, reader in readers:
        with os.fdopen(reader) as stream:
            answer, took = stream.read().split()
        os.wait()
        answers.append((name, answer, float(took)))
    return answers


def measure(m, limit, *allowed):
    answers = all_at_once(m)
    for name, function in OPERATIONS.items():
        answers.append((name, *timed(function, m)))
    problems = ["%s: %s after %d ms" % each for each in answers
                if each[2] > float(limit) or each[1] not in allowed + (("OK",) if each[0] == "stat root" else ())]
    if problems:
        sys.exit("\n".join(problems))
    print(round(max(took for _, _, took in answers)))


def local(m):
    wanted = {
        "stat of the root": (lambda: os.stat(m), "OK"),
        "a bad view": (lambda: os.stat(m + "/.with/bad/job"), "EINVAL"),
        "the hidden directory": (lambda: os.stat(m + "/.with"), "OK"),
        "a good view": (lambda: os.stat(m + "/.with/ttl=5s"), "OK"),
        "a reserved name": (lambda: create(m + "/.with", CREATE), "EEXIST"),
    }
    problems = []
    for name, (function, right) in wanted.items():
        answer, took = timed(function)
        if answer != right or took > LOCAL_LIMIT_MS:
            problems.append("%s: %s after %d ms" % (name, answer, took))
    if problems:
        sys.exit("\n".join(problems))


def heals(m, limit):
    began = time.monotonic()
    while True:
        answer = outcome(os.stat, m + "/absent")
        took = (time.monotonic() - began) * 1000
        if answer == "ENOENT":
            break
        if took > float(limit) + 5000:
            sys.exit("after %d ms it still answers %s" % (took, answer))
        time.sleep(0.005)
    if took > float(limit):
        sys.exit("it took %d ms" % took)
    print(round(took))


def churn(m, seconds, *allowed):
    until = time.monotonic() + float(seconds)
    path = "%s/churn-%d" % (m, os.getpid())
    counts = {}
    while time.monotonic() < until:
        for function, right in ((create, ("OK", "EEXIST")), (os.unlink, ("OK", "ENOENT"))):
            answer = outcome(function, path)
            counts[answer] = counts.get(answer, 0) + 1
            if answer not in allowed and answer != "OK":
                # What follows an answer that was lost may find it done or not.
                if not (answer in right and set(allowed) & {"ETIMEDOUT"}):
                    sys.exit("%s: %s after %s" % (function.__name__, answer, counts))
    print(" ".join("%s=%d" % each for each in sorted(counts.items())))


globals()[sys.argv[1]](*sys.argv[2:])
