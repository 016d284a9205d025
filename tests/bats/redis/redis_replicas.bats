# `-o replicas=N`: an acquisition or renewal counts only when N replicas have it. A replica that is stopped gets no more data;
# a server that has too few refuses, and what was refused is free for others.

load ../lib/helper
load ../lib/redis
load ../lib/redis_servers
load ../lib/crowd

refused_words='replicas=[0-9]+: an acquisition or renewal was refused, .*'

# held_at NAME KEY: does this server have the lock?
held_at() {
  [ "$(redis_cli "@$1" EXISTS "lockfs:$2")" = 1 ]
}

# mount_with REPLICAS [OPTIONS] [DIR]: mounts the server `one`
mount_with() {
  mount_redis -o "replicas=$1${2:+,$2}" "${3:-$M}" "$(redis_tcp_source one)"
}

# questions: prints how many WAITs for a replica the server has answered or is answering
questions() {
  redis_cli @one INFO commandstats | sed -n 's/^cmdstat_wait:calls=\([0-9]*\),.*/\1/p'
}

# waits_at_server: is a connection stopped in WAIT?
waits_at_server() {
  redis_cli @one CLIENT LIST | grep -q ' flags=[a-zA-Z]*b[a-zA-Z]* .* cmd=wait '
}

# answers_are OPERATION ERRNO: an operation of another session ends so
answers_are() {
  is "$2" "$(call "${@:3}")"
}

@test "an acquisition is answered when the replica has it, and not before" {
  pair_start
  mount_with 1 timeout=20s
  take "$M/before"
  held_at two before
  redis_freeze two
  in_background bash -c 'set -C; : >"$0/job"; echo has >"$1"' "$M" "$T/said"
  wait_until held_at one job
  wait_until waits_at_server
  nap 0.3
  [ ! -e "$T/said" ]
  # Nobody is shown a lock that may still be undone as held by its acquirer alone: it is held.
  mount_with 0 '' "$N"
  is UNAVAILABLE "$(state "$N/job")"
  redis_thaw two
  wait_until [ -e "$T/said" ]
  held_at two job
  ends_with 0 "$pid"
}

@test "an acquisition that too few replicas have in time fails with EIO and is undone; the log says why, once" {
  local form
  pair_start
  allow_words "$refused_words"
  mount_with 1 timeout=300ms
  mount_with 0 '' "$N"
  redis_freeze two
  is EIO "$(call open "$M/excl" CREAT,EXCL,WRONLY)"
  is EIO "$(call symlink "text" "$M/link")"
  refute mkdir "$M/.with/lockdir/dir"
  refute flock "$M/flock" true
  refute flock -s "$M/shared" true
  refute touch "$M/.with/hold,wait=5s/view"
  told "replicas=1: an acquisition or renewal was refused, as it was not in so many replicas in time (0 of 1 have it): see why they lag, or lower replicas="
  for form in excl link dir flock shared view; do
    wait_until gone "$N/$form"
  done
  is '' "$(ls -A "$N")"
  # Who waits meanwhile waits for the replica, and not for nobody.
  redis_thaw two
  wait_until succeeds flock -n "$M/flock" true
  take "$M/excl"
}

@test "more replicas than there are: every acquisition fails, whoever may look may look, and strict refuses the mount" {
  pair_start
  allow_words "$refused_words"
  mkdir "$M"
  refuses 5000 "$(redis_tcp_source one)" replicas=3,strict "-o strict asks for the 3 of replicas="
  mount_with 3 timeout=300ms
  is EIO "$(call open "$M/job" CREAT,EXCL,WRONLY)"
  mount_with 0 '' "$N"
  take_as_other "$N/job"
  is UNAVAILABLE "$(state "$M/job")"
  is EEXIST "$(call open "$M/job" CREAT,EXCL,WRONLY)"
  contains "replicas asked for: 3" "$(cat "$M/.status")"
}

