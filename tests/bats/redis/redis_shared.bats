# Shared locks as other Redis clients see them, the keys that they leave, and what they cost.

load ../lib/helper
load ../lib/redis
load ../lib/redis_waiters

@test "a shared lock is held for other Redis clients until its last holding ends, and its value is nobody's id" {
  mount_redis "$M"
  mount_redis "$N"
  take "$M/.with/shared,id=one/job"
  take "$N/.with/shared,id=two/job"
  is shared "$(lock "$M/job" mode)"
  is 2 "$(lock "$N/job" holders)"
  is "" "$(redis_cli SET lockfs:job their-value NX PX 60000)"
  is '\0shared' "$(redis_cli GET lockfs:job | tr '\0' '@' | sed 's/^@/\\0/')"
  rm "$M/.with/id=one/job"
  is "" "$(redis_cli SET lockfs:job their-value NX PX 60000)"
  rm "$N/.with/id=two/job"
  is OK "$(redis_cli SET lockfs:job their-value NX PX 60000)"
  expect EBUSY open "$M/.with/shared,id=one/job" CREAT,WRONLY
  redis_cli DEL lockfs:job >/dev/null
}

@test "a shared lock that another Redis client deletes is lost for all its holders, and leaves nothing to the next ones" {
  mount_redis "$M"
  mount_redis "$N"
  exec 5>"$M/.with/shared/job" 6>"$N/.with/shared/job"
  flock -s -n 5
  flock -s -n 6
  redis_cli DEL lockfs:job >/dev/null
  take "$M/.with/id=me/job"
  wait_until 4 has_ended 5
  wait_until 4 has_ended 6
  rm "$M/.with/id=me/job"
  take "$M/.with/shared,id=me/job"
  is 1 "$(lock "$M/job" holders)"
  rm "$M/.with/id=me/job"
  exec 5>&- 6>&-
  leaves_nothing
}

# has_ended FD: the lock of this descriptor has ended
has_ended() {
  is EXPIRED "$(getfattr --only-values -n user.lock.state "/proc/self/fd/$1" 2>/dev/null)"
}

@test "holders that release, expire, or whose mounts die leave no key" {
  local number
  mount_all
  for number in 1 2 3; do
    take "$M/.with/shared,id=m$number,ttl=1s/job"
    take "$N/.with/shared,id=n$number,ttl=never/job"
    take "$O/.with/shared,id=o$number,ttl=2s/job"
  done
  is 9 "$(lock "$M/job" holders)"
  in_background flock "$M/job" true
  wait_until 4 waits 1  # else the reader may come first, and share the lock
  in_background flock -s "$O/job" true
  wait_until 4 waits 2
  kill -KILL "${daemon_of[$O]}"
  forget_dead "$O"
  for number in 1 2 3; do
    rm "$N/.with/id=n$number/job"
  done
  # The last leases end, the writer is served, and the sign of life of its mount goes after 3 s.
  wait_until 10 nothing_left || fail "$(left_behind)"
}

# waits NUMBER: so many wait for the job
waits() {
  is "$1" "$(lock "$M/job" waiters)"
}

@test "sharing and waiting for shared locks need no rights but those that the manual names" {
  set -f
  # shellcheck disable=SC2046
  set_rights $(rights lockfs)
  set +f
  mount_redis "$M" "$(weak_source)"
  mount_redis "$N" "$(weak_source)"
  redis_cli ACL LOG RESET
  exec 5>"$M/job" 6>"$N/job"
  flock -s -n 5
  flock -s -n 6
  in_background flock "$M/job" true
  wait_until 4 waits 1
  rm "$M/.with/force/job"
  exec 5>&- 6>&-
  leaves_nothing
  is "" "$(redis_cli ACL LOG)"
}

# Numbers of calls of commands since the last reset, as `get=2 set=1 …`.
commands() {
  redis_cli INFO commandstats | sed -n 's/^cmdstat_\([a-z]*\):calls=\([0-9]*\),.*/\1=\2/p' | grep -vE '^(info|config|evalsha|ping)=' | sort | tr '\n' ' '
}

@test "an exclusive lock costs no commands for the sake of shared ones" {
  mount_redis "$M"
  take "$M/job"
  rm "$M/job"
  sleep 0.1
  redis_cli CONFIG RESETSTAT >/dev/null
  # Scripts alone: the system calls around them look at the lock, more or less often.
  take "$M/job"
  rm "$M/job"
  figure "an exclusive lock, taken and released: $(commands)"
  [[ " $(commands)" == *" set=2 "* && " $(commands)" == *" zrevrange=2 "* && " $(commands)" == *" zadd=1 "* ]] || fail "$(commands)"
  [[ " $(commands)" != *" zcount="* && " $(commands)" != *" zrangebylex="* ]] || fail "$(commands)"
}

@test "reading, sharing and releasing a lock takes no longer with 2000 holders than with 2" {
  local number few many
  mount_redis "$M"
  take "$M/.with/shared,id=first/few"
  take "$M/.with/shared,id=first/many"
  deadline 100 py <<'PY'
for number in range(2000):
    os.close(os.open(M + "/.with/shared,id=%d/many" % number, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
PY
  is 2001 "$(lock "$M/many" holders)"
  few=$(cycle few) many=$(cycle many)
  figure "100 times shared and released: $few ms of the server beside 1 holder, $many ms beside 2001"
  within $((3 * few + 10)) "$many"
  rm "$M/.with/force/many"
  rm "$M/.with/force/few"
  leaves_nothing
}

# cycle NAME: shares and releases a lock 100 times; prints the ms that its scripts took in the server
cycle() {
  local number
  redis_cli CONFIG RESETSTAT >/dev/null
  for ((number = 0; number < 100; number++)); do
    take "$M/.with/shared,id=me/$1"
    rm "$M/.with/id=me/$1"
  done
  redis_cli INFO commandstats | sed -n 's/^cmdstat_evalsha:calls=[0-9]*,usec=\([0-9]*\),.*/\1/p' | awk '{ print int($1 / 1000) }'
}

# revoke_silently: marks the holding of `job` as being ended by force, as another mount does whose message is lost
revoke_silently() {
  redis_cli HSET lockfs#d:job revoked another newest '' >/dev/null
}

# taken_by_next COMMAND...: the command, which finds that the holding of descriptor 7 is being ended, passes the lock on
taken_by_next() {
  local next
  exec 7>"$M/job"
  flock -n 7
  in_background flock "$N/job" true
  next=$!
  wait_until waits 1
  revoke_silently
  refute "$@"
  wait_until ended "$next"
  is EXPIRED "$(getfattr --only-values -n user.lock.state /proc/self/fd/7 2>/dev/null)"
  exec 7>&-
}

@test "a holder that finds itself ended by force, as the message was lost, passes the lock on at once" {
  mount_redis -o ttl=60s
  mount_redis "$N"
  taken_by_next flock -s -n 7
  taken_by_next touch -c /proc/self/fd/7
  gone "$M/job"
  leaves_nothing
}
