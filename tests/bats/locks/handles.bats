# A handle: an open file that holds nothing. It follows its key through the holdings of
# everybody, and takes part in the one that its caller has.

load ../lib/helper

# Functions for the scripts below
handles() {
  cat <<'PY'
JOB = M + "/job"
MODES = {"r": os.O_RDONLY, "w": os.O_WRONLY, "rw": os.O_RDWR, "a": os.O_WRONLY | os.O_APPEND, "w trunc": os.O_WRONLY | os.O_TRUNC,
         "rw trunc": os.O_RDWR | os.O_TRUNC, "r trunc": os.O_RDONLY | os.O_TRUNC, "a nonblock": os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK}

def open_each(create=os.O_CREAT):
    return {mode: os.open(JOB, flags | create) for mode, flags in MODES.items()}

def take(text, view=""):
    """Takes the lock as this session, with this content. Its descriptor is closed."""
    fd = os.open(M + "/" + view + "job", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    check("content", os.write(fd, text), len(text))
    os.close(fd)

def take_as_other(text, view=""):
    check("another session takes it", in_child(lambda: take(text, view), session=True), "OK")

def force():
    os.unlink(M + "/.with/force/job")

def reads(mode):
    return MODES[mode] & os.O_ACCMODE != os.O_WRONLY

def writes(mode):
    return MODES[mode] & os.O_ACCMODE != os.O_RDONLY

def check_free(fds):
    for mode, fd in fds.items():
        check(mode + ": state", attribute(fd, "state"), "EXPIRED")
        check(mode + ": size", os.fstat(fd).st_size, 0)
        check(mode + ": owner", outcome(attribute, fd, "owner"), "ENODATA")
        if reads(mode):
            check(mode + ": content", os.pread(fd, 100, 0), b"")

def check_held(fds, state, text):
    """All that a handle tells is what the name tells."""
    for mode, fd in fds.items():
        for name in ("st_ino", "st_dev", "st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_ctime_ns"):
            check(mode + ": " + name, getattr(os.fstat(fd), name), getattr(os.stat(JOB), name))
        names = os.listxattr(JOB)
        check(mode + ": attributes", os.listxattr(fd), names)
        for name in names:
            if name != "user.lock.remaining":
                check(mode + ": " + name, os.getxattr(fd, name), os.getxattr(JOB, name))
        check(mode + ": state", attribute(fd, "state"), state)
        check(mode + ": size", os.fstat(fd).st_size, len(text))
        if reads(mode):
            check(mode + ": content", os.pread(fd, 100, 0), text)
PY
}

@test "a handle of a free lock shows that it is free, and no name" {
  { handles; cat <<'PY'; } | py
fds = open_each()
check_free(fds)
check("list", do_list(M), "")
check("stat", outcome(os.stat, JOB), "ENOENT")
check("exclusive creation beside the handles", outcome(take, b"mine"), "OK")
PY
}

@test "a handle follows the key through the holdings of others and of its own session" {
  { handles; cat <<'PY'; } | py
fds = open_each()
def through_holdings(fds):
    take_as_other(b"of another")
    check_held(fds, "UNAVAILABLE", b"of another")
    force()
    check_free(fds)
    take(b"my own words")
    check_held(fds, "ACQUIRED", b"my own words")
    os.unlink(JOB)
    check_free(fds)
    take_as_other(b"named", ".with/id=alice,ttl=1h/")
    check_held(fds, "UNAVAILABLE", b"named")
    check("owner", {attribute(fd, "owner") for fd in fds.values()}, {"alice"})
    check("ttl", {attribute(fd, "ttl") for fd in fds.values()}, {"3600.000"})
    force()
    check_free(fds)
through_holdings(fds)
# Opened while another holds it.
take_as_other(b"of the first")
fds = open_each(0)
check_held(fds, "UNAVAILABLE", b"of the first")
force()
check_free(fds)
through_holdings(fds)
PY
}

# busybox cat reads by sendfile(2).
@test "sendfile of a handle gives the whole content of another's lock" {
  { handles; cat <<'PY'; } | py
for text in (b"theirs", b"x" * 4096, b""):
    take_as_other(text)
    fd = os.open(JOB, os.O_RDONLY)
    out = os.open(T + "/out", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    while os.sendfile(out, fd, None, 1 << 24):
        pass
    check("content", os.pread(out, 10000, 0), text)
    check("size", os.fstat(fd).st_size, len(text))
    force()
PY
}

@test "a handle shows that a lease expired, and the holding after it" {
  { handles; cat <<'PY'; } | py
fds = open_each()
take_as_other(b"brief", ".with/ttl=2s/")
fds.update({mode + " ": fd for mode, fd in open_each(0).items()})
MODES.update({mode + " ": flags for mode, flags in MODES.items()})
end = boottime() + 20
while outcome(os.stat, JOB) != "ENOENT":
    check("it expires", boottime() < end, True)
    time.sleep(0.01)
check_free(fds)
take(b"next")
check_held(fds, "ACQUIRED", b"next")
PY
}

@test "a handle shows what the holder writes, cuts and refreshes" {
  { handles; cat <<'PY'; } | py
fds = open_each()
take(b"first")
fds.update({"w": os.open(JOB, os.O_WRONLY)})
check_held(fds, "ACQUIRED", b"first")
for text in (b"", b"other", b"a longer one", b"short"):
    with open(JOB, "wb") as stream:
        stream.write(text)
    check_held(fds, "ACQUIRED", text)
time.sleep(0.002)
os.utime(JOB)
check_held(fds, "ACQUIRED", b"short")
os.setxattr(JOB, "user.lock.ttl", b"7h")
check_held(fds, "ACQUIRED", b"short")
PY
}

# What changes a lock, through a handle of each mode. Results: writing, setting times, setting the ttl
changes() {
  handles
  cat <<'PY'
def check_changes(fds, writing, refreshing):
    for mode, fd in fds.items():
        if writes(mode):
            check(mode + ": write", outcome(os.write, fd, b"x"), writing)
            check(mode + ": pwrite", outcome(os.pwrite, fd, b"x", 3), writing)
            check(mode + ": write too much", outcome(os.pwrite, fd, b"x" * 5000, 1), writing)
            for size in (0, 10):
                check(mode + ": ftruncate", outcome(os.ftruncate, fd, size), writing)
        else:
            check(mode + ": write", outcome(os.write, fd, b"x"), "EBADF")
            check(mode + ": ftruncate", outcome(os.ftruncate, fd, 0), "EINVAL")
        check(mode + ": futimens", outcome(os.utime, fd), refreshing)
        check(mode + ": futimens with a time", outcome(os.utime, fd, (1, 1)), refreshing)
        check(mode + ": ttl", outcome(os.setxattr, fd, "user.lock.ttl", b"1h"), refreshing)
        check(mode + ": fchmod", outcome(os.fchmod, fd, 0o600), "OK" if refreshing == "ENOLCK" else refreshing)
        check(mode + ": fchown", outcome(os.fchown, fd, 1, 1), "EPERM")
        check(mode + ": fsync", outcome(os.fsync, fd), "OK")
PY
}

@test "a free lock, and one that has ended, show the present as their times, so that nobody takes them for stale ones" {
  py <<'PY'
def is_recent(fd):
    status = os.fstat(fd)
    return all(abs(time.time() - each) < 60 for each in (status.st_atime, status.st_mtime, status.st_ctime))
handle = os.open(M + "/job", os.O_CREAT | os.O_RDWR)
check("free", is_recent(handle), True)
held = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.utime(M + "/job", (1, 1))
check("held", os.fstat(handle).st_mtime, 1)
os.unlink(M + "/job")
check("free again", is_recent(handle), True)
check("ended", is_recent(held), True)
PY
}

@test "writing and refreshing through a handle of a free lock fails with ENOLCK and creates nothing" {
  { changes; cat <<'PY'; } | py
fds = open_each()
check_changes(fds, "ENOLCK", "ENOLCK")
check("list", do_list(M), "")
take_as_other(b"theirs")
fds = open_each()
force()
check_changes(fds, "ENOLCK", "ENOLCK")
check_free(fds)
check("list", do_list(M), "")
PY
}

@test "writing through a handle of another's lock fails with EBUSY, refreshing with EPERM, and it stays as it is" {
  { changes; cat <<'PY'; } | py
fds = open_each()
take_as_other(b"theirs")
before = snapshot(JOB)
check_changes(fds, "EBUSY", "EPERM")
check_changes(open_each(), "EBUSY", "EPERM")
check("unchanged", snapshot(JOB), before)
# Of the next holder too.
force()
take_as_other(b"of the next")
before = snapshot(JOB)
check_changes(fds, "EBUSY", "EPERM")
check("unchanged", snapshot(JOB), before)
PY
}

@test "through a handle one writes to, truncates and refreshes the lock that one's session holds" {
  { changes; cat <<'PY'; } | py
fds = open_each()
take_as_other(b"theirs")
fds.update({mode + " ": fd for mode, fd in open_each(0).items()})
MODES.update({mode + " ": flags for mode, flags in MODES.items()})
force()
take(b"")
token = attribute(JOB, "token")
for mode, fd in fds.items():
    os.truncate(JOB, 0)
    if writes(mode):
        at_end = MODES[mode] & os.O_APPEND
        check(mode + ": write", os.write(fd, b"words"), 5)
        check(mode + ": pwrite", os.pwrite(fd, b"W", 0), 1)
        check(mode + ": content", do_read(JOB), "wordsW" if at_end else "Words")
        check(mode + ": too much", outcome(os.pwrite, fd, b"x" * 5000, 1), "EFBIG")
        os.ftruncate(fd, 2)
        check(mode + ": cut", os.stat(JOB).st_size, 2)
        os.ftruncate(fd, 9)
        check(mode + ": grown", os.stat(JOB).st_size, 9)
    before = os.stat(JOB).st_mtime_ns
    time.sleep(0.002)
    check(mode + ": futimens", outcome(os.utime, fd), "OK")
    check(mode + ": refreshed", os.stat(JOB).st_mtime_ns > before, True)
    check(mode + ": ttl", outcome(os.setxattr, fd, "user.lock.ttl", b"2h"), "OK")
    check(mode + ": its ttl", attribute(JOB, "ttl"), "7200.000")
    os.setxattr(JOB, "user.lock.ttl", b"1h")
check("token", attribute(JOB, "token"), token)
PY
}

@test "a handle counts as what its caller is: another session that inherited it neither writes nor refreshes" {
  { changes; cat <<'PY'; } | py
fds = open_each()
take(b"mine")
def other():
    check_held(fds, "UNAVAILABLE", b"mine")
    check_changes(fds, "EBUSY", "EPERM")
before = snapshot(JOB)
check("another session", in_child(other, session=True), "OK")
check("unchanged", snapshot(JOB), before)
check_held(fds, "ACQUIRED", b"mine")
os.unlink(JOB)
# The other way round: what the other session takes, this one may not change through the same handles.
def take_and_write():
    take(b"theirs")
    check_held(fds, "ACQUIRED", b"theirs")
    check("write", os.pwrite(fds["rw"], b"T", 0), 1)
check("another session", in_child(take_and_write, session=True), "OK")
before = snapshot(JOB)
check_changes(fds, "EBUSY", "EPERM")
check_held(fds, "UNAVAILABLE", b"Theirs")
check("unchanged", snapshot(JOB), before)
PY
}

@test "in a session that inherited a handle flock acquires for the handle, and all that share it hold the lock" {
  { handles; cat <<'PY'; } | py
fd = os.open(JOB, os.O_RDWR | os.O_CREAT)
def lock_and_write():
    fcntl.flock(fd, fcntl.LOCK_EX)
    check("write", os.write(fd, b"words"), 5)
check("another session", in_child(lock_and_write, session=True), "OK")
check("state", attribute(fd, "state"), "ACQUIRED")
check("state by path", attribute(JOB, "state"), "UNAVAILABLE")
check("write", os.pwrite(fd, b"W", 0), 1)
check("futimens", outcome(os.utime, fd), "OK")
check("content", do_read(JOB), "Words")
fcntl.flock(fd, fcntl.LOCK_UN)
check_free({"rw": fd})
check("write after the unlock", outcome(os.write, fd, b"x"), "ENOLCK")
PY
}

@test "after flock a handle is the holder's; it is stale when that holding ends, and a handle again after unlock" {
  { changes; cat <<'PY'; } | py
for mode, flags in MODES.items():
    fd = os.open(JOB, flags | os.O_CREAT)
    for end in ("unlock", "rm", "force"):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        check(mode + ": state", attribute(fd, "state"), "ACQUIRED")
        check(mode + ": size", os.fstat(fd).st_size, 0)
        if writes(mode):
            check(mode + ": write", os.pwrite(fd, b"words", 0), 5)
            check(mode + ": content", do_read(JOB), "words")
        check(mode + ": futimens", outcome(os.utime, fd), "OK")
        if end != "unlock":
            os.unlink(JOB if end == "rm" else M + "/.with/force/job")
            check(mode + ": " + end + ", state", attribute(fd, "state"), "EXPIRED")
            check(mode + ": " + end + ", futimens", outcome(os.utime, fd), "ESTALE")
            if writes(mode):
                check(mode + ": " + end + ", write", outcome(os.write, fd, b"x"), "ESTALE")
            if reads(mode):
                check(mode + ": " + end + ", read", outcome(os.read, fd, 1), "ESTALE")
        fcntl.flock(fd, fcntl.LOCK_UN)
        check_free({mode: fd})
        check_changes({mode: fd}, "ENOLCK", "ENOLCK")
        take_as_other(b"theirs")
        check_held({mode: fd}, "UNAVAILABLE", b"theirs")
        check_changes({mode: fd}, "EBUSY", "EPERM")
        check(mode + ": flock", outcome(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "EAGAIN")
        force()
    os.close(fd)
PY
}

@test "a contender that opens with O_TRUNC leaves the holder's content alone, and its lock begins empty" {
  { handles; cat <<'PY'; } | py
holder = os.open(JOB, os.O_CREAT | os.O_RDWR)
fcntl.flock(holder, fcntl.LOCK_EX)
os.write(holder, b"holder's words")
def contend(ready):
    fd = os.open(JOB, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.write(ready, b".")
    fcntl.flock(fd, fcntl.LOCK_EX)
    check("size", os.fstat(fd).st_size, 0)
    os.write(fd, b"next")
    check("content", do_read(JOB), "next")
reader, writer = os.pipe()
contender = os.fork()
if contender == 0:
    os.setsid()
    os.close(holder)
    answer = outcome(contend, writer)
    os._exit(answer != "OK")
os.read(reader, 1)
check("content", os.pread(holder, 100, 0), b"holder's words")
fcntl.flock(holder, fcntl.LOCK_UN)
check("contender", os.waitpid(contender, 0)[1], 0)
PY
  bash -c 'exec 9>"$0"; flock 9; echo first >&9; flock -u 9; flock 9; cat "$0"; exec 9>"$0"; flock 9; echo x >&9; cat "$0"' "$M/job" >"$T/out"
  is x "$(<"$T/out")"
}

# Through /proc/self/fd the kernel opens the node of the open file, without a lookup.
@test "/proc/self/fd of a handle opens a handle, in the same session and in another" {
  { changes; cat <<'PY'; } | py
def reopened(fd):
    return {mode: os.open("/proc/self/fd/%d" % fd, flags) for mode, flags in MODES.items()}
def through(fds):
    check_free(fds)
    check_changes(fds, "ENOLCK", "ENOLCK")
    take_as_other(b"theirs")
    check_held(fds, "UNAVAILABLE", b"theirs")
    check_changes(fds, "EBUSY", "EPERM")
    check_changes(reopened(fds["r"]), "EBUSY", "EPERM")
    check_held(fds, "UNAVAILABLE", b"theirs")
    force()
    take(b"mine")
    check_held(fds, "ACQUIRED", b"mine")
    check("write", os.pwrite(fds["rw"], b"M", 0), 1)
    check("content", do_read(JOB), "Mine")
    os.unlink(JOB)
    check_free(fds)
free = os.open(JOB, os.O_RDONLY | os.O_CREAT)
through(reopened(free))
check("another session", in_child(lambda: through(reopened(free)), session=True), "OK")
take_as_other(b"theirs")
contender = os.open(JOB, os.O_RDWR)
force()
through(reopened(contender))
check("another session", in_child(lambda: through(reopened(contender)), session=True), "OK")
for fd in reopened(contender).values():
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    check("flock beside it", outcome(fcntl.flock, contender, fcntl.LOCK_EX | fcntl.LOCK_NB), "EAGAIN")
    fcntl.flock(fd, fcntl.LOCK_UN)
PY
}

@test "/proc/self/fd of a handle with O_TRUNC empties what its session holds, and nothing of others" {
  { handles; cat <<'PY'; } | py
handle = os.open(JOB, os.O_RDONLY | os.O_CREAT)
def truncate():
    os.close(os.open("/proc/self/fd/%d" % handle, os.O_WRONLY | os.O_TRUNC))
truncate()
check("free", attribute(handle, "state"), "EXPIRED")
take(b"mine")
check("another session", in_child(truncate, session=True), "OK")
check("content", do_read(JOB), "mine")
truncate()
check("content", do_read(JOB), "")
os.unlink(JOB)
other = os.open(JOB, os.O_RDWR | os.O_CREAT)
fcntl.flock(other, fcntl.LOCK_EX)
check("write", os.write(other, b"flocked"), 7)
check("another session", in_child(truncate, session=True), "OK")
check("content", do_read(JOB), "flocked")
os.close(os.open("/proc/self/fd/%d" % other, os.O_WRONLY | os.O_TRUNC))
check("content", do_read(JOB), "")
PY
}

@test "/proc/self/fd of a file that holds its lock opens the holding for its session, and for others to look" {
  { handles; cat <<'PY'; } | py
created = os.open(JOB, os.O_CREAT | os.O_EXCL | os.O_RDWR)
def lock():
    fd = os.open(JOB, os.O_CREAT | os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd
def same(held):
    fd = os.open("/proc/self/fd/%d" % held, os.O_RDWR)
    check("read", os.pread(fd, 100, 0), b"words")
    check("write", os.pwrite(fd, b"W", 0), 1)
    check("content", do_read(JOB), "Words")
    check("write back", os.pwrite(held, b"w", 0), 1)
    check("flock", outcome(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "EAGAIN")
    os.close(fd)
def other(held):
    for flags in MODES.values():
        fd = os.open("/proc/self/fd/%d" % held, flags)
        if flags & os.O_ACCMODE != os.O_WRONLY:
            check("read", os.pread(fd, 100, 0), b"words")
        if flags & os.O_ACCMODE != os.O_RDONLY:
            check("write", outcome(os.write, fd, b"x"), "EBUSY")
            check("ftruncate", outcome(os.ftruncate, fd, 0), "EBUSY")
        check("flock", outcome(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "EAGAIN")
        os.close(fd)
def both(held):
    check("write", os.pwrite(held, b"words", 0), 5)
    same(held)
    check("another session", in_child(lambda: other(held), session=True), "OK")
    check("content", do_read(JOB), "words")
both(created)
os.unlink(JOB)
both(lock())
PY
}

@test "creating on a name that becomes a directory gives a handle or EISDIR" {
  py <<'PY'
from racing import *
end = boottime() + 2
reader, writer = os.pipe()
def make():
    while boottime() < end:
        os.mkdir(M + "/name")
        os.rmdir(M + "/name")
def create():
    answers = set()
    while boottime() < end or len(answers) < 2:
        for flags in (os.O_WRONLY, os.O_RDWR | os.O_TRUNC, os.O_RDONLY):
            answers.add(outcome(lambda: os.close(os.open(M + "/name", os.O_CREAT | flags))))
        if not answers <= {"OK", "EISDIR"} or boottime() > end + 20:
            break
    os.write(writer, (" ".join(sorted(answers)) + "\n").encode())
children = [start(function) for function in (make, create, create)]
os.close(writer)
wait_for(children)
check("answers", set(os.fdopen(reader).read().splitlines()), {"EISDIR OK"})
PY
}

@test "opens make no event, unlike creation for writing in a view with id=" {
  hear "$T/events" "$M"
  { handles; cat <<'PY'; } | py
def close(fds):
    for fd in fds.values():
        os.close(fd)
close(open_each())
take(b"mine")
close(open_each())
close(open_each(0))
os.unlink(JOB)
take_as_other(b"theirs")
close(open_each())
close(open_each(0))
for view in ("ttl=5s", "force", "signal=USR1"):
    for flags in MODES.values():
        os.close(os.open(M + "/.with/" + view + "/job", flags | os.O_CREAT))
check("in a view", outcome(os.open, M + "/.with/id=alice/job", os.O_CREAT | os.O_WRONLY), "EBUSY")
force()
PY
  heard "$T/events" "ACQUIRED job" "RELEASED job" "ACQUIRED job" "UNAVAILABLE job" "FORCE_RELEASED job"
  end_hearers
}

@test "touch refreshes one's own lock only, and says No locks available of a free one" {
  run touch "$M/job"
  is 1 "$status"
  contains "No locks available" "$output"
  gone "$M/job"
  run -0 touch -c "$M/job"
  gone "$M/job"

  take_with words "$M/job"
  mtime=$(stat -c %.9Y "$M/job") token=$(lock "$M/job" token)
  nap
  run -0 touch "$M/job"
  [[ $(stat -c %.9Y "$M/job") > $mtime ]]
  is "$token" "$(lock "$M/job" token)"
  is words "$(cat "$M/job")"

  before=$(snapshot "$M/job")
  run session touch "$M/job"
  is 1 "$status"
  contains "Operation not permitted" "$output"
  unchanged "$before" "$M/job"
}

@test "touch in a view with ttl= sets the lease of one's own lock and takes no free one" {
  run touch "$M/.with/ttl=7s/job"
  is 1 "$status"
  contains "No locks available" "$output"
  gone "$M/job"
  take "$M/job"
  touch "$M/.with/ttl=7h/job"
  is 25200.000 "$(lock "$M/job" ttl)"
}

@test "processes that open in each mode and lock by turns lose no update and leave nothing held" {
  { handles; cat <<'PY'; } | py
from racing import *
end = boottime() + 3
reader, writer = os.pipe()
def lock_by_turns(flags):
    os.setsid()
    rounds = 0
    # On a slow machine for longer.
    while boottime() < end or rounds < 20:
        fd = os.open(JOB, flags | os.O_CREAT)
        fcntl.flock(fd, fcntl.LOCK_EX)
        counter = os.open(T + "/counter", os.O_RDWR | os.O_CREAT)
        count = int(os.pread(counter, 20, 0) or b"0")
        check("a new holding begins empty", os.fstat(fd).st_size, 0)
        if flags & os.O_ACCMODE != os.O_RDONLY:
            check("write", os.write(fd, b"%d" % count), len(str(count)))
            check("content", do_read(JOB), str(count))
        os.pwrite(counter, b"%d" % (count + 1), 0)
        os.close(counter)
        if rounds % 2:
            fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)
        rounds += 1
    return rounds
def child(mode):
    answer = outcome(lock_by_turns, MODES[mode])
    os.write(writer, ("%s: %s\n" % (mode, answer)).encode())
children = [start(child, mode) for mode in MODES]
os.close(writer)
wait_for(children)
answers = os.fdopen(reader).read().splitlines()
counts = [answer.split(": ")[1] for answer in answers]
if len(answers) != 8 or not all(count.isdigit() for count in counts):
    sys.exit("answers: %r" % answers)
check("updates, none lost", int(open(T + "/counter").read()), sum(map(int, counts)))
PY
  wait_until gone "$M/job"
  is "" "$(ls "$M")"
}

@test "a handle in a view with id= counts as that id, in any session" {
  { changes; cat <<'PY'; } | py
take_as_other(b"of bob", ".with/id=bob/")
VIEW = M + "/.with/id=alice/job"
fds = {mode: os.open(VIEW, MODES[mode] | os.O_CREAT) for mode in ("r", "rw", "a nonblock")}
check_held(fds, "UNAVAILABLE", b"of bob")
check_changes(fds, "EBUSY", "EPERM")
os.unlink(M + "/.with/id=bob/job")
check_free(fds)
check_changes(fds, "ENOLCK", "ENOLCK")
take_as_other(b"of alice", ".with/id=alice/")
def write():
    for mode, fd in fds.items():
        check("state", attribute(fd, "state"), "ACQUIRED")
        check("futimens", outcome(os.utime, fd), "OK")
        if writes(mode):
            check("ftruncate", outcome(os.ftruncate, fd, 0), "OK")
            check("write", outcome(os.pwrite, fd, b"words", 0), 5)
            check("content", do_read(JOB), "words")
check("another session", in_child(write, session=True), "OK")
write()
# The plain name is another's for this session.
check("state by name", attribute(JOB, "state"), "UNAVAILABLE")
os.unlink(VIEW)
check_free(fds)
PY
}

@test "a handle of a view with ttl= refreshes with that lease" {
  { handles; cat <<'PY'; } | py
fd = os.open(M + "/.with/ttl=7h/job", os.O_CREAT | os.O_RDWR)
take(b"mine")
check("ttl", attribute(fd, "ttl"), "300.000")
os.utime(fd)
check("ttl", attribute(fd, "ttl"), "25200.000")
os.unlink(JOB)
fcntl.flock(fd, fcntl.LOCK_EX)
check("ttl of flock", attribute(JOB, "ttl"), "25200.000")
PY
}
