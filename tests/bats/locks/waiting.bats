# Creation that waits, in the views wait=, interval= and attempts=; and locks that
# are bound to an open file, in the views hold and signal=.

load ../lib/helper

# A lock of another session, which lives until the test ends. Creating it through
# `hold` would end it with its process.
hold_as_other() {
  take_as_other "$@"
}

# waiter PATH: creates it, for writing, as a session of its own, and says so in $T/got
waiter() {
  in_background sh -c ': >"$0" && echo got >>"$1"' "$1" "$T/got"
}

got() {
  [[ -e $T/got && $(wc -l <"$T/got") == "$1" ]]
}

# As with a file: what has ended, or what is said, by then.
says() {
  [[ -e $2 && $(<"$2") == "$1" ]]
}

is_empty() {
  [[ -z $(ls "$1") ]]
}

no_process_in() {
  ! pgrep -g "$1" >/dev/null
}

is_anothers() {
  [[ $(state "$1" 2>/dev/null) == UNAVAILABLE ]]
}

# Within a Python script: what a creation came to, and when.
timing() {
  cat <<'PY'
EXCL, ANY = os.O_CREAT | os.O_EXCL | os.O_WRONLY, os.O_CREAT | os.O_WRONLY

def create(view, name, flags):
    begin = boottime()
    result = outcome(lambda: os.close(os.open("%s/.with/%s/%s" % (M, view, name), flags)))
    return result, boottime() - begin

def expect(view, flags, wanted, seconds, name="job"):
    result, took = create(view, name, flags)
    check(view, result, wanted)
    if not seconds - 0.005 <= took <= seconds + 3:
        sys.exit("%s took %.3f s, expected %.3f" % (view, took, seconds))
PY
}

# How long it tries

@test "who waits in vain is told so in time, with O_EXCL and without" {
  hold_as_other "$M/job"
  before=$(snapshot "$M/job")
  { timing; cat <<'PY'; } | py
for flags in EXCL, ANY, ANY | os.O_TRUNC:
    expect("wait=0", flags, "ETIMEDOUT", 0)
    expect("wait=300ms", flags, "ETIMEDOUT", 0.3)
    expect("wait=0.2", flags, "ETIMEDOUT", 0.2)
    expect("attempts=1", flags, "EEXIST", 0)
    expect("attempts=3,interval=100ms", flags, "EEXIST", 0.2)
    expect("interval=200ms,attempts=2", flags, "EEXIST", 0.2)
    expect("wait=300ms,interval=50ms", flags, "ETIMEDOUT", 0.3)
    expect("wait=1h,attempts=3,interval=100ms", flags, "EEXIST", 0.2)
    expect("wait=forever,attempts=1", flags, "EEXIST", 0)
    expect("wait=100ms,attempts=100,interval=100ms", flags, "ETIMEDOUT", 0.1)
expect("attempts=2", EXCL, "EEXIST", 1)
PY
  unchanged "$before" "$M/job"
}

@test "a free lock is had at once in all of these views" {
  { timing; cat <<'PY'; } | py
for view in ("wait=0", "wait=10s", "wait=forever", "interval=10s", "attempts=1", "attempts=5", "wait=10s,interval=1s,attempts=3"):
    for flags in EXCL, ANY:
        expect(view, flags, "OK", 0)
        check("state", attribute(M + "/job", "state"), "ACQUIRED")
        os.unlink("%s/.with/%s/job" % (M, view))
PY
}

@test "what cannot be had is not waited for" {
  mkdir "$M/dir"
  hold_as_other "$M/held"
  { timing; cat <<'PY'; } | py
for flags in EXCL, ANY:
    expect("wait=10s", flags, "ENOENT", 0, "nowhere/job")
    expect("wait=10s", flags, "EISDIR" if flags == ANY else "EEXIST", 0, "dir")
    expect("wait=10s", flags, "EPERM" if flags == ANY else "EEXIST", 0, ".events")
    check("below a lock", create("wait=10s", "held/job", flags)[0] in ("ENOENT", "ENOTDIR"), True)
PY
}

