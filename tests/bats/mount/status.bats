# `.status` and `.status.json`: what is true now of the server and of the other mounts, and the option `strict`.

load ../lib/helper
load ../lib/redis

setup() {
  setup_dirs
  set_mount_points
  mkdir "$M"
}

# fact NAME [DIR]: prints the value of a line
fact() {
  sed -n "s/^$1: //p" "${2:-$M}/.status"
}

# fact_is NAME PATTERN [DIR]
fact_is() {
  # shellcheck disable=SC2053  # it is a pattern
  [[ $(fact "$1" "${3:-$M}") == $2 ]]
}

# same_facts DIR: do both files say the same?
same_facts() {
  python3 -m json.tool "$1/.status.json" >/dev/null
  python3 "$BATS_TEST_DIRNAME/../lib/status_facts.py" "$1"
}

# other_mounts KIND ARGUMENT...: pretends to be other mounts; see redis_mounts.py
other_mounts() {
  start_helper "$T/mounts" redis_mounts.py "${redis_socket[redis]}" "$@"
}

# As many answers as mounts that were asked end a roll call. With this channel, which never answers, all are heard for 300 ms.
silent_channel() {
  redis_cli SUBSCRIBE lockfs#m:silent >/dev/null 3>&- &
  hearers+=($!)
  wait_until silent_is_there
}

