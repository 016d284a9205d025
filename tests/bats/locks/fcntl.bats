# fcntl(2): locks of a process (F_SETLK) and of an open file (F_OFD_SETLK). Any range means the lock that creation takes.

load ../lib/helper

setup() {
  setup_dirs
  [ -e "$BATS_RUN_TMPDIR/fcntl_workers.py" ] || install -m 644 "$BATS_TEST_DIRNAME/../lib/fcntl_workers.py" "$BATS_RUN_TMPDIR"
  mount_lockfs
}

# What is in a file that a script writes.
says() {
  [[ -e $2 && $(<"$2") == "$1" ]]
}

is_given_back() {
  wait_until gone "$1"
}

workers() {
  { echo 'from fcntl_workers import *'; echo 'JOB = M + "/job"'; cat; } >"$T/workers"
  py "$@" <"$T/workers"
}

@test "who holds a lock decides what every call for it answers, by the table" {
  workers <<'PY'
# What is done before, by `me` through `mine`, or by `other` through `theirs`; `second` is another open file of `me`.
def prepare(me, other, files):
    return {
        "nobody": lambda: None,
        "own, same descriptor": lambda: me.setlk(files["mine"], EX),
        "own, other descriptor": lambda: me.setlk(files["second"], EX),
        "own shared, same descriptor": lambda: me.setlk(files["mine"], SH),
        "own shared, other descriptor": lambda: me.setlk(files["second"], SH),
        "other process": lambda: other.setlk(files["theirs"], EX),
        "other process shared": lambda: other.setlk(files["theirs"], SH),
        "flock, same open file": lambda: me.flock(files["mine"], fcntl.LOCK_EX),
        "flock, own other open file": lambda: me.flock(files["second"], fcntl.LOCK_EX),
        "flock of another": lambda: other.flock(files["theirs"], fcntl.LOCK_EX),
        "flock shared of another": lambda: other.flock(files["theirs"], fcntl.LOCK_SH),
        "open file lock, same": lambda: me.ofd(files["mine"], EX),
        "open file lock, own other": lambda: me.ofd(files["second"], EX),
    }

# The answers to: exclusive, waiting, shared, test, test shared, open file lock, the same shared, lockf(3).
def free(pid): return "OK OK OK none none OK OK OK"
def no_open_file(pid): return "OK OK OK none none EAGAIN EAGAIN OK"
def open_file_too(pid): return "OK OK OK none none EAGAIN OK OK"
def held(pid): return "EAGAIN EINTR EAGAIN exclusive exclusive EAGAIN EAGAIN EAGAIN"
def read(pid): return "EAGAIN EINTR OK shared none EAGAIN OK EAGAIN"
WANTED = {
    "nobody": free,
    "own, same descriptor": no_open_file,
    "own, other descriptor": no_open_file,
    "own shared, same descriptor": open_file_too,
    "own shared, other descriptor": open_file_too,
    "other process": held,
    "other process shared": read,
    "flock, same open file": free,
    "flock, own other open file": held,
    "flock of another": held,
    "flock shared of another": read,
    "open file lock, same": lambda pid: "EAGAIN EINTR EAGAIN exclusive exclusive OK OK EAGAIN",
    "open file lock, own other": held,
}
CALLS = [
    lambda me, fd: me.setlk(fd, EX),
    lambda me, fd: me.alarmed("=setlkw", fd, EX),
    lambda me, fd: me.setlk(fd, SH),
    lambda me, fd: me.getlk(fd, EX),
    lambda me, fd: me.getlk(fd, SH),
    lambda me, fd: me.ofd(fd, EX),
    lambda me, fd: me.ofd(fd, SH),
    lambda me, fd: me.outcome("=fcntl.lockf", fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
]
for state, want in WANTED.items():
    answers = []
    for call in CALLS:
        me, other = Worker(), Worker()
        files = {"mine": me.opened(JOB), "second": me.opened(JOB), "theirs": other.opened(JOB)}
        check(state + ": prepared", prepare(me, other, files)[state]() in ("OK", None), True)
        answers.append(call(me, files["mine"]))
        # What was held before is held still, whatever the answer was.
        probe = Worker()
        check(state + ": held after", probe.getlk(probe.opened(JOB), EX) == "none",
              state == "nobody" and (answers[-1] in ("none",)))
        for worker in (me, other, probe):
            worker.quit()
    answers = " ".join(each.split()[0] for each in answers)
    check(state, answers, want(0))
PY
}

@test "closing any descriptor of the key ends the lock of the process, closing one of another key does not" {
  workers <<'PY'
me, other = Worker(), Worker()
theirs = other.opened(JOB)
def close(how):
    mine = me.opened(JOB)
    check(how + ": lock", me.setlk(mine, EX), "OK")
    second = me.opened(JOB, os.O_RDONLY) if how == "reader" else me.opened(JOB)
    third = me.opened(M + "/other")
    copy = me.outcome("=os.dup", mine)
    me.outcome("=os.close", third)
    check(how + ": another key was closed", other.setlk(theirs, EX), "EAGAIN")
    me.outcome("=os.close", {"itself": mine, "copy": copy, "second": second, "reader": second}[how])
    check(how + ": after close", other.setlk(theirs, EX), "OK")
    check(how + ": the first owner", me.setlk({"itself": copy}.get(how, mine), EX), "EAGAIN")
    check(how + ": unlock", other.setlk(theirs, UN), "OK")
    for fd in {mine, second, copy} - {{"itself": mine, "copy": copy}.get(how, second)}:
        me.outcome("=os.close", fd)
for how in "itself", "copy", "second", "reader":
    close(how)
PY
}

@test "a lock of an open file ends with its last descriptor, whoever closes others" {
  workers <<'PY'
me, other = Worker(), Worker()
theirs = other.opened(JOB)
mine, second = me.opened(JOB), me.opened(JOB)
check("lock", me.ofd(mine, EX), "OK")
copy = me.outcome("=os.dup", mine)
me.outcome("=os.close", second)
me.outcome("=os.close", mine)
check("a descriptor is left", other.ofd(theirs, EX), "EAGAIN")
check("it is the holder", me.ofd(copy, EX), "OK")
check("test", other.getlk(theirs, EX, OFD_GETLK), "exclusive -1")
other.begin("ofdw", theirs, EX)
me.outcome("=os.close", copy)
check("waited", other.end(), "OK")
check("unlink ends it", other.outcome("=os.unlink", JOB), "OK")
check("free", me.getlk(me.opened(JOB), EX), "none")
PY
}

@test "kill -9 ends the lock of the process, and a waiter gets it" {
  workers <<'PY'
me, other, third = Worker(), Worker(), Worker()
mine, theirs, last = me.opened(JOB), other.opened(JOB), third.opened(JOB)
check("lock", me.setlk(mine, EX), "OK")
other.begin("setlkw", theirs, EX)
while b"1" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
third.begin("setlkw", last, EX)
while b"2" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
me.kill()
check("first come", other.end(), "OK")
other.kill()
check("then the second", third.end(), "OK")
fourth = Worker()
fd = fourth.opened(JOB)
fourth.begin("setlkw", fd, EX)
while b"1" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
fourth.kill()
while b"0" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
check("held by the third", third.setlk(last, EX), "OK")
check("unlock", third.setlk(last, UN), "OK")
check("nobody has it", os.path.exists(JOB), False)
PY
}

@test "a forked child does not hold its parent's lock, but that of an open file" {
  workers <<'PY'
fd = opened(JOB)
def child(call):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, repr(call()).encode())
        os._exit(0)
    os.close(writer)
    answer = eval(os.read(reader, 100))
    os.wait()
    os.close(reader)
    return answer
check("lock", setlk(fd, EX), "OK")
check("the child", child(lambda: setlk(fd, EX)), "EAGAIN")
check("the child sees", child(lambda: getlk(fd, EX)), "exclusive %d" % os.getpid())
check("the child unlocks nothing", child(lambda: setlk(fd, UN)), "OK")
check("and its end ends nothing", child(lambda: setlk(opened(JOB), EX)), "EAGAIN")
check("convert", setlk(fd, SH), "OK")
check("the child reads with it", child(lambda: (setlk(fd, SH), setlk(fd, EX), setlk(fd, UN))), ("OK", "EAGAIN", "OK"))
check("it is the parent's still", child(lambda: setlk(opened(JOB), EX)), "EAGAIN")
check("unlock", setlk(fd, UN), "OK")
check("lock of the open file", ofd(fd, EX), "OK")
check("is the child's, too", child(lambda: (ofd(fd, EX), getlk(fd, EX, OFD_GETLK))), ("OK", "none"))
check("and not the child's process", child(lambda: setlk(fd, EX)), "EAGAIN")
check("unlock by the child", child(lambda: ofd(fd, UN)), "OK")
check("free", os.path.exists(JOB), False)
PY
}

