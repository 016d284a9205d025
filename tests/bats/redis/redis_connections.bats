# Answers and messages on connections to Redis that are slow, break, or say what nobody asked.

load ../lib/helper
load ../lib/redis
load ../lib/redis_failure

# Looking it up takes most of the lease, and the answer comes when that is over.
seen_late() {
  take "$N/.with/ttl=2050ms/$1"
  [ UNAVAILABLE = "$(call getxattr "$M/$1" user.lock.state)" ]
}

@test "an answer that comes after the end of the lease tells what was so when the server looked" {
  proxy_start
  orders '{"back": 700}'
  # A machine that stands still meanwhile may be too late.
  seen_late one || seen_late two || seen_late three || fail "it was not there"
}

@test "operations succeed if replies are slow but in time" {
  timeout=5000 proxy_start
  ops prepare "$M"
  orders '{"there": 150, "back": 150}'
  read -r answer took <<<"$(call timed open "$M/job" CREAT,EXCL,WRONLY)"
  is OK "$answer"
  ((took >= 300 && took <= limit)) || fail "creation took $took ms"
  is ACQUIRED "$(state "$M/job")"
  remains "$M/job" 290000 299999
  echo words >"$M/job"
  is words "$(cat "$M/job")"
  touch "$M/job"
  rm "$M/job"
  gone "$M/job"
  orders '{"there": 500, "back": 500}'
  ops local "$M"
  is "" "$(cat "$M.stderr")"
}

@test "many under way on a slow connection are answered together" {
  timeout=5000 proxy_start
  # Each in a directory of its own: in one, older libfuse looks up one name after another.
  mkdir "$N"/{1..30}
  py <<'PY'
import json
dirs = [os.open("%s/%d" % (M, n), os.O_RDONLY) for n in range(1, 31)]
with open(T + "/orders", "w") as orders:
    json.dump({"there": 150, "back": 150}, orders)
answers, took = look_up_together("absent", dirs)
check("answers", answers, ["ENOENT"] * 30)
if not 0.3 <= took < 4:  # one after another would take 9 s
    sys.exit("it took %.3f s" % took)
PY
}

@test "a user with hundreds of calls under way to a far server is not slowed, and nobody else is" {
  need_root
  proxy_begin
  orders '{"back": 100}'
  mount_redis -o allow_other,timeout=10s "$M" "redis://127.0.0.1:$proxy_port"
  mount_redis "$N"
  mkdir "$N"/{1..300}
  py <<'PY'
def look_up():
    dirs = [os.open("%s/%d" % (M, number), os.O_RDONLY) for number in range(1, 301)]
    answers, took = look_up_together("absent", dirs)
    check("answers", answers, ["ENOENT"] * 300)
    if took > 1.5:  # 32 at a time would take 2 s at the least
        sys.exit("it took %.3f s" % took)
as_nobody(look_up)
PY
  is "" "$(cat "$M.stderr")"
}