silent_is_there() {
  [[ $(redis_cli PUBSUB NUMSUB lockfs#m:silent | tail -n 1) == 1 ]]
}

names="source namespace mountpoint version server process role replicas_in_sync replicas_asked_for persistence eviction_policy"
names+=" memory_left round_trip clock_difference connected_since last_loss grace_left restart failover memory_full other_mounts"
names+=" silent_mounts"

@test "memory: each line of .status is there, in the documented order, and .status.json says the same" {
  mount_lockfs
  is "$names" "$(cut -d: -f1 "$M/.status" | tr ' \n' '_ ' | sed 's/ $//')"
  is memory: "$(fact source)"
  is lockfs "$(fact namespace)"
  is "$M" "$(fact mountpoint)"
  is "lockfs $("$LOCKFS" --version | cut -d' ' -f2)" "$(fact server)"
  is never "$(fact "last loss")"
  is journal "$(fact persistence)"
  is "kept, because the next daemon on this mount point reads the journal" "$(fact restart)"
  matches "lost, because .*" "$(fact failover)"
  is "kept, because new locks are refused" "$(fact "memory full")"
  is "0 0" "$(fact "other mounts") $(fact "silent mounts")"
  same_facts "$M"
}

@test "memory without a journal: .status says that a restart loses the locks" {
  mount_lockfs -o journal=none
  is none "$(fact persistence)"
  is "lost, because the locks end with this daemon" "$(fact restart)"
}

@test "Redis: each line of .status is there and right, and .status.json says the same" {
  redis_start --maxmemory 100000000
  mount_redis
  is "$names" "$(cut -d: -f1 "$M/.status" | tr ' \n' '_ ' | sed 's/ $//')"
  is "$(redis_source)" "$(fact source)"
  is "$(redis_cli INFO server | tr -d '\r' | sed -n 's/^run_id://p')" "$(fact process)"
  matches "(Redis|Valkey) [0-9]+\.[0-9.]+" "$(fact server)"
  is "primary 0 0" "$(fact role) $(fact "replicas in sync") $(fact "replicas asked for")"
  is "none noeviction" "$(fact persistence) $(fact "eviction policy")"
  left=$(fact "memory left")
  ((left > 50000000 && left < 100000000)) || fail "$left"
  matches '0\.0[0-9]{5} s' "$(fact "round trip")"
  matches '-?0\.0[0-9]{2} s' "$(fact "clock difference")"
  matches '20[0-9]{2}-[0-9-]{5}T[0-9:]{8}\.[0-9]{3}Z' "$(fact "connected since")"
  is "lost, because the server writes nothing to a disk" "$(fact restart)"
  is "lost, because the server has no replica in sync" "$(fact failover)"
  same_facts "$M"
}

@test "the promises follow the settings of the server, as they are now" {
  redis_start
  mount_redis
  redis_cli CONFIG SET save '3600 1' >/dev/null
  is "snapshots" "$(fact persistence)"
  is "lost, because snapshots lack what is newer than the last one" "$(fact restart)"
  redis_cli CONFIG SET appendonly yes >/dev/null
  wait_until fact_is restart "kept, because each change is in the append-only file"
  redis_cli CONFIG SET appendfsync always >/dev/null
  is "append-only file, synced always" "$(fact persistence)"
  is "kept, because each change is on the disk before it is answered" "$(fact restart)"
  redis_cli CONFIG SET maxmemory-policy allkeys-lru >/dev/null
  is "allkeys-lru" "$(fact "eviction policy")"
  is "lost, because the server evicts keys" "$(fact "memory full")"
  same_facts "$M"
}

@test "a replica in sync is counted in .status and then in .stats" {
  redis_start
  mount_redis
  is "" "$(grep ^lockfs_replicas_in_sync "$M/.stats")"
  redis_start @second --replicaof 127.0.0.1 "${redis_port[redis]}"
  wait_until fact_is "replicas in sync" 1
  is "lost, because a replica may lack the last changes" "$(fact failover)"
  is "lockfs_replicas_in_sync 1" "$(grep ^lockfs_replicas_in_sync "$M/.stats")"
  mount_redis -o ro "$N" "$(redis_source second)"
  is "replica unknown" "$(fact role "$N") $(fact "replicas in sync" "$N")"
  same_facts "$N"
}

@test "a user of the server without the rights for it learns less, and .status still answers" {
  redis_start
  # shellcheck disable=SC2046  # each right is a word
  set_rights $(rights lockfs)
  mount_redis "$M" "$(weak_source)"
  is "unknown unknown" "$(fact persistence) $(fact "other mounts")"
  is primary "$(fact role)"
  same_facts "$M"
  redis_cli CONFIG SET appendonly yes >/dev/null
  wait_until fact_is persistence "append-only file"
  redis_cli ACL SETUSER weak '+pubsub|channels' >/dev/null
  wait_until fact_is "other mounts" 0
}

@test "a mount that may not publish is silent to others and asks nobody, without a word" {
  redis_start
  mount_redis
  rights=$(rights lockfs)
  # shellcheck disable=SC2086  # each right is a word
  set_rights ${rights/ +publish/} '+pubsub|channels'
  mount_redis -o ro "$N" "$(weak_source)"
  is "0 1" "$(fact "other mounts") $(fact "silent mounts")"
  is "unknown primary" "$(fact "other mounts" "$N") $(fact role "$N")"
  same_facts "$N"
}

@test ".status contains no password" {
  redis_start --requirepass secret
  mount_redis "$M" "redis://:secret@127.0.0.1:${redis_port[redis]}"
  is "redis://127.0.0.1:${redis_port[redis]}" "$(fact source)"
  is "" "$(cat "$M/.status" "$M/.status.json" | grep secret)"
}

@test ".status is in every directory, for every user, not listed, and only for reading" {
  need_root
  redis_start
  mount_redis -o allow_other
  mkdir -m 711 "$M/dir"
  for dir in "$M" "$M/dir" "$M/.with/force" "$M/.with/wait=1s/dir"; do
    for name in .status .status.json; do
      is "-r--r--r--" "$(stat -c %A "$dir/$name")"
      as_user nobody cat "$dir/$name" | grep -q "$(redis_source)"
      expect EPERM open "$dir/$name" WRONLY
      expect EPERM unlink "$dir/$name"
      expect EEXIST mkdir "$dir/$name"
      expect EEXIST open "$dir/$name" CREAT,EXCL,WRONLY
      expect ENOTSUP flock "$dir/$name" EX
    done
  done
  is dir "$(ls -A "$M")"
  mkdir -m 700 "$M/private"
  expect EACCES @nobody open "$M/private/.status" RDONLY
}

@test "two mounts see each other with host, mount point and version" {
  redis_start
  mount_two
  version=$("$LOCKFS" --version | cut -d' ' -f2)
  is "1 0 $(hostname) $N $version" "$(fact "other mounts") $(fact "silent mounts") $(fact mount)"
  is "1 0 $(hostname) $M $version" "$(fact "other mounts" "$N") $(fact "silent mounts" "$N") $(fact mount "$N")"
  same_facts "$M"
  # Another namespace of the same server is not seen, also one whose name matches as a pattern.
  mount_redis -o 'namespace=lock[f]s' "$O"
  is 0 "$(fact "other mounts" "$O")"
  unmount_lockfs "$N"
  wait_until fact_is "other mounts" 0
}

@test "a mount that does not answer is counted, after 300 ms" {
  redis_start
  mount_two
  other_mounts silent
  start=$(now_ms)
  cat "$M/.status" >"$T/status"
  took=$(($(now_ms) - start))
  ((took >= 250)) || fail "$took ms"
  contains "other mounts: 1"$'\n'"silent mounts: 1" "$(<"$T/status")"
}

@test "what other mounts say is checked and escaped" {
  redis_start
  mount_redis
  allow_words "redis\+unix://[^ ]*: a message on the channel lockfs#m:[0-9a-f]{32} is not from lockfs and was dropped, .*"
  other_mounts answer 'HERE N \033[2Ja"b\\\n\0/a b\0-' 'HERE N caf\xc3\xa9\xff\0/\0001' 'HERE N cut' 'HERE N x\0y\0z\0more' \
    'HERE 999 stranger\0/\0001' "HERE N $(printf 'h%.0s' {1..300})\\0/\\0001"
  silent_channel
  is '\033[2Ja"b\134\012 /a\040b \055
café\377 / 1' "$(fact mount)"
  wait_until fact_is "other mounts" 2
  is '["\u001b[2Ja\"b\\\n", "/a b", "-"] ["caf\u00e9\udcff", "/", "1"]' "$(python3 -c '
import json, sys
mounts = json.load(open(sys.argv[1]))["mounts"]
print(*(json.dumps([mount["host"], mount["mountpoint"], mount["version"]]) for mount in mounts))' "$M/.status.json")"
}

@test "answers are bounded: of 3000 invented mounts no more than 1000 are shown" {
  redis_start
  mount_redis
  other_mounts flood 3000
  silent_channel
  cat "$M/.status" >"$T/status"
  count=$(grep -c ^mount: "$T/status")
  ((count >= 2 && count <= 1000)) || fail "$count"
}


@test "a mount says where it is no more than 100 times a second, whoever asks" {
  redis_start
  mount_redis
  other_mounts ask 2000
  wait_until has_lines "$T/mounts" 2
  got=$(tail -n 1 "$T/mounts")
  ((got >= 1 && got <= 300)) || fail "$got answers"
}

@test "50 readers at once share one question" {
  redis_start
  mount_two
  other_mounts silent
  redis_cli CONFIG RESETSTAT >/dev/null
  readers=()
  for i in {1..50}; do
    cat "$M/.status" >"$T/status.$i" 3>&- &
    readers+=($!)
  done
  wait "${readers[@]}"
  for i in {1..50}; do
    contains "other mounts: 1"$'\n'"silent mounts: 1" "$(<"$T/status.$i")"
  done
  # One or a few roll calls of two messages each, not 50.
  asked=$(redis_cli INFO commandstats | sed -n 's/^cmdstat_pubsub|channels:calls=\([0-9]*\),.*/\1/p')
  ((asked >= 1 && asked <= 10)) || fail "$asked roll calls"
}

@test "while the server is stopped, .status answers within timeout= what is known, and the reason" {
  allow_words "$outage_words"
  redis_start
  mount_redis -o timeout=500ms
  redis_freeze
  start=$(now_ms)
  cat "$M/.status" >"$T/status"
  took=$(($(now_ms) - start))
  ((took < 5000)) || fail "$took ms"
  line=$(grep ^server: "$T/status")
  matches "server: away since 20[0-9T:.Z-]+, because .* does not answer; it was (Redis|Valkey) [0-9.]+" "$line"
  contains ", because $(redis_source) does not answer; " "$line"
  same_facts "$M"
  redis_thaw
  wait_until fact_is server "[RV]*[0-9]"
  contains "Z, because $(redis_source) does not answer" "$(fact "last loss")"
}

@test "while the server is gone, .status answers at once; afterwards another process is counted and logged with both names" {
  allow_words "$outage_words"
  redis_start
  mount_redis -o timeout=2s
  before=$(fact process)
  redis_kill
  wait_until fact_is server "away since *, because cannot reach $(redis_source): *; it was *"
  is "$before" "$(fact process)"
  same_facts "$M"
  is "lockfs_failovers_total 0" "$(grep ^lockfs_failovers_total "$M/.stats")"
  redis_again
  wait_until fact_is server "[RV]*[0-9]"
  after=$(fact process)
  refute test "$before" = "$after"
  is "lockfs_failovers_total 1" "$(grep ^lockfs_failovers_total "$M/.stats")"
  line=$(grep "another server answers" "$M.stderr")
  matches "lockfs: redis\+unix://[^ ]*: another server answers, .* [0-9.]+ \(process ${after:0:8}\), and no longer .* [0-9.]+ \(process ${before:0:8}\)" \
    "$line"
  is 1 "$(grep -c "another server answers" "$M.stderr")"
  # The same process over another connection is no other server.
  redis_cli CLIENT KILL TYPE normal >/dev/null
  wait_until fact_is server "[RV]*[0-9]"
  is "lockfs_failovers_total 1" "$(grep ^lockfs_failovers_total "$M/.stats")"
}

@test "a reader that is interrupted while the server is stopped ends at once" {
  allow_words "$outage_words"
  redis_start
  mount_redis -o timeout=20s
  redis_freeze
  in_background cat "$M/.status"
  wait_until reads_file "$pid"
  kill "$pid"
  wait_until 5 ended "$pid"
  redis_thaw
  matches "(Redis|Valkey) .*" "$(fact server)"
}

# reads_file PID: does the process wait for the daemon?
reads_file() {
  grep -q request_wait_answer "/proc/$1/wchan" || grep -q fuse "/proc/$1/stack"
}

@test "promtool accepts what .stats says about changes of the server" {
  redis_start
  mount_redis
  cat "$M/.status" >/dev/null
  cat "$M/.stats" >"$T/stats"
  run promtool check metrics <"$T/stats"
  is "0 " "$status $output"
  is "lockfs_failovers_total 0
lockfs_reclaimed_total 0
lockfs_reclaim_lost_total 0
lockfs_grace_seconds_total 0.000000000
lockfs_replicas_in_sync 0" "$(grep -E '^lockfs_(failovers|reclaim|grace|replicas)' "$T/stats")"
}

@test "strict refuses a server that evicts keys, and names the setting" {
  redis_start --maxmemory-policy allkeys-lru --appendonly yes
  refuses 2000 "$(redis_source)" strict "maxmemory-policy allkeys-lru" "set maxmemory-policy to noeviction"
  redis_cli CONFIG SET maxmemory-policy noeviction >/dev/null
  mount_redis -o strict
  is "kept, because new locks are refused" "$(fact "memory full")"
}

@test "strict refuses a server that loses locks when it restarts, and names the setting" {
  redis_start
  refuses 2000 "$(redis_source)" strict,grace=0 "loses locks when it restarts (appendonly no)" "set appendonly to yes"
  redis_cli CONFIG SET save '60 1' >/dev/null
  refuses 2000 "$(redis_source)" strict,grace=0 "set appendonly to yes"
  mount_redis -o strict,grace=1ms
  matches "reclaimed, because .*" "$(fact restart)"
  redis_cli CONFIG SET appendonly yes >/dev/null
  mount_redis -o strict "$N"
}

@test "strict needs no right of the server beside those that lockfs needs" {
  redis_start --appendonly yes
  # shellcheck disable=SC2046  # each right is a word
  set_rights $(rights lockfs)
  mount_redis -o strict "$M" "$(weak_source)"
  unmount_lockfs
  redis_cli CONFIG SET appendonly no >/dev/null
  refuses 2000 "$(weak_source)" strict,grace=0 "set appendonly to yes"
}

@test "strict reports a server that is not there as any mount does" {
  refuses 3000 "redis+unix://$T/none.sock" strict,timeout=1s "cannot reach"
}

@test "a strict mount goes on when the server changes to one that it would refuse, and says so" {
  allow_words "$outage_words|redis\+unix://[^ ]* evicts keys, and so locks, .*"
  redis_start --appendonly yes
  mount_redis -o strict
  take "$M/job"
  redis_cli CONFIG SET maxmemory-policy allkeys-random >/dev/null
  redis_cli CLIENT KILL TYPE normal >/dev/null
  wait_until grep -q "evicts keys, and so locks, .*(maxmemory-policy allkeys-random).*set maxmemory-policy to noeviction" "$M.stderr"
  rm "$M/job"
}
