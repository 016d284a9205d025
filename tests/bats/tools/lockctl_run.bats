# lockctl run: a command that holds a lock, and what can go wrong with children.

load ../lib/helper

# Ends also what a failed test left, which would else keep the mount busy.
teardown() {
  local problems=0 pid
  for pid in "${supervisors[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
  done
  [ ! -e "$T/pids" ] || xargs -r kill -KILL <"$T/pids" 2>/dev/null || true
  end_mounts || problems=1
  return "$problems"
}

supervisors=()

# start ARGUMENT...: lockctl run in the background; its process is $supervisor
start() {
  rm -f "$T/out"  # what an earlier one said would be taken for its words
  env --default-signal=HUP,INT,QUIT "$LOCKCTL" run "$@" >"$T/out" 2>"$T/err" 3>&- &
  supervisor=$!
  supervisors+=("$supervisor")
}

# await_end: sets `got` to the exit status of the one in the background
await_end() {
  got=0
  wait_until 20 ended "$supervisor"
  wait "$supervisor" || got=$?
}

# ends WANTED: the exit status of the one in the background
ends() {
  local got
  await_end
  [[ $got == "$1" ]] || fail "ended with $got, expected $1" "$(cat "$T/err")"
}

says() {
  wait_until grep -qsx -- "$1" "$T/out"
}

waiters_are() {
  [ "$(lock "$M/job" waiters)" = "$1" ]
}

# Programs for the command: they note their process ids, so that each can be looked for.
note='echo $$ >>"$0/pids"; '

noted_ended() {
  local pid
  while read -r pid; do
    ended "$pid" || return 1
  done <"$T/pids"
}

@test "the lock is held while the command runs, and free when lockctl is back" {
  run -0 "$LOCKCTL" run -t 30s "$M/job" -- getfattr --absolute-names --only-values -n user.lock.ttl "$M/job"
  is 30.000 "$output"
  gone "$M/job"
}

@test "exit status, output, input and environment are the command's" {
  for wanted in 0 1 3 64 75 255; do
    run "$LOCKCTL" run "$M/job" -- sh -c "exit $wanted"
    is "$wanted " "$status $output"
  done
  run "$LOCKCTL" run "$M/job" -- sh -c 'kill -KILL $$'
  is "137 " "$status $output"
  run -127 "$LOCKCTL" run "$M/job" -- lockctl_is_nowhere
  run -126 "$LOCKCTL" run "$M/job" -- "$T"
  is words "$(echo words | "$LOCKCTL" run "$M/job" -- cat)"
  is "a  b|c*|" "$("$LOCKCTL" run "$M/job" -- printf '%s|' "a  b" 'c*')"
  is "de_DE.UTF-8 unset" "$(LC_ALL=de_DE.UTF-8 "$LOCKCTL" run "$M/job" -- sh -c 'echo $LC_ALL' 2>/dev/null) $(
    unset LC_ALL; "$LOCKCTL" run "$M/job" -- sh -c 'echo ${LC_ALL-unset}')"
  gone "$M/job"
}

@test "the command knows key, token and handle, and has no descriptor of the lock" {
  mkdir "$M/team"
  "$LOCKCTL" run -d "$M" team/job -- sh -c '
    echo "$LOCK_KEY $LOCK_TOKEN"
    getfattr --absolute-names --only-values -n user.lock.token "$1/team/job"; echo
    echo progress >"$LOCK_HANDLE"; cat "$1/team/job"
    ls -l /proc/self/fd | grep -c "team/job"' sh "$M" >"$T/out" || true
  mapfile -t lines <"$T/out"
  is "team/job ${lines[1]}" "${lines[0]}"
  is "progress 0" "${lines[2]} ${lines[3]}"
}

@test "a command that cannot be run is told in one line" {
  run -127 "$LOCKCTL" run "$M/job" -- /nowhere/program
  is "lockctl: cannot run /nowhere/program: No such file or directory" "$output"
  run -126 "$LOCKCTL" run "$M/job" -- "$T"
  is "lockctl: cannot run $T: Permission denied" "$output"
  gone "$M/job"
}

