# Shared locks: LOCK_SH of flock(2) and the view `shared`. Several holders have one lock, each with a token and a lease
# of its own, beside no exclusive one.

load ../lib/helper

# Functions for the scripts below. Each `Session` is a process in a session of its own, which makes calls when it is asked.
sessions() {
  cat <<'PY'
import ctypes, pickle, struct

JOB = M + "/job"

class Session:
    pipes = []  # of all sessions; each ends when its own is closed

    def __init__(self):
        asked, self.ask = os.pipe()
        self.answers, answer = os.pipe()
        self.pipes += self.ask, self.answers
        self.pid = os.fork()
        if self.pid == 0:
            for pipe in self.pipes:
                os.close(pipe)
            os.setsid()
            # A session that waits for a lock ends with the test that failed.
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            self.serve(asked, answer)
        os.close(asked), os.close(answer)

    def serve(self, asked, answer):
        self.files = {}
        while True:
            head = os.read(asked, 4)
            if not head:
                os._exit(0)
            name, arguments = pickle.loads(os.read(asked, struct.unpack("i", head)[0]))
            os.write(answer, pickle.dumps(outcome(getattr(self, "do_" + name), *arguments)))

    def send(self, name, *arguments):
        data = pickle.dumps((name, arguments))
        os.write(self.ask, struct.pack("i", len(data)) + data)

    def answer(self):
        return pickle.loads(os.read(self.answers, 65536))

    def has_answered(self):
        return select.select([self.answers], [], [], 0)[0] != []

    def do(self, name, *arguments):
        self.send(name, *arguments)
        return self.answer()

    def end(self):
        for pipe in self.ask, self.answers:
            os.close(pipe)
            self.pipes.remove(pipe)
        os.waitpid(self.pid, 0)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    # The calls. A file is named by a word.
    def do_open(self, word, path=JOB, flags=os.O_RDWR | os.O_CREAT):
        self.files[word] = os.open(path, flags)

    def do_close(self, word):
        os.close(self.files.pop(word))

    def do_flock(self, word, operation):
        fcntl.flock(self.files[word], operation)

    def do_write(self, word, data):
        return os.pwrite(self.files[word], data, 0)

    def do_content(self, word):
        return os.pread(self.files[word], 100, 0)

    def do_attribute(self, word, name):
        return attribute(self.files[word], name)

    def do_of_path(self, name, path=JOB):
        return attribute(path, name)

    def do_unlink(self, path=JOB):
        os.unlink(path)

    def do_touch(self, path=JOB):
        os.utime(path)

    def do_touch_file(self, word):
        os.utime(self.files[word])

def opened(count):
    """As many sessions, each with the lock open as the file `f`."""
    sessions = [Session() for _ in range(count)]
    for session in sessions:
        check("open", session.do("open", "f"), "OK")
    return sessions

SH, EX, UN, NB = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN, fcntl.LOCK_NB

def until(what, condition):
    end = boottime() + 20
    while not condition():
        check(what, boottime() < end, True)
        time.sleep(0.01)

def waiters():
    return int(attribute(JOB, "waiters"))
PY
}

sessions_py() {
  { sessions; cat; } >"$T/sessions.py"
  py <"$T/sessions.py"
}

@test "several sessions share a lock, each with its own token, and the file is there until the last has ended" {
  sessions_py <<'PY'
a, b, other = opened(3)
check("first", a.do("flock", "f", SH), "OK")
check("second", b.do("flock", "f", SH | NB), "OK")
tokens = [int(session.do("attribute", "f", "token")) for session in (a, b)]
check("tokens grow", tokens[0] < tokens[1], True)
for session, token in (a, tokens[0]), (b, tokens[1]), (other, tokens[0]):
    check("mode", session.do("attribute", "f", "mode"), "shared")
    check("holders", session.do("attribute", "f", "holders"), "2")
    check("by path", session.do("of_path", "token"), str(token))
    check("state", session.do("of_path", "state"), "UNAVAILABLE" if session is other else "ACQUIRED")
check("exclusive", other.do("flock", "f", EX | NB), "EAGAIN")
check("creation", outcome(os.open, JOB, os.O_CREAT | os.O_EXCL), "EEXIST")
check("rm by another", other.do("unlink"), "EPERM")
check("touch by another", other.do("touch"), "EPERM")
check("touch", a.do("touch"), "OK")
check("touch", b.do("touch_file", "f"), "OK")
check("unlock", a.do("flock", "f", UN), "OK")
check("the name", os.listdir(M), ["job"])
check("the other holder", b.do("attribute", "f", "state"), "ACQUIRED")
check("the token", b.do("of_path", "token"), str(tokens[1]))
check("holders", other.do("attribute", "f", "holders"), "1")
check("exclusive", other.do("flock", "f", EX | NB), "EAGAIN")
check("close", b.do("close", "f"), "OK")
until("free", lambda: os.listdir(M) == [])
check("exclusive", other.do("flock", "f", EX | NB), "OK")
check("mode", other.do("attribute", "f", "mode"), "exclusive")
check("holders", other.do("attribute", "f", "holders"), "1")
check("shared beside it", a.do("flock", "f", SH | NB), "EAGAIN")
for session in a, b, other:
    session.end()
PY
}