@test "an inherited descriptor is locked by turns of its processes, as a server's children do" {
  workers <<'PY'
fd = opened(JOB)
open(T + "/counter", "w").write("0")
def add():
    for _ in range(30):
        check("lock", setlkw(fd, EX), "OK")
        number = int(open(T + "/counter").read())
        open(T + "/counter", "w").write(str(number + 1))
        check("unlock", setlk(fd, UN), "OK")
children = []
for _ in range(5):
    children.append(os.fork())
    if children[-1] == 0:
        add()
        os._exit(0)
check("status", [os.waitpid(child, 0)[1] for child in children], [0] * 5)
check("updates, none lost", int(open(T + "/counter").read()), 150)
check("free", os.path.exists(JOB), False)
PY
}

@test "exec keeps the lock of the process, and a descriptor that exec closes ends it" {
  workers <<'PY'
other = Worker()
theirs = other.opened(JOB)
for close in False, True:
    child = os.fork()
    if child == 0:
        fd, second = opened(JOB), opened(JOB)
        os.set_inheritable(fd, True)
        os.set_inheritable(second, not close)
        check("lock", setlk(fd, EX), "OK")
        os.execvp("sleep", ["sleep", "1000"])
    while open("/proc/%d/comm" % child).read() != "sleep\n":
        time.sleep(0.01)
    check("after exec", other.setlk(theirs, EX), "OK" if close else "EAGAIN")
    os.kill(child, signal.SIGKILL)
    os.wait()
    check("after its end", other.setlk(theirs, EX), "OK")
    check("unlock", other.setlk(theirs, UN), "OK")
PY
}

