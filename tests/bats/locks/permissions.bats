# Permissions, which the daemon checks by itself: they decide as on any other filesystem. tests/bats/lib/permission_table.py
# has the calls that are compared, and the differences that are meant.
# shellcheck disable=SC2119,SC2154  # py has optional arguments; sysctl is set by set_sysctl

load ../lib/helper

setup() {
  need_root
  setup_dirs
  R=$T/tmpfs
}

teardown() {
  [ -z "${sysctl_before-}" ] || echo "$sysctl_before" >"$sysctl"
  end_background
  end_mounts
}

# mount_tmpfs OPTIONS: mounts the filesystem to compare with on $R
mount_tmpfs() {
  mkdir -p "$R"
  mount -t tmpfs -o "$1" lockfs-test "$R"
}

# compare WHAT ARGUMENT...: runs permission_table.py
compare() {
  run "${python[@]}" -B "$BATS_TEST_DIRNAME/../lib/permission_table.py" "$@"
  [ "$status" = 0 ] || fail "$output"
  matches '[1-9][0-9]* calls compared' "$output"
}

@test "every call has the errno that it has on tmpfs, for each user and each mode of a directory" {
  mount_lockfs -o allow_other
  mount_tmpfs mode=1777
  compare dirs "$M" "$R"
}

@test "every call has the errno that it has on tmpfs also in directories of rare modes" {
  mount_lockfs -o allow_other
  mount_tmpfs mode=1777
  compare more "$M" "$R"
}

@test "a view checks permissions as the plain tree does" {
  mount_lockfs -o allow_other
  mount_tmpfs mode=1777
  compare view "$M" "$R"
}

@test "the root directory is checked by the mode, uid and gid of the options" {
  local options
  for options in mode=1777 mode=0755,uid=61001,gid=61007 mode=0770,uid=61001,gid=61007 mode=0711,uid=0,gid=0; do
    mount_lockfs -o "allow_other,$options"
    mount_tmpfs "$options"
    compare root "$M" "$R"
    umount "$R"
    unmount_lockfs
  done
}

@test "a read-only mount refuses with the errnos of a read-only tmpfs" {
  mount_lockfs -o allow_other,ro
  mount_tmpfs mode=1777
  if [[ $LOCKFS_TEST_SOURCE == memory: ]]; then
    compare ro "$M" "$R"
  else
    mount_lockfs -o allow_other "$T/writable"
    compare ro "$M" "$R" "$T/writable"
  fi
}

# set_sysctl NAME VALUE: sets fs.NAME until the end of the test. Other tests that do so wait for that end.
set_sysctl() {
  sysctl=/proc/sys/fs/$1
  [ -w "$sysctl" ] || skip "fs.$1 cannot be set here"
  if [ -z "${sysctl_before-}" ]; then
    exec {sysctl_fd}<"$sysctl"
    flock "$sysctl_fd"
    sysctl_before=$(<"$sysctl")
  fi
  echo "$2" >"$sysctl"
}

@test "users wait for each other's locks, whatever fs.protected_regular is" {
  local value
  # The kernel's own checks, which this option would switch on, would refuse that.
  mount_lockfs -o allow_other,default_permissions
  for value in 0 1 2; do
    set_sysctl protected_regular "$value"
    py <<'PY'
import fcntl
FLAGS = {"reading": os.O_RDONLY | os.O_CREAT, "writing": os.O_RDWR | os.O_CREAT}
USERS = (0, 61001, 61002)

def start(uid, flags):
    """A child with another user and session, which opens the lock, locks it, and holds it until it is told to end."""
    told, tell = os.pipe()
    heard, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        try:
            os.setsid()
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            fd = os.open(M + "/job", flags, 0o666)
            os.write(says, b"opened\n")
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.write(says, b"locked\n")
            os.read(told, 1)
            os._exit(0)
        except OSError as error:
            os.write(says, os.fsencode("%s\n" % error))
            os._exit(1)
    os.close(told)
    os.close(says)
    return pid, tell, os.fdopen(heard)

def finish(child):
    os.write(child[1], b"x")
    os.close(child[1])
    check("the end of a holder", os.waitpid(child[0], 0)[1], 0)

def says(child, who, word):
    check(who, child[2].readline(), word + "\n")

for how, flags in FLAGS.items():
    for first in USERS:
        for second in USERS:
            who = "%d after %d, opened for %s" % (second, first, how)
            holder = start(first, flags)
            says(holder, who, "opened")
            says(holder, who, "locked")
            waiter = start(second, flags)
            says(waiter, who, "opened")
            while attribute(M + "/job", "waiters") != "1":
                time.sleep(0.005)
            check(who, select.select([waiter[2]], [], [], 0)[0], [])
            finish(holder)
            says(waiter, who, "locked")
            check(who, attribute(M + "/job", "uid"), str(second))
            finish(waiter)
            while outcome(os.stat, M + "/job") != "ENOENT":
                time.sleep(0.005)
PY
  done
}

