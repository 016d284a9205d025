# The part `hostile`: the cost of a cycle and of a bound lock of one user while another user does
# everything that could slow down or fill the daemon. Needs root, to run as two users. Loaded by run.
#
# The kernel gives each session an equal share of the processors. The daemons and the server, which are all in the session
# of this script, get HOSTILE_NICE=-10, some nine times as much, as CPUWeight= in their units gives it. With 0
# they have one share, as each of the sessions of the hostile user has.
# shellcheck shell=bash disable=SC2154

: "${HOSTILE_SECONDS:=60}" "${HOSTILE_LISTED:=100000}" "${HOSTILE_WAYS:=}" "${HOSTILE_CPUS:=}" "${HOSTILE_NICE:=-10}"

# set_share NICE: how much of the processors the daemons and the server get
set_share() {
  # A kernel without these groups shares by process, and needs nothing.
  [ ! -e /proc/self/autogroup ] || echo "$1" >/proc/$$/autogroup
}

# run_as USER COMMAND...
run_as() {
  setsid -w setpriv --reuid="$1" --regid=nogroup --clear-groups "${@:2}"
}

# works DIR SECONDS: `MEDIAN P99 MOST LOST` of a cycle, in ms, and 1 where a bound lock beside it was lost
works() {
  # shellcheck disable=SC2016  # the other shell expands it
  run_as daemon bash -c '
    token() { getfattr --absolute-names --only-values -n user.lock.token "$1/bound"; }
    exec 9<>"$1/.with/ttl=500ms/bound"
    flock 9
    before=$(token "$1") || exit 1
    read -r _ median p99 most _ < <("$3" "$1/cycle" sleep "$2") || exit 1
    lost=0
    after=$(token "$1" 2>&1) || true
    if [ "$after" != "$before" ]; then
      lost=1
      echo "the bound lock had the token $before, and at the end: $after" >&2
    fi
    echo "$median $p99 $most $lost"' works "$1" "$2" "$work/programs/beside" |
    awk '{ printf "%.2f %.2f %.2f %d\n", $1 / 1000, $2 / 1000, $3 / 1000, $4 }'
}

# peak NAME: the most memory of a mount's daemon so far, in KiB
peak() {
  sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${daemon_of[$work/$1]}/status"
}

# mib KIB
mib() {
  calc "$1 / 1024" %.1f
}

# lines_of_log NAME: how many, and forgets them
lines_of_log() {
  local log=$work/$1.log
  tr -d '\0' <"$log" | wc -l
  tr -d '\0' <"$log" | sed -n '1,12s/^/    /p' >>"$work/hostile.said"
  : >"$log"
}

# hostile_rows NAME WORDS: of one mount
hostile_rows() {
  local dir=$work/$1 before fields hostile
  mkdir "$dir/many"
  "$programs/fill" "$dir/many" "$HOSTILE_LISTED" >/dev/null
  before=$(rss "$1")
  read -ra fields < <(works "$dir" "$HOSTILE_SECONDS") || die "the cycle on $1 failed"
  row "$2, alone" "${fields[@]}" "$(mib "$before")"
  before=$(rss "$1")
  # shellcheck disable=SC2086  # ways, one a word
  run_as nobody ${HOSTILE_CPUS:+taskset -c "$HOSTILE_CPUS"} "$work/programs/hostile" "$dir" many "$((HOSTILE_SECONDS + 4))" $HOSTILE_WAYS >"$work/hostile.$1" &
  hostile=$!
  # It has begun with everything.
  sleep 2
  fields=()
  read -ra fields < <(works "$dir" "$HOSTILE_SECONDS") || die "the cycle on $1 failed beside the hostile user"
  wait "$hostile" || die "the hostile user of $1 failed"
  row "$2, beside the hostile user" "${fields[@]}" "$(mib "$before")" "$(mib "$(rss "$1")")" "$(mib "$(peak "$1")")" \
    "$(lines_of_log "$1")"
}

measure_hostile() {
  local name succeeded refused
  if [ "$(id -u)" != 0 ]; then
    title 'a hostile user: this needs root'
    return 0
  fi
  # The two users come here too.
  chmod go+x "$work"
  mkdir "$work/programs"
  install -m 755 "$programs/beside" "$programs/hostile" "$work/programs"
  mount_lockfs memory memory: allow_other
  mount_lockfs tcp "$redis_tcp" allow_other
  title "a cycle of one user for $HOSTILE_SECONDS s while another does all to slow it: ms; bound locks lost; the daemon's memory before, after, at most: MiB; lines in its log"
  row '' median p99 most lost before after peak log
  set_share "$HOSTILE_NICE"
  hostile_rows memory memory
  hostile_rows tcp Redis
  set_share 0
  cat "$work/hostile.said" 2>/dev/null || true
  title 'what the hostile user did: calls that succeeded, and that were refused'
  row '' memory refused Redis refused
  while read -r name succeeded refused; do
    # shellcheck disable=SC2046  # two figures
    row "$name" "$succeeded" "$refused" $(sed -n "s/^$name //p" "$work/hostile.tcp")
  done <"$work/hostile.memory"
  echo "load at the end: $(cut -d ' ' -f 1-3 /proc/loadavg)"
  unmount_lockfs memory
  unmount_lockfs tcp
  redis FLUSHALL >/dev/null
}
