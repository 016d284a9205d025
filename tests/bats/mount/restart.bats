# A daemon follows another on one mount point: none may uncover the directory beneath, where a
# file that is created looks like a lock, and none may serve it beside another.

load ../lib/helper
load ../lib/redis

setup() {
  setup_dirs
  mkdir "$M"
}

teardown() {
  local problems=0
  end_background
  umount "$T/beneath" 2>/dev/null || true
  end_redis_mounts || problems=1
  redis_end_all || problems=1
  # What was sealed by a test.
  umount -l "$T/sealed" 2>/dev/null || true
  return "$problems"
}

# A second way to the plain directory, for looking beneath.
open_beneath() {
  need_root
  mkdir "$T/beneath"
  mount --bind "$M" "$T/beneath"
}

# start_callers COUNT: so many processes create files exclusively, one after another, and remove
# each at once. While there is $T/stop, they end; what each heard is a line in $T/heard.
start_callers() {
  write_script "$T/caller.py" <<'PY'
from collections import Counter
heard = Counter()
number = 0
while not os.path.exists(T + "/stop"):
    number += 1
    name = "%s/%s-%d-%d" % (M, sys.argv[1], os.getpid(), number)
    answer = outcome(os.open, name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    if isinstance(answer, int):
        outcome(os.close, answer)
        answer = "OK"
        outcome(os.unlink, name)
    heard[answer] += 1
with open(T + "/heard", "a") as file:
    file.write(" ".join("%s=%d" % each for each in sorted(heard.items())) + "\n")
PY
  rm -f "$T/stop" "$T/heard"
  callers=()
  for ((i = 0; i < $1; i++)); do
    in_background "${python[@]}" "$T/caller.py" "$i"
    callers+=("$pid")
  done
}

stop_callers() {
  : >"$T/stop"
  wait_until callers_ended
}

callers_ended() {
  local each
  for each in "${callers[@]}"; do
    ended "$each" || return 1
  done
}

# How many lockfs mounts stand on a directory, one over another.
mount_count() {
  grep -c " $1 fuse.lockfs " /proc/mounts || true
}

# A kernel before Linux 6.5 keeps a dead mount below the new one until that ends.
mounts_after_restart() {
  local major minor
  IFS=. read -r major minor _ <<<"$(uname -r)"
  ((major > 6 || major == 6 && minor >= 5)) && echo 1 || echo 2
}

kill_daemon() {
  kill -KILL "${daemon_of[$M]}"
  daemon_ended "$M"
}

# restarts COUNT MOUNTS SOURCE [ARGUMENT...]: kills the daemon and starts another, so often, under
# callers who never stop; MOUNTS stand on the directory after each
restarts() {
  local count=$1 mounts_wanted=$2
  shift 2
  open_beneath
  mount_background "$1" "$M" "${@:2}"
  start_callers 2
  for ((i = 0; i < count; i++)); do
    wait_until has_one_daemon "$M"
    kill_daemon
    mount_background "$1" "$M" "${@:2}"
    is "$mounts_wanted" "$(mount_count "$M")"
  done
  stop_callers
  is "" "$(ls -A "$T/beneath")"
  # They were there all the time, and were served in between.
  is 2 "$(grep -c "OK=[1-9]" "$T/heard")"
  is "" "$(tr ' ' '\n' <"$T/heard" | grep -vE '^(OK|ENOTCONN|ECONNABORTED)=' || true)"
  unmount_lockfs
  is 0 "$(mount_count "$M")"
  is "" "$(ls -A "$M")"
}

@test "20 restarts over the mount of a daemon that died never uncover the directory" {
  restarts 20 "$(mounts_after_restart)" memory:
}

@test "20 restarts over the mount of a daemon that died never uncover the directory, over Redis" {
  redis_start
  restarts 20 "$(mounts_after_restart)" "$(redis_source)" -o timeout=10s
}

# As on a kernel before Linux 6.5.
without_beneath() {
  shimmed <<'C'
MOVE_MOUNT_NEVER_BENEATH
C
}

@test "a kernel that cannot mount beneath another mount has no gap either" {
  without_beneath
  LOCKFS=$T/shimmed restarts 20 2 memory:
}

@test "a mount whose connection was aborted is replaced like that of a daemon that died" {
  open_beneath
  mount_background memory: "$M"
  start_callers 2
  for way in abort force; do
    case $way in
    abort) abort_mount "$M" ;;
    force) (cd "$M" && umount -f "$M" 2>/dev/null) || true ;;
    esac
    daemon_ended "$M"
    mount_background memory: "$M"
    is "$(mounts_after_restart)" "$(mount_count "$M")"
  done
  stop_callers
  is "" "$(ls -A "$T/beneath")"
}

