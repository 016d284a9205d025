# What becomes of locks that are bound to open files, and of those who wait, when a
# mount ends: unmounted, lazily too, by a signal, or with its connection aborted. The
# locks are in Redis, where they can be seen after the daemon has ended.

load ../lib/helper
load ../lib/redis

setup() {
  setup_dirs
  redis_start
  mount_redis
}

teardown() {
  local problems=0
  end_background
  end_mounts || problems=1
  redis_end_all || problems=1
  return "$problems"
}

server_has() {
  [ "$(redis_cli EXISTS "$1")" = 1 ]
}

# nothing_left KEY: neither the lock nor the ticket of anybody who waits for it
nothing_left() {
  is 0 "$(redis_cli EXISTS "lockfs:$1" "lockfs#d:$1" "lockfs#w:$1" "lockfs#t:$1")"
}

# said LINE...: exactly these lines, as regular expressions, in the daemon's log. libfuse adds one of its own if the
# connection ends while a request is read.
said() {
  local lines
  mapfile -t lines < <(grep -v '^fuse: reading device: Software caused connection abort$' "$M.stderr")
  is $# "${#lines[@]}" || fail "$(<"$M.stderr")"
  for line in "${lines[@]}"; do
    matches "lockfs: $1" "$line"
    shift
  done
}

said_something() {
  [ -s "$M.stderr" ]
}

# hold_by WAY: a process, its id in $holder, has the lock `job` bound to an open file
hold_by() {
  case $1 in
  hold) in_background sh -c 'exec 9>"$0" && exec sleep 1000' "$M/.with/hold/job" ;;
  flock) in_background flock -F "$M/job" sleep 1000 ;;
  esac
  holder=$pid
  wait_until server_has lockfs:job
}

# rounds UNMOUNT...: 20 times, the mount is unmounted while the lock is held in both ways;
# its holder ends after that
rounds() {
  local round end
  for round in {1..10}; do
    for way in hold flock; do
      is_mounted "$M" || mount_redis
      hold_by "$way"
      "$@"
      server_has lockfs:job
      end=TERM
      ((round % 2)) || end=KILL
      kill -"$end" "$holder"
      daemon_ended "$M"
      is 0 "$daemon_status"
      nothing_left job || fail "round $round, $way, SIG$end"
      said
    done
  done
}

@test "umount -l: what is bound to an open file is released when that is closed, though no RELEASE may come" {
  need_root
  rounds umount -l "$M"
}

@test "fusermount3 -uz: what is bound to an open file is released when its process ends" {
  rounds fusermount3 -uz "$M"
}

@test "umount -l: a shell that closes its descriptor releases, and goes on" {
  need_root
  for _ in {1..10}; do
    is_mounted "$M" || mount_redis
    exec 9>"$M/.with/hold/job"
    umount -l "$M"
    exec 9>&-
    daemon_ended "$M"
    is 0 "$daemon_status"
    nothing_left job
  done
}

@test "an unmount right after the last close releases what was bound to it" {
  for _ in {1..10}; do
    is_mounted "$M" || mount_redis
    exec 9>"$M/.with/hold/job"
    exec 9>&-
    # No process has it open, so that the kernel does not refuse.
    fusermount3 -u "$M"
    daemon_ended "$M"
    is 0 "$daemon_status"
    nothing_left job
  done
}

@test "umount -l: who waits on another mount has the lock as soon as the holder was killed" {
  need_root
  mount_redis "$T/other"
  for _ in {1..5}; do
    is_mounted "$M" || mount_redis
    hold_by hold
    in_background flock "$T/other/job" true
    wait_until waits 1 "$T/other/job"
    umount -l "$M"
    kill -KILL "$holder"
    daemon_ended "$M"
    ends_with 0 "$pid"
    wait_until gone "$T/other/job"
  done
}

@test "umount -l: a waiter that is killed with the holder leaves no ticket, nor is it given the lock" {
  need_root
  for _ in {1..5}; do
    is_mounted "$M" || mount_redis
    hold_by flock
    in_background flock -F "$M/job" sleep 1000
    wait_until waits 1 "$M/job"
    umount -l "$M"
    kill -KILL "$holder" "$pid"
    daemon_ended "$M"
    is 0 "$daemon_status"
    nothing_left job
  done
}

@test "a connection that ends while a request is read ends the mount as at any other time" {
  unmount_lockfs
  shimmed <<'C'
int fuse_session_receive_buf(void *session, void *buffer)
{
	int got = NEXT(fuse_session_receive_buf)(session, buffer);

	return got == 0 ? -ECONNABORTED : got;
}
C
  LOCKFS=$T/shimmed
  mount_redis
  hold_by flock
  fusermount3 -uz "$M"
  kill -KILL "$holder"
  daemon_ended "$M"
  is 0 "$daemon_status"
  nothing_left job
  said
}

