# The holder's descriptor belongs to one holding: when that ends in any way, it is stale. Handles,
# which belong to none, are in handles.bats.

load ../lib/helper

# Opens M/job in several ways, ends the holding by `end()`, and expects every
# descriptor to be stale and its poller to have been woken.
ways_to_end() {
  cat <<'PY'
def poller(fd, writer):
    """A child that sleeps in poll(2) until something is wrong with fd, and writes when that was."""
    pid = os.fork()
    if pid == 0:
        poll = select.poll()
        poll.register(fd, 0)
        os.write(writer, b"ready\n")
        events = poll.poll(10000)
        os.write(writer, b"%r %f\n" % (events[0][1] if events else None, boottime()))
        os._exit(0)
    return pid

def check_live(fd):
    check("fsync", outcome(os.fsync, fd), "OK")
    poll = select.poll()
    poll.register(fd, 0)
    check("poll", poll.poll(0), [])

def check_stale(fd, flags):
    what = {os.O_RDONLY: "read-only ", os.O_WRONLY: "write-only ", os.O_RDWR: "read-write "}[flags]
    if flags != os.O_WRONLY:
        check(what + "read", outcome(os.read, fd, 10), "ESTALE")
        check(what + "pread", outcome(os.pread, fd, 10, 0), "ESTALE")
    if flags != os.O_RDONLY:
        check(what + "write", outcome(os.write, fd, b"stale"), "ESTALE")
        check(what + "write of nothing to lose", outcome(os.pwrite, fd, b"x" * 5000, 0), "ESTALE")
    check(what + "fsync", outcome(os.fsync, fd), "ESTALE")
    check(what + "fdatasync", outcome(os.fdatasync, fd), "ESTALE")
    check(what + "state", attribute(fd, "state"), "EXPIRED")
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    begin = boottime()
    events = poll.poll(5000)
    check(what + "poll", [event & (select.POLLERR | select.POLLHUP) for _, event in events], [select.POLLERR | select.POLLHUP])
    if boottime() - begin > 4:
        sys.exit("poll took %f s" % (boottime() - begin))

def stale_after(end, take=lambda: os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)):
    """Takes the lock, opens it again in each way, and looks at all of them after end(), which
    gives the times between which the lock ends, where that is not while end() runs."""
    fds = [(take(), os.O_RDWR)]
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        fds.append((os.open(M + "/job", flags), flags))
    os.write(fds[0][0], b"words")
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream:
        pollers = [poller(fd, writer) for fd, _ in fds]
        for _ in pollers:
            stream.readline()
        for fd, _ in fds:
            check_live(fd)
        began = boottime()
        earliest, latest = end() or (began, boottime())
        for pid in pollers:
            events, when = stream.readline().split()
            check("poll", int(events) & (select.POLLERR | select.POLLHUP), select.POLLERR | select.POLLHUP)
            if not earliest - 0.01 < float(when) < latest + 4:
                sys.exit("woken at %s, and the end was from %f to %f" % (when, earliest, latest))
            os.waitpid(pid, 0)
    for fd, flags in fds:
        check_stale(fd, flags)
    return fds

def stale_after_command(command):
    """The same, for an end by another session's shell command."""
    import subprocess
    def end():
        subprocess.run(["setsid", "-w", "sh", "-c", command, "sh", M], check=True)
    return stale_after(end)
PY
}

@test "descriptors are stale and pollers woken after a release" {
  { ways_to_end; cat <<'PY'; } | py
stale_after(lambda: os.unlink(M + "/job"))
PY
}

@test "descriptors are stale and pollers woken after another process released the lock by its handle" {
  { ways_to_end; cat <<'PY'; } | py
stale_after_command('rm "$1/$(getfattr --absolute-names --only-values -n user.lock.handle "$1/job")"')
PY
}

@test "descriptors are stale and pollers woken after another session forced the release" {
  { ways_to_end; cat <<'PY'; } | py
stale_after_command('rm "$1/.with/force/job"')
PY
}

