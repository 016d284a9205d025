# fcntl(2): locks of a process (F_SETLK) and of an open file (F_OFD_SETLK). Any range means the lock that creation takes.

load ../lib/helper

setup() {
  setup_dirs
  [ -e "$BATS_RUN_TMPDIR/fcntl_workers.py" ] || install -m 644 "$BATS_TEST_DIRNAME/../lib/fcntl_workers.py" "$BATS_RUN_TMPDIR"
  mount_lockfs
}

# Runs a Python script that has fcntl_workers.py, and the path JOB.
workers() {
  { echo 'from fcntl_workers import *'; echo 'JOB = M + "/job"'; cat; } >"$T/workers"
  py <"$T/workers"
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

@test "a shared lock of a process becomes exclusive without being given up, and back at once" {
  workers <<'PY'
me, other, third = Worker(), Worker(), Worker()
mine, theirs, last = me.opened(JOB), other.opened(JOB), third.opened(JOB)
def waiting(number):
    while b"%d" % number != os.getxattr(JOB, "user.lock.waiters"):
        time.sleep(0.01)
check("both read", (me.setlk(mine, SH), other.setlk(theirs, SH)), ("OK", "OK"))
check("refused", (me.setlk(mine, EX), me.getlk(mine, EX)), ("EAGAIN", "shared 0"))
check("it reads still", third.setlk(last, EX), "EAGAIN")
check("interrupted", me.alarmed("=setlkw", mine, EX), "EINTR")
check("it reads still", os.getxattr(JOB, "user.lock.holders"), b"2")
me.begin("setlkw", mine, EX)
waiting(1)
check("no reader comes in between", third.setlk(last, SH), "EAGAIN")
check("two that wait for each other", other.setlkw(theirs, EX), "EDEADLK")
check("the other reads still", os.getxattr(JOB, "user.lock.holders"), b"2")
check("unlock", other.setlk(theirs, UN), "OK")
check("converted", (me.end(), os.getxattr(JOB, "user.lock.mode")), ("OK", b"exclusive"))
check("it writes", me.outcome("=os.write", mine, b"words"), 5)
other.begin("setlkw", theirs, SH)
waiting(1)
third.begin("setlkw", last, SH)
waiting(2)
check("to shared", me.setlk(mine, SH), "OK")
check("the readers", (other.end(), third.end()), ("OK", "OK"))
check("three", os.getxattr(JOB, "user.lock.holders"), b"3")
check("the content stays", other.outcome("=os.pread", theirs, 10, 0), b"words")
check("parts", me.setlk(mine, SH, 0, 10), "OK")
for each, fd in (me, mine), (other, theirs):
    check("unlock", each.setlk(fd, UN), "OK")
check("alone", (third.getlk(last, EX), third.setlk(last, EX), third.setlk(last, UN)), ("none", "OK", "OK"))
check("free", os.path.exists(JOB), False)
PY
}

@test "what has the lock in any way keeps it as strong as the strongest needs it" {
  workers <<'PY'
me, other = Worker(), Worker()
mine, second, theirs = me.opened(JOB), me.opened(JOB), other.opened(JOB)
def mode():
    return os.getxattr(JOB, "user.lock.mode")
check("exclusive and shared ranges", (me.setlk(mine, EX, 0, 10), me.setlk(mine, SH, 100, 10), mode()), ("OK", "OK", b"exclusive"))
check("all shared", (me.setlk(second, SH), mode()), ("OK", b"shared"))
check("one of them", (me.setlk(second, EX, 5, 1), mode()), ("OK", b"exclusive"))
check("unlock that", (me.setlk(mine, UN, 5, 1), other.setlk(theirs, EX)), ("OK", "EAGAIN"))
check("unlock all", me.setlk(mine, UN), "OK")
check("flock exclusive, fcntl shared", (me.flock(mine, fcntl.LOCK_EX), me.setlk(mine, SH), mode()), ("OK", "OK", b"exclusive"))
check("flock shared", (me.flock(mine, fcntl.LOCK_SH), mode()), ("OK", b"shared"))
check("fcntl exclusive", (me.setlk(mine, EX), mode()), ("OK", b"exclusive"))
check("flock shared again", (me.flock(mine, fcntl.LOCK_SH), mode()), ("OK", b"exclusive"))
check("unlock one", (me.setlk(mine, UN), other.setlk(theirs, EX)), ("OK", "EAGAIN"))
check("unlock the other", (me.flock(mine, fcntl.LOCK_UN), os.path.exists(JOB)), ("OK", False))
PY
}

@test "a file that was created exclusively is locked, and keeps the lock until it is closed everywhere" {
  workers <<'PY'
me, other = Worker(), Worker()
theirs = other.opened(JOB)
mine = me.opened(JOB, os.O_CREAT | os.O_EXCL | os.O_RDWR)
check("test", (me.getlk(mine, EX), other.getlk(theirs, SH)), ("none", "exclusive %d" % me.pid))
second = me.opened(JOB)
check("another descriptor", (me.getlk(second, EX).split()[0], me.setlk(second, EX)), ("exclusive", "EAGAIN"))
check("lock", me.setlk(mine, EX), "OK")
check("now another descriptor", (me.getlk(second, EX), me.setlk(second, EX)), ("none", "OK"))
check("others", other.setlk(theirs, EX), "EAGAIN")
check("close of a copy ends nothing", (me.outcome("=os.close", me.outcome("=os.dup", mine)), os.path.exists(JOB)), ("OK", True))
check("close of another open file does", (me.outcome("=os.close", second), other.setlk(theirs, EX)), ("OK", "OK"))
check("unlock", other.setlk(theirs, UN), "OK")
check("the descriptor locks again", me.setlk(mine, EX), "OK")
me.kill()
while other.setlk(theirs, EX) != "OK":
    time.sleep(0.01)
check("unlock", other.setlk(theirs, UN), "OK")
# The lock of a process that has died ends with the open file, and its child may take it over.
reader, writer = os.pipe()
if os.fork() == 0:
    mine = opened(JOB, os.O_CREAT | os.O_EXCL | os.O_RDWR)
    check("lock", setlk(mine, EX), "OK")
    child = os.fork()
    if child == 0:
        parent = os.getppid()
        os.write(writer, b"x")
        while os.getppid() == parent:
            time.sleep(0.01)
        while setlk(mine, EX) != "OK":  # until the dead parent was waited for
            time.sleep(0.01)
        os.write(writer, b"%d" % os.getpid())
        while not os.path.exists(T + "/end"):
            time.sleep(0.01)
        os._exit(0)
    check("begun", os.read(reader, 1), b"x")
    os._exit(0)
os.wait()
check("the child", (os.read(reader, 20).isdigit(), other.setlk(theirs, EX)), (True, "EAGAIN"))
open(T + "/end", "w").close()
while other.setlk(theirs, EX) != "OK":
    time.sleep(0.01)
PY
}

@test "a lock that is lost answers ESTALE, and its process locks anew" {
  workers <<'PY'
me, other = Worker(), Worker()
mine, second = me.opened(JOB), me.opened(JOB)
check("lock", (me.setlk(mine, EX), me.setlk(second, EX, 5, 5)), ("OK", "OK"))
token = os.getxattr(JOB, "user.lock.token")
os.unlink(M + "/.with/force/job")
check("write", (me.outcome("=os.write", mine, b"x"), me.outcome("=os.write", second, b"x")), ("ESTALE", "ESTALE"))
theirs = other.opened(JOB)
check("another", other.setlk(theirs, EX), "OK")
check("the loser", (me.setlk(mine, EX), me.getlk(mine, EX)), ("EAGAIN", "exclusive %d" % other.pid))
check("unlock of what is lost", me.setlk(mine, UN), "OK")
check("the other has it", other.outcome("=os.write", theirs, b"x"), 1)
check("unlock", other.setlk(theirs, UN), "OK")
check("anew", (me.setlk(mine, EX), me.outcome("=os.write", mine, b"new")), ("OK", 3))
check("another token", os.getxattr(JOB, "user.lock.token") != token, True)
check("the other descriptor", (me.setlk(second, EX), me.outcome("=os.write", second, b"x")), ("OK", 1))
PY
}

@test "a lock of fcntl is renewed while it is held" {
  unmount_lockfs
  mount_lockfs -o ttl=400ms
  workers <<'PY'
me, other = Worker(), Worker()
mine, theirs = me.opened(JOB), other.opened(JOB)
for fd in mine, me.opened(JOB):
    check("lock", me.setlk(fd, SH if fd == mine else EX), "OK")
token = os.getxattr(JOB, "user.lock.token")
time.sleep(1.2)
check("held", (other.setlk(theirs, EX), os.getxattr(JOB, "user.lock.token")), ("EAGAIN", token))
PY
}

@test "who may not create in the directory may not lock, but test and unlock" {
  need_root
  unmount_lockfs
  mount_lockfs -o allow_other,mode=755
  workers <<'PY'
os.close(os.open(JOB, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
def as_user():
    fd = os.open(JOB, os.O_RDONLY)
    check("lock", (setlk(fd, SH), ofd(fd, SH)), ("EACCES", "EACCES"))
    check("test", getlk(fd, SH).split()[0], "exclusive")
    check("unlock", setlk(fd, UN), "OK")
as_nobody(as_user)
PY
}

@test "fcntl on a mount with ro fails with EROFS" {
  [[ $LOCKFS_TEST_SOURCE != memory: ]] || skip "no lock can be made on a mount with ro"
  unmount_lockfs
  mount_lockfs "$T/other"
  take "$T/other/job"
  mount_lockfs -o ro
  workers <<'PY'
fd = os.open(JOB, os.O_RDONLY)
check("lock", (setlk(fd, SH), ofd(fd, SH)), ("EROFS", "EROFS"))
check("test", getlk(fd, SH).split()[0], "exclusive")
check("unlock", setlk(fd, UN), "OK")
PY
  rm "$T/other/job"
}

@test "a signal ends the wait, and the waiter's place goes with it" {
  workers <<'PY'
me, other = Worker(), Worker()
mine, theirs = me.opened(JOB), other.opened(JOB)
check("lock", other.setlk(theirs, EX), "OK")
for call, un in ("=setlkw", "setlk"), ("=ofdw", "ofd"):
    check(call, me.alarmed(call, mine, EX), "EINTR")
    check("nobody waits", os.getxattr(JOB, "user.lock.waiters"), b"0")
check("unlock", other.setlk(theirs, UN), "OK")
check("nobody got it", os.path.exists(JOB), False)
check("wait for a free one", me.alarmed("=setlkw", mine, EX), "OK")
PY
}

@test "the lock of a process on one key is not that on another, and rm by the holder ends it" {
  workers <<'PY'
me, other = Worker(), Worker()
mine, theirs = me.opened(JOB), other.opened(JOB)
more = [me.opened(M + "/key%d" % number) for number in range(20)]
check("lock", [me.setlk(fd, EX) for fd in more + [mine]], ["OK"] * 21)
check("all of them", len(os.listdir(M)), 21)
me.outcome("=os.close", more[0])
check("but the closed one", len(os.listdir(M)), 20)
check("unlink by the holder", me.outcome("=os.unlink", JOB), "OK")
check("another", other.setlk(theirs, EX), "OK")
check("it is lost for its descriptor", me.outcome("=os.write", mine, b"x"), "ESTALE")
check("close", me.outcome("=os.close", mine), "OK")
check("the other keeps it", other.outcome("=os.write", theirs, b"x"), 1)
me.kill()
while os.listdir(M) != ["job"]:
    time.sleep(0.01)
PY
}

@test "in a view with signal= the process is signalled when it loses a lock of fcntl" {
  workers <<'PY'
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append("told"))
fd = os.open(M + "/.with/signal=USR1/job", os.O_CREAT | os.O_RDWR)
check("lock", setlk(fd, EX), "OK")
check("another session", in_child(lambda: os.unlink(M + "/.with/force/job"), session=True), "OK")
while not told:
    time.sleep(0.01)
check("write", outcome(os.write, fd, b"x"), "ESTALE")
PY
}

@test "poll, events and the lease through the descriptor are those of a lock" {
  workers <<'PY'
events = os.open(M + "/.events", os.O_RDONLY)
fd = opened(JOB)
check("lock", setlk(fd, EX), "OK")
os.setxattr(fd, "user.lock.ttl", b"60s")
check("lease", os.getxattr(fd, "user.lock.ttl"), b"60.000")
poll = select.poll()
poll.register(fd, select.POLLERR)
check("poll", poll.poll(0), [])
check("unlock", setlk(fd, UN), "OK")
text = b""
while b"RELEASED" not in text:
    text += os.read(events, 1000)
for word in b"ACQUIRED", b"REFRESHED":
    check(word, word in text, True)
check("lock", setlk(fd, EX), "OK")
os.unlink(JOB)
check("poll of what has ended", bool(poll.poll(10000)), True)
PY
}

@test "the lock is one over two mounts, and a close on one serves a waiter on the other" {
  [[ $LOCKFS_TEST_SOURCE != memory: ]] || skip "two mounts do not share a memory"
  mount_lockfs "$T/other"
  workers <<'PY'
me, other = Worker(), Worker()
mine, second, theirs = me.opened(JOB), me.opened(JOB), other.opened(T + "/other/job")
check("lock", me.setlk(mine, EX), "OK")
check("test", other.getlk(theirs, EX), "exclusive %d" % me.pid)
check("lock there", (other.setlk(theirs, EX), other.setlk(theirs, SH)), ("EAGAIN", "EAGAIN"))
other.begin("setlkw", theirs, EX)
me.outcome("=os.close", second)
check("waited", other.end(), "OK")
me.begin("setlkw", mine, SH)
while b"1" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
check("to shared", (other.setlk(theirs, SH), me.end()), ("OK", "OK"))
me.begin("setlkw", mine, EX)
while b"1" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
check("two that wait for each other", other.setlkw(theirs, EX), "EDEADLK")
other.kill()
check("converted", (me.end(), me.outcome("=os.write", mine, b"x")), ("OK", 1))
PY
}

@test "random calls of several processes answer as on another filesystem" {
  workers <<'PY'
import random
class Place:
    """Processes with their descriptors, of one key each; the first two share the open files of their parent."""
    def __init__(self, path):
        self.path = path
        self.shared = [opened(path), opened(path)]
        self.workers = [Worker(), Worker()]
        for fd in self.shared:
            os.close(fd)
        self.workers += [Worker()]
        self.files = [list(self.shared), list(self.shared), []]

def step(place, number, choice, kind, which):
    worker, files = place.workers[number], place.files[number]
    fd = files[which % len(files)] if files else None
    if choice == "open" and len(files) < 5 or fd is None:
        files.append(worker.opened(place.path))
        return "opened"
    if choice == "open":
        choice = "close"
    if choice == "close":
        files.remove(fd)
        return worker.outcome("=os.close", fd)
    if choice == "dup":
        files.append(worker.outcome("=os.dup", fd))
        return "duplicated"
    answer = worker.getlk(fd, kind, OFD_GETLK if choice == "ofd_getlk" else fcntl.F_GETLK) if "getlk" in choice else \
        getattr(worker, choice)(fd, kind)
    return answer.split()[0]

os.mkdir(T + "/elsewhere")
for seed in range(4):
    source = random.Random(seed)
    places = Place(JOB), Place(T + "/elsewhere/job")
    trace = []
    for _ in range(250):
        number = source.randrange(3)
        choice = source.choice(["setlk"] * 6 + ["ofd"] * 3 + ["getlk", "ofd_getlk", "open", "close", "dup"])
        kind = source.choice([EX, SH, UN, UN] if choice in ("setlk", "ofd") else [EX, SH])
        which = source.randrange(100)
        answers = [step(place, number, choice, kind, which) for place in places]
        trace.append("%d %s %s %s: %s %s" % (number, choice, WORDS[kind], which % 5, *answers))
        check("seed %d: %s" % (seed, "; ".join(trace[-12:])), answers[0], answers[1])
    for place in places:
        for worker in place.workers:
            worker.quit()
    os.unlink(T + "/elsewhere/job")
    while os.path.exists(JOB):
        time.sleep(0.01)
PY
}

@test "what one process has locked by flock and fcntl through several files excludes a child that inherited one of them" {
  workers <<'PY'
fd = opened(JOB)
child = Worker()
own = opened(JOB)
check("all read", (setlk(fd, SH), setlk(own, SH), child.setlk(fd, SH)), ("OK", "OK", "OK"))
check("flock through the file that the child has not", flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB), "EAGAIN")
check("shared", flock(own, fcntl.LOCK_SH | fcntl.LOCK_NB), "OK")
check("the child unlocks", child.setlk(fd, UN), "OK")
check("flock", flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB), "OK")
check("the child", (child.setlk(fd, SH), child.getlk(fd, SH).split()[0]), ("EAGAIN", "exclusive"))
third = opened(JOB)
check("a third file", (setlk(third, SH), flock(third, fcntl.LOCK_SH | fcntl.LOCK_NB)), ("OK", "EAGAIN"))
check("unlock", (setlk(fd, UN), child.setlk(fd, SH)), ("OK", "EAGAIN"))
check("unlock flock", (flock(own, fcntl.LOCK_UN), child.setlk(fd, EX), child.setlk(fd, UN)), ("OK", "OK", "OK"))
check("free", os.path.exists(JOB), False)
PY
}

@test "a process that shares a lock with another is not there when that one has made it exclusive" {
  workers <<'PY'
fd = opened(JOB)
first, second, other = Worker(), Worker(), Worker()
theirs = other.opened(JOB)
check("two holders", (first.setlk(fd, SH), other.setlk(theirs, SH)), ("OK", "OK"))
first.begin("setlkw", fd, EX)
while b"1" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
check("meanwhile", (second.setlk(fd, SH), second.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)), ("EAGAIN", "OK"))
second.begin("setlkw", fd, SH)
while b"2" != os.getxattr(JOB, "user.lock.waiters"):
    time.sleep(0.01)
check("unlock", (other.setlk(theirs, UN), first.end()), ("OK", "OK"))
check("not the second", other.getlk(theirs, SH), "exclusive %d" % first.pid)
check("unlock", (first.setlk(fd, UN), second.end()), ("OK", "OK"))
PY
}