@test "one session shares a lock with itself, and its exclusive lock excludes its other descriptor" {
  sessions_py <<'PY'
one, two = os.open(JOB, os.O_RDWR | os.O_CREAT), os.open(JOB, os.O_RDWR | os.O_CREAT)
fcntl.flock(one, SH)
fcntl.flock(two, SH | NB)
check("holders", attribute(one, "holders"), "2")
check("tokens", attribute(one, "token") != attribute(two, "token"), True)
fcntl.flock(one, UN)
check("holders", attribute(two, "holders"), "1")
check("unlock of what is not locked", outcome(fcntl.flock, one, UN), "OK")
fcntl.flock(two, UN)
fcntl.flock(one, EX)
check("by another descriptor", outcome(fcntl.flock, two, SH | NB), "EAGAIN")
check("still there", attribute(one, "state"), "ACQUIRED")
PY
}

@test "a shared lock is converted to exclusive and back, with content and descriptor, and without a gap" {
  sessions_py <<'PY'
a, b = opened(2)
check("shared", a.do("flock", "f", SH), "OK")
check("write", a.do("write", "f", b"no"), "EBUSY")
first = int(a.do("attribute", "f", "token"))
check("a second descriptor of the holder", a.do("open", "g"), "OK")
check("exclusive", a.do("flock", "f", EX | NB), "OK")
second = int(a.do("attribute", "f", "token"))
check("tokens grow", first < second, True)
check("mode", a.do("attribute", "f", "mode"), "exclusive")
check("the other descriptor", a.do("attribute", "g", "token"), str(second))
check("write", a.do("write", "f", b"words"), 5)
check("write by the other descriptor", a.do("write", "g", b"W"), 1)
check("shared by another", b.do("flock", "f", SH | NB), "EAGAIN")
check("back", a.do("flock", "f", SH | NB), "OK")
third = int(a.do("attribute", "f", "token"))
check("tokens grow", second < third, True)
check("content", a.do("content", "f"), b"Words")
check("write", a.do("write", "f", b"no"), "EBUSY")
check("shared by another", b.do("flock", "f", SH | NB), "OK")
check("its content", b.do("content", "f"), b"Words")
check("not alone", a.do("flock", "f", EX | NB), "EAGAIN")
check("it keeps its lock", a.do("attribute", "f", "token"), str(third))
check("holders", a.do("attribute", "f", "holders"), "2")
check("unlock", a.do("flock", "f", UN), "OK")
check("the content stays", b.do("content", "f"), b"Words")
check("unlock", b.do("flock", "f", UN), "OK")
check("and goes with the last", b.do("content", "f"), b"")
for session in a, b:
    session.end()
PY
}

@test "who created a lock exclusively can share it, and a shared one can be created and locked exclusively" {
  sessions_py <<'PY'
fd = os.open(JOB, os.O_RDWR | os.O_CREAT | os.O_EXCL)
os.write(fd, b"mine")
fcntl.flock(fd, SH)
check("mode", attribute(fd, "mode"), "shared")
check("content", os.pread(fd, 10, 0), b"mine")
fcntl.flock(fd, UN)
os.close(fd)
until("free", lambda: os.listdir(M) == [])
fd = os.open(M + "/.with/shared/job", os.O_RDWR | os.O_CREAT | os.O_EXCL)
check("mode", attribute(fd, "mode"), "shared")
fcntl.flock(fd, EX | NB)
check("mode", attribute(fd, "mode"), "exclusive")
os.close(fd)
until("free", lambda: os.listdir(M) == [])
PY
}

@test "a shared lock that waits for exclusive gives up its share, as on a local disk" {
  sessions_py <<'PY'
a, b, c = opened(3)
check("shared", a.do("flock", "f", SH), "OK")
check("shared", b.do("flock", "f", SH), "OK")
a.send("flock", "f", EX)
until("it waits", lambda: waiters() == 1)
check("holders", b.do("attribute", "f", "holders"), "1")
check("who is alone need not wait", b.do("flock", "f", EX), "OK")
check("mode", b.do("attribute", "f", "mode"), "exclusive")
check("the first waits", a.has_answered(), False)
check("unlock", b.do("flock", "f", UN), "OK")
check("exclusive", a.answer(), "OK")
for session in a, b, c:
    session.end()
PY
}

