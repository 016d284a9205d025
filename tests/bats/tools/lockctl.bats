# lockctl: what each command does, says and answers. `run` has lockctl_run.bats.

load ../lib/helper

lockctl() {
  "$LOCKCTL" "$@"
}

other_lockctl() {
  session "$LOCKCTL" "$@"
}

# answers STATUS OUTPUT ARGUMENT...: all that it says, on both ways
answers_with() {
  local status=$1 output=$2 got=0 said
  shift 2
  said=$(lockctl "$@" 2>&1) || got=$?
  is "$status $output" "$got $said"
}

@test "each command has its answer, as an exit status and a word" {
  take_as_other "$M/theirs"
  cd "$M"
  answers() {
    local wanted=$1 got
    shift
    got=$("$LOCKCTL" "$@"; echo "$?")
    is "$*: $wanted" "$*: $(paste -sd ' ' <<<"$got")"
  }
  answers 0 acquire job
  answers 1 acquire job
  answers "ACQUIRED 0" state job
  answers 0 refresh job
  answers 0 refresh -t 30s job
  is 30.000 "$(lock job ttl)"
  answers "UNAVAILABLE 0" state theirs
  answers 1 acquire theirs
  answers 1 release theirs
  answers 1 refresh theirs
  answers 0 release job
  answers 1 release job
  answers 1 refresh job
  answers "FREE 0" state job
  answers 0 acquire -t never -I me job
  answers "UNAVAILABLE 0" state job
  answers "ACQUIRED 0" state -I me job
  answers 1 refresh -I me job
  answers 0 force-release job
  answers 1 force-release job
}

@test "acquire takes with the lease and id that are given" {
  lockctl acquire -t 30s -I alice "$M/job"
  is "alice 30.000" "$(lock "$M/job" owner) $(lock "$M/job" ttl)"
}

@test "a no changes nothing, and is silent" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  for command in acquire release refresh; do
    answers_with 1 "" "$command" "$M/job"
  done
  answers_with 1 "" wait -w 0.1 "$M/job"
  unchanged "$before" "$M/job"
}

@test "--or-fail names key and holder" {
  : >"$M/.with/id=alice@web1:4242 backup.sh/job"
  # One look for each, as a machine under load may take seconds from one to the next.
  says() {
    local before=$1
    shift
    setfattr -n user.lock.ttl -v 192.99 "$M/.with/id=alice@web1:4242 backup.sh/job"
    run lockctl "$@"
    is 1 "$status"
    matches "lockctl: ${before}job is held by alice@web1:4242 backup.sh for another 3 min (12|11|10|9) s" "$output"
  }
  says "" acquire --or-fail "$M/job"
  says "not released: " release --or-fail "$M/job"
  says "not refreshed: " refresh --or-fail "$M/job"
  says "not free: " wait --or-fail -w 0.05 "$M/job"
}

@test "--or-fail words all lengths, and a lock that never expires or is free" {
  lockctl acquire -t never -I bob "$M/job"
  answers_with 1 "lockctl: job is held by bob and never expires" acquire --or-fail "$M/job"
  answers_with 1 "lockctl: not refreshed: job is held by bob and never expires" refresh --or-fail -I bob "$M/job"
  lockctl force-release "$M/job"
  answers_with 1 "lockctl: not released: job is free" force-release --or-fail "$M/job"
  while read -r ttl words; do
    lockctl acquire -t "$ttl" -I bob "$M/job"
    answers_with 1 "lockctl: job is held by bob for another $words" acquire --or-fail "$M/job"
    lockctl force-release "$M/job"
  done <<'LEASES'
3659.9 1 h 0 min
7199.9 1 h 59 min
90000 1 d 0 h
183599.9 2 d 2 h
LEASES
  take "$M/.with/ttl=59/job"
  matches "lockctl: job is held by .* for another [0-9]+ s" "$(lockctl acquire --or-fail "$M/job" 2>&1 || true)"
}

