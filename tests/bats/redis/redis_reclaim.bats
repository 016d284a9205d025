# Servers that lose data: the locks of living mounts are there again, and nobody else gets them meanwhile.

load ../lib/helper
load ../lib/redis
load ../lib/crowd

GRACE_MS=1500

setup() {
  setup_dirs
  set_mount_points
  redis_start
  allow_words "$outage_words"
}

mount_with_grace() {
  mount_redis -o "grace=${GRACE_MS}ms,allow_other" "${1:-$M}" "${2-}"
}

# The grace with which the first mount begins is over.
begin() {
  mount_with_grace
  mount_with_grace "$N"
  wait_until grace_is_over
}

grace_is_over() {
  [ "$(redis_cli EXISTS lockfs#grace)" = 0 ]
}

restart_empty() {
  redis_kill
  redis_again
}

# Both mounts know the present data of the server.
both_are_back() {
  wait_until is_back "$M"
  wait_until is_back "$N"
}

is_up() {
  [ "$(grep -c '^lockfs_backend_up 1' "$1/.stats")" = 1 ]
}

is_back() {
  is_up "$1" && [ "$(redis_cli PUBSUB CHANNELS 'lockfs#m:*' | wc -l)" = 2 ]
}

# as_was FILE: what a holding is like, but for what changes by itself
as_was() {
  # A symbolic link has no attributes that are read.
  [ -L "$1" ] || getfattr --absolute-names -d "$1" | grep -vE 'remaining|expires'
  stat -c '%F %a %u %g %s %N' "$1" | sed "s:$M:mount:; s:$N:mount:"
}

# What was started in the background ends by itself.
all_end() {
  local each
  for each in "${background[@]}"; do
    wait_until ended "$each" || fail "it does not end: $(ps -o args= -p "$each")"
  done
}