@test "the command has all descriptors of the caller, whatever their numbers" {
  echo eight >"$T/8"
  echo nine >"$T/9"
  is "eight nine three" "$("$LOCKCTL" run "$M/job" -- sh -c 'echo $(cat <&8) $(cat <&9) $(cat <&3)' 8<"$T/8" 9<"$T/9" 3<<<three)"
}

@test "lockctl run in lockctl run takes no time" {
  nested() {
    local start
    start=$(now_ms)
    "$LOCKCTL" run "$M/job" -- "$LOCKCTL" run "$M/inner" -- true
    echo $(($(now_ms) - start))
  }
  (($(nested) < 500 || $(nested) < 500 || $(nested) < 500)) || fail "it took $(nested) ms"
}

@test "timeout that kills lockctl ends its command" {
  run -137 timeout -s KILL 0.5 "$LOCKCTL" run "$M/job" -- sh -c "$note"'exec sleep 1000' "$T"
  wait_until noted_ended
  wait_until gone "$M/job"
}

@test "lockctl dies of the signal that its command died of" {
  python3 -IS - "$LOCKCTL" "$M/job" <<'PY'
import signal, subprocess, sys
for number in signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV:
    # Who runs the tests in the background ignores SIGINT, and so would the command.
    got = subprocess.run(["env", "--default-signal", sys.argv[1], "run", sys.argv[2], "--", "sh", "-c", "kill -%d $$" % number],
                         check=False).returncode
    assert got == -number, (number, got)
PY
}

@test "the owner is named after the command" {
  run -0 "$LOCKCTL" run "$M/job" -- getfattr --absolute-names --only-values -n user.lock.owner "$M/job"
  matches '.*@.*:[0-9]+ getfattr' "$output"
}

@test "who is refused does not run, and says who holds it" {
  : >"$M/.with/id=alice/job"
  run "$LOCKCTL" run "$M/job" -- touch "$T/ran"
  is 1 "$status"
  matches 'lockctl: job is held by alice for another [0-9].*' "$output"
  run "$LOCKCTL" run -E 9 "$M/job" -- touch "$T/ran"
  is 9 "$status"
  run "$LOCKCTL" run -E 9 -n 2 -i 50ms "$M/job" -- touch "$T/ran"
  is 9 "$status"
  run "$LOCKCTL" run -E 9 -w 200ms "$M/job" -- touch "$T/ran"
  is 9 "$status"
  [ ! -e "$T/ran" ]
  is alice "$(lock "$M/job" owner)"
}

@test "two of one session exclude each other, and the second waits" {
  mkfifo "$T/go"
  start "$M/job" -- sh -c "$note"'echo first; exec cat "$0/go"' "$T"
  says first
  run "$LOCKCTL" run "$M/job" -- true
  is 1 "$status"
  "$LOCKCTL" run -w 1m "$M/job" -- sh -c 'echo second >"$0/second"' "$T" 3>&- &
  waiter=$!
  supervisors+=("$waiter")
  : >"$T/go"
  ends 0
  wait_until 20 ended "$waiter"
  wait "$waiter"
  is second "$(cat "$T/second")"
}

@test "it waits for another's lock, and is first when it is released" {
  take_as_other "$M/job"
  start -w 1m "$M/job" -- sh -c 'echo runs'
  wait_until waiters_are 1
  rm "$M/.with/force/job"
  ends 0
  is runs "$(cat "$T/out")"
  gone "$M/job"
}

