# redis-cluster://: the node of the namespace's slot is used, and followed when another node takes its place.

load ../lib/helper
load ../lib/redis
load ../lib/redis_servers
load ../lib/crowd

@test "the node that has the namespace is found by any node, and its keys get a hash tag, which is said once" {
  local node
  cluster_start
  mount_servers "$(cluster_source n1)"
  mount_servers "$N" "$(cluster_source n6 n2)"
  mount_servers -o 'namespace={lockfs}' "$O" "$(cluster_source n4)"
  take_with words "$M/job"
  mkdir "$M/team"
  is UNAVAILABLE "$(state "$N/job")"
  is words "$(cat "$O/job")"
  is "job team" "$(call list "$N")"
  node=$(owner)
  is 1 "$(redis_cli "@$node" EXISTS '{lockfs}:job')"
  matches "[0-9a-f]{32}" "$(redis_cli "@$node" GET '{lockfs}#e')"
  is_at "$node" n1 n2 n3 n4 n5 n6
  told "in the cluster, the namespace is called {lockfs}, so that one node has all its keys"
  is "" "$(cat "$O.stderr")"
  in_background flock "$N/team/x" sleep 1000
  wait_until test -e "$M/team/x"
  in_background flock "$O/team/x" touch "$T/had"
  wait_until waits 1 "$M/team/x"
  rm "$M/.with/force/team/x"
  wait_until test -e "$T/had"
}

@test "namespaces with hash tags are used as they are, and braces that are no tag are refused" {
  node_start n1
  redis_cli @n1 CLUSTER ADDSLOTSRANGE 0 16383 >/dev/null
  wait_until cluster_is_up n1
  mkdir -p "$M"
  for namespace in '{' '}' '{}' '}{' 'a{b' 'a}b' '{}{a}'; do
    refuses 1000 "$(cluster_source n1)" "namespace=$namespace" "namespace=$namespace: in a cluster, braces enclose the hash tag" "{locks}"
  done
  refuses 1000 "$(cluster_source n1)/1" "" "a cluster has no databases"
  refuses 1000 "redis://$(list n1)" namespace=plain "one of a cluster" "redis-cluster://"
  refuses 1000 "redis-cluster://127.0.0.1:1" "" "127.0.0.1:1" "Connection refused"
  redis_start
  refuses 1000 "$(cluster_source redis)" "" "$(list redis) is no node of a cluster" "redis://"
  for namespace in '{locks}' 'a{b}c' '{x}}' 'plain' ; do
    mount_servers -o "namespace=$namespace" "$(cluster_source n1)"
    take "$M/job"
    is ACQUIRED "$(state "$M/job")"
    rm "$M/job"
    unmount_cluster
  done
  redis_cli @n1 CLUSTER DELSLOTS 11826 >/dev/null
  redis_cli @n1 CONFIG SET cluster-require-full-coverage no >/dev/null
  is 11826 "$(redis_cli @n1 CLUSTER KEYSLOT '{lockfs}')"
  refuses 1500 "$(cluster_source n1)" "" "no node names the one of slot 11826" "$(list n1) knows no node with this slot"
}

@test "a user of a cluster needs no more than the rights that the manual names" {
  node_start n1
  redis_cli @n1 CLUSTER ADDSLOTSRANGE 0 16383 >/dev/null
  wait_until cluster_is_up n1
  # shellcheck disable=SC2046  # one word a right
  redis_cli @n1 ACL SETUSER weak reset on '>secret' $(rights '{lockfs}') >/dev/null
  mkdir "$M"
  refuses 1500 "redis-cluster://weak:secret@$(list n1)" "" NOPERM "cluster|slots"
  redis_cli @n1 ACL SETUSER weak '+cluster|slots' >/dev/null
  mount_servers "redis-cluster://weak:secret@$(list n1)"
  take "$M/job"
  redis_cli @n1 ACL LOG RESET >/dev/null
  sleep 1.5  # the mount asks for its key meanwhile
  is "" "$(redis_cli @n1 ACL LOG)"
  is_at n1
}

unmount_cluster() {
  unmounts "$M"
  wait_until ended "${daemon_of[$M]}"
  forget_allowed_words "$M"
  unmount_lockfs "$M"
}

@test "a mount follows its node: CLUSTER FAILOVER while it is idle, and the death of the node while it is used" {
  local node replica
  cluster_start
  mount_servers "$(cluster_source n1 n2 n3)"
  take "$M/one"
  node=$(owner)
  wait_until has_replica "$node"
  replica=$(replica_of "$node")
  redis_cli "@$replica" CLUSTER FAILOVER >/dev/null
  # Nothing is called: the mount finds out by itself, and the subscription moves as well.
  wait_until told "the node of the namespace {lockfs} is now $(list "$replica"), it was $(list "$node")"
  is_at "$replica" "$node"
  take "$M/two"
  wait_until has_replica "$replica"
  wait_until in_step "$replica" "$node"
  redis_kill "$replica"
  take "$M/three"
  told "the node of the namespace {lockfs} is now $(list "$node"), it was $(list "$replica")"
  is_at "$node"
  redis_again "$replica"
  take "$M/four"
  is "one two three four" "$(cd "$M" && echo one two three four | xargs -n 1 ls | xargs)"
  is_at "$node" "$replica"
}

@test "a cluster of which a third is down refuses, and the mount works again when it is up" {
  cluster_start
  mount_redis -o timeout=1s "$M" "$(cluster_source n1 n2 n3)"
  take "$M/job"
  is n3 "$(owner)"
  redis_kill n5
  redis_kill n2
  wait_until cluster_is_down n3
  expect EHOSTDOWN open "$M/new" CREAT,EXCL,WRONLY
  contains "CLUSTERDOWN" "$(cat "$M.stderr")"
  mkdir "$N"
  M=$N refuses 2500 "$(cluster_source n1 n3)" timeout=1s CLUSTERDOWN "its cluster is down"
  redis_again n2
  wait_until cluster_is_up n3
  wait_until succeeds take "$M/new"
  is ACQUIRED "$(state "$M/job")"
}

cluster_is_down() {
  redis_cli "@$1" CLUSTER INFO | grep -q cluster_state:fail
}

owner_is_not() {
  [[ $(owner) && $(owner) != "$1" ]]
}

@test "nodes are killed one after the other under holders and who contends, with replicas=1: no lock is lost, none is double" {
  local round old since rounds=${LOCKFS_TEST_ROUNDS:-2}
  cluster_start
  allow_words "$several_words|$tag_words|replicas=1: an acquisition or renewal was refused, .*|cannot wait for replicas: .*|replicas are waited for again"
  crowd_at "$(cluster_source n1 n2 n3)" replicas=1
  for ((round = 0; round < rounds; round++)); do
    old=$(owner)
    wait_until has_replica "$old"
    redis_kill "$old"
    since=$(now_ms)
    wait_until 20 owner_is_not "$old"
    figure "another node has the slot after $(($(now_ms) - since)) ms"
    redis_again "$old"  # as the replica, for which acquisitions wait
    wait_until 40 succeeds flock "$M/after$round" true
    figure "the first acquisition comes after $(($(now_ms) - since)) ms"
    crowd_keeps
  done
  crowd_ends "$rounds failovers by kill -9 of the node under 3 mounts with 60 holders"
}