@test "bad values of wait=, interval= and attempts= fail with EINVAL" {
  for view in wait wait= wait=x wait=-1 wait=never wait=1s,wait=1s interval interval=0 interval=x interval=forever \
    attempts attempts=0 attempts=-1 attempts=1.5 attempts=x attempts=99999999999 attempts= hold= hold=1 \
    hold,signal hold,signal= hold,signal=0 hold,signal=9 hold,signal=NOPE hold,signal=term signal signal= \
    wait=1s,signal=NOPE; do
    expect EINVAL stat "$M/.with/$view/job"
    expect EINVAL open "$M/.with/$view/job" CREAT,WRONLY
  done
  for view in wait=0 wait=forever wait=250ms wait=0.5,interval=1ms,attempts=1 hold hold,signal=TERM hold,signal=SIGUSR1 signal=TERM \
    wait=1s,signal=TERM; do
    expect ENOENT stat "$M/.with/$view/job"
  done
}

# Being handed the lock

@test "who waits is handed the lock when it is released" {
  for view in wait=60s wait=forever wait=60s,interval=30s wait=60s,attempts=100; do
    take "$M/job"
    waiter "$M/.with/$view/job"
    wait_until waits 1 "$M/job"
    token=$(lock "$M/job" token)
    rm "$M/job"
    ends_with 0 "$pid"
    is_anothers "$M/job"
    (($(lock "$M/job" token) > token))
    rm "$M/.with/force/job"
  done
}

@test "who only tries again takes it at one of its attempts" {
  take "$M/job"
  waiter "$M/.with/interval=50ms/job"
  waiter "$M/.with/interval=50ms,attempts=10000/job"
  is 0 "$(lock "$M/job" waiters)"
  rm "$M/job"
  wait_until got 1
  is_anothers "$M/job"
  rm "$M/.with/force/job"
  wait_until got 2
}

@test "who waits is handed the lock when its lease ends, and when it is taken by force" {
  (set -C; : >"$M/.with/ttl=60s/job")
  waiter "$M/.with/wait=60s,ttl=2s/job"
  wait_until waits 1 "$M/job"
  waiter "$M/.with/wait=60s/job"
  wait_until waits 2 "$M/job"
  shorten "$M/job" 100ms
  wait_until got 1
  wait_until got 2
  waiter "$M/.with/wait=60s/job"
  wait_until waits 1 "$M/job"
  rm "$M/.with/force/job"
  wait_until got 3
}

@test "waiters by a view get the lock in the order of their arrival" {
  take "$M/job"
  for number in 1 2 3 4 5 6 7 8; do
    in_background sh -c ': >"$0" && echo "$2" >>"$3" && rm "$1"' "$M/.with/wait=60s/job" "$M/job" "$number" "$T/order"
    wait_until waits "$number" "$M/job"
  done
  rm "$M/job"
  for pid in "${background[@]}"; do
    ends_with 0 "$pid"
  done
  is "1 2 3 4 5 6 7 8 " "$(tr '\n' ' ' <"$T/order")"
}

@test "exclusive creation by O_EXCL and set -C waits too" {
  take "$M/job"
  in_background bash -c 'set -C; : >"$0" && echo got >>"$1"' "$M/.with/wait=60s/job" "$T/got"
  wait_until waits 1 "$M/job"
  in_background python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$M/.with/wait=60s/job" CREAT,EXCL,WRONLY >"$T/said"
  wait_until waits 2 "$M/job"
  rm "$M/job"
  wait_until got 1
  rm "$M/.with/force/job"
  wait_until says OK "$T/said"
}

@test "who waits may name its lease and its id" {
  take "$M/job"
  waiter "$M/.with/wait=60s,ttl=40s,id=alice/job"
  wait_until waits 1 "$M/job"
  rm "$M/job"
  ends_with 0 "$pid"
  is 40.000 "$(lock "$M/job" ttl)"
  is ACQUIRED "$(state "$M/.with/id=alice/job")"
  remains "$M/job" 20000 40000
}

