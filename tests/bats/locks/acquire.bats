# Exclusive creation takes a lock, and every other open takes nothing: each way to open × free,
# held by the caller, held by another.

load ../lib/helper

@test "exclusive creation takes a free lock" {
  expect OK open "$M/job" CREAT,EXCL,WRONLY
  is ACQUIRED "$(state "$M/job")"
  is job "$(ls "$M")"
}

@test "exclusive creation read-only takes a free lock too" {
  expect OK open "$M/job" CREAT,EXCL,RDONLY
  is ACQUIRED "$(state "$M/job")"
}

@test "exclusive creation of one's own lock fails with EEXIST and changes nothing" {
  take "$M/job"
  before=$(snapshot "$M/job")
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  unchanged "$before" "$M/job"
}

@test "exclusive creation of another's lock fails with EEXIST and changes nothing" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  unchanged "$before" "$M/job"
  is UNAVAILABLE "$(state "$M/job")"
}

@test "set -C takes a free lock and fails on a held one" {
  (set -C; : >"$M/job")
  is ACQUIRED "$(state "$M/job")"
  before=$(snapshot "$M/job")
  run bash -c 'set -C; : >"$0"' "$M/job"
  is 1 "$status"
  contains "cannot overwrite existing file" "$output"
  run session bash -c 'set -C; : >"$0"' "$M/job"
  is 1 "$status"
  contains "cannot overwrite existing file" "$output"
  unchanged "$before" "$M/job"
}

@test "an open of a free lock that is not exclusive takes nothing: >, >>, <>, exec 9>, O_TRUNC" {
  for way in ': >"$0"' ': >>"$0"' ': <>"$0"' 'exec 9>"$0"; exec 9>&-'; do
    run -0 bash -c "$way" "$M/job"
    is "" "$output"
    gone "$M/job"
  done
  py <<'PY'
for mode in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
    for more in (0, os.O_TRUNC, os.O_APPEND, os.O_APPEND | os.O_NONBLOCK, os.O_NONBLOCK | os.O_NOCTTY):
        fd = os.open(M + "/job", os.O_CREAT | mode | more)
        check("stat while it is open", outcome(os.stat, M + "/job"), "ENOENT")
        check("list", do_list(M), "")
        os.close(fd)
        check("stat", outcome(os.stat, M + "/job"), "ENOENT")
PY
  take_as_other "$M/job"
}

@test "writing to a free lock takes nothing and fails with ENOLCK: a shell prints No locks available" {
  for way in 'echo words >"$0"' 'echo words >>"$0"' 'echo words 1<>"$0"' 'echo words | tee "$0" >/dev/null'; do
    run bash -c "$way" "$M/job"
    is 1 "$status"
    contains "No locks available" "$output"
    gone "$M/job"
  done
  is "" "$(call list "$M")"
}

@test "an open of one's own lock that is not exclusive opens the holding: lease and token stay" {
  take "$M/job"
  before=$(snapshot "$M/job")
  for flags in CREAT,WRONLY CREAT,RDWR CREAT,RDONLY WRONLY RDWR RDONLY CREAT,WRONLY,TRUNC; do
    expect OK open "$M/job" "$flags"
  done
  : >>"$M/job"
  : >"$M/job"
  unchanged "$before" "$M/job"
  echo words >"$M/job"
  echo more >>"$M/job"
  is $'words\nmore' "$(cat "$M/job")"
  echo less >"$M/job"
  is less "$(cat "$M/job")"
}

@test "> on one's own lock empties its content and keeps the holding" {
  take_with words "$M/job"
  token=$(lock "$M/job" token) expires=$(lock "$M/job" expires)
  : >"$M/job"
  is "" "$(cat "$M/job")"
  is 0 "$(stat -c %s "$M/job")"
  is "$token" "$(lock "$M/job" token)"
  is "$expires" "$(lock "$M/job" expires)"
}

@test "another's lock can be opened in each mode, also with O_TRUNC, and stays as it is" {
  session bash -c 'set -C; echo theirs >"$0"' "$M/job"
  before=$(snapshot "$M/job")
  for way in ': >"$0"' ': >>"$0"' ': <>"$0"' 'exec 9>"$0"; exec 9>&-'; do
    run -0 bash -c "$way" "$M/job"
    is "" "$output"
  done
  unchanged "$before" "$M/job"
  py <<'PY'
before = snapshot(M + "/job")
for mode in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
    for more in (0, os.O_TRUNC, os.O_APPEND, os.O_APPEND | os.O_NONBLOCK, os.O_CREAT, os.O_CREAT | os.O_TRUNC, os.O_CREAT | os.O_APPEND):
        check("open", outcome(lambda: os.close(os.open(M + "/job", mode | more))), "OK")
        check("unchanged", snapshot(M + "/job"), before)
PY
  is theirs "$(cat "$M/job")"
}

