# flock(2): the lock of an open file description. It is the lock that creation takes.

load ../lib/helper

# Locks a file as another session, for as long as that lives. Its process id is in $holder.
hold_as_other() {
  in_background flock -F "$1" sleep 1000
  holder=$pid
  wait_until test -e "$1"
}

is_anothers() {
  [[ $(state "$1" 2>/dev/null) == UNAVAILABLE ]]
}

no_process_in() {
  ! pgrep -g "$1" >/dev/null
}

is_empty() {
  [[ -z $(ls "$1") ]]
}

# What a waiter of ours waits for: something in a file.
says() {
  [[ -e $2 && $(<"$2") == "$1" ]]
}

# A flock that was given back may take a moment until it is gone: close(2) does not wait.
is_given_back() {
  wait_until gone "$1"
}

# took MS FROM_MS TO_MS
took() {
  (($1 >= $2 && $1 <= $3)) || fail "it took $1 ms, expected $2 to $3"
}

# flock(1)

@test "flock runs a command while it has the lock" {
  flock "$M/job" sh -c 'getfattr --absolute-names --only-values -n user.lock.state "$0"; ls "$1" >"$2/ls"' \
    "$M/job" "$M" "$T" >"$T/state"
  is ACQUIRED "$(<"$T/state")"
  is job "$(<"$T/ls")"
  is_given_back "$M/job"
  is "" "$(ls "$M")"
}

@test "flock answers with the command's status, and takes -c, -o, -F, -x" {
  run flock "$M/job" sh -c 'exit 3'
  is 3 "$status"
  is hello "$(flock "$M/job" -c 'echo hello')"
  is hello "$(flock -x "$M/job" echo hello)"
  is hello "$(flock -F "$M/job" echo hello)"
  is ACQUIRED "$(flock -o "$M/job" getfattr --absolute-names --only-values -n user.lock.state "$M/job")"
  is_given_back "$M/job"
}

@test "a process that the command of flock -o starts does not keep the lock" {
  in_background flock -o "$M/job" sh -c 'sleep 1000 & echo "$!" >"$0"' "$T/child"
  ends_with 0 "$pid"
  is_given_back "$M/job"
}

@test "a process that flock's command starts keeps the lock" {
  in_background flock "$M/job" sh -c 'sleep 1000 & echo "$!" >"$0"' "$T/child"
  ends_with 0 "$pid"
  token=$(lock "$M/job" token)
  refute flock -n "$M/job" true
  is "$token" "$(lock "$M/job" token)"
  kill -KILL "$(<"$T/child")"
  is_given_back "$M/job"
}

@test "flock -n and -E are refused at once and change nothing" {
  hold_as_other "$M/job"
  before=$(snapshot "$M/job")
  start=$(now_ms)
  run flock -n "$M/job" echo no
  is "1 " "$status $output"
  run flock -n -E 7 "$M/job" echo no
  is "7 " "$status $output"
  took $(($(now_ms) - start)) 0 10000
  unchanged "$before" "$M/job"
}

@test "flock -w waits as long as it is told and no longer" {
  hold_as_other "$M/job"
  before=$(snapshot "$M/job")
  start=$(now_ms)
  run flock -w 1 -E 9 "$M/job" echo no
  is "9 " "$status $output"
  took $(($(now_ms) - start)) 1000 10000
  start=$(now_ms)
  run flock -w 0.2 "$M/job" echo no
  is "1 " "$status $output"
  took $(($(now_ms) - start)) 200 10000
  unchanged "$before" "$M/job"
  in_background flock -w 30 "$M/job" echo yes
  wait_until waits 1 "$M/job"
  kill -KILL "$holder"
  ends_with 0 "$pid"
}

