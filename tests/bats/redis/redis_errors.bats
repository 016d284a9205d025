# A Redis that cannot be used is told when mounting: one line that names the
# cause, a status other than 0, and soon.

load ../lib/helper
load ../lib/redis

# The first test to need a server starts it.
setup() {
  setup_dirs
  mkdir "$M"
}

# fake_refuses LINE PART...: a server that answers everything with this error
fake_refuses() {
  local line=$1
  shift
  fake refuse "$line"
  refuses 1000 "redis://127.0.0.1:$fake_port" "" "redis://127.0.0.1:$fake_port" "$@"
  LOCKFS_REDIS_PASSWORD=secret refuses 1000 "redis://127.0.0.1:$fake_port/3" "" "$@"
}

@test "a port without a listener is reported at the mount" {
  redis_start
  redis_kill
  refuses 1000 "$(redis_tcp_source)" "" "$(redis_tcp_source)" "Connection refused"
  refuses 1000 "redis://[::1]:${redis_port[redis]}" "" "redis://[::1]:${redis_port[redis]}" "Connection refused"
  refuses 1500 "redis://localhost:${redis_port[redis]}" "" "redis://localhost:${redis_port[redis]}" "Connection refused"
}

@test "an unknown host is reported at the mount" {
  # How it is said depends on whether the machine has a name server at all.
  refuses 2500 redis://no-such-host.invalid "" "cannot reach redis://no-such-host.invalid:6379: "
}

@test "an address that does not answer fails within the timeout" {
  need_root
  # Packets to an address of ours in an otherwise empty network are lost.
  refuses 2500 redis://192.0.2.1 "" redis://192.0.2.1:6379
  refuses 800 redis://192.0.2.1 timeout=300ms redis://192.0.2.1:6379
}

@test "a missing socket, a file that is no socket and a socket without a listener are reported" {
  refuses 1000 "redis+unix://$T/none.sock" "" "redis+unix://$T/none.sock" "No such file or directory"
  : >"$T/file"
  refuses 1000 "redis+unix://$T/file" "" "redis+unix://$T/file" "Connection refused"
  redis_start
  redis_kill
  refuses 1000 "$(redis_source)" "" "$(redis_source)" "Connection refused"
}

@test "a missing and a wrong password are reported, and never shown" {
  redis_start --requirepass secret
  for source in "$(redis_source)" "$(redis_tcp_source)" "$(redis_tcp_source)/3"; do
    refuses 1000 "$source" "" NOAUTH password_file= LOCKFS_REDIS_PASSWORD
    LOCKFS_REDIS_PASSWORD=wrong-one refuses 1000 "$source" "" WRONGPASS
    [[ $stderr != *wrong-one* ]] || fail "it tells the password: $stderr"
  done
  refuses 1000 "redis://:wrong-one@127.0.0.1:${redis_port[redis]}" "" WRONGPASS
  refuses 1000 "redis://nobody:secret@127.0.0.1:${redis_port[redis]}" "" WRONGPASS
  [[ $stderr != *secret* && $stderr != *nobody* ]] || fail "it tells user or password: $stderr"
}

@test "a password for a server without one is reported" {
  redis_start
  LOCKFS_REDIS_PASSWORD=secret refuses 1000 "$(redis_source)" "" "no password"
  refuses 1000 "redis://somebody:secret@127.0.0.1:${redis_port[redis]}" "" WRONGPASS
}

@test "a user without rights is reported" {
  redis_start
  redis_cli ACL SETUSER weak on '>secret'
  refuses 1000 "redis://weak:secret@127.0.0.1:${redis_port[redis]}" "" NOPERM ACL
}

@test "a replica is refused as read-only" {
  redis_start @primary
  redis_start @replica --replicaof "127.0.0.1 ${redis_port[primary]}"
  wait_until synchronised
  refuses 1000 "$(redis_source replica)" "" READONLY primary
}

synchronised() {
  redis_cli @replica INFO replication | grep -q 'master_link_status:up'
}

@test "a replica that lost its primary and serves no old data is refused" {
  redis_start @primary
  redis_start @replica --replicaof "127.0.0.1 ${redis_port[primary]}" --replica-serve-stale-data no
  wait_until synchronised
  redis_kill primary
  wait_until refute_synchronised
  refuses 1000 "$(redis_source replica)" "" replica primary
}

refute_synchronised() {
  redis_cli @replica INFO replication | grep -q 'master_link_status:down'
}

@test "a server that loads its data is reported" {
  fake_refuses "LOADING Redis is loading the dataset in memory" LOADING "try again"
}

@test "a server that cannot save is reported with MISCONF" {
  mkdir "$T/data"
  redis_start --save 3600 1 --dir "$T/data"
  rmdir "$T/data"
  redis_cli SET a b
  redis_cli BGSAVE
  wait_until save_failed
  refuses 1000 "$(redis_source)" "" MISCONF "cannot save"
}

save_failed() {
  redis_cli INFO persistence | grep -q rdb_last_bgsave_status:err
}

