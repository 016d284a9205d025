# The targets beside the measured figures, and the picture. Loaded by run.
# shellcheck shell=bash disable=SC2153,SC2154

# target WORDS FIGURE TARGET least|most: nothing where the figure was not measured
target() {
  local reached=no
  [ -n "$2" ] || return 0
  if [ "$4" = most ]; then
    [ "$(calc "$2 <= $3" %d)" = 0 ] || reached=yes
  else
    [ "$(calc "$2 >= $3" %d)" = 0 ] || reached=yes
  fi
  printf '  %-58s %10s %10s  %s\n' "$1" "$2" "$([ "$4" = most ] && echo '≤' || echo '≥') $3" "$reached"
}

show_targets() {
  [ -n "$(ls "$work/figures")" ] || return 0
  title 'targets'
  target 'cycle, memory / hiredis over TCP' "$(ratio cycle_memory_1 cycle_raw_tcp_1)" 1.0 most
  target 'cycle, Redis over TCP / hiredis over TCP' "$(ratio cycle_tcp_1 cycle_raw_tcp_1)" 2.5 most
  target '16 processes, own directories, Redis / one' "$(ratio rate_tcp_dirs_16 rate_tcp_1)" 2.0 least
  target '16 processes, one directory, Redis / one' "$(ratio rate_tcp_16 rate_tcp_1)" 1.0 least
  target 'flock k true, Redis / on tmpfs' "$(ratio command_tcp command_tmpfs)" 1.4 most
  target 'flock k true, Redis / etcdctl lock k true' "$(ratio command_tcp command_etcd)" 0.2 most
  target 'hand-over / Redis round trip' "$(ratio handover round_trip)" 3 most
  target '100 queued, Redis commands for each' "$(figure queue_100_commands)" 4 most
  target 'cycle beside all locks / beside none, instructions' "$(ratio instructions_most instructions_0)" 1.1 most
  target "daemon's memory for each lock, bytes" "$(figure bytes_a_lock)" 256 most
  target "ls of $IN_DIRECTORY / of tmpfs" "$(ratio "ls_${IN_DIRECTORY}_memory" "ls_${IN_DIRECTORY}_tmpfs")" 5 most
  target 'idle: wake-ups a second, memory' "$(figure idle_memory)" 0.2 most
  target 'idle: wake-ups a second, Redis' "$(figure idle_tcp)" 0.2 most
  target 'idle: Redis commands a second' "$(figure idle_commands)" 0.1 most
}

# series NAME...: `PROCESSES RATE` of each way, a block for each
series() {
  local name processes rate
  for name; do
    echo "\"$(figure "name_$name")\""
    for processes in $PROCESSES; do
      ! rate=$(figure "rate_${name}_$processes") || echo "$processes $rate"
    done
    printf '\n\n'
  done
}

# draw FILE: rounds a second over processes, as SVG
draw() {
  local ways=(memory memory_dirs tcp tcp_dirs raw_tcp node)
  command -v gnuplot >/dev/null || { echo "bench: there is no gnuplot, so no picture" >&2; return 0; }
  [ -n "$(figure name_memory_dirs)" ] || return 0
  [ -n "$(figure name_node)" ] || unset 'ways[-1]'
  series "${ways[@]}" >"$work/series"
  gnuplot <<END
set terminal svg size 720,420 font "sans-serif,13" background "white"
set output "$1"
set title "acquire and release: rounds a second of all processes"
set logscale xy
set xlabel "processes"
set xtics (${PROCESSES// /, })
set grid ytics lc rgb "#dddddd"
set key outside right
plot for [i=0:$((${#ways[@]} - 1))] "$work/series" index i using 1:2 with linespoints lw 2 pt 7 title columnheader(1)
END
  echo "picture: $1"
}
