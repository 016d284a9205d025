# Creating a file takes a lock: each way to create × free, held by the caller,
# held by another.

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

@test "creation for writing takes a free lock: >, >>, touch, O_RDWR" {
  : >"$M/a"
  : >>"$M/b"
  touch "$M/c"
  expect OK open "$M/d" CREAT,RDWR
  expect OK open "$M/e" CREAT,WRONLY
  for each in a b c d e; do
    is ACQUIRED "$(state "$M/$each")"
  done
  is "a b c d e" "$(call list "$M")"
}

@test "creation for writing of one's own lock opens it: lease and token stay" {
  take "$M/job"
  before=$(snapshot "$M/job")
  expect OK open "$M/job" CREAT,WRONLY
  expect OK open "$M/job" CREAT,RDWR
  : >>"$M/job"
  : >"$M/job"
  unchanged "$before" "$M/job"
}

@test "> on one's own lock empties its content and keeps the holding" {
  echo words >"$M/job"
  token=$(lock "$M/job" token) expires=$(lock "$M/job" expires)
  : >"$M/job"
  is "" "$(cat "$M/job")"
  is 0 "$(stat -c %s "$M/job")"
  is "$token" "$(lock "$M/job" token)"
  is "$expires" "$(lock "$M/job" expires)"
}

@test "creation for writing of another's lock fails with EBUSY and changes nothing" {
  session sh -c 'echo theirs >"$0"' "$M/job"
  before=$(snapshot "$M/job")
  expect EBUSY open "$M/job" CREAT,WRONLY
  expect EBUSY open "$M/job" CREAT,RDWR,TRUNC
  expect EBUSY open "$M/job" CREAT,WRONLY,TRUNC
  expect EBUSY open "$M/job" CREAT,WRONLY,APPEND
  for way in ': >"$0"' ': >>"$0"' 'echo mine >"$0"' 'touch "$0"'; do
    run bash -c "$way" "$M/job"
    is 1 "$status"
  done
  unchanged "$before" "$M/job"
  is theirs "$(cat "$M/job")"
}

@test "another's lock cannot be opened for writing without O_CREAT either" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  expect EBUSY open "$M/job" WRONLY
  expect EBUSY open "$M/job" RDWR,TRUNC
  unchanged "$before" "$M/job"
}

@test "what flock wants can be opened while another holds it: O_RDWR, and appending without blocking" {
  session sh -c 'echo theirs >"$0"' "$M/job"
  before=$(snapshot "$M/job")
  py <<'PY'
import errno
for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK):
    fd = os.open(M + "/job", flags)
    try:
        os.write(fd, b"mine")
        raise SystemExit("it could be written to")
    except OSError as error:
        assert error.errno == errno.EBUSY, error
    os.close(fd)
PY
  unchanged "$before" "$M/job"
  is theirs "$(cat "$M/job")"
}

@test "a shell that loses the lock prints Device or resource busy" {
  take_as_other "$M/job"
  run bash -c ': >"$0"' "$M/job"
  contains "Device or resource busy" "$output"
}

@test "opening for writing without O_CREAT takes no free lock" {
  expect ENOENT open "$M/job" WRONLY
  expect ENOENT open "$M/job" RDWR,TRUNC
  gone "$M/job"
}

@test "opening read-only with O_CREAT gives a handle of a free lock and takes nothing" {
  expect OK open "$M/job" CREAT,RDONLY
  gone "$M/job"
  is "" "$(call list "$M")"
  py <<'PY'
fd = os.open(M + "/job", os.O_RDONLY | os.O_CREAT, 0o666)
check("state", attribute(fd, "state"), "EXPIRED")
check("stat", outcome(os.stat, M + "/job"), "ENOENT")
check("creation beside the handle", in_child(lambda: os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL)), session=True), "OK")
check("state by path", attribute(M + "/job", "state"), "UNAVAILABLE")
os.close(fd)
PY
}

@test "opening read-only with O_CREAT gives a handle of a held lock" {
  echo mine >"$M/mine"
  session sh -c 'echo theirs >"$0"' "$M/theirs"
  mine=$(snapshot "$M/mine") theirs=$(snapshot "$M/theirs")
  py <<'PY'
for name, state in (("mine", "ACQUIRED"), ("theirs", "UNAVAILABLE")):
    fd = os.open(M + "/" + name, os.O_RDONLY | os.O_CREAT, 0o666)
    check("state", attribute(fd, "state"), state)
    check("content", os.read(fd, 100), name.encode() + b"\n")
    os.close(fd)
PY
  unchanged "$mine" "$M/mine"
  unchanged "$theirs" "$M/theirs"
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
  (umask 077; : >"$M/job")
  expect OK open "$M/strange" CREAT,EXCL,WRONLY 4777
  after=$(date +%s)
  for each in job strange; do
    is "regular empty file 644 0 $(id -u) $(id -g)" "$(stat -c '%F %a %s %u %g' "$M/$each")"
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
  is "$inode" "$(stat -c %i "$M/job")"
  py <<'PY'
os.unlink(M + "/job")
handle = os.open(M + "/job", os.O_RDONLY | os.O_CREAT)
os.close(os.open(M + "/job", os.O_WRONLY | os.O_CREAT))
check("inode of a handle", os.fstat(handle).st_ino, os.stat(M + "/job").st_ino)
PY
}

@test "all may look at another's lock" {
  session sh -c 'echo theirs >"$0"' "$M/job"
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
    : >"$M/$key"
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

@test "fcntl locks are refused and do not lock locally" {
  take "$M/job"
  matches "ENOTSUP|ENOLCK" "$(call lockf "$M/job")"
}

@test "O_TMPFILE is refused, because an unnamed file is no lock" {
  matches "ENOTSUP|EISDIR|ENOENT" "$(call open "$M" TMPFILE,RDWR)"
  is "" "$(call list "$M")"
}