@test "flock waits for a lock that was taken by creation, and creation fails on flock's" {
  take "$M/job"
  in_background flock -F "$M/job" sleep 1000
  wait_until waits 1 "$M/job"
  rm "$M/job"
  wait_until is_anothers "$M/job"
  is 0 "$(lock "$M/job" waiters)"
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  expect EBUSY open "$M/.with/hold/job" CREAT,WRONLY
  run bash -c 'echo words >"$0"' "$M/job"
  contains "Device or resource busy" "$output"
  run rm -f "$M/job"
  contains "Operation not permitted" "$output"
}

@test "flock fails on a path where no lock can be" {
  take "$M/held"
  for file in "$M/nowhere/job" "$M/held/job" "$M/.with/ttl=x/job"; do
    run flock -n "$file" echo no
    contains "cannot open lock file" "$output"
  done
  run flock -n "$M/.events" echo no
  contains "Operation not supported" "$output"
}

@test "many commands under flock run one after another" {
  echo 0 >"$T/count"
  for _ in {1..8}; do
    in_background sh -c 'for round in 1 2 3 4 5; do
      flock "$0" sh -c "read -r count <\"\$0\"; echo \$((count + 1)) >\"\$0\"" "$1" || exit 1
    done' "$M/job" "$T/count"
  done
  for pid in "${background[@]}"; do
    ends_with 0 "$pid"
  done
  is 40 "$(<"$T/count")"
  is_given_back "$M/job"
}

# The kernel looks a name up, asks whether it may open it, and opens it; between
# any two of these the lock may have passed to another.
@test "open() before flock() never fails while others take and release the lock" {
  py <<'PY'
EX, UN = fcntl.LOCK_EX, fcntl.LOCK_UN
ways = {
    "flock": os.O_RDONLY | os.O_CREAT,
    "exec 9<>": os.O_RDWR | os.O_CREAT,
    "setlock": os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK,
    "exec 9>": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "exec 9>>": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}
reader, writer = os.pipe()
end = boottime() + 3
def locker(way):
    os.setsid()
    rounds = 0
    while boottime() < end:
        fd = os.open(M + "/job", ways[way])
        fcntl.flock(fd, EX)
        counter = os.open(T + "/counter", os.O_RDWR | os.O_CREAT)
        count = int(os.pread(counter, 20, 0) or b"0")
        os.pwrite(counter, b"%d" % (count + 1), 0)
        os.close(counter)
        os.close(fd)
        rounds += 1
    return rounds
children = []
for way in ways:
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            os.write(writer, ("%s: %s\n" % (way, outcome(locker, way))).encode())
            os._exit(0)
        children.append(pid)
os.close(writer)
for pid in children:
    os.waitpid(pid, 0)
answers = os.fdopen(reader).read().splitlines()
counts = [answer.split(": ")[1] for answer in answers]
if len(answers) != 10 or not all(count.isdigit() for count in counts):
    sys.exit("answers: %r" % answers)
check("updates, none lost", int(open(T + "/counter").read()), sum(map(int, counts)))
PY
  is_given_back "$M/job"
}

# By descriptor

@test "exec 9>, 9>> and 9<> of a free lock take nothing, and flock acquires for the descriptor" {
  for mode in '>' '>>' '<>'; do
    eval "exec 9$mode\"\$M/job\""
    gone "$M/job"
    is EXPIRED "$(state /dev/fd/9)"
    run bash -c 'echo words >&9'
    contains "No locks available" "$output"
    flock -n 9
    is ACQUIRED "$(state "$M/job")"
    is ACQUIRED "$(state /dev/fd/9)"
    is UNAVAILABLE "$(session getfattr --absolute-names --only-values -n user.lock.state "$M/job")"
    echo words >&9
    is words "$(cat "$M/job")"
    exec 9>&-
    is_given_back "$M/job"
  done
}

@test "exclusive creation acquires, and flock binds the holding to the descriptor" {
  set -C
  exec 9>"$M/job"
  set +C
  token=$(lock "$M/job" token)
  flock -n 9
  is ACQUIRED "$(state "$M/job")"
  is "$token" "$(lock "$M/job" token)"
  is ACQUIRED "$(state /dev/fd/9)"
  is UNAVAILABLE "$(session getfattr --absolute-names --only-values -n user.lock.state "$M/job")"
  echo words >&9
  is words "$(cat "$M/job")"
  exec 9>&-
  is_given_back "$M/job"
}

