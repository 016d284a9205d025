"""File operations over Redis while a right is missing, a key has a wrong type, or a value is damaged.

redis_damage.py rights SOCKET USER M N OPERATION...      takes each command of the scripts away from USER, in turn
redis_damage.py types SOCKET USER M N OPERATION...       puts a list in the place of each key, in turn
redis_damage.py settings SOCKET USER M N OPERATION...    puts damaged text in the place of the directory's lease, or of the last token
redis_damage.py details SOCKET USER M N OPERATION...     puts damaged text in the place of each detail of a holding, in turn
redis_damage.py holdings SOCKET USER M N OPERATION...    puts damaged text in the place of the shared holdings of a lock
redis_damage.py tickets SOCKET USER M N OPERATION...     puts damaged text in the place of what a ticket wants

M is a mount with the rights of USER; N is a mount with all rights. Whatever is damaged: an
operation that succeeds has its effect, one that fails has changed nothing (after a moment,
as a daemon may have to undo it), and none hangs. Prints each case in which that is not so
and fails, else the number of cases and of those that succeeded.
"""

import errno
import fcntl
import os
import pickle
import select
import signal
import socket
import sys
import time

from calls import outcome
from redis_client import Redis

NAMESPACE = "lockfs"
MOMENT = 3  # seconds until an undo has its effect
HANG = 8  # seconds after which a call hangs
COMMANDS = """evalsha time get set del exists mget pttl persist pexpire pexpireat hset hget hmget hgetall hdel
    zadd zrem zcard zcount zscore zrank zrevrange zscan zrangebyscore zrangebylex zremrangebyscore sadd srem
    scard sscan unlink publish""".split()
SHARED = "\0shared"  # the value of a shared lock
EXCLUSIVE = os.O_CREAT | os.O_EXCL | os.O_RDWR


# Operations of callers. A caller is a session of its own, and keeps its open files in `files`.

files = {}


def create(path, flags=EXCLUSIVE):
    files[path] = os.open(path, flags, 0o666)


def lock(path, flags):
    if path not in files:
        files[path] = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    fcntl.flock(files[path], flags)


def lock_until_interrupted(path):
    waits = True

    def interrupt(*_):
        if waits:
            raise InterruptedError(errno.EINTR, path)
    signal.signal(signal.SIGUSR1, interrupt)
    try:
        lock(path, fcntl.LOCK_EX)
    finally:
        waits = False


def write(path, data):
    os.pwrite(files[path], data, 0)


def state(path):
    return os.getxattr(files[path], "user.lock.state").decode()


def close_all():
    while files:
        os.close(files.popitem()[1])


class Caller:
    def __init__(self):
        self.connection, other = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.connection.close()
            os.setsid()
            self.serve(other.makefile("rwb"))
        other.close()
        self.stream = self.connection.makefile("rwb")

    def serve(self, stream):
        while True:
            try:
                function, arguments = pickle.load(stream)
            except EOFError:
                os._exit(0)
            pickle.dump(outcome(function, *arguments), stream)
            stream.flush()

    def begin(self, function, *arguments):
        pickle.dump((function, arguments), self.stream)
        self.stream.flush()

    def result(self):
        if not select.select([self.connection], [], [], HANG)[0]:
            return "HANGS"
        return pickle.load(self.stream)

    def __call__(self, function, *arguments):
        self.begin(function, *arguments)
        return self.result()


