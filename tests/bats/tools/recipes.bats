# The programs in scripts/examples/, the recipes of README.md and the library calls of lockfs-recipes(7) do what is said
# of them. Their code is what stands there; only the mount point is ours. Two mounts on one Redis are two hosts.

load ../lib/helper
load ../lib/redis
load ../lib/readme

setup() {
  setup_dirs
  setup_programs
  redis_start
  N=$T/other
  mount_redis
  mount_redis "$N"
  cd "$T" || return 1
}

teardown() {
  local problems=0 pid
  cd /
  kill_all "${started[@]}"
  end_daemons
  end_redis_mounts || problems=1
  end_programs
  redis_end_all || problems=1
  return "$problems"
}

started=()

# recipe MOUNTPOINT HEADING LANGUAGE [N]: its code
recipe() {
  local mountpoint=$1
  shift
  code "$@" >"$T/code" || return 1
  sed "s|/locks\>|$mountpoint|g" "$T/code"
}

# example_program MOUNTPOINT FILE [NAME]: installs a program of scripts/examples/
example_program() {
  example "$1" "$2" >"$T/bin/${3-$2}"
  chmod +x "$T/bin/${3-$2}"
}

# A command that works until the test opens the gate: it says `work ARGUMENT…`
# in $T/log, and `done` after that.
slow_program() {
  [ -p "$T/gate" ] || mkfifo "$T/gate"
  program "$1" "echo work \$* >>'$T/log'; read -r _ <'$T/gate'; echo done \$* >>'$T/log'; $2"
}

open_gate() {
  deadline 10 bash -c 'echo >"$0"' "$T/gate"
}

# log_has N: that many lines
log_has() {
  [ "$(wc -l 2>/dev/null <"$T/log")" = "$1" ]
}

# start COMMAND...: in a session of its own; its process is $pid. What it says is in $T/said.
start() {
  setsid -w "$@" >>"$T/said" 2>&1 3>&- 6>&- &
  pid=$!
  started+=("$pid")
}

waiting() {
  [ "$(lock "$M/$1" waiters)" = "$2" ]
}

# ends PID [STATUS]: with 0, unless told
ends() {
  local got=0
  wait_until ended "$1" || return 1
  wait "$1" || got=$?
  is "${2-0}" "$got"
}

# crontab_line MOUNTPOINT N: the command of its Nth line
crontab_line() {
  recipe "$1" "A cron job on one of many hosts" crontab | sed -En '/^#/! s/^([^ ]+ +){5}//p' | sed -n "$2p"
}

@test "a cron job once a night: one host does it, and none that comes late" {
  program nightly-report "echo ran >>'$T/log'"
  start sh -c "$(crontab_line "$M" 1)"
  first=$pid
  start sh -c "$(crontab_line "$N" 1)"
  wait_until ended "$first"
  wait_until ended "$pid"
  is ran "$(cat "$T/log")"
  run session sh -c "$(crontab_line "$N" 1)"
  is ran "$(cat "$T/log")"
  is 3600.000 "$(lock "$M/report" ttl)"
}

@test "a cron job that never runs twice at a time, and again when it is done" {
  slow_program send-mail
  start sh -c "$(crontab_line "$M" 2)"
  wait_until log_has 1
  run session sh -c "$(crontab_line "$N" 2)"
  is 1 "$status"
  is "" "$output"
  open_gate
  ends "$pid"
  wait_until gone "$N/mail-queue"
  start sh -c "$(crontab_line "$N" 2)"
  wait_until log_has 3
  open_gate
  ends "$pid"
  is "work done work done" "$(xargs <"$T/log")"
}