@test "a descriptor of exec 9<, 9>, 9>> or 9<> on another's lock waits for it by flock" {
  for mode in '<' '>' '>>' '<>'; do
    hold_as_other "$M/job"
    eval "exec 9$mode\"\$M/job\""
    refute flock -n 9
    kill -KILL "$holder"
    flock 9
    is ACQUIRED "$(state "$M/job")"
    [ "$mode" = '<' ] || echo words >&9
    exec 9<&-
    is_given_back "$M/job"
  done
}

@test "a lock of flock begins empty, whatever was written before it was opened or while it waited" {
  in_background flock -F "$M/job" sh -c 'echo theirs >"$0"; exec sleep 1000' "$M/job"
  holder=$pid
  wait_until says theirs "$M/job"
  exec 9>"$M/job"
  is theirs "$(cat "$M/job")"
  exec 8<>"$M/job"
  kill -KILL "$holder"
  flock 9
  is "" "$(cat "$M/job")"
  echo x >&9
  is x "$(cat "$M/job")"
  flock -u 9
  flock 8
  is "" "$(cat "$M/job")"
  exec 9>&- 8>&-
  is_given_back "$M/job"
}

@test "the idioms of flock(1) work as on a local disk" {
  echo 0 >"$T/count"
  for _ in 1 2; do
    in_background bash -c 'for _ in 1 2 3; do
      exec 9>"$0"
      flock -w 60 9 || exit 1
      read -r count <"$1"; echo $((count + 1)) >"$1"
      exec 9>&-
    done' "$M/job" "$T/count"
    in_background bash -c 'for _ in 1 2 3; do
      (flock 9; read -r count <"$1"; echo $((count + 1)) >"$1") 9>"$0" || exit 1
    done' "$M/job" "$T/count"
    in_background bash -c 'for _ in 1 2 3; do
      touch "$0" 2>/dev/null
      flock "$0" sh -c "read -r count <\"\$0\"; echo \$((count + 1)) >\"\$0\"" "$1" || exit 1
    done' "$M/job" "$T/count"
  done
  for pid in "${background[@]}"; do
    ends_with 0 "$pid"
  done
  is 18 "$(<"$T/count")"
  is_given_back "$M/job"
}

@test "two scripts that open one lock by exec 9> never both hold it" {
  in_background bash -c 'exec 9>"$0"; flock -n 9 && echo in >"$1"; sleep 1000' "$M/job" "$T/said"
  wait_until says in "$T/said"
  run bash -c 'exec 9>"$0" && flock -n 9 && echo in' "$M/job"
  is "1 " "$status $output"
}

@test "exec 9< of a free lock fails, as there is no file" {
  run bash -c 'exec 9<"$0"' "$M/job"
  contains "No such file or directory" "$output"
}

@test "in a view with id= exec 9>, 9>> and 9<> acquire by creation, and flock binds the holding" {
  for mode in '>' '>>' '<>'; do
    eval "exec 9$mode\"\$M/.with/id=alice/job\""
    token=$(lock "$M/job" token)
    flock -n 9
    is "$token" "$(lock "$M/job" token)"
    echo words >&9
    is words "$(cat "$M/job")"
    exec 9>&-
    is_given_back "$M/job"
  done
}

@test "what was acquired by creation and not locked stays when it is closed" {
  set -C
  exec 9>"$M/job"
  set +C
  exec 9>&-
  is ACQUIRED "$(state "$M/job")"
  exec 9>"$M/.with/id=alice/other"
  exec 9>&-
  is ACQUIRED "$(state "$M/.with/id=alice/other")"
}

