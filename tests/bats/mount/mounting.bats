# Mounting and what can go wrong with it: foreground, background, signals,
# crashes, bad mount points, mount(8), scripts/run.

load ../lib/helper

setup() {
  setup_dirs
  mkdir "$M"
}

teardown() {
  local problems=0
  end_mounts || problems=1
  # One test makes it immutable.
  chattr -i "$M" 2>/dev/null || true
  return "$problems"
}

# refused PART ARGUMENT...: lockfs ends at once, with one line that has PART in it
refused() {
  local part=$1
  shift
  run deadline 10 "$LOCKFS" "$@"
  [ "$status" != 0 ] || fail "accepted: $*"
  is 1 "${#lines[@]}"
  contains "$part" "$output"
  matches "lockfs: .*" "$output"
}

# How many lockfs mounts stand on a directory, one over another.
mount_count() {
  grep -c " $1 fuse.lockfs " /proc/mounts || true
}

kill_daemon() {
  kill -KILL "${daemon_of[$M]}"
  daemon_ended "$M"
}

@test "in the background: it returns once the mount answers" {
  mount_background "$LOCKFS_TEST_SOURCE" "$M"
  # No waiting from here on.
  (set -C; : >"$M/job")
  is ACQUIRED "$(state "$M/job")"
  rm "$M/job"
}

@test "in the background: it says nothing and lets go of terminal, directory and descriptors" {
  cd "$T"
  run deadline 10 "$LOCKFS" "$LOCKFS_TEST_SOURCE" mnt
  is "0 " "$status $output"
  mounts+=("$M")
  daemon_of[$M]=$(find_daemon mnt)
  daemon=${daemon_of[$M]}
  is / "$(readlink "/proc/$daemon/cwd")"
  for fd in 0 1 2; do
    is /dev/null "$(readlink "/proc/$daemon/fd/$fd")"
  done
  is "$daemon" "$(ps -o sid= -p "$daemon" | tr -d ' ')"
}

@test "in the background: a pipe of the caller is closed when the command returns" {
  # Were it open in the daemon, cat would wait for ever.
  deadline 10 sh -c '"$0" "$1" "$2" 2>&1 | cat' "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$M"
  mounts+=("$M")
  daemon_of[$M]=$(find_daemon "$M")
}

@test "in the foreground: it stays, silent, and ends with 0 on fusermount3 -u" {
  mount_lockfs
  kill -0 "${daemon_of[$M]}"
  fusermount3 -u "$M"
  daemon_ended "$M"
  is 0 "$daemon_status"
  is "" "$(cat "$M.stdout" "$M.stderr")"
}

@test "umount ends the daemon as well" {
  need_root
  mount_lockfs
  umount "$M"
  daemon_ended "$M"
  is 0 "$daemon_status"
}

@test "/proc/mounts shows type and source" {
  mount_lockfs
  matches "${LOCKFS_TEST_SOURCE%%:*}:.* $M fuse.lockfs rw,.*" "$(grep " $M " /proc/mounts)"
  [ "$LOCKFS_TEST_SOURCE" != memory: ] || contains "memory: $M fuse.lockfs" "$(cat /proc/mounts)"
}

@test "two mounts at a time do not disturb each other" {
  mount_lockfs
  mount_lockfs "$T/second"
  take "$M/job"
  unmount_lockfs
  take "$T/second/job"
  is ACQUIRED "$(state "$T/second/job")"
}

@test "SIGTERM, SIGINT and SIGHUP unmount cleanly" {
  for signal in TERM INT HUP; do
    mount_lockfs
    take "$M/job"
    kill -"$signal" "${daemon_of[$M]}"
    daemon_ended "$M"
    is 0 "$daemon_status"
    not_mounted "$M"
    is "" "$(ls -A "$M")"
    is "" "$(cat "$M.stdout" "$M.stderr")"
  done
}

@test "a signal unmounts in the background too" {
  mount_background "$LOCKFS_TEST_SOURCE" "$M"
  kill -TERM "${daemon_of[$M]}"
  daemon_ended "$M"
  not_mounted "$M"
}

