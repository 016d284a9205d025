# Directories with a limit: at most so many locks exist in them at a time.

load ../lib/helper

limit() {
  setfattr -n user.lock.limit -v "$1" "${2-$M/pool}"
}

make_pool() {
  mkdir "$M/pool"
  limit "$1"
}

# room_waits COUNT [DIR]: do COUNT acquisitions wait for room?
room_waits() {
  [[ $(lock "${2-$M/pool}" waiters) == "$1" ]]
}

# hold_in_pool NAME: locks a file of the pool for as long as a process lives
hold_in_pool() {
  in_background flock -F "$M/pool/$1" sleep 1000
  wait_until test -e "$M/pool/$1"
}

teardown() {
  end_hearers
  end_background
  end_mounts
}

# Attributes

@test "user.lock.limit of a directory can be set, changed and removed" {
  mkdir "$M/pool"
  expect ENODATA getxattr "$M/pool" user.lock.limit
  expect ENODATA getxattr "$M/pool" user.lock.waiters
  limit 3
  is 3 "$(lock "$M/pool" limit)"
  is 0 "$(lock "$M/pool" waiters)"
  is "user.lock.default_ttl user.lock.identity user.lock.limit user.lock.waiters" "$(call listxattr "$M/pool")"
  limit 1000000
  is 1000000 "$(lock "$M/pool" limit)"
  limit 007
  is 7 "$(lock "$M/pool" limit)"
  setfattr -x user.lock.limit "$M/pool"
  expect ENODATA getxattr "$M/pool" user.lock.limit
  expect ENODATA removexattr "$M/pool" user.lock.limit
  is "user.lock.default_ttl user.lock.identity" "$(call listxattr "$M/pool")"
}

@test "the root directory can have a limit" {
  limit 1 "$M"
  is 1 "$(lock "$M" limit)"
  take "$M/a"
  expect EBUSY open "$M/b" CREAT,EXCL,WRONLY
  setfattr -x user.lock.limit "$M"
  take "$M/b"
}

@test "XATTR_CREATE and XATTR_REPLACE are kept to" {
  mkdir "$M/pool"
  expect ENODATA setxattr "$M/pool" user.lock.limit 1 REPLACE
  expect OK setxattr "$M/pool" user.lock.limit 2 CREATE
  expect EEXIST setxattr "$M/pool" user.lock.limit 3 CREATE
  is 2 "$(lock "$M/pool" limit)"
  expect OK setxattr "$M/pool" user.lock.limit 4 REPLACE
  is 4 "$(lock "$M/pool" limit)"
}

@test "a limit that is no whole number from 1 to 1000000 is EINVAL and changes nothing" {
  make_pool 3
  for bad in 0 00 -1 +1 1.5 1e3 '' ' 3' '3 ' 0x10 three 1000001 99999999999999999999 inf 3s $'3\n'; do
    expect EINVAL setxattr "$M/pool" user.lock.limit "$bad"
  done
  py <<'PY'
for bad in (b"3\0", b"\0", b"\xff", b"1" * 60000):
    check(repr(bad[:8]), outcome(os.setxattr, M + "/pool", "user.lock.limit", bad), "EINVAL")
PY
  is 3 "$(lock "$M/pool" limit)"
}

@test "a lock has no limit, and waiters cannot be set" {
  take "$M/job"
  expect ENODATA getxattr "$M/job" user.lock.limit
  expect ENOTSUP setxattr "$M/job" user.lock.limit 3
  expect ENODATA removexattr "$M/job" user.lock.limit
  make_pool 3
  expect ENOTSUP setxattr "$M/pool" user.lock.waiters 3
  expect EPERM removexattr "$M/pool" user.lock.waiters
}