@test "a lock of a lease that has passed is locked anew" {
  set -C
  exec 9>"$M/.with/ttl=1s/job"
  set +C
  wait_until gone "$M/job"
  flock -n 9
  is ACQUIRED "$(state "$M/job")"
  echo words >&9
  is words "$(cat "$M/job")"
  exec 9>&-
  is_given_back "$M/job"
}

@test "a descriptor that acquired by creation waits when another has it since" {
  set -C
  exec 9>"$M/.with/ttl=1s/job"
  set +C
  wait_until gone "$M/job"
  hold_as_other "$M/job" 9>&-
  refute flock -n 9
  kill -KILL "$holder"
  flock -w 10 9
  is ACQUIRED "$(state "$M/job")"
  exec 9>&-
}

@test "two descriptors of one session exclude each other" {
  py <<'PY'
EX, NB, UN = fcntl.LOCK_EX, fcntl.LOCK_NB, fcntl.LOCK_UN
one = os.open(M + "/job", os.O_RDONLY | os.O_CREAT)
two = os.open(M + "/job", os.O_RDONLY | os.O_CREAT)
check("path", outcome(os.stat, M + "/job"), "ENOENT")
check("the first", outcome(fcntl.flock, one, EX | NB), "OK")
check("the second", outcome(fcntl.flock, two, EX | NB), "EAGAIN")
check("the first again", outcome(fcntl.flock, one, EX | NB), "OK")
check("the first again, waiting", outcome(fcntl.flock, one, EX), "OK")
fcntl.flock(one, UN)
check("the second now", outcome(fcntl.flock, two, EX | NB), "OK")
check("the first now", outcome(fcntl.flock, one, EX | NB), "EAGAIN")
third = os.open(M + "/job", os.O_RDWR)
check("a third", outcome(fcntl.flock, third, EX | NB), "EAGAIN")
os.close(two)
check("after close", outcome(fcntl.flock, third, EX), "OK")
PY
}

@test "what one session holds by creation, its flock waits for too" {
  take "$M/job"
  before=$(snapshot "$M/job")
  exec 9<"$M/job"
  refute flock -n 9
  refute flock -n "$M/job" true
  unchanged "$before" "$M/job"
  rm "$M/job"
  flock -n 9
  exec 9<&-
}

@test "unlock gives it back at once, and it can be locked again" {
  py <<'PY'
fd = os.open(M + "/job", os.O_RDWR | os.O_CREAT)
tokens = []
for _ in range(3):
    check("unlock of what is not locked", outcome(fcntl.flock, fd, fcntl.LOCK_UN), "OK")
    check("lock", outcome(fcntl.flock, fd, fcntl.LOCK_EX), "OK")
    check("state", attribute(fd, "state"), "ACQUIRED")
    tokens.append(int(attribute(fd, "token")))
    check("write", outcome(os.pwrite, fd, b"words", 0), 5)
    check("read", os.pread(fd, 10, 0), b"words")
    check("unlock", outcome(fcntl.flock, fd, fcntl.LOCK_UN), "OK")
    check("path", outcome(os.stat, M + "/job"), "ENOENT")
    check("state without a lock", attribute(fd, "state"), "EXPIRED")
    check("write without a lock", outcome(os.pwrite, fd, b"words", 0), "ENOLCK")
    check("read without a lock", outcome(os.pread, fd, 10, 0), b"")
    check("size without a lock", os.fstat(fd).st_size, 0)
check("tokens", tokens, sorted(set(tokens)))
PY
}

@test "dup and fork: held until the last copy is closed" {
  exec 9<>"$M/job"
  flock 9
  exec 8<&9
  exec 9>&-
  in_background sleep 1000
  exec 8>&-
  # Closing is not waited for, so look more than once that it is held still.
  for _ in {1..20}; do
    is ACQUIRED "$(state "$M/job")"
  done
  refute flock -n "$M/job" true
  kill -KILL "$pid"
  is_given_back "$M/job"
}

@test "a copy unlocks for all" {
  exec 9<>"$M/job"
  flock 9
  (flock -u 9)
  gone "$M/job"
  exec 9>&-
}