# What is seen

@test "another's lock is not there in such a view, and one's own is" {
  hold_as_other "$M/theirs"
  take "$M/mine"
  for view in wait=1s interval=1s attempts=1 wait=1s,attempts=2; do
    expect ENOENT stat "$M/.with/$view/theirs"
    expect ENOENT read "$M/.with/$view/theirs"
    expect ENOENT unlink "$M/.with/$view/theirs"
    expect ENOENT getxattr "$M/.with/$view/theirs" user.lock.state
    is ACQUIRED "$(state "$M/.with/$view/mine")"
    expect EEXIST open "$M/.with/$view/mine" CREAT,EXCL,WRONLY
    expect OK open "$M/.with/$view/mine" CREAT,WRONLY
  done
  is UNAVAILABLE "$(state "$M/.with/hold/theirs")"
  rm "$M/.with/wait=1s/mine"
  gone "$M/mine"
}

# What goes on meanwhile

@test "waiting for one key delays nothing else" {
  view=$M/.with/wait=60s
  take "$M/job"
  mkdir "$M/dir"
  take "$M/dir/job"
  waiter "$view/job"
  first=$pid
  wait_until waits 1 "$M/job"
  waiter "$view/dir/job"
  wait_until waits 1 "$M/dir/job"
  for place in "$M" "$view"; do
    deadline 10 sh -c 'set -eC; : >"$0/other"; rm "$0/other"; : >"$0/dir/other"; rm "$0/dir/other"' "$place"
    deadline 10 ls -l "$place" >"$T/ls"
    deadline 10 stat "$place/dir" >/dev/null
    deadline 10 sh -c 'mkdir "$0/new" "$0/dir/new" && rmdir "$0/dir/new" "$0/new"' "$place"
    deadline 10 sh -c '! [ -e "$0/free" ]' "$place"
  done
  waiter "$view/job"
  wait_until waits 2 "$M/job"
  expect ETIMEDOUT @session open "$M/.with/wait=100ms/job" CREAT,WRONLY
  deadline 10 touch "$M/job"
  # The holder's own release, by the plain path and through the same view.
  deadline 10 rm "$M/job"
  ends_with 0 "$first"
  deadline 10 rm "$view/dir/job"
  wait_until got 2
  wait_until waits 1 "$M/job"
}

@test "waiting goes on in a directory that others list and change" {
  mkdir -p "$M/a/b/c"
  take "$M/a/b/c/job"
  waiter "$M/.with/wait=60s/a/b/c/job"
  wait_until waits 1 "$M/a/b/c/job"
  is job "$(ls "$M/a/b/c")"
  expect ENOTEMPTY rmdir "$M/a/b/c"
  take "$M/a/b/c/other"
  rm "$M/a/b/c/other" "$M/a/b/c/job"
  ends_with 0 "$pid"
}

@test "a hundred waiters in one view, each of which has its turn" {
  take "$M/job"
  in_background sh -c 'for _ in $(seq 100); do
      setsid sh -c ": >\"\$0\" && echo got >>\"\$2\" && rm \"\$1\"" "$0" "$1" "$2" &
    done; wait' "$M/.with/wait=forever/job" "$M/job" "$T/got"
  wait_until 60 waits 100 "$M/job"
  rm "$M/job"
  wait_until 60 got 100
  wait_until is_empty "$M"
}

@test "hundreds of waiters that are killed at once leave nothing" {
  take "$M/job"
  in_background sh -c 'for _ in $(seq 200); do
      sh -c ": >\"\$0\"" "$0" &
    done; wait' "$M/.with/wait=forever/job"
  wait_until 60 waits 200 "$M/job"
  kill -KILL -- "-$pid"
  wait_until 60 no_process_in "$pid"
  wait_until waits 0 "$M/job"
  rm "$M/job"
  gone "$M/job"
}