@test "a deployment: the next one waits its turn, has its time, and releases" {
  slow_program roll-out 'exit 3'
  example_program "$M" deploy
  example_program "$N" deploy deploy-there
  start deploy 1.1
  first=$pid
  wait_until log_has 1
  is 1.1 "$(cat "$N/deploy")"
  is 900.000 "$(lock "$N/deploy" ttl)"
  start deploy-there 1.2
  wait_until waiting deploy 1
  log_has 1
  open_gate
  ends "$first" 3
  wait_until log_has 3
  is 1.2 "$(cat "$M/deploy")"
  open_gate
  ends "$pid" 3
  gone "$M/deploy"
  is "" "$(cat "$T/said")"
  is "work 1.1 done 1.1 work 1.2 done 1.2" "$(xargs <"$T/log")"
}

@test "a deployment in vain is told who deploys what" {
  slow_program roll-out
  example_program "$M" deploy
  # Less patient than the recipe.
  example_program "$N" deploy deploy-there
  sed -i s/wait=1m/wait=200ms/ "$T/bin/deploy-there"
  start deploy 1.1
  wait_until log_has 1
  run session deploy-there 1.2
  is 1 "$status"
  matches '[^ ]+@[^ ]+:[0-9]+ deploy deploys 1\.1' "$output"
  open_gate
  ends "$pid"
  gone "$M/deploy"
}

@test "a document is held by a person, across sessions and hosts" {
  example_program "$M" document
  example_program "$N" document document-there
  session document take alice handbook
  is never "$(lock "$N/handbook" expires)"
  # Alice may go on, wherever she is.
  session document-there take alice handbook
  run session document-there take bob handbook
  [ "$status" != 0 ]
  contains "Device or resource busy" "$output"
  is alice "$(lock "$N/handbook" owner)"
  run session document-there give-back bob handbook
  contains "Operation not permitted" "$output"
  session document-there give-back alice handbook
  gone "$M/handbook"
}

@test "a document of somebody who is away is released by force" {
  example_program "$M" document
  example_program "$N" document document-there
  session document take alice handbook
  session document-there release handbook
  gone "$M/handbook"
}

# order NUMBER: the web server, whose queue is $T/queue
order() {
  example "$M" invoice-order >"$T/web.py"
  session python3 -S "$T/web.py" "$1" >>"$T/queue"
}

@test "a lock goes from a web server to a queue worker on another host" {
  program make-invoice "echo made >>'$T/log'"
  example_program "$N" invoice-worker worker
  order 17
  run order 17
  contains FileExistsError "$output"
  order 18
  is "$(printf '%s\n' invoice-17 invoice-18)" "$(sed 's|.*/||' "$T/queue")"
  before=$(lock "$M/invoice-17" expires)
  { read -r handle; read -r second; } <"$T/queue"
  session worker "$handle"
  gone "$M/invoice-17"
  log_has 1
  # Too late for this one: its lease is over.
  rm "$M/.with/force/invoice-18"
  run session worker "$second"
  is 1 "$status"
  contains "No such file or directory" "$output"
  log_has 1
  gone "$M/invoice-18"
}

@test "a queue worker renews the lock while it works" {
  slow_program make-invoice
  example_program "$N" invoice-worker worker
  order 17
  before=$(lock "$M/invoice-17" expires)
  start worker "$(<"$T/queue")"
  wait_until log_has 1
  [[ $(lock "$M/invoice-17" expires) > $before ]] || fail "not renewed: $before"
  is UNAVAILABLE "$(state "$N/invoice-17")"
  open_gate
  ends "$pid"
  gone "$M/invoice-17"
}

@test "a stage of a pipeline does not overlap, and loses nothing" {
  local each pids=()
  program export-orders 'seq "$1" 50000'
  program upload-archive "echo in >>'$T/log'; gunzip | tail -n 1; read -r _ <'$T/gate'; echo out >>'$T/log'"
  mkfifo "$T/gate"
  program log-upload "cat >>'$T/uploads'"
  example_program "$M" archive-orders pipeline
  example_program "$N" archive-orders pipeline-there
  start pipeline 1
  pids+=("$pid")
  wait_until log_has 1
  start pipeline 2
  pids+=("$pid")
  start pipeline-there 3
  pids+=("$pid")
  wait_until waiting archive 2
  for each in 1 2 3; do
    log_has $((each * 2 - 1))
    open_gate
    wait_until log_has $((each == 3 ? 6 : each * 2 + 1))
  done
  for each in "${pids[@]}"; do
    ends "$each"
  done
  is "in out in out in out" "$(xargs <"$T/log")"
  is "50000 50000 50000" "$(xargs <"$T/uploads")"
  wait_until gone "$M/archive"
}