@test "a signal unmounts also while files are open and directories are in use" {
  mount_lockfs
  mkdir "$M/team"
  py <<PY
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
handle = os.open(M + "/free", os.O_CREAT | os.O_RDWR)
os.chdir(M + "/team")
os.kill(${daemon_of[$M]}, signal.SIGTERM)
end = boottime() + 10
while "$M fuse.lockfs" in open("/proc/mounts").read():
    if boottime() > end:
        sys.exit("still mounted")
    time.sleep(0.01)
for opened in (fd, handle):
    answer = outcome(os.pread, opened, 1, 0)
    if answer not in ("ENOTCONN", "ECONNABORTED", "EIO"):
        sys.exit("read after the end: %r" % answer)
PY
  daemon_ended "$M"
  is 0 "$daemon_status"
}

@test "signals during start leave neither a process nor a mount, and no new directory" {
  for delay in 0 0.001 0.002 0.003 0.005 0.008 0.01 0.015 0.02 0.03; do
    for signal in TERM INT HUP; do
      start_daemon "$M" "$LOCKFS_TEST_SOURCE" "$M" -f
      # What is no lockfs yet still ignores SIGINT, as bash's background jobs do.
      until [ "/proc/${daemon_of[$M]}/exe" -ef "$LOCKFS" ]; do :; done
      sleep "$delay"
      kill -"$signal" "${daemon_of[$M]}"
      daemon_ended "$M"
      # 0, or killed by it before it could do anything
      case $signal:$daemon_status in
        *:0 | TERM:143 | INT:130 | HUP:129) ;;
        *) fail "after $delay s SIG$signal: ended with $daemon_status" ;;
      esac
      not_mounted "$M" || fail "after $delay s SIG$signal: ended with $daemon_status, and left the mount"
      is "" "$(cat "$M.stdout" "$M.stderr")"
    done
  done
  mount_lockfs
  take "$M/job"
}

@test "a signal during start in the background leaves nothing either" {
  for delay in 0 0.001 0.003 0.006 0.01 0.02; do
    "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$M" 3>&- &
    starting=$!
    sleep "$delay"
    kill -TERM "$starting" 2>/dev/null || true
    wait_until ended "$starting"
    # Either it went on, whole, or nothing is there.
    status=0
    wait "$starting" || status=$?
    if [ "$status" = 0 ]; then
      wait_until is_mounted "$M"
      mounts+=("$M")
      daemon_of[$M]=$(find_daemon "$M")
      unmount_lockfs
    else
      nothing_left() { not_mounted "$M" && ! find_daemon "$M" >/dev/null; }
      wait_until nothing_left
    fi
  done
}

@test "a signal does not end the command while the mount that it made goes on" {
  # The command does not go on after it forked before the signal was sent, as on a busy machine.
  export SIGNAL_IS_SENT=$T/sent
  shimmed <<'C'
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
pid_t fork(void)
{
	static bool is_in_background; /* what the daemon starts is not meant */
	pid_t (*next)(void) = dlsym(RTLD_NEXT, "fork");
	bool waits = !is_in_background;
	pid_t child;

	is_in_background = true;
	child = next();
	while (waits && child > 0 && access(getenv("SIGNAL_IS_SENT"), F_OK) < 0)
		usleep(1000);
	return child;
}
C
  LOCKFS=$T/shimmed
  for signal in TERM HUP; do
    rm -f "$SIGNAL_IS_SENT"
    "$LOCKFS" memory: "$M" 3>&- &
    starting=$!
    background+=("$starting")
    wait_until answers "$M"
    kill -"$signal" "$starting"
    : >"$SIGNAL_IS_SENT"
    wait_until ended "$starting"
    status=0
    wait "$starting" || status=$?
    is 0 "$status"
    mounts+=("$M")
    daemon_of[$M]=$(find_daemon "$M")
    unmount_lockfs
  done
}

# Descriptors

# lockable FILE: nobody has it locked
lockable() {
  flock -n "$1" true
}