@test "a file that is only open is no lock: it is free to acquire" {
  exec 9<>"$M/job"
  answers_with 0 FREE state "$M/job"
  answers_with 0 "" wait "$M/job"
  answers_with 1 "lockctl: not refreshed: job is free" refresh --or-fail -t 30s "$M/job"
  is "" "$(ls -A "$M")"
  other_lockctl acquire "$M/job"
  answers_with 0 UNAVAILABLE state "$M/job"
  exec 9>&-
  answers_with 0 UNAVAILABLE state "$M/job"
}

@test "the name of a holder cannot steer the terminal" {
  : >"$M/.with/id="$'\e'"[2Jbad/job"
  contains 'job is held by \033[2Jbad for another' "$(lockctl acquire --or-fail "$M/job" 2>&1 || true)"
  contains '\033[2Jbad' "$(lockctl ls "$M")"
}

@test "refresh counts the lease anew" {
  lockctl acquire -t 20s "$M/job"
  lockctl refresh -t 100s "$M/job"
  remains "$M/job" 95000 100000
  lockctl refresh -t 10s "$M/job"
  lockctl refresh "$M/job"
  is 10.000 "$(lock "$M/job" ttl)"
}

# Shared locks

@test "acquire -s shares a lock with those who share it, and is refused by one who does not" {
  lockctl acquire -s "$M/job"
  answers_with 1 "" acquire -s "$M/job"
  other_lockctl acquire -s -t 30s "$M/job"
  is "shared 2" "$(lock "$M/job" mode) $(lock "$M/job" holders)"
  run other_lockctl acquire "$M/job"
  is 1 "$status"
  lockctl release "$M/job"
  answers_with 1 "" release "$M/job"
  is "shared 1 30.000" "$(lock "$M/job" mode) $(lock "$M/job" holders) $(lock "$M/job" ttl)"
  lockctl force-release "$M/job"
  lockctl acquire "$M/job"
  run other_lockctl acquire -s "$M/job"
  is 1 "$status"
  is "exclusive" "$(lock "$M/job" mode)"
}

@test "acquire -s with an id and a time to wait waits for the exclusive holder" {
  lockctl acquire -I alice "$M/job"
  other_lockctl acquire -s -I bob -t 30s -w 1m "$M/job" 3>&- &
  waiter=$!
  wait_until eval '[ "$(lock "$M/job" waiters)" = 1 ]'
  lockctl release -I alice "$M/job"
  wait "$waiter"
  is "bob 30.000 shared" "$(lock "$M/job" owner) $(lock "$M/job" ttl) $(lock "$M/job" mode)"
}

@test "a path through the view shared is as good as -s" {
  lockctl acquire "$M/.with/shared,id=alice/job"
  lockctl acquire "$M/.with/shared,id=bob/job"
  is "shared 2" "$(lock "$M/job" mode) $(lock "$M/job" holders)"
}

@test "state and --or-fail tell that a lock is shared, and by how many" {
  lockctl acquire -s -I alice -t never "$M/job"
  answers_with 0 "UNAVAILABLE shared by 1" state "$M/job"
  answers_with 0 "ACQUIRED shared by 1" state -I alice "$M/job"
  answers_with 1 "lockctl: job is shared, held by alice and never expires" acquire --or-fail "$M/job"
  lockctl acquire -s -I bob -t 59s "$M/job"
  answers_with 0 "ACQUIRED shared by 2" state -I bob "$M/job"
  answers_with 1 "lockctl: not free: job is shared, held by alice and never expires, and by 1 more" wait --or-fail -w 0.05 "$M/job"
  run lockctl acquire --or-fail -I bob "$M/job"
  matches "lockctl: job is shared, held by bob for another [0-9]+ s, and by 1 more" "$output"
  lockctl acquire -I carol -w forever "$M/job" 3>&- &
  waiter=$!
  wait_until eval '[ "$(lock "$M/job" waiters)" = 1 ]'
  # Who waits in front keeps out who would share.
  answers_with 1 "lockctl: job is shared, held by alice and never expires, and by 1 more; 1 wait" acquire --or-fail -s "$M/job"
  lockctl force-release "$M/job"
  wait "$waiter"
  answers_with 0 UNAVAILABLE state "$M/job"
}

