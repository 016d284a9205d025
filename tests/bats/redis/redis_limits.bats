# Directories with a limit in a server: other clients, mounts that die, damaged keys, and what is left behind.

load ../lib/helper
load ../lib/redis

teardown() {
  local problems=0
  end_background
  end_redis_mounts || problems=1
  redis_end_all || problems=1
  return "$problems"
}

make_pool() {
  mkdir "$M/pool"
  setfattr -n user.lock.limit -v "$1" "$M/pool"
}

room_waits() {
  [[ $(lock "$M/pool" waiters) == "$1" ]]
}

is_full() {
  [[ $(call open "$M/pool/$1" CREAT,EXCL,WRONLY) == EBUSY ]]
}

commands() {
  redis_cli INFO commandstats | sed -n 's/^cmdstat_\([a-z|]*\):calls=\([0-9]*\),.*/\1=\2/p' | grep -vE '^(info|config|evalsha|ping)' | sort | tr '\n' ' '
}

# commands_of_a_cycle DIR: the commands that acquiring and releasing a lock in a directory makes
commands_of_a_cycle() {
  take "$1/job"
  rm "$1/job"
  redis_cli CONFIG RESETSTAT >/dev/null
  take "$1/job"
  rm "$1/job"
  commands
}

@test "the limit, and who waits for room, are those of all mounts" {
  mount_two
  make_pool 2
  is 2 "$(lock "$N/pool" limit)"
  take "$M/pool/a" "$N/pool/b"
  expect EBUSY open "$N/pool/c" CREAT,EXCL,WRONLY
  in_background flock -F "$N/pool/c" sleep 1000
  wait_until room_waits 1
  setfattr -n user.lock.limit -v 3 "$N/pool"
  wait_until test -e "$M/pool/c"
  expect EBUSY open "$M/pool/d" CREAT,EXCL,WRONLY
  setfattr -x user.lock.limit "$N/pool"
  take "$M/pool/d"
}

@test "a lock that another client deleted takes no room, also in a large directory" {
  mount_redis
  make_pool 120
  py <<'PY'
for i in range(120):
    os.close(os.open("%s/pool/%d" % (M, i), os.O_CREAT | os.O_EXCL))
PY
  is_full x
  redis_cli DEL lockfs:pool/77 >/dev/null
  # Each attempt checks 50 of them.
  for ((i = 0; i < 1000; i++)); do
    [[ $(call open "$M/pool/x" CREAT,EXCL,WRONLY) != OK ]] || break
  done
  test -e "$M/pool/x"
  is_full y
}

@test "a waiter gets the room of a lock that another client deleted" {
  mount_redis
  make_pool 1
  take "$M/pool/a"
  in_background flock "$M/pool/b" touch "$T/had"
  wait_until room_waits 1
  redis_cli DEL lockfs:pool/a >/dev/null
  wait_until 5 test -e "$T/had"
}

@test "a lock of another client takes no room, and whoever waits for it gets room afterwards" {
  mount_redis
  make_pool 1
  redis_set lockfs:pool/theirs x NX PX 60000
  take "$M/pool/a"
  expect EEXIST open "$M/pool/theirs" CREAT,EXCL,WRONLY
  is_full b
  in_background flock "$M/pool/theirs" touch "$T/had"
  wait_until waits 1 "$M/pool/theirs"
  redis_cli DEL lockfs:pool/theirs >/dev/null
  wait_until room_waits 1
  [ ! -e "$T/had" ]
  rm "$M/pool/a"
  wait_until test -e "$T/had"
}

@test "room of a mount that was killed comes back when its leases end, and its waiters are skipped" {
  mount_two
  make_pool 1
  setfattr -n user.lock.default_ttl -v 2s "$M/pool"
  in_background flock -F "$N/pool/a" sleep 1000
  wait_until test -e "$M/pool/a"
  for name in b c d; do
    in_background flock -F "$N/pool/$name" sleep 1000
    wait_until room_waits "$((++count))"
  done
  in_background flock "$M/pool/x" touch "$T/had"
  wait_until room_waits 4
  kill -KILL "${daemon_of[$N]}"
  wait_until test -e "$T/had"
  wait_until room_waits 0
  unset "daemon_of[$N]" "our_child[$N]"
  mounts=("$M")
}

@test "nothing is left in the server when all have gone" {
  mount_redis
  make_pool 1
  take "$M/pool/a"
  for name in b c; do
    in_background flock -F "$M/pool/$name" sleep 1000
    wait_until room_waits "$((++count))"
  done
  end_background
  wait_until room_waits 0
  rm "$M/pool/a"
  rmdir "$M/pool"
  is "" "$(left_behind | grep -v '#m:' || true)"
}

@test "keys of a directory that waits for room expire if all mounts are gone" {
  mount_redis
  make_pool 1
  take "$M/pool/a"
  in_background flock -F "$M/pool/b" sleep 1000
  wait_until room_waits 1
  for key in lockfs#W:pool lockfs#w:pool/b lockfs#t:pool/b; do
    left=$(redis_cli PTTL "$key")
    ((left > 0 && left <= 610000)) || fail "$key: $left"
  done
}

@test "a damaged limit counts as none, and a limit of another type fails without harm" {
  mount_redis
  make_pool 1
  take "$M/pool/a"
  for damage in x -1 0 1.5 1e99 ''; do
    redis_set lockfs#L:pool "$damage"
    expect ENODATA getxattr "$M/pool" user.lock.limit
    expect OK open "$M/pool/b" CREAT,EXCL,WRONLY
    rm "$M/pool/b"
  done
  redis_set lockfs#L:pool 1
  is_full b
}

@test "acquiring and releasing in a directory without a limit counts no locks" {
  mount_redis
  mkdir "$M/plain"
  before=$(commands_of_a_cycle "$M/plain")
  figure "acquire and release: $before"
  mkdir "$M/pool"
  setfattr -n user.lock.limit -v 5 "$M/pool"
  after=$(commands_of_a_cycle "$M/pool")
  figure "with a limit: $after"
  [[ " $before" != *" zcount="* && " $before" != *" zscore="* ]] || fail "$before"
  [[ " $after" == *" zcount="* ]] || fail "$after"
}