@test "closing another descriptor of the file unlocks nothing" {
  exec 9<>"$M/job"
  flock 9
  cat "$M/job"
  exec 8<>"$M/job"
  exec 8>&-
  for _ in {1..20}; do
    is ACQUIRED "$(state "$M/job")"
  done
  exec 9>&-
}

@test "fstat of the descriptor and stat of the path agree" {
  py <<'PY'
fd = os.open(M + "/job", os.O_RDWR | os.O_CREAT)
before = os.fstat(fd).st_ino
check("path", outcome(os.stat, M + "/job"), "ENOENT")
fcntl.flock(fd, fcntl.LOCK_EX)
os.write(fd, b"hello")
by_fd, by_path = os.fstat(fd), os.stat(M + "/job")
for name in ("st_ino", "st_dev", "st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_ctime_ns"):
    check(name, getattr(by_fd, name), getattr(by_path, name))
check("inode before", before, by_path.st_ino)
check("inode in a view", os.stat(M + "/.with/ttl=5s/job").st_ino, by_path.st_ino)
check("token", attribute(fd, "token"), attribute(M + "/job", "token"))
PY
}

@test "rm by path releases: the descriptor is stale, and can lock again" {
  py <<'PY'
fd = os.open(M + "/job", os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
check("another session", in_child(lambda: os.unlink(M + "/job"), session=True), "EPERM")
poll = select.poll()
poll.register(fd, 0)
check("poll", poll.poll(0), [])
os.unlink(M + "/job")
for what, call in (("read", lambda: os.read(fd, 10)), ("write", lambda: os.write(fd, b"x")), ("fsync", lambda: os.fsync(fd))):
    check(what, outcome(call), "ESTALE")
check("poll", [event for _, event in poll.poll(5000)], [select.POLLERR | select.POLLHUP])
check("state", attribute(fd, "state"), "EXPIRED")
check("path", outcome(os.stat, M + "/job"), "ENOENT")
fcntl.flock(fd, fcntl.LOCK_EX)
check("state", attribute(fd, "state"), "ACQUIRED")
check("write", outcome(os.pwrite, fd, b"words", 0), 5)
check("poll", poll.poll(0), [])
PY
}

@test "the id of a lock is for its holder, and its handle is good elsewhere" {
  exec 9<>"$M/job"
  flock 9
  handle=$(lock "$M/job" handle)
  session rm "$M/$handle"
  gone "$M/job"
  is EXPIRED "$(state /dev/fd/9)"
  exec 9>&-
}

@test "forced release: the descriptor is stale, and the next one has it" {
  exec 9<>"$M/job"
  flock 9
  in_background flock -F "$M/job" sleep 1000 9>&-
  wait_until waits 1 "$M/job"
  session rm "$M/.with/force/job"
  wait_until is_anothers "$M/job"
  is EXPIRED "$(state /dev/fd/9)"
  run cat <&9
  contains "Stale file handle" "$output"
  exec 9>&-
  is UNAVAILABLE "$(state "$M/job")"
}

# Death

@test "kill -9 of the holder: the next one runs at once" {
  local best=10000 ms
  for round in 1 2 3; do
    hold_as_other "$M/job"
    in_background flock "$M/job" sh -c 'date +%s%N >"$0"' "$T/next$round"
    wait_until waits 1 "$M/job"
    before=$(date +%s%N)
    kill -KILL "$holder"
    ends_with 0 "$pid"
    ms=$((($(<"$T/next$round") - before) / 1000000))
    ((ms >= best)) || best=$ms
    is_given_back "$M/job"
  done
  # Others use the machine.
  took "$best" 0 1000
}

@test "a waiter that is killed ends at once, and nothing of it stays" {
  hold_as_other "$M/job"
  for signal in KILL TERM INT HUP; do
    in_background env --default-signal=INT,QUIT,HUP flock "$M/job" echo no >"$T/said"
    wait_until waits 1 "$M/job"
    kill -"$signal" "$pid"
    ends_with $((128 + $(kill -l "$signal"))) "$pid"
    wait_until waits 0 "$M/job"
    is "" "$(<"$T/said")"
  done
  kill -KILL "$holder"
  is_given_back "$M/job"
}

@test "hundreds of waiters that are killed at once leave the queue" {
  hold_as_other "$M/job"
  in_background sh -c 'for _ in $(seq 200); do flock "$0" true & done; wait' "$M/job"
  wait_until 60 waits 200 "$M/job"
  is job "$(ls "$M")"
  kill -KILL -- "-$pid"
  wait_until 60 waits 0 "$M/job"
  wait_until no_process_in "$pid"
  kill -KILL "$holder"
  is_given_back "$M/job"
}

@test "waiters by flock get the lock in the order of their arrival" {
  exec 9<>"$M/job"
  flock 9
  for number in 1 2 3 4 5 6 7 8; do
    in_background flock "$M/job" sh -c 'echo "$0" >>"$1"' "$number" "$T/order" 9>&-
    wait_until waits "$number" "$M/job"
  done
  exec 9>&-
  for pid in "${background[@]}"; do
    ends_with 0 "$pid"
  done
  is "1 2 3 4 5 6 7 8" "$(tr '\n' ' ' <"$T/order" | sed 's/ $//')"
}

@test "a waiter that is stopped is not handed the lock, and waits on when it goes on" {
  hold_as_other "$M/job"
  in_background flock "$M/job" true
  stopped=$pid
  wait_until waits 1 "$M/job"
  kill -STOP "$stopped"
  wait_until waits 0 "$M/job"
  kill -CONT "$stopped"
  wait_until waits 1 "$M/job"
  refute ended "$stopped"
  kill -STOP "$stopped"
  wait_until waits 0 "$M/job"
  kill -KILL "$holder"
  is_given_back "$M/job"
  kill -CONT "$stopped"
  ends_with 0 "$stopped"
}

@test "a signal handler ends a wait with EINTR, or does not if it restarts" {
  hold_as_other "$M/job"
  write_script "$T/interrupted.py" <<'PY'
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.siginterrupt(signal.SIGUSR1, sys.argv[2] == "interrupts")
fd = os.open(sys.argv[1], os.O_RDONLY)
result = libc.flock(fd, fcntl.LOCK_EX)
print(result, ERRNO_NAMES.get(ctypes.get_errno(), ctypes.get_errno()) if result else "OK", flush=True)
PY
  in_background "${python[@]}" "$T/interrupted.py" "$M/job" interrupts >"$T/said"
  wait_until waits 1 "$M/job"
  kill -USR1 "$pid"
  ends_with 0 "$pid"
  is "-1 EINTR" "$(<"$T/said")"
  wait_until waits 0 "$M/job"

  in_background "${python[@]}" "$T/interrupted.py" "$M/job" restarts >"$T/said"
  wait_until waits 1 "$M/job"
  for _ in {1..20}; do
    kill -USR1 "$pid"
  done
  wait_until waits 1 "$M/job"
  refute ended "$pid"
  kill -KILL "$holder"
  ends_with 0 "$pid"
  is "0 OK" "$(<"$T/said")"
}

# Leases

@test "a lock is renewed for as long as its descriptor is open" {
  exec 9<>"$M/.with/ttl=4s/job"
  flock 9
  token=$(lock "$M/job" token)
  is 4.000 "$(lock "$M/job" ttl)"
  end=$(($(now_ms) + 6000))
  while (($(now_ms) < end)); do
    is "$token" "$(lock "$M/job" token)"
    sleep 0.05
  done
  echo words >&9
  exec 9>&-
  is_given_back "$M/job"
}

@test "flock in views: ttl, id, never, and the default of the directory" {
  exec 9<>"$M/.with/ttl=30s/job"
  flock 9
  is 30.000 "$(lock "$M/job" ttl)"
  exec 9>&-
  is_given_back "$M/job"

  exec 9<>"$M/.with/id=alice,ttl=never/job"
  flock 9
  is never "$(lock "$M/job" ttl)"
  is alice "$(lock "$M/job" owner)"
  is UNAVAILABLE "$(state "$M/job")"
  is ACQUIRED "$(state "$M/.with/id=alice/job")"
  # Two descriptors of one id are two.
  refute flock -n "$M/.with/id=alice/job" true
  exec 9>&-
  is_given_back "$M/job"

  mkdir "$M/dir"
  setfattr -n user.lock.default_ttl -v 7s "$M/dir"
  exec 9<>"$M/dir/job"
  flock 9
  is 7.000 "$(lock "$M/dir/job" ttl)"
  exec 9>&-
  is_given_back "$M/dir/job"
}

@test "in a view with signal= flock needs no hold, and exclusive creation fails with EINVAL" {
  expect EINVAL open "$M/.with/signal=USR1/job" CREAT,EXCL,WRONLY
  gone "$M/job"
  py <<'PY'
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append("told"))
fd = os.open(M + "/.with/signal=USR1/job", os.O_CREAT | os.O_RDWR)
check("lock", outcome(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "OK")
check("another session", in_child(lambda: os.unlink(M + "/.with/force/job"), session=True), "OK")
end = boottime() + 20
while not told:
    check("a signal", boottime() < end, True)
    time.sleep(0.01)
check("write", outcome(os.write, fd, b"x"), "ESTALE")
PY
}

@test "who waited to turn a shared lock into an exclusive one is signalled when that is lost" {
  py <<'PY'
import threading
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append("told"))
fd = os.open(M + "/.with/signal=USR1/job", os.O_CREAT | os.O_RDWR)
other = os.open(M + "/job", os.O_CREAT | os.O_RDWR)
for each in fd, other:
    check("share", outcome(fcntl.flock, each, fcntl.LOCK_SH | fcntl.LOCK_NB), "OK")
waiter = threading.Thread(target=fcntl.flock, args=(fd, fcntl.LOCK_EX))
waiter.start()
end = boottime() + 20
while os.getxattr(other, "user.lock.waiters") != b"1":
    check("a waiter", boottime() < end, True)
    time.sleep(0.01)
fcntl.flock(other, fcntl.LOCK_UN)
waiter.join()
check("mode", os.getxattr(fd, "user.lock.mode"), b"exclusive")
check("another session", in_child(lambda: os.unlink(M + "/.with/force/job"), session=True), "OK")
while not told:
    check("a signal", boottime() < end, True)
    time.sleep(0.01)
PY
}

