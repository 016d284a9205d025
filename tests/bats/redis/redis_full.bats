# A server at its maxmemory with noeviction: what needs no memory works, above all that
# what is held stays held; what needs memory is refused with ENOSPC and changes nothing.

load ../lib/helper
load ../lib/redis

setup() {
  setup_dirs
  redis_start --maxmemory-policy noeviction
  set_mount_points
  allow_words 'redis(\+unix)?://[^ ]* refuses: OOM.*'
  mount_redis "$M"
  mount_redis "$N"
}

teardown() {
  local problems=0
  end_background
  end_hearers
  end_redis_mounts || problems=1
  redis_end_all || problems=1
  return "$problems"
}

fill() {
  redis_cli CONFIG SET maxmemory 1 >/dev/null
  contains OOM "$(redis_cli SET more of-it 2>&1)"
}

keys_of() {
  redis_cli KEYS "lockfs[:#]*$1*"
}

@test "a full server refuses to acquire, write and make directories with ENOSPC, and nothing has changed" {
  take "$M/held"
  echo before >"$M/held"
  take_as_other "$N/contended"
  token=$(redis_cli GET lockfs#token)
  fill
  expect ENOSPC open "$M/new" CREAT,EXCL,WRONLY
  expect ENOSPC open "$M/.with/id=alice/new" CREAT,WRONLY
  expect ENOSPC open "$M/.with/wait=1m/contended" CREAT,WRONLY
  expect ENOSPC write "$M/held" more
  expect ENOSPC mkdir "$M/new"
  is "" "$(keys_of new)"
  is "" "$(redis_cli KEYS 'lockfs#[wtm]:*')"
  is "$token" "$(redis_cli GET lockfs#token)"
  is before "$(cat "$M/held")"
  # Told once in a while, with what to do.
  is 1 "$(grep -c OOM "$M.stderr")"
  contains "raise maxmemory" "$(cat "$M.stderr")"
  redis_cli CONFIG SET maxmemory 0 >/dev/null
  take "$M/new"
}

@test "in a full server, locks are refreshed, bound, truncated and released, and directories removed" {
  mkdir "$M/empty" "$M/settings"
  setfattr -n user.lock.default_ttl -v 60 "$M/settings"
  take "$M"/{refreshed,shortened,truncated,released}
  echo words >"$M/truncated"
  set -C
  exec 7>"$M/bound"
  set +C
  take_as_other "$N"/{forced,other}
  hear "$T/events" "$N"
  fill
  redis_cli PEXPIRE lockfs:refreshed 100000 >/dev/null
  touch "$M/refreshed"
  remains "$M/refreshed" 290000 300000
  setfattr -n user.lock.ttl -v 60 "$M/shortened"
  remains "$M/shortened" 50000 60000
  flock -n 7
  is 1 "$(redis_cli HGET lockfs#d:bound bound)"
  exec 7<&-
  wait_until gone "$M/bound"
  : >"$M/truncated"
  is 0 "$(stat -c %s "$M/truncated")"
  rm "$M/released"
  gone "$M/released"
  rm "$M/.with/force/forced"
  gone "$M/forced"
  rmdir "$M/empty"
  setfattr -x user.lock.default_ttl "$M/settings"
  is UNAVAILABLE "$(state "$M/other")"
  is "other refreshed settings shortened truncated" "$(call list "$M")"
  wait_until heard_all "$T/events"
  # Nothing that was asked for was refused.
  is "" "$(cat "$M.stderr" "$N.stderr")"
}

@test "in a full server, shared locks are refreshed, renewed, handed over and released, but not taken or converted" {
  take "$M/.with/shared,id=one/job"
  take "$N/.with/shared,id=two/job"
  take_as_other "$M/written"
  exec 7>"$M/bound" 8>"$N/bound"
  flock -s -n 7
  flock -s -n 8
  (exec flock -s "$N/written" true) 9>&- &
  wait_until waited_for "$M/written"
  fill
  expect ENOSPC open "$M/.with/shared,id=three/job" CREAT,WRONLY
  is 2 "$(lock "$M/job" holders)"
  setfattr -n user.lock.ttl -v 900 "$M/.with/id=one/job"
  remains "$M/.with/id=one/job" 800000 900000
  rm "$M/.with/id=one/job"
  is 1 "$(lock "$M/job" holders)"
  rm "$N/.with/id=two/job"
  gone "$M/job"
  refute flock -n 7
  is 2 "$(lock "$M/bound" holders)"
  flock -u 8
  wait_until shared_by 1 "$M/bound"
  refute flock -n 7
  is shared "$(lock "$M/bound" mode)"
  rm "$M/.with/force/bound"
  gone "$M/bound"
  exec 7>&- 8>&-
  rm "$M/.with/force/written"
  wait $!
  wait_until gone "$M/written"
}

waited_for() {
  is 1 "$(lock "$1" waiters)"
}

shared_by() {
  is "$1" "$(lock "$2" holders)"
}

heard_all() {
  local line
  for line in "REFRESHED refreshed" "REFRESHED shortened" "RELEASED released" "FORCE_RELEASED forced"; do
    words "$1" | grep -qx "$line" || return 1
  done
}

@test "a bound lock lives for several leases in a full server, and its end is told there" {
  # Also a busy machine renews a lease of 2 s in time.
  exec 7<>"$M/.with/hold,ttl=2s/job"
  fill
  end=$(($(now_ms) + 7000))
  wait_until past "$end"
  is ACQUIRED "$(state "$M/job")"
  py <<'PY'
check("state", attribute(7, "state"), "ACQUIRED")
PY
  redis_cli DEL lockfs:job >/dev/null
  wait_until 5 descriptor_ended
  exec 7<&-
}

past() {
  (($(now_ms) >= $1))
}

descriptor_ended() {
  py <<'PY' 2>/dev/null
check("read", outcome(os.pread, 7, 10, 0), "ESTALE")
PY
}

# wait_in_line MOUNT KEY: somebody waits there, whose process id is in $pid, and holds what it gets
wait_in_line() {
  in_background flock "$1/$2" sleep 1000
  wait_until waits "$3" "$1/$2"
}

# held_in MOUNT KEY: by somebody who came to this mount and was told so
held_by_waiter() {
  [ "$(redis_cli EXISTS "lockfs:$1")" = 1 ] && [ "$(redis_cli HEXISTS "lockfs#d:$1" granted)" = 0 ] &&
    [[ $(redis_cli HGET "lockfs#d:$1" command) == flock ]]
}

@test "in a full server, whoever waits is handed the lock: by release, by force, and at the end of a lease" {
  local lock
  take "$M/released"
  take_as_other "$M/forced" "$M/.with/ttl=4s/lapsed"
  exec 7<>"$M/.with/hold/bound"
  for lock in released forced lapsed bound; do
    wait_in_line "$N" "$lock" 1
  done
  fill
  # More beats than a mount that waits is taken for alive without.
  end=$(($(now_ms) + 2000))
  wait_until past "$end"
  rm "$M/released"
  wait_until 3 held_by_waiter released
  rm "$N/.with/force/forced"
  wait_until 3 held_by_waiter forced
  rm "$N/.with/force/bound"
  wait_until 3 held_by_waiter bound
  exec 7<&-
  wait_until 6 held_by_waiter lapsed
  is "" "$(cat "$M.stderr" "$N.stderr")"
}

@test "in a full server, whoever gives up waiting leaves the queue" {
  take "$M/job"
  in_background flock "$N/job" true
  wait_until waits 1 "$M/job"
  fill
  kill -KILL "$pid"
  wait_until ended "$pid"
  wait_until 3 waits 0 "$M/job"
  is "" "$(redis_cli KEYS 'lockfs#w:*')"
}

@test "a mount that loses its connections to a full server is back with its locks, and a new one is refused" {
  exec 7<>"$M/.with/hold,ttl=4s/job"
  allow_words '(cannot reach )?redis(\+unix)?://[^ ]*( refuses: OOM.*|: .*| is reached again)'
  fill
  for _ in 1 2 3; do
    redis_cli CLIENT KILL TYPE normal >/dev/null
    redis_cli CLIENT KILL TYPE pubsub >/dev/null
    end=$(($(now_ms) + 2000))
    wait_until past "$end"
  done
  is ACQUIRED "$(state "$M/job")"
  exec 7<&-
  wait_until gone "$M/job"
  mkdir "$T/third"
  run deadline 10 "$LOCKFS" "$(redis_source)" "$T/third"
  is 1 "$status"
  contains OOM "$output"
}