@test "ls tells which locks are shared, and by how many" {
  for id in alice bob carol; do
    lockctl acquire -s -I "$id" -t never "$M/job"
  done
  run -0 lockctl ls "$M"
  matches "job  alice and 2 more  shared  never +0 +$(lock "$M/job" token)" "${lines[1]}"
  contains '"mode":"shared","holders":3}' "$(lockctl ls --json "$M")"
}

# Directories with a limit

# limited LIMIT NAME...: makes the directory $M/pool with this limit, and these locks in it
limited() {
  mkdir "$M/pool"
  setfattr -n user.lock.limit -v "$1" "$M/pool"
  shift
  for name; do
    lockctl acquire -I "$name" -t never "$M/pool/$name"
  done
}

@test "state tells the room in a directory with a limit" {
  limited 2 alice
  mkdir "$M/pool/below"
  take "$M/pool/below/job"
  answers_with 0 "ROOM 1 of 2, 0 waiting" state "$M/pool"
  take "$M/pool/"$'new\nline'
  answers_with 0 "FULL 2 of 2, 0 waiting" state -d "$M" pool
  other_lockctl acquire -w forever "$M/pool/job" 3>&- &
  waiter=$!
  wait_until eval '[ "$(lock "$M/pool" waiters)" = 1 ]'
  answers_with 0 "FULL 2 of 2, 1 waiting" state "$M/pool"
  lockctl force-release "$M/pool/alice"
  wait "$waiter"
  setfattr -n user.lock.limit -v 1 "$M"
  answers_with 0 "ROOM 0 of 1, 0 waiting" state "$M"
}

@test "a lock that finds no room is refused, and --or-fail says so" {
  limited 1 alice
  answers_with 1 "lockctl: pool is full: 1 of 1 locks are held, and 0 wait for room" acquire --or-fail "$M/pool/job"
  answers_with 1 "lockctl: pool is full: 1 of 1 locks are held, and 0 wait for room" acquire --or-fail -s "$M/pool/job"
  answers_with 1 "lockctl: pool is full: 1 of 1 locks are held, and 0 wait for room" acquire --or-fail -w 0.1 "$M/pool/job"
  answers_with 1 "lockctl: pool is full: 1 of 1 locks are held, and 0 wait for room" acquire --or-fail -n 2 -i 0.1 "$M/pool/job"
  answers_with 1 "lockctl: pool/alice is held by alice and never expires" acquire --or-fail "$M/pool/alice"
  answers_with 1 "lockctl: not released: pool/job is free" release --or-fail "$M/pool/job"
  is alice "$(ls "$M/pool")"
}

@test "wait ends when a directory has room, and gives up after -w" {
  limited 1 alice
  answers_with 1 "lockctl: not free: pool is full: 1 of 1 locks are held, and 0 wait for room" wait --or-fail -w 0.1 "$M/pool"
  lockctl wait -i 0.1 "$M/pool" 3>&- &
  waiter=$!
  (trap '' EXIT; ! wait_until 1 ended "$waiter" 2>"$T/out")
  lockctl force-release "$M/pool/alice"
  wait_until ended "$waiter"
  wait "$waiter"
  lockctl wait "$M/pool"
}

@test "ls shows directories with a limit, wherever they are" {
  limited 2 alice
  mkdir "$M/a b\\" "$M/a b\\/c" "$M/plain"
  setfattr -n user.lock.limit -v 3 "$M/a b\\/c"
  run -0 lockctl ls -R "$M"
  is 4 "${#lines[@]}"
  matches 'a b\\134/c/ +0 of 3 taken  limit +- +0 +-' "${lines[1]}"
  matches 'pool/ +1 of 2 taken  limit +- +0 +-' "${lines[2]}"
  matches 'pool/alice +alice +exclusive +never +0 +[0-9]+' "${lines[3]}"
  run -0 lockctl ls -d "$M" pool
  is 3 "${#lines[@]}"
  matches 'pool/ +1 of 2 taken .*' "${lines[1]}"
  is '{"key":"a b\\/c/","limit":3,"taken":0,"waiters":0}, {"key":"pool/","limit":2,"taken":1,"waiters":0}' \
    "$(lockctl ls -R --json "$M" | grep limit | sed 's/^ *//; s/,$//' | paste -sd, | sed 's/},/}, /')"
  python3 -c 'import json, sys; json.load(sys.stdin)' < <(lockctl ls -R --json "$M")
  setfattr -n user.lock.limit -v 5 "$M"
  matches '\./ +0 of 5 taken .*' "$(lockctl ls "$M" | sed -n 2p)"
}

