# redis-sentinel://: a failover is followed by both connections of a mount, and the old primary is never used again.

load ../lib/helper
load ../lib/redis
load ../lib/redis_servers
load ../lib/crowd

@test "a mount follows a failover when the primary is killed, and never uses the old primary again" {
  sentinels_start
  mount_servers "$(sentinel_source s1 s2 s3)"
  mount_servers "$N" "$(sentinel_source s3)"
  take "$M/before"
  is UNAVAILABLE "$(state "$N/before")"
  redis_kill one
  take "$M/job"
  is UNAVAILABLE "$(state "$N/job")"
  told "the primary of mymaster is now $(list two), it was $(list one)"
  is_at two
  # It comes back as a primary, and stays one until the Sentinels demote it, after some seconds.
  redis_again one
  take "$M/more"
  is master "$(redis_cli @one ROLE | head -n 1)"
  mount_servers "$O" "$(sentinel_source s2 s1)"
  is UNAVAILABLE "$(state "$O/more")"
  is 0 "$(scripts_of one)"
  is_at two one
}

@test "a failover while the old primary lives is followed at once, and the old one gets no write afterwards" {
  local before
  sentinels_start
  mount_servers "$(sentinel_source s1)"
  take "$M/before"
  in_background bash -c 'for ((n = 0; ; n++)); do (set -C; : >"$0/.with/ttl=1h/n$n") 2>/dev/null && rm "$0/n$n"; sleep 0.02; done' "$M"
  redis_cli @s2 SENTINEL FAILOVER mymaster >/dev/null
  wait_until told "the primary of mymaster is now $(list two), it was $(list one)"
  before=$(scripts_of one)
  is_at two one
  # The old one says for some seconds more that it is primary.
  for _ in 1 2 3 4 5 6 7 8; do
    is master "$(redis_cli @one ROLE | head -n 1)"
    is "$before" "$(scripts_of one)"
    sleep 0.25
  done
}

@test "a Sentinel that is killed changes nothing: the others, which SOURCE need not name, tell of the failover" {
  sentinels_start
  mount_servers "$(sentinel_source s1)"
  take "$M/one"
  wait_until listens s2
  wait_until listens s3
  redis_kill s1
  take "$M/two"
  is_at one two
  redis_cli @s2 SENTINEL FAILOVER mymaster >/dev/null
  wait_until told "the primary of mymaster is now $(list two), it was $(list one)"
  take "$M/three"
  is_at two one
  # A Sentinel that knows nothing of it is outvoted, and so is not believed when it is asked in its turn.
  sentinel_run s1
  sleep 2
  is_at two one
}

@test "a failover of which no Sentinel can tell is found by asking" {
  sentinels_start "user lockfs on >secret resetchannels -@all +sentinel|get-master-addr-by-name"
  echo secret >"$T/password"
  mount_servers -o "sentinel_user=lockfs,sentinel_password_file=$T/password" "$(sentinel_source s1 s2 s3)"
  take "$M/one"
  redis_cli @s2 SENTINEL FAILOVER mymaster >/dev/null
  wait_until told "the primary of mymaster is now $(list two), it was $(list one)"
  is master "$(redis_cli @one ROLE | head -n 1)"
  take "$M/two"
  is_at two one
}

# primary: prints the server that the Sentinels name
primary() {
  local name
  for name in one two three; do
    [[ ! ${redis_port[$name]-} ]] || ! names s1 "$name" || echo "$name"
  done
}

# has_followers NAME COUNT: do so many servers replicate it?
has_followers() {
  redis_cli "@$1" INFO replication | grep -qx $'connected_slaves:'"$2"$'\r'
}

# in_sync NAME COUNT: are so many replicas at most a second behind?
in_sync() {
  [ "$(redis_cli "@$1" INFO replication | grep -c '^slave[0-9]*:.*,state=online,.*,lag=[01]')" -ge "$2" ]
}

# another_is_named OLD: does a Sentinel name another primary?
another_is_named() {
  [[ $(primary) && $(primary) != "$1" ]]
}

# three_start: the Sentinels, a primary and two replicas, so that one is left over a failover
three_start() {
  local down_after=1000  # on a busy machine, a shorter time ends in a second failover
  sentinels_start
  replica_start three one
  wait_until knows s1 2 2
  wait_until knows s2 2 2
  wait_until knows s3 2 2
}

@test "primaries are killed one after the other under holders and who contends, with replicas=1: no lock is lost, none is double" {
  local round old since rounds=${LOCKFS_TEST_ROUNDS:-1}
  allow_words "$several_words|replicas=1: an acquisition or renewal was refused, .*|cannot wait for replicas: .*|replicas are waited for again"
  three_start
  crowd_lease=60s  # Sentinels may need 10 s and more until the new primary has the replica without which nothing is renewed
  crowd_at "$(sentinel_source s1 s2 s3)" replicas=1
  for ((round = 0; round < rounds; round++)); do
    old=$(primary)
    wait_until 40 has_followers "$old" 2
    wait_until in_sync "$old" 2
    redis_kill "$old"
    since=$(now_ms)
    wait_until 40 another_is_named "$old"
    figure "a Sentinel names another primary after $(($(now_ms) - since)) ms"
    wait_until 40 in_sync "$(primary)" 1
    figure "and that has a replica after $(($(now_ms) - since)) ms"
    wait_until 40 succeeds flock "$M/after$round" true
    figure "the first acquisition comes after $(($(now_ms) - since)) ms"
    crowd_keeps
    # The Sentinels make it a replica about 10 s after it is back.
    redis_again "$old"
  done
  crowd_ends "$rounds failovers by kill -9 of the primary under 3 mounts with 60 holders"
}
