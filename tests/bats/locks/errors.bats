# Bad input: a clear error, and nothing is lost.

load ../lib/helper

long() {
  printf 'n%.0s' $(seq "$1")
}

@test "a name has at most 255 bytes" {
  take "$M/$(long 255)"
  is "$(long 255)" "$(ls "$M")"
  name=$(long 256)
  expect ENAMETOOLONG open "$M/$name" CREAT,WRONLY
  expect ENAMETOOLONG open "$M/$name" CREAT,EXCL,WRONLY
  expect ENAMETOOLONG mkdir "$M/$name"
  expect ENAMETOOLONG stat "$M/$name"
  expect ENAMETOOLONG unlink "$M/$name"
  is "$(long 255)" "$(ls "$M")"
}

@test "bytes count, not characters" {
  name=$(printf 'ü%.0s' $(seq 127))
  take "$M/$name"
  expect ENAMETOOLONG open "$M/${name}üü" CREAT,WRONLY
}

@test "a key has at most 1024 bytes" {
  # Four names of 204 bytes and their slashes are 820.
  part=$(long 204)
  dir=$part/$part/$part/$part
  mkdir -p "$M/$dir"
  take "$M/$dir/$(long 204)"
  is 1024 "$(lock "$M/$dir/$(long 204)" key | wc -c)"
  rm "$M/$dir/$(long 204)"
  for call in "open CREAT,WRONLY" "mkdir"; do
    read -r name arguments <<<"$call"
    # shellcheck disable=SC2086  # no argument or one
    expect ENAMETOOLONG "$name" "$M/$dir/$(long 205)" $arguments
    # shellcheck disable=SC2086
    expect ENAMETOOLONG "$name" "$M/.with/ttl=5s/$dir/$(long 205)" $arguments
  done
  is "" "$(ls -A "$M/$dir")"
}

# Files of these names are there, so that the kernel says EEXIST where it can.
@test "reserved names cannot be made, in any directory: EPERM or EEXIST" {
  mkdir "$M/team"
  for dir in "$M" "$M/team" "$M/.with/ttl=5s/team"; do
    for name in .events .events.json .stats .status .status.json .locks .locks.json; do
      expect EPERM open "$dir/$name" CREAT,WRONLY
      expect EEXIST open "$dir/$name" CREAT,EXCL,WRONLY
      expect EEXIST mkdir "$dir/$name"
    done
  done
  for dir in "$M/team" "$M/.with/ttl=5s"; do
    expect EPERM open "$dir/.with" CREAT,EXCL,WRONLY
    expect EPERM mkdir "$dir/.with"
  done
  expect EISDIR open "$M/.with" CREAT,WRONLY
  expect EEXIST mkdir "$M/.with"
  is team "$(ls -A "$M")"
  is "" "$(ls -A "$M/team")"
}

@test "names that only resemble reserved ones are free" {
  take "$M/with" "$M/.with2" "$M/.event" "$M/events" "$M/.stats.json" "$M/.Events" "$M/.status.jso"
  is 7 "$(ls -A "$M" | wc -l)"
}

@test "content of 4096 bytes is kept, one more is EFBIG and nothing is lost" {
  take "$M/job"
  expect EFBIG fill "$M/job" 4097
  is 0 "$(stat -c %s "$M/job")"
  expect 4096 fill "$M/job" 4096
  is 4096 "$(stat -c %s "$M/job")"
  content=$(md5sum <"$M/job")
  expect EFBIG append "$M/job" 1
  expect EFBIG write "$M/job" y 4096
  expect EFBIG fill "$M/job" 2 4095
  expect EFBIG fill "$M/job" 1 1000000000000
  expect EFBIG fill "$M/job" 200000
  expect EFBIG truncate "$M/job" 4097
  expect EFBIG truncate "$M/job" 1000000000000
  is "$content" "$(md5sum <"$M/job")"
  is ACQUIRED "$(state "$M/job")"
  run dd if=/dev/zero of="$M/job" bs=4097 count=1 conv=notrunc
  is 1 "$status"
  contains "File too large" "$output"
  is "$content" "$(md5sum <"$M/job")"
}

@test "what overflows in steps keeps what fitted" {
  take "$M/job"
  run dd if=/dev/zero of="$M/job" bs=1000 count=5 conv=notrunc
  is 1 "$status"
  is 4000 "$(stat -c %s "$M/job")"
}

@test "writing in the middle and beyond the end, and truncating, work as in a file" {
  take_with 0123456789 "$M/job"
  expect 2 write "$M/job" ab 3
  is 012ab56789 "$(cat "$M/job")"
  expect OK truncate "$M/job" 4
  is 012a "$(cat "$M/job")"
  expect 1 write "$M/job" z 6
  is '012a\0\0z' "$(od -An -c "$M/job" | tr -d ' ')"
  expect OK truncate "$M/job" 9
  is 9 "$(stat -c %s "$M/job")"
  expect 1 fill "$M/job" 1 4095
  is 4096 "$(stat -c %s "$M/job")"
  expect OK truncate "$M/job" 0
  is "" "$(cat "$M/job")"
}

@test "any bytes are content" {
  head -c 4096 /dev/urandom >"$T/bytes"
  (set -C; cat "$T/bytes" >"$M/job")
  cmp "$T/bytes" "$M/job"
  session cmp "$T/bytes" "$M/job"
}