class Case:
    """An operation on a key in a directory of its own."""

    def __init__(self, redis, user, m, n, number):
        self.redis, self.user = redis, user
        self.dir = "d%d" % number
        self.key = self.dir + "/k"
        self.mine, self.theirs = "%s/%s" % (m, self.key), "%s/%s" % (n, self.key)
        self.m, self.n = m, n
        self.me, self.other = Caller(), Caller()
        self("HSET", self.name("#D:", self.dir), "mode", 0o777, "uid", 0, "gid", 0, "changed", 1)
        self("SADD", self.name("#s:", ""), self.dir)

    def __call__(self, *words):
        return self.redis(*words)

    def name(self, kind, of=None):
        return NAMESPACE + kind + (self.key if of is None else of)

    def view(self, options, path):
        return "%s/.with/%s/%s" % (self.m, options, path)

    def must(self, what, answer):
        if answer != "OK":
            raise RuntimeError("%s: %s" % (what, answer))

    def wait(self, condition):
        until = time.monotonic() + MOMENT
        while not condition():
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    def exists(self):
        return self("EXISTS", self.name(":")) == 1

    def left(self):
        return self("PTTL", self.name(":"))

    def detail(self, field):
        return self("HGET", self.name("#d:"), field)

    def holders(self):
        """The number of holdings of a shared lock; 0: it is not shared."""
        return self("ZCOUNT", self.name("#h:"), time.time() * 1000, "inf") if self("GET", self.name(":")) == SHARED else 0

    def shared(self, mount):
        return "%s/.with/shared/%s" % (mount, self.key)

    def remember(self):
        self.before = self("GET", self.name(":")), self.detail("token"), self.left(), time.monotonic()
        self.holders_before = self.holders()

    def as_before(self):
        """It is the same holding, and does not end earlier."""
        id, token, left, at = self.before
        if not id:
            return not self.exists()
        passed = (time.monotonic() - at) * 1000
        return self("GET", self.name(":")) == id and self.holders() == self.holders_before and \
            (left < 0 or self.left() >= left - passed - 500)

    def end(self):
        for caller in self.me, self.other:
            caller(close_all)
            os.kill(caller.pid, signal.SIGKILL)
            os.waitpid(caller.pid, 0)
        for kind in ":", "#d:", "#w:", "#t:", "#h:", "#H:", "#o:":
            self("DEL", self.name(kind))
        self("DEL", self.name("#D:", self.dir), self.name("#i:", self.dir), self.name("#s:", self.dir))
        self("SREM", self.name("#s:", ""), self.dir)


class Operation:
    """How to prepare it, to do it, to see whether it had its effect, and whether nothing has changed."""

    needs_lock = False

    def prepare(self, case):
        if self.needs_lock:
            case.must("prepare", case.me(create, case.mine))

    def act(self, case):
        raise NotImplementedError

    def done(self, case):
        raise NotImplementedError

    def undone(self, case):
        return case.as_before()


class Acquires(Operation):
    def done(self, case):
        return case.exists() and case.detail("id") == case("GET", case.name(":"))


class Create(Acquires):
    def act(self, case):
        return case.me(create, case.mine)


class CreateById(Acquires):
    def act(self, case):
        return case.me(create, case.view("id=alice", case.key))


class CreateWaiting(Acquires):
    def act(self, case):
        return case.me(create, case.view("wait=2s", case.key), os.O_CREAT | os.O_RDWR)


