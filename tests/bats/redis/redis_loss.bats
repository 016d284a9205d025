# A holder is told of its loss before anybody else can have the lock; and who waits
# goes on where connections or the server break.

load ../lib/helper
load ../lib/redis
load ../lib/redis_waiters

# loses KIND COMMAND ARGUMENT...
loses() {
  local kind=$1 count median shortest
  shift
  measure count median shortest = "$@"
  figure "$count losses, $kind: told $median ms (median), $shortest ms (shortest) before the key was free"
  [ "$count" ]
}

@test "loss is told before the key is free: forced release from another mount" {
  mount_redis
  mount_redis "$N"
  loses "forced release" losses_by_force 40 "$M" "$N"
}

@test "loss is told before the key is free: forced release while the holder's mount is not listening" {
  allow_words "$outage_words"
  mount_redis
  mount_redis "$N"
  loses "forced release, unheard" losses_by_force 15 "$M" "$N" deaf
}

@test "loss is told before the key is free: the server stands still" {
  allow_words "$outage_words"
  mount_redis -o timeout=500ms
  loses "frozen server" losses_of_server 20 600 "STOP:${redis_pid[redis]}" "CONT:${redis_pid[redis]}" "${daemon_of[$M]}" "$M"
}

@test "loss is told before the key is free: the server takes no writes" {
  allow_words "$outage_words"
  mount_redis -o timeout=500ms
  loses "paused server" losses_of_server 15 600 "redis:CLIENT PAUSE 5000 WRITE" "redis:CLIENT UNPAUSE" "${daemon_of[$M]}" "$M"
}

@test "loss is told before the key is free: packets are lost" {
  need_root
  allow_words "$outage_words"
  redis_end_all
  network_start
  redis_start
  mount_redis -o timeout=500ms "$M" "$(redis_far_source)"
  local nowhere='lladdr 02:00:00:00:00:01 nud permanent'
  loses "packets lost" losses_of_server 15 600 \
    "ip neigh replace $far_address $nowhere dev ${cable}a" "ip neigh del $far_address dev ${cable}a" "${daemon_of[$M]}" "$M"
}

@test "a watch is notified of the loss of a bound lock while the server stands still, as poll is" {
  allow_words "$outage_words"
  mount_redis -o timeout=500ms
  py "${redis_pid[redis]}" <<'PY'
server = int(sys.argv[1])
path = M + "/.with/ttl=2s/job"
fd = os.open(path, os.O_CREAT | os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_EX)
watches = [Inotify(), Inotify()]
watches[0].add(path)
watches[1].add(M + "/job")
poll = select.poll()
poll.register(fd, 0)
check("holds", poll.poll(0), [])
os.kill(server, signal.SIGSTOP)
try:
    check("polled", len(poll.poll(20000)), 1)
    for watch in watches:
        check("watched", watch.wait(10000), ["DELETE_SELF", "IGNORED"])
finally:
    os.kill(server, signal.SIGCONT)
PY
}

# A lock that the server has lost is written anew (redis_reclaim.bats), unless another Redis client has taken its place.
@test "a server that forgot everything, and another client was first: the holder is told soon" {
  allow_words "$outage_words"
  mount_redis
  took=$(waiters told 900ms "printf 'MULTI\nFLUSHALL\nSET lockfs:job other\nEXEC\n' | $redis_cli_command -s ${redis_socket[redis]} >/dev/null" "$M")
  figure "FLUSHALL and SET: told after $took ms, of a lease of 900 ms"
  within 600 "$took"
}

@test "a server that is back with older data, in which another client has the lock: the holder is told soon" {
  allow_words "$outage_words"
  mount_redis
  redis_set lockfs:job other
  redis_cli SAVE >/dev/null
  redis_cli DEL lockfs:job >/dev/null
  took=$(waiters told 5m "$(restart_command 0.2)" "$M")
  figure "server back with another client's lock: told after $took ms"
  within 8000 "$took"
}

# Connections that break

# breaks KINDS
breaks() {
  local median longest
  allow_words "$outage_words"
  mount_all
  measure median longest = cuts "$1" 30 "$M" "$N" "$O"
  figure "connections of $1 killed at the release: the next had it after $median ms (median), $longest ms (longest)"
  within 5000 "$longest"
  leaves_nothing
}