@test "waiters are served in order: readers together, none passes a writer, and a writer waits for those in front" {
  sessions_py <<'PY'
sessions = opened(6)
holder, reader1, reader2, writer, reader3, reader4 = sessions
check("exclusive", holder.do("flock", "f", EX), "OK")
for number, (session, operation) in enumerate([(reader1, SH), (reader2, SH), (writer, EX), (reader3, SH), (reader4, SH)]):
    session.send("flock", "f", operation)
    until("it waits", lambda: waiters() == number + 1)
check("unlock", holder.do("flock", "f", UN), "OK")
check("first reader", reader1.answer(), "OK")
check("second reader", reader2.answer(), "OK")
check("a new reader does not pass the writer", holder.do("flock", "f", SH | NB), "EAGAIN")
check("the others wait", [session.has_answered() for session in (writer, reader3, reader4)], [False] * 3)
check("unlock", reader1.do("flock", "f", UN), "OK")
check("the writer waits", writer.has_answered(), False)
check("unlock", reader2.do("flock", "f", UN), "OK")
check("writer", writer.answer(), "OK")
check("the readers wait", [session.has_answered() for session in (reader3, reader4)], [False] * 2)
check("shared", writer.do("flock", "f", SH), "OK")
check("third reader", reader3.answer(), "OK")
check("fourth reader", reader4.answer(), "OK")
check("holders", writer.do("attribute", "f", "holders"), "3")
for session in sessions:
    session.end()
until("free", lambda: os.listdir(M) == [])
PY
}

@test "a reader that dies ends its share, and a waiting writer that is interrupted lets the readers behind it in" {
  sessions_py <<'PY'
a, b, writer, reader = opened(4)
check("shared", a.do("flock", "f", SH), "OK")
check("shared", b.do("flock", "f", SH), "OK")
a.kill()
until("its share ends", lambda: attribute(JOB, "holders") == "1")
writer.send("flock", "f", EX)
until("it waits", lambda: waiters() == 1)
reader.send("flock", "f", SH)
until("it waits", lambda: waiters() == 2)
writer.kill()
check("the reader", reader.answer(), "OK")
check("holders", attribute(JOB, "holders"), "2")
for session in b, reader:
    session.end()
PY
}

@test "rm by force ends all shares, and each holder is told" {
  sessions_py <<'PY'
a, b = opened(2)
for session in a, b:
    check("shared", session.do("flock", "f", SH), "OK")
check("force", outcome(os.unlink, M + "/.with/force/job"), "OK")
until("free", lambda: os.listdir(M) == [])
for session in a, b:
    check("state", session.do("attribute", "f", "state"), "EXPIRED")
    check("content", session.do("content", "f"), "ESTALE")
    check("shared again", session.do("flock", "f", SH | NB), "OK")
for session in a, b:
    session.end()
PY
}