# Shared locks, and directories with a limit

# lockctl_program: lockctl by its name, as the recipes call it
lockctl_program() {
  program lockctl "exec '$LOCKCTL' \"\$@\""
}

# work NAME: a command that says `NAME ARGUMENT…` in $T/log until the test opens $T/NAME-ARGUMENT
work() {
  program "$1" "echo $1 \$* >>'$T/log'; read -r _ <'$T/$1'-\$1"
}

# open_for NAME-ARGUMENT...: ends these commands
open_for() {
  local each
  for each; do
    deadline 10 bash -c 'echo >"$0"' "$T/$each"
  done
}

@test "a catalogue: readers on all hosts read together, and the nightly job rebuilds it while nobody reads" {
  local each
  work make-report
  work rebuild-catalogue
  mkfifo "$T"/make-report-{1,2,3} "$T/rebuild-catalogue-"
  example_program "$M" catalogue
  example_program "$N" catalogue catalogue-there
  start catalogue read make-report 1
  pids=("$pid")
  wait_until log_has 1
  start catalogue-there read make-report 2
  pids+=("$pid")
  wait_until log_has 2
  is "shared 2" "$(lock "$M/catalogue" mode) $(lock "$N/catalogue" holders)"
  start sh -c "$(crontab_line "$N" 3)"
  pids+=("$pid")
  wait_until waiting catalogue 1
  # One that comes while the job waits reads after it.
  start catalogue read make-report 3
  pids+=("$pid")
  wait_until waiting catalogue 2
  open_for make-report-2 make-report-1
  wait_until log_has 3
  open_for rebuild-catalogue-
  wait_until log_has 4
  open_for make-report-3
  for each in "${pids[@]}"; do
    ends "$each"
  done
  is "make-report 1 make-report 2 rebuild-catalogue make-report 3" "$(xargs <"$T/log")"
  start catalogue-there rebuild
  open_for rebuild-catalogue-
  ends "$pid"
  wait_until gone "$M/catalogue"
}

@test "three licences: three run on all hosts together, and the others wait for one, first come, first served" {
  local each
  lockctl_program
  work simulator
  mkfifo "$T"/simulator-{1,2,3,4,5}
  example_program "$M" simulate
  example_program "$N" simulate simulate-there
  pids=()
  for each in 1 2 3; do
    start simulate "$each"
    pids+=("$pid")
    wait_until log_has "$each"
  done
  start simulate-there 4
  pids+=("$pid")
  wait_until waiting licences 1
  start simulate 5
  pids+=("$pid")
  wait_until waiting licences 2
  is "FULL 3 of 3, 2 waiting" "$(lockctl state "$N/licences")"
  open_for simulator-2
  wait_until log_has 4
  is "simulator 4" "$(tail -n 1 "$T/log")"
  # A licence is free again also if lockctl is killed.
  kill -KILL "${pids[0]}"
  wait_until log_has 5
  is "simulator 5" "$(tail -n 1 "$T/log")"
  open_for simulator-3 simulator-4 simulator-5
  for each in 1 2 3 4; do
    ends "${pids[each]}"
  done
  wait_until eval '[ -z "$(ls "$M/licences")" ]'
}

@test "three licences in a crontab: the job waits for one of three" {
  local each
  lockctl_program
  program simulate "echo simulate >>'$T/log'"
  mkdir "$M/licences"
  for each in a b c; do
    take "$M/licences/$each"
  done
  setfattr -n user.lock.limit -v 3 "$M/licences"
  start sh -c "$(crontab_line "$N" 4)"
  wait_until waiting licences 1
  log_has 0 || [ ! -e "$T/log" ]
  rm "$M/licences/b"
  ends "$pid"
  is simulate "$(cat "$T/log")"
  is $'a\nc' "$(ls "$M/licences")"
}