@test "descriptors are stale and pollers woken after the lease expired" {
  { ways_to_end; cat <<'PY'; } | py
times = []
def take():
    times.append(boottime() + 3)
    fd = os.open(M + "/.with/ttl=3s/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    times.append(boottime() + 3)
    return fd
stale_after(lambda: times, take)
check("stat", outcome(os.stat, M + "/job"), "ENOENT")
PY
}

@test "it stays stale when the lock is taken again, by another or by the same" {
  { ways_to_end; cat <<'PY'; } | py
fds = stale_after(lambda: os.unlink(M + "/job"))
def take_and_write():
    fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    os.write(fd, b"theirs")
    os.close(fd)
check("another", in_child(take_and_write, session=True), "OK")
for fd, flags in fds:
    check_stale(fd, flags)
check("theirs", do_read(M + "/job"), "theirs")
os.unlink(M + "/.with/force/job")
check("the same", in_child(take_and_write), "OK")
before = snapshot(M + "/job")
for fd, flags in fds:
    check_stale(fd, flags)
    check("ftruncate", outcome(os.ftruncate, fd, 0) in ("ESTALE", "ENOENT", "EINVAL"), True)
    check("futimens", outcome(os.utime, fd) in ("ESTALE", "ENOENT"), True)
check("unchanged", snapshot(M + "/job"), before)
PY
}

@test "closing a stale descriptor, or any other, releases nothing" {
  py <<'PY'
old = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.unlink(M + "/job")
new = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
before = snapshot(M + "/job")
os.close(old)
os.close(new)
check("unchanged", snapshot(M + "/job"), before)
PY
}

@test "a descriptor of the holder is stale for other sessions too, and another's own one is not: it follows the key" {
  py <<'PY'
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.write(fd, b"words")
handles = []
def other():
    handles.append(os.open(M + "/job", os.O_RDWR))
    check("state", attribute(handles[0], "state"), "UNAVAILABLE")
    os.unlink(M + "/.with/force/job")
    check("inherited: state", attribute(fd, "state"), "EXPIRED")
    check("inherited: read", outcome(os.pread, fd, 1, 0), "ESTALE")
    check("inherited: write", outcome(os.pwrite, fd, b"x", 0), "ESTALE")
    poll = select.poll()
    for each in (fd, handles[0]):
        poll.register(each, 0)
    check("poll", poll.poll(5000), [(fd, select.POLLERR | select.POLLHUP)])
    check("handle: state", attribute(handles[0], "state"), "EXPIRED")
    check("handle: read", os.pread(handles[0], 100, 0), b"")
    check("handle: write", outcome(os.pwrite, handles[0], b"x", 0), "ENOLCK")
    take = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.write(take, b"next")
    check("handle: state", attribute(handles[0], "state"), "ACQUIRED")
    check("handle: read", os.pread(handles[0], 100, 0), b"next")
    check("inherited: read", outcome(os.pread, fd, 1, 0), "ESTALE")
check("another session", in_child(other, session=True), "OK")
check("state", attribute(fd, "state"), "EXPIRED")
check("read", outcome(os.pread, fd, 1, 0), "ESTALE")
PY
}

@test "a duplicated and an inherited descriptor are the same" {
  py <<'PY'
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.write(fd, b"words")
check("a child reads it", in_child(lambda: os.pread(os.dup(fd), 5, 0).decode()), "words")
os.unlink(M + "/job")
check("a child's", in_child(lambda: os.pread(os.dup(fd), 5, 0)), "ESTALE")
PY
}

@test "a descriptor reads what is kept now, not what was when it was opened" {
  py <<'PY'
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
reader = os.open(M + "/job", os.O_RDONLY)
os.write(fd, b"first")
check("first", os.pread(reader, 100, 0), b"first")
os.pwrite(fd, b"other", 0)
check("second", os.pread(reader, 100, 0), b"other")
check("size", os.fstat(reader).st_size, 5)
os.ftruncate(fd, 2)
check("cut", os.pread(reader, 100, 0), b"ot")
PY
}

@test "appending is at the end of what is kept now" {
  py <<'PY'
first = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND)
second = os.open(M + "/job", os.O_WRONLY | os.O_APPEND)
for fd, text in ((first, b"one "), (second, b"two "), (first, b"three")):
    check("appended", os.write(fd, text), len(text))
check("all", do_read(M + "/job"), "one two three")
os.unlink(M + "/job")
handle = os.open(M + "/job", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
first = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND)
for fd, text in ((handle, b"four "), (first, b"five "), (handle, b"six")):
    check("appended through a handle", os.write(fd, text), len(text))
check("all", do_read(M + "/job"), "four five six")
PY
}

@test "a descriptor of a directory is no lock: fsync works" {
  mkdir "$M/team"
  py <<'PY'
fd = os.open(M + "/team", os.O_RDONLY | os.O_DIRECTORY)
check("fsync", outcome(os.fsync, fd) in ("OK", "EINVAL"), True)
check("state", outcome(os.getxattr, fd, "user.lock.state"), "ENODATA")
PY
}