# Waiting

@test "wait is over at once where the lock is free, which stays free" {
  lockctl wait "$M/job"
  gone "$M/job"
}

@test "wait ends when the lock is released, or its lease is over" {
  take_as_other "$M/job"
  lockctl wait -i 0.1 "$M/job" 3>&- &
  waiter=$!
  (trap '' EXIT; ! wait_until 1 ended "$waiter" 2>"$T/out")
  rm "$M/.with/force/job"
  wait_until ended "$waiter"
  wait "$waiter"
  take_brief "$M/.with/ttl=300ms/job"
  lockctl wait -i 1h "$M/job"
  gone "$M/job"
}

@test "wait gives up after -w" {
  take_as_other "$M/job"
  start=$(now_ms)
  answers_with 1 "" wait -w 300ms "$M/job"
  (($(now_ms) - start >= 300)) || fail "too early"
}

# Handles

@test "a handle is all that another session needs" {
  lockctl acquire "$M/job"
  handle=$(lockctl handle "$M/job")
  matches '\.with/id=[0-9a-f]{32},ttl=300\.000/job' "$handle"
  is ACQUIRED "$(other_lockctl state -d "$M" "$handle")"
  other_lockctl refresh -d "$M" -t 30s "$handle"
  other_lockctl release -d "$M" "$handle"
  gone "$M/job"
}

@test "a path through a view carries its id and lease" {
  lockctl acquire "$M/.with/ttl=30s,id=alice/job"
  is "alice 30.000" "$(lock "$M/job" owner) $(lock "$M/job" ttl)"
  lockctl release "$M/.with/id=alice/job"
  gone "$M/job"
}

# Which lock

@test "a key is a path, or below -d or LOCKFS_DIR" {
  mkdir "$M/team"
  take "$M/team/job"
  cd "$T"
  for args in mnt/team/job ./mnt/team/job "$M/team/job" "$M/./team/../team/job" "-d mnt team/job" "-d mnt/team job" \
    "-d $M ./mnt/team/job"; do
    # shellcheck disable=SC2086  # of two words
    is "$args: ACQUIRED" "$args: $(lockctl state $args)"
  done
  is ACQUIRED "$(LOCKFS_DIR=$M lockctl state team/job)"
  is ACQUIRED "$(LOCKFS_DIR=/nowhere lockctl state -d "$M/team" job)"
  cd "$M/team"
  is ACQUIRED "$(lockctl state job)"
}

# The helpers do not know such names, so it is unmounted before anything can fail.
@test "a mount is found through symbolic links, and with blanks in its name" {
  dir=$T/$'a b\tc\\d'
  mkdir "$dir"
  ln -s "$dir" "$T/link"
  "$LOCKFS" memory: "$dir"
  run lockctl acquire -t 30s "$T/link/job"
  got=$(getfattr --only-values --absolute-names -n user.lock.ttl "$dir/job" 2>&1 || true)
  wait_until fusermount3 -u "$dir" 2>"$T/out" || umount -l "$dir"
  is "0 30.000" "$status $got"
}

@test "a part of a mount that is bound elsewhere leads to its whole" {
  need_root
  mkdir "$M/team" "$T/bound"
  mount --bind "$M/team" "$T/bound"
  lockctl acquire -t 30s "$T/bound/job"
  is 30.000 "$(lock "$M/team/job" ttl)"
  umount "$T/bound"
}

@test "keys of any bytes" {
  for name in "a b" "-x" "tab	key" 'back\slash"' $'new\nline' jöb "busy: File exists"; do
    lockctl acquire -d "$M" -- "$name"
    is ACQUIRED "$(lockctl state -d "$M" -- "$name")"
    answers_with 1 "" acquire -d "$M" -- "$name"
    lockctl release -d "$M" -- "$name"
  done
  is "" "$(ls -A "$M")"
}

