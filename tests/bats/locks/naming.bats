# Locks that get a name by link(2), as mail programs lock, and by rename(2). Over Redis, a second mount of the server sees the
# same; over memory, the other is the same mount.

load ../lib/helper

teardown() {
  end_hearers
  end_mounts
}

setup() {
  setup_dirs
  mount_lockfs
  N=$M
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || N=$T/other
  [[ $N == "$M" ]] || mount_lockfs "$N"
}

# content FILE TEXT: on both mounts
content() {
  is "$2" "$(cat "$M/$1")"
  is "$2" "$(cat "$N/$1")"
}

# links FILE NUMBER: on both mounts
links() {
  is "$2" "$(stat -c %h "$M/$1")"
  is "$2" "$(stat -c %h "$N/$1")"
}

@test "link acquires the new name with the content, and both show two links and one inode number" {
  take_with 4711 "$M/tmp"
  chmod 440 "$M/tmp"
  links tmp 1
  ln "$M/tmp" "$M/job"
  content job 4711
  is "440" "$(stat -c %a "$N/job")"
  links tmp 2
  links job 2
  is "$(stat -c %i "$M/tmp")" "$(stat -c %i "$N/job")"
  test "$M/tmp" -ef "$M/job"
  is ACQUIRED "$(lock "$M/job" state)"
  refute [ "$(lock "$M/tmp" token)" -ge "$(lock "$M/job" token)" ]
  rm "$M/tmp"
  links job 1
  content job 4711
  rm "$M/job"
  is "" "$(ls -A "$N")"
}

@test "a link excludes every other way to acquire, and they exclude it" {
  session bash -c 'set -C; : >"$0/tmp"; ln "$0/tmp" "$0/job"; rm "$0/tmp"' "$M"
  take "$M/mine" "$N/mine.too"
  expect EEXIST link "$M/mine" "$M/job"
  expect EEXIST link "$N/mine.too" "$N/job"
  expect EEXIST symlink mine "$M/job"
  expect EEXIST open "$N/job" CREAT,EXCL,WRONLY
  exec 7>"$N/job"
  refute flock -n 7
  exec 7>&-
  rm "$M/.with/force/job"
  ln -s target "$M/job"
  expect EEXIST link "$N/mine.too" "$N/job"
  rm "$M/job"
  exec 7>"$M/job"
  flock -n 7
  expect EEXIST link "$N/mine.too" "$N/job"
  exec 7>&-
  wait_until gone "$N/job"
  expect OK link "$N/mine.too" "$N/job"
}

@test "whoever waits by flock has the lock after a link of it is removed" {
  take "$M/tmp"
  ln "$M/tmp" "$M/job"
  in_background flock "$N/job" true
  waiter=$pid
  wait_until waits 1 "$M/job"
  rm "$M/tmp"
  rm "$M/job"
  ends_with 0 "$waiter"
}