@test "a waiter is told that it has the lock when the replica has that" {
  pair_start
  mount_with 1 timeout=20s
  mount_with 1 timeout=20s "$N"
  take "$M/job"
  in_background bash -c 'exec 9>"$0/job"; flock 9; echo has >"$1"; sleep 1000' "$N" "$T/said"
  wait_until waits 1 "$M/job"
  redis_freeze two
  rm "$M/job"
  wait_until waits_at_server
  nap 0.3
  [ ! -e "$T/said" ]
  redis_thaw two
  wait_until [ -e "$T/said" ]
  is UNAVAILABLE "$(state "$M/job")"
}

@test "a renewal counts only when the replica has it: the holder is told before its lease can be another's" {
  pair_start
  allow_words "$refused_words"
  mount_with 1 timeout=2s
  # The signal stays pending, where it can be seen at the moment when the next holder has the lock.
  in_background python3 -c '
import fcntl, os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
fd = os.open(sys.argv[1] + "/.with/ttl=4s,signal=USR1/job", os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
open(sys.argv[2], "w").close()
time.sleep(1000)' "$M" "$T/has"
  wait_until [ -e "$T/has" ]
  redis_freeze two
  mount_with 0 '' "$N"
  flock "$N/job" cat "/proc/$pid/status" >"$T/status"
  grep -qx 'ShdPnd:.*[2367abef]..' "$T/status" || fail "$(grep Pnd "$T/status")"
}

@test "the connection that asks is lost while it waits, again and again: acquisitions are answered all the same" {
  local id n
  pair_start
  allow_words 'cannot wait for replicas: .*|replicas are waited for again'
  mount_with 1 timeout=20s
  take "$M/before"
  redis_freeze two
  in_background bash -c 'set -C; : >"$0/job"; echo has >"$1"' "$M" "$T/said"
  for n in 1 2 3; do
    wait_until waits_at_server
    id=$(redis_cli @one CLIENT LIST | sed -n 's/^id=\([0-9]*\) .* cmd=wait .*/\1/p')
    redis_cli @one CLIENT KILL ID "$id" >/dev/null
  done
  wait_until waits_at_server
  [ ! -e "$T/said" ]
  redis_thaw two
  wait_until [ -e "$T/said" ]
  ends_with 0 "$pid"
}

@test "the calls lose their connection while an acquisition waits for replicas: it is undone, and a waiter goes on" {
  local id
  pair_start
  mount_with 1 timeout=20s
  mount_with 0 '' "$N"
  redis_freeze two
  in_background bash -c 'flock -n "$0/job" true || echo failed >"$1"' "$M" "$T/said"
  wait_until held_at one job
  wait_until waits_at_server
  in_background bash -c 'exec 9>"$0/other"; flock 9; echo has >"$1"; sleep 1000' "$M" "$T/waiter"
  wait_until held_at one other
  for id in $(redis_cli @one CLIENT LIST | sed -n 's/^id=\([0-9]*\) .* cmd=\(evalsha\|eval\) .*/\1/p'); do
    redis_cli @one CLIENT KILL ID "$id" >/dev/null
  done
  wait_until [ -e "$T/said" ]
  wait_until gone "$N/job"
  redis_thaw two
  wait_until [ -e "$T/waiter" ]
}

# A conversion that its caller gives up while it waits for the replica: the server has done it, and undoes it later.
@test "a conversion is given up while it waits for replicas, and the lock is released: it is free at once" {
  pair_start
  mount_with 1 timeout=20s
  mount_with 0 '' "$N"
  TWO=${redis_pid[two]} py <<'PY'
import signal
two = int(os.environ["TWO"])
signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError(errno.EINTR, "")))
fd = os.open(M + "/job", os.O_RDWR | os.O_CREAT)
fcntl.lockf(fd, fcntl.LOCK_SH)
os.kill(two, signal.SIGSTOP)
signal.setitimer(signal.ITIMER_REAL, 0.3)
check("a conversion", outcome(fcntl.lockf, fd, fcntl.LOCK_EX), "EINTR")
import threading
threading.Timer(0.5, os.kill, (two, signal.SIGCONT)).start()
os.close(fd)
PY
  wait_until gone "$N/job"
}