@test "a lock that whoever started it holds ends with them, also while the mount lives" {
  for options in '' -f; do
    bash -c 'exec 9>"$0/x"; flock 9; "$1" memory: "$2" $3 3>&- & wait_for=$!
      [ "$3" ] || wait "$wait_for"' "$T" "$LOCKFS" "$M" "$options"
    wait_until answers "$M"
    wait_until lockable "$T/x"
    fusermount3 -u "$M"
    wait_until refute find_daemon "$M"
  done
}

@test "a pipe of whoever started it ends, whatever its number" {
  # The substitution returns when nobody has the pipe open any more.
  deadline 10 bash -c 'said=$(exec 5>&1 17>&1 200>&1; "$0" memory: "$1" 3>&-)' "$LOCKFS" "$M"
  mounts+=("$M")
  daemon_of[$M]=$(find_daemon "$M")
  take "$M/job"
}

@test "descriptors are closed also where the kernel cannot close many at once" {
  shimmed <<'C'
#include <errno.h>
int close_range(unsigned int from, unsigned int to, int flags)
{
	(void)from, (void)to, (void)flags;
	errno = ENOSYS;
	return -1;
}
C
  deadline 10 bash -c 'said=$(exec 5>&1 17>&1 200>&1; "$0" memory: "$1" 3>&-)' "$T/shimmed" "$M"
  LOCKFS=$T/shimmed
  mounts+=("$M")
  daemon_of[$M]=$(find_daemon "$M")
  take "$M/job"
}

@test "what it is started without, input, output and error, becomes no other file of it" {
  for options in '' -f; do
    "$LOCKFS" memory: "$M" $options <&- >&- 2>&- 3>&- &
    wait_until answers "$M"
    wait_until find_daemon "$M"
    mounts+=("$M")
    daemon_of[$M]=$(find_daemon "$M")
    for fd in 0 1 2; do
      wait_until eval '[[ $(readlink "/proc/${daemon_of[$M]}/fd/$fd") == /dev/null ]]'
    done
    take "$M/job"
    unmount_lockfs
  done
}

@test "a password is read from a descriptor, as of a process substitution" {
  exec 9< <(echo secret)
  refused "cannot reach redis://127.0.0.1:1" redis://127.0.0.1:1 "$M" -o password_file=/dev/fd/9
  exec 9<&-
}

# Mount points

@test "a mount point that is missing is refused" {
  refused "$T/missing" memory: "$T/missing"
  [ ! -e "$T/missing" ]
}

@test "a mount point that is a file is refused" {
  echo words >"$T/file"
  refused "$T/file" memory: "$T/file"
  is words "$(cat "$T/file")"
}

@test "a mount point that is not empty is refused, and keeps what is in it" {
  echo words >"$M/file"
  refused "$M" memory: "$M"
  contains empty "$output"
  is words "$(cat "$M/file")"
  not_mounted "$M"
}

@test "a mount point that is a lockfs mount already is refused, and stays as it is" {
  mount_lockfs
  take "$M/job"
  before=$(snapshot "$M/job")
  refused "$M" memory: "$M"
  contains already "$output"
  is 1 "$(mount_count "$M")"
  unchanged "$before" "$M/job"
}

@test "a lockfs mount whose root another may not read is found out as well" {
  need_root
  mount_lockfs -o mode=0
  refused already memory: "$M"
}

@test "a mount point may be relative, and have a symlink, spaces and commas in it" {
  mkdir "$T/with space, and comma"
  ln -s "with space, and comma" "$T/link"
  cd "$T"
  "$LOCKFS" "$LOCKFS_TEST_SOURCE" link
  take link/job
  is ACQUIRED "$(state "$T/with space, and comma/job")"
  fusermount3 -u "$T/with space, and comma"
}

@test "a daemon that died fails closed: ENOTCONN, nothing can be taken" {
  mount_lockfs
  take "$M/job"
  kill_daemon
  expect ENOTCONN stat "$M"
  expect ENOTCONN stat "$M/job"
  expect ENOTCONN open "$M/job" CREAT,EXCL,WRONLY
  expect ENOTCONN open "$M/new" CREAT,WRONLY
  expect ENOTCONN mkdir "$M/team"
  expect ENOTCONN list "$M"
  fusermount3 -u "$M"
  is "" "$(ls -A "$M")"
}