@test "a waiter that is killed or interrupted ends at once, and nothing of it stays" {
  take "$M/job"
  for view in wait=60s interval=60s; do
    for signal in KILL TERM INT; do
      in_background env --default-signal=HUP,INT,QUIT python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$M/.with/$view/job" CREAT,WRONLY
      wait_until requests_wait 1 "$M"
      [[ $view != wait* ]] || wait_until waits 1 "$M/job"
      kill -"$signal" "$pid"
      wait_until ended "$pid"
      wait_until waits 0 "$M/job"
      wait_until requests_wait 0 "$M"
    done
  done
  rm "$M/job"
  for _ in {1..20}; do
    gone "$M/job"
  done
}

# The directory that such a path is created in is looked up anew each time, and nobody
# else has it; but a shell that has made it its own keeps it, and so do its children.
@test "who waits in its working directory keeps others from creating there, and nobody elsewhere" {
  take "$M/job"
  in_background bash -c 'cd "$0" || exit
    : >job &
    until [ "$(getfattr --absolute-names --only-values -n user.lock.waiters "$1/job")" = 1 ]; do sleep 0.01; done
    (: >other; echo other >>"$2") &
    wait' "$M/.with/wait=60s" "$M" "$T/got"
  wait_until waits 1 "$M/job"
  deadline 10 sh -c ': >"$0/third"; rm "$0/third"' "$M/.with/wait=60s"
  deadline 10 ls "$M/.with/wait=60s" >"$T/ls"
  refute test -e "$T/got"
  deadline 10 rm "$M/job"
  wait_until got 1
  wait_until ended "$pid"
  is "job other" "$(call list "$M")"
}

@test "a wait too long to count does not keep others from ending in time" {
  take_as_other "$M/job"
  in_background touch "$M/.with/attempts=1000000000,wait=forever,interval=3650d/job"
  wait_until waits 1 "$M/job"
  expect ETIMEDOUT open "$M/.with/wait=200ms/job" CREAT,EXCL,WRONLY
  end_background
}

# A process that was killed, while its daemon has its request.
is_killed() {
  [[ $(<"/proc/$1/stat") == *") D "* ]]
}

@test "who was killed is not given what was released before the daemon saw either" {
  local holder waiter
  in_background sh -c 'exec 9>"$0" && echo got >"$1" && exec sleep 60' "$M/.with/hold/job" "$T/got"
  holder=$!
  wait_until got 1
  in_background sh -c 'exec touch "$0"' "$M/.with/wait=forever/job"
  waiter=$!
  wait_until waits 1 "$M/job"
  kill -STOP "${daemon_of[$M]}"
  kill -KILL "$holder" "$waiter"
  wait_until ended "$holder"
  wait_until is_killed "$waiter"
  kill -CONT "${daemon_of[$M]}"
  wait_until ended "$waiter"
  wait_until gone "$M/job"
}

# The daemon alone sees such a limit, of 3 seconds and of 1, at mounts of its own.
@test "requests are answered before the kernel ends the mount over one, also with the shortest limit that it has" {
  need_root
  local limit=/proc/sys/fs/fuse/max_request_timeout inner seconds
  [ -e $limit ] || return 0  # this kernel has none
  for seconds in 3 1; do
    echo $seconds >"$T/limit-$seconds"
    mkdir "$T/other-$seconds"
    in_background unshare -m sh -c 'umount -l -a -t fuse.lockfs; mount --bind "$0" "$1" && shift && exec "$@"' \
      "$T/limit-$seconds" $limit "$LOCKFS" -f memory: "$T/other-$seconds"
    inner=/proc/$pid/root$T/other-$seconds
    wait_until test -e "$inner/.events"
    take_as_other "$inner/job"
    is ETIMEDOUT "$(timeout -s KILL 10 python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$inner/.with/wait=forever/job" CREAT,EXCL,WRONLY)"
    is "Interrupted system call" \
      "$(perl -e 'open my $events, "<", $ARGV[0] or die; sysread($events, my $line, 100); print $!' "$inner/.events")"
  done
}

# The end of the mount