@test "flock on a mount with ro fails with EROFS" {
  unmount_lockfs
  if [[ $LOCKFS_TEST_SOURCE == memory: ]]; then
    mount_lockfs -o ro
    run flock -n "$M/job" true
    is 73 "$status"
    contains "Read-only file system" "$output"
    return 0
  fi
  mount_lockfs "$T/other"
  take "$T/other/job"
  mount_lockfs -o ro
  py <<'PY'
fd = os.open(M + "/job", os.O_RDONLY)
check("flock", outcome(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB), "EROFS")
check("unlock", outcome(fcntl.flock, fd, fcntl.LOCK_UN), "OK")
PY
  rm "$T/other/job"
}

# Other programs

@test "setlock of daemontools waits, and does not with -n" {
  setlock "$M/job" sh -c '[ "$(getfattr --absolute-names --only-values -n user.lock.state "$0")" = ACQUIRED ]' "$M/job"
  is_given_back "$M/job"
  hold_as_other "$M/job"
  run setlock -n "$M/job" echo no
  is 111 "$status"
  contains "unable to lock" "$output"
  run setlock -nx "$M/job" echo no
  is "0 " "$status $output"
  in_background setlock "$M/job" sh -c 'echo yes >"$0"' "$T/said"
  wait_until waits 1 "$M/job"
  kill -KILL "$holder"
  ends_with 0 "$pid"
  is yes "$(<"$T/said")"
  is_given_back "$M/job"
}