@test "a mount that ends while the server stands still releases when that goes on within its timeout" {
  unmount_lockfs
  mount_redis -o timeout=10s
  hold_by hold
  fusermount3 -uz "$M"
  redis_freeze
  kill -KILL "$holder"
  wait_until ended "$holder"
  kill -0 "${daemon_of[$M]}"
  redis_thaw
  daemon_ended "$M"
  is 0 "$daemon_status"
  nothing_left job
}

@test "a mount that ends while the server stands still ends within its timeout, and says which locks stay" {
  unmount_lockfs
  mount_redis -o timeout=2s
  hold_by hold
  fusermount3 -uz "$M"
  redis_freeze
  kill -KILL "$holder"
  daemon_ended "$M"
  redis_thaw
  is 0 "$daemon_status"
  contains "leaves to its lease what is bound to open files: 1 lock: job" "$(<"$M.stderr")"
}

# aborted COMMAND...: aborts the connection of the mount, and the holder is told by its signal
aborted() {
  need_root
  in_background python3 -IS -c '
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: print("told", flush=True))
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
print("held", flush=True)
signal.pause()
try:
    os.write(fd, b"x")
except OSError as error:
    print(error.strerror, flush=True)
signal.pause()' "$M/.with/hold,signal=USR1/job" >"$T/told"
  holder=$pid
  wait_until has_lines "$T/told" 1
  in_background flock "$M/job" true
  wait_until waits 1 "$M/job"
  "$@"
  daemon_ended "$M"
  is 0 "$daemon_status"
  wait_until has_lines "$T/told" 3
  is "held
told
Transport endpoint is not connected" "$(<"$T/told")"
  kill -0 "$holder"
  server_has lockfs:job
  is 0 "$(redis_cli ZCARD lockfs#w:job)"
  said "the daemon of $M ends, and leaves to its lease what is bound to open files: 1 lock: job"
}

@test "a connection that is aborted tells the holder, who goes on, and leaves the lock to its lease" {
  aborted abort_mount "$M"
  expect ENOTCONN stat "$M"
}

@test "umount -f aborts a busy mount: the holder is told, and its lock is left to its lease" {
  force() { umount -f "$M" 2>/dev/null || true; }
  aborted force
}

@test "umount -f -l aborts what is not there any more: the holder is told, and its lock is left to its lease" {
  aborted umount -f -l "$M"
  not_mounted "$M"
}

# Signals

@test "fusermount3 -u is refused while a lock is bound to an open file, and changes nothing" {
  hold_by hold
  token=$(lock "$M/job" token)
  refute fusermount3 -u "$M" 2>"$T/out"
  contains busy "$(<"$T/out")"
  is "$token" "$(lock "$M/job" token)"
  kill -KILL "$holder"
  wait_until gone "$M/job"
  # The kernel lets the directory go after the process has ended.
  wait_until fusermount3 -u "$M"
  daemon_ended "$M"
  is 0 "$daemon_status"
  said
}

@test "a signal leaves a mount alone where a lock is bound to an open file, and says which; a second one unmounts it" {
  # The second may be another one than the first, and come at any time.
  for signals in "TERM TERM" "INT INT" "HUP HUP" "TERM INT"; do
    is_mounted "$M" || mount_redis
    hold_by flock
    kill -"${signals% *}" "${daemon_of[$M]}"
    wait_until said_something
    is UNAVAILABLE "$(state "$M/job")"
    take "$M/another"
    rm "$M/another"
    kill -"${signals#* }" "${daemon_of[$M]}"
    daemon_ended "$M"
    is 0 "$daemon_status"
    not_mounted "$M"
    server_has lockfs:job
    said "$M is busy, and ends when its files are closed; send the signal again to unmount all the same. Bound to open files: 1 lock: job" \
      "the daemon of $M ends, and leaves to its lease what is bound to open files: 1 lock: job"
    kill -0 "$holder"
    kill -KILL "$holder"
    redis_cli FLUSHALL >/dev/null
  done
}

@test "after a first signal the mount ends by itself when the last bound lock has been released" {
  for signal in TERM INT HUP; do
    is_mounted "$M" || mount_redis
    exec 8>"$M/.with/hold/first" 9>"$M/.with/hold/second"
    kill -"$signal" "${daemon_of[$M]}"
    wait_until said_something
    exec 8>&-
    wait_until gone "$M/first"
    is ACQUIRED "$(state "$M/second")"
    exec 9>&-
    daemon_ended "$M"
    is 0 "$daemon_status"
    not_mounted "$M"
    nothing_left first
    nothing_left second
    said "$M is busy, .* Bound to open files: 2 locks: first, second"
  done
}

@test "after a first signal the mount ends by itself when the last bound lock is taken by force" {
  hold_by hold
  kill -TERM "${daemon_of[$M]}"
  wait_until said_something
  # The mount may have ended before the answer comes.
  matches "OK|ESHUTDOWN|ECONNABORTED" "$(call unlink "$M/.with/force/job")"
  daemon_ended "$M"
  is 0 "$daemon_status"
  not_mounted "$M"
  nothing_left job
}