@test "a hand-over works while subscriptions are killed" {
  breaks pubsub
}

@test "a hand-over works while connections are killed" {
  breaks normal
}

@test "a hand-over works while subscriptions and connections are killed" {
  breaks normal,pubsub
}

@test "a server that is back with its data within the time limit: who waits goes on, in order" {
  allow_words "$outage_words"
  mount_all -o timeout=10s
  took=$(waiters outage "$(restart_command 0.5 "$redis_cli_command -s ${redis_socket[redis]} SAVE >/dev/null;")" order "$M" "$N" "$O")
  figure "server back with its data: 6 waiters served in $took ms"
}

@test "a server that is back empty within the time limit: who waits goes on" {
  allow_words "$outage_words"
  mount_all -o timeout=10s
  took=$(waiters outage "$(restart_command 0.5)" all "$M" "$N" "$O")
  figure "server back empty: 6 waiters served in $took ms"
}

@test "a server that is away for longer than the time limit: who waits is told EHOSTDOWN" {
  allow_words "$outage_words"
  mount_all -o timeout=1s
  took=$(waiters outage "kill -KILL ${redis_pid[redis]}" EHOSTDOWN "$M" "$N" "$O")
  figure "server away: the last of 6 waiters was told after $took ms"
  within 5000 "$took"
}

@test "a server that stands still for less than the time limit: who waits goes on" {
  mount_all -o timeout=10s
  took=$(waiters outage "kill -STOP ${redis_pid[redis]}; sleep 0.7; kill -CONT ${redis_pid[redis]}" order "$M" "$N" "$O")
  figure "server frozen for 700 ms: 6 waiters served in $took ms"
}

@test "a server that stands still for longer than the time limit: who waits is told" {
  allow_words "$outage_words"
  mount_all -o timeout=1s
  took=$(waiters outage "kill -STOP ${redis_pid[redis]}" 'EHOSTDOWN|ETIMEDOUT' "$M" "$N" "$O")
  figure "server frozen: the last of 6 waiters was told after $took ms"
  within 5000 "$took"
  redis_thaw
}

@test "a waiter goes on waiting while the server pauses" {
  allow_words "$outage_words"
  mount_all -o timeout=10s
  took=$(waiters outage "$redis_cli_command -s ${redis_socket[redis]} CLIENT PAUSE 1500 ALL >/dev/null; sleep 1.5" order "$M" "$N" "$O")
  figure "server paused for 1500 ms: 6 waiters served in $took ms"
}

@test "half-open connections: who waits goes on, or is told" {
  need_root
  allow_words "$outage_words"
  redis_end_all
  network_start
  redis_start
  mount_redis -o timeout=10s "$M"
  mount_redis -o timeout=10s "$N" "$(redis_far_source)"
  local nowhere='lladdr 02:00:00:00:00:01 nud permanent'
  local lose="ip neigh replace $far_address $nowhere dev ${cable}a" heal="ip neigh del $far_address dev ${cable}a"
  took=$(waiters outage "$lose; sleep 0.6; $heal" all "$M" "$N")
  figure "half-open for 600 ms: 6 waiters served in $took ms"
  leaves_nothing
}

@test "ls does not keep a holder from hearing that its lock was deleted past lockfs" {
  mount_redis
  mount_redis "$N"
  in_background bash -c 'trap "echo told >>\"\$1\"; exit" USR1; exec 9<>"$0"; echo has >>"$1"
    while :; do sleep 0.1; done' "$M/.with/hold,ttl=1h,signal=USR1/job" "$T/said"
  wait_until has_lines "$T/said" 1
  redis_cli DEL lockfs:job >/dev/null
  is "" "$(ls "$N")"
  wait_until has_lines "$T/said" 2
}

