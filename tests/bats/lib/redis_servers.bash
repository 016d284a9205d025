# Several servers: a primary with replicas, Sentinels, a cluster. Load it after redis.bash, which ends all of them
# with the test. The programs may be those of Redis or of Valkey.
# shellcheck shell=bash disable=SC2004,SC2034,SC2154  # names are keys of arrays; for the tests; what helper.bash and redis.bash have

# What daemons say about several servers, as an extended regular expression.
change_words='the (primary( of [^ ]+)?|node of the namespace [^ ]+) is now [^ ]+, it was [^ ]+'
several_words="$change_words|(cannot reach )?rediss?://[^ ]+( \(the [^)]*\))?(:.*| does not answer| is reached again)|none of [0-9]+ servers is a primary: .*|[^ ]+ and [^ ]+ are both primaries, .*|(no Sentinel names|the Sentinels (disagree|watch)) .*|no node names .*|rediss?://[^ ]+ refuses: .*"
tag_words='in the cluster, the namespace is called [^ ]+, so that one node has all its keys'

setup() {
  setup_dirs
  set_mount_points
  allow_words "$several_words|$tag_words"
}

teardown() {
  local problems=0
  end_background
  end_redis_mounts || problems=1
  end_helpers
  redis_end_all || problems=1
  return "$problems"
}

# list NAME...: prints a list of the servers' addresses
list() {
  local name text=''
  for name; do
    text+=${text:+,}127.0.0.1:${redis_port[$name]}
  done
  echo "$text"
}