@test "a conversion is given up while it waits for replicas, and made again: the holder keeps its lock" {
  pair_start
  mount_with 1 timeout=20s
  mount_with 0 '' "$N"
  TWO=${redis_pid[two]} OTHER=$N py <<'PY'
import signal
two, N = int(os.environ["TWO"]), os.environ["OTHER"]
signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError(errno.EINTR, "")))
fd = os.open(M + "/job", os.O_RDWR | os.O_CREAT)
fcntl.lockf(fd, fcntl.LOCK_SH)
for _ in range(3):
    os.kill(two, signal.SIGSTOP)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    check("a conversion", outcome(fcntl.lockf, fd, fcntl.LOCK_EX), "EINTR")
    os.kill(two, signal.SIGCONT)
    check("another one", outcome(fcntl.lockf, fd, fcntl.LOCK_EX), "OK")
    check("the mode", os.getxattr(N + "/job", "user.lock.mode"), b"exclusive")
    check("back", outcome(fcntl.lockf, fd, fcntl.LOCK_SH), "OK")
check("the state", os.getxattr(fd, "user.lock.state"), b"ACQUIRED")
os.close(fd)
PY
  wait_until gone "$N/job"
}

@test "a mount that ends while acquisitions and renewals wait for replicas ends in time, and leaves no lock that nobody was told of" {
  local n daemon
  pair_start
  allow_words "$refused_words|the daemon of .* ends, and leaves to its lease what is bound to open files: .*"
  mount_with 1 timeout=2s
  mount_with 0 '' "$N"
  daemon=${daemon_of[$M]}
  for ((n = 0; n < 10; n++)); do
    in_background bash -c 'exec 9>"$0/.with/ttl=1s/held$1"; flock 9; echo >"$2.$1"; exec sleep 1000' "$M" "$n" "$T/has"
  done
  for ((n = 0; n < 10; n++)); do
    wait_until [ -e "$T/has.$n" ]
  done
  redis_freeze two
  for ((n = 0; n < 10; n++)); do
    in_background flock "$M/job$n" sleep 1000
  done
  for ((n = 0; n < 10; n++)); do
    wait_until held_at one "job$n"
  done
  wait_until waits_at_server
  nap 0.5  # renewals, which come each third of a second, wait as well
  abort_mount "$M"
  wait_until 10 ended "$daemon"
  for ((n = 0; n < 10; n++)); do
    wait_until gone "$N/job$n"
  done
}

@test "one question is enough for all that is under way together" {
  local before n pids=()
  pair_start
  mount_with 1 timeout=20s
  take "$M/before"
  before=$(questions)
  redis_freeze two
  # By flock(2): the kernel lets one creation at a time into a directory.
  for ((n = 0; n < 50; n++)); do
    in_background flock "$M/job$n" true
    pids+=("$pid")
  done
  for ((n = 0; n < 50; n++)); do
    wait_until held_at one "job$n"
  done
  redis_thaw two
  for n in "${pids[@]}"; do
    ends_with 0 "$n"
  done
  figure "50 acquisitions at a time: $(($(questions) - before)) WAITs"
  (($(questions) - before <= 10)) || fail "$(($(questions) - before)) questions"
}

@test "without the right to WAIT the log says so, and acquisitions fail" {
  local rights
  pair_start
  allow_words "$refused_words|cannot wait for replicas: .*|replicas are waited for again"
  read -ra rights < <(rights lockfs)
  redis_cli @one ACL SETUSER weak reset on '>secret' "${rights[@]}" -wait >/dev/null
  mount_redis -o replicas=1,timeout=300ms "$M" "redis://weak:secret@127.0.0.1:${redis_port[one]}"
  wait_until told "cannot wait for replicas"
  contains "run the 'wait' command" "$(cat "$M.stderr")"
  is EIO "$(call open "$M/job" CREAT,EXCL,WRONLY)"
  redis_cli @one ACL SETUSER weak +wait >/dev/null
  wait_until succeeds take "$M/job"
  told "replicas are waited for again"
}

@test "locks in memory have no replicas, and a wrong number is refused" {
  refuses 1000 memory: replicas=1 "memory: has no replicas"
  refuses 1000 redis://127.0.0.1:1 replicas=x "replicas=x: it is a number of replicas up to 100"
  refuses 1000 redis://127.0.0.1:1 replicas=101 "replicas=101"
  refuses 1000 redis://127.0.0.1:1 replicas=-1 "replicas=-1"
}
