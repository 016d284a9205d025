# Redis servers for the tests, each in the directory of its test: they save nothing and end
# with the test. Load it after helper.bash.
#
#   LOCKFS_TEST_REDIS_SERVER  the server's command: `redis-server`, or `valkey-server`
#
# A server has a name; functions that take [@NAME] mean the server `redis` without it.
# shellcheck shell=bash disable=SC2034,SC2119,SC2120,SC2154  # for the tests; optional arguments; what helper.bash has

: "${LOCKFS_TEST_REDIS_SERVER:=redis-server}"
redis_cli_command=${LOCKFS_TEST_REDIS_SERVER/server/cli}
# The paths, because readme.bats puts programs of the same names into PATH.
LOCKFS_TEST_REDIS_SERVER=$(type -P "$LOCKFS_TEST_REDIS_SERVER" || echo "$LOCKFS_TEST_REDIS_SERVER")
redis_cli_command=$(type -P "$redis_cli_command" || echo "$redis_cli_command")

declare -gA redis_pid     # name → process id
declare -gA redis_port    # name → port, on 127.0.0.1 and ::1
declare -gA redis_socket  # name → path of its unix socket
declare -gA redis_options # name → further options that it was started with

# redis_start [@NAME] [OPTION VALUE...]: starts a server with options of redis-server
redis_start() {
  local name=redis
  if [[ ${1-} == @* ]]; then
    name=${1#@}
    shift
  fi
  redis_socket[$name]=$T/$name.sock
  redis_options[$name]=$*
  redis_run "$name"
}

# redis_run NAME: starts a server again with its options. The port is random; if another process
# has it, this tries another one.
redis_run() {
  local name=$1 addresses=(--bind 127.0.0.1 -::1)
  [[ -z $network ]] || addresses=(--bind '*' --protected-mode no)
  for _ in 1 2 3 4 5 6 7 8 9; do
    : "${redis_port[$name]:=$((20000 + RANDOM % 12000))}"
    # nsenter and not `ip netns exec`, whose mount namespace would keep mounts of other tests busy.
    # shellcheck disable=SC2086,SC2094  # options have no spaces, and there may be no network
    ${network:+nsenter --net="/run/netns/$network"} "$LOCKFS_TEST_REDIS_SERVER" --port "${redis_port[$name]}" "${addresses[@]}" \
      --unixsocket "${redis_socket[$name]}" --dir "$T" --dbfilename "$name.rdb" --save '' --logfile "$T/$name.log" \
      ${redis_options[$name]} >>"$T/$name.log" 2>&1 3>&- 5>&- 6>&- 7>&- &
    redis_pid[$name]=$!
    disown  # bash would print a message when it is killed
    wait_until redis_answers_or_ended "$name"
    ! ended "${redis_pid[$name]}" || { redis_port[$name]=''; continue; }
    return 0
  done
  fail "$LOCKFS_TEST_REDIS_SERVER does not start: $(tail -n 5 "$T/$name.log")"
}

# redis_answers NAME: does the server reply, even with an error? It does not while it loads its data.
redis_answers() {
  local answer
  answer=$("$redis_cli_command" -s "${redis_socket[$1]}" PING 2>&1) || return 1
  [[ $answer && $answer != LOADING* && $answer != *"Could not connect"* ]]
}

redis_answers_or_ended() {
  redis_answers "$1" || ended "${redis_pid[$1]}"
}

# redis_cli [@NAME] ARGUMENT...: calls redis-cli
redis_cli() {
  local name=redis
  if [[ ${1-} == @* ]]; then
    name=${1#@}
    shift
  fi
  "$redis_cli_command" -s "${redis_socket[$name]}" "$@"
}

# redis_set ARGUMENT...: SET, as another Redis client takes a lock
redis_set() {
  redis_cli SET "$@" >/dev/null
}

# redis_source [NAME], redis_tcp_source [NAME]: print the SOURCE of a server, by its socket or over TCP
redis_source() {
  echo "redis+unix://${redis_socket[${1:-redis}]}"
}

redis_tcp_source() {
  echo "redis://127.0.0.1:${redis_port[${1:-redis}]}"
}

# redis_freeze [NAME], redis_thaw [NAME]: stop the server's process, and let it go on
redis_freeze() {
  kill -STOP "${redis_pid[${1:-redis}]}"
}

redis_thaw() {
  kill -CONT "${redis_pid[${1:-redis}]}"
}

# redis_kill [NAME]: kills the server with SIGKILL
redis_kill() {
  local name=${1:-redis}
  kill -KILL "${redis_pid[$name]}"
  wait_until ended "${redis_pid[$name]}"
}

# redis_again [NAME]: starts the server again on its port and socket, with the data of the last
# SAVE, or empty if there was none
redis_again() {
  redis_run "${1:-redis}"
}

# kill_all [PID...]: kills processes and waits until they have ended
kill_all() {
  local pid
  for pid; do
    kill -KILL "$pid" 2>/dev/null || continue
    wait_until ended "$pid"
  done
}

redis_end_all() {
  local name
  kill_all "${redis_pid[@]}"
  for name in "${!redis_pid[@]}"; do
    ! redis_answers "$name" || fail "the server $name did not end with its test"
  done
}

# Mounts of one server

# mount_redis [-o OPTIONS] [DIR] [SOURCE]: mounts; default: $M, the server `redis`, namespace `lockfs`
mount_redis() {
  local options=''
  if [[ ${1-} == -o ]]; then
    options=$2
    shift 2
  fi
  [[ ,$options == *,namespace=* ]] || options+=${options:+,}namespace=lockfs
  LOCKFS_TEST_SOURCE=${2:-$(redis_source)} mount_lockfs -o "$options" "${1:-$M}"
}

mount_two() {
  mount_redis
  mount_redis "$N"
}

# refuses MS SOURCE OPTIONS PART...: lockfs does not mount, prints one line that contains all
# PARTs, and takes at most MS milliseconds in the best of three attempts
refuses() {
  local within=$1 source=$2 options=$3 start took part
  shift 3
  for _ in 1 2 3; do
    start=$(now_ms)
    run --separate-stderr deadline 10 "$LOCKFS" "$source" "$M" ${options:+-o "$options"}
    took=$(($(now_ms) - start))
    ((took > within && status != 0)) || break
    # On a busy machine starting the program takes long too, so that time is subtracted.
    start=$(now_ms)
    deadline 10 "$LOCKFS" --version >/dev/null
    took=$((took - ($(now_ms) - start)))
    ((took > within)) || break
  done
  [ "$status" != 0 ] || fail "it mounted: $source"
  is "" "$output"
  # shellcheck disable=SC2154  # bats sets it
  [[ ${#stderr_lines[@]} == 1 && $stderr == lockfs:\ * ]] || fail "not one line: $stderr"
  for part; do
    contains "$part" "$stderr"
  done
  ((took <= within)) || fail "it took $took ms: $stderr"
  not_mounted "$M" || fail "something is mounted on $M"
}

# allow_words REGEX: daemons may write lines that match this extended regular expression; any
# other line fails the test
allow_words() {
  allowed_words=$1
}

# What daemons say, as such an expression, if a server is lost and reached again.
outage_words='(cannot reach )?redis(\+unix)?://[^ ]*(: .*| does not answer| is reached again| has other data than before, .*)'

forget_allowed_words() {
  local dir=$1 kept
  [[ ${allowed_words-} && -s $dir.stderr ]] || return 0
  # The daemon keeps its position in a file that a test truncated, so it may begin with NULs.
  kept=$(tr -d '\0' <"$dir.stderr" | grep -vxE "lockfs: ($allowed_words)") || true
  printf '%s' "$kept" >"$dir.stderr"
}

# Keys that are left in the server, except the token counter, the epoch and directories.
left_behind() {
  redis_cli KEYS '*' | grep -vE '^lockfs#(token$|e$|server$|D:|s:)' || true
}

end_redis_mounts() {
  local dir
  cd /
  exec 5<&- 6<&- 7<&-  # a failed test may have left them open
  for dir in "${mounts[@]}"; do
    if is_mounted "$dir" && wait_until 5 unmounts "$dir"; then
      wait_until ended "${daemon_of[$dir]}" || true
    fi
    forget_allowed_words "$dir"
  done
  end_mounts
}

# A file that loads this has the mount points $M, $N and $O, and this setup and teardown
# unless it defines its own.
setup() {
  setup_dirs
  set_mount_points
  redis_start
}

# Where further mounts of one server go.
set_mount_points() {
  N=$T/second
  O=$T/third
}

teardown() {
  local problems=0
  end_hearers
  end_redis_mounts || problems=1
  end_background
  end_helpers
  redis_end_all || problems=1
  network_end
  return "$problems"
}

# A user with few rights

# rights NAMESPACE: prints the access rights that lockfs needs; lockfs(1) lists the same ones
rights() {
  local namespace=$1
  echo "~$namespace:* ~$namespace#* &$namespace#*" \
    "+client|kill +client|info +script|load +eval +evalsha +subscribe +unsubscribe +publish +ping +info +time" \
    "+get +set +del +exists +mget +pttl +persist +pexpire +pexpireat" \
    "+hset +hget +hmget +hgetall +hdel" \
    "+zadd +zrem +zcard +zcount +zscore +zrank +zrevrange +zscan +zrangebyscore +zrangebylex" \
    "+sadd +srem +scard +sscan +unlink"
}

# set_rights RIGHT...: gives the user `weak` these rights and no others
set_rights() {
  redis_cli ACL SETUSER weak reset on '>secret' "$@" >/dev/null
}

weak_source() {
  echo "redis://weak:secret@127.0.0.1:${redis_port[redis]}${1-}"
}

# A network between mounts and servers, in which packets can be lost. Servers that are
# started after network_start are in another network namespace.

# Names and addresses of networks are common to the machine, so each run of bats chooses one
# of 32768 by the random end of its directory's name.
choose_cable() {
  local name=${BATS_RUN_TMPDIR-} number=0 code net
  name=${name##*-}
  while [[ $name ]]; do
    printf -v code %d "'$name"
    number=$(((number * 61 + code) % 32768))
    name=${name:1}
  done
  cable=lf$number
  net=198.$((18 + number / 16384)).$((number / 64 % 256))
  near_address=$net.$((number % 64 * 4 + 1))
  far_address=$net.$((number % 64 * 4 + 2))
}
choose_cable
network=''  # the name of the far end

network_start() {
  need_root
  echo "$cable" >"$T/network"  # for tests/run, should this be interrupted
  ip netns add "$cable"
  network=$cable
  ip link add "${cable}a" type veth peer name "${cable}b" netns "$network"
  ip addr add "$near_address/30" dev "${cable}a"
  ip link set "${cable}a" up
  ip -n "$network" addr add "$far_address/30" dev "${cable}b"
  ip -n "$network" link set "${cable}b" up
  ip -n "$network" link set lo up
}

redis_far_source() {
  echo "redis://$far_address:${redis_port[${1:-redis}]}"
}

# network_lose there|back: loses all packets to the servers, or from them, by sending them to a
# hardware address that does not exist
network_lose() {
  local nowhere=02:00:00:00:00:01
  case $1 in
  there) ip neigh replace "$far_address" lladdr "$nowhere" nud permanent dev "${cable}a" ;;
  back) ip -n "$network" neigh replace "$near_address" lladdr "$nowhere" nud permanent dev "${cable}b" ;;
  esac
}

network_heal() {
  ip neigh del "$far_address" dev "${cable}a" 2>/dev/null || true
  ip -n "$network" neigh del "$near_address" dev "${cable}b" 2>/dev/null || true
}

network_end() {
  [[ $network ]] || return 0
  ip link del "${cable}a" 2>/dev/null || true
  ip netns del "$network"
  network=''
}

# Helper programs

helpers=()  # process ids

# start_helper FILE PROGRAM ARGUMENT...: starts a Python program of this directory with its output
# in FILE, and waits until it prints a first line `ready …`
start_helper() {
  local out=$1 program=$2
  shift 2
  : >"$out"  # without the line of an earlier helper
  python3 -S -B "$BATS_TEST_DIRNAME/../lib/$program" "$@" >"$out" 2>"$out.stderr" 3>&- 5>&- 6>&- 7>&- &
  helpers+=($!)
  disown
  wait_until is_ready "$out"
}

# Is the first line complete? `read` fails without its newline.
is_ready() {
  has_lines "$1" 1 && grep -q '^ready' "$1"
}

# fake KIND: starts a server of redis_fake.py; its port is in $fake_port
fake() {
  start_helper "$T/fake" redis_fake.py "$@"
  # shellcheck disable=SC2034  # for the tests
  read -r _ fake_port <"$T/fake"
}

end_helpers() {
  kill_all "${helpers[@]}"
}

# A proxy to the server, at $proxy_port, that delays or fails as `orders` tells it; see redis_proxy.py.
proxy_begin() {
  orders '{}'
  start_helper "$T/proxy" redis_proxy.py "${redis_socket[redis]}" "$T/orders"
  # shellcheck disable=SC2034  # for the tests
  read -r _ proxy_port <"$T/proxy"
}

orders() {
  echo "$1" >"$T/orders.new"
  mv "$T/orders.new" "$T/orders"
}

sprung() {
  grep -q '^sprung' "$T/proxy"
}

delivered() {
  grep -q '^delivered' "$T/proxy"
}

# trap_at TEXT TRAP [MORE]: the proxy's trap for the next request that contains TEXT
trap_at() {
  orders "{\"at\": \"$1\", \"trap\": \"$2\"${3:+, $3}}"
}

# figure TEXT...: prints a comment into the TAP output, for a measured number
figure() {
  echo "# $*" >&3
}

# at_best LIMIT_MS COMMAND...: prints the milliseconds that the command prints; runs it up to three
# times until they are within the limit, as other programs use the machine
at_best() {
  local limit=$1 took
  shift
  for _ in 1 2 3; do
    took=$("$@") || return 1
    ((${took%.*} > limit)) || break
  done
  echo "$took"
}