# ls

@test "ls prints a table" {
  mkdir "$M/team"
  : >"$M/.with/id=alice,ttl=never/job"
  : >"$M/.with/id=bob,ttl=5m/team/jöb"
  run -0 lockctl ls -R "$M"
  is 3 "${#lines[@]}"
  matches 'KEY +HOLDER +MODE +REMAINING +WAITERS +TOKEN' "${lines[0]}"
  matches "job       alice   exclusive  never +0 +$(lock "$M/job" token)" "${lines[1]}"
  matches "team/jöb  bob     exclusive  [1-4] min .* +0 +$(lock "$M/team/jöb" token)" "${lines[2]}"
  run -0 lockctl ls -d "$M" team
  is 2 "${#lines[@]}"
  run -0 lockctl ls "$M/job"
  is 2 "${#lines[@]}"
  answers_with 1 "lockctl: there is no lock and no directory none" ls "$M/none"
}

@test "ls --json is JSON, whatever the names" {
  is "[]" "$(lockctl ls --json "$M")"
  : >"$M/.with/id=\"bob\"\\,ttl=never/"$'a\n"b\\c\td\001é'
  take "$M/.with/ttl=100s/job"
  lockctl ls --json "$M" >"$T/out"
  python3 -IS - "$T/out" "$(lock "$M/job" token)" "$(lock "$M/job" owner)" <<'PY'
import json, sys
first, second = json.load(open(sys.argv[1], encoding="utf-8"))
assert first["key"] == 'a\n"b\\c\td\001é', first
assert first["owner"] == '"bob"\\', first
assert first["state"] == "UNAVAILABLE" and first["remaining"] is None and first["ttl"] is None, first
assert 90 < second.pop("remaining") <= 100, second
assert second == {"key": "job", "owner": sys.argv[3], "state": "ACQUIRED", "ttl": 100, "waiters": 0,
                  "token": int(sys.argv[2]), "mode": "exclusive", "holders": 1}, second
PY
}

@test "no byte of a key reaches the terminal as it is, and JSON has them all" {
  names=($'nel\xc2\x85' $'rlo\xe2\x80\xae' $'new\nline' $'bad\xff' $'csi\xc2\x9b' 'back\slash')
  for name in "${names[@]}"; do
    take "$M/$name"
    lockctl acquire --or-fail -d "$M" "$name" 2>>"$T/out" || is 1 "$?"
  done
  lockctl ls "$M" >>"$T/out"
  is "" "$(LC_ALL=C.UTF-8 grep -nP '[^\x20-\x7e]' "$T/out")"
  for shown in 'nel\302\205' 'rlo\342\200\256' 'new\012line' 'bad\377' 'csi\302\233' 'back\134slash'; do
    is "2 $shown" "$(grep -cF -e "$shown is held" -e "$shown  " "$T/out") $shown"
  done
  lockctl ls --json "$M" | python3 -IS -c '
import json, os, sys
text = sys.stdin.buffer.read().decode("utf-8", errors="strict")
found = sorted(os.fsencode(row["key"]) for row in json.loads(text))
assert found == sorted(os.listdir(os.fsencode(sys.argv[1]))), found
assert "\\udcff" in text and "\\u0085" in text and "\\u202e" in text, text' "$M"
}

@test "a key that ends in a newline is that key" {
  take "$M/real" "$M/"$'real\n'
  lockctl release -d "$M" $'real\n'
  is real "$(ls "$M")"
}

@test "ls --watch prints anew what has changed" {
  "$LOCKCTL" ls --watch -i 0.05 "$M" >"$T/out" 3>&- &
  watcher=$!
  wait_until grep -q KEY "$T/out"
  take "$M/job"
  wait_until grep -q "^job " "$T/out"
  kill "$watcher"
  wait "$watcher" || true
}

# What goes wrong

