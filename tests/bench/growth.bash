# The part `growth`: the cost of a cycle and of a lock while many locks are held. Loaded by run.
# shellcheck shell=bash disable=SC2154

: "${COUNTED_CYCLES:=1000}"

# fill_mount DIR FROM TO: takes locks, IN_DIRECTORY in each directory
fill_mount() {
  local number size left=$(($3 - $2))
  for ((number = $2 / IN_DIRECTORY; left > 0; number++)); do
    size=$((left < IN_DIRECTORY ? left : IN_DIRECTORY))
    mkdir -p "$1/$number.$2"
    "$programs/fill" "$1/$number.$2" "$size" >/dev/null
    left=$((left - size))
  done
}

# instructions LOCKS: of what the backend does in a cycle
instructions() {
  valgrind --tool=callgrind --callgrind-out-file="$work/callgrind" --toggle-collect=measured_cycles \
    "$programs/growth" "$1" "$COUNTED_CYCLES" >/dev/null 2>"$work/valgrind.log" || return 1
  calc "$(sed -n 's/^summary: //p; s/^totals: //p' "$work/callgrind" | tail -n 1) / $COUNTED_CYCLES" %.0f
}

# growth_row NAME HELD KIB_BEFORE REDIS_BEFORE: the memory that was used when none was held
growth_row() {
  local name=$1 held=$2 counted=- each=- stored=- fields
  if [ "$name" = memory ] && command -v valgrind >/dev/null; then
    counted=$(instructions "$held")
    remember "instructions_$held" "$counted"
  fi
  read -ra fields < <("$programs/cycle" "$TURN_MS" "$TURNS" 1 "file:$work/$name")
  if [ "$held" -gt 0 ]; then
    each=$(calc "($(rss "$name") - $3) * 1024 / $held" %.0f)
    [ "$name" = memory ] || stored=$(calc "($(redis_memory) - $4) / $held" %.0f)
  fi
  row "$name, $held held" "$counted" "${fields[0]}" "${fields[1]}" "$each" "$stored"
}

# grow NAME COUNT...: from none to the last, step by step
grow() {
  local name=$1 before=0 count kib bytes
  shift
  kib=$(rss "$name")
  bytes=$(redis_memory)
  for count; do
    [ "$count" -ge "$before" ] || continue
    fill_mount "$work/$name" "$before" "$count"
    growth_row "$name" "$count" "$kib" "$bytes"
    before=$count
  done
  [ "$name" != memory ] || remember bytes_a_lock "$(calc "($(rss memory) - $kib) * 1024 / $before" %.0f)"
}

measure_growth() {
  mount_lockfs memory memory:
  mount_lockfs tcp "$redis_tcp"
  title 'beside other locks: instructions of a cycle in the backend; µs of a whole one; memory for each lock, of the daemon and of Redis'
  row '' instr. median min daemon Redis
  grow memory 0 1000 100000 "$LOCKS"
  grow tcp 0 1000 "$REDIS_LOCKS"
  remember instructions_most "$(figure "instructions_$LOCKS")"
  unmount_lockfs memory
  unmount_lockfs tcp
  redis FLUSHALL >/dev/null
}
