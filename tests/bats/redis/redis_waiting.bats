# Waiting and hand-over over mounts that share one server, and what they cost.

load ../lib/helper
load ../lib/redis
load ../lib/redis_waiters

# passes LIMIT_MS HOW KIND ROUNDS: what ends a lock passes it on in time
passes() {
  local median longest
  measure median longest = ends "$2" "$3" "$4" "$M" "$N" "$O"
  figure "$2, to one who waits by $3: median $median ms, longest $longest ms"
  within "$1" "$median"
}

@test "20 waiters over three mounts, by flock and by views, are served in the order in which they came" {
  mount_all
  took=$(waiters order 20 "$M" "$N" "$O")
  figure "20 waiters over 3 mounts: median hand-over $took ms"
}

@test "two mounts with a slow way to the server, for longer than a grant lasts, pass it on" {
  proxy_begin
  mount_redis "$M"
  mount_redis -o timeout=4s "$N" "redis://127.0.0.1:$proxy_port"
  mount_redis -o timeout=4s "$O" "redis://127.0.0.1:$proxy_port"
  # Such a mount would not come up at all, but one that is there can get that slow.
  orders '{"there": 300, "back": 300}'
  measure first second = slow "$M" "$N" "$O"
  figure "a round trip of 600 ms: two waiters on two mounts had it after $first and $second ms"
  within 6000 "$second"
}

@test "unlink, close and unlock pass the lock to the next waiter" {
  mount_all
  passes 100 by_release flock 10
  passes 100 by_release view 10
  passes 100 by_close hold 10
  passes 100 by_unlock flock 10
}

@test "the end of a lease passes the lock to the next waiter" {
  mount_all
  passes 150 by_expiry flock 5
  passes 150 by_expiry view 3
}

@test "a forced release passes the lock to the next waiter, also if it was bound to an open file" {
  mount_all
  passes 100 by_force flock 10
  passes 150 by_force_of_bound flock 10
}

@test "a lease that is shortened, or is that of one who was handed it, passes it on at its own end" {
  mount_all
  passes 600 by_shortening flock 3
  passes 600 after_short flock 3
  passes 600 after_short view 3
}

@test "DEL of a lock by another Redis client passes it on within 1.5 s" {
  mount_all
  passes 1500 by_del flock 3
  passes 1500 by_del_of_never flock 3
}

@test "the lock of another Redis client passes to a waiter within 1.3 s after DEL, and at the end of its lease" {
  mount_all
  passes 1300 of_foreign flock 3
  passes 1300 of_foreign view 3
  passes 300 of_foreign_lease flock 3
}

@test "interval= has the server looked at as often as that" {
  mount_redis
  # It is in the second place, and its interval goes for all of the mount.
  took=$(at_best 400 waiters intervals wait=forever,interval=100ms "$M")
  figure "a foreign lock deleted, interval=100ms: had after $took ms"
  within 400 "$took"
}

# scripts_in SECONDS: so many scripts were run meanwhile, by all
scripts_in() {
  redis_cli CONFIG RESETSTAT >/dev/null
  sleep "$1"
  redis_cli INFO commandstats | tr -d '\r' | awk -F'[:=,]' '/^cmdstat_evalsha:/ { print $3 }'
}

# poll COUNT MOUNT: so many who ask for a lock of another again and again, as often as they may
poll() {
  # shellcheck disable=SC2016  # the other shell expands it
  in_background sh -c 'for _ in $(seq "$1"); do (set -C; : >"$0/.with/interval=1ms/job") 2>/dev/null & done; wait' "$2" "$1"
  pollers=$pid
}

# polled_by COUNT MOUNT: so many wait there
polled_by() {
  grep -qx "lockfs_waiting_requests $1" "$2/.stats"
}

@test "views that poll look no more often than min_interval=, and all who poll one key by one question" {
  mount_redis -o min_interval=200ms
  mount_redis "$N"
  take_as_other "$N/job"
  poll 20 "$M"
  wait_until 30 polled_by 20 "$M"
  asked=$(scripts_in 2)
  figure "20 callers with interval=1ms, min_interval=200ms: ${asked:-0} scripts in 2 s"
  # Ten questions, and a few of those who had just begun.
  ((asked >= 5 && asked <= 15)) || fail "$asked scripts"
  # One of them has it as soon as it is free: a refusal is shared no longer than that.
  rm "$N/.with/force/job"
  wait_until 5 taken "$N/job"
  # So have all others, one after the other.
  wait_until 60 all_have_had_it
}

taken() {
  [ "$(lock "$1" state 2>/dev/null)" = UNAVAILABLE ]
}

all_have_had_it() {
  rm -f "$N/.with/force/job"
  ended "$pollers"
}

# Deaths

@test "the next waiter has the lock within 50 ms after kill -9 of the holder" {
  mount_all
  measure median longest = holder_killed 20 "$M" "$N" "$O"
  figure "holder killed with -9: next one runs after $median ms (median), $longest ms (longest)"
  within 50 "$median"
}