@test "another's lock cannot be written to: a shell prints Device or resource busy" {
  session bash -c 'set -C; echo theirs >"$0"' "$M/job"
  before=$(snapshot "$M/job")
  for way in 'echo mine >"$0"' 'echo mine >>"$0"' 'echo mine 1<>"$0"' 'echo mine | tee "$0" >/dev/null' 'cp /etc/hostname "$0"'; do
    run bash -c "$way" "$M/job"
    is 1 "$status"
    contains "Device or resource busy" "$output"
  done
  expect EBUSY write "$M/job" mine
  expect EBUSY append "$M/job" 4
  expect EBUSY truncate "$M/job" 0
  unchanged "$before" "$M/job"
  is theirs "$(cat "$M/job")"
}

@test "below ttl=, signal= and force an open takes nothing either" {
  py ttl=7s signal=USR1 force ttl=7s,signal=TERM,force <<'PY'
paths = [M + "/.with/" + view + "/job" for view in sys.argv[1:]]
ways = [os.O_WRONLY, os.O_RDWR | os.O_TRUNC, os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_TRUNC]
for path in paths:
    for way in ways:
        fd = os.open(path, os.O_CREAT | way)
        check("stat", outcome(os.stat, M + "/job"), "ENOENT")
        os.close(fd)
        check("without O_CREAT", outcome(os.open, path, way), "ENOENT")
check("another", in_child(lambda: os.write(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY), b"theirs"), session=True), "6")
before = snapshot(M + "/job")
for path in paths:
    for way in ways:
        for create in (0, os.O_CREAT):
            fd = os.open(path, create | way)
            check("write", outcome(os.write, fd, b"mine"), "EBADF" if way == os.O_RDONLY else "EBUSY")
            os.close(fd)
check("unchanged", snapshot(M + "/job"), before)
PY
}

# Views that say how creation acquires

@test "creation for writing takes a free lock in a view with id=, hold, wait=, interval= or attempts=" {
  py id=alice hold wait=1m attempts=1 interval=1s,wait=1m <<'PY'
ways = [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_TRUNC, os.O_WRONLY | os.O_APPEND,
        os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK]
for view in sys.argv[1:]:
    path = M + "/.with/" + view + "/job"
    for way in ways:
        fd = os.open(path, os.O_CREAT | way)
        check(view, attribute(path, "state"), "ACQUIRED")
        check(view, os.write(fd, b"words"), 5)
        before = snapshot(path)
        # Again it opens the holding of the same holder, and empties it only with O_TRUNC.
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        check(view, snapshot(path), before)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC))
        check(view, os.stat(path).st_size, 0)
        os.unlink(path)
        os.close(fd)
    fd = os.open(path, os.O_CREAT | os.O_RDONLY)
    check(view, outcome(os.stat, M + "/job"), "ENOENT")
    os.close(fd)
    check(view, outcome(os.open, path, os.O_WRONLY), "ENOENT")
PY
  is "" "$(call list "$M")"
}

@test "creation for writing of another's lock fails with EBUSY in a view with id= or hold and changes nothing" {
  session bash -c 'set -C; echo theirs >"$0"' "$M/job"
  py id=alice hold <<'PY'
before = snapshot(M + "/job")
for view in sys.argv[1:]:
    for way in (os.O_WRONLY, os.O_RDWR | os.O_TRUNC, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
        check(view, outcome(os.open, M + "/.with/" + view + "/job", os.O_CREAT | way), "EBUSY")
check("unchanged", snapshot(M + "/job"), before)
PY
  run bash -c 'echo mine >"$0"' "$M/.with/id=alice/job"
  is 1 "$status"
  contains "Device or resource busy" "$output"
  is theirs "$(cat "$M/job")"
}

@test "another's lock cannot be opened for writing without O_CREAT in a view with id= or hold" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  for view in id=alice hold; do
    expect EBUSY open "$M/.with/$view/job" WRONLY
    expect EBUSY open "$M/.with/$view/job" RDWR,TRUNC
  done
  unchanged "$before" "$M/job"
}