@test "wrong usage is 64, with one line" {
  take "$M/job"
  mkdir "$M/team"
  for args in nonsense acquire "acquire $M" "acquire -x $M/job" "acquire --vait $M/job" "acquire -t" "acquire -w x $M/job" "acquire -n x $M/job" \
    "acquire --json $M/job" "acquire $M/job $M/job" "acquire -t 5x $M/free" "acquire $M/none/job" "acquire -I a/b $M/job" \
    "state $M/team" "refresh -t 0 $M/job" run "run $M/job" "run -k x $M/job -- true" "run -E x $M/job -- true"; do
    # shellcheck disable=SC2086  # some words
    run lockctl $args
    is "64 1 line of: $args" "$status ${#lines[@]} line of: $args"
    contains "lockctl: " "$output"
  done
}

@test "no mount, and no daemon, is 69: nothing is taken for a lock" {
  mkdir "$T/plain"
  for command in acquire release force-release refresh state wait handle ls; do
    run lockctl "$command" "$T/plain/job"
    is "69 $command lockctl: $T/plain/job is not on a lockfs mount" "$status $command $output"
  done
  is "" "$(ls -A "$T/plain")"
  take "$M/job"
  kill -KILL "${daemon_of[$M]}"
  daemon_ended "$M"
  for command in acquire release force-release refresh state wait handle ls; do
    run lockctl "$command" "$M/job"
    is "69 $command" "$status $command"
    contains "Transport endpoint is not connected" "$output"
  done
}

@test "permissions of the directory: 77; another user's lock: 1" {
  need_root
  unmount_lockfs
  mount_lockfs -o allow_other
  cp "$LOCKCTL" "$T/lockctl"
  mkdir "$M/closed"
  lockctl acquire "$M/job"
  as() { TMPDIR=/tmp run as_user nobody "$T/lockctl" "$@"; }
  as acquire "$M/closed/job"
  is 77 "$status"
  as acquire "$M/job"
  is 1 "$status"
  as release "$M/job"
  is 1 "$status"
  as force-release "$M/job"
  is 77 "$status"
  as state "$M/job"
  is "0 UNAVAILABLE" "$status $output"
  as handle "$M/job"
  is "1 " "$status $output"
  is ACQUIRED "$(state "$M/job")"
}

@test "without arguments it prints its usage, and --version its version" {
  run -64 "$LOCKCTL"
  contains "usage: lockctl COMMAND" "$output"
  contains "lockctl run " "$output"
  matches 'lockctl \(lockfs\) [0-9]+\.[0-9.]+' "$(lockctl --version)"
}

@test "what is misspelt is refused with what it is like" {
  answers_with 64 "lockctl: unknown command acquir; did you mean acquire?" acquir job
  answers_with 64 "lockctl: unknown command erlease; did you mean release?" erlease job
  answers_with 64 "lockctl: unknown command nonsense; lockctl --help tells which there are" nonsense
  answers_with 64 "lockctl: acquire has no option --vait; did you mean --wait?" acquire --vait=3 job
  answers_with 64 "lockctl: acquire has no option -x; lockctl --help tells more" acquire -x job
  answers_with 64 "lockctl: --or-fail takes no value" acquire --or-fail=yes job
  answers_with 64 "lockctl: -t needs a value" acquire -t
}

@test "a number that is none is refused by its option and its text" {
  answers_with 64 "lockctl: -t: 10x is no lease, such as 30s, 5m or never" acquire -t 10x "$M/job"
  answers_with 64 "lockctl: -w: x is no duration, such as 30, 0.5 or 5m" acquire --wait x "$M/job"
  answers_with 64 "lockctl: -n: 1x is no number" acquire -n 1x "$M/job"
  answers_with 64 "lockctl: -E: 256 is no exit status, which is 0 to 255" run -E 256 "$M/job" true
  answers_with 64 "lockctl: -L: 0 is no limit, which is 1 to 1000000" run -L 0 "$M/job" true
  gone "$M/job"
}

@test "each option has a long name" {
  lockctl acquire --dir "$M" --ttl 30s --id=alice --wait 1 --interval 0.1 --attempts 2 job
  is "alice 30.000" "$(lock "$M/job" owner) $(lock "$M/job" ttl)"
  run -9 lockctl run --quiet --conflict-exit-code 9 --shared --kill-after 1 "$M/job" -- true
  is "" "$output"
  run -0 lockctl run --limit 2 "$M/pool" -- true
}