@test "a start that fails leaves the dead mount in its place, closed" {
  mount_lockfs
  kill_daemon
  refute deadline 10 "$LOCKFS" "redis+unix://$T/nobody.sock" "$M" -o timeout=200ms
  is 1 "$(mount_count "$M")"
  expect ENOTCONN open "$M/job" CREAT,EXCL,WRONLY
  refute deadline 10 "$LOCKFS" memory: "$M" -o auto_unmount
  expect ENOTCONN open "$M/job" CREAT,EXCL,WRONLY
  mount_lockfs
  take "$M/job"
}

@test "a start that is ended by a signal leaves the dead mount or a whole one, and nothing uncovered" {
  open_beneath
  mount_background memory: "$M"
  kill_daemon
  start_callers 2
  for delay in 0 0.001 0.002 0.003 0.005 0.008 0.012; do
    "$LOCKFS" memory: "$M" 3>&- &
    starting=$!
    sleep "$delay"
    kill -KILL "$starting" "$(pgrep -P "$starting" || true)" 2>/dev/null || true
    wait "$starting" 2>/dev/null || true
    find_daemon "$M" | xargs -r kill -KILL
    wait_until refute find_daemon "$M"
    refute not_mounted "$M"
  done
  mount_background memory: "$M"
  is 1 "$(mount_count "$M")"
  stop_callers
  is "" "$(ls -A "$T/beneath")"
}

# A daemon that is killed in the middle of mounting: it has put its mount in place, and no more.
killed_on_mounting() {
  shimmed <<C
int move_mount(int from, const char *from_path, int to, const char *to_path, unsigned int flags)
{
	wait_here("$T/comes", "$T/go");
	if (NEXT(move_mount)(from, from_path, to, to_path, flags) < 0)
		return -1;
	raise(SIGKILL);
	return 0;
}
C
  "$T/shimmed" memory: "$M" -f 3>&- &
  killed=$!
  wait_until test -e "$T/comes"
}

@test "what a daemon that was killed while it replaced a dead mount left is replaced as well" {
  open_beneath
  mount_background memory: "$M"
  kill_daemon
  start_callers 2
  killed_on_mounting
  : >"$T/go"
  wait_until ended "$killed"
  is 2 "$(mount_count "$M")"
  mount_background memory: "$M"
  is "$(mounts_after_restart)" "$(mount_count "$M")"
  stop_callers
  is "" "$(ls -A "$T/beneath")"
  unmount_lockfs
  is 0 "$(mount_count "$M")"
}

@test "a daemon that came second and was killed at once hides the first until the next start only" {
  need_root
  killed_on_mounting
  mount_lockfs
  take "$M/job"
  : >"$T/go"
  wait_until ended "$killed"
  is 2 "$(mount_count "$M")"
  expect ENOTCONN stat "$M/job"
  run deadline 10 "$LOCKFS" memory: "$M"
  is 1 "$status"
  contains "$M is a lockfs mount already" "$output"
  is 1 "$(mount_count "$M")"
  is ACQUIRED "$(state "$M/job")"
}

# held_at_the_end: with $HELD set, it does not unmount anything by itself before there is $T/go, and $T/ends says
# that it has come so far. No kernel can mount beneath another mount (as before Linux 6.5).
held_at_the_end() {
  shimmed <<C
MOVE_MOUNT_NEVER_BENEATH
int umount2(const char *path, int flags)
{
	static int calls;

	if (getenv("HELD") && ++calls == atoi(getenv("HELD")))
		wait_here("$T/ends", "$T/go");
	return NEXT(umount2)(path, flags);
}
C
  LOCKFS=$T/shimmed
}

