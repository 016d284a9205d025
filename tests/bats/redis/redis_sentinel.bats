# redis-sentinel://: the primary that Sentinels name is used, and in which cases none is. redis_failover.bats has failovers.

load ../lib/helper
load ../lib/redis
load ../lib/redis_servers

# single_start [LINE...]: one server and one Sentinel
single_start() {
  redis_start @one
  quorum=1 sentinel_start s1 one "$@"
}

@test "Sentinels that want a password get it from sentinel_password_file=, and the server another one" {
  redis_start @one --requirepass of-the-server
  quorum=1 sentinel_start s1 one "requirepass of-the-sentinels" "sentinel auth-pass mymaster of-the-server"
  echo of-the-sentinels >"$T/password"
  echo wrong >"$T/wrong"
  mkdir "$M"
  export LOCKFS_REDIS_PASSWORD=of-the-server
  refuses 2000 "$(sentinel_source s1)" "" "the Sentinel $(list s1) wants a password: give sentinel_password_file="
  refuses 2000 "$(sentinel_source s1)" "sentinel_password_file=$T/wrong" "the Sentinel $(list s1)" WRONGPASS
  refuses 2000 "$(sentinel_source s1)" "sentinel_password_file=$T/none" "sentinel_password_file=$T/none cannot be read"
  refuses 2000 "$(sentinel_source s1)" sentinel_user=me "sentinel_user= needs sentinel_password_file="
  export LOCKFS_REDIS_PASSWORD=wrong
  refuses 2000 "$(sentinel_source s1)" "sentinel_password_file=$T/password" "redis://$(list one)" WRONGPASS
  export LOCKFS_REDIS_PASSWORD=of-the-server REDISCLI_AUTH=of-the-server
  mount_servers -o "sentinel_password_file=$T/password" "$(sentinel_source s1)/2"
  take "$M/job"
  is 1 "$(redis_cli @one -n 2 EXISTS lockfs:job)"
}

@test "a user of Sentinels needs no more than the rights that the manual names" {
  single_start "user lockfs on >secret resetchannels &+switch-master -@all +sentinel|get-master-addr-by-name +sentinel|sentinels +subscribe" \
    "requirepass other"
  echo secret >"$T/password"
  mount_servers -o "sentinel_user=lockfs,sentinel_password_file=$T/password" "$(sentinel_source s1)"
  take "$M/job"
  export REDISCLI_AUTH=other
  wait_until listens s1
}

@test "Sentinels that name no primary are refused in one line" {
  single_start
  mkdir "$M"
  refuses 2000 "redis-sentinel://$(list s1)/other" "" "the Sentinels watch no primary of the name other" "SENTINEL MASTERS"
  refuses 2000 "redis-sentinel://127.0.0.1:1/mymaster" "" "no Sentinel names the primary of mymaster" "127.0.0.1:1" "Connection refused"
  refuses 2000 "redis-sentinel://$(list one)/mymaster" "" "$(list one) is no Sentinel" "redis://"
  refuses 2000 "redis-sentinel://$(list s1)" "" "the name of the primary" "wanted: redis-sentinel://"
  refuses 2000 "redis://$(list s1)" "" "is a Sentinel" "redis-sentinel://"
  refuses 2000 "redis://$(list s1),127.0.0.1:1" "" "has no role: is it a Sentinel?"
  fake silent
  refuses 2500 "redis-sentinel://127.0.0.1:$fake_port/mymaster" "" "no Sentinel names the primary of mymaster"
  redis_kill one
  refuses 2000 "$(sentinel_source s1)" "" "redis://$(list one) (the primary of mymaster)" "Connection refused"
}

@test "where Sentinels disagree, the server that most of them name is used, and none on a tie" {
  redis_start @one
  redis_start @two
  quorum=1 sentinel_start s1 one
  quorum=1 sentinel_start s2 two
  mkdir "$M"
  refuses 2500 "$(sentinel_source s1 s2)" "" "the Sentinels disagree about the primary of mymaster" \
    "$(list s1) names $(list one)" "$(list s2) names $(list two)"
  refuses 2500 "$(sentinel_source s2 s1)" "" "the Sentinels disagree"
  redis_start @three
  quorum=1 sentinel_start s3 two
  mount_servers "$(sentinel_source s1 s2 s3)"
  mount_servers "$N" "$(sentinel_source s3 s1 s2)"
  take "$M/job"
  is UNAVAILABLE "$(state "$N/job")"
  is_at two one
  # All are asked in turn, also the one that names another server.
  sleep 3.5
  is_at two one
  is "" "$(cat "$M.stderr")"
}

@test "a replica that Sentinels name, as they do not know better, is not used" {
  pair_start
  mkdir "$M"
  quorum=1 sentinel_start s1 two "sentinel down-after-milliseconds mymaster 60000"
  refuses 2500 "$(sentinel_source s1)" "" "redis://$(list two) (the primary of mymaster)" "it is no primary now"
  promote two one
  mount_servers "$(sentinel_source s1)"
  take "$M/job"
  is_at two one
}

@test "Sentinels and servers with addresses of IPv6 are found" {
  redis_start @one
  sentinel_host=::1 quorum=1 sentinel_start s1 one
  mount_servers "redis-sentinel://[::1]:${redis_port[s1]}/mymaster"
  take "$M/job"
  is_at one
  is 1 "$(redis_cli @one CLIENT LIST TYPE pubsub | grep -c 'laddr=\[::1\].* name= ')"
}