# mount_servers [-o OPTIONS] [DIR] SOURCE: mounts with a time limit of 5 s
mount_servers() {
  local options=timeout=5s
  if [[ $1 == -o ]]; then
    options+=,$2
    shift 2
  fi
  [ $# = 2 ] || set -- "$M" "$1"
  mount_redis -o "$options" "$@"
}

# told PART [COUNT]: did the daemon write a line with this part, so many times?
told() {
  [ "$(tr -d '\0' <"$M.stderr" | grep -cF -- "$1")" = "${2-1}" ]
}

# hears NAME: does a mount listen there? has_calls NAME: did a mount send its last call there, and is still connected?
hears() {
  [[ $(redis_cli "@$1" PUBSUB CHANNELS '*#m:*') ]]
}

hears_not() {
  ! hears "$1"
}

has_calls() {
  redis_cli "@$1" CLIENT LIST TYPE normal | grep -qE ' cmd=(evalsha|eval|exists) '
}

# is_at NAME OTHER...: both connections of the mounts are at the server, and none is at the others. The server itself may
# be among these, and some of them may be down.
is_at() {
  local other
  wait_until hears "$1"
  ls "$M" >/dev/null
  wait_until has_calls "$1"
  for other in "${@:2}"; do
    [ "$other" != "$1" ] || continue
    redis_answers "$other" || continue
    wait_until hears_not "$other"
    [ ! -e "$T/$other.nodes" ] || continue  # the nodes of a cluster ask each other
    refute has_calls "$other"
  done
}

succeeds() {
  "$@" 2>/dev/null
}

# scripts_of NAME: prints how many scripts the server has run
scripts_of() {
  redis_cli "@$1" INFO commandstats | sed -n 's/^cmdstat_eval.*:calls=\([0-9]*\),.*/\1/p' | awk '{ n += $1 } END { print n + 0 }'
}

# Replicas

replicates() {
  redis_cli "@$1" INFO replication | tr -d '\r' | grep -qx 'master_link_status:up'
}

repl_offset() {
  redis_cli "@$1" INFO replication | tr -d '\r' | sed -n 's/^master_repl_offset://p'
}

# in_step ONE OTHER: have a primary and its replica the same data?
in_step() {
  [ "$(repl_offset "$1")" = "$(repl_offset "$2")" ]
}

# replica_start NAME PRIMARY [OPTION VALUE...]
replica_start() {
  redis_start "@$1" --replicaof 127.0.0.1 "${redis_port[$2]}" --repl-diskless-sync-delay 0 "${@:3}"
  wait_until replicates "$1"
}

# pair_start: the primary `one` and its replica `two`
pair_start() {
  redis_start @one --repl-diskless-sync-delay 0
  replica_start two one
}

# promote NAME OLD: makes the replica a primary, and the old primary, if it lives, its replica
promote() {
  redis_cli "@$1" REPLICAOF NO ONE >/dev/null
  ! redis_answers "$2" || redis_cli "@$2" REPLICAOF 127.0.0.1 "${redis_port[$1]}" >/dev/null
}

# Sentinels

declare -gA sentinel_lines # name → lines of its configuration

# sentinel_start NAME PRIMARY [LINE...]: a Sentinel of two that must agree, which watches `mymaster`; more lines configure it
sentinel_start() {
  local name=$1 primary=$2 host=${sentinel_host:-127.0.0.1}
  sentinel_lines[$name]=$(printf '%s\n' "sentinel monitor mymaster $host ${redis_port[$primary]} ${quorum:-2}" \
    "sentinel down-after-milliseconds mymaster ${down_after:-500}" "sentinel failover-timeout mymaster 4000" "${@:3}")
  redis_socket[$name]=$T/$name.sock
  for _ in 1 2 3 4 5 6 7 8 9; do
    redis_port[$name]=$((20000 + RANDOM % 12000))
    printf '%s\n' "port ${redis_port[$name]}" "bind 127.0.0.1 -::1" "unixsocket ${redis_socket[$name]}" "dir $T" \
      "logfile $T/$name.log" "${sentinel_lines[$name]}" >"$T/$name.conf"
    sentinel_run "$name"
    ! ended "${redis_pid[$name]}" || continue
    return 0
  done
  fail "no Sentinel starts: $(tail -n 5 "$T/$name.log")"
}

# sentinel_run NAME: starts a Sentinel, also again, with what it has written into its configuration
sentinel_run() {
  "$LOCKFS_TEST_REDIS_SERVER" "$T/$1.conf" --sentinel >>"$T/$1.log" 2>&1 3>&- 5>&- 6>&- 7>&- &
  redis_pid[$1]=$!
  disown
  wait_until redis_answers_or_ended "$1"
}

# sentinel_field NAME FIELD: prints a field of what the Sentinel knows of the primary
sentinel_field() {
  redis_cli "@$1" SENTINEL MASTER mymaster | awk -v field="$2" 'found { print; exit } $0 == field { found = 1 }'
}

# knows NAME SENTINELS REPLICAS: has the Sentinel found so many others?
knows() {
  [ "$(sentinel_field "$1" num-other-sentinels) $(sentinel_field "$1" num-slaves)" = "$2 $3" ]
}

# sentinels_start [LINE...]: a pair of servers and the Sentinels s1, s2 and s3
sentinels_start() {
  local name
  pair_start
  for name in s1 s2 s3; do
    sentinel_start "$name" one "$@"
  done
  for name in s1 s2 s3; do
    wait_until knows "$name" 2 1
  done
}

# names NAME SERVER: does the Sentinel name this server?
names() {
  [ "$(redis_cli "@$1" SENTINEL GET-MASTER-ADDR-BY-NAME mymaster | tail -n 1)" = "${redis_port[$2]}" ]
}

# listens NAME: hears a mount what this Sentinel says?
listens() {
  redis_cli "@$1" CLIENT LIST | grep -q ' sub=1 '
}

sentinel_source() {
  echo "redis-sentinel://$(list "$@")/mymaster"
}

# Clusters

# node_start NAME
node_start() {
  redis_start "@$1" --cluster-enabled yes --cluster-config-file "$T/$1.nodes" --cluster-node-timeout 1000 \
    --repl-diskless-sync-delay 0
}

cluster_is_up() {
  redis_cli "@$1" CLUSTER INFO | grep -q cluster_state:ok
}

knows_nodes() {
  [ "$(redis_cli "@$1" CLUSTER NODES | grep -cv handshake)" = "$2" ]
}

node_id() {
  redis_cli "@$1" CLUSTER MYID
}

# cluster_start: the nodes n1, n2 and n3 with a third of the slots each, and their replicas n4, n5 and n6
cluster_start() {
  local i name
  for i in 1 2 3 4 5 6; do
    node_start "n$i"
    redis_cli "@n$i" CLUSTER SET-CONFIG-EPOCH "$i" >/dev/null
    redis_cli @n1 CLUSTER MEET 127.0.0.1 "${redis_port[n$i]}" >/dev/null
  done
  redis_cli @n1 CLUSTER ADDSLOTSRANGE 0 5460 >/dev/null
  redis_cli @n2 CLUSTER ADDSLOTSRANGE 5461 10922 >/dev/null
  redis_cli @n3 CLUSTER ADDSLOTSRANGE 10923 16383 >/dev/null
  for i in 1 2 3 4 5 6; do
    wait_until knows_nodes "n$i" 6
  done
  for i in 1 2 3; do
    wait_until replicates_node "n$((i + 3))" "n$i"
  done
  for name in n1 n2 n3 n4 n5 n6; do
    wait_until cluster_is_up "$name"
  done
}

# A node that has not heard yet that the other one is a primary refuses.
replicates_node() {
  redis_cli "@$1" CLUSTER REPLICATE "$(node_id "$2")" >/dev/null 2>&1
  replicates "$1"
}

# owner: prints the node that serves the slot of {lockfs}
owner() {
  local name
  for name in n1 n2 n3 n4 n5 n6; do
    redis_answers "$name" || continue
    [[ $(redis_cli "@$name" EXISTS '{lockfs}#e' 2>&1) == [01] ]] || continue
    echo "$name"
    return 0
  done
  return 1
}

# replica_of NAME: prints the node that replicates it
replica_of() {
  local port name
  port=$(redis_cli "@$1" INFO replication | sed -n 's/^slave0:.*,port=\([0-9]*\),.*/\1/p')
  for name in n1 n2 n3 n4 n5 n6; do
    [ "${redis_port[$name]}" != "$port" ] || echo "$name"
  done
}

has_replica() {
  [[ $(replica_of "$1") ]]
}

cluster_source() {
  echo "redis-cluster://$(list "$@")"
}
