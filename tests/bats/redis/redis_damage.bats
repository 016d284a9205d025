# A right is missing, a key has a wrong type, or a value is damaged: whatever it is, an
# operation that succeeds has done what it is for, one that fails has changed nothing,
# and none hangs. No lock is left that nobody has.

load ../lib/helper
load ../lib/redis

# damaged WHAT OPERATION...: see redis_damage.py
damaged() {
  local what=$1 figures
  shift
  redis_cli ACL SETUSER weak on '>secret' '~*' '&*' +@all >/dev/null
  allow_words 'redis(\+unix)?://[^ ]* refuses: .*'
  mount_redis "$M" "$(weak_source)"
  mount_redis "$N"
  figures=$(deadline 100 python3 -S -B "$BATS_TEST_DIRNAME/../lib/redis_damage.py" "$what" "${redis_socket[redis]}" weak "$M" "$N" "$@")
  figure "$BATS_TEST_DESCRIPTION: $figures"
}

acquiring=(create create-by-id create-waiting lock-own contend)
holding=(release touch shorten force force-bound write truncate)
waiting=(pass-on receive cancel)
dirs=(mkdir rmdir configure list)
sharing=(share share-beside upgrade downgrade release-shared release-last-shared touch-shared force-shared)

@test "whichever right of the server is taken away, an acquisition is held by its caller or by nobody" {
  damaged rights "${acquiring[@]}" "${waiting[@]}"
}

@test "whichever right of the server is taken away, a release, refresh, write or change of a directory is done whole or not at all" {
  damaged rights "${holding[@]}" "${dirs[@]}"
}

@test "whichever right of the server is taken away, a shared holding begins, changes or ends whole or not at all" {
  damaged rights "${sharing[@]}"
}

@test "whichever key of a shared lock has a wrong type, each operation is done whole or not at all" {
  damaged types "${sharing[@]}"
}

@test "whichever details of shared holdings are damaged or missing, each operation is done whole or not at all" {
  damaged holdings "${sharing[@]}"
}

@test "whichever key has a wrong type, each operation is done whole or not at all" {
  damaged types "${acquiring[@]}" "${holding[@]}" "${waiting[@]}" "${dirs[@]}"
}

@test "a damaged setting of a directory or a damaged last token counts as none" {
  damaged settings create create-by-id create-waiting pass-on
}

@test "whichever detail of a holding is damaged, each operation is done whole or not at all" {
  damaged details "${holding[@]}" lock-own contend list
}

@test "a damaged ticket is dropped, and whoever waits has the lock in a moment" {
  damaged tickets "${waiting[@]}" release force
}

# forced FILE: releases it by force, and prints how many ms that took
forced() {
  local start
  start=$(now_ms)
  rm "$1"
  echo $(($(now_ms) - start))
}

@test "whatever time to stop a damaged holding asks for, a forced release ends in 5 seconds, and the lock is free" {
  local took fd fds=() count graces=(5000 50000 60000 99999999999999999999 -1 -50000 1e9 soon '')
  mount_redis "$M"
  mount_redis "$N"
  for ((count = 0; count < ${#graces[@]}; count++)); do
    exec {fd}>"$N/.with/hold/job$count"
    fds+=("$fd")
  done
  wait_until subscribed
  kill -STOP "${daemon_of[$N]}"
  for ((count = 0; count < ${#graces[@]}; count++)); do
    redis_cli HSET "lockfs#d:job$count" grace "${graces[count]}" >/dev/null
    took=$(deadline 30 forced "$M/.with/force/job$count")
    gone "$M/job$count"
    is 0 "$(redis_cli EXISTS "lockfs:job$count")"
    # 5000 is what a mount may ask for, and has; the others are given the least.
    ((count > 0 || took >= 5000)) || fail "${graces[count]}: it took $took ms"
    ((took < 9000)) || fail "${graces[count]}: it took $took ms"
    take "$M/job$count"
  done
  kill -CONT "${daemon_of[$N]}"
  for fd in "${fds[@]}"; do
    exec {fd}>&-
  done
}

subscribed() {
  [[ $(redis_cli PUBSUB CHANNELS 'lockfs#m:*' | wc -l) == 2 ]]
}

@test "a forced release ends, and says so, where the server forgets again and again that the holder was told" {
  mount_redis "$M"
  mount_redis "$N"
  in_background "$redis_cli_command" -s "${redis_socket[redis]}" -r -1 -i 0.01 EVAL \
    "redis.call('HDEL', KEYS[2], 'revoked'); return redis.call('PERSIST', KEYS[1]) + redis.call('PERSIST', KEYS[2])" \
    2 lockfs:job lockfs#d:job >/dev/null
  exec 7>"$N/.with/hold/job"
  # Long enough for what forgets to come by.
  redis_cli HSET lockfs#d:job grace 2000 >/dev/null
  wait_until subscribed
  kill -STOP "${daemon_of[$N]}"
  allow_words 'the server put off a forced release 3 times, .* the lock stays\. .*\(asked about lockfs:job\)'
  deadline 20 expect EIO unlink "$M/.with/force/job"
  is 1 "$(grep -c 'the server put off a forced release' "$M.stderr")"
  is 1 "$(redis_cli EXISTS lockfs:job)"
  kill -CONT "${daemon_of[$N]}"
  exec 7>&-
}

# modes of $M/dir, as stat shows it
dir_mode() {
  stat -c '%a %u %g' "$M/dir"
}

@test "a damaged mode of a directory lets nobody in but root" {
  local mode
  mount_redis "$M"
  mkdir "$M/dir"
  for mode in -5 abc 99999 1e3 ''; do
    redis_cli HSET lockfs#D:dir mode "$mode" uid 0 gid -1 >/dev/null
    is "0 0 0" "$(dir_mode)"
  done
}

@test "an acquisition that failed in the middle leaves no details for another client's lock of the same id" {
  redis_cli ACL SETUSER weak on '>secret' '~*' '&*' +@all >/dev/null
  allow_words 'redis(\+unix)?://[^ ]* refuses: .*'
  mount_redis "$M"
  mount_redis "$N" "$(weak_source)"
  # Everything but the lock itself can be written, and nothing can be deleted.
  redis_cli ACL SETUSER weak resetkeys '%R~lockfs:*' '~lockfs#*' -del >/dev/null
  expect EACCES open "$N/.with/id=me/job" CREAT,WRONLY
  is 0 "$(redis_cli EXISTS lockfs:job)"
  redis_set lockfs:job me NX PX 100000
  expect ENODATA getxattr "$M/.with/id=me/job" user.lock.token
}

calls_of_scripts() {
  redis_cli INFO commandstats | sed -n 's/^cmdstat_evalsha:calls=\([0-9]*\),.*/\1/p'
}

@test "what the server refuses is not asked for again and again behind the caller's back" {
  local before
  mount_redis "$M"
  allow_words 'redis(\+unix)?://[^ ]* refuses: WRONGTYPE.*'
  redis_cli RPUSH lockfs:job x >/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    expect EIO open "$M/.with/wait=1m/job" CREAT,WRONLY
    expect EIO open "$M/job" CREAT,EXCL,WRONLY
  done
  contains "lockfs:job" "$(cat "$M.stderr")"
  before=$(calls_of_scripts)
  sleep 1
  is "$before" "$(calls_of_scripts)"
}