@test "commands with -s run at a time, also in one session, and exclude those without" {
  mkfifo "$T/go1" "$T/go2" "$T/go3"
  for n in 1 2; do
    start -s "$M/job" -- sh -c "$note"'echo runs >"$0/$1"; exec cat "$0/go$1"' "$T" "$n"
  done
  setsid "$LOCKCTL" run -s "$M/job" -- sh -c "$note"'echo runs >"$0/3"; exec cat "$0/go3"' "$T" 3>&- &
  supervisors+=($!)
  wait_until test -s "$T/1" -a -s "$T/2" -a -s "$T/3"
  is "shared 3" "$(lock "$M/job" mode) $(lock "$M/job" holders)"
  run "$LOCKCTL" run -E 9 "$M/job" -- true
  is 9 "$status"
  matches 'lockctl: job is shared, held by [^ ]* sh for another .*, and by 2 more' "$output"
  "$LOCKCTL" run -w 1m "$M/job" -- sh -c 'getfattr --absolute-names --only-values -n user.lock.mode "$0/job" >"$1/writer"' "$M" "$T" 3>&- &
  writer=$!
  supervisors+=("$writer")
  wait_until waiters_are 1
  # Later ones wait behind it.
  run "$LOCKCTL" run -s "$M/job" -- true
  is 1 "$status"
  for n in 1 2 3; do
    : >"$T/go$n"
  done
  for supervisor in "${supervisors[@]}"; do
    ends 0
  done
  is exclusive "$(cat "$T/writer")"
  gone "$M/job"
}

@test "a shared lock that is lost stops its command, and no other" {
  start -s -I alice "$M/job" -- sh -c "$note"'echo ready; exec sleep 1000' "$T"
  says ready
  first=$supervisor
  mkfifo "$T/go"
  "$LOCKCTL" run -s -I bob "$M/job" -- sh -c 'echo ready >"$0/second"; exec cat "$0/go"' "$T" 3>&- &
  second=$!
  supervisors+=("$second")
  wait_until test -s "$T/second"
  rm "$M/.with/id=alice/job"
  supervisor=$first
  ends 75
  noted_ended
  is "bob 1" "$(lock "$M/job" owner) $(lock "$M/job" holders)"
  : >"$T/go"
  supervisor=$second
  ends 0
  gone "$M/job"
}

@test "with -s and one id, each command has its own holding, and gives back no other" {
  mkfifo "$T/go1" "$T/go2"
  for n in 1 2; do
    start -s -I alice "$M/job" -- sh -c "$note"'echo runs >"$0/$1"; exec cat "$0/go$1"' "$T" "$n"
    wait_until test -s "$T/$n"
  done
  first=${supervisors[0]}
  : >"$T/go2"
  ends 0
  wait_until eval '[ "$(lock "$M/job" holders)" = 1 ]'
  kill -0 "$first"
  : >"$T/go1"
  supervisor=$first
  ends 0
  wait_until gone "$M/job"
}

@test "lockctl run -s killed: its holding ends after its command, and the others stay" {
  start -s "$M/job" -- sh -c "$note"'echo ready; exec sleep 1000' "$T"
  says ready
  wait_until has_guard
  session sh -c ': >"$0/.with/shared,id=bob/job"' "$M"
  kill -KILL "$supervisor"
  ends 137
  while ! noted_ended; do
    [ "$(lock "$M/job" holders)" = 2 ] || noted_ended || fail "the holding ended, and the command runs"
  done
  wait_until eval '[ "$(lock "$M/job" holders)" = 1 ]'
  is bob "$(lock "$M/job" owner)"
}

# Several locks

@test "-a takes further locks, with variables of their own, and gives all back" {
  mkdir "$M/team"
  run -0 "$LOCKCTL" run -d "$M" -a b -a team/c a -- sh -c 'ls "$0"; echo "$LOCK_KEY $LOCK_KEY_2 $LOCK_KEY_3"
    getfattr --absolute-names --only-values -n user.lock.token "$LOCK_HANDLE_3"; echo; echo "$LOCK_TOKEN_3"' "$M"
  is "a b team a b team/c" "${lines[*]:0:4}"
  is "${lines[4]}" "${lines[5]}"
  is team "$(ls "$M")"
  # A key that is given twice is one lock.
  run -0 "$LOCKCTL" run -d "$M" -a a -a a a -- true
}