@test "a waiter that is killed ends at once and is skipped" {
  mount_all
  measure died next = waiter_killed 5 "$M" "$N" "$O"
  figure "a waiter killed with -9 ended after $died ms; the next had the lock $next ms after its release (medians)"
  within 1000 "$died"
  within 500 "$next"
}

# skipped LIMIT_MS HOW COUNT: the first COUNT are skipped when their daemon is killed or
# stopped. Each time it is a new one, which has not learnt that the server is slow.
skipped() {
  local limit=$1 how=$2 count=$3
  mount_redis "$M"
  mount_redis "$N"
  for _ in 1 2 3; do
    mount_redis "$O"
    took=$(waiters daemon_gone "$how" "${daemon_of[$O]}" "$count" "$O" "$M" "$N")
    if [[ $how == KILL ]]; then
      forget_dead "$O"
    else
      unmount_lockfs "$O"
    fi
    ((${took%.*} > limit)) || break
  done
  figure "$how of the daemon of the first $count: the next had it after $took ms"
  within "$limit" "$took"
}

@test "a waiter whose daemon is killed is skipped within a second" {
  skipped 1000 KILL 3
}

@test "a waiter whose daemon is stopped is skipped within a second, and served after SIGCONT" {
  skipped 1100 STOP 1
}

@test "three waiters whose daemon is stopped are skipped within a second, and served after SIGCONT" {
  skipped 1200 STOP 3
}

@test "waiters have the lock of a holder whose daemon was killed when the lease ends" {
  mount_redis -o ttl=2s
  mount_redis "$N"
  measure took left = holders_daemon_gone "${daemon_of[$M]}" "$M" "$N"
  figure "daemon of the holder killed: the next had it after $took ms, $left ms of the lease were left"
  within $((left + 1000)) "$took"
  forget_dead "$M"
}

@test "a daemon that is started again on its mount point knows the locks of its sessions" {
  mount_redis
  mount_redis "$N"
  take "$M/job" "$M/other"
  take_as_other "$M/theirs"
  kill -KILL "${daemon_of[$M]}"
  forget_dead "$M"
  mount_redis
  is ACQUIRED "$(state "$M/job")"
  is UNAVAILABLE "$(state "$N/job")"
  is UNAVAILABLE "$(state "$M/theirs")"
  touch "$M/job"
  rm "$M/job"
  gone "$N/job"
  # And can write them.
  echo words >>"$M/other"
  is words "$(cat "$N/other")"
  rm "$M/other"
}

@test "two holders never think they hold the lock, though the daemon of one is stopped for longer than the lease" {
  mount_redis
  mount_redis "$N"
  measure rounds under_way late = stops 20 "${daemon_of[$M]}" "$M" "$N"
  figure "$rounds rounds: the other had it $late ms after the stop (median); $under_way writes were under way at the stop"
}

# A grant that nobody takes

@test "a waiter that is killed during the release leaves the lock to the next at once" {
  mount_all
  measure median longest had = kills 100 "$M" "$N" "$O"
  figure "100 rounds of kill -9 at the release: the next had it after $median ms (median), $longest ms (longest); the killed one had had it $had times"
  within 50 "$median"
  leaves_nothing
}

# Many

@test "1000 waiters send no commands while they wait, and a bounded number for each hand-over" {
  mount_redis
  mount_redis "$N"
  measure asked watched took trips commands = idle 1000 4 "$M" "$N"
  figure "1000 idle waiters on 2 mounts: $asked scripts in $watched ms; all had had it in $took s; $trips scripts and $commands commands a hand-over"
  # Two mounts, a beat each second.
  ((asked <= 2 * watched / 1000 + 4)) || fail "$asked scripts"
  [ "${trips%.*}" -le 3 ]
  leaves_nothing
}

@test "mounts where one waits ask the server once a second each, by a dozen commands" {
  mount_all
  measure asked watched commands = beats 4 "$M" "$N" "$O"
  figure "3 mounts with a waiter each: $asked scripts in $watched ms, of $commands commands each"
  ((asked <= 3 * (watched / 1000 + 1))) || fail "$asked scripts"
  within 12 "$commands"
}

@test "one lease that ends costs a few commands, however many wait" {
  mount_redis
  mount_redis "$N"
  measure asked took = one_expiry 400 "$M" "$N"
  figure "one expiry with 400 waiters on 2 mounts: $asked scripts in the second around it; had after $took ms"
  ((asked <= 20)) || fail "$asked scripts"
}

