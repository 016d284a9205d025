# Tests of those who wait, on up to three mounts of one server: what redis_waiters.py
# measures. Load it after redis.bash.
# shellcheck shell=bash disable=SC2034,SC2154  # for the tests; what helper.bash and redis.bash have

# The limit is the machine's, and other tests run at the same time: only the test that sets it, sets it back.
request_limit=/proc/sys/fs/fuse/max_request_timeout

teardown() {
  local problems=0
  [ -z "${limit_is_set-}" ] || echo 0 >"$request_limit"
  end_redis_mounts || problems=1
  end_helpers
  end_again
  redis_end_all || problems=1
  network_end
  return "$problems"
}

# waiters COMMAND ARGUMENT...: see redis_waiters.py
waiters() {
  local command=$1
  shift
  deadline 110 python3 -S -B "$BATS_TEST_DIRNAME/../lib/redis_waiters.py" "$command" "${redis_socket[redis]}" "$@"
}

# measure NAME... = COMMAND ARGUMENT...: what `waiters` prints, in these variables
measure() {
  local names=() numbers
  until [[ $1 == = ]]; do
    names+=("$1")
    shift
  done
  numbers=$(waiters "${@:2}") || return 1
  read -r "${names[@]}" <<<"$numbers"
}

mount_all() {
  mount_redis "$@" "$M"
  mount_redis "$@" "$N"
  mount_redis "$@" "$O"
}

# within LIMIT_MS WORDS...: how a number of ms is, as `waiters` printed it
within() {
  local took=${2%.*}
  ((took <= $1)) || fail "it took $2 ms, expected at most $1"
}

nothing_left() {
  [ -z "$(left_behind)" ]
}

# An acquisition whose answer was lost is undone when the connection is found to be broken, which takes up to `timeout`.
leaves_nothing() {
  wait_until 20 nothing_left || fail "$(left_behind)"
}

# A mount whose daemon was killed.
forget_dead() {
  umount -l "$1"
  wait_until ended "${daemon_of[$1]}"
  daemon_ended "$1"
}

# A restart of the server as a shell command, for redis_waiters.py.
restart_command() {
  local pause=$1 save=$2
  echo "$save kill -KILL ${redis_pid[redis]}; sleep $pause; $LOCKFS_TEST_REDIS_SERVER --port 0" \
    "--unixsocket ${redis_socket[redis]} --dir $T --dbfilename redis.rdb --save '' --daemonize yes --pidfile $T/again.pid" \
    "--logfile $T/again.log >/dev/null; while [ ! -s $T/again.pid ]; do sleep 0.01; done;" \
    "until $redis_cli_command -s ${redis_socket[redis]} PING 2>/dev/null | grep -q PONG; do sleep 0.01; done"
}

end_again() {
  [ ! -s "$T/again.pid" ] || kill_all "$(cat "$T/again.pid")"
}
