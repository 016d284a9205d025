# The part `readers`: how long a writer waits for a lock that many readers share. Loaded by run.
# shellcheck shell=bash disable=SC2154

: "${READERS:=1000}" "${READERS_SECONDS:=30}"

# readers_row WORDS NAME...: through the mounts of these names
readers_row() {
  local words=$1 fields dirs=() name
  shift
  for name; do
    dirs+=("$work/$name/shared")
  done
  read -ra fields < <("$programs/readers" "$READERS" "$READERS_SECONDS" "${dirs[@]}") || die "readers fails"
  row "$words" "${fields[@]}"
}

measure_readers() {
  mount_lockfs memory memory:
  mount_lockfs one "$redis_tcp"
  mount_lockfs two "$redis_tcp"
  mount_lockfs three "$redis_tcp"
  title "a writer every 100 ms beside $READERS readers that hold for 5 ms: what it waits in ms, for $READERS_SECONDS s"
  row '' writes median p99 longest reads 'reads of one'
  readers_row 'lockfs, memory' memory
  readers_row 'lockfs, three mounts of one Redis' one two three
  unmount_lockfs memory
  unmount_lockfs one
  unmount_lockfs two
  unmount_lockfs three
}
