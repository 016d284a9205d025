# Functions for tests of mounts whose server is away, slow or strange. Load it after redis.bash.
# shellcheck shell=bash disable=SC2034,SC2154  # for the tests; what helper.bash and redis.bash have

timeout=1000
limit=3000  # no operation takes longer, also where the machine stands still for a moment

setup() {
  setup_dirs
  set_mount_points
  redis_start
  allow_words "$outage_words"
}

ops() {
  deadline 40 python3 -S -B "$BATS_TEST_DIRNAME/../lib/redis_ops.py" "$@"
}

prepare() {
  mount_redis -o "timeout=${timeout}ms" "$M" "${1-}"
  mount_redis -o "timeout=${timeout}ms" "$N" "${1-}"
  ops prepare "$M"
}

# while_away ERRNO...: while the server is away, every operation ends in time with one of these
# errors, those that need no server succeed, and the second mount can be unmounted.
while_away() {
  local longest
  # The first request of a mount finds out; all of them are under way together.
  ops local "$M"
  longest=$(ops measure "$M" "$limit" "$@")
  figure "$BATS_TEST_DESCRIPTION: the longest operation took $longest ms"
  ops local "$M"
  forget_and_unmount "$N"
}

forget_and_unmount() {
  unmounts "$1"
  wait_until ended "${daemon_of[$1]}"
  forget_allowed_words "$1"
  unmount_lockfs "$1"
}

# mended [FROM_MS]: the mount works again within 3 s, from now or from that moment
mended() {
  local took late=0
  [ $# = 0 ] || late=$(($(now_ms) - $1))
  took=$(ops heals "$M" $((3000 - late)))
  figure "$BATS_TEST_DESCRIPTION: healed after $((took + late)) ms"
}

# A lock that was held before the outage still is, and can be refreshed and released.
still_held() {
  is ACQUIRED "$(state "$M/rm/held")"
  touch "$M/touch/held"
  rm "$M/rm/held"
  gone "$M/rm/held"
  take "$M/rm/held"
}

# An acquisition that was not reported as such holds nothing, at the latest after 2 s.
nothing_new() {
  wait_until 2 nobody_holds 'lockfs:*/new'
  is "" "$(redis_cli KEYS 'lockfs#d:*/new')"
}

nobody_holds() {
  [ -z "$(redis_cli KEYS "$1")" ]
}

# never_held SECONDS KEY: nobody acquires the lock during this time
never_held() {
  local end=$(($(now_ms) + $1 * 1000))
  while (($(now_ms) < end)); do
    is 0 "$(redis_cli EXISTS "$2")" || return
    sleep 0.02
  done
}

# proxy_start: starts the proxy, with the mount $M beyond it, and $N directly at the server
proxy_start() {
  proxy_begin
  mount_redis -o "timeout=${timeout}ms" "$M" "redis://127.0.0.1:$proxy_port"
  mount_redis "$N"
}