older_data() {
  cat <<'PY'
import subprocess

def move(command, source, target):
    """RENAME: the lock is gone, as on a server that lost it, or back, as on one with older data; COPY keeps such data."""
    for part in (":", "#d:"):
        subprocess.run([sys.argv[1], "-s", sys.argv[2], command, "%s%sjob" % (source, part), "%s%sjob" % (target, part)],
                       check=True, stdout=subprocess.DEVNULL)

def check_ended(what, fd):
    check(what + ", then read", outcome(os.pread, fd, 1, 0), "ESTALE")
    check(what + ", then write", outcome(os.pwrite, fd, b"x", 0), "ESTALE")
    check(what + ", then fsync", outcome(os.fsync, fd), "ESTALE")
    check(what + ", then futimens", outcome(os.utime, fd), "ESTALE")
    check(what + ", then ttl", outcome(os.setxattr, fd, "user.lock.ttl", b"1h"), "ESTALE")
    check(what + ", then ftruncate", outcome(os.ftruncate, fd, 0), "ESTALE")
    check(what + ", then state", attribute(fd, "state"), "EXPIRED")
    check(what + ", then links", os.fstat(fd).st_nlink, 0)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    check(what + ", then poll", [event for _, event in poll.poll(5000)], [select.POLLERR | select.POLLHUP])
PY
}

# ends_stay_told VIEW: whoever is told through a descriptor, in any of these ways, that its
# lock has ended is told so for ever, also by a server that has the lock again
ends_stay_told() {
  { older_data; cat <<'PY'; } | py "$redis_cli_command" "${redis_socket[redis]}" "$1"
view = sys.argv[3]
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append("told"))
tellers = {
    "read": lambda fd: outcome(os.pread, fd, 1, 0) == "ESTALE",
    "write": lambda fd: outcome(os.pwrite, fd, b"x", 0) == "ESTALE",
    "fsync": lambda fd: outcome(os.fsync, fd) == "ESTALE",
    "futimens": lambda fd: outcome(os.utime, fd) == "ESTALE",
    "ttl": lambda fd: outcome(os.setxattr, fd, "user.lock.ttl", b"1h") == "ESTALE",
    "ftruncate": lambda fd: outcome(os.ftruncate, fd, 0) == "ESTALE",
    "state": lambda fd: attribute(fd, "state") == "EXPIRED",
    "list": lambda fd: "user.lock.owner" not in os.listxattr(fd),
    "fstat": lambda fd: os.fstat(fd).st_nlink == 0,
}
for what, tell in tellers.items():
    fd = os.open("%s/%s/job" % (M, view), os.O_CREAT | os.O_EXCL | os.O_RDWR)
    same = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY)
    move("RENAME", "lockfs", "away")
    # What was just acquired is known for a moment without asking.
    until = boottime() + 10
    while not tell(fd):
        check(what, boottime() < until, True)
    move("RENAME", "away", "lockfs")
    check_ended(what, fd)
    # It is a matter of the file, and not of what is open.
    other = os.open("/proc/self/fd/%d" % fd, os.O_PATH)
    os.close(fd)
    os.close(same)
    check(what + ", by O_PATH", outcome(os.setxattr, "/proc/self/fd/%d" % other, "user.lock.ttl", b"1h"), "ESTALE")
    os.close(other)
    os.unlink(M + "/.with/force/job")
until = boottime() + 10
while "signal" in view and len(told) < len(tellers) and boottime() < until:
    time.sleep(0.005)
check("signals", len(told), len(tellers) if "signal" in view else 0)
PY
}

@test "an end that was told through a descriptor stays told, also where the server has the lock again" {
  mount_redis
  ends_stay_told .with/ttl=1h
}

@test "an end that was told through a descriptor of a bound lock stays told, and its process was signalled" {
  mount_redis
  ends_stay_told .with/hold,ttl=1h,signal=USR1
}

@test "an end that another mount told stays told: nothing refreshes the lock any more" {
  mount_redis
  mount_redis "$N"
  { older_data; cat <<'PY'; } | py "$redis_cli_command" "${redis_socket[redis]}" "$N"
fd = os.open(M + "/.with/ttl=1h/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
poll = select.poll()
poll.register(fd, 0)
check("holds", poll.poll(0), [])
move("COPY", "lockfs", "away")
os.unlink(sys.argv[3] + "/.with/force/job")
check("told", len(poll.poll(10000)), 1)
move("RENAME", "away", "lockfs")
check("futimens", outcome(os.utime, fd), "ESTALE")
check("by path", outcome(os.utime, M + "/.with/ttl=1h/job"), "ENOENT")
check("by another path", outcome(os.utime, M + "/job"), "ENOENT")
check_ended("told", fd)
os.close(fd)
os.unlink(M + "/job")
PY
}