@test "a thread that waits is not disturbed by another that closes a descriptor of the file" {
  workers <<'PY'
other = Worker()
theirs = other.opened(JOB)
check("lock", other.setlk(theirs, EX), "OK")
fd = opened(JOB)
answers = []
thread = threading.Thread(target=lambda: answers.append(setlkw(fd, EX)))
thread.start()
while b"1" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
os.close(os.dup(fd))
os.close(opened(JOB))
check("it waits still", (os.getxattr(JOB, "user.lock.waiters"), answers), (b"1", []))
check("unlock", other.setlk(theirs, UN), "OK")
thread.join()
check("it has the lock", (answers, other.setlk(theirs, EX)), (["OK"], "EAGAIN"))
# Two threads that wait are one holder, through whatever descriptor.
check("unlock", setlk(fd, UN), "OK")
check("lock", other.setlk(theirs, EX), "OK")
second = opened(JOB)
threads = [threading.Thread(target=lambda each=each: answers.append(setlkw(each, EX))) for each in (fd, second, fd)]
for thread in threads:
    thread.start()
while b"3" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
check("unlock", other.setlk(theirs, UN), "OK")
for thread in threads:
    thread.join()
check("all have it", answers, ["OK"] * 4)
PY
}

@test "any range is the whole lock, which is kept until all that was locked is unlocked" {
  workers <<'PY'
me, other = Worker(), Worker()
mine, theirs = me.opened(JOB), other.opened(JOB)
def is_held():
    return other.getlk(theirs, EX) == "exclusive %d" % me.pid
check("lock one byte", me.setlk(mine, EX, 100, 1), "OK")
check("another byte is held", other.setlk(theirs, EX, 0, 1), "EAGAIN")
check("and another", me.setlk(mine, EX, 200, 1), "OK")
for part in (0, 100), (101, 99), (201, 0):
    check("unlock what was not locked", me.setlk(mine, UN, *part), "OK")
check("held", is_held(), True)
check("unlock the first", me.setlk(mine, UN, 100, 1), "OK")
check("held", is_held(), True)
check("unlock the second", me.setlk(mine, UN, 200, 1), "OK")
check("held", is_held(), False)
check("lock all", me.setlk(mine, EX), "OK")
check("unlock the middle", me.setlk(mine, UN, 10, 10), "OK")
check("unlock the end", me.setlk(mine, UN, 20, 0), "OK")
check("held", is_held(), True)
check("unlock the beginning", me.setlk(mine, UN, 0, 10), "OK")
check("held", is_held(), False)
# More ranges than are remembered: the lock is not released too early.
for byte in range(0, 200, 2):
    check("lock", me.setlk(mine, EX, byte, 1), "OK")
for byte in range(0, 198, 2):
    check("unlock", me.setlk(mine, UN, byte, 1), "OK")
check("held", is_held(), True)
check("unlock all", me.setlk(mine, UN), "OK")
check("held", is_held(), False)
check("unlock again", me.setlk(mine, UN), "OK")
check("a range before the file", me.setlk(mine, EX, -5, 2), "EINVAL")
check("one that overflows", me.setlk(mine, EX, 2**63 - 1, 10), "EOVERFLOW")
check("a negative length", me.setlk(mine, EX, 10, -5), "OK")
check("unlock that", me.setlk(mine, UN, 5, 5), "OK")
check("held", is_held(), False)
check("the last byte", me.setlk(mine, EX, 2**63 - 1, 1), "OK")
check("unlock that", me.setlk(mine, UN, 2**63 - 1, 1), "OK")
check("held", is_held(), False)
PY
}