@test "a descriptor tells whose it was also where its file was never looked up" {
  need_root
  unmount_lockfs
  mount_lockfs -o allow_other
  cat <<'PY' | py "$(id -u nobody)"
os.setuid(int(sys.argv[1]))
fd = os.open(M + "/.with/ttl=300ms/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
poll = select.poll()
poll.register(fd, 0)
check("end", len(poll.poll(5000)), 1)
# The server may have it for an instant longer.
check("times", outcome(os.utime, fd), "ESTALE")
check("owner", os.fstat(fd).st_uid, int(sys.argv[1]))
PY
}

# proves_holding WAY: a descriptor that has acquired by WAY refreshes from another session,
# and those of others do not, whatever is looked up meanwhile
proves_holding() {
  py "$1" <<'PY'
create = lambda: os.open(M + "/.with/ttl=1h/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
hold = lambda: os.open(M + "/.with/hold,ttl=1h/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
def lock():
    fd = os.open(M + "/.with/ttl=1h/job", os.O_CREAT | os.O_RDWR | os.O_EXCL)
    os.unlink(M + "/job")
    os.close(fd)
    fd = os.open(M + "/.with/ttl=1h/job", os.O_CREAT | os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd
fd = {"create": create, "hold": hold, "flock": lock}[sys.argv[1]]()
may_write = sys.argv[1] != "flock"
id = attribute(fd, "id")
views = ["", ".with/ttl=1h/", ".with/hold,ttl=1h/"]

def refreshes():
    before = os.fstat(fd).st_mtime_ns
    time.sleep(0.002)
    check("futimens", outcome(os.utime, fd), "OK")
    check("later", os.fstat(fd).st_mtime_ns > before, True)
    check("ttl", outcome(os.setxattr, fd, "user.lock.ttl", b"2h"), "OK")
    check("its ttl", attribute(fd, "ttl"), "7200.000")
    check("state", attribute(fd, "state"), "ACQUIRED")
    check("id", attribute(fd, "id"), id)
    check("listed", "user.lock.handle" in os.listxattr(fd), True)
    check("fsync", outcome(os.fsync, fd), "OK")
    if may_write:
        check("write", outcome(os.pwrite, fd, b"x", 0), 1)
        check("ftruncate", outcome(os.ftruncate, fd, 0), "OK")

def others():
    """In another session, by path and by a descriptor of its own."""
    for view in views:
        path = M + "/" + view + "job"
        for name in [path] + [os.open(path, os.O_RDONLY) for _ in range(2)]:
            check("state", attribute(name, "state"), "UNAVAILABLE")
            check("utime", outcome(os.utime, name), "EPERM")
            check("ttl", outcome(os.setxattr, name, "user.lock.ttl", b"3h"), "EPERM")
        check("size", os.stat(path).st_size, 0)
        check("truncate", outcome(os.truncate, path, 0), "EBUSY")

check("the same session", in_child(refreshes), "OK")
check("daemon", in_child(refreshes, session=True), "OK")
check("others", in_child(others, session=True), "OK")
check("daemon", in_child(refreshes, session=True), "OK")
# Also where others, and the holder itself, have its name in use.
watch = [os.open(M + "/" + view + "job", os.O_PATH) for view in views]
check("others", in_child(others, session=True), "OK")
check("daemon", in_child(refreshes, session=True), "OK")
refreshes()
check("name", attribute(M + "/job", "state"), "ACQUIRED")
check("others", in_child(others, session=True), "OK")
# Of an end it says what any other does.
os.unlink(M + "/.with/force/job")
def ended():
    check("futimens", outcome(os.utime, fd), "ESTALE")
    check("ttl", outcome(os.setxattr, fd, "user.lock.ttl", b"2h"), "ESTALE")
    check("state", attribute(fd, "state"), "EXPIRED")
check("daemon", in_child(ended, session=True), "OK")
PY
}

@test "a descriptor that acquired by creating proves holding in any session" {
  proves_holding create
}

@test "a descriptor that acquired by creating in a view with hold proves holding in any session" {
  proves_holding hold
}

@test "a descriptor that acquired by flock proves holding in any session" {
  proves_holding flock
}

@test "once the descriptor that acquired is closed, no other one proves what it did" {
  py <<'PY'
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
same = os.open(M + "/job", os.O_RDWR)
os.close(fd)
def other():
    check("state", attribute(same, "state"), "UNAVAILABLE")
    check("ttl", outcome(os.setxattr, same, "user.lock.ttl", b"2h"), "EPERM")
    check("futimens", outcome(os.utime, same), "EPERM")
# The kernel tells of the close a moment later.
until = boottime() + 10
while in_child(other, session=True) != "OK":
    check("closed", boottime() < until, True)
check("other", in_child(other, session=True), "OK")
check("write", os.write(same, b"x"), 1)
PY
}