@test "locks of all kinds are as they were after the server has lost its data" {
  begin
  mkdir -m 0750 "$M/team" "$M/team/deep"
  chown 65534:65534 "$M/team/deep" 2>/dev/null || true
  setfattr -n user.lock.default_ttl -v 7m "$M/team"
  setfattr -n user.lock.limit -v 5 "$M/team"
  (set -C; echo content >"$M/team/deep/file")
  (set -C; : >"$N/.with/ttl=never/endless")
  (set -C; : >"$M/.with/ttl=90s/short")
  chmod 600 "$M/short"
  printf more >>"$M/short"
  truncate -s 2 "$M/short"
  (set -C; : >"$M/.with/id=alice/given")
  ln -s target "$M/link"
  mkdir "$M/.with/lockdir/dir"
  (set -C; : >"$M/.with/shared/both")
  (set -C; : >"$N/.with/shared/both")
  exec 7<>"$M/bound"
  flock 7
  local name files="team/deep/file endless short given link bound"
  for name in $files; do
    as_was "$M/$name" >"$T/before-${name//\//-}"
  done
  before=$(stat -c '%a %u %g' "$M/team" "$M/team/deep"; lock "$M/team" default_ttl; lock "$M/team" limit)
  restart_empty
  both_are_back
  for name in $files; do
    is "$(cat "$T/before-${name//\//-}")" "$(as_was "$M/$name")"
  done
  is "$before" "$(stat -c '%a %u %g' "$M/team" "$M/team/deep"; lock "$M/team" default_ttl; lock "$M/team" limit)"
  is 2 "$(lock "$M/both" holders)"
  is content "$(cat "$N/team/deep/file")"
  is mo "$(cat "$M/short")"
  is target "$(readlink "$N/link")"
  is directory "$(lock "$M/dir" form)"
  # All of them are released as ever.
  rm "$M/team/deep/file" "$M/short" "$M/link" "$M/both" "$N/both" "$N/endless" "$M/.with/id=alice/given"
  rmdir "$M/.with/lockdir/dir"
  exec 7<&-
  wait_until gone "$M/bound"
}

@test "nobody acquires what a holder may have before the grace is over, and then all do" {
  begin
  (set -C; : >"$M/held")
  restart_empty
  both_are_back
  local left start
  left=$(redis_cli PTTL lockfs#grace)
  start=$(now_ms)
  (set -C; : >"$N/free")
  # The lock cannot have been acquired earlier, however long it took.
  (($(now_ms) - start >= left - 300)) || fail "acquired after $(($(now_ms) - start)) ms of $left"
  grace_is_over || fail "acquired in the grace"
  expect EEXIST open "$N/held" CREAT,EXCL,WRONLY
}

@test "what waits in the grace: mkdir, stat and a forced release; own locks do not" {
  begin
  mkdir "$M/team"
  (set -C; : >"$M/one")
  (set -C; : >"$N/two")
  redis_kill
  # N is not back before the calls are made.
  kill -STOP "${daemon_of[$N]}"
  redis_again
  wait_until is_up "$M"
  is OK "$(call utime "$M/one")"
  in_background stat "$M/two"
  in_background rm "$M/.with/force/two"
  in_background mkdir "$M/new"
  nap 0.2
  kill -CONT "${daemon_of[$N]}"
  all_end
  gone "$N/two"
  [ -d "$N/new" ]
}

has_waiters() {
  [ "$(redis_cli ZCARD lockfs#w:job)" = "$1" ]
}

@test "who waits keeps the place in the queue" {
  begin
  exec 7<>"$M/job"
  flock 7
  local name count=0
  for name in first second third fourth; do
    local mount=$M
    [[ $name == first || $name == third ]] || mount=$N
    in_background flock "$mount/job" sh -c "echo $name >>'$T/order'" 7<&-
    wait_until has_waiters $((++count))
  done
  restart_empty
  both_are_back
  wait_until grace_is_over
  is ACQUIRED "$(state "$M/job")"
  exec 7<&-
  all_end
  is "first second third fourth" "$(xargs <"$T/order")"
}

@test "a server with older data: the holder of the larger token has the lock, and what was released does not come back" {
  begin
  (set -C; : >"$M/job")
  (set -C; : >"$M/old")
  redis_cli SAVE >/dev/null
  rm "$M/job" "$M/old"
  (set -C; : >"$N/job")
  (set -C; : >"$N/new")
  token=$(lock "$N/job" token)
  redis_kill
  redis_again
  both_are_back
  wait_until grace_is_over
  is ACQUIRED "$(state "$N/job")"
  is UNAVAILABLE "$(state "$M/job")"
  is "$token" "$(lock "$M/job" token)"
  is ACQUIRED "$(state "$N/new")"
  gone "$M/old"
}

@test "FLUSHALL of a living server: the locks are there again, for mounts that make no call, too" {
  begin
  (set -C; : >"$M/one")
  (set -C; : >"$N/two")
  redis_cli FLUSHALL >/dev/null
  # Whoever calls first finds out, and the other mount hears of it.
  expect EEXIST open "$M/two" CREAT,EXCL,WRONLY
  is ACQUIRED "$(state "$N/two")"
  is ACQUIRED "$(state "$M/one")"
  is UNAVAILABLE "$(state "$N/one")"
}

@test "a conversion that is interrupted in the grace leaves the holding as it is, and can be made again" {
  begin
  in_background python3 -S - "$M/job" "$T" <<'PY'
import fcntl, os, signal, struct, sys, time

def lock(fd, kind, seconds):
    signal.setitimer(signal.ITIMER_REAL, seconds)
    fcntl.fcntl(fd, fcntl.F_SETLKW, struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0))
    signal.setitimer(signal.ITIMER_REAL, 0)

def interrupt(*_):
    raise InterruptedError

signal.signal(signal.SIGALRM, interrupt)
path, told = sys.argv[1:]
fd = os.open(path, os.O_CREAT | os.O_RDWR)
lock(fd, fcntl.F_RDLCK, 5)
open(told + "/shared", "w").close()
while not os.path.exists(told + "/restarted"):
    time.sleep(0.01)
try:
    lock(fd, fcntl.F_WRLCK, 0.3)
except InterruptedError:
    open(told + "/interrupted", "w").close()
lock(fd, fcntl.F_WRLCK, 5)
os.write(fd, b"x")
open(told + "/converted", "w").close()
PY
  wait_until test -e "$T/shared"
  restart_empty
  both_are_back
  touch "$T/restarted"
  wait_until test -e "$T/interrupted"
  wait_until test -e "$T/converted"
  all_end
}

@test "two restarts within one grace" {
  begin
  (set -C; : >"$M/one")
  (set -C; : >"$N/two")
  restart_empty
  wait_until is_back "$M"
  restart_empty
  both_are_back
  wait_until grace_is_over
  is "ACQUIRED ACQUIRED" "$(state "$M/one") $(state "$N/two")"
}

@test "connections that are cut while locks are given back: the next one gives back all of them" {
  local cut
  begin
  py <<'PY'
for n in range(1500):
    os.close(os.open(M + "/.with/ttl=never/lock-%d" % n, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
PY
  redis_kill
  redis_again
  for ((cut = 0; cut < 60; cut++)); do
    redis_cli CLIENT KILL TYPE normal >/dev/null
    nap
  done
  wait_until is_up "$M"
  wait_until grace_is_over
  is 1500 "$(find "$N" -name 'lock-*' | wc -l)"
  is ACQUIRED "$(state "$M/lock-0")"
  is ACQUIRED "$(state "$M/lock-1499")"
}

# use NAME: mounts that name the server by a link reach this one from now on
use() {
  ln -sfn "${redis_socket[$1]}" "$T/link.sock"
}

@test "a switch to another server and back" {
  use redis
  redis_start @other
  mount_with_grace "$M" "redis+unix://$T/link.sock"
  mount_with_grace "$N" "redis+unix://$T/link.sock"
  wait_until grace_is_over
  (set -C; : >"$M/one")
  use other
  redis_cli CLIENT KILL TYPE normal >/dev/null
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  wait_until has_lock other one
  rm "$M/one"
  (set -C; : >"$N/one")
  use redis
  redis_cli @other CLIENT KILL TYPE normal >/dev/null
  redis_cli @other CLIENT KILL TYPE pubsub >/dev/null
  wait_until both_at redis
  wait_until grace_is_over
  # The server had the lock of M yet, which has ended since.
  is "ACQUIRED UNAVAILABLE" "$(state "$N/one") $(state "$M/one")"
  rm "$N/one"
  gone "$M/one"
}

has_lock() {
  [ "$(redis_cli "@$1" EXISTS "lockfs:$2")" = 1 ]
}

both_at() {
  [ "$(redis_cli "@$1" PUBSUB CHANNELS 'lockfs#m:*' | wc -l)" = 2 ] && is_up "$M" && is_up "$N"
}

@test "a replica that lags is promoted: no lock is lost" {
  begin
  redis_start @replica --replicaof 127.0.0.1 "${redis_port[redis]}"
  use redis
  unmount_lockfs "$M"
  unmount_lockfs "$N"
  mount_with_grace "$M" "redis+unix://$T/link.sock"
  mount_with_grace "$N" "redis+unix://$T/link.sock"
  (set -C; : >"$M/early")
  wait_until has_lock replica early
  redis_cli @replica REPLICAOF 127.0.0.1 1 >/dev/null
  rm "$M/early"
  (set -C; : >"$N/late")
  (set -C; : >"$N/early")
  redis_kill
  redis_cli @replica REPLICAOF NO ONE >/dev/null
  use replica
  wait_until both_at replica
  wait_until sh -c "[ \"\$($redis_cli_command -s '${redis_socket[replica]}' EXISTS lockfs#grace)\" = 0 ]"
  is "ACQUIRED ACQUIRED" "$(state "$N/late") $(state "$N/early")"
  is UNAVAILABLE "$(state "$M/early")"
}

@test "a fresh mount that connects first waits for the holders" {
  begin
  (set -C; : >"$M/held")
  kill -STOP "${daemon_of[$M]}"
  redis_kill
  redis_again
  O=$T/third
  mount_with_grace "$O"
  in_background bash -c "set -C; : >'$O/held' || touch '$T/refused'"
  nap 0.2
  kill -CONT "${daemon_of[$M]}"
  all_end
  [ -e "$T/refused" ] || fail "a fresh mount acquired what was held"
  is ACQUIRED "$(state "$M/held")"
}

@test "another client has taken the key of a server with other data: the holder is told at once" {
  begin
  redis_start @other
  redis_cli @other SET lockfs:job other >/dev/null
  redis_cli @other SAVE >/dev/null
  redis_kill other
  exec 7<>"$M/job"
  flock 7
  redis_kill
  mv "$T/other.rdb" "$T/redis.rdb"
  redis_again
  py <<'PY'
poll = select.poll()
poll.register(7, 0)
check("poll", poll.poll(10000), [(7, select.POLLERR | select.POLLHUP)])
PY
  exec 7<&-
  is UNAVAILABLE "$(state "$M/job")"
}

@test "tokens do not go back, though the clock of the new server is behind" {
  begin
  # As if the server had been an hour ahead.
  redis_cli SET lockfs#token "$((($(date +%s) + 3600) * 1000000))" >/dev/null
  (set -C; : >"$M/job")
  token=$(lock "$M/job" token)
  rm "$M/job"
  restart_empty
  both_are_back
  (set -C; : >"$N/job")
  (($(lock "$N/job" token) > token)) || fail "the token went back"
}

@test "a grace longer than timeout=: acquisitions wait for its end and do not fail" {
  mount_redis -o grace=2s,timeout=300ms
  (set -C; : >"$M/job")
  restart_empty
  wait_until is_up "$M"
  (set -C; : >"$M/another")
  is ACQUIRED "$(state "$M/job")"
}

@test "a mount with grace=0 does not wait" {
  mount_redis -o grace=0
  is 0 "$(redis_cli EXISTS lockfs#grace)"
  (set -C; : >"$M/job")
}

@test "a server that comes back empty again and again under 200 holders and who contends: none is lost, none is double" {
  local round rounds=${LOCKFS_TEST_ROUNDS:-5} grace=2s
  # Under a sanitizer, a mount may be too late on a busy machine.
  ! grep -q __asan_init "$LOCKFS" || grace=5s
  O=$T/third
  for dir in "$M" "$N" "$O"; do
    mount_redis -o "timeout=10s,grace=$grace" "$dir"
  done
  wait_until grace_is_over
  crowd_start 200 "$M" "$N" "$O"
  for ((round = 0; round < rounds; round++)); do
    nap_ms $((RANDOM % 1500))
    redis_kill
    nap_ms $((RANDOM % 500))
    redis_again
    crowd_keeps
  done
  crowd_ends "$rounds restarts of an empty server under 3 mounts with 200 holders"
}

@test "the data of a living server are deleted again and again under holders and who contends: none is lost, none is double" {
  local round
  begin
  crowd_start 50 "$M" "$N"
  for round in 1 2 3; do
    nap_ms $((RANDOM % 1000))
    redis_cli FLUSHALL >/dev/null
    crowd_keeps
  done
  crowd_ends "3 times FLUSHALL under 2 mounts with 50 holders"
}

nap_ms() {
  sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
}
