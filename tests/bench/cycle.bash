# The part `cycle`: acquire and release, beside other ways to lock. Loaded by run.
# shellcheck shell=bash disable=SC2153,SC2154

: "${TURN_MS:=60}" "${TURNS:=15}"

# node_client: prepares ioredis, and prints the command that measures it
node_client() {
  local dir=$programs/node
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  mkdir -p "$dir"
  cp "$bench/package.json" "$dir/package.json"
  if [ ! -d "$dir/node_modules/ioredis" ]; then
    npm install --prefix "$dir" --no-audit --no-fund --no-package-lock --loglevel=error >"$work/npm.log" 2>&1 || return 1
  fi
  echo "NODE_PATH=$dir/node_modules exec node $bench/ioredis.cjs $redis_port"
}

# cycle_table PROCESSES: all ways by turns
cycle_table() {
  local processes=$1 names=() ways=() short=() i client fields out

  add_way() {
    short+=("$1") names+=("$2") ways+=("$3")
  }
  add_way memory 'lockfs, memory' "file:$work/memory"
  add_way no_journal 'lockfs, memory, no journal' "file:$work/no_journal"
  add_way tcp 'lockfs, Redis over TCP' "file:$work/tcp"
  add_way unix 'lockfs, Redis over a socket' "file:$work/unix"
  if [ "$processes" -gt 1 ]; then
    add_way memory_dirs 'lockfs, memory, own directories' "dirs:$work/memory"
    add_way tcp_dirs 'lockfs, Redis, own directories' "dirs:$work/tcp"
  fi
  add_way raw_tcp 'hiredis over TCP' "tcp:127.0.0.1:$redis_port"
  add_way raw_unix 'hiredis over a socket' "unix:$work/redis.sock"
  if client=$(node_client); then
    add_way node 'ioredis over TCP' "pipe:$client"
  fi
  add_way tmpfs 'tmpfs' "file:$shm"

  title "acquire and release, $processes at a time: µs a round, and rounds a second of all (median, slowest and fastest of $TURNS turns)"
  row '' median min p99 rate slowest fastest
  out=$("$programs/cycle" "$TURN_MS" "$TURNS" "$processes" "${ways[@]}")
  for i in "${!ways[@]}"; do
    read -ra fields <<<"$(sed -n $((i + 1))p <<<"$out")"
    row "${names[i]}" "${fields[@]}"
    remember "cycle_${short[i]}_$processes" "${fields[0]}"
    remember "rate_${short[i]}_$processes" "${fields[3]}"
    remember "name_${short[i]}" "${names[i]}"
  done
  [ -n "$client" ] || absent 'ioredis over TCP' 'npm cannot install it'
  find "$work/memory" "$work/tcp" "$shm" -mindepth 1 -maxdepth 1 -type d -exec rmdir {} +
}

# pinned_row OUR_CPU DAEMON_CPU WORDS: the mount in memory, with its caller on one CPU or another
pinned_row() {
  local daemon=${daemon_of[$work/memory]} fields
  taskset -a -cp "$2" "$daemon" >/dev/null
  read -ra fields < <(taskset -c "$1" "$programs/cycle" "$TURN_MS" "$TURNS" 1 "file:$work/memory")
  taskset -a -cp "$cpus" "$daemon" >/dev/null
  row "$3" "${fields[@]}"
}

measure_cycle() {
  local processes usable
  mount_lockfs memory memory:
  mount_lockfs no_journal memory: journal=none
  mount_lockfs tcp "$redis_tcp"
  mount_lockfs unix "$redis_unix"
  for processes in $PROCESSES; do
    cycle_table "$processes"
  done

  # The numbers of the CPUs that this shell may use, one a line.
  usable=$(taskset -cp $$ | sed 's/.*: //' | tr , '\n' | sed 's/^[0-9]*$/&-&/; s/-/ /' | xargs -L 1 seq)
  title 'lockfs, memory, by where the scheduler may place it'
  row '' median min p99 rate slowest fastest
  pinned_row "$(sed -n 1p <<<"$usable")" "$(sed -n 1p <<<"$usable")" 'on its caller'\''s CPU'
  [ "$(wc -l <<<"$usable")" -lt 2 ] ||
    pinned_row "$(sed -n 1p <<<"$usable")" "$(sed -n 2p <<<"$usable")" 'on another CPU'
  unmount_lockfs memory
  unmount_lockfs no_journal
  unmount_lockfs tcp
  unmount_lockfs unix
}