@test "-q says nothing about a lock that is held, and says all else" {
  take_as_other "$M/job"
  answers_with 0 "" run -q -E 0 "$M/job" -- true
  answers_with 1 "" acquire -q --or-fail "$M/job"
  answers_with 1 "" release -q --or-fail "$M/job"
  contains "is not on a lockfs mount" "$(lockctl run -q "$T/job" -- true 2>&1 || true)"
}

@test "a name leads to the only lockfs of the machine, and to none where there are several" {
  need_root
  mkdir "$T/other"
  # shellcheck disable=SC2016  # the other shell expands it
  deadline 20 unshare -m bash -euc '
    M=$1 T=$2 LOCKCTL=$3 LOCKFS=$4
    umount -l -a -t fuse.lockfs
    cd /
    "$LOCKCTL" state job 2>"$T/none" || echo "$?"
    "$LOCKFS" memory: "$M"
    "$LOCKCTL" acquire job && ls "$M"
    "$LOCKCTL" ls | grep -c job
    "$LOCKFS" memory: "$T/other"
    "$LOCKCTL" state job 2>"$T/several" || echo "$?"
    LOCKFS_DIR=$M "$LOCKCTL" state job
    umount "$M" "$T/other"' bash "$M" "$T" "$LOCKCTL" "$LOCKFS" >"$T/out"
  is "69 job 1 69 ACQUIRED" "$(paste -sd ' ' "$T/out")"
  is "lockctl: job is not on a lockfs mount" "$(cat "$T/none")"
  is "lockctl: job is not on a lockfs mount, and this machine has 2: name one by -d" "$(cat "$T/several")"
}

@test "ls of what may not be listed says so, and shows the rest" {
  need_root
  unmount_lockfs
  mount_lockfs -o allow_other
  cp "$LOCKCTL" "$T/lockctl"
  mkdir -m 700 "$M/closed"
  take "$M/job" "$M/closed/job"
  run as_user nobody "$T/lockctl" ls -R "$M"
  is 77 "$status"
  contains "job " "$output"
  contains "lockctl: cannot list all of closed: Permission denied" "$output"
  run -0 as_user nobody "$T/lockctl" ls -n -o key "$M"
  is job "$output"
  run as_user nobody "$T/lockctl" ls --json "$M/closed"
  is "77 1" "$status ${#lines[@]}"
  matches 'lockctl: cannot list closed: Permission denied; .*' "$output"
}

# What is shown

@test "--dry-run prints the operations, ready for a shell, and does none" {
  mkdir "$M/a b"
  is "(set -C; : > '$M/.with/ttl=30s/a b/job')" "$(lockctl acquire --dry-run -t 30s "$M/a b/job")"
  gone "$M/a b/job"
  for command in "acquire -t 30s" state handle "refresh -t 50s" refresh "state -I me" force-release; do
    # shellcheck disable=SC2086  # some words
    lockctl $command --dry-run "$M/a b/job" >>"$T/lines"
  done
  is 7 "$(wc -l <"$T/lines")"
  gone "$M/a b/job"
  # Each line does what it says.
  bash -e "$T/lines" >"$T/out"
  gone "$M/a b/job"
  take "$M/job"
  bash -e <(lockctl release --dry-run "$M/job")
  gone "$M/job"
  is runs "$(bash -e <(lockctl run --dry-run "$M/job" -- sh -c '[ -e "$0" ] && echo runs' "$M/job"))"
  contains $'job\tstate=' "$(take "$M/job"; bash -e <(lockctl ls --dry-run "$M"))"
  contains "$M/.events" "$(lockctl events --dry-run "$M")"
}