@test "several locks are taken in the order of their keys, so that two commands never wait for each other" {
  for n in {1..8}; do
    "$LOCKCTL" run -d "$M" -w 1m -a a b -- true 3>&- &
    first=$!
    "$LOCKCTL" run -d "$M" -w 1m -a b a -- true 3>&- &
    second=$!
    supervisors+=("$first" "$second")
    wait_until 20 ended "$first"
    wait_until 20 ended "$second"
    wait "$first"
    wait "$second"
  done
  take_as_other "$M/a"
  start -w 1m -d "$M" -a a b -- true
  wait_until eval '[ "$(lock "$M/a" waiters)" = 1 ]'
  gone "$M/b"
  rm "$M/.with/force/a"
  ends 0
}

@test "if one of several locks is held, the others are given back" {
  take_as_other "$M/b"
  run "$LOCKCTL" run -d "$M" -a a -a b -a c c -- touch "$T/ran"
  is 1 "$status"
  matches "lockctl: b is held by .*" "$output"
  is b "$(ls "$M")"
  [ ! -e "$T/ran" ]
}

@test "if one of several locks is lost, the command is stopped" {
  start -d "$M" -a b a -- sh -c "$note"'echo ready; exec sleep 1000' "$T"
  says ready
  rm "$M/.with/force/b"
  ends 75
  noted_ended
  contains "b is lost" "$(cat "$T/err")"
  wait_until gone "$M/a"
}

# Notification

@test "--notify writes JSON to a descriptor when the lock is acquired, lost and released" {
  "$LOCKCTL" run --notify 5 -d "$M" $'a\xff' -- true 5>"$T/events"
  start -d "$M" --notify 5 job -- sleep 1000 5>>"$T/events"
  wait_until grep -q '"job"' "$T/events"
  rm "$M/.with/force/job"
  ends 75
  python3 -IS - "$T/events" <<'PY'
import json, re, sys
events = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert [(e["event"], e["key"]) for e in events] == [("ACQUIRED", "a\udcff"), ("RELEASED", "a\udcff"), ("ACQUIRED", "job"), ("LOST", "job")], events
assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["time"]) for e in events), events
assert events[0]["token"] == events[1]["token"] < events[2]["token"], events
PY
}

@test "--notify runs a command with the event, which is not waited for" {
  "$LOCKCTL" run -d "$M" --notify 'echo "$1 $2 $LOCK_EVENT $LOCK_KEY" >>'"$T/told" job -- sleep 0.2
  wait_until has_lines "$T/told" 2
  is "ACQUIRED job ACQUIRED job RELEASED job RELEASED job" "$(paste -sd ' ' "$T/told")"
  start -d "$M" --notify 'exec sleep 3' job -- true
  ends 0
}

# Permits

# permits_are N: so many locks are in $M/pool
permits_are() {
  [ "$(find "$M/pool" -type f | wc -l)" = "$1" ]
}

# holds_permit NAME: starts a command with one of 2 permits, which runs until $T/goNAME is opened
holds_permit() {
  mkfifo "$T/go$1"
  start -w 1m -L 2 "$M/pool" -- sh -c "$note"'echo "$1" >>"$0/began"; exec cat "$0/go$1"' "$T" "$1"
}

began() {
  [ "$(paste -sd ' ' "$T/began" 2>/dev/null)" = "$1" ]
}

@test "run -L makes the directory with its limit, and takes a lock in it under a name of its own" {
  run -0 "$LOCKCTL" run -L 2 -t 30s "$M/a/pool" -- sh -c 'cd "$0/a/pool" && echo * && getfattr --only-values -n user.lock.ttl *
    echo; echo "$LOCK_KEY"; getfattr --only-values -n user.lock.limit .' "$M"
  matches '[^ /]+-[0-9]+-[0-9a-f]{8}' "${lines[0]}"
  is "30.000 a/pool/${lines[0]} 2" "${lines[1]} ${lines[2]} ${lines[3]}"
  is "" "$(ls "$M/a/pool")"
  is 2 "$(lock "$M/a/pool" limit)"
}