@test "chpst -l of runit waits, and -L does not" {
  command -v chpst >/dev/null || skip "there is no chpst"
  chpst -L "$M/job" sh -c '[ "$(getfattr --absolute-names --only-values -n user.lock.state "$0")" = ACQUIRED ]' "$M/job"
  is_given_back "$M/job"
  hold_as_other "$M/job"
  run chpst -L "$M/job" echo no
  contains "unable to lock" "$output"
  refute [ "$status" = 0 ]
  in_background chpst -l "$M/job" sh -c 'echo yes >"$0"' "$T/said"
  wait_until waits 1 "$M/job"
  kill -KILL "$holder"
  ends_with 0 "$pid"
  is yes "$(<"$T/said")"
  is_given_back "$M/job"
}

@test "a shell loop of exec 9, flock 9, work and flock -u 9 takes the lock each time" {
  mkfifo "$T/go"
  in_background bash -c 'exec 9<>"$0"; flock 9; echo in >"$1"; read -r _ <"$2"; flock -u 9; sleep 1000' \
    "$M/job" "$T/said" "$T/go"
  wait_until says in "$T/said"
  refute flock -n "$M/job" true
  echo >"$T/go"
  wait_until gone "$M/job"
  flock -n "$M/job" true
}

@test "threads that lock one descriptor all have it" {
  hold_as_other "$M/job"
  in_background python3 -c '
import fcntl, os, sys, threading
fd = os.open(sys.argv[1], os.O_RDONLY)
threads = [threading.Thread(target=fcntl.flock, args=(fd, fcntl.LOCK_EX)) for _ in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(os.getxattr(fd, "user.lock.state").decode(), os.getxattr(fd, "user.lock.waiters").decode(), flush=True)
fcntl.flock(fd, fcntl.LOCK_UN)
' "$M/job" >"$T/said"
  wait_until waits 5 "$M/job"
  kill -KILL "$holder"
  ends_with 0 "$pid"
  is "ACQUIRED 0" "$(<"$T/said")"
  is_given_back "$M/job"
}

@test "thousands of rounds leave nothing behind" {
  py <<'PY'
def rounds(count):
    for number in range(count):
        fd = os.open(M + "/job-%d" % (number % 7), os.O_RDWR | os.O_CREAT)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if number % 3 == 0:
            fcntl.flock(fd, fcntl.LOCK_UN)
        elif number % 3 == 1:
            os.unlink(M + "/job-%d" % (number % 7))
        os.close(fd)
def memory(pid):
    for line in open("/proc/%s/status" % pid):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
pid = os.popen("pgrep -f -- 'lockfs [^ ]+ %s( |$)'" % M).read().split()[0]
ROUNDS = 3000
# A mount of a server remembers for 10 s what has ended. After that, the next rounds use the same memory.
if os.environ.get("LOCKFS_TEST_SOURCE", "memory:") == "memory:":
    rounds(500)
else:
    rounds(ROUNDS)
    time.sleep(10)
before, fds = memory(pid), len(os.listdir("/proc/%s/fd" % pid))
rounds(ROUNDS)
check("open files of the daemon", len(os.listdir("/proc/%s/fd" % pid)), fds)
sanitized = b"__asan_init" in open("/proc/%s/exe" % pid, "rb").read()
if memory(pid) - before > 300 and not sanitized:
    sys.exit("the daemon grew by %d KiB" % (memory(pid) - before))
PY
  wait_until is_empty "$M"
}

@test "an id that unlocked a file does not lock by it what another file holds" {
  exec 7>"$M/.with/id=alice/job"
  flock 7
  flock -u 7
  exec 8>"$M/.with/id=alice/job"
  flock 8
  refute flock -n 7
  exec 7>&-
  is UNAVAILABLE "$(state "$M/job")"
  flock 8
  exec 8>&-
}