@test "a hand-over takes at most three round trips, with one who waits and with 1000" {
  proxy_begin
  mount_redis "$M" "redis://127.0.0.1:$proxy_port"
  mount_redis "$N" "redis://127.0.0.1:$proxy_port"
  # It takes two. So long, the third is more than what a busy machine needs for all the rest.
  for size in 0 1000; do
    orders '{"there": 100, "back": 100}'
    measure trip close unlink answer = hand_over 3 "$size" "$proxy_port" "$T/orders" "$M" "$N"
    figure "a round trip takes $trip ms; hand-over with $((size + 1)) waiting: $close ms by close, $unlink ms by unlink, $answer ms after its answer"
    within "$(python3 -c "print(int(3 * $trip))")" "$close"
    within "$(python3 -c "print(int(3 * $trip))")" "$unlink"
  done
}

@test "lock, increment, unlock, 10000 times over three mounts, loses no update" {
  mount_all
  measure rounds took = count "${LOCKFS_TEST_ROUNDS:-10000}" 2 "$T/counter" "$M" "$N" "$O"
  figure "$rounds rounds of lock, increment, unlock over 3 mounts in $took s: no lost update"
  leaves_nothing
}

# Rights and limits

@test "waiting needs no rights but those that the manual names" {
  set -f
  # shellcheck disable=SC2046
  set_rights $(rights lockfs)
  set +f
  mount_redis "$M" "$(weak_source)"
  mount_redis "$N" "$(weak_source)"
  mount_redis "$O" "$(weak_source)"
  redis_cli ACL LOG RESET
  waiters order 6 "$M" "$N" "$O"
  passes 5000 by_expiry flock 1
  passes 5000 by_force_of_bound flock 1
  passes 5000 of_foreign flock 1
  waiters waiter_killed 1 "$M" "$N" "$O"
  is "" "$(redis_cli ACL LOG)"
}

@test "a waiter gets ETIMEDOUT before the kernel's limit on the time of a request, and the mount survives" {
  need_root
  [ -w "$request_limit" ] || skip "this kernel has no such limit"
  limit_is_set=yes
  echo 4 >"$request_limit"
  mount_redis
  echo 0 >"$request_limit"
  take_as_other "$M/job"
  began=$(now_ms)
  expect ETIMEDOUT open "$M/.with/wait=forever/job" CREAT,EXCL,WRONLY
  took=$(($(now_ms) - began))
  figure "a limit of 4 s: told after $took ms"
  ((took >= 2000 && took <= 4000)) || fail "$took ms"
  sleep 3
  is UNAVAILABLE "$(state "$M/job")"
}

@test "a lock that was handed over and not taken is not taken for its session's" {
  mount_redis
  take "$M/job"
  redis_cli HSET lockfs#d:job granted 1 >/dev/null
  is UNAVAILABLE "$(state "$M/job")"
  expect EBUSY write "$M/job" words
  expect EBUSY truncate "$M/job" 0
  expect EPERM utime "$M/job"
  expect EPERM unlink "$M/job"
  redis_cli HDEL lockfs#d:job granted >/dev/null
  is ACQUIRED "$(state "$M/job")"
  expect OK unlink "$M/job"
}

@test "who finds in the queue that its own side has the lock leaves no ticket behind" {
  allow_words "$outage_words"
  mount_redis
  mount_redis "$N"
  take "$N/job"
  in_background sh -c 'cd "$0"; for name in one two; do
    sh -c ": >.with/wait=1m/job; echo has >>$1" & done; wait' "$M" "$T/has"
  wait_until waits 2 "$N/job"
  rm "$N/job"
  wait_until has_lines "$T/has" 1
  # Who waits asks again on a new connection.
  redis_cli CLIENT KILL TYPE normal >/dev/null
  wait_until has_lines "$T/has" 2
  is 0 "$(lock "$N/job" waiters)"
}

@test "nobody gets in past a living waiter, however many tickets of dead mounts stand in front" {
  mount_redis
  mount_redis "$N"
  local round
  for round in 1 2 3; do
    take "$M/job"
    in_background bash -c 'set -C; : >"$0/.with/wait=60s/job"; echo has it' "$N" >"$T/waiter"
    wait_until waits 1 "$M/job"
    redis_cli EVAL "for i = 1, 1200 do
        redis.call('ZADD', 'lockfs#w:job', i, 'dead' .. i)
        redis.call('HSET', 'lockfs#t:job', 'dead' .. i, cmsgpack.pack({ mount = 'dead', id = 'x', nonce = 'dead' .. i }))
      end" 0 >/dev/null
    # At once, before any mount has looked at the lock.
    py <<'PY'
os.unlink(M + "/job")
check("a newcomer", outcome(os.open, M + "/.with/id=newcomer/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY), "EEXIST")
check("one who waits", outcome(os.open, M + "/.with/id=newcomer,wait=10ms/job", os.O_CREAT | os.O_WRONLY), "ETIMEDOUT")
PY
    wait_until grep -q "has it" "$T/waiter"
    rm "$M/.with/force/job"
    wait_until waits_of_nobody
  done
}

waits_of_nobody() {
  is 0 "$(redis_cli EXISTS lockfs#w:job lockfs:job)" 2>/dev/null
}