@test "a mount that ends tells who waits, and exits with 0" {
  take "$M/job"
  for view in wait=60s interval=60s; do
    in_background python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$M/.with/$view/job" CREAT,WRONLY >"$T/said-$view"
  done
  in_background flock "$M/job" true
  wait_until waits 2 "$M/job"
  wait_until requests_wait 3 "$M"
  kill -TERM "${daemon_of[$M]}"
  daemon_ended "$M"
  is 0 "$daemon_status"
  is "" "$(cat "$M.stderr")"
  for pid in "${background[@]}"; do
    wait_until ended "$pid"
  done
  matches "ESHUTDOWN|ECONNABORTED" "$(<"$T/said-wait=60s")"
  matches "ESHUTDOWN|ECONNABORTED" "$(<"$T/said-interval=60s")"
}

# hold

@test "hold: closing releases, and what is written is there for all to read" {
  exec 9>"$M/.with/hold/job"
  is ACQUIRED "$(state "$M/job")"
  echo words >&9
  is words "$(cat "$M/job")"
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  exec 9>&-
  wait_until gone "$M/job"
  echo words >"$M/.with/hold/job"
  wait_until gone "$M/job"
}

@test "hold: a copy of the descriptor keeps it, in whatever process" {
  exec 9>"$M/.with/hold/job"
  token=$(lock "$M/job" token)
  in_background sleep 1000
  exec 8>&9
  exec 9>&-
  exec 8>&-
  for _ in {1..20}; do
    is "$token" "$(lock "$M/job" token)"
  done
  kill -KILL "$pid"
  wait_until gone "$M/job"
}

@test "hold: kill -9 of the process releases, and who waits has it then" {
  in_background bash -c 'exec 9>"$0"; exec sleep 1000' "$M/.with/hold/job"
  holder=$pid
  wait_until test -e "$M/job"
  waiter "$M/.with/wait=60s/job"
  wait_until waits 1 "$M/job"
  kill -KILL "$holder"
  ends_with 0 "$pid"
}

@test "hold: renewed past its lease for as long as it is open" {
  exec 9>"$M/.with/hold,ttl=4s/job"
  token=$(lock "$M/job" token)
  end=$(($(now_ms) + 6000))
  while (($(now_ms) < end)); do
    is "$token" "$(lock "$M/job" token)"
    sleep 0.05
  done
  echo words >&9
  exec 9>&-
  wait_until gone "$M/job"
}

@test "hold and wait can be combined" {
  take "$M/job"
  in_background bash -c 'exec 9>"$0"; echo got >>"$1"; exec sleep 1000' "$M/.with/hold,wait=60s/job" "$T/got"
  wait_until waits 1 "$M/job"
  rm "$M/job"
  wait_until got 1
  is_anothers "$M/job"
  kill -KILL "$pid"
  wait_until gone "$M/job"
}

@test "hold is refused what another has, at once" {
  hold_as_other "$M/job"
  before=$(snapshot "$M/job")
  expect EBUSY open "$M/.with/hold/job" CREAT,WRONLY
  expect EEXIST open "$M/.with/hold/job" CREAT,EXCL,WRONLY
  unchanged "$before" "$M/job"
}

# Loss

# start_holder ARGUMENT... <<PY: a script for write_script. It writes into the file T/said that
# it holds, and what it is told then.
start_holder() {
  write_script "$T/holder.py"
  in_background "${python[@]}" "$T/holder.py" "$@"
  wait_until says holds "$T/said"
}

# Holds M/job in a view of $1, says when it is told of the loss, and what its descriptor says then.
holder_of_loss() {
  start_holder "$1" <<'PY'
view, said = sys.argv[1], T + "/said"
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append(boottime()))
fd = os.open("%s/.with/%s/job" % (M, view), os.O_CREAT | os.O_EXCL | os.O_RDWR)
poll = select.poll()
poll.register(fd, 0)
with open(said, "w") as file:
    file.write("holds\n")
