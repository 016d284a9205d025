"""The ways to take a lock, each against each.

    idioms.py exclude|show|kill HERE THERE

HERE and THERE are mounts of the same locks. Holder and contender are processes in sessions of their own; the contender says
what it got, and both release in their idiom's own way.
"""
import contextlib
import fcntl
import os
import subprocess
import sys
import time


class Exclusive:
    """open(O_CREAT | O_EXCL); rm"""
    form = "file"

    def __init__(self, mount):
        self.job = mount + "/job"

    def take(self):
        os.close(os.open(self.job, os.O_CREAT | os.O_EXCL | os.O_WRONLY))

    def release(self):
        os.unlink(self.job)


class Flock:
    """open; flock(LOCK_EX | LOCK_NB); close"""
    form = "file"

    def __init__(self, mount):
        self.fd = os.open(mount + "/.with/file/job", os.O_CREAT | os.O_RDWR)

    def take(self):
        fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self):
        fcntl.flock(self.fd, fcntl.LOCK_UN)


class Fcntl(Flock):
    """open; fcntl(F_SETLK); unlock"""

    def take(self):
        fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self):
        fcntl.lockf(self.fd, fcntl.LOCK_UN)


class Link(Exclusive):
    """link of a file of one's own; rm"""

    def __init__(self, mount):
        super().__init__(mount)
        self.own = "%s/own.%d" % (mount, os.getpid())

    def take(self):
        os.close(os.open(self.own, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            os.link(self.own, self.job)
            assert os.stat(self.own).st_nlink == 2
        except OSError:
            assert os.stat(self.own).st_nlink == 1
            raise
        finally:
            os.unlink(self.own)


class Symlink(Exclusive):
    """symlink; rm"""
    form = "symlink"

    def take(self):
        os.symlink("me@here.%d" % os.getpid(), self.job)


class Rename(Link):
    """rename of a file of one's own; rm"""

    def take(self):
        os.close(os.open(self.own, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            os.rename(self.own, self.job)
        except OSError:
            os.unlink(self.own)
            raise


class Mkdir(Exclusive):
    """mkdir in the view lockdir; rmdir"""
    form = "directory"

    def __init__(self, mount):
        super().__init__(mount + "/.with/lockdir")

    def take(self):
        os.mkdir(self.job)

    def release(self):
        os.rmdir(self.job)


IDIOMS = {each.__name__: each for each in (Exclusive, Flock, Fcntl, Link, Symlink, Rename, Mkdir)}

# Each gets this if another holds the lock.
REFUSED = (FileExistsError, BlockingIOError, PermissionError)


def is_refused(error):
    """rename(2) fails with EBUSY, as the name of another's lock cannot be replaced."""
    return isinstance(error, REFUSED) or error.strerror == "Device or resource busy"


class Party:
    """A process in a session of its own that takes and releases by one idiom, as it is told."""

    def __init__(self, idiom, mount):
        self.process = subprocess.Popen([sys.executable, __file__, "act", idiom, mount], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, start_new_session=True)

    def tell(self, what):
        print(what, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()


def act(idiom, mount):
    party = IDIOMS[idiom](mount)
    for line in sys.stdin:
        try:
            getattr(party, line.strip())()
            print("OK", flush=True)
        except OSError as error:
            print("refused" if is_refused(error) else "%s: %s" % (line.strip(), error), flush=True)


LOCKCTL = os.environ["LOCKCTL"]

problems = []


def check(what, got, wanted):
    if got != wanted:
        problems.append("%s: %r, expected %r" % (what, got, wanted))


@contextlib.contextmanager
def parties(mount):
    """One of each idiom."""
    each = {idiom: Party(idiom, mount) for idiom in IDIOMS}
    try:
        yield each
    finally:
        for party in each.values():
            party.end()


def lockctl(*arguments):
    return subprocess.run([LOCKCTL, *arguments], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


def attribute(path, name):
    return os.getxattr(path, "user.lock." + name).decode()


def gone(path):
    """Closing a file that is locked does not wait until the lock is released."""
    for _ in range(500):
        if not os.path.lexists(path):
            return True
        time.sleep(0.01)
    return False


def exclude(here, there):
    with parties(here) as holders, parties(there) as contenders:
        for holder, first in holders.items():
            for contender, second in contenders.items():
                what = "%s, then %s" % (holder, contender)
                check(what + ": first", first.tell("take"), "OK")
                check(what + ": second", second.tell("take"), "refused")
                check(what + ": state", attribute(there + "/.with/file/job", "state"), "UNAVAILABLE")
                check(what + ": release", first.tell("release"), "OK")
                check(what + ": released", gone(there + "/job"), True)
                check(what + ": afterwards", second.tell("take"), "OK")
                check(what + ": first again", first.tell("take"), "refused")
                check(what + ": second releases", second.tell("release"), "OK")
                check(what + ": all released", gone(here + "/job"), True)


def show(here, there):
    """What others see of a lock, and that whoever waits by flock(2) gets it."""
    seen = there + "/.with/file/job"
    with parties(here) as holders:
        for holder, party in holders.items():
            check(holder, party.tell("take"), "OK")
            check(holder + ": form", attribute(seen, "form"), IDIOMS[holder].form)
            check(holder + ": mode", attribute(seen, "mode"), "exclusive")
            check(holder + ": pid", attribute(seen, "pid"), str(party.process.pid))
            check(holder + ": listed", os.listdir(there), ["job"])
            check(holder + ": lockctl state", lockctl("state", there + "/job"), "UNAVAILABLE")
            check(holder + ": lockctl ls", str(party.process.pid) in lockctl("ls", there), True)
            with subprocess.Popen(["flock", seen, "true"], start_new_session=True) as waiter:
                while attribute(seen, "waiters") != "1":
                    time.sleep(0.01)
                check(holder + ": waits", waiter.poll(), None)
                check(holder + ": release", party.tell("release"), "OK")
                check(holder + ": waiter", waiter.wait(), 0)
            check(holder + ": left", gone(here + "/job"), True)


def force(mount, token):
    os.unlink("%s/.with/file,force,token=%s/job" % (mount, token))


def force_fails(mount, token):
    try:
        force(mount, token)
    except OSError as error:
        return error.strerror
    return "OK"


def kill(here, there):
    with parties(here) as holders, parties(there) as contenders:
        for holder, first in holders.items():
            check(holder, first.tell("take"), "OK")
            token = attribute(there + "/.with/file/job", "token")
            first.kill()
            if holder in ("Flock", "Fcntl"):
                check(holder + " ends with its process", gone(there + "/job"), True)
            else:
                for contender, second in contenders.items():
                    check("%s is killed, then %s" % (holder, contender), second.tell("take"), "refused")
                force(there, token)
            for contender, second in contenders.items():
                what = "after %s, %s" % (holder, contender)
                check(what, second.tell("take"), "OK")
                check(what + ": the old token", force_fails(there, token), "Stale file handle")
                check(what + ": releases", second.tell("release"), "OK")
                check(what + ": is released", gone(here + "/job"), True)


def main():
    command, here, there = sys.argv[1:]
    {"act": act, "exclude": exclude, "show": show, "kill": kill}[command](here, there)
    if problems:
        sys.exit("\n".join(problems))


main()