# Programs in other languages: `work` says `work TOKEN`, and waits for a line of input.

python_program() {
  {
    echo 'def work(token): print("work", token, flush=True); input()'
    recipe "$1" "A program that holds a lock while it works" python
  } >"$2.py"
  program "$(basename "$2")" "exec python3 -S '$2.py'"
}

node_program() {
  example "$1" orders.mjs >"$2.mjs"
  program "$(basename "$2")" "exec node '$2.mjs'"
}

go_program() {
  mkdir "$2-go"
  example "$1" orders.go >"$2-go/main.go"
  if command -v go >/dev/null; then
    (cd "$2-go" && HOME=$T GO111MODULE=off go build -o "$T/bin/$(basename "$2")" .)
  else
    gccgo -o "$T/bin/$(basename "$2")" "$2-go/main.go"
  fi
}

# begin NAME: starts a program, whose input is an own fifo; what it says is in $T/NAME.said
begin() {
  mkfifo "$T/$1.input"
  setsid -w "$2" <>"$T/$1.input" >"$T/$1.said" 2>&1 3>&- &
  pid=$!
  started+=("$pid")
}

works() {
  grep -q '^work [0-9]' "$T/$1.said"
}

go_on() {
  echo >"$T/$1.input"
}

token_of() {
  sed -n 's/^work //p' "$T/$1.said"
}

# Whoever holds has the token, gives the lock back, and loses it with its life.
holds_for_its_life() {
  local first
  begin first here-program
  first=$pid
  wait_until 30 works first
  is "$(lock "$N/orders" token)" "$(token_of first)"
  go_on first
  ends "$first"
  wait_until gone "$N/orders"

  begin second there-program
  wait_until 30 works second
  (($(token_of second) > $(token_of first)))
  kill -KILL "$pid"
  wait_until gone "$M/orders"
}

# Whoever was robbed of the lock says so, and does not end with 0.
notices_a_loss() {
  begin third here-program
  wait_until 30 works third
  rm "$N/.with/force/orders"
  go_on third
  ends "$pid" 1
  # libuv has no name for it.
  matches ".*([Ss]tale (NFS )?file handle|errno: -116).*" "$(cat "$T/third.said")"
}

# The next one waits, and goes on when the first is done.
waits_for_the_first() {
  local first
  begin fourth here-program
  first=$pid
  wait_until 30 works fourth
  begin fifth there-program
  wait_until 30 waiting orders 1
  refute works fifth
  go_on fourth
  ends "$first"
  wait_until works fifth
  (($(token_of fifth) > $(token_of fourth)))
  go_on fifth
  ends "$pid"
}

@test "the Python example holds its lock for its life" {
  python_program "$M" "$T/here-program"
  python_program "$N" "$T/there-program"
  holds_for_its_life
  notices_a_loss
  waits_for_the_first
}

@test "the shell script of the README holds its lock while it works, and waits" {
  slow_program make-backup
  recipe "$M" "A program that holds a lock while it works" sh >"$T/here.sh"
  recipe "$N" "A program that holds a lock while it works" sh >"$T/there.sh"
  start sh "$T/here.sh"
  first=$pid
  wait_until log_has 1
  is UNAVAILABLE "$(state "$N/backup")"
  start sh "$T/there.sh"
  wait_until waiting backup 1
  log_has 1
  open_gate
  ends "$first"
  wait_until log_has 3
  # A third one is less patient than the recipe.
  run session sh -c "$(sed 's/-w 60/-w 0.1/' "$T/here.sh")"
  is "1 " "$status $output"
  open_gate
  ends "$pid"
  wait_until gone "$M/backup"
  log_has 4
}

@test "the Node example holds its lock for its life" {
  node_program "$M" "$T/here-program"
  node_program "$N" "$T/there-program"
  holds_for_its_life
  notices_a_loss
  take_as_other "$N/orders"
  run session here-program </dev/null
  [ "$status" != 0 ]
  contains EEXIST "$output"
}

