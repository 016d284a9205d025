# A holder is told of its loss before anybody else can have the lock; and who waits
# goes on where connections or the server break.

load helper
load redis
load redis_waiters

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
  mount_redis
  mount_redis "$N"
  loses "forced release, unheard" losses_by_force 15 "$M" "$N" deaf
}

@test "loss is told before the key is free: the server stands still" {
  allow_words "$away"
  mount_redis -o timeout=500ms
  loses "frozen server" losses_of_server 20 600 "STOP:${redis_pid[redis]}" "CONT:${redis_pid[redis]}" "${daemon_of[$M]}" "$M"
}

@test "loss is told before the key is free: the server takes no writes" {
  allow_words "$away"
  mount_redis -o timeout=500ms
  loses "paused server" losses_of_server 15 600 "redis:CLIENT PAUSE 5000 WRITE" "redis:CLIENT UNPAUSE" "${daemon_of[$M]}" "$M"
}

@test "loss is told before the key is free: packets are lost" {
  need_root
  allow_words "$away"
  redis_end_all
  network_start
  redis_start
  mount_redis -o timeout=500ms "$M" "$(redis_far_source)"
  local nowhere='lladdr 02:00:00:00:00:01 nud permanent'
  loses "packets lost" losses_of_server 15 600 \
    "ip neigh replace $far_address $nowhere dev ${cable}a" "ip neigh del $far_address dev ${cable}a" "${daemon_of[$M]}" "$M"
}

@test "a server that forgot everything: the holder is told soon" {
  allow_words "$away"
  mount_redis
  took=$(at_best 600 waiters told 900ms redis:FLUSHALL "$M")
  figure "FLUSHALL: told after $took ms, of a lease of 900 ms"
  within 600 "$took"
}

@test "a server that is back empty: the holder is told soon" {
  allow_words "$away"
  mount_redis
  took=$(waiters told 5m "$(restart_command 0.2)" "$M")
  figure "server back empty: told after $took ms"
  within 8000 "$took"
}

# Connections that break

# breaks KINDS
breaks() {
  local median longest
  allow_words "$away"
  mount_all
  measure median longest = cuts "$1" 30 "$M" "$N" "$O"
  figure "connections of $1 killed at the release: the next had it after $median ms (median), $longest ms (longest)"
  within 5000 "$longest"
  leaves_nothing
}

@test "subscriptions killed at the moment of hand-over" {
  breaks pubsub
}

@test "connections killed at the moment of hand-over" {
  breaks normal
}

@test "subscriptions and connections killed at the moment of hand-over" {
  breaks normal,pubsub
}

@test "a server that is back with its data within the time limit: who waits goes on, in order" {
  allow_words "$away"
  mount_all -o timeout=10s
  took=$(waiters outage "$(restart_command 0.5 "$redis_cli_command -s ${redis_socket[redis]} SAVE >/dev/null;")" order "$M" "$N" "$O")
  figure "server back with its data: 6 waiters served in $took ms"
}

@test "a server that is back empty within the time limit: who waits goes on" {
  allow_words "$away"
  mount_all -o timeout=10s
  took=$(waiters outage "$(restart_command 0.5)" all "$M" "$N" "$O")
  figure "server back empty: 6 waiters served in $took ms"
}

@test "a server that is away for longer than the time limit: who waits is told EHOSTDOWN" {
  allow_words "$away"
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
  allow_words "$away"
  mount_all -o timeout=1s
  took=$(waiters outage "kill -STOP ${redis_pid[redis]}" 'EHOSTDOWN|ETIMEDOUT' "$M" "$N" "$O")
  figure "server frozen: the last of 6 waiters was told after $took ms"
  within 5000 "$took"
  redis_thaw
}

@test "a server that pauses: who waits goes on" {
  allow_words "$away"
  mount_all -o timeout=10s
  took=$(waiters outage "$redis_cli_command -s ${redis_socket[redis]} CLIENT PAUSE 1500 ALL >/dev/null; sleep 1.5" order "$M" "$N" "$O")
  figure "server paused for 1500 ms: 6 waiters served in $took ms"
}

@test "half-open connections: who waits goes on, or is told" {
  need_root
  allow_words "$away"
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
