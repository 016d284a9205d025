# The part `handover`: from the release of a lock to its acquisition by waiters. Loaded by run.
# shellcheck shell=bash disable=SC2154

: "${HANDOVER_ROUNDS:=300}"

# queue_row WORDS COUNT NAME...: through the mounts of these names
queue_row() {
  local words=$1 count=$2 said before sent=- ms dirs=() name
  shift 2
  for name; do
    dirs+=("$work/$name")
  done
  coproc QUEUE { "$programs/queue" "$count" queue "${dirs[@]}"; }
  read -r said <&"${QUEUE[0]}" || die "nobody waits"
  [ "$said" = waiting ] || die "queue says $said"
  before=$(redis_commands)
  echo go >&"${QUEUE[1]}"
  read -r ms <&"${QUEUE[0]}" || die "not all have passed"
  [[ $words != Redis* ]] || sent=$(calc "($(redis_commands) - $before) / $count" %.2f)
  wait "$QUEUE_PID" 2>/dev/null || true
  row "$words, $count" "$ms" "$(calc "$ms * 1000 / $count" %.0f)" "$sent"
  remember "queue_${count}_commands" "$sent"
}

measure_handover() {
  local round_trip fields
  mount_lockfs here "$redis_tcp"
  mount_lockfs there "$redis_tcp"
  mount_lockfs memory memory:
  title "from who unlocks to who waits: µs, $HANDOVER_ROUNDS rounds"
  row '' median min p99
  # By turns, and each with the same pause before.
  read -ra round_trip < <("$programs/ping" 127.0.0.1 "$redis_port" "$HANDOVER_ROUNDS" 3)
  row 'a PING by hiredis after a pause' "${round_trip[@]}"
  read -ra fields < <("$programs/handover" "$HANDOVER_ROUNDS" "$work/here/key" "$work/there/key")
  row 'lockfs, two mounts of one Redis' "${fields[@]}"
  remember handover "${fields[0]}"
  remember round_trip "${round_trip[0]}"
  read -ra fields < <("$programs/handover" "$HANDOVER_ROUNDS" "$work/memory/key" "$work/memory/key")
  row 'lockfs, memory' "${fields[@]}"

  title 'a queue that passes: ms for all, µs and Redis commands for each'
  row '' ms 'µs each' commands
  queue_row 'Redis, two mounts' 10 here there
  queue_row 'Redis, two mounts' 100 here there
  queue_row 'memory' 10000 memory
  unmount_lockfs here
  unmount_lockfs there
  unmount_lockfs memory
}