# The server has renewed the lease when the mount, which did not hear of that, releases the lock. The daemon stands still
# until both the call and the end of the lease are there to be looked at.
@test "flock on a descriptor whose lease is over by the clock takes the lock anew, and whoever is told so has it" {
  timeout=10000 proxy_start
  py "$redis_cli_command" "${redis_socket[redis]}" "${daemon_of[$M]}" <<'PY'
import json, subprocess, sys, threading
client, socket, daemon = sys.argv[1], sys.argv[2], int(sys.argv[3])
fd = os.open(M + "/.with/ttl=6s/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
fcntl.flock(fd, fcntl.LOCK_EX)
locked = time.monotonic()
with open(T + "/orders", "w") as orders:
    json.dump({"back": 6000}, orders)
time.sleep(max(0, locked + 4 - time.monotonic()))
with open(T + "/orders", "w") as orders:
    json.dump({}, orders)
time.sleep(max(0, locked + 5 - time.monotonic()))
os.kill(daemon, signal.SIGSTOP)
try:
    answers = []
    thread = threading.Thread(target=lambda: answers.append(outcome(fcntl.flock, fd, fcntl.LOCK_EX)))
    thread.start()
    time.sleep(max(0, locked + 6.3 - time.monotonic()))
finally:
    os.kill(daemon, signal.SIGCONT)
thread.join()
time.sleep(0.3)
check("answer", answers, ["OK"])
check("the lock is there", subprocess.run([client, "-s", socket, "EXISTS", "lockfs:job"], stdout=subprocess.PIPE).stdout, b"1\n")
check("the descriptor", outcome(os.fsync, fd), "OK")
PY
}

@test "of two threads that lock one descriptor at once, the second never has what the first unlocked meanwhile" {
  timeout=10000 proxy_start
  py "$redis_cli_command" "${redis_socket[redis]}" <<'PY'
import json, subprocess, sys, threading
client, socket = sys.argv[1:]
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
with open(T + "/orders", "w") as orders:
    json.dump({"back": 2000}, orders)
answers = []
def lock_and_unlock():
    fcntl.flock(fd, fcntl.LOCK_EX)
    fcntl.flock(fd, fcntl.LOCK_UN)
def lock():
    time.sleep(1)
    answers.append(outcome(fcntl.flock, fd, fcntl.LOCK_EX))
threads = [threading.Thread(target=lock_and_unlock), threading.Thread(target=lock)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("answer", answers, ["OK"])
check("the lock is there", subprocess.run([client, "-s", socket, "EXISTS", "lockfs:job"], stdout=subprocess.PIPE).stdout, b"1\n")
PY
}

stands_in_the_kernel() {
  grep -qsE '^[0-9]+ \(.*\) D ' "/proc/$1"/task/*/stat
}

# is_watched KEY: is a mount told of the end of this lock, because it has looked it up?
is_watched() {
  [[ -n $(redis_cli HGET "lockfs#d:$1" watchers) ]]
}

@test "a daemon that is killed while it tells the kernel of an end lets its callers go, and is replaced" {
  need_root
  for round in 1 2 3; do
    timeout=60000 proxy_start
    # A mount that watches a lock is told of its end, also while its questions get no answer.
    take "$N/job"
    is UNAVAILABLE "$(state "$M/job")"
    wait_until is_watched job
    # Whose creation is under way has the directory in the kernel, for which the notifier waits then.
    orders "{\"at\": \"other$round\", \"trap\": \"mute\"}"
    in_background python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$M/other$round" CREAT,EXCL,WRONLY
    wait_until sprung
    rm "$N/job"
    wait_until stands_in_the_kernel "${daemon_of[$M]}"
    kill -KILL "${daemon_of[$M]}"
    wait_until ended "$pid"
    daemon_ended "$M"
    expect ENOTCONN stat "$M"
    mount_redis
    take "$M/job"
    rm "$M/job"
    unmount_lockfs
    unmount_lockfs "$N"
  done
}

@test "operations end in time if replies come too late" {
  proxy_start
  ops prepare "$M"
  orders '{"back": 1500}'
  longest=$(ops measure "$M" "$limit" ETIMEDOUT EHOSTDOWN)
  figure "the longest operation took $longest ms"
  ops local "$M"
  orders '{}'
  mended
  still_held
  nothing_new
}

@test "a lease that is over before the answer comes was never acquired" {
  proxy_start
  orders '{"back": 400}'
  expect ETIMEDOUT open "$M/.with/ttl=200ms/job" CREAT,EXCL,WRONLY
  orders '{}'
  wait_until 2 nobody_holds lockfs:job
}

# What the server says and nobody asked. hiredis aborts the process over each of these.

@test "an answer that nobody waits for ends the connection, and not the daemon" {
  local text number=0
  proxy_start
  for text in '+OK\r\n' ':7\r\n' '$-1\r\n' '*0\r\n' '*1\r\n$2\r\nOK\r\n' '*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\nx\r\n'; do
    number=$((number + 1))
    : >"$T/proxy"
    trap_at "strange-$number" add "\"text\": \"$text\""
    expect ENOENT stat "$M/strange-$number"
    sprung || fail "the trap was not sprung"
    mended
  done
  contains "it says what it was not asked" "$(cat "$M.stderr")"
  take "$M/job"
  is ACQUIRED "$(state "$M/job")"
}

@test "a message that is none ends the connection, and not the daemon" {
  local text part=SUBSCRIBE
  proxy_start
  for text in '+OK\r\n' '*3\r\n:1\r\n:2\r\n:3\r\n' '*2\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n' \
    '*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n' '*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n*0\r\n'; do
    : >"$T/proxy"
    trap_at "$part" add "\"text\": \"$text\""
    wait_until sprung_by_kill
    part=${part#?}
  done
  orders '{}'
  hear "$T/heard" "$M"
  take "$N/job"
  wait_until grep -q "ACQUIRED.job" "$T/heard"
  end_hearers
}

# The server spares who subscribes just now, as it does not know of it yet.
sprung_by_kill() {
  sprung && return
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  sprung
}

@test "events that are first wanted while the mount begins to listen are heard" {
  proxy_start
  trap_at SUBSCRIBE late '"ms": 400'
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  wait_until sprung
  hear "$T/heard" "$M"
  take "$N/job"
  wait_until grep -q "ACQUIRED.job" "$T/heard"
  end_hearers
}

@test "what is heard of while listening ends says nothing of an end" {
  proxy_start
  hear "$T/heard" "$M"
  trap_at UNSUBSCRIBE hold '"ms": 900'
  end_hearers
  wait_until sprung
  exec 7<>"$M/.with/hold,ttl=3s/job"
  sleep 4
  is ACQUIRED "$(state /dev/fd/7)"
  exec 7>&-
}

@test "a lock whose file is closed while a renewal is lost with its connection is released" {
  proxy_start
  exec 7<>"$M/.with/hold,ttl=6s,id=keeper/job"
  trap_at keeper mute
  wait_until sprung
  exec 7>&-
  redis_cli CLIENT KILL TYPE normal >/dev/null
  wait_until 3 nobody_holds lockfs:job
}

@test "ends of leases are told though the server was heard again before it could be asked" {
  proxy_start
  hear "$T/heard" "$M"
  take "$N/.with/ttl=5s/job"
  wait_until grep -q "ACQUIRED.job" "$T/heard"
  trap_at "INFO" mute
  redis_cli CLIENT KILL TYPE normal >/dev/null
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  wait_until sprung
  wait_until grep -q "EXPIRED.job" "$T/heard"
  end_hearers
}

@test "ends of leases that began before are told to who listens again at once" {
  proxy_start
  mkdir -p "$N/a/b/c"
  take "$N/.with/ttl=6s/a/b/c/job"
  orders '{"back": 200}'
  hear "$T/first" "$M"
  end_hearers
  hear "$T/heard" "$M"
  orders '{}'
  wait_until grep -q "EXPIRED.a/b/c/job" "$T/heard"
  end_hearers
}

@test "locking by two processes at once keeps one lock" {
  proxy_start
  hear "$T/heard" "$N"
  exec 7>"$M/.with/ttl=3s/job"
  orders '{"back": 200}'
  flock 7 3>&- &
  local other=$!
  flock 7
  wait "$other"
  orders '{}'
  exec 7>&-
  wait_until gone "$N/job"
  sleep 2
  refute grep FAILED "$T/heard"
  end_hearers
}