@test "creation in the view shared takes a share, and rm ends that one alone" {
  sessions_py <<'PY'
VIEW = M + "/.with/shared/job"
NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL
a, b, other = Session(), Session(), Session()
check("first", a.do("open", "f", VIEW, NEW), "OK")
check("again", a.do("open", "g", VIEW, NEW), "EEXIST")
check("second", b.do("open", "f", VIEW, NEW), "OK")
check("plain creation", other.do("open", "f", JOB, NEW), "EEXIST")
for session in a, b:
    check("holders", session.do("of_path", "holders"), "2")
    check("mode", session.do("of_path", "mode"), "shared")
    check("state", session.do("of_path", "state", VIEW), "ACQUIRED")
    check("write", session.do("write", "f", b"no"), "EBUSY")
    check("truncating open", session.do("open", "h", VIEW, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "OK")
check("state", other.do("of_path", "state"), "UNAVAILABLE")
check("the view hides the shares of others", other.do("of_path", "state", VIEW), "ENOENT")
check("rm by another", other.do("unlink"), "EPERM")
token = b.do("of_path", "token")
check("rm", a.do("unlink"), "OK")
check("the name", os.listdir(M), ["job"])
check("once", a.do("unlink"), "EPERM")
check("the other share", b.do("of_path", "token"), token)
check("rm", b.do("unlink", VIEW), "OK")
check("the name", os.listdir(M), [])
check("exclusive", other.do("open", "f", JOB, NEW), "OK")
check("shared beside it", a.do("open", "x", VIEW, NEW), "EEXIST")
check("shared beside it, waiting", a.do("open", "x", M + "/.with/shared,wait=50ms/job", NEW), "ETIMEDOUT")
for session in a, b, other:
    session.end()
PY
}

@test "a view with shared and others: id, ttl, wait and hold" {
  sessions_py <<'PY'
NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL
waiter, reader = Session(), Session()  # before there are files that they would inherit
held = os.open(M + "/.with/shared,hold,ttl=20s/job", NEW)
check("ttl", attribute(held, "ttl"), "20.000")
fd = os.open(M + "/.with/shared,id=me/job", NEW)
check("id", attribute(M + "/.with/id=me/job", "id"), "me")
check("holders", attribute(fd, "holders"), "2")
check("the same id", outcome(os.open, M + "/.with/id=me,shared/job", NEW), "EEXIST")
os.unlink(M + "/.with/id=me/job")
check("holders", attribute(held, "holders"), "1")
check("open", waiter.do("open", "f", JOB), "OK")
waiter.send("flock", "f", EX)
until("it waits", lambda: waiters() == 1)
check("in front", outcome(os.open, M + "/.with/shared,id=you/job", NEW), "EEXIST")
reader.send("open", "f", M + "/.with/shared,wait=20s/job", NEW)
until("it waits", lambda: waiters() == 2)
os.close(held)
check("the writer", waiter.answer(), "OK")
check("unlock", waiter.do("flock", "f", UN), "OK")
check("the reader", reader.answer(), "OK")
for session in waiter, reader:
    session.end()
PY
}

@test "the lease of one share ends while the others go on" {
  sessions_py <<'PY'
NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL
held = os.open(JOB, os.O_RDWR | os.O_CREAT)
fcntl.flock(held, SH)
brief = os.open(M + "/.with/shared,ttl=300ms,id=brief/job", NEW)
check("holders", attribute(held, "holders"), "2")
until("its end", lambda: attribute(held, "holders") == "1")
check("the name", os.listdir(M), ["job"])
check("refresh of what has ended", outcome(os.utime, brief), "ESTALE")
check("the other", outcome(os.utime, held), "OK")
writer, = opened(1)
last = os.open(M + "/.with/shared,ttl=300ms,id=last/job", NEW)
writer.send("flock", "f", EX)
until("it waits", lambda: waiters() == 1)
fcntl.flock(held, UN)
check("the writer, after the last lease", writer.answer(), "OK")
writer.end()
PY
}

@test "2,000 shares of one lock and a writer that waits for all of them" {
  sessions_py <<'PY'
writer = Session()
files = []
for _ in range(2000):
    files.append(os.open(JOB, os.O_RDWR | os.O_CREAT))
    fcntl.flock(files[-1], SH | NB)
check("holders", attribute(JOB, "holders"), "2000")
check("open", writer.do("open", "f"), "OK")
writer.send("flock", "f", EX)
until("it waits", lambda: waiters() == 1)
check("no reader passes it", outcome(fcntl.flock, os.open(JOB, os.O_RDWR), SH | NB), "EAGAIN")
for fd in files[1:]:
    os.close(fd)
until("all but one", lambda: attribute(JOB, "holders") == "1")
check("the writer waits", writer.has_answered(), False)
fcntl.flock(files[0], UN)
check("the writer", writer.answer(), "OK")
writer.end()
PY
}

@test "readers and a writer by turns: no reader sees the writer at work, and the writer is served" {
  sessions_py <<'PY'
import mmap
shared = mmap.mmap(-1, 16)
end = boottime() + 3

def work(operation):
    os.setsid()
    fd = os.open(JOB, os.O_RDWR | os.O_CREAT)
    done = 0
    while boottime() < end:
        fcntl.flock(fd, operation)
        if operation == EX:
            check("nobody beside the writer", shared[0], 0)
            shared[0] = 1
            time.sleep(0.001)
            shared[0] = 0
        else:
            check("no writer", shared[0], 0)
            time.sleep(0.002)
            check("no writer", shared[0], 0)
        fcntl.flock(fd, UN)
        done += 1
    check("it was served", done > 3, True)

def start(operation):
    pid = os.fork()
    if pid == 0:
        try:
            work(operation)
        except BaseException as error:
            print(error, flush=True)
            os._exit(1)
        os._exit(0)
    return pid

for pid in [start(SH) for _ in range(6)] + [start(EX) for _ in range(2)]:
    check("a process", os.waitpid(pid, 0)[1], 0)
PY
}

@test "a shared lock is signalled to its process, and only to that of the share that is lost" {
  sessions_py <<'PY'
VIEW = M + "/.with/signal=USR1/job"
caught = []
signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
fd = os.open(VIEW, os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, SH)
other, = opened(1)
check("shared", other.do("flock", "f", SH), "OK")
check("its end", other.do("close", "f"), "OK")
until("one is left", lambda: attribute(fd, "holders") == "1")
check("no signal", caught, [])
os.unlink(M + "/.with/force/job")
until("the signal", lambda: caught == [1])
other.end()
PY
}