@test "truncate of another's lock is EBUSY, of a free one ENOENT" {
  session bash -c 'set -C; echo theirs >"$0"' "$M/job"
  before=$(snapshot "$M/job")
  expect EBUSY truncate "$M/job" 0
  expect EBUSY truncate "$M/job" 10000
  unchanged "$before" "$M/job"
  expect ENOENT truncate "$M/free" 0
}

@test "what is written or truncated through a handle is EBUSY for another's lock, ENOLCK for a free one, whatever its size" {
  session bash -c 'set -C; echo theirs >"$0"' "$M/job"
  before=$(snapshot "$M/job")
  py <<'PY'
for name, error in ("job", "EBUSY"), ("free", "ENOLCK"):
    for mode in os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND:
        fd = os.open(M + "/" + name, os.O_CREAT | mode)
        check("write", outcome(os.write, fd, b"words"), error)
        check("too large a write", outcome(os.write, fd, b"x" * 4097), error)
        check("a write too far", outcome(os.pwrite, fd, b"x", 10 ** 12), error)
        check("truncate", [outcome(os.ftruncate, fd, size) for size in (0, 10)], [error] * 2)
        os.close(fd)
    fd = os.open(M + "/" + name, os.O_CREAT | os.O_RDONLY)
    check("write to what is open for reading", outcome(os.write, fd, b"words"), "EBADF")
    os.close(fd)
check("what is free", outcome(os.stat, M + "/free"), "ENOENT")
PY
  unchanged "$before" "$M/job"
}

@test "one's own lock is written and truncated through a handle that was opened before" {
  py <<'PY'
fd = os.open(M + "/job", os.O_CREAT | os.O_RDWR)
check("free", outcome(os.write, fd, b"words"), "ENOLCK")
os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
check("write", os.pwrite(fd, b"words", 0), 5)
check("read", os.pread(fd, 100, 0), b"words")
check("too large a write", outcome(os.pwrite, fd, b"x", 4096), "EFBIG")
check("truncate", outcome(os.ftruncate, fd, 2), "OK")
check("size", os.fstat(fd).st_size, 2)
check("read by path", do_read(M + "/job"), "wo")
os.unlink(M + "/job")
check("free again", [outcome(os.write, fd, b"words"), outcome(os.ftruncate, fd, 0)], ["ENOLCK", "ENOLCK"])
PY
}

@test "writing refreshes nothing" {
  take "$M/job"
  expires=$(lock "$M/job" expires)
  sleep 0.02
  echo words >"$M/job"
  is "$expires" "$(lock "$M/job" expires)"
}

@test "reads of nothing: a free lock is ENOENT, an empty one is empty" {
  expect ENOENT read "$M/job"
  take "$M/job"
  expect "" read "$M/job"
  py <<'PY'
fd = os.open(M + "/job", os.O_RDWR)
check("past the end", os.pread(fd, 100, 5000), b"")
os.write(fd, b"words")
check("part", os.pread(fd, 2, 1), b"or")
check("around the end", os.pread(fd, 100, 3), b"ds")
check("nothing written", os.write(fd, b""), 0)
PY
  expect EISDIR read "$M"
}

@test "chmod of another's lock is EPERM, and so is chown of any lock to another user or group" {
  take "$M/mine"
  take_as_other "$M/theirs"
  for name in mine theirs; do
    before=$(snapshot "$M/$name")
    expect EPERM chown "$M/$name" 1 1
    expect EPERM chown "$M/$name" -1 1
    expect OK chown "$M/$name" "$(id -u)" "$(id -g)"
    unchanged "$before" "$M/$name"
  done
  expect EPERM chmod "$M/theirs" 600
  expect EPERM chmod "$M/theirs" 644
  unchanged "$before" "$M/theirs"
}

@test "mv takes nothing of another's, and a directory is not renamed" {
  mkdir "$M/team"
  take_as_other "$M/theirs"
  take "$M/mine"
  before=$(snapshot "$M/theirs")
  expect EPERM rename "$M/theirs" "$M/team/theirs"
  expect EBUSY rename "$M/mine" "$M/theirs"
  expect EXDEV rename "$M/team" "$M/group"
  : >"$T/file"
  expect EXDEV rename "$T/file" "$M/file"
  run -1 mv "$M/theirs" "$M/team/theirs"
  run -1 mv -f "$M/mine" "$M/theirs"
  unchanged "$before" "$M/theirs"
  is "mine team theirs" "$(call list "$M")"
}

@test "special files are EPERM" {
  kinds="fifo socket"
  [ "$(id -u)" != 0 ] || kinds+=" char block"
  for kind in $kinds; do
    expect EPERM mknod "$M/$kind" "$kind"
  done
  is "" "$(ls -A "$M")"
}

@test "an error is told in one line, as any program would" {
  take_as_other "$M/job"
  run -1 rm -f "$M/job"
  is "rm: cannot remove '$M/job': Operation not permitted" "$output"
  run -1 touch "$M/job"
  is "touch: setting times of '$M/job': Operation not permitted" "$output"
  run -1 touch "$M/.with/hold/job"
  is "touch: cannot touch '$M/.with/hold/job': Device or resource busy" "$output"
  run -1 touch "$M/free"
  is "touch: setting times of '$M/free': No locks available" "$output"
  run -1 touch "$M/.with/ttl=soon/job"
  is "touch: cannot touch '$M/.with/ttl=soon/job': Invalid argument" "$output"
}

@test "df and stat -f answer" {
  run -0 df "$M"
  matches "fuse|fuseblk" "$(stat -f -c %T "$M")"
}