@test "the Node example can wait for its lock" {
  node_program "$M" "$T/here-program"
  node_program "$N" "$T/there-program"
  [[ $(<"$EXAMPLES/orders.mjs") =~ \`/locks(/.with/wait=10s,hold/orders)\` ]] || fail "orders.mjs says it in other words"
  # More patient than the recipe, for the machine that is slow.
  sed -i "s|/.with/hold/orders|${BASH_REMATCH[1]/10s/60s}|" "$T"/*.mjs
  waits_for_the_first
}

@test "the Go example holds its lock for its life" {
  go_program "$M" "$T/here-program"
  go_program "$N" "$T/there-program"
  holds_for_its_life
  notices_a_loss
  waits_for_the_first
}

@test "a command that loses its lock is stopped before the next one has it" {
  local line
  line=$(manual_section WAITING | plain | sed -n "s|^\(flock -F .* \)\./backup\.sh$|\1|p")
  [ "$line" ] || fail "lockfs-recipes(7) says it in other words"
  slow_program backup
  start bash -c "${line//locks/$M} backup"
  wait_until log_has 1
  rm "$N/.with/force/backup"
  ends "$pid" 143
  gone "$N/backup"
}

@test "a resource that checks the token refuses a holder that is late" {
  local late new
  take "$M/.with/ttl=50ms/job"
  late=$(lock "$M/job" token) || late=
  until [ "$late" ]; do  # the lease was over before we looked
    take "$M/.with/ttl=1s/job"
    late=$(lock "$M/job" token) || late=
  done
  wait_until gone "$N/job"
  take "$N/job"
  new=$(lock "$N/job" token)
  cp "$EXAMPLES/fencing.py" "$T"
  cat >"$T/resource.py" <<END
from fencing import db, write
write("job", "first", $late)
write("job", "second", $new)
write("job", "third", $new)
try:
    write("job", "late", $late)
except PermissionError as error:
    print(error)
print(*db.execute("SELECT * FROM doc"))
END
  run python3 -S "$T/resource.py"
  is 0 "$status"
  contains "the lock with token $late was lost" "${lines[0]}"
  is "('job', 'third', $new)" "${lines[1]}"
}

# What cannot work

# cannot_work: the source of that section, as text
cannot_work() {
  manual_section "WHAT CANNOT WORK, AND WHAT TO DO INSTEAD" | plain
}

# starts DIR NAME [OPTION...]: start-stop-daemon starts $T/NAME, with the pid file `job` in the lock directory
starts() {
  run session start-stop-daemon --start --make-pidfile --pidfile "$1/job" --exec "$T/$2" "${@:3}" -- 1000
}

# running NAME: prints the processes of $T/NAME
running() {
  pgrep -xf "$T/$1 1000" || true
}

end_daemons() {
  local each
  for each in $(running 'daemon.*'); do
    kill -KILL "$each"
    wait_until ended "$each"
  done
}

# runs_with_lock NAME FILE: does $T/NAME run, once, and hold this lock?
runs_with_lock() {
  local pid
  pid=$(running "$1")
  [ "$pid" ] && [ "$pid" = "$(lock "$2" pid)" ]
}

@test "start-stop-daemon cannot make a pid file that is a lock, and starts nothing in the foreground" {
  cp "$(command -v sleep)" "$T/daemon"
  for _ in 1 2; do
    starts "$M" daemon
    is 2 "$status"
    contains "No locks available" "$output"
    is "" "$(running daemon)"
    gone "$M/job"
  done
  # Nor in the place of a holder, whose content stays.
  take_with mine "$M/job"
  before=$(snapshot "$M/job")
  starts "$N" daemon
  is 2 "$status"
  contains "Device or resource busy" "$output"
  is "" "$(running daemon)"
  unchanged "$before" "$M/job"
}

@test "start-stop-daemon in the background fails to make a pid file that is a lock after it has started the program" {
  cp "$(command -v sleep)" "$T/daemon"
  starts "$M" daemon --background
  is 2 "$status"
  contains "No locks available" "$output"
  gone "$M/job"
  wait_until eval '[ "$(running daemon)" ]'
}

@test "start-stop-daemon starts a program once on all hosts by flock, as the manual says" {
  local line
  # As on two hosts, the one program is not seen where the other runs.
  cp "$(command -v sleep)" "$T/daemon-here"
  cp "$(command -v sleep)" "$T/daemon-there"
  line=$(cannot_work | sed -n '/^start-stop-daemon .*--exec/,/PROGRAM$/p')
  [ "$line" ] || fail "lockfs-recipes(7) says it in other words"
  start_line() {
    sed "s|PROGRAM\$|$T/$2 1000|; s|PROGRAM|$T/$2|; s|\<job\>|$1/job|" <<<"$line"
  }
  session bash -c "$(start_line "$M" daemon-here)"
  wait_until runs_with_lock daemon-here "$N/job"
  session bash -c "$(start_line "$N" daemon-there)"
  # The second flock has given up when nothing runs of it any more.
  wait_until eval '[ -z "$(pgrep -f "$N/job")" ]'
  is "" "$(running daemon-there)"
  end_daemons
  wait_until gone "$N/job"
  session bash -c "$(start_line "$N" daemon-there)"
  wait_until runs_with_lock daemon-there "$M/job"
}

@test "a pid file that is locked can be read while it stays open, and goes with its lock when it is closed" {
  py "$N" <<'PY'
there = sys.argv[1] + "/job"
with open(M + "/job", "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.write("%d\n" % os.getpid())
    file.flush()
    check("content", open(there).read(), "%d\n" % os.getpid())
    check("attribute", attribute(there, "pid"), str(os.getpid()))
# The daemon is told of a close after close(2) has returned.
end = boottime() + 20
while outcome(os.stat, there) != "ENOENT":
    check("the file is there", boottime() < end, True)
    time.sleep(0.005)
PY
}

@test "flock of a directory succeeds on two mounts at a time, so it is no lock" {
  is "yes" "$(flock -n "$M" flock -n "$N" echo yes)"
  # Within one mount, the kernel alone keeps the second out.
  run flock -n "$M" flock -n "$M" echo yes
  is "1 " "$status $output"
  is "" "$(ls -A "$M")"
}

@test "a lease of fcntl is granted by each mount alone, if at all" {
  py "$N" <<'PY'
files = [os.open(root + "/job", os.O_CREAT | os.O_RDONLY) for root in (M, sys.argv[1])]
here, there = (outcome(fcntl.fcntl, fd, fcntl.F_SETLEASE, fcntl.F_WRLCK) for fd in files)
check("on the other mount", there, here)
check("the lock is free", outcome(os.stat, M + "/job"), "ENOENT")
PY
}

# The table of the calls of a lock library

# op CALL: the file operation of the item that begins with that call
op() {
  local found
  found=$(manual_section "CALLS OF A LOCK LIBRARY" | awk -v call="$1" '
    sub(/^\.It (Cm )?/, "") {
      gsub(/"/, "")
      gsub(/ (No|Ql) /, " ")
      found = index($0, call) == 1
      next
    }
    found && sub(/^\.Dl /, "") {
      if (sub(/^"/, "")) sub(/"$/, "")
      print
      exit
    }' | plain)
  [ "$found" ] || fail "no item of $1"
  echo "$found"
}

# calls [@other] STATUS TEXT CALL: its operation ends so (0, or anything else as 1), and says this
calls() {
  local as=() ended=0
  if [ "$1" = @other ]; then
    as=(session)
    shift
  fi
  output=$("${as[@]}" sh -c "$(op "$3")" 2>&1) || ended=1
  [ "$ended" = "$1" ] || fail "$3: ended with $ended: $output"
  [[ $output == *"$2"* ]] || fail "$3 said: $output" "expected:  $2"
}

@test "the calls of a lock library work as operations on files" {
  local call once='acquire() by one of several'
  cd "$M"
  calls 1 "No such file" 'getState()'
  calls 0 "" 'acquire()'
  calls 0 "" 'acquire()'
  calls 1 "File exists" "$once"
  calls @other 1 "File exists" 'acquire()'
  calls @other 1 "File exists" "$once"
  calls 0 ACQUIRED 'getState()'
  calls @other 0 UNAVAILABLE 'getState()'
  calls 0 'user.lock.key="job"' key
  contains 'user.lock.id="' "$output"
  contains 'user.lock.ttl="' "$output"
  calls 0 "" 'refresh(ttl)'
  is 30.000 "$(lock job ttl)"
  calls @other 1 "not permitted" 'refresh(ttl)'
  calls @other 1 "not permitted" 'release()'
  calls 0 "" 'release()'
  calls 1 "No such file" 'release()'
  calls 1 "No such file" 'refresh(ttl)'

  calls 1 "No such file" 'forceRelease()'
  calls 0 "" "$once"
  calls @other 0 "" 'forceRelease()'
  gone job

  take .with/ttl=never/job
  calls 1 "not supported" 'refresh(ttl)'
  calls 0 ".with/id=" 'serialize(lock)'
  is 'rm "$text"' "$(op 'deserialize(text)')"
  text=$output session sh -c "$(op 'deserialize(text)')"
  gone job
}

@test "the text of a lock refreshes it in another session, and takes nothing if the lock is free" {
  local line
  cd "$M"
  line=$(manual_section "CALLS OF A LOCK LIBRARY" | plain | sed -n '/deserialize(text)/,/^\.It /s/^\.Dl \(setfattr .*\)/\1/p')
  [ "$line" ] || fail "lockfs-recipes(7) says it in other words"
  take .with/ttl=5m/job
  calls 0 ".with/id=" 'serialize(lock)'
  text=$output
  text=$text session sh -c "$line"
  is 30.000 "$(lock job ttl)"
  rm job
  text=$text run session sh -c "$line"
  is 1 "$status"
  contains "No such file or directory" "$output"
  gone job
}

@test "the calls of a lock library that wait and run, as files" {
  cd "$M"
  for call in 'acquireBlocking({ time })' 'acquireBlocking({ time }) with the middleware retry'; do
    calls 0 "" "$call"
    is ACQUIRED "$(state job)"
    rm job
  done
  # What takes a minute does so with less patience too.
  take_as_other job
  run session sh -c "$(op 'acquireBlocking({ time })' | sed s/1m/100ms/)"
  contains "Connection timed out" "$output"
  run session sh -c "$(op 'acquireBlocking({ time }) with the middleware retry' | sed s/2s/10ms/)"
  contains "File exists" "$output"
  program command 'exit 7'
  for call in 'run(f)' 'runBlocking(f)'; do
    run session bash -c "PATH=$T/bin:\$PATH; $(op "$call" | sed 's/ 60 / 0.1 /')"
    is 1 "$status"
  done
  rm .with/force/job
  for call in 'run(f)' 'runBlocking(f)'; do
    run session bash -c "$(op "$call")"
    is 7 "$status"
    wait_until gone job
  done
}

@test "create, ids and namespaces of a lock library work as operations on files" {
  cd "$M"
  take "$(op 'create(key, { ttl })')"
  is 30.000 "$(lock job ttl)"
  rm "$(op 'create(key)')"
  gone job
  take "$(op 'create(key, { lockId })')"
  is ID "$(lock job id)"
  is UNAVAILABLE "$(state job)"
  rm .with/force/job
  mkdir "$T/named"
  # As a user does it, but that the usual port is ours.
  redis-server --save '' --daemonize yes >/dev/null
  mount_line=$(op 'new LockProvider({ adapter, namespace })' | sed "s|redis://HOST|redis://localhost|; s|/locks|$T/named|")
  sh -c "$mount_line"
  take "$T/named/job"
  is 1 "$(redis-cli EXISTS NAME:job)"
  fusermount3 -u "$T/named"
  redis-cli shutdown nosave
}