@test "as many commands run as there are permits, and those that wait have their turn" {
  holds_permit 1
  wait_until began 1
  holds_permit 2
  wait_until began "1 2"
  run "$LOCKCTL" run -E 9 -L 2 "$M/pool" -- touch "$T/ran"
  is 9 "$status"
  is "lockctl: pool is full: 2 of 2 locks are held, and 0 wait for room" "$output"
  run "$LOCKCTL" run -E 9 -w 200ms -L 2 "$M/pool" -- touch "$T/ran"
  is 9 "$status"
  holds_permit 3
  wait_until eval '[ "$(lock "$M/pool" waiters)" = 1 ]'
  setsid "$LOCKCTL" run -w 1m -L 2 "$M/pool" -- sh -c 'echo 4 >>"$0/began"' "$T" 3>&- &
  supervisors+=($!)
  wait_until eval '[ "$(lock "$M/pool" waiters)" = 2 ]'
  : >"$T/go2"
  wait_until began "1 2 3"
  : >"$T/go3"
  wait_until began "1 2 3 4"
  : >"$T/go1"
  for supervisor in "${supervisors[@]}"; do
    ends 0
  done
  permits_are 0
  [ ! -e "$T/ran" ]
}

@test "signals while waiting for room end it at once, and leave no waiter" {
  mkdir "$M/pool"
  take "$M/pool/job"
  for signal in TERM KILL; do
    start -w forever -L 1 "$M/pool" -- touch "$T/ran"
    wait_until eval '[ "$(lock "$M/pool" waiters)" = 1 ]'
    kill -s "$signal" "$supervisor"
    ends $((128 + $(kill -l "$signal")))
    wait_until eval '[ "$(lock "$M/pool" waiters)" = 0 ]'
  done
  [ ! -e "$T/ran" ]
}

@test "lockctl run -L killed: its command is stopped, and then its permit is free" {
  start -L 1 "$M/pool" -- sh -c "$note"'echo ready; exec sleep 1000' "$T"
  says ready
  wait_until has_guard
  kill -KILL "$supervisor"
  ends 137
  while ! noted_ended; do
    permits_are 1 || noted_ended || fail "the permit is free, and the command runs"
  done
  run -0 "$LOCKCTL" run -w 20 -L 1 "$M/pool" -- echo mine
  is mine "$output"
}

@test "a limit that is lowered evicts nobody, and the last one counts" {
  holds_permit 1
  wait_until began 1
  holds_permit 2
  wait_until began "1 2"
  run "$LOCKCTL" run -L 1 "$M/pool" -- true
  is 1 "$status"
  is "lockctl: pool is full: 2 of 1 locks are held, and 0 wait for room" "$output"
  permits_are 2
  run -0 "$LOCKCTL" run -L 3 "$M/pool" -- true
  is 3 "$(lock "$M/pool" limit)"
  for n in 1 2; do
    : >"$T/go$n"
  done
  for supervisor in "${supervisors[@]}"; do
    ends 0
  done
}

@test "who may not set the limit runs below a lower one only" {
  need_root
  unmount_lockfs
  mount_lockfs -o allow_other
  cp "$LOCKCTL" "$T/lockctl"
  mkdir -m 755 "$M/pool"
  as() { TMPDIR=/tmp run as_user nobody "$T/lockctl" run -L "$@"; }
  as 2 "$M/pool" -- true
  is 77 "$status"
  matches "lockctl: cannot set the limit of pool: (Operation not permitted|Permission denied); .*" "$output"
  setfattr -n user.lock.limit -v 3 "$M/pool"
  as 2 "$M/pool" -- true
  is 77 "$status"
  is 3 "$(lock "$M/pool" limit)"
  # The root of the mount is for all to lock in, and not for all to limit.
  setfattr -n user.lock.limit -v 3 "$M"
  for limit in 3 4; do
    as "$limit" "$M" -- echo mine
    is "0 mine" "$status $output"
  done
  as 2 "$M" -- true
  is 77 "$status"
  is 3 "$(lock "$M" limit)"
}