class LockOwn(Operation):
    needs_lock = True

    def act(self, case):
        return case.me(lock, case.mine, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def done(self, case):
        return case.exists() and case.detail("bound") == "1"


class Contend(Operation):
    def prepare(self, case):
        case.must("prepare", case.other(create, case.theirs))

    def act(self, case):
        return case.me(lock, case.mine, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def done(self, case):
        return False


class Release(Operation):
    needs_lock = True

    def act(self, case):
        return case.me(os.unlink, case.mine)

    def done(self, case):
        return not case.exists()


class PassOn(Release):
    """A waiter has the lock in a moment, or gets an error."""

    def prepare(self, case):
        case.must("prepare", case.me(create, case.mine))
        case.other.begin(lock, case.theirs, fcntl.LOCK_EX)
        if not case.wait(lambda: case("ZCARD", case.name("#w:")) == 1):
            raise RuntimeError("nobody waits")

    def done(self, case):
        answer = case.other.result()
        if answer == "OK":
            return case.other(state, case.theirs) == "ACQUIRED" and case.exists()
        # What is damaged is in its way, too.
        return answer == "EIO" and not case.exists()

    def undone(self, case):
        if not case.as_before():
            return False
        case("DEL", case.name(":"), case.name("#d:"))
        return case.other.result() != "HANGS"


class Receive(Operation):
    """Waits for a lock that another caller releases."""

    def prepare(self, case):
        case.must("prepare", case.other(create, case.theirs))
        case.me.begin(lock, case.mine, fcntl.LOCK_EX)
        if not case.wait(lambda: case("ZCARD", case.name("#w:")) == 1):
            raise RuntimeError("it does not wait")

    def act(self, case):
        answer = case.other(os.unlink, case.theirs)
        if answer != "OK":  # as where its key is damaged
            case("DEL", case.name(":"), case.name("#d:"))
        return case.me.result()

    def done(self, case):
        return case.exists() and case.me(state, case.mine) == "ACQUIRED"

    def undone(self, case):
        return not case.exists()


class Cancel(Operation):
    """Is interrupted while it waits. A failure is not reported; the ticket is removed as soon as possible."""

    def prepare(self, case):
        case.must("prepare", case.other(create, case.theirs))
        case.me.begin(lock_until_interrupted, case.mine)
        if not case.wait(lambda: case("ZCARD", case.name("#w:")) == 1):
            raise RuntimeError("it does not wait")

    def act(self, case):
        os.kill(case.me.pid, signal.SIGUSR1)
        return "OK" if case.me.result() != "HANGS" else "HANGS"

    def done(self, case):
        return case("EXISTS", case.name("#w:")) == 0 and case.as_before()


class Touch(Operation):
    needs_lock = True

    def prepare(self, case):
        super().prepare(case)
        for kind in ":", "#d:":
            case("PEXPIRE", case.name(kind), 100000)

    def act(self, case):
        return case.me(os.utime, case.mine)

    def done(self, case):
        # Now it ends a whole lease from now, which is what was left of it where that is damaged.
        return abs(case.left() - int(case.detail("ttl"))) < MOMENT * 1000


class Shorten(Operation):
    needs_lock = True

    def act(self, case):
        return case.me(os.setxattr, case.mine, "user.lock.ttl", b"60")

    def done(self, case):
        return 0 < case.left() <= 60000


class Force(Operation):
    def prepare(self, case):
        case.must("prepare", case.other(create, case.theirs))

    def act(self, case):
        return case.me(os.unlink, case.view("force", case.key))

    def done(self, case):
        return not case.exists()


class ForceBound(Force):
    def prepare(self, case):
        super().prepare(case)
        case.must("prepare", case.other(lock, case.theirs, fcntl.LOCK_EX | fcntl.LOCK_NB))

    def undone(self, case):
        return case.as_before() and case.other(state, case.theirs) == "ACQUIRED"


class Share(Operation):
    def act(self, case):
        return case.me(create, case.shared(case.m))

    def done(self, case):
        return case.holders() == 1


class ShareBeside(Share):
    def prepare(self, case):
        case.must("prepare", case.other(create, case.shared(case.n)))

    def done(self, case):
        return case.holders() == 2


class ReleaseShared(Operation):
    def prepare(self, case):
        case.must("prepare", case.other(create, case.shared(case.n)))
        case.must("prepare", case.me(create, case.shared(case.m)))

    def act(self, case):
        return case.me(os.unlink, case.mine)

    def done(self, case):
        return case.holders() == 1


class ReleaseLastShared(ReleaseShared):
    def prepare(self, case):
        case.must("prepare", case.me(create, case.shared(case.m)))

    def done(self, case):
        return not case.exists()


class TouchShared(ReleaseShared):
    def act(self, case):
        return case.me(os.setxattr, case.mine, "user.lock.ttl", b"900")

    def done(self, case):
        return case.holders() == 2 and 800000 < case.left() <= 900000


class ForceShared(ReleaseShared):
    """One holding is bound, one is not."""

    def prepare(self, case):
        case.must("prepare", case.other(lock, case.theirs, fcntl.LOCK_SH | fcntl.LOCK_NB))
        case.must("prepare", case.me(create, case.shared(case.m)))

    def act(self, case):
        return case.me(os.unlink, case.view("force", case.key))

    def done(self, case):
        return not case.exists()

    def undone(self, case):
        # Each holding ends by itself, so one may have before the server refused to end the other.
        return case.as_before() or case.holders() == 1


class Upgrade(Operation):
    before, after = fcntl.LOCK_SH, fcntl.LOCK_EX

    def prepare(self, case):
        case.must("prepare", case.me(lock, case.mine, self.before | fcntl.LOCK_NB))

    def act(self, case):
        return case.me(lock, case.mine, self.after | fcntl.LOCK_NB)

    def done(self, case):
        return case.exists() and case.detail("id") == case("GET", case.name(":"))


class Downgrade(Upgrade):
    before, after = fcntl.LOCK_EX, fcntl.LOCK_SH

    def done(self, case):
        return case.holders() == 1


class Write(Operation):
    needs_lock = True
    content = "words"

    def act(self, case):
        return case.me(write, case.mine, b"words")

    def done(self, case):
        return case.detail("content") == self.content

    def undone(self, case):
        return case.as_before() and case.detail("content") in (None, "before") or case("TYPE", case.name("#d:")) == "list"


class Truncate(Write):
    content = ""

    def prepare(self, case):
        super().prepare(case)
        case.must("prepare", case.me(write, case.mine, b"before"))

    def act(self, case):
        return case.me(os.truncate, case.mine, 0)


class MakeDir(Operation):
    def act(self, case):
        return case.me(os.mkdir, case.mine)

    def has(self, case):
        return (case("EXISTS", case.name("#D:")) == 1, case("SISMEMBER", case.name("#s:", case.dir), "k") == 1)

    def done(self, case):
        return self.has(case) == (True, True)

    def undone(self, case):
        return self.has(case) == (False, False)


class RemoveDir(MakeDir):
    def prepare(self, case):
        case.must("prepare", case.me(os.mkdir, case.mine))

    def act(self, case):
        return case.me(os.rmdir, case.mine)

    def done(self, case):
        return self.has(case) == (False, False)

    def undone(self, case):
        # What was damaged is not as before, whatever was done.
        return self.has(case) == (True, True) or case("TYPE", case.name("#s:", case.dir)) == "list"


class ConfigureDir(Operation):
    def prepare(self, case):
        case.must("prepare", case.me(os.setxattr, "%s/%s" % (case.m, case.dir), "user.lock.default_ttl", b"60"))

    def act(self, case):
        return case.me(os.removexattr, "%s/%s" % (case.m, case.dir), "user.lock.default_ttl")

    def setting(self, case):
        return case("HGET", case.name("#D:", case.dir), "ttl")

    def done(self, case):
        return self.setting(case) is None

    def undone(self, case):
        return self.setting(case) == "60000" or case("TYPE", case.name("#D:", case.dir)) == "list"


class List(Operation):
    needs_lock = True

    def act(self, case):
        return "OK" if case.me(os.listdir, "%s/%s" % (case.m, case.dir)) in (["k"], []) else "EIO"

    def done(self, case):
        return True


OPERATIONS = {
    "create": Create, "create-by-id": CreateById, "create-waiting": CreateWaiting, "lock-own": LockOwn,
    "contend": Contend, "release": Release, "pass-on": PassOn, "receive": Receive, "cancel": Cancel, "touch": Touch,
    "shorten": Shorten, "force": Force, "force-bound": ForceBound, "write": Write, "truncate": Truncate,
    "share": Share, "share-beside": ShareBeside, "release-shared": ReleaseShared, "release-last-shared": ReleaseLastShared,
    "touch-shared": TouchShared, "force-shared": ForceShared, "upgrade": Upgrade, "downgrade": Downgrade,
    "mkdir": MakeDir, "rmdir": RemoveDir, "configure": ConfigureDir, "list": List,
}


# Kinds of damage. Each function causes one, and returns a function that repairs it.

def without_right(command):
    def damage(case):
        case("ACL", "SETUSER", case.user, "-" + command)
        return lambda: case("ACL", "SETUSER", case.user, "+" + command)
    return damage


def wrong_type(kind, of=None):
    def damage(case):
        name = case.name(kind, of(case) if of else None)
        case("RENAME", name, "kept")
        case("RPUSH", name, "something else")

        def mend():
            if case("TYPE", name) == "list":
                case("DEL", name)
                case("RENAME", "kept", name)
            case("DEL", "kept")
        return mend
    return damage


def wrong_value(kind, field, value, of=None):
    def damage(case):
        name = case.name(kind, of(case) if of else None)
        if field is None:
            case("SET", name, value, "KEEPTTL")
        elif field == "*":
            for each in case("HKEYS", name):
                case("HSET", name, each, value)
        elif case("EXISTS", name):
            if value is None:
                case("HDEL", name, field)
            else:
                case("HSET", name, field, value)
        return lambda: kind == "#token" and case("DEL", name)
    return damage


def without_key(kind):
    def damage(case):
        case("DEL", case.name(kind))
        return lambda: None
    return damage


def in_dir(case):
    return case.dir


def nothing(case):
    return ""


def rights():
    for command in COMMANDS:
        yield "without " + command, without_right(command)


def types():
    for kind, of in ((":", None), ("#d:", None), ("#w:", None), ("#t:", None), ("#h:", None), ("#H:", None), ("#o:", None), ("#i:", in_dir), ("#s:", in_dir),
                     ("#D:", in_dir), ("#g", nothing), ("#token", nothing)):
        yield "a list at %s%s" % (NAMESPACE, kind), wrong_type(kind, of)


def settings():
    for value in "-5", "abc", "1.5", "9e99", "", "nan", "inf", "-inf", "0":
        yield "ttl=%r of the directory" % value, wrong_value("#D:", "ttl", value, in_dir)
        yield "token=%r" % value, wrong_value("#token", None, value, nothing)


def details():
    for field in "ttl", "token", "grace", "refreshed", "acquired", "mount", "user", "identity", "id":
        for value in "abc", "-5", "", None:
            yield "%s=%r in the details" % (field, value), wrong_value("#d:", field, value)


def holdings():
    for value in b"\xc1 garbage", b"\x00", b"\x92\xa2id\xa1x", b"":
        yield "shared holdings with the details %r" % value, wrong_value("#H:", "*", value)
    yield "no details of shared holdings", without_key("#H:")
    yield "no order of shared holdings", without_key("#o:")


def tickets():
    for value in b"\xc1 garbage", b"\x00", b"\x81\xa2id\xa1x", b"":
        yield "a ticket that wants %r" % value, wrong_value("#t:", "*", value)


def problem_of(case, operation, damage):
    operation.prepare(case)
    case.remember()
    mend = damage(case)
    answer = operation.act(case)
    mend()
    if answer == "HANGS":
        return answer, "it hangs"
    if answer == "OK":
        return answer, None if case.wait(lambda: operation.done(case)) else "it was answered OK and is not done"
    return answer, None if case.wait(lambda: operation.undone(case)) else "it was answered %s and changed something" % answer


def main(what, path, user, m, n, *names):
    redis = Redis(path)
    problems, count, good = [], 0, 0
    for name in names or OPERATIONS:
        for title, damage in globals()[what]():
            count += 1
            case = Case(redis, user, m, n, count)
            try:
                answer, problem = problem_of(case, OPERATIONS[name](), damage)
            except RuntimeError as error:
                answer, problem = None, str(error)
            good += answer == "OK"
            if problem:
                problems.append("%s, %s: %s" % (name, title, problem))
            case.end()
    if problems:
        sys.exit("\n".join(problems))
    print("%d cases, of which %d succeeded" % (count, good))


main(*sys.argv[1:])