@test "of many that link to one name at a time exactly one succeeds, and link counts tell which" {
  py "$N" <<'PY'
import sys, threading
N = sys.argv[1]
def contend(number, results, start):
    place = (M, N)[number % 2]
    own = "%s/own.%d" % (place, number)
    os.close(os.open(own, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    start.wait()
    for _ in range(20):
        result = outcome(os.link, own, place + "/job")
        nlink = os.stat(own).st_nlink
        results.append((result, nlink))
        if result == "OK":
            holders = [name for name in os.listdir(place) if name == "job"]
            check("holders", holders, ["job"])
            os.unlink(place + "/job")
            check("links afterwards", os.stat(own).st_nlink, 1)
    os.unlink(own)
results, start = [], threading.Barrier(8)
threads = [threading.Thread(target=contend, args=(number, results, start)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("kinds of results", sorted(set(results) | {("EEXIST", 1)}), [("EEXIST", 1), ("OK", 2)])
check("attempts", len(results), 160)
check("left", do_list(M), "")
PY
}

@test "link and rename are refused, and change nothing" {
  take_with mine "$M/mine"
  session bash -c 'set -C; echo theirs >"$0"' "$M/theirs"
  mkdir "$M/dir"
  : >"$T/file"
  before=$(snapshot "$M/theirs")
  for call in link rename; do
    expect ENOENT "$call" "$M/missing" "$M/job"
    expect EPERM "$call" "$M/theirs" "$M/job"
    expect EXDEV "$call" "$T/file" "$M/job"
    expect EXDEV "$call" "$M/mine" "$T/job"
    expect ENOTDIR "$call" "$M/mine" "$M/theirs/job"
    expect ENOENT "$call" "$M/mine" "$M/missing/job"
    for view in hold shared signal=TERM; do
      expect EINVAL "$call" "$M/mine" "$M/.with/$view/job"
    done
  done
  expect EEXIST link "$M/mine" "$M/.events"
  expect EPERM rename "$M/mine" "$M/.events"
  expect EPERM link "$M/dir" "$M/job"
  expect EXDEV rename "$M/dir" "$M/job"
  expect EEXIST link "$M/mine" "$M/theirs"
  expect EEXIST link "$M/mine" "$M/mine"
  expect EEXIST link "$M/mine" "$M/dir"
  expect EBUSY rename "$M/mine" "$M/theirs"
  expect EISDIR rename "$M/mine" "$M/dir"
  expect OK rename "$M/mine" "$M/mine"
  py <<'PY'
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def renameat2(old, new, flags):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) < 0:
        raise OSError(ctypes.get_errno(), "renameat2")
os.symlink("x", M + "/own")
check("NOREPLACE of own", outcome(renameat2, M + "/mine", M + "/own", 1), "EEXIST")
check("EXCHANGE", outcome(renameat2, M + "/mine", M + "/own", 2), "EINVAL")
check("NOREPLACE of free", outcome(renameat2, M + "/own", M + "/moved", 1), "OK")
check("moved", os.readlink(M + "/moved"), "x")
os.unlink(M + "/moved")
PY
  is "dir mine theirs" "$(call list "$N")"
  content mine mine
  unchanged "$before" "$M/theirs"
}

@test "rename moves a lock, with content, mode, ttl and waiters of both names" {
  take_with text "$M/.with/ttl=1h/tmp"
  chmod 600 "$M/tmp"
  token=$(lock "$M/tmp" token)
  in_background flock "$N/tmp" true
  waiter=$pid
  wait_until waits 1 "$M/tmp"
  mv "$M/tmp" "$M/job"
  ends_with 0 "$waiter"
  wait_until gone "$N/tmp"
  content job text
  is "600 3600.000 ACQUIRED" "$(stat -c %a "$M/job") $(lock "$N/job" ttl) $(lock "$M/job" state)"
  refute [ "$(lock "$N/job" token)" -le "$token" ]
  in_background flock "$N/job" true
  waiter=$pid
  wait_until waits 1 "$M/job"
  mkdir "$M/dir"
  mv "$M/job" "$M/dir/job"
  ends_with 0 "$waiter"
  content dir/job text
}

@test "rename onto a lock of one's own replaces its content, and its lease and token stay" {
  take_with old "$M/job"
  token=$(lock "$M/job" token)
  for text in new newer newest; do
    take_with $text "$M/job.new"
    mv "$M/job.new" "$M/job"
    content job $text
    is "$token" "$(lock "$N/job" token)"
    is "job" "$(call list "$N")"
  done
}

@test "open files follow a lock that is renamed, and those of a lock that ends so say ESTALE" {
  py <<'PY'
import fcntl
fd = os.open(M + "/tmp", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.write(fd, b"one")
os.rename(M + "/tmp", M + "/job")
check("write", os.pwrite(fd, b"two", 0), 3)
check("content", open(M + "/job").read(), "two")
check("key", os.getxattr(fd, "user.lock.key"), b"job")
check("state", os.getxattr(fd, "user.lock.state"), b"ACQUIRED")
check("refresh", outcome(os.utime, fd), "OK")
check("inode", os.fstat(fd).st_ino, os.stat(M + "/job").st_ino)
check("flock", outcome(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "OK")
os.rename(M + "/job", M + "/again")
check("locked again", os.getxattr(fd, "user.lock.state"), b"ACQUIRED")
check("bound", os.pwrite(fd, b"x", 0), 1)
other = os.open(M + "/other", os.O_CREAT | os.O_EXCL | os.O_RDWR)
mine = os.open(M + "/mine", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.write(other, b"new")
os.rename(M + "/other", M + "/mine")
check("of the ended one", outcome(os.write, other, b"x"), "ESTALE")
check("of the one that stays", os.pread(mine, 10, 0), b"new")
os.close(fd)
for end in range(100):
    if "again" not in os.listdir(M):
        break
    time.sleep(0.05)
check("closed", sorted(os.listdir(M)), ["mine"])
PY
}

@test "only the holder links and moves a lock; in a view with an id that is who gives the id" {
  take "$M/.with/id=alice/tmp" "$M/mine"
  expect EPERM link "$M/tmp" "$M/job"
  expect EPERM rename "$M/tmp" "$M/job"
  expect EPERM rename "$M/mine" "$M/.with/id=alice/job"
  expect EPERM @session rename "$M/mine" "$M/job"
  expect OK link "$N/.with/id=alice/tmp" "$N/.with/id=alice/job"
  is alice "$(lock "$M/job" owner)"
  expect OK rename "$N/.with/id=alice/tmp" "$N/.with/id=alice/job"
  expect OK unlink "$N/.with/id=alice/job"
  expect OK rename "$M/mine" "$M/.with/ttl=1h/job"
  is ACQUIRED "$(state "$M/job")"
}

@test "a lock that fcntl has taken is not moved" {
  py <<'PY'
import fcntl
fd = os.open(M + "/fcntl", os.O_CREAT | os.O_RDWR)
fcntl.lockf(fd, fcntl.LOCK_EX)
check("rename", outcome(os.rename, M + "/fcntl", M + "/job"), "EBUSY")
os.close(fd)
PY
}

@test "events tell what begins and ends by link and rename" {
  hear "$T/heard" "$N"
  take "$M/tmp"
  ln "$M/tmp" "$M/linked"
  take "$M/job"
  mv "$M/tmp" "$M/moved"
  mv "$M/moved" "$M/job"
  rm "$M/job"
  heard "$T/heard" "ACQUIRED tmp" "ACQUIRED linked" "ACQUIRED job" "ACQUIRED moved" "RELEASED tmp" "RELEASED moved" "RELEASED job"
}

@test "link and rename of many names, with newlines and of the longest length" {
  py <<'PY'
longest = "l" * 255
for name in ("a\nb", "\u202e", longest, "x" * 254, "-rf", " "):
    os.close(os.open(M + "/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    check("link", outcome(os.link, M + "/" + name, M + "/job"), "OK")
    check("links", os.stat(M + "/" + name).st_nlink, 2)
    os.unlink(M + "/job")
    check("rename", outcome(os.rename, M + "/" + name, M + "/job"), "OK")
    check("rename back", outcome(os.rename, M + "/job", M + "/" + name), "OK")
    os.unlink(M + "/" + name)
check("too long", outcome(os.link, M, M + "/" + longest + "l"), "ENAMETOOLONG")
PY
  is "" "$(ls -A "$N")"
}

@test "another user in a sticky directory takes nothing of a lock by link, rename, rmdir, chmod or times" {
  need_root "users"
  mount_lockfs -o allow_other "$T/shared"
  chmod 755 "$T"
  mkdir -m 1777 "$T/shared/sticky"
  S=$T/shared/sticky
  L=$T/shared/.with/lockdir/sticky
  take_with mine "$S/job"
  mkdir "$L/dir"
  ln -s target "$S/link"
  before=$(snapshot "$S/job")
  as_user nobody bash -c 'set -C; : >"$0/theirs"' "$S"
  expect EPERM @nobody link "$S/job" "$S/new"
  expect EPERM @nobody rename "$S/job" "$S/new"
  expect EPERM @nobody rename "$S/link" "$S/new"
  expect EPERM @nobody rename "$S/theirs" "$S/job"
  expect EEXIST @nobody link "$S/theirs" "$S/job"
  expect EPERM @nobody rmdir "$L/dir"
  expect EPERM @nobody rmdir "$T/shared/.with/lockdir,force/sticky/dir"
  expect EPERM @nobody unlink "$T/shared/.with/force/sticky/job"
  expect EPERM @nobody chmod "$S/job" 666
  expect EPERM @nobody chmod "$L/dir" 777
  expect EACCES @nobody utime "$S/job"
  expect EEXIST @nobody mkdir "$L/job"
  expect EEXIST @nobody symlink x "$S/job"
  unchanged "$before" "$S/job"
  is $'dir\njob\nlink\ntheirs' "$(ls "$S")"
}

@test "link across directories, and rename of a lock whose lease ends meanwhile" {
  mkdir "$M/one" "$M/two"
  take_with text "$M/one/tmp"
  expect OK link "$M/one/tmp" "$M/two/job"
  is "text 2" "$(cat "$N/two/job") $(stat -c %h "$N/one/tmp")"
  rm "$M/one/tmp" "$M/two/job"
  py <<'PY'
# The lease ends between the LOOKUP and the RENAME of some of them.
results = set()
for number in range(300):
    try:
        os.close(os.open(M + "/.with/ttl=%dms/tmp" % (2 + number % 9), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except TimeoutError:
        continue  # the lease ended before the server's answer came
    result = outcome(os.rename, M + "/tmp", M + "/job")
    results.add(result)
    check("the old name after " + result, os.path.lexists(M + "/tmp") and result == "OK", False)
    if result == "OK" and os.path.lexists(M + "/job"):
        outcome(os.unlink, M + "/job")
    while do_list(M) != "one two":
        time.sleep(0.001)
# ETIMEDOUT: the lock was moved, and its lease, which began again, ended before the server's answer came.
check("results", sorted(results | {"ENOENT", "ETIMEDOUT", "OK"}), ["ENOENT", "ETIMEDOUT", "OK"])
PY
}