@test "wrong use of permits is 64, and makes no directory" {
  take "$M/job"
  for args in "-L 0 $M/pool" "-L -1 $M/pool" "-L x $M/pool" "-L 03 $M/pool" "-L 1000001 $M/job/pool" "-s -L 2 $M/pool" \
    "-L 2 $M/job" "-L 2 $M/job/pool"; do
    # shellcheck disable=SC2086  # some words
    run "$LOCKCTL" run $args -- true
    is "64 1 line of: $args" "$status ${#lines[@]} line of: $args"
    contains "lockctl: " "$output"
  done
  is job "$(ls "$M")"
  run "$LOCKCTL" run -L 99999999999999999999 "$M/pool" -- true
  is 64 "$status"
}

@test "signals while waiting end it at once, and leave no waiter" {
  for signal in TERM INT HUP KILL; do
    take_as_other "$M/job"
    start -w forever "$M/job" -- touch "$T/ran"
    wait_until waiters_are 1
    kill -s "$signal" "$supervisor"
    ends $((128 + $(kill -l "$signal")))
    wait_until waiters_are 0
    rm "$M/.with/force/job"
    gone "$M/job"
  done
  [ ! -e "$T/ran" ]
}

@test "signals are passed to the command, whose status counts" {
  for signal in HUP INT QUIT TERM USR1 USR2; do
    start "$M/job" -- bash -c "$note"'trap "echo got $1; exit 42" "$1"; echo ready; while :; do sleep 0.01; done' "$T" "$signal"
    says ready
    kill -s "$signal" "$supervisor"
    ends 42
    is "ready got $signal" "$(paste -sd ' ' "$T/out")"
    gone "$M/job"
  done
}

@test "a command that a signal ends is told as 128 and its number" {
  for signal in INT TERM; do
    start "$M/job" -- bash -c "$note"'echo ready; exec sleep 1000' "$T"
    says ready
    kill -s "$signal" "$supervisor"
    ends $((128 + $(kill -l "$signal")))
    gone "$M/job"
  done
}

@test "many signals lose neither the status nor the lock" {
  start "$M/job" -- bash -c "$note"'n=0; trap "n=\$((n + 1))" USR1; echo ready; while [ "$n" -lt 5 ]; do sleep 0.01; done; exit 7' "$T"
  says ready
  while ! ended "$supervisor"; do
    kill -USR1 "$supervisor" 2>/dev/null || break
    sleep 0.005
  done
  ends 7
  gone "$M/job"
}

@test "what the command leaves in its group is stopped before the lock is given back" {
  start -k 300ms "$M/job" -- bash -c '
    (trap "" TERM; echo $BASHPID >>"$0/pids"; while :; do sleep 0.1; done) &
    until [ -s "$0/pids" ]; do sleep 0.01; done
    exit 5' "$T"
  ends 5
  noted_ended
  gone "$M/job"
}

@test "orphaned grandchildren do not keep the lock, also those that left the group" {
  "$LOCKCTL" run "$M/job" -- setsid sh -c "$note"'exec sleep 1000' "$T" 3>&- &
  supervisor=$!
  supervisors+=("$supervisor")
  wait_until [ -s "$T/pids" ]
  read -r daemon <"$T/pids"
  kill -TERM "$supervisor" 2>/dev/null || ended "$supervisor"
  wait_until ended "$supervisor"
  wait_until gone "$M/job"
  kill -KILL "$daemon" 2>/dev/null || true
}

# Bash loses the status of a child that ends as a signal interrupts its `wait`.
@test "a signal at the instant at which the command ends is neither a hang nor its status" {
  local n got
  for n in {1..60}; do
    rm -f "$T/pids"
    start "$M/job" -- bash -c "$note"'exit 7' "$T"
    wait_until [ -s "$T/pids" ]
    kill -TERM "$supervisor" 2>/dev/null || ended "$supervisor"
    await_end
    # 143: the command was there still, and ended by it.
    [[ $got == 7 || $got == 143 ]] || fail "round $n ended with $got" "$(cat "$T/err")"
    gone "$M/job"
  done
}