@test "default_permissions is accepted and has no effect" {
  mount_lockfs -o allow_other,default_permissions
  refute grep -q " $M .*default_permissions" /proc/mounts
  is 1777 "$(stat -c %a "$M")"
}

@test "who may not create in a directory needs the right of the lock's mode to open it" {
  mount_lockfs -o allow_other
  mkdir -m 755 "$M/dir"
  take "$M/dir/job"
  expect OK @nobody open "$M/dir/job" RDONLY
  expect EACCES @nobody open "$M/dir/job" RDWR
  expect EACCES @nobody open "$M/dir/job" RDWR,CREAT
  expect EACCES @nobody open "$M/dir/free" RDONLY,CREAT
}

@test "a right that is taken away through a view is gone through an open directory 10 ms later" {
  mount_lockfs -o allow_other
  mkdir -m 777 "$M/dir"
  py <<'PY'
def wait_for(answer, uid, call, *arguments, **named):
    until = time.monotonic() + 20
    os.seteuid(uid)
    while outcome(call, *arguments, **named) != answer:
        check("the time", time.monotonic() < until, True)
    os.seteuid(0)

fd = os.open(M + "/dir", os.O_PATH)
wait_for("ENOENT", 61001, os.stat, "job", dir_fd=fd)
for view in ".with/ttl=5/", ".with/wait=5s/":
    os.chmod(M + "/" + view + "dir", 0o700)
    wait_for("EACCES", 61001, os.stat, "job", dir_fd=fd)
    wait_for("EACCES", 61001, os.mkdir, "sub", dir_fd=fd)
    os.chmod(M + "/" + view + "dir", 0o755)
    wait_for("ENOENT", 61001, os.stat, "job", dir_fd=fd)
    wait_for("EACCES", 61001, os.mkdir, "sub", dir_fd=fd)
PY
}

@test "in a sticky directory a holder's session cannot release what another user in it acquired" {
  mount_lockfs -o allow_other
  py <<'PY'
os.seteuid(61001)
do_open(M + "/job", "CREAT,EXCL,WRONLY")
os.seteuid(0)
before = snapshot(M + "/job")
os.seteuid(61002)
check("by name", outcome(os.unlink, M + "/job"), "EPERM")
check("by force", outcome(os.unlink, M + "/.with/force/job"), "EPERM")
os.seteuid(0)
check("the lock", snapshot(M + "/job"), before)
os.seteuid(61001)
check("the user", outcome(os.unlink, M + "/job"), "OK")
PY
}

# The LOOKUP that the kernel sends before UNLINK tells the owner, unless another LOOKUP in that directory comes in between.
@test "in a sticky directory the owner of a lock is found also while other names are looked up there" {
  mount_lockfs -o allow_other
  device=$(mount_device "$M")
  [ -e "$fusectl/${device#*:}" ] || mount -t fusectl fusectl "$fusectl"
  py "${daemon_of[$M]}" "$fusectl/${device#*:}/waiting" <<'PY'
daemon, waiting = int(sys.argv[1]), sys.argv[2]

def reads():
    lines = open(M + "/.stats").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith('lockfs_operations_total{operation="read"'))

def start(call, path):
    """A child that calls as a user, and whose first request waits for the daemon, which is stopped."""
    reader, writer = os.pipe()
    before = int(open(waiting).read())
    pid = os.fork()
    if pid == 0:
        os.setresuid(61001, 61001, 61001)
        os.write(writer, os.fsencode(str(outcome(call, path))))
        os._exit(0)
    os.close(writer)
    while int(open(waiting).read()) == before:
        time.sleep(0.001)
    return pid, reader

def finish(child):
    answer = os.read(child[1], 100).decode()
    os.waitpid(child[0], 0)
    os.close(child[1])
    return answer

def looked_up(path):
    os.stat(path)

def unlink_in_between(dir):
    """Unlinks `job` while `other` is looked up in the same directory. The kernel knows both names."""
    looked_up(dir + "job")
    looked_up(dir + "other")
    before = reads()
    os.kill(daemon, signal.SIGSTOP)
    try:
        unlink = start(os.unlink, dir + "job")
        other = start(looked_up, dir + "other")
    finally:
        os.kill(daemon, signal.SIGCONT)
    answers = finish(unlink), finish(other)
    if os.environ["LOCKFS_TEST_SOURCE"] == "memory:":
        check("reads for two LOOKUP, one GETATTR, and the owner", reads() - before, 4)
    return answers