@test "a limit goes with its directory, and is its own alone" {
  make_pool 1
  mkdir "$M/pool/sub"
  expect ENODATA getxattr "$M/pool/sub" user.lock.limit
  take "$M/pool/sub/a" "$M/pool/sub/b" "$M/pool/a"
  expect EBUSY open "$M/pool/b" CREAT,EXCL,WRONLY
  rm "$M/pool/sub/a" "$M/pool/sub/b" "$M/pool/a"
  rmdir "$M/pool/sub" "$M/pool"
  mkdir "$M/pool"
  expect ENODATA getxattr "$M/pool" user.lock.limit
}

@test "who may write the directory sets its limit; nobody else does" {
  need_root
  unmount_lockfs
  mount_lockfs -o allow_other
  mkdir -m 755 "$M/pool"
  chown daemon "$M/pool"
  expect OK @daemon setxattr "$M/pool" user.lock.limit 2
  expect EACCES @nobody setxattr "$M/pool" user.lock.limit 9
  expect EACCES @nobody removexattr "$M/pool" user.lock.limit
  is 2 "$(call @nobody getxattr "$M/pool" user.lock.limit)"
  chmod 1777 "$M/pool"
  expect EPERM @nobody setxattr "$M/pool" user.lock.limit 9
  expect EPERM @nobody removexattr "$M/pool" user.lock.limit
  chmod 777 "$M/pool"
  expect OK @nobody setxattr "$M/pool" user.lock.limit 3
  is 3 "$(lock "$M/pool" limit)"
  # All users count together.
  chmod 1777 "$M/pool"
  take "$M/pool/a"
  take_as nobody "$M/pool/b"
  take_as daemon "$M/pool/c"
  expect EBUSY @nobody open "$M/pool/d" CREAT,EXCL,WRONLY
}

# A full directory

@test "one lock too many is EBUSY, and a handle or an open of a lock needs no room" {
  make_pool 2
  take "$M/pool/a"
  take_as_other "$M/pool/b"
  expect EBUSY open "$M/pool/c" CREAT,EXCL,WRONLY
  expect EBUSY @session open "$M/pool/c" CREAT,EXCL,WRONLY
  run bash -c "set -C; : >'$M/pool/c'"
  contains "Device or resource busy" "$output"
  gone "$M/pool/c"
  expect EEXIST open "$M/pool/b" CREAT,EXCL,WRONLY
  expect OK open "$M/pool/c" CREAT,WRONLY
  expect OK open "$M/pool/a" RDWR
  touch "$M/pool/a"
  is "a b" "$(call list "$M/pool")"
  rm "$M/pool/a"
  take "$M/pool/c"
  is "b c" "$(call list "$M/pool")"
}

@test "views and flock that do not wait are refused as well" {
  make_pool 1
  take "$M/pool/a"
  run flock -n "$M/pool/b" true
  is 1 "$status"
  expect EBUSY open "$M/.with/id=x/pool/b" CREAT,WRONLY
  expect EBUSY open "$M/.with/hold/pool/b" CREAT,EXCL,WRONLY
  expect ETIMEDOUT open "$M/.with/wait=0/pool/b" CREAT,WRONLY
  expect EEXIST open "$M/.with/interval=10ms,attempts=2/pool/b" CREAT,WRONLY
  gone "$M/pool/b"
  is 0 "$(lock "$M/pool" waiters)"
}

@test "a wait for room ends after its time" {
  make_pool 1
  take "$M/pool/a"
  expect ETIMEDOUT open "$M/.with/wait=100ms/pool/b" CREAT,WRONLY
  run flock -w 0.1 "$M/pool/b" true
  is 1 "$status"
  wait_until room_waits 0
  gone "$M/pool/b"
}

@test "room after a release is for the first who waits" {
  make_pool 1
  take "$M/pool/a"
  in_background flock "$M/pool/x" sh -c "echo x >>'$T/order'"
  wait_until room_waits 1
  in_background sh -c "echo y >'$M/.with/wait=1m/pool/y' && echo y >>'$T/order' && rm '$M/pool/y'"
  wait_until room_waits 2
  in_background flock "$M/pool/z" sh -c "echo z >>'$T/order'"
  wait_until room_waits 3
  expect EBUSY open "$M/pool/b" CREAT,EXCL,WRONLY
  rm "$M/pool/a"
  wait_until has_lines "$T/order" 3
  is "x y z" "$(tr '\n' ' ' <"$T/order" | sed 's/ $//')"
  wait_until room_waits 0
}