@test "the command ignores no signal that lockctl does not" {
  ignored=(grep SigIgn /proc/self/status)
  is "$("${ignored[@]}")" "$("$LOCKCTL" run "$M/job" -- "${ignored[@]}")"
}

# Loss

@test "a lost lock stops the whole group, and has a status of its own" {
  start -k 200ms "$M/job" -- bash -c '
    (trap "" TERM; echo $BASHPID >>"$0/pids"; while :; do sleep 0.1; done) &
    echo $$ >>"$0/pids"; trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done' "$T"
  says ready
  rm "$M/.with/force/job"
  ends 75
  noted_ended
  contains "job is lost" "$(cat "$T/err")"
}

# has_guard: the guard has begun to watch over lockctl; its process is $guard
has_guard() {
  guard=$(pgrep -P "$supervisor" -x lockctl-guard) && [ "$(readlink "/proc/$guard/cwd")" = / ]
}

@test "an idle lockctl run sleeps: neither it nor its guard runs once while nothing happens" {
  start "$M/job" -- sh -c "$note"'echo ready; exec sleep 1000' "$T"
  says ready
  wait_until has_guard
  sleep 0.2
  switches() { cat "/proc/$supervisor/status" "/proc/$guard/status" | grep ctxt; }
  before=$(switches)
  sleep 1.5
  is "$before" "$(switches)"
  rm "$M/.with/force/job"
  ends 75
  noted_ended
}

@test "a daemon that dies is a loss" {
  start "$M/job" -- sh -c "$note"'echo ready; exec sleep 1000' "$T"
  says ready
  kill -KILL "${daemon_of[$M]}"
  daemon_ended "$M"
  ends 75
  noted_ended
}

@test "a lock that was lost unseen is told at the end" {
  run "$LOCKCTL" run "$M/job" -- sh -c 'trap "" TERM; rm "$0/.with/force/job"; exit 0' "$M"
  is 75 "$status"
}

@test "a lost lock is not taken by dd conv=nocreat of the handle, which writes while it is held" {
  run "$LOCKCTL" run "$M/job" -- sh -c '
    trap "" TERM
    write() { echo progress | dd conv=nocreat status=none of="$LOCK_HANDLE"; }
    write && cat "$0/job"
    rm "$0/.with/force/job"
    write || ls -A "$0"' "$M"
  is 75 "$status"
  is progress "${lines[0]}"
  contains "No such file or directory" "$output"
  gone "$M/job"
}

@test "lockctl killed: its command is stopped first, and the lock ends after it" {
  start "$M/job" -- sh -c "$note"'echo ready; exec sleep 1000' "$T"
  says ready
  wait_until has_guard
  kill -KILL "$supervisor"
  ends 137
  # As long as the command runs, nobody else has the lock.
  while ! noted_ended; do
    [ -e "$M/job" ] || noted_ended || fail "the lock is free, and the command runs"
  done
  wait_until gone "$M/job"
}

@test "lockctl killed, and its guard too: the command ends with them" {
  start "$M/job" -- bash -c "$note"'trap "" TERM; echo ready; while :; do sleep 0.1; done' "$T"
  says ready
  wait_until has_guard
  kill -KILL "$guard" "$supervisor"
  ends 137
  wait_until noted_ended
  wait_until gone "$M/job"
}

@test "a lease is renewed for as long as the command runs" {
  mkfifo "$T/go"
  start -t 3s "$M/job" -- sh -c "$note"'echo ready; exec cat "$0/go"' "$T"
  says ready
  token=$(lock "$M/job" token)
  end=$(($(now_ms) + 5000))
  while (($(now_ms) < end)); do
    is "$token" "$(lock "$M/job" token)"
  done
  : >"$T/go"
  ends 0
}

@test "with an id, the lock is that id's" {
  run -0 "$LOCKCTL" run -I alice "$M/job" -- getfattr --absolute-names --only-values -n user.lock.owner "$M/job"
  is alice "$output"
  gone "$M/job"
}

@test "nothing that lockctl started holds a pipe of its caller open" {
  is words "$(deadline 20 "$LOCKCTL" run "$M/job" -- echo words)"
}