do_open(M + "/other", "CREAT,EXCL,WRONLY")
for dir in M + "/", M + "/.with/force/":
    do_open(M + "/job", "CREAT,EXCL,WRONLY")
    check("of another user", unlink_in_between(dir), ("EPERM", "OK"))
    os.unlink(M + "/job")
    os.seteuid(61001)
    do_open(M + "/job", "CREAT,EXCL,WRONLY")
    os.seteuid(0)
    check("of the user", unlink_in_between(dir), ("OK", "OK"))
    check("the lock", outcome(os.stat, M + "/job"), "ENOENT")
PY
}

@test "with the id of a lock every user has the rights of its owner, also through one descriptor" {
  mount_lockfs -o allow_other
  py <<'PY'
def set_ttl(fd, uid):
    os.seteuid(uid)
    answer = outcome(os.setxattr, fd, "user.lock.ttl", b"300")
    os.seteuid(0)
    return answer

for path, others in (M + "/.with/id=me/job", "OK"), (M + "/other", "EACCES"):
    os.seteuid(61001)
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    os.seteuid(0)
    check(path + ": its user", set_ttl(fd, 61001), "OK")
    check(path + ": another", set_ttl(fd, 61002), others)
    check(path + ": its user again", set_ttl(fd, 61001), "OK")
    os.close(fd)
PY
}

@test "a name that root has looked up is not found by users who may not search the directory" {
  mount_lockfs -o allow_other,mode=700
  expect OK stat "$M/.with/ttl=5"
  expect EACCES @nobody stat "$M/.with"
  expect EACCES @nobody stat "$M/.with/ttl=5"
  expect EACCES @nobody stat "$M/.with/ttl=5/job"
  expect EACCES @nobody stat "$M/.stats"
}

# With -o debug, libfuse prints a line for each request. A daemon that prints into a file of its own is no failure.
count_requests() {
  cat >"$T/debugged" <<SCRIPT
#!/bin/bash
exec "$LOCKFS" "\$@" -o debug 2>>"$T/debug"
SCRIPT
  chmod 755 "$T/debugged"
  LOCKFS=$T/debugged
}

@test "creating, closing and removing a lock are four requests that anybody waits for" {
  count_requests
  mount_lockfs -o allow_other
  mkdir -m 1777 "$M/dir"
  py >"$T/pids" <<'PY'
def cycle(path, **named):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666, **named))
    os.unlink(path, **named)

def in_child_of(uid, path, **named):
    pid = os.fork()
    if pid == 0:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        cycle(path, **named)
        os._exit(0)
    check("the cycle", os.waitpid(pid, 0)[1], 0)
    print(pid)

cycle(M + "/first")  # the kernel asks some things only once
fd = os.open(M + "/dir", os.O_PATH)
for uid in 0, 61001:
    in_child_of(uid, M + "/job")
    in_child_of(uid, "job", dir_fd=fd)
PY
  unmount_lockfs
  while read -r pid; do
    is "LOOKUP CREATE LOOKUP UNLINK" \
      "$(sed -nE "s/.*opcode: ([A-Z]+) .*, pid: $pid\$/\1/p" "$T/debug" | grep -v RELEASE | xargs)"
  done <"$T/pids"
  is 4 "$(wc -l <"$T/pids")"
}

@test "who may only create in the directory gets handles, also where the users are one holder" {
  mount_lockfs -o allow_other,owner=mount
  py <<'PY'
def as_other(call):
    """The outcome for another user, who is the same holder here."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(61001, 61001, 61001)
        os.setresuid(61001, 61001, 61001)
        os.write(writer, str(outcome(call)).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        return answer.read()

handle = os.open(M + "/job", os.O_CREAT | os.O_RDWR)
held = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
os.write(held, b"root's")
through = "/proc/self/fd/%d" % handle
def truncating():
    os.close(os.open(M + "/job", os.O_WRONLY | os.O_TRUNC))
def writing():
    descriptor = os.open(M + "/job", os.O_WRONLY)
    try:
        os.write(descriptor, b"x")
    finally:
        os.close(descriptor)
check("open by path", as_other(truncating), "OK")
check("write by path", as_other(writing), "EACCES")
check("write", as_other(lambda: os.write(handle, b"x")), "EACCES")
check("ftruncate", as_other(lambda: os.ftruncate(handle, 0)), "EBUSY")
check("truncate", as_other(lambda: os.truncate(through, 0)), "EACCES")
check("futimens", as_other(lambda: os.utime(handle)), "EACCES")
check("fsetxattr", as_other(lambda: os.setxattr(handle, "user.lock.ttl", b"1ms")), "EACCES")
check("setxattr by path", as_other(lambda: os.setxattr(M + "/job", "user.lock.ttl", b"1ms")), "EACCES")
check("content", os.pread(handle, 100, 0), b"root's")
check("still held", attribute(M + "/job", "state"), "ACQUIRED")
check("root writes through the handle", os.pwrite(handle, b"ROOT", 0), 4)
os.close(held)
os.unlink(M + "/job")
PY
}