@test "a daemon that stands above a dead mount leaves the mount of the next one alone when it ends" {
  need_root
  held_at_the_end
  # Before it marks the dead mount as unused, and between that and unmounting.
  for held in 1 2; do
    rm -f "$T/go" "$T/ends"
    mount_background memory: "$M"
    kill_daemon
    HELD=$held mount_background memory: "$M"
    second=${daemon_of[$M]}
    is 2 "$(mount_count "$M")"
    fusermount3 -u "$M"
    wait_until test -e "$T/ends"
    expect ENOTCONN stat "$M"
    deadline 10 "$LOCKFS" memory: "$M"
    daemon_of[$M]=$(find_daemon "$M" | grep -vx "$second")
    take "$M/job"
    : >"$T/go"
    wait_until ended "$second"
    is ACQUIRED "$(state "$M/job")"
    unmount_lockfs
    wait_until not_mounted "$M"
  done
}

@test "a mount that was put on a dead one is not taken away by a daemon that saw the dead one on top" {
  need_root
  mount_background memory: "$M"
  kill_daemon
  # The one that mounts by path is held after it looked for the second time; the other cannot mount beneath.
  shimmed <<C
int fsopen(const char *name, unsigned int flags)
{
	errno = EPERM;
	return getenv("HELD") ? -1 : NEXT(fsopen)(name, flags);
}
MOVE_MOUNT_NEVER_BENEATH
int openat64(int dir, const char *path, int flags, ...)
{
	static int looks;
	int fd = NEXT(openat64)(dir, path, flags);
	int error = errno;

	if (getenv("HELD") && strcmp(path, ".") == 0 && ++looks == 2)
		wait_here("$T/comes", "$T/go");
	errno = error;
	return fd;
}
C
  HELD=yes "$T/shimmed" memory: "$M" -f >"$T/said" 2>&1 3>&- &
  held=$!
  wait_until test -e "$T/comes"
  LOCKFS=$T/shimmed mount_background memory: "$M"
  daemon_of[$M]=$(pgrep -f "^$T/shimmed memory: $M\$")
  take "$M/job"
  : >"$T/go"
  ends_with 1 "$held"
  contains "$M is a lockfs mount already" "$(<"$T/said")"
  is ACQUIRED "$(state "$M/job")"
}

# As for a user who may not mount; libfuse mounts by path then.
without_fsopen() {
  shimmed <<'C'
int fsopen(const char *name, unsigned int flags)
{
	(void)name;
	(void)flags;
	errno = EPERM;
	return -1;
}
C
  LOCKFS=$T/shimmed
}

@test "a daemon that was unmounted while a file is open leaves the mount of the next one alone when it ends" {
  need_root
  without_fsopen
  for signals in 1 2; do
    mount_background memory: "$M"
    first=${daemon_of[$M]}
    set -C
    exec 9>"$M/mine"
    set +C
    ((signals == 1)) || flock 9
    fusermount3 -uz "$M"
    deadline 10 "$LOCKFS" memory: "$M"
    daemon_of[$M]=$(find_daemon "$M" | grep -vx "$first")
    take "$M/job"
    for ((i = 0; i < signals; i++)); do
      kill -TERM "$first"
    done
    # The second signal may come while the first is pending.
    ((signals == 1)) || wait_until kill_again "$first"
    wait_until ended "$first"
    is ACQUIRED "$(state "$M/job")"
    exec 9>&-
    unmount_lockfs
    is 0 "$(mount_count "$M")"
  done
}

kill_again() {
  kill -TERM "$1" 2>/dev/null || true
  ended "$1"
}

@test "a daemon that mounts by path unmounts when a signal ends it" {
  need_root
  without_fsopen
  mount_lockfs
  kill -TERM "${daemon_of[$M]}"
  daemon_ended "$M"
  is 0 "$daemon_status"
  is 0 "$(mount_count "$M")"
  expect ENOENT stat "$M/job"
}

@test "a daemon that mounts by path leaves a dead mount alone while another has the turn, and mounts on a free directory" {
  need_root
  without_fsopen
  mount_lockfs
  kill_daemon
  in_background flock "$T" sleep 1000
  wait_until refute flock -n "$T" true
  run deadline 10 "$LOCKFS" memory: "$M"
  is 1 "$status"
  is "lockfs: $M is a mount whose daemon died, and another lockfs may be mounting there: try again, or unmount it first with \`fusermount3 -u $M\`" "$output"
  is 1 "$(mount_count "$M")"
  expect ENOTCONN stat "$M/job"
  fusermount3 -u "$M"
  mount_lockfs
  take "$M/job"
}