@test "what flock wants can be opened in a view with id= or hold while another holds it: O_RDWR, and appending without blocking" {
  session bash -c 'set -C; echo theirs >"$0"' "$M/job"
  before=$(snapshot "$M/job")
  py <<'PY'
for view in ("id=alice", "hold"):
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, os.O_RDONLY | os.O_CREAT):
        fd = os.open(M + "/.with/" + view + "/job", flags)
        check("flock", outcome(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "EAGAIN")
        check("write", outcome(os.write, fd, b"mine"), "EBUSY" if flags & (os.O_RDWR | os.O_WRONLY) else "EBADF")
        os.close(fd)
PY
  unchanged "$before" "$M/job"
  is theirs "$(cat "$M/job")"
}

@test "opening without O_CREAT takes no free lock" {
  expect ENOENT open "$M/job" WRONLY
  expect ENOENT open "$M/job" RDWR,TRUNC
  expect ENOENT open "$M/job" RDONLY
  gone "$M/job"
}

@test "two processes of one identity: exclusive creation lets only one in" {
  py <<'PY'
create = lambda: os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
answers = [in_child(create) for _ in range(4)]
check("answers", answers, ["OK", "EEXIST", "EEXIST", "EEXIST"])
PY
}

@test "a lock tells size, times, owner and mode by stat" {
  before=$(date +%s)
  (umask 077; take "$M/job")
  (umask 022; expect OK open "$M/strange" CREAT,EXCL,WRONLY 4777)
  after=$(date +%s)
  is "600 755" "$(stat -c %a "$M/job" "$M/strange" | xargs)"
  for each in job strange; do
    is "regular empty file 0 $(id -u) $(id -g)" "$(stat -c '%F %s %u %g' "$M/$each")"
    for time in $(stat -c '%Y %Z' "$M/$each"); do
      ((time >= before && time <= after)) || fail "time $time is not in $before to $after"
    done
  done
  echo hello >"$M/job"
  is 6 "$(stat -c %s "$M/job")"
}

@test "the inode number is the key's: across holdings, and for descriptors" {
  take "$M/job" "$M/else"
  inode=$(stat -c %i "$M/job")
  [ "$inode" != "$(stat -c %i "$M/else")" ]
  is "$inode" "$(stat -L -c %i /dev/fd/7 7<"$M/job")"
  rm "$M/job"
  is "$inode" "$(stat -L -c %i /dev/fd/7 7>"$M/job")"
  take "$M/job"
  is "$inode" "$(stat -c %i "$M/job")"
  is "$inode" "$(stat -L -c %i /dev/fd/7 7>"$M/job")"
  is "$inode" "$(session stat -L -c %i /dev/fd/7 7>"$M/job")"
  py <<'PY'
os.unlink(M + "/job")
handle = os.open(M + "/job", os.O_RDONLY | os.O_CREAT)
os.close(os.open(M + "/job", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
check("inode of a handle", os.fstat(handle).st_ino, os.stat(M + "/job").st_ino)
PY
}

@test "all may look at another's lock" {
  session bash -c 'set -C; echo theirs >"$0"' "$M/job"
  [ -e "$M/job" ] && [ -f "$M/job" ] && [ -r "$M/job" ]
  is theirs "$(cat "$M/job")"
  is job "$(ls "$M")"
  contains " job" "$(ls -l "$M")"
  is UNAVAILABLE "$(state "$M/job")"
  expect OK stat "$M/job"
}

@test "a free lock is nowhere: stat, test, cat, ls, getfattr" {
  expect ENOENT stat "$M/job"
  refute test -e "$M/job"
  expect ENOENT read "$M/job"
  expect ENOENT getxattr "$M/job" user.lock.state
  expect ENOENT listxattr "$M/job"
  run ls "$M/job"
  is 2 "$status"
  is "" "$(call list "$M")"
}

@test "tokens grow with each acquisition of any key" {
  last=0
  for key in a b a c b a; do
    take "$M/$key"
    token=$(lock "$M/$key" token)
    matches '[0-9]+' "$token"
    ((token > last)) || fail "$token after $last"
    last=$token
    rm "$M/$key"
  done
}

@test "a token is at least the clock in microseconds, so it outlives lost data" {
  before=$((${EPOCHREALTIME/[.,]/}))
  take "$M/job"
  (($(lock "$M/job" token) >= before))
}

@test "O_TMPFILE is refused, because an unnamed file is no lock" {
  matches "ENOTSUP|EISDIR|ENOENT" "$(call open "$M" TMPFILE,RDWR)"
  is "" "$(call list "$M")"
}