@test "one signal ends a mount where files are open and calls wait, but no lock is bound" {
  mount_redis "$T/other"
  take "$T/other/job"
  set -C
  exec 9>"$M/mine"
  set +C
  exec 8>"$M/free" 7>"$M/job"
  in_background flock "$M/job" true
  wait_until waits 1 "$T/other/job"
  kill -TERM "${daemon_of[$M]}"
  daemon_ended "$M"
  is 0 "$daemon_status"
  exec 7>&- 8>&- 9>&-
  is 0 "$(redis_cli EXISTS lockfs#w:job)"
  said
}

@test "a second signal takes back the tickets of those who wait" {
  hold_by hold
  in_background flock "$M/job" true
  wait_until waits 1 "$M/job"
  kill -TERM "${daemon_of[$M]}"
  wait_until said_something
  waits 1 "$M/job"
  kill -TERM "${daemon_of[$M]}"
  daemon_ended "$M"
  wait_until ended "$pid"
  server_has lockfs:job
  is 0 "$(redis_cli EXISTS lockfs#w:job)"
}

@test "a signal while a mount is busy names the first locks and counts the others, in one line" {
  DAEMON=${daemon_of[$M]} py <<'PY'
names = ["new\nline", "b", "c", "d", "e", "f", "g"]
files = [os.open(M + "/.with/hold/" + name, os.O_CREAT | os.O_WRONLY) for name in names]
os.kill(int(os.environ["DAEMON"]), signal.SIGTERM)
while not os.path.getsize(M + ".stderr"):
    time.sleep(0.01)
PY
  daemon_ended "$M"
  said "$M is busy, .* Bound to open files: 7 locks: new.012line, b, c, d, e and 2 more"
}

refuses_to_acquire() {
  [ "$(call open "$M/new" CREAT,EXCL,WRONLY)" = ESHUTDOWN ] || { rm "$M/new"; return 1; }
}

@test "a mount that ends after one signal binds no lock any more, nor does it acquire one" {
  shimmed <<C
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
int fuse_lowlevel_notify_delete(void *session, uint64_t parent, uint64_t child, const char *name, size_t length)
{
	int (*next)(void *, uint64_t, uint64_t, const char *, size_t) = dlsym(RTLD_NEXT, "fuse_lowlevel_notify_delete");

	close(creat("$T/notifies", 0600));
	while (access("$T/go", F_OK) < 0)
		usleep(1000);
	return next(session, parent, child, name, length);
}
C
  unmount_lockfs
  LOCKFS=$T/shimmed
  mount_redis
  mount_redis "$T/other"
  take "$T/other/busy"
  # Acquired, and not bound.
  set -C
  exec 9>"$M/mine"
  set +C
  exec 8>"$M/free"
  # The kernel is to be told that this file is gone; the mount ends once it was.
  take "$M/gone"
  rm "$T/other/.with/force/gone"
  wait_until test -e "$T/notifies"
  in_background flock "$M/busy" true
  waiter=$pid
  wait_until waits 1 "$T/other/busy"
  kill -TERM "${daemon_of[$M]}"
  wait_until refuses_to_acquire
  run flock -n 9
  contains "Cannot send after transport endpoint shutdown" "$output"
  run flock -n 8
  contains "Cannot send after transport endpoint shutdown" "$output"
  run flock -n "$M/free" true
  contains "Cannot send after transport endpoint shutdown" "$output"
  expect ESHUTDOWN open "$M/.with/hold/new" CREAT,WRONLY
  wait_until ended "$waiter"
  nothing_left new
  nothing_left free
  is 0 "$(redis_cli EXISTS lockfs#w:busy)"
  : >"$T/go"
  daemon_ended "$M"
  is 0 "$daemon_status"
  not_mounted "$M"
  exec 8>&- 9>&-
  said
}

# A daemon that is killed

watchdog_of() {
  pgrep -P "$1" -x lockfs-watchdog
}

@test "the watchdog has another name than the daemon, keeps nothing of it in use, and ends with it" {
  wait_until watchdog_of "${daemon_of[$M]}"
  watchdog=$(watchdog_of "${daemon_of[$M]}")
  wait_until test / -ef "/proc/$watchdog/cwd"
  is lockfs-watchdog "$(tr '\0' ' ' <"/proc/$watchdog/cmdline" | sed 's/ *$//')"
  is 1 "$(find "/proc/$watchdog/fd" -type l | wc -l)"
  # Who ends all of a group or a terminal does not end it before the daemon.
  kill -TERM "$watchdog"
  kill -HUP "$watchdog"
  kill -USR1 "$watchdog"
  take "$M/job"
  rm "$M/job"
  kill -0 "$watchdog"
  fusermount3 -u "$M"
  daemon_ended "$M"
  is 0 "$daemon_status"
  ended "$watchdog"
  mount_redis
  watchdog=$(watchdog_of "${daemon_of[$M]}")
  kill -KILL "${daemon_of[$M]}"
  wait_until ended "$watchdog"
  daemon_ended "$M"
}