@test "an expired lease makes room" {
  make_pool 1
  setfattr -n user.lock.default_ttl -v 500ms "$M/pool"
  take_brief "$M/pool/a"
  expect EBUSY open "$M/pool/b" CREAT,EXCL,WRONLY
  deadline 10 flock "$M/pool/b" true
  gone "$M/pool/a"
}

@test "a forced release makes room" {
  make_pool 1
  take_as_other "$M/pool/a"
  in_background flock "$M/pool/b" touch "$T/had"
  wait_until room_waits 1
  rm "$M/.with/force/pool/a"
  wait_until test -e "$T/had"
}

@test "a holder or a waiter that is killed leaves its place" {
  make_pool 1
  hold_in_pool a
  holder=$pid
  in_background flock "$M/pool/b" sleep 1000
  waiter=$pid
  wait_until room_waits 1
  in_background flock "$M/pool/c" touch "$T/had"
  wait_until room_waits 2
  kill -KILL "$waiter"
  wait_until room_waits 1
  kill -KILL -- "-$holder"
  wait_until test -e "$T/had"
  gone "$M/pool/b"
}

@test "a higher limit serves who waits, a lower one ends nothing, and none serves all" {
  make_pool 1
  take "$M/pool/a"
  for name in b c d e; do
    in_background flock -F "$M/pool/$name" sleep 1000
    wait_until room_waits "$((++count))"
  done
  limit 3
  wait_until room_waits 2
  is "a b c" "$(call list "$M/pool")"
  limit 1
  is "a b c" "$(call list "$M/pool")"
  rm "$M/pool/a"
  room_waits 2
  is "b c" "$(call list "$M/pool")"
  setfattr -x user.lock.limit "$M/pool"
  wait_until test -e "$M/pool/e"
  is "b c d e" "$(call list "$M/pool")"
}

# Events

@test "a refusal for want of room is the event FULL of the directory" {
  make_pool 1
  mkdir "$M/other"
  take "$M/pool/a"
  hear "$T/here" "$M/pool"
  hear "$T/root" "$M"
  hear "$T/json" "$M/pool" .events.json
  hear "$T/elsewhere" "$M/other"
  expect EBUSY open "$M/pool/b" CREAT,EXCL,WRONLY
  run flock -n "$M/pool/b" true
  expect ETIMEDOUT open "$M/.with/wait=50ms/pool/b" CREAT,WRONLY
  heard "$T/here" "FULL pool" "FULL pool" "FULL pool"
  heard "$T/root" "FULL pool" "FULL pool" "FULL pool"
  wait_until has_lines "$T/json" 3
  matches '\{"time":"[^"]*","event":"FULL","key":"pool","owner":null,"token":null,"ttl":null\}' "$(head -1 "$T/json")"
  take "$M/other/job"
  heard "$T/elsewhere" "ACQUIRED other/job"
}

@test "the limit of the root is FULL with the key '.'" {
  limit 1 "$M"
  take "$M/a"
  hear "$T/heard" "$M"
  expect EBUSY open "$M/b" CREAT,EXCL,WRONLY
  heard "$T/heard" "FULL ."
}

# Many

@test "200 processes on a limit of 7, of which 100 are killed: never more than 7, all served in order" {
  local mounts=("$M")
  # Mounts of memory share nothing.
  if [[ $LOCKFS_TEST_SOURCE != memory: ]]; then
    mount_lockfs "$T/second"
    mount_lockfs "$T/third"
    mounts+=("$T/second" "$T/third")
  fi
  make_pool 7
  run python3 -S "$BATS_TEST_DIRNAME/../lib/pool.py" 7 200 100 "${mounts[@]}"
  matches '[0-9]+ served, 100 killed' "$output"
}
