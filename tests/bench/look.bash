# The part `look`: reading attributes, listing directories and reading events. Loaded by run.
# shellcheck shell=bash disable=SC2154

: "${LS_TIMES:=5}"

# listed DIR COUNT: how long `ls DIR | wc -l` takes, in ms, where it shows COUNT names
listed() {
  local start=$EPOCHREALTIME count
  # shellcheck disable=SC2012  # it is ls that is measured
  count=$(ls "$1" | wc -l)
  [ "$count" -eq "$2" ] || die "ls shows $count of $2 names in $1"
  calc "(${EPOCHREALTIME/./} - ${start/./}) / 1000"
}

# ls_rows COUNT NAME...: the directories $work/NAME, or $shm for tmpfs, by turns
ls_rows() {
  local count=$1 name dir i
  local -A ms=()
  shift
  for ((i = 0; i < LS_TIMES; i++)); do
    for name; do
      dir=$work/$name/ls-$count
      [ "$name" != tmpfs ] || dir=$shm/ls-$count
      if [ ! -d "$dir" ]; then
        mkdir "$dir"
        "$programs/fill" "$dir" "$count" >/dev/null
      fi
      ms[$name]+=" $(listed "$dir" "$count")"
    done
  done
  for name; do
    # shellcheck disable=SC2086  # figures, one a word
    remember "ls_${count}_$name" "$(median ${ms[$name]})"
  done
  row "ls of $count" "$(figure "ls_${count}_tmpfs")" "$(figure "ls_${count}_memory")" "$(figure "ls_${count}_tcp")"
}

measure_look() {
  local out fields listeners
  mount_lockfs memory memory:
  mount_lockfs tcp "$redis_tcp"
  title "ls | wc -l: ms, median of $LS_TIMES"
  row '' tmpfs memory Redis
  ls_rows 10 tmpfs memory tcp
  ls_rows 1000 tmpfs memory tcp
  ls_rows "$IN_DIRECTORY" tmpfs memory tcp

  (set -C; : >"$work/memory/seen")
  (set -C; : >"$work/tcp/seen")
  out=$("$programs/commands" 60 + true + getfattr -n user.lock.state --absolute-names "$work/memory/seen" \
    + getfattr -n user.lock.state --absolute-names "$work/tcp/seen")
  title 'getfattr -n user.lock.state: ms'
  row '' median min p99
  for name in 'true, which looks at nothing' memory Redis; do
    read -ra fields <<<"${out%%$'\n'*}"
    out=${out#*$'\n'}
    row_in_ms "$name" "${fields[@]}"
  done

  title 'events a second: made, and arrived at all listeners together'
  row '' made arrived
  for listeners in 1 100; do
    read -ra fields < <("$programs/listen" "$listeners" 1000 "$work/memory")
    row "memory, $listeners listening" "${fields[@]}"
    read -ra fields < <("$programs/listen" "$listeners" 1000 "$work/tcp")
    row "Redis, $listeners listening" "${fields[@]}"
  done
  unmount_lockfs memory
  unmount_lockfs tcp
}