@test "a server out of memory is reported" {
  redis_start --maxmemory 1 --maxmemory-policy noeviction
  refuses 1000 "$(redis_source)" "" OOM maxmemory
}

@test "a server in protected mode is reported" {
  need_root
  network_start
  redis_start --protected-mode yes
  # It says why and hangs up before it was asked anything.
  for _ in 1 2 3 4 5 6 7 8; do
    refuses 1000 "$(redis_far_source)" "" "$(redis_far_source)" DENIED "protected mode"
  done
}

@test "a server with too many clients is reported" {
  redis_start --maxclients 1
  # The one who is let in.
  exec 5<>"/dev/tcp/127.0.0.1/${redis_port[redis]}"
  echo PING >&5
  read -r answer <&5
  contains PONG "$answer"
  # It says so and hangs up before it was asked anything.
  for _ in 1 2 3 4 5 6 7 8; do
    refuses 1000 "$(redis_source)" "" "max number of clients" maxclients
    refuses 1000 "$(redis_tcp_source)" "" "max number of clients" maxclients
  done
  exec 5>&-
}

@test "a server that runs another's script is reported" {
  redis_start --lua-time-limit 50
  redis_cli EVAL 'while true do end' 0 >/dev/null 2>&1 3>&- &
  looper=$!
  wait_until busy
  refuses 2500 "$(redis_source)" "" BUSY "SCRIPT KILL"
  redis_cli SCRIPT KILL
  wait "$looper" || true
}

busy() {
  [[ $(redis_cli GET a 2>&1) == BUSY* ]]
}

@test "a missing database is reported" {
  redis_start --databases 4
  refuses 1000 "$(redis_source)?db=4" "" "database"
  refuses 1000 "$(redis_tcp_source)/4" "" "database"
}

@test "a cluster node without slots is reported" {
  redis_start --cluster-enabled yes --cluster-config-file "$T/nodes.conf"
  refuses 1000 "$(redis_source)" "namespace={locks}" CLUSTERDOWN cluster
}

@test "keys of another type than lockfs uses are reported" {
  redis_start
  redis_cli LPUSH lockfs#token a >/dev/null
  run --separate-stderr deadline 10 "$LOCKFS" "$(redis_source)" "$M"
  if [ "$status" = 0 ]; then
    # It may also be found out by the first lock: then that is refused.
    mounts+=("$M")
    daemon_of[$M]=$(find_daemon "$M")
    expect EIO open "$M/job" CREAT,EXCL,WRONLY
  else
    contains WRONGTYPE "$stderr"
  fi
}

@test "a web server is recognized as no Redis server" {
  fake http
  refuses 1000 "redis://127.0.0.1:$fake_port" "" "redis://127.0.0.1:$fake_port" "not Redis"
}

@test "bytes that are no Redis protocol are recognized" {
  fake garbage
  refuses 1000 "redis://127.0.0.1:$fake_port" "" "redis://127.0.0.1:$fake_port" "not Redis"
}

@test "a server that closes each connection is reported" {
  fake closing
  refuses 1000 "redis://127.0.0.1:$fake_port" "" "redis://127.0.0.1:$fake_port"
}

@test "a server that never answers fails within the timeout" {
  fake silent
  refuses 2500 "redis://127.0.0.1:$fake_port" "" "redis://127.0.0.1:$fake_port" "not answer"
  refuses 800 "redis://127.0.0.1:$fake_port" timeout=300ms "redis://127.0.0.1:$fake_port" "not answer"
}

@test "a frozen server fails within the timeout" {
  redis_start
  redis_freeze
  refuses 2500 "$(redis_source)" "" "$(redis_source)" "not answer"
  refuses 800 "$(redis_tcp_source)" timeout=300ms "$(redis_tcp_source)" "not answer"
}

@test "an old or foreign server that does not know our commands" {
  fake_refuses "ERR unknown command 'EVAL'" "unknown command" 6.2
}

# sentinel_start: a Sentinel, whose only door is the socket $T/sentinel.sock
sentinel_start() {
  printf '%s\n' 'port 0' "unixsocket $T/sentinel.sock" "dir $T" "sentinel monitor some 127.0.0.1 1 1" >"$T/sentinel.conf"
  "$LOCKFS_TEST_REDIS_SERVER" "$T/sentinel.conf" --sentinel >"$T/sentinel.log" 2>&1 3>&- 5>&- 6>&- 7>&- &
  helpers+=($!)
  disown
  wait_until sentinel_answers
}

sentinel_answers() {
  "$redis_cli_command" -s "$T/sentinel.sock" PING 2>/dev/null | grep -q PONG
}

@test "a Sentinel is named as one, with what to name instead" {
  sentinel_start
  refuses 1000 "redis+unix://$T/sentinel.sock" "" Sentinel "redis-sentinel://"
  # A database is selected first, which a Sentinel does not know.
  refuses 1000 "redis+unix://$T/sentinel.sock?db=3" "" SELECT Sentinel "redis-sentinel://"
}