@test "mounting again replaces the mount of a daemon that died" {
  mount_lockfs
  take "$M/job"
  kill_daemon
  expect ENOTCONN stat "$M"
  mount_lockfs
  is 1 "$(mount_count "$M")"
  is ACQUIRED "$(state "$M/job")"
  unmount_lockfs
  is 0 "$(mount_count "$M")"
  is "" "$(ls -A "$M")"
}

@test "mounting again in the background replaces it as well, while somebody is in there" {
  mount_lockfs
  (cd "$M" && exec sleep 20) 3>&- &
  sleeper=$!
  wait_until eval '[[ $(readlink /proc/$sleeper/exe) == */sleep ]]'
  kill_daemon
  mount_background "$LOCKFS_TEST_SOURCE" "$M"
  take "$M/job"
  is 1 "$(mount_count "$M")"
  kill "$sleeper"
}

@test "mounting again works also while the kernel still knows the directory of the dead mount" {
  mount_lockfs
  stat "$M" >/dev/null
  ls -A "$M"
  kill_daemon
  mount_background "$LOCKFS_TEST_SOURCE" "$M"
  is 1 "$(mount_count "$M")"
}

@test "a process in the mount of a dead daemon gets errors, it does not hang" {
  mount_lockfs
  py <<PY
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
handle = os.open(M + "/free", os.O_CREAT | os.O_RDWR)
os.kill(${daemon_of[$M]}, signal.SIGKILL)
while outcome(os.stat, M + "/job") != "ENOTCONN":
    time.sleep(0.01)
for opened in (fd, handle):
    check("read", outcome(os.pread, opened, 1, 0), "ENOTCONN")
    check("write", outcome(os.pwrite, opened, b"x", 0), "ENOTCONN")
    check("flock", outcome(fcntl.flock, opened, fcntl.LOCK_EX | fcntl.LOCK_NB), "ENOTCONN")
check("creation", outcome(os.open, M + "/new", os.O_CREAT | os.O_EXCL), "ENOTCONN")
PY
  daemon_ended "$M"
  fusermount3 -u "$M"
}

# auto_unmount

# What unmounts for libfuse looks only once whether the daemon of DIR has left the mount
# to it, and may do so before the kernel knows: so it is stopped until that is known.
unmounter_of() {
  pgrep -f "^fusermount3 .*auto.unmount.* $1\$"
}

@test "auto_unmount is refused: it would uncover a directory in which creation seems to succeed" {
  refused auto_unmount memory: "$M" -o auto_unmount
  refused auto_unmount memory: "$M" -o ttl=30s,auto_unmount
  not_mounted "$M"
}


@test "auto_unmount is accepted where the directory is on a read-only filesystem" {
  need_root
  mkdir "$T/sealed"
  mount -t tmpfs tmpfs "$T/sealed"
  mkdir "$T/sealed/mnt"
  mount -o remount,ro "$T/sealed"
  "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$T/sealed/mnt" -f -o auto_unmount 2>"$T/stderr" 3>&- &
  daemon=$!
  wait_until is_mounted "$T/sealed/mnt"
  take "$T/sealed/mnt/job"
  wait_until unmounter_of "$T/sealed/mnt"
  unmounter=$(unmounter_of "$T/sealed/mnt")
  kill -STOP "$unmounter"
  kill -KILL "$daemon"
  wait "$daemon" || true
  kill -CONT "$unmounter"
  wait_until not_mounted "$T/sealed/mnt"
  expect EROFS open "$T/sealed/mnt/job" CREAT,EXCL,WRONLY
  umount "$T/sealed"
  is "" "$(cat "$T/stderr")"
}