@test "flock and fcntl through one open file are one holder, and each unlocks its own" {
  workers <<'PY'
me, other = Worker(), Worker()
mine, theirs = me.opened(JOB), other.opened(JOB)
for first, second in ("flock", "setlk"), ("setlk", "flock"), ("flock", "ofd"), ("ofd", "flock"):
    def lock(name): return me.flock(mine, fcntl.LOCK_EX) if name == "flock" else getattr(me, name)(mine, EX)
    def unlock(name): return me.flock(mine, fcntl.LOCK_UN) if name == "flock" else getattr(me, name)(mine, UN)
    for order in (first, second), (second, first):
        what = " ".join((first, second) + order)
        check(what, (lock(first), lock(second), unlock(order[0])), ("OK", "OK", "OK"))
        check(what + ": held", other.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB), "EAGAIN")
        check(what, unlock(order[1]), "OK")
        check(what + ": free", os.path.exists(JOB), False)
# A close ends the lock of the process only.
check("both", (me.flock(mine, fcntl.LOCK_EX), me.setlk(mine, EX)), ("OK", "OK"))
me.outcome("=os.close", me.opened(JOB))
check("held by flock", other.setlk(theirs, EX), "EAGAIN")
check("unlock", me.flock(mine, fcntl.LOCK_UN), "OK")
check("free", os.path.exists(JOB), False)
PY
}

@test "the descriptors of a process that has the lock write and truncate, those of others do not" {
  workers <<'PY'
me, other = Worker(), Worker()
mine, second, theirs = me.opened(JOB), me.opened(JOB), other.opened(JOB)
check("free", me.outcome("=os.write", mine, b"x"), "ENOLCK")
check("lock", me.setlk(mine, EX), "OK")
check("lock again", me.setlk(second, EX, 5, 5), "OK")
check("write", me.outcome("=os.write", mine, b"words"), 5)
check("write", me.outcome("=os.pwrite", second, b"more", 5), 4)
check("read", other.outcome("=os.pread", theirs, 100, 0), b"wordsmore")
check("another", other.outcome("=os.write", theirs, b"x"), "EBUSY")
check("truncate", me.outcome("=os.ftruncate", second, 2), "OK")
check("read", other.outcome("=os.pread", theirs, 100, 0), b"wo")
check("state", [each.outcome("=os.getxattr", fd, "user.lock.state") for each, fd in ((me, mine), (me, second), (other, theirs))],
      [b"ACQUIRED", b"ACQUIRED", b"UNAVAILABLE"])
check("token", me.outcome("=os.getxattr", mine, "user.lock.token"), me.outcome("=os.getxattr", second, "user.lock.token"))
check("shared", me.setlk(second, SH), "OK")
check("write while shared", me.outcome("=os.write", mine, b"x"), "EBUSY")
PY
}