@test "a node of a cluster refuses a namespace without a hash tag at the mount, with an example of one" {
  redis_start --cluster-enabled yes --cluster-config-file "$T/nodes.conf"
  redis_cli CLUSTER ADDSLOTSRANGE 0 16383 >/dev/null
  wait_until cluster_is_up
  for namespace in locks '{' '}{' '{}' '{}{a}' 'a{b'; do
    refuses 1000 "$(redis_source)" "namespace=$namespace" "one of a cluster" "redis-cluster://" "namespace= a hash tag, {locks}"
  done
  refuses 1000 "$(redis_source)?db=1" "namespace={locks}" "no other database than 0"
  for namespace in '{locks}' 'a{b}c'; do
    mount_redis -o "namespace=$namespace"
    take "$M/job"
    is ACQUIRED "$(state "$M/job")"
    unmount_lockfs
  done
}

cluster_is_up() {
  redis_cli CLUSTER INFO | grep -q cluster_state:ok
}

# says ANSWER PART...: the line about a server that answers like this has these
# parts, and nothing of a script in it
says() {
  fake_refuses "$@"
  [[ $stderr != *"local x"* && $stderr != *f_abc* && $stderr != *"-- In front"* ]] || fail "$stderr"
}

@test "each answer of a server is called what it is, without the text of a script" {
  local ran='ERR Error running script (call to f_abc): @user_script:30: '
  says "ASK 12 127.0.0.1:7001" ASK "moving the namespace's slot"
  says "TRYAGAIN Multiple keys request during rehashing of slot" TRYAGAIN "moving the namespace's slot"
  says "ERR Script attempted to access a non local key in a cluster node script: abc, on @user_script:3." "hash tag"
  says "$ran@user_script: 30: Lua script attempted to access a non local key in a cluster node" "hash tag"
  says "ERR user_script:30: attempt to index a nil value script: abc, on @user_script:30." "attempt to index" \
    "a script of lockfs failed"
  says "${ran}user_script:30: attempt to index a nil value" "attempt to index" "a script of lockfs failed"
  says "${ran}WRONGTYPE Operation against a key" WRONGTYPE "another program"
  says "${ran}READONLY You can't write against a read only replica." READONLY primary
  says "ERR Error compiling script (new function): user_script:12: '=' expected near 'local x'" "does not take the scripts"
  says "ERR unknown command 'EVAL', with args beginning with: '-- In front of every script'" "unknown command 'EVAL'" Sentinel
  says "ERR something new" "something new" "does not know this answer"
  [[ $stderr != *6.2* ]] || fail "it blames the version: $stderr"
}

@test "an old server is named with its version" {
  fake info '# Server\r\nredis_version:6.0.16\r\nredis_mode:standalone\r\n'
  refuses 1000 "redis://127.0.0.1:$fake_port" "" "Redis 6.0.16" "6.2 or newer"
}

@test "in the foreground the same line is said" {
  run --separate-stderr deadline 10 "$LOCKFS" "redis+unix://$T/none.sock" "$M" -f
  [ "$status" != 0 ]
  is 1 "${#stderr_lines[@]}"
  contains "No such file or directory" "$stderr"
}

@test "bad forms of SOURCE are refused with what is wanted" {
  while read -r source part; do
    refuses 500 "$source" "" "${part//_/ }"
    contains 'redis://[[user]:password@]host[:port][,host...][/db]' "$stderr"
  done <<'LIST'
    redis: wanted
    redis:/ wanted
    redis:/host wanted
    redis:host wanted
    redis:// names_no_server
    redis:///3 names_no_server
    redis://:6379 names_no_server
    redis://:secret@ names_no_server
    redis://user@host password
    redis://host: port
    redis://host:0 port
    redis://host:65536 port
    redis://host:99999999999999999999 port
    redis://host:-1 port
    redis://host:6379x port
    redis://host:port port
    redis://::1 brackets
    redis://::1:6379 brackets
    redis://[::1 brackets
    redis://[::1]6379 brackets
    redis://[] names_no_server
    redis://host/x database
    redis://host/-1 database
    redis://host/1.5 database
    redis://host/99999999999999999999 database
    redis://host/1/2 database
    redis://:%zz@host %
    redis://:a%2@host %
    redis://:a%00b@host %
    redis+unix: wanted
    redis+unix:// absolute
    redis+unix://relative absolute
    redis+unix:///tmp/s?db=x database
    redis+unix:///tmp/s?db=-1 database
    redis+unix:///tmp/s?base=1 ?db=N
    redis://host?db=1 wanted
LIST
}

@test "an unknown scheme is refused" {
  refuses 500 redi://host "" redi
  refuses 500 etcd://host "" etcd
  refuses 500 host:6379 "" host
}

@test "a password of a bad SOURCE is not told" {
  refuses 500 redis://me:very-secret@host:x "" port
  [[ $stderr != *very-secret* ]] || fail "$stderr"
}

@test "a password file that is missing or empty is reported" {
  refuses 500 redis://host "password_file=$T/none" "password_file=$T/none"
  : >"$T/empty"
  refuses 500 redis://host "password_file=$T/empty" "password_file=$T/empty"
}
