# The part `command`: a whole command under a lock. Loaded by run.
# shellcheck shell=bash disable=SC2154

: "${COMMAND_ROUNDS:=60}"

etcd_answers() {
  etcdctl --endpoints "127.0.0.1:$etcd_port" --dial-timeout 1s get x >/dev/null 2>&1
}

start_etcd() {
  command -v etcd >/dev/null && command -v etcdctl >/dev/null || return 1
  etcd_port=$((32100 + RANDOM % 400))
  export ETCDCTL_API=3 ETCD_UNSUPPORTED_ARCH=arm64
  etcd --data-dir "$work/etcd" --listen-client-urls "http://127.0.0.1:$etcd_port" \
    --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$((etcd_port + 500))" \
    --initial-advertise-peer-urls "http://127.0.0.1:$((etcd_port + 500))" \
    --initial-cluster "default=http://127.0.0.1:$((etcd_port + 500))" >"$work/etcd.log" 2>&1 &
  etcd_pid=$!
  within 100 etcd_answers
}

measure_command() {
  local names=() short=() arguments=() i fields out absent=()

  add_command() {
    short+=("$1") names+=("$2")
    arguments+=(+ "${@:3}")
  }
  mount_lockfs memory memory:
  mount_lockfs tcp "$redis_tcp"
  add_command none 'true, without a lock' true
  add_command tmpfs 'flock(1) on tmpfs' flock "$shm/key" true
  add_command memory 'flock(1) on lockfs, memory' flock "$work/memory/key" true
  add_command tcp 'flock(1) on lockfs, Redis' flock "$work/tcp/key" true
  add_command lockctl 'lockctl run, Redis' env "LOCKFS_DIR=$work/tcp" "$lockctl" run key -- true
  if command -v dotlockfile >/dev/null; then
    add_command dotlockfile 'dotlockfile -l, -u, on tmpfs' sh -c "dotlockfile -l $shm/dot && true && dotlockfile -u $shm/dot"
  else
    absent+=('dotlockfile')
  fi
  if command -v lockfile >/dev/null; then
    add_command lockfile 'lockfile of procmail, rm, on tmpfs' sh -c "lockfile $shm/procmail && true && rm -f $shm/procmail"
  else
    absent+=('lockfile of procmail')
  fi
  if start_etcd; then
    add_command etcd 'etcdctl lock' etcdctl --endpoints "127.0.0.1:$etcd_port" lock key true
  else
    absent+=('etcdctl lock')
  fi

  title "a command under a lock: ms, $COMMAND_ROUNDS rounds"
  row '' median min p99
  out=$("$programs/commands" "$COMMAND_ROUNDS" "${arguments[@]}")
  for i in "${!names[@]}"; do
    read -ra fields <<<"$(sed -n $((i + 1))p <<<"$out")"
    row_in_ms "${names[i]}" "${fields[@]}"
    remember "command_${short[i]}" "${fields[0]}"
  done
  for i in "${absent[@]}"; do
    absent "$i" 'not installed, or does not start'
  done
  unmount_lockfs memory
  unmount_lockfs tcp
  if [ -n "${etcd_pid-}" ]; then
    kill "$etcd_pid" 2>/dev/null || true
    wait "$etcd_pid" 2>/dev/null || true
    etcd_pid=
  fi
}
