# Redis away, slow, or back with less than it had: no operation hangs, nobody is
# told a lie, nothing is left behind, and the mount heals by itself.

load ../lib/helper
load ../lib/redis

# What daemons may say here: that the server is lost, and back.
words='(cannot reach )?redis(\+unix)?://[^ ]*(: .*| does not answer| is reached again)'

timeout=1000
limit=3000  # no operation takes longer, also where the machine stands still for a moment

setup() {
  setup_dirs
  redis_start
  N=$T/second
  allow_words "$words"
}

ops() {
  deadline 40 python3 -S "$BATS_TEST_DIRNAME/../lib/redis_ops.py" "$@"
}

prepare() {
  mount_redis -o "timeout=${timeout}ms" "$M" "${1-}"
  mount_redis -o "timeout=${timeout}ms" "$N" "${1-}"
  ops prepare "$M"
}

# While the server is away: all answer in time, what needs no server at once,
# and the second mount can be unmounted.
while_away() {
  local longest
  # The first request of a mount finds out; all of them are under way together.
  ops local "$M"
  longest=$(ops measure "$M" "$limit" "$@")
  figure "$BATS_TEST_DESCRIPTION: the longest operation took $longest ms"
  ops local "$M"
  forget_and_unmount "$N"
}

forget_and_unmount() {
  unmounts "$1"
  wait_until ended "${daemon_of[$1]}"
  forget_allowed_words "$1"
  unmount_lockfs "$1"
}