@test "auto_unmount is accepted where the directory is immutable" {
  need_root
  chattr +i "$M" 2>/dev/null || skip "this filesystem has no immutable directories"
  mount_lockfs -o auto_unmount
  take "$M/job"
  wait_until unmounter_of "$M"
  unmounter=$(unmounter_of "$M")
  kill -STOP "$unmounter"
  kill_daemon
  kill -CONT "$unmounter"
  wait_until not_mounted "$M"
  answer=$(call open "$M/job" CREAT,EXCL,WRONLY)
  chattr -i "$M"
  is EPERM "$answer"
}

# mount(8) and users

# installed SCRIPT: as on a machine where lockfs is installed and /dev/fuse open
# to all: in namespaces of its own, where nothing is left once it ends. In the
# script M is the mount point and S the source.
installed() {
  local device
  need_root
  mkdir -p "$T/bin"
  chmod 755 "$T/bin"
  cp "$LOCKFS" "$BATS_TEST_DIRNAME/../../../scripts/run" "$T/bin"
  chmod 755 "$T/bin/"*
  read -r -a device <<<"$(stat -c '0x%t 0x%T' /dev/fuse)"
  mknod -m 666 "$T/fuse" c "${device[@]}"
  # shellcheck disable=SC2016  # the other shell expands it
  deadline 30 unshare -m -p -f --mount-proc --kill-child bash -euc '
    umount -l -a -t fuse.lockfs  # of other tests, whose daemons would not end
    mount --bind "$1/bin" /usr/local/sbin
    mount --bind "$1/fuse" /dev/fuse
    PATH=/usr/local/sbin:$PATH T=$1 M=$1/mnt S=$2
    as_nobody() { setsid -w setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
    nobody_takes() { as_nobody sh -c "set -C; : >\$0" "$1"; }
    value() { getfattr --absolute-names --only-values -n "user.lock.$2" "$1"; echo; }
    crash() {
      pkill -KILL -x lockfs
      while as_nobody stat -f "$1" >/dev/null 2>&1; do sleep 0.01; done
    }
    eval "$3"' bash "$T" "$LOCKFS_TEST_SOURCE" "$1"
}

@test "mount -t fuse.lockfs mounts" {
  run installed '
    mount -t fuse.lockfs "$S" "$M" -o ttl=30s,owner=user,nosuid
    value "$M" default_ttl
    (set -C; : >"$M/job")
    value "$M/job" state
    umount "$M"
    ls -A "$M"'
  is $'30.000\nACQUIRED' "$output"
}

@test "a line of fstab mounts" {
  run installed '
    echo "$S $M fuse.lockfs noauto,user,nofail,_netdev,x-systemd.automount,ttl=40s,allow_other 0 0" >"$T/fstab"
    mount --fstab "$T/fstab" "$M"
    value "$M" default_ttl
    stat -c %a "$M"
    umount "$M"'
  is $'40.000\n1777' "$output"
}

@test "mount -t fuse.lockfs -o ro mounts read-only" {
  run installed '
    mount -t fuse.lockfs "$S" "$M" -o ro
    (: >"$M/job") 2>&1 || echo refused'
  matches ".*Read-only file system
refused" "$output"
}

@test "mount(8) fails where lockfs refuses" {
  run installed '
    mount -t fuse.lockfs "$S" "$M" -o nonsense=1 2>&1 || echo refused
    grep " $M " /proc/mounts || echo nothing'
  matches "lockfs: .*nonsense.*
refused
nothing" "$output"
}

@test "an unprivileged user mounts, locks and unmounts" {
  run installed '
    chown nobody "$M"
    as_nobody lockfs "$S" "$M"
    as_nobody sh -c "(set -C; : >\$0) && getfattr --absolute-names --only-values -n user.lock.state \$0" "$M/job"
    echo
    as_nobody fusermount3 -u "$M"
    ls -A "$M"'
  is ACQUIRED "$output"
}

@test "an unprivileged user replaces the mount of a daemon that died" {
  run installed '
    chown nobody "$M"
    as_nobody lockfs "$S" "$M"
    crash "$M"
    as_nobody lockfs "$S" "$M"
    nobody_takes "$M/job"
    as_nobody fusermount3 -u "$M"
    echo done'
  is "done" "$output"
}

@test "mount(8) replaces the mount of a daemon that died, and uncovers nothing" {
  run installed '
    mkdir "$T/beneath"
    mount --bind "$M" "$T/beneath"
    mount -t fuse.lockfs "$S" "$M"
    (while :; do (set -C; : >"$M/x") 2>/dev/null && rm "$M/x" || :; done) 2>/dev/null &
    for _ in 1 2 3; do
      pkill -KILL -x lockfs
      while stat -f "$M" >/dev/null 2>&1; do sleep 0.01; done
      mount -t fuse.lockfs "$S" "$M"
    done
    kill $!
    ls -A "$T/beneath"
    until umount "$M" 2>/dev/null; do sleep 0.01; done  # what the loop has started may end later
    ls -A "$M"
    echo done'
  is "done" "$output"
}

@test "of three that a user mounts on one directory at the same time one wins, 20 times" {
  run installed '
    chown nobody "$M"
    for round in $(seq 20); do
      for i in 1 2 3; do
        (as_nobody lockfs memory: "$M" >"$T/said.$i" 2>&1 && echo 0 || echo 1) >"$T/status.$i" &
      done
      wait
      echo "$(sort "$T"/status.* | xargs), $(grep -c " $M fuse.lockfs " /proc/mounts),$(sed "s/:.*a lockfs mount already.*/ already/" "$T"/said.* | sort | sed "s/^/ /" | tr -d "\n")"
      as_nobody fusermount3 -u "$M"
      while pgrep -x lockfs >/dev/null; do sleep 0.01; done
    done | uniq'
  is "0 1 1, 1, lockfs already lockfs already" "$output"
}

@test "of three that a user mounts over one dead mount at the same time one wins, 10 times" {
  run installed '
    chown nobody "$M"
    as_nobody lockfs memory: "$M"
    for round in $(seq 10); do
      crash "$M"
      for i in 1 2 3; do
        (as_nobody lockfs memory: "$M" >"$T/said.$i" 2>&1 && echo 0 || echo 1) >"$T/status.$i" &
      done
      wait
      echo "$(sort "$T"/status.* | xargs), $(grep -c " $M fuse.lockfs " /proc/mounts),$(sed "s/:.*a lockfs mount already.*/ already/" "$T"/said.* | sort | sed "s/^/ /" | tr -d "\n")"
    done | uniq'
  is "0 1 1, 1, lockfs already lockfs already" "$output"
}

@test "a user mounts also while another has the directory above locked" {
  run installed '
    chown nobody "$M"
    flock "$T" sleep 20 &
    as_nobody lockfs memory: "$M"
    nobody_takes "$M/job"
    as_nobody fusermount3 -u "$M"
    echo done'
  is "done" "$output"
}

@test "a signal to a daemon of a user unmounts its own mount, and never that of the next daemon" {
  run installed '
    chown nobody "$M"
    as_nobody lockfs memory: "$M"
    # For a moment the watchdog has the name of the daemon, too.
    until first=$(pgrep -x lockfs) && [ "$first" -eq "$first" ]; do sleep 0.01; done 2>/dev/null
    as_nobody sh -c "set -C; exec 9>$M/mine; exec sleep 1000" &
    until as_nobody test -e "$M/mine"; do sleep 0.01; done
    as_nobody fusermount3 -uz "$M"
    as_nobody lockfs memory: "$M"
    nobody_takes "$M/job"
    kill -TERM "$first"
    while kill -0 "$first" 2>/dev/null; do sleep 0.01; done
    as_nobody ls "$M"
    pkill -TERM -x lockfs
    while pgrep -x lockfs >/dev/null; do sleep 0.01; done
    grep -c " $M fuse.lockfs " /proc/mounts || echo unmounted'
  is $'job\n0\nunmounted' "$output"
}

@test "files that were made while a user replaced a dead mount are told, and covered" {
  run installed '
    chown nobody "$M"
    as_nobody lockfs memory: "$M"
    crash "$M"
    # Between unmounting and mounting, another comes.
    printf "#!/bin/sh\n/usr/bin/fusermount3 \"\$@\"; touch %s/gap\n" "$M" >/usr/local/sbin/fusermount3
    chmod 755 /usr/local/sbin/fusermount3
    as_nobody lockfs memory: "$M" 2>&1
    rm /usr/local/sbin/fusermount3
    as_nobody ls -A "$M"
    as_nobody fusermount3 -u "$M"
    ls -A "$M"'
  matches "lockfs: while the mount of the dead daemon on $M was replaced, files were made .*
gap" "$output"
}

# scripts/run

lockdir_run() {
  deadline 20 "$BATS_TEST_DIRNAME/../../../scripts/run" "$LOCKFS_TEST_SOURCE" "$1" "$LOCKFS"
}

@test "scripts/run mounts, and its five lines do what they say" {
  cd "$T"
  run lockdir_run ./locks
  is 0 "$status"
  mounts+=("$T/locks")
  daemon_of[$T/locks]=$(find_daemon "$T/locks")
  mapfile -t tour < <(sed -n 's/^  //p' <<<"$output")
  is 5 "${#tour[@]}"
  eval "${tour[0]}"
  is ACQUIRED "$(state locks/job)"
  contains 'user.lock.state="ACQUIRED"' "$(eval "${tour[1]}")"
  before=$(snapshot "$T/locks/job")
  refute eval "${tour[2]}"
  unchanged "$before" "$T/locks/job"
  eval "${tour[3]}"
  [[ $(lock locks/job expires) > $(date -u -d "$(stat -c @%.3Z locks/job) 300 seconds" +%FT%T.%3NZ) ]]
  eval "${tour[4]}"
  gone locks/job
  contains "fusermount3 -u ./locks" "$output"
}

@test "scripts/run a second time shows the tour again and mounts nothing" {
  cd "$T"
  first=$(lockdir_run locks)
  mounts+=("$T/locks")
  daemon_of[$T/locks]=$(find_daemon "$T/locks")
  take locks/job
  run lockdir_run locks
  is 0 "$status"
  contains already "$output"
  is "$(tail -n 10 <<<"$first")" "$(tail -n 10 <<<"$output")"
  is ACQUIRED "$(state locks/job)"
  is 1 "$(mount_count "$T/locks")"
}

@test "scripts/run closes the directory beneath, and mounts on it again, also after a crash" {
  for job in first second; do
    lockdir_run "$M"
    mounts+=("$M")
    daemon_of[$M]=$(find_daemon "$M")
    take "$M/$job"
    kill_daemon
    expect ENOTCONN open "$M/new" CREAT,EXCL,WRONLY
  done
  fusermount3 -u "$M"
  is 0 "$(stat -c %a "$M")"
  lockdir_run "$M"
  mounts+=("$M")
  daemon_of[$M]=$(find_daemon "$M")
  unmount_lockfs
  is 0 "$(stat -c %a "$M")"
}

@test "scripts/run leaves a directory as it was where it cannot mount" {
  chmod 750 "$M"
  : >"$M/file"
  run lockdir_run "$M"
  [ "$status" != 0 ]
  contains empty "$output"
  is 750 "$(stat -c %a "$M")"
  [ -e "$M/file" ]
}

@test "scripts/run serves a user who is not root" {
  run installed '
    mkdir "$T/home"
    chown nobody "$T/home"
    for _ in 1 2; do
      as_nobody sh -c "cd \$0 && run \$1 locks /usr/local/sbin/lockfs >/dev/null" "$T/home" "$S"
      as_nobody sh -c "set -C; : >\$0/locks/job" "$T/home"
      as_nobody fusermount3 -u "$T/home/locks"
      stat -c %a "$T/home/locks"
    done'
  is $'0\n0' "$output"
}

@test "scripts/run of a user who is not root mounts again after a crash" {
  run installed '
    mkdir "$T/home"
    chown nobody "$T/home"
    for _ in 1 2; do
      as_nobody sh -c "cd \$0 && run \$1 locks /usr/local/sbin/lockfs | head -n 1" "$T/home" "$S"
      crash "$T/home/locks"
    done'
  is "locks is a lock directory now.
locks was the mount of a dead daemon; it is a lock directory again." "$output"
}