events = poll.poll(60000)
ended = boottime()
answers = [outcome(os.read, fd, 1), outcome(os.write, fd, b"x"), outcome(os.fsync, fd), attribute(fd, "state"),
           "HUP" if events and events[0][1] & (select.POLLERR | select.POLLHUP) == select.POLLERR | select.POLLHUP else repr(events)]
until = boottime() + 5
while "signal" in view and not told and boottime() < until:
    time.sleep(0.005)
with open(said, "a") as file:
    file.write(" ".join(map(str, answers + [len(told)])) + "\n")
PY
}

@test "a holder that is forced out gets ESTALE, EXPIRED, POLLERR|POLLHUP, and the signal" {
  holder_of_loss hold,signal=USR1
  waiter "$M/.with/wait=60s/job"
  next=$pid
  wait_until waits 1 "$M/job"
  rm "$M/.with/force/job"
  wait_until ended "${background[0]}"
  is "ESTALE ESTALE ESTALE EXPIRED HUP 1" "$(tail -n 1 "$T/said")"
  ends_with 0 "$next"
}

@test "a loss without signal= sends no signal" {
  holder_of_loss hold
  rm "$M/.with/force/job"
  wait_until ended "${background[0]}"
  is "ESTALE ESTALE ESTALE EXPIRED HUP 0" "$(tail -n 1 "$T/said")"
}

@test "a daemon that stood still for longer than the lease reports the loss" {
  holder_of_loss hold,signal=SIGUSR1,ttl=2s
  # For less than the timeout of a server, which would be told of too.
  kill -STOP "${daemon_of[$M]}"
  sleep 2.5
  kill -CONT "${daemon_of[$M]}"
  wait_until ended "${background[0]}"
  is "ESTALE ESTALE ESTALE EXPIRED HUP 1" "$(tail -n 1 "$T/said")"
  wait_until gone "$M/job"
}

@test "a release by one's own will sends no signal" {
  in_background bash -c 'trap "echo told" USR1; exec 9>"$0"; rm "$1"; echo removed; for _ in 1 2 3 4 5; do sleep 0.05; done' \
    "$M/.with/hold,signal=USR1/job" "$M/job" >"$T/said"
  ends_with 0 "$pid"
  is removed "$(<"$T/said")"
}

# Locks M/job by flock in a view of $1, in a process that has not opened it, and says when it is told of the loss.
holder_by_flock() {
  start_holder "$1" <<'PY'
said = T + "/said"
fd = os.open("%s/.with/%s/job" % (M, sys.argv[1]), os.O_RDONLY | os.O_CREAT)
opener = os.getpid()
if os.fork() > 0:
    os._exit(0)
while os.getppid() == opener:
    time.sleep(0.005)
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append("told"))
fcntl.flock(fd, fcntl.LOCK_EX)
with open(said, "w") as file:
    file.write("holds\n")
until = boottime() + 10
while not told and boottime() < until:
    time.sleep(0.005)
with open(said, "a") as file:
    file.write("".join(told))
PY
}

@test "signal= tells who locked, where who opened has ended, with hold and without" {
  for view in hold,signal=USR1 signal=USR1; do
    holder_by_flock "$view"
    rm "$M/.with/force/job"
    wait_until says $'holds\ntold' "$T/said"
    rm "$T/said"
  done
}

@test "signal= gives no right to signal who could not be signalled" {
  need_root
  unmount_lockfs
  mount_lockfs -o allow_other
  start_holder "$(id -u nobody)" "$(id -g nobody)" <<'PY'
uid, gid = map(int, sys.argv[1:])
os.setresgid(gid, gid, 0)
os.setresuid(uid, uid, 0)
fd = os.open(M + "/.with/hold,signal=KILL/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
# As a program that is root's by its mode comes to be.
os.setresuid(0, 0, 0)
with open(T + "/said", "w") as file:
    file.write("holds\n")
time.sleep(60)
PY
  rm "$M/.with/force/job"
  wait_until grep -q "cannot tell a process that it lost job: Operation not permitted" "$M.stderr"
  kill -0 "$pid"
  : >"$M.stderr"
}