# Several at a time

# seal: M is a directory in which nothing can be created, also not by root
seal() {
  need_root
  mkdir "$T/sealed"
  mount -t tmpfs tmpfs "$T/sealed"
  mkdir "$T/sealed/mnt"
  mount -o remount,ro "$T/sealed"
  M=$T/sealed/mnt
}

# start_takers COUNT: each, a session of its own, tries to take the one lock until it has it or another
# has; then it says so in $T/taken
start_takers() {
  write_script "$T/taker.py" <<'PY'
while True:
    answer = outcome(os.open, M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    if isinstance(answer, int):
        os.close(answer)
        answer = "OK"
    if answer in ("OK", "EEXIST"):
        break
with open(T + "/taken", "a") as file:
    file.write(answer + "\n")
time.sleep(100)
PY
  rm -f "$T/taken"
  for ((i = 0; i < $1; i++)); do
    in_background "${python[@]}" "$T/taker.py"
  done
}

# start_at_once COUNT [CMD...]: so many commands mount on M at the same time; one wins, and the others say why not
start_at_once() {
  local count=$1 pids=() each status won=0
  shift
  rm -f "$T"/said.*
  for ((i = 0; i < count; i++)); do
    "$@" "$LOCKFS" memory: "$M" >"$T/said.$i" 2>&1 3>&- &
    pids+=($!)
  done
  for each in "${pids[@]}"; do
    wait_until ended "$each"
    status=0
    wait "$each" || status=$?
    [ "$status" != 0 ] || won=$((won + 1))
  done
  is 1 "$won"
  # One line of each other.
  is "$((count - 1))" "$(sort "$T"/said.* | grep -c "^lockfs: $M is a lockfs mount already: ")" || fail "$(cat "$T"/said.*)"
  is "$((count - 1))" "$(cat "$T"/said.* | wc -l)"
  mounts+=("$M")
  wait_until one_daemon
  daemon_of[$M]=$(find_daemon "$M")
}

one_daemon() {
  [ "$(find_daemon "$M" | wc -l)" = 1 ]
}

@test "of three that mount on one directory at the same time one wins, and no lock is held twice, 25 times" {
  seal
  for ((round = 0; round < 25; round++)); do
    start_takers 3
    start_at_once 3
    is 1 "$(mount_count "$M")"
    wait_until has_lines "$T/taken" 3
    is "EEXIST EEXIST OK" "$(sort "$T/taken" | xargs)"
    end_background
    fusermount3 -u "$M"
    daemon_ended "$M"
    is 0 "$(mount_count "$M")"
  done
}

# replace_at_once ROUNDS MOUNTS: three replace one dead mount at the same time; MOUNTS stand there afterwards
replace_at_once() {
  open_beneath
  mount_background memory: "$M"
  start_callers 2
  for ((round = 0; round < $1; round++)); do
    kill_daemon
    start_at_once 3
    is "$2" "$(mount_count "$M")"
  done
  stop_callers
  is "" "$(ls -A "$T/beneath")"
  unmount_lockfs
  is 0 "$(mount_count "$M")"
}

@test "of three that replace one dead mount at the same time one wins, and nothing is uncovered, 25 times" {
  replace_at_once 25 "$(mounts_after_restart)"
}

@test "of three that replace one dead mount one wins also where the kernel cannot mount beneath it, 20 times" {
  without_beneath
  LOCKFS=$T/shimmed replace_at_once 20 2
}

@test "mounts of different namespaces are different mounts" {
  need_root
  mount_lockfs
  take "$M/job"
  # shellcheck disable=SC2016  # the other shell expands it
  run deadline 20 unshare -m --propagation private sh -euc '
    umount "$1"
    "$0" memory: "$1"
    (set -C; : >"$1/job")
    umount "$1"
    echo took' "$LOCKFS" "$M"
  is took "$output"
  is ACQUIRED "$(state "$M/job")"
}
