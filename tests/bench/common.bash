# Functions that the parts of the benchmark share: mounts, a server, figures, tables. Loaded by run.
# shellcheck shell=bash disable=SC2034,SC2154  # what run has, and what the parts use

work=
shm=
declare -A daemon_of  # mount point → process id
redis_pid=
watchdog=

die() {
  echo "bench: $*" >&2
  exit 1
}

# Processes and mounts

is_mounted() {
  grep -qF " $1 fuse.lockfs " /proc/self/mounts
}

ended() {
  ! kill -0 "$1" 2>/dev/null
}

mounted_or_ended() {
  is_mounted "$1" || ended "${daemon_of[$1]}"
}

# within TENTHS CMD...: waits until the command succeeds
within() {
  local i
  for ((i = $1; i > 0; i--)); do
    "${@:2}" && return 0
    sleep 0.1
  done
  return 1
}

# mount_lockfs NAME SOURCE [OPTIONS]: on $work/NAME
mount_lockfs() {
  local dir=$work/$1
  mkdir -p "$dir"
  "$lockfs" "$2" "$dir" -f -o "ttl=1d,namespace=bench${3:+,$3}" 2>"$dir.log" &
  daemon_of[$dir]=$!
  within 100 mounted_or_ended "$dir" || true
  is_mounted "$dir" || die "lockfs did not mount: $(cat "$dir.log")"
}

# unmount_lockfs NAME: unmounts; kills the daemon if it does not end in 60 s, and prints what it wrote
unmount_lockfs() {
  local dir=$work/$1 status=0 pid
  pid=${daemon_of[$dir]-}
  [ -n "$pid" ] || return 0
  fusermount3 -u "$dir" 2>/dev/null || kill "$pid" 2>/dev/null || true
  if ! within 600 ended "$pid"; then
    echo "bench: the daemon of $1 did not end, and was killed" >&2
    kill -KILL "$pid"
  fi
  wait "$pid" || status=$?
  unset "daemon_of[$dir]"
  ! is_mounted "$dir" || fusermount3 -u -z "$dir"
  [ ! -s "$dir.log" ] || cat "$dir.log" >&2
  return "$status"
}

start_redis() {
  local server
  server=$(command -v redis-server || command -v valkey-server) || die "there is no redis-server"
  redis_cli=${server/%-server/-cli}
  # Another process may have the random port; then the next one is tried.
  for _ in 1 2 3 4 5 6 7 8 9; do
    redis_port=$((20000 + RANDOM % 12000))
    "$server" --port "$redis_port" --bind 127.0.0.1 --unixsocket "$work/redis.sock" --dir "$work" --save '' \
      >"$work/redis.log" 2>&1 &
    redis_pid=$!
    within 50 redis_answers_or_ended
    ! ended "$redis_pid" || continue
    redis_tcp=redis://127.0.0.1:$redis_port
    redis_unix=redis+unix://$work/redis.sock
    return 0
  done
  die "no Redis server starts: $(tail -n 1 "$work/redis.log")"
}

redis() {
  "$redis_cli" -s "$work/redis.sock" "$@"
}

redis_answers_or_ended() {
  [ "$(redis PING 2>/dev/null)" = PONG ] || ended "$redis_pid"
}

# Prints the number of commands that clients sent, without those that scripts called.
redis_commands() {
  redis INFO commandstats |
    sed -nE 's/^cmdstat_(evalsha|eval|script\|load|ping|subscribe|unsubscribe|psubscribe|client\|kill):calls=([0-9]+).*/\2/p' |
    awk '{ sum += $1 } END { print sum + 0 }'
}

# redis_memory: prints the bytes of the data, without those for clients
redis_memory() {
  redis INFO memory | sed -n 's/^used_memory_dataset:\([0-9]*\).*/\1/p'
}

clean_up() {
  local status=$? dir pid
  trap '' INT TERM HUP
  cd /
  for dir in "${!daemon_of[@]}"; do
    if ! unmount_lockfs "${dir##*/}"; then
      echo "bench: a daemon ended with an error" >&2
      status=$((status ? status : 1))
    fi
  done
  for pid in $redis_pid ${etcd_pid-} $watchdog; do
    kill "$pid" 2>/dev/null || continue
    wait "$pid" 2>/dev/null || true
  done
  [ -z "$shm" ] || rm -rf "$shm"
  [ -z "$work" ] || grep -qF " $work/" /proc/self/mounts || rm -rf --one-file-system "$work"
  exit "$status"
}

# Ends a run that exceeds LIMIT. Killing the daemons frees every process that waits for a mount. This
# runs in the background and does not see later mounts in $daemon_of, so it looks for daemons itself.
watch_over() {
  local second
  trap '' INT # the main process handles it
  for ((second = 0; second < LIMIT; second++)); do
    sleep 1 >/dev/null 2>&1
    ! ended $$ || exit 0
  done
  echo "bench: not done within LIMIT=$LIMIT seconds" >&2
  kill -TERM $$
  for pid in $(pgrep -P $$ -x lockfs); do
    kill -KILL "$pid"
  done
}

# Figures

# rss NAME: prints the memory of a mount's daemon in KiB
rss() {
  sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${daemon_of[$work/$1]}/status"
}

# wakeups NAME: prints the number of wake-ups of all threads of a mount's daemon
wakeups() {
  sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/${daemon_of[$work/$1]}/task/"*/status |
    awk '{ sum += $1 } END { print sum }'
}

# calc EXPRESSION [FORMAT]
calc() {
  awk "BEGIN { printf \"${2-%.1f}\", ($1) }"
}

median() {
  printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

# remember NAME FIGURE, figure NAME: keep a figure, and print it, for the targets and the picture
remember() {
  echo "$2" >"$work/figures/$1"
}

figure() {
  cat "$work/figures/$1" 2>/dev/null
}

# ratio NAME NAME [FORMAT]: prints the ratio of two remembered figures, or nothing if one is missing
ratio() {
  local over under
  over=$(figure "$1") && under=$(figure "$2") && calc "$over / $under" "${3-%.2f}"
}

# Tables

title() {
  printf '\n%s\n' "$*"
}

row() {
  local name=$1 figure
  shift
  printf '  %-34s' "$name"
  for figure; do
    printf ' %10s' "$figure"
  done
  echo
}

# row_in_ms NAME US...
row_in_ms() {
  local name=$1 ms=() us
  shift
  for us; do
    ms+=("$(calc "$us / 1000" %.2f)")
  done
  row "$name" "${ms[@]}"
}

# line NAME FIGURE UNIT
line() {
  printf '  %-46s %12s %s\n' "$@"
}

absent() {
  row "$1" - - "($2)"
}