@test "lockctl needs neither a place to write nor descriptors, and little of an environment" {
  need_root
  # shellcheck disable=SC2016  # the other shell expands it
  deadline 20 unshare -m bash -euc '
    mount --rbind / /mnt && cd "/mnt$1"
    mount -o remount,ro,bind /mnt
    exec chroot /mnt env -i "$2" run -w 1 "$1/job" -- echo runs' bash "$M" "$LOCKCTL" >"$T/out"
  is runs "$(cat "$T/out")"
  # Descriptors 0 to 2 that are closed stay so for the command.
  "$LOCKCTL" run "$M/job" -- sh -c 'ls /proc/$$/fd >"$0"' "$T/fds" <&- >&- 2>&-
  is "" "$(grep -x '[012]' "$T/fds" | tr -d 1)"
}

@test "help tells all commands, and what the manual has" {
  run -0 lockctl -h
  for command in acquire release force-release refresh state wait run ls events handle; do
    contains "  $command" "$output"
  done
  is "$output" "$(lockctl acquire -h)"
  is "$output" "$(lockctl help)"
}

# Completion

# completes WANTED WORD...: what bash offers for the last word, sorted
completes() {
  local wanted=$1
  shift
  # shellcheck disable=SC2016  # the other shell expands it
  is "$wanted" "$(bash --norc -c '
    compopt() { :; }
    . "$0"
    COMP_WORDS=(lockctl "$@")
    COMP_CWORD=$#
    _lockctl
    printf "%s\n" "${COMPREPLY[@]}" | LC_ALL=C sort -u | paste -sd " "
  ' "$LOCKCTL.bash" "$@")"
}

@test "completion of bash: commands, options, keys" {
  mkdir "$M/team"
  take "$M/job" "$M/jobs"
  completes "refresh release run" r
  completes "refresh release" re
  completes "--dir --dry-run --help --id --quiet --verbose -I -d -h -q -v" state -
  completes "--json" ls --j
  completes "state" ls -o st
  completes "key,waiters" ls --output key,w
  completes "job jobs" ls -n -d "$M" jo
  completes "remaining" ls --sort re
  completes "--wait" acquire --w
  completes "$M/job $M/jobs" state "$M/jo"
  completes "job jobs" state -d "$M" jo
  LOCKFS_DIR=$M completes "team" state te
  completes "1h 30s 5m never" acquire -t ""
  completes "forever" run --wait f
  completes "" acquire -I ""
  completes "$(compgen -c -- lockctl_is_nowhere)" run job -- lockctl_is_nowhere
  completes "dpkg-deb" run job -- dpkg-de
}

@test "completion of zsh is what zsh can read" {
  zsh -n "${LOCKCTL%/*}/_lockctl"
  contains "'--conflict-exit-code[the exit status if" "$(cat "${LOCKCTL%/*}/_lockctl")"
}

@test "completion of fish has each option of each command" {
  is 10 "$(grep -c '__fish_use_subcommand' "$LOCKCTL.fish")"
  contains "-n '__fish_seen_subcommand_from run' -s L -l limit -x" "$(cat "$LOCKCTL.fish")"
  ! command -v fish >/dev/null || fish -n "$LOCKCTL.fish"
}

# What happens

@test "events prints what happens, as lines and as JSON" {
  # Not by the function: the program becomes the one that reads.
  "$LOCKCTL" events "$M" >"$T/events" 3>&- &
  hearers+=($!)
  "$LOCKCTL" events --json -d "$M" >"$T/json" 3>&- &
  hearers+=($!)
  wait_until is_hearing "${hearers[0]}"
  wait_until is_hearing "${hearers[1]}"
  lockctl acquire "$M/job"
  wait_until grep -q $'\tACQUIRED\tjob\t' "$T/events"
  wait_until grep -q '"ACQUIRED"' "$T/json"
  end_hearers
}

@test "lockctl shows, refreshes and releases a lock that is a symbolic link" {
  ln -s 'me@host.1' "$M/.with/ttl=20s/job"
  run -0 lockctl state "$M/job"
  is ACQUIRED "$output"
  run -0 lockctl ls "$M"
  contains job "$output"
  contains "$(lock "$M/.with/file/job" owner)" "$output"
  run -0 lockctl refresh -t 50s "$M/job"
  is 50.000 "$(lock "$M/.with/file/job" ttl)"
  run -1 lockctl wait -w 0.3 "$M/job"
  run -0 lockctl release "$M/job"
  gone "$M/job"
}