# mended [FROM_MS]: works again within 3 s (of that moment)
mended() {
  local took late=0
  [ $# = 0 ] || late=$(($(now_ms) - $1))
  took=$(ops heals "$M" $((3000 - late)))
  figure "$BATS_TEST_DESCRIPTION: healed after $((took + late)) ms"
}

# What was held is held still, and can be used.
still_held() {
  is ACQUIRED "$(state "$M/rm/held")"
  touch "$M/touch/held"
  rm "$M/rm/held"
  gone "$M/rm/held"
  : >"$M/rm/held"
}

# Nothing that was not reported is held; nor by and by.
nothing_new() {
  wait_until 2 nobody_holds 'lockfs:*/new'
  is "" "$(redis_cli KEYS 'lockfs#d:*/new')"
}

nobody_holds() {
  [ -z "$(redis_cli KEYS "$1")" ]
}

# never_held SECONDS KEY
never_held() {
  local end=$(($(now_ms) + $1 * 1000))
  while (($(now_ms) < end)); do
    is 0 "$(redis_cli EXISTS "$2")" || return
    sleep 0.02
  done
}

# What people are told

# told COUNT PART: so many lines of the daemon have it
told() {
  [ "$(tr -d '\0' <"$M.stderr" | grep -cF -- "$2")" = "$1" ]
}

@test "each new cause for which the server stays away is said once, and then that it is back" {
  allow_words "$words|redis.* refuses: (NOAUTH|MASTERDOWN) .*"
  mount_redis -o "timeout=${timeout}ms"
  redis_kill
  wait_until told 1 "Connection refused"
  redis_options[redis]='--requirepass secret'
  redis_again
  wait_until told 1 NOAUTH
  redis_kill
  redis_options[redis]='--replicaof 127.0.0.1 1 --replica-serve-stale-data no'
  redis_again
  wait_until told 1 MASTERDOWN
  # Some attempts more, which say nothing new.
  sleep 2
  is "1 1 1" "$(for part in "Connection refused" NOAUTH MASTERDOWN; do told 1 "$part" && echo 1; done | xargs)"
  told 0 "is reached again"
  redis_kill
  redis_options[redis]=''
  redis_again
  wait_until told 1 "is reached again"
  # The next outage is told anew.
  redis_kill
  wait_until told 2 "Connection refused"
  redis_again
  wait_until told 2 "is reached again"
}

@test "a server that answers, but tells this mount nothing any more, is said to do so" {
  allow_words "$words|redis.* refuses: NOPERM .*"
  # shellcheck disable=SC2046  # one word a right
  set_rights $(rights lockfs)
  mount_redis -o "timeout=${timeout}ms" "$M" "$(weak_source)"
  redis_cli ACL SETUSER weak -subscribe >/dev/null
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  wait_until told 1 "NOPERM"
  told 0 "is reached again"
  redis_cli ACL SETUSER weak +subscribe >/dev/null
  wait_until told 1 "is reached again"
}

@test "a server that takes long for each answer, but answers, is reached; one that stops in the middle is not" {
  write_script "$T/slow.py" <<'PY'
# Passes everything on to a server; each piece that it answers comes 300 ms late, and none after the first argv[1].
import socket, threading
def forward(source, target, delay, pieces):
    while pieces:
        data = source.recv(1 << 20)
        if not data:
            break
        time.sleep(delay)
        target.sendall(data)
        pieces -= 1
    time.sleep(60)
listener = socket.socket(socket.AF_UNIX)
listener.bind(T + "/slow-%s.sock" % sys.argv[1])
listener.listen(8)
while True:
    client, _ = listener.accept()
    server = socket.socket(socket.AF_UNIX)
    server.connect(T + "/redis.sock")
    threading.Thread(target=forward, args=(client, server, 0, 1 << 30), daemon=True).start()
    threading.Thread(target=forward, args=(server, client, 0.3, int(sys.argv[1])), daemon=True).start()
PY
  for pieces in 1000000 1; do
    in_background "${python[@]}" "$T/slow.py" $pieces
    wait_until test -S "$T/slow-$pieces.sock"
  done
  mount_redis -o timeout=500ms "$M" "redis+unix://$T/slow-1000000.sock"
  unmount_lockfs
  refuses 2500 "redis+unix://$T/slow-1.sock" timeout=500ms "does not answer"
}

# Away

@test "frozen" {
  prepare
  redis_freeze
  while_away ETIMEDOUT EHOSTDOWN
  redis_thaw
  mended
  still_held
  nothing_new
}

@test "frozen, over TCP" {
  prepare "$(redis_tcp_source)"
  redis_freeze
  while_away ETIMEDOUT EHOSTDOWN
  redis_thaw
  mended
  still_held
  nothing_new
}

@test "frozen, with the default timeout" {
  mount_background "$(redis_source)" "$M"  # with no timeout=, as the other ways have
  took=$(at_best 2500 first_answer)
  ((took >= 1900 && took <= 2500)) || fail "$took ms"
}

# In how many ms the first to ask a frozen server is told.
first_answer() {
  local answer took
  redis_freeze
  read -r answer took <<<"$(call timed stat "$M/job")"
  is ETIMEDOUT "$answer" || return
  redis_thaw
  mended || return
  echo "$took"
}

@test "frozen for less than the timeout: nobody notices" {
  timeout=10000 prepare
  redis_freeze
  (sleep 0.4; redis_thaw) 3>&- &
  expect OK open "$M/job" CREAT,EXCL,WRONLY
  wait $!
  is "" "$(cat "$M.stderr")"
}

@test "the first to find out is told ETIMEDOUT, for it was asked" {
  prepare
  redis_freeze
  expect ETIMEDOUT stat "$M/job"
  redis_thaw
}

@test "killed, and back with its data" {
  prepare
  redis_cli SAVE >/dev/null
  redis_kill
  while_away EHOSTDOWN
  redis_again
  mended
  still_held
  nothing_new
}

@test "killed, and back empty" {
  prepare
  exec 7<>"$M/rm/held"
  token=$(lock "$M/rm/held" token)
  redis_kill
  while_away EHOSTDOWN
  redis_again
  mended
  gone "$M/rm"
  expect ENOENT open "$M/rm/held" CREAT,WRONLY
  # The descriptor of the lock that is lost tells so by itself.
  py <<'PY'
poll = select.poll()
poll.register(7, 0)
check("poll", poll.poll(2000), [(7, select.POLLERR | select.POLLHUP)])
check("read", outcome(os.pread, 7, 10, 0), "ESTALE")
check("write", outcome(os.pwrite, 7, b"x", 0), "ESTALE")
check("state", attribute(7, "state"), "EXPIRED")
PY
  exec 7<&-
  is "" "$(call list "$M")"
  take "$M/job"
  (($(lock "$M/job" token) > token)) || fail "the token went back"
}

@test "restarted again and again" {
  prepare
  for _ in 1 2 3 4 5; do
    redis_cli SAVE >/dev/null
    redis_kill
    redis_again
    mended
  done
  still_held
}

@test "a daemon that died cannot be replaced while the server is away: its mount stays closed" {
  mount_redis
  kill -KILL "${daemon_of[$M]}"
  daemon_ended "$M"
  redis_kill
  run deadline 10 "$LOCKFS" "$(redis_source)" "$M"
  is 1 "$status"
  # A file made in the directory beneath would look like a lock.
  expect ENOTCONN open "$M/job" CREAT,EXCL,WRONLY
  redis_again
  mount_redis
  take "$M/job"
}

@test "its socket is gone, and back" {
  prepare
  redis_cli SAVE >/dev/null
  redis_kill
  rm -f "${redis_socket[redis]}"
  while_away EHOSTDOWN
  redis_again
  mended
  still_held
}

@test "paused for all" {
  prepare
  redis_cli CLIENT PAUSE 6000 ALL >/dev/null
  end=$(($(now_ms) + 6000))
  while_away ETIMEDOUT EHOSTDOWN
  wait_until past "$end"
  mended "$end"
  still_held
  nothing_new
}

past() {
  (($(now_ms) >= $1))
}

@test "paused for writing" {
  prepare
  redis_cli CLIENT PAUSE 60000 WRITE >/dev/null
  while_away ETIMEDOUT EHOSTDOWN
  redis_cli CLIENT UNPAUSE >/dev/null
  mended
  still_held
  nothing_new
}

@test "connections killed: the mount goes on" {
  prepare
  for _ in 1 2 3 4 5; do
    redis_cli CLIENT KILL TYPE normal >/dev/null
    mended
  done
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  still_held
}

@test "connections killed all the time: some are told ETIMEDOUT, and nothing is left" {
  prepare
  ops churn "$M" 3 ETIMEDOUT EHOSTDOWN >"$T/churn" 3>&- &
  churner=$!
  until ended "$churner"; do
    redis_cli CLIENT KILL TYPE normal >/dev/null
    sleep 0.02
  done
  wait "$churner" || fail "$(cat "$T/churn")"
  figure "$(cat "$T/churn")"
  mended
  # At most what the last unlink could not release: it is the session's, who can.
  rm -f "$M"/churn-*
  is "" "$(redis_cli KEYS 'lockfs*churn*')"
}

@test "scripts flushed all the time: nobody notices" {
  timeout=10000 prepare
  ops churn "$M" 2 >"$T/churn" 3>&- &
  churner=$!
  until ended "$churner"; do
    redis_cli SCRIPT FLUSH >/dev/null
    sleep 0.005
  done
  wait "$churner" || fail "$(cat "$T/churn")"
  is "" "$(cat "$M.stderr")"
}

# The network

@test "half-open: nothing comes through any more" {
  need_root
  redis_end_all
  network_start
  redis_start
  prepare "$(redis_far_source)"
  network_lose there
  network_lose back
  while_away ETIMEDOUT EHOSTDOWN
  network_heal
  mended
  still_held
  nothing_new
}

@test "half-open: requests arrive, answers are lost" {
  need_root
  redis_end_all
  network_start
  redis_start
  prepare "$(redis_far_source)"
  network_lose back
  while_away ETIMEDOUT EHOSTDOWN
  network_heal
  mended
  still_held
  nothing_new
}

@test "half-open for an idle mount: it heals before anybody asks twice" {
  need_root
  redis_end_all
  network_start
  redis_start
  prepare "$(redis_far_source)"
  # The server forgets the connection while the network is away, and says so to nobody.
  network_lose back
  redis_cli CLIENT KILL TYPE normal >/dev/null
  sleep 0.3
  network_heal
  answer=$(call stat "$M/absent")
  matches 'ENOENT|ETIMEDOUT|EHOSTDOWN' "$answer"
  mended
}

# A way to the server that can be made bad. `orders` says how; see redis_proxy.py.
proxy_begin() {
  orders '{}'
  start_helper "$T/proxy" redis_proxy.py "${redis_socket[redis]}" "$T/orders"
  read -r _ proxy_port <"$T/proxy"
}

# proxy_start: that, with the mount M beyond it, and N that is not
proxy_start() {
  proxy_begin
  mount_redis -o "timeout=${timeout}ms" "$M" "redis://127.0.0.1:$proxy_port"
  mount_redis "$N"
}

orders() {
  echo "$1" >"$T/orders.new"
  mv "$T/orders.new" "$T/orders"
}

sprung() {
  grep -q '^sprung' "$T/proxy"
}

delivered() {
  grep -q '^delivered' "$T/proxy"
}

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

@test "answers that are slow, and in time" {
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

@test "a daemon that is killed while it tells the kernel of an end lets its callers go, and is replaced" {
  need_root
  for round in 1 2 3; do
    timeout=60000 proxy_start
    # To a mount that listens to events each end is told, also while its questions get no answer.
    hear "$T/events" "$M"
    take "$N/job"
    is UNAVAILABLE "$(state "$M/job")"
    # Whose creation is under way has the directory in the kernel, for which the notifier waits then.
    orders "{\"at\": \"other$round\", \"trap\": \"mute\"}"
    in_background touch "$M/other$round"
    wait_until sprung
    rm "$N/job"
    wait_until stands_in_the_kernel "${daemon_of[$M]}"
    kill -KILL "${daemon_of[$M]}"
    wait_until ended "$pid"
    daemon_ended "$M"
    end_hearers
    expect ENOTCONN stat "$M"
    mount_redis
    take "$M/job"
    rm "$M/job"
    unmount_lockfs
    unmount_lockfs "$N"
  done
}

@test "answers that come too late" {
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

# Lost answers. The traps are set for requests with the caller's identity in them, or with
# what stands beside a given id in one kind of request, so that the lookup before goes through.

identity() {
  getfattr --absolute-names --only-values -n user.lock.identity "$M"
}

# What a request has in it that acquires or releases by a given id: a nonce or a token behind the claim.
acquires_as() {
  printf '%s%s\n' "$1" '\r\n$0\r\n\r\n$32\r\n'
}

releases_as() {
  printf '%s%s\n' "$1" '\r\n$0\r\n\r\n$0\r\n\r\n'
}

# trap_at TEXT TRAP [MORE]
trap_at() {
  orders "{\"at\": \"$1\", \"trap\": \"$2\"${3:+, $3}}"
}

# lost_acquisition PATH TEXT TRAP [MORE]: the creation of PATH is answered ETIMEDOUT in time
lost_acquisition() {
  local path=$1 text=$2 answer took
  shift 2
  for _ in 1 2 3; do
    trap_at "$text" "$@"
    read -r answer took <<<"$(call timed open "$path" CREAT,EXCL,WRONLY)"
    # A daemon that the machine kept from giving up until a held request was answered
    # has lost nothing. A trap is sprung again only by another text.
    [[ $answer == OK && $took -ge $timeout ]] || break
    rm "$path"
    : >"$T/proxy"
    text=${text#?}
  done
  is ETIMEDOUT "$answer"
  sprung || fail "the trap was not sprung"
  ((took <= limit)) || fail "it took $took ms"
}

# lost_by_everybody TRAP [MORE]: a session's and a given id's
lost_by_everybody() {
  proxy_start
  lost_acquisition "$M/session" "$(identity)" "$@"
  if [[ $1 == stop ]]; then redis_thaw; fi
  mended
  wait_until 2 nobody_holds lockfs:session
  : >"$T/proxy"
  lost_acquisition "$M/.with/id=alice/given" "$(acquires_as alice)" "$@"
  if [[ $1 == stop ]]; then redis_thaw; fi
  mended
  wait_until 2 nobody_holds lockfs:given
  # Nor do they come late.
  never_held 3 lockfs:session
  is 0 "$(redis_cli EXISTS lockfs:given)"
  is "" "$(redis_cli KEYS 'lockfs#d:*')"
  # All of it can be had again.
  take "$M/session" "$M/.with/id=alice/given"
}

@test "an acquisition whose answer is lost is undone" {
  lost_by_everybody mute
}

@test "an acquisition that arrives late is undone" {
  lost_by_everybody hold '"ms": 2500'
}

@test "an acquisition that arrives late, but before the mount gave up hope, is undone" {
  lost_by_everybody hold '"ms": 1050'
}

@test "an acquisition cut off is undone" {
  lost_by_everybody cut
}

@test "an acquisition that a frozen server finds later is undone" {
  lost_by_everybody stop '"pid": '"${redis_pid[redis]}"
}

@test "an acquisition of a given id is undone, not what the id held before" {
  proxy_start
  take "$M/.with/id=alice/job"
  token=$(lock "$M/job" token)
  lost_acquisition "$M/.with/id=alice/other" "$(acquires_as alice)" mute
  mended
  wait_until 2 nobody_holds lockfs:other
  is "$token" "$(lock "$M/job" token)"
}

@test "undoing does not touch what the same id, or another, took since" {
  proxy_start
  lost_acquisition "$M/.with/id=alice/job" "$(acquires_as alice)" hold '"ms": 2500'
  redis_cli DEL lockfs:job >/dev/null
  take "$N/.with/id=alice/job"
  token=$(lock "$N/job" token)
  wait_until delivered
  mended
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  is "$token" "$(lock "$N/job" token)"
  : >"$T/proxy"
  lost_acquisition "$M/two" "$(identity)" hold '"ms": 2500'
  take_as_other "$N/two"
  token=$(lock "$N/two" token)
  wait_until delivered
  mended
  is UNAVAILABLE "$(state "$M/two")"
  is "$token" "$(lock "$N/two" token)"
}

# An acquisition by an id on a mount that is cut off with its answer, and what that id
# is told meanwhile on the other mount: whoever is told that he holds the lock keeps it.

# lost_and_away: the creation on $M is answered ETIMEDOUT, and $M reaches the server no more
lost_and_away() {
  proxy_start
  lost_acquisition "$M/.with/id=alice/job" "$(acquires_as alice)" mute '"away": true'
  is 1 "$(redis_cli EXISTS lockfs:job)" || fail "the acquisition did not arrive"
}

# keeps_job: what would be undone by $M, once it is back, is held still, and by nobody else
keeps_job() {
  local token
  token=$(redis_cli HGET lockfs#d:job token)
  orders '{}'
  mended
  never_lost "$token"
  expect EEXIST @session open "$N/job" CREAT,EXCL,WRONLY
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  rm "$N/.with/id=alice/job"
  gone "$N/job"
}

@test "a holder that was told EEXIST in a view of its own locks keeps what another mount would undo" {
  lost_and_away
  expect EEXIST open "$N/.with/id=alice,wait=10s/job" CREAT,EXCL,WRONLY
  keeps_job
}

@test "a holder whose exclusive creation was refused as its own keeps what another mount would undo" {
  lost_and_away
  expect EEXIST open "$N/.with/id=alice/job" CREAT,EXCL,WRONLY
  keeps_job
}

@test "a holder that refreshed keeps what another mount would undo" {
  lost_and_away
  touch "$N/.with/id=alice/job"
  keeps_job
}

@test "a holder that refreshed by the handle of its lock keeps what another mount would undo" {
  local id
  proxy_start
  lost_acquisition "$M/job" "$(identity)" mute '"away": true'
  id=$(redis_cli GET lockfs:job)
  touch "$N/.with/id=$id,ttl=90s/job"
  token=$(lock "$N/job" token)
  orders '{}'
  mended
  never_lost "$token"
  is ACQUIRED "$(state "$N/.with/id=$id/job")"
}

@test "a holder that set the lease by its attribute keeps what another mount would undo" {
  lost_and_away
  setfattr -n user.lock.ttl -v 90s "$N/.with/id=alice/job"
  keeps_job
}

@test "a holder that opened its lock for writing keeps what another mount would undo" {
  lost_and_away
  exec 7<>"$N/.with/id=alice/job"
  token=$(lock "$N/job" token)
  orders '{}'
  mended
  never_lost "$token"
  echo words >&7
  is words "$(cat "$N/job")"
  exec 7>&-
}

@test "a holder that truncated its lock by path keeps what another mount would undo" {
  lost_and_away
  truncate -s 3 "$N/.with/id=alice/job"
  keeps_job
}

@test "a holder that emptied its lock by opening it keeps what another mount would undo" {
  lost_and_away
  echo words >"$N/.with/id=alice/job"
  keeps_job
  take "$N/job"
}

@test "a holder that read the state ACQUIRED keeps what another mount would undo" {
  lost_and_away
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  keeps_job
}

@test "an acquisition whose answer was lost is undone though others looked at the lock" {
  lost_and_away
  is UNAVAILABLE "$(state "$N/job")"
  is UNAVAILABLE "$(state "$N/.with/id=bob/job")"
  expect EEXIST open "$N/job" CREAT,EXCL,WRONLY
  expect EPERM utime "$N/job"
  ls -l "$N" >"$T/list"
  cat "$N/job"
  orders '{}'
  mended
  gone "$N/job"
  take_as_other "$N/job"
}

# A mount that may not write cannot see to it that the lock is kept.
@test "a mount that may only read says ACQUIRED of an acquisition that cannot be undone, and of no other" {
  O=$T/third
  set_rights '~*' '&*' +@read +@connection +@pubsub +@scripting +info +client +time
  mount_redis -o ro "$O" "$(weak_source)"
  lost_and_away
  is UNAVAILABLE "$(state "$O/.with/id=alice/job")"
  touch "$N/.with/id=alice/job"
  is ACQUIRED "$(state "$O/.with/id=alice/job")"
  keeps_job
  take "$N/.with/id=bob/other"
  echo words >"$N/.with/id=bob/other"
  is ACQUIRED "$(state "$O/.with/id=bob/other")"
}

@test "a read-only mount that says ACQUIRED keeps what another mount would undo" {
  O=$T/third
  mount_redis -o ro "$O"
  lost_and_away
  is ACQUIRED "$(state "$O/.with/id=alice/job")"
  keeps_job
}

# waiting_for_job VIEW: the holder of the session of the test has the job, and on $M id alice waits for it
waiting_for_job() {
  timeout=3000 proxy_start
  take "$N/job"
  in_background python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$M/.with/$1/job" CREAT,WRONLY >"$T/waiter"
  waiter=$pid
  wait_until waits 1 "$N/job"
}

handed_to_alice() {
  [[ $(redis_cli GET lockfs:job) == alice && -z $(redis_cli HGET lockfs#d:job granted) ]]
}

@test "a waiter whose confirmation was not answered gets the lock that its id was told of elsewhere" {
  waiting_for_job id=alice,wait=1m
  trap_at "$(acquires_as alice)" cut '"away": true'
  rm "$N/job"
  wait_until handed_to_alice
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  token=$(lock "$N/job" token)
  wait_until test -s "$M.stderr"
  orders '{}'
  mended
  wait_until ended "$waiter"
  is OK "$(cat "$T/waiter")"
  is "$token" "$(lock "$N/job" token)"
  expect EEXIST @session open "$N/job" CREAT,EXCL,WRONLY
}

@test "a waiter that gives up after its confirmation was not answered leaves the lock to its id that was told" {
  waiting_for_job id=alice,wait=1m
  trap_at "$(acquires_as alice)" mute '"away": true'
  rm "$N/job"
  wait_until handed_to_alice
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  kill -KILL "$waiter"
  wait_until ended "$waiter"
  wait_until grep -q "does not answer" "$M.stderr"
  keeps_job
}

@test "a waiter that gives up after its confirmation was not answered leaves no lock" {
  waiting_for_job id=alice,wait=1m
  trap_at "$(acquires_as alice)" mute '"away": true'
  rm "$N/job"
  wait_until handed_to_alice
  is UNAVAILABLE "$(state "$N/job")"
  kill -KILL "$waiter"
  wait_until ended "$waiter"
  wait_until grep -q "does not answer" "$M.stderr"
  orders '{}'
  mended
  wait_until gone "$N/job"
}

@test "what a mount is about to undo is held by nobody there, and by nobody is it kept" {
  waiting_for_job id=alice,wait=1m
  allow_words "$words|redis://[^ ]* refuses: NOREPLICAS.*"
  trap_at "$(acquires_as alice)" late '"ms": 900'
  rm "$N/job"
  wait_until handed_to_alice
  # The waiter ends before the answer comes, and the server does not let it be undone.
  kill -KILL "$waiter"
  wait_until ended "$waiter"
  redis_cli CONFIG SET min-replicas-to-write 1 >/dev/null
  orders '{}'
  wait_until grep -q NOREPLICAS "$M.stderr"
  is UNAVAILABLE "$(state "$M/.with/id=alice/job")"
  redis_cli CONFIG SET min-replicas-to-write 0 >/dev/null
  wait_until gone "$N/job"
}

# The message comes by another connection, and so before the answer about which it is.
@test "a forced release that overtakes the answer of its acquisition ends that holding" {
  proxy_start
  trap_at "$(acquires_as alice)" late '"ms": 400'
  py "$N" <<'PY'
import subprocess, sys
N, = sys.argv[1:]
freed = subprocess.Popen(["sh", "-c", 'until [ -e "$0/job" ]; do :; done; rm "$0/.with/force/job" && cat /proc/uptime', N],
                         stdout=subprocess.PIPE)
began = boottime()
fd = os.open(M + "/.with/hold,id=alice,ttl=1h/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
poll = select.poll()
poll.register(fd, 0)
check("poll", poll.poll(5000), [(fd, select.POLLERR | select.POLLHUP)])
check("write", outcome(os.pwrite, fd, b"x", 0), "ESTALE")
uptime, _ = freed.communicate()
check("release", freed.returncode, 0)
# It has steps of 10 ms.
check("not free before its holder can know", float(uptime.split()[0]) >= began + 0.39, True)
check("path", outcome(os.stat, N + "/job"), "ENOENT")
PY
}

@test "who was told ETIMEDOUT may try again, and keeps what was acquired then" {
  proxy_start
  lost_acquisition "$M/job" "$(identity)" mute
  wait_until 2 take_again
  is ACQUIRED "$(state "$M/job")"
  token=$(lock "$M/job" token)
  sleep 1
  is "$token" "$(lock "$M/job" token)"
}

take_again() {
  [[ $(call open "$M/job" CREAT,EXCL,WRONLY) == OK ]]
}

@test "a mount that ends at once after a lost acquisition undoes it" {
  proxy_start
  lost_acquisition "$M/job" "$(identity)" mute
  forget_and_unmount "$M"
  is 0 "$(redis_cli EXISTS lockfs:job)"
}

# late_release PATH HOW: an unlink that is answered ETIMEDOUT, and arrives after
# the lock was released and taken anew
late_release() {
  local path=$1
  trap_at "$2" hold '"ms": 3000'
  expect ETIMEDOUT unlink "$path"
  sprung || fail "the trap was not sprung"
  orders '{}'
}

@test "an unlink that was answered ETIMEDOUT does not release a later holding of the session" {
  proxy_start
  take "$M/job"
  late_release "$M/job" "$(identity)"
  mended
  if [[ $(call stat "$M/job") != ENOENT ]]; then
    rm "$N/.with/force/job"
  fi
  take "$M/job"
  token=$(lock "$M/job" token)
  wait_until delivered
  never_lost "$token"
}

# For half a second, which is long after it was delivered.
never_lost() {
  local end=$(($(now_ms) + 500))
  while (($(now_ms) < end)); do
    is "$1" "$(lock "$N/job" token)" || return
  done
}

@test "an unlink that was answered ETIMEDOUT does not release a later holding of the same id" {
  proxy_start
  take "$M/.with/id=alice/job"
  late_release "$M/.with/id=alice/job" "$(releases_as alice)"
  # Elsewhere, while the mount that lost its answer does not even know yet.
  rm "$N/.with/force/job"
  take "$N/.with/id=alice/job"
  token=$(lock "$N/job" token)
  wait_until delivered
  never_lost "$token"
}

@test "an unlink whose answer is lost has released, or has not: it can be repeated" {
  proxy_start
  take "$M/job"
  trap_at "$(identity)" mute
  expect ETIMEDOUT unlink "$M/job"
  mended
  matches 'OK|ENOENT' "$(call unlink "$M/job")"
  gone "$M/job"
  is "" "$(redis_cli KEYS 'lockfs#d:*')"
}

@test "a refresh whose answer is lost can be repeated" {
  proxy_start
  take "$M/job"
  trap_at "$(identity)" mute
  expect ETIMEDOUT utime "$M/job"
  mended
  touch "$M/job"
  remains "$M/job" 295000 300000
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

@test "a descriptor whose lock was lost says so without the server" {
  prepare
  exec 7<>"$M/.with/hold/lost"
  rm "$N/.with/force/lost"
  redis_freeze
  py <<'PY'
check("truncate", outcome(os.ftruncate, 7, 0), "ESTALE")
PY
  redis_thaw
  exec 7>&-
}

# Refusals that begin while it runs. Each kind is told, once in a while.

may_refuse() {
  allow_words "$words|redis(\\+unix)?://[^ ]* refuses: $1.*"
}

@test "out of memory: creation fails with ENOSPC and the rest goes on" {
  prepare
  may_refuse OOM
  redis_cli CONFIG SET maxmemory 1 >/dev/null
  expect ENOSPC open "$M/job" CREAT,EXCL,WRONLY
  expect ENOENT stat "$M/job"
  is ACQUIRED "$(state "$M/rm/held")"
  rm "$M/rm/held"
  contains maxmemory "$(cat "$M.stderr")"
  redis_cli CONFIG SET maxmemory 0 >/dev/null
  take "$M/job"
}

# What a failed release takes from nobody: the descriptor of the holder.
still_writable() {
  py <<'PY'
poll = select.poll()
poll.register(7, 0)
time.sleep(0.3)
check("poll", poll.poll(0), [])
check("state", attribute(7, "state"), "ACQUIRED")
check("write", outcome(os.pwrite, 7, b"x", 0), 1)
PY
}

@test "a server that refuses writes: a release that fails takes the lock from nobody" {
  prepare
  may_refuse NOREPLICAS
  exec 7<>"$M/plain"
  # Whoever polls is told of events.
  py <<'PY'
poll = select.poll()
poll.register(7, 0)
check("poll", poll.poll(300), [])
PY
  redis_cli CONFIG SET min-replicas-to-write 1 >/dev/null
  expect EIO unlink "$M/plain"
  expect EIO unlink "$N/.with/force/plain"
  redis_cli CONFIG SET min-replicas-to-write 0 >/dev/null
  still_writable
  exec 7<&-
}

@test "a server that refuses writes: force that fails does not stop who holds by an open file" {
  prepare
  may_refuse NOREPLICAS
  exec 7<>"$M/.with/hold/bound"
  redis_cli CONFIG SET min-replicas-to-write 1 >/dev/null
  expect EIO unlink "$N/.with/force/bound"
  redis_cli CONFIG SET min-replicas-to-write 0 >/dev/null
  still_writable
  exec 7<&-
}

nobody_queues() {
  [ -z "$(redis_cli KEYS 'lockfs#w:*')" ]
}

@test "a server that refuses writes: who was interrupted in the queue leaves it as soon as it can" {
  local waiter
  prepare
  may_refuse NOREPLICAS
  take_as_other "$M/job"
  in_background sh -c 'exec touch "$0"' "$M/.with/wait=1m/job"
  waiter=$pid
  wait_until waits 1 "$M/job"
  redis_cli CONFIG SET min-replicas-to-write 1 >/dev/null
  kill -KILL "$waiter"
  wait_until ended "$waiter"
  redis_cli CONFIG SET min-replicas-to-write 0 >/dev/null
  wait_until nobody_queues
}

@test "a primary that became a replica: EROFS, and it heals" {
  prepare
  may_refuse READONLY
  redis_start @other
  redis_cli REPLICAOF 127.0.0.1 "${redis_port[other]}" >/dev/null
  answer=$(call open "$M/job" CREAT,EXCL,WRONLY)
  matches 'EROFS|EHOSTDOWN' "$answer"
  ops local "$M"
  redis_cli REPLICAOF NO ONE >/dev/null
  mended
}

@test "rights taken away: EACCES, and it heals" {
  redis_cli ACL SETUSER weak on '>secret' '~*' '&*' +@all >/dev/null
  prepare "redis://weak:secret@127.0.0.1:${redis_port[redis]}"
  may_refuse '.*(NOPERM|user)'
  redis_cli ACL SETUSER weak -@write >/dev/null
  expect EACCES open "$M/job" CREAT,EXCL,WRONLY
  is ACQUIRED "$(state "$M/rm/held")"
  redis_cli ACL SETUSER weak +@all >/dev/null
  mended
  take "$M/job"
}
