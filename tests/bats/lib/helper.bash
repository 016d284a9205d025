# Functions that all bats files share: mounts, other callers, system calls with their exact
# result, background processes, events.
#
# Each test has a directory $T and a mount point $M below it. teardown unmounts whatever the
# test mounted; the test fails unless every daemon ends with 0 and wrote nothing to stdout
# or stderr.
#
#   LOCKFS              the binary (tests/run sets it); lockctl is beside it
#   LOCKFS_TEST_SOURCE  the backend; `memory:` if unset
# shellcheck shell=bash disable=SC2119,SC2120  # functions with optional arguments

bats_require_minimum_version 1.5.0

export LC_ALL=C
: "${LOCKFS:=$BATS_TEST_DIRNAME/../../../build/lockfs}"
export LOCKCTL=${LOCKFS%/*}/lockctl
export LOCKFS_TEST_SOURCE=${LOCKFS_TEST_SOURCE:-memory:}

fusectl=/sys/fs/fuse/connections

mounts=()              # mount points, in the order in which they were mounted
declare -gA daemon_of  # mount point → process id of its daemon
declare -gA our_child  # mount point → yes where that daemon is a child of this shell

# A `return` here always names its status: bats runs teardown in a trap, where a bare
# `return` would return the status of the failed test.

setup_dirs() {
  T=$BATS_TEST_TMPDIR
  M=$T/mnt
  # Journals of daemons that a test kills; any user may start one.
  export RUNTIME_DIRECTORY=$T/runtime
  [ -d "$T/runtime" ] || install -d -m 1777 "$T/runtime"
  # Tests run programs here as other users.
  chmod go+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$T"
  [ -e "$BATS_RUN_TMPDIR/calls.py" ] || install -m 644 "$BATS_TEST_DIRNAME"/../lib/{holders,racing,calls}.py "$BATS_RUN_TMPDIR"
}

setup() {
  setup_dirs
  mount_lockfs
}

teardown() {
  end_background
  end_mounts
}

fail() {
  printf '%s\n' "$@" >&2
  return 1
}

# Skips the test unless it is run by root.
need_root() {
  [ "$(id -u)" = 0 ] || skip "needs root"
}

# is EXPECTED GOT
is() {
  [[ $2 == "$1" ]] || fail "got:      $2" "expected: $1"
}

# matches REGEX TEXT: the regular expression matches the whole text
matches() {
  [[ $2 =~ ^($1)$ ]] || fail "got:      $2" "expected: $1"
}

# contains PART TEXT
contains() {
  [[ $2 == *"$1"* ]] || fail "got:      $2" "expected to contain: $1"
}

# refute CMD...: the command must fail. (bats does not notice a failing `! cmd`.)
refute() {
  if "$@"; then
    fail "expected to fail: $*"
  fi
}

# Sleeps for 10 ms without starting a process, by reading a pipe that nobody writes to.
# (A pipe of a process substitution would change $!.)
nap_fd=
nap() {
  local pipe=$BATS_TEST_TMPDIR/nap
  [ -p "$pipe" ] || mkfifo "$pipe"
  [ -n "$nap_fd" ] || exec {nap_fd}<>"$pipe"
  read -rt 0.01 -u "$nap_fd" || true
}

now_ms() {
  local us=${EPOCHREALTIME/[.,]/}
  echo $((us / 1000))
}

# wait_until [SECONDS] CMD...: waits until the command succeeds; fails after 20 seconds, or SECONDS
wait_until() {
  local seconds=20 end
  if [[ $1 =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
  fi
  end=$((${EPOCHREALTIME/[.,]/} + seconds * 1000000))
  until "$@"; do
    ((${EPOCHREALTIME/[.,]/} < end)) || fail "not within $seconds s: $*" || return 1
    nap
  done
}

# ended PID: has the process ended? A zombie has: a daemon in the background is one until
# init waits for it.
ended() {
  local stat
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  [[ ${stat##*) } == Z* ]]
}

# deadline SECONDS CMD...: runs a command that must end in time. A process that waits for a
# hanging daemon cannot be killed, so timeout(1) would hang too; this aborts the mounts,
# which frees the process.
deadline() {
  local seconds=$1 pid
  shift
  "$@" 3>&- &
  pid=$!
  if ! wait_until "$seconds" ended "$pid"; then
    abort_mounts
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    fail "it hung: $*"
    return 1
  fi
  wait "$pid"
}

background=()  # process ids

# in_background CMD...: starts a command in a session of its own; its process id is in $pid.
# teardown kills it and what it started.
in_background() {
  setsid "$@" 3>&- &
  pid=$!
  background+=("$pid")
}

end_background() {
  local each
  exec 8<&- 9<&-  # a failed test may have left them open
  for each in "${background[@]}"; do
    # It has a process group once setsid(1) has made it a session leader.
    kill -KILL -- "-$each" "$each" 2>/dev/null || true
    wait "$each" 2>/dev/null || true
  done
  background=()
}

# ends_with STATUS PID: a background process ends within 20 seconds, with this status
ends_with() {
  local status=0
  wait_until ended "$2" || return 1
  wait "$2" 2>/dev/null || status=$?
  is "$1" "$status"
}

# Mounting

# mount_device DIR: prints major:minor of the lockfs mounted on DIR; fails if there is none
mount_device() {
  local device dir type rest
  while read -r _ _ device _ dir rest; do
    type=${rest#* - }
    if [[ $dir == "$1" && $type == fuse.lockfs\ * ]]; then
      echo "$device"
      return 0
    fi
  done <<<"$(</proc/self/mountinfo)"  # read as a whole: `read` would seek in a file that changes meanwhile
  return 1
}

is_mounted() {
  mount_device "$1" >/dev/null
}

not_mounted() {
  ! is_mounted "$1"
}

# own_options OPTIONS: adds a namespace for this test alone and a long timeout, unless given.
# A backend that outlives the daemon needs the former, a server on a busy machine the latter.
own_options() {
  local options=$1
  if [[ ,$options != *,namespace=* ]]; then
    options+=${options:+,}namespace=test-${BATS_RUN_TMPDIR##*-}-$BATS_SUITE_TEST_NUMBER
  fi
  [[ ,$options == *,timeout=* ]] || options+=,timeout=10s
  [[ ,$options == *,grace=* ]] || options+=,grace=0
  echo "$options"
}

# start_daemon DIR ARGUMENT...: starts lockfs as a child; teardown checks how it ends.
# Background jobs of bash ignore SIGINT, and those under nohup(1) SIGHUP; a daemon would
# inherit that, so the signals are reset.
start_daemon() {
  local dir=$1
  shift
  env --default-signal=HUP,INT,QUIT "$LOCKFS" "$@" >"$dir.stdout" 2>"$dir.stderr" 3>&- &
  daemon_of[$dir]=$!
  our_child[$dir]=yes
  mounts+=("$dir")
}

# answers DIR: is a mount there whose daemon answers? (Before, there may be the mount of a
# dead daemon, and then the directory beneath.)
answers() {
  [[ $(stat -f -c %T "$1" 2>/dev/null) == fuse* ]] && is_mounted "$1"
}

answers_or_ended() {
  answers "$1" || ended "${daemon_of[$1]}"
}

# mount_lockfs [-o OPTIONS] [DIR]: mounts with a daemon in the foreground, which is our child
mount_lockfs() {
  local options=''
  if [[ ${1-} == -o ]]; then
    options=$2
    shift 2
  fi
  local dir=${1:-$M}
  [ -c /dev/fuse ] || fail "no /dev/fuse on this machine: nothing can be mounted, so nothing can be tested"
  is_mounted "$dir" || mkdir -p "$dir"
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || options=$(own_options "$options")
  start_daemon "$dir" "$LOCKFS_TEST_SOURCE" "$dir" -f ${options:+-o "$options"}
  wait_until answers_or_ended "$dir"
  is_mounted "$dir" || fail "lockfs did not mount: $(cat "$dir.stderr")"
}

# find_daemon DIR: prints the process id of the daemon of a mount in the background. (DIR may
# be relative; the path of the binary is that of this run alone.)
find_daemon() {
  pgrep -f -- "^$LOCKFS [^ ]+ $1( |\$)"
}

# has_one_daemon DIR: is there one, and not also the process that has started it and is about to end?
has_one_daemon() {
  daemon_of[$1]=$(find_daemon "$1")
  [[ ${daemon_of[$1]} && ${daemon_of[$1]} != *[!0-9]* ]]
}

# mount_background SOURCE DIR [ARGUMENT...]: mounts as users do, with a daemon in the background
mount_background() {
  local dir=$2
  is_mounted "$dir" || mkdir -p "$dir"
  deadline 10 "$LOCKFS" "$@" || return 1
  mounts+=("$dir")
  daemon_of[$dir]=$(find_daemon "$dir")
}

# shimmed: makes $T/shimmed, the program with the C on standard input preloaded; shim.h is included
shimmed() {
  cc -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC -include "$BATS_TEST_DIRNAME/../lib/shim.h" -o "$T/shim.so" -xc -
  cat >"$T/shimmed" <<SCRIPT
#!/bin/bash
export ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$T/shim.so
exec -a "$T/shimmed" "$LOCKFS" "\$@"
SCRIPT
  chmod 755 "$T/shimmed"
}

# daemon_ended DIR: waits for the end of a daemon, and forgets it; $daemon_status is its exit
# status, or 0 if it is not our child
daemon_ended() {
  local dir=$1 kept=() each
  daemon_status=0
  wait_until ended "${daemon_of[$dir]}" || return 1
  if [[ ${our_child[$dir]-} ]]; then
    wait "${daemon_of[$dir]}" 2>/dev/null || daemon_status=$?
  fi
  unset "daemon_of[$dir]" "our_child[$dir]"
  for each in "${mounts[@]}"; do
    [[ $each == "$dir" ]] || kept+=("$each")
  done
  mounts=("${kept[@]}")
}

# abort_mount DIR: aborts the FUSE connection, which frees the callers of a hanging daemon
abort_mount() {
  local device
  device=$(mount_device "$1") || return 0
  [ -e "$fusectl/${device#*:}" ] || mount -t fusectl fusectl "$fusectl" 2>/dev/null
  echo 1 >"$fusectl/${device#*:}/abort"
}

abort_mounts() {
  local dir
  for dir in "${mounts[@]}"; do
    abort_mount "$dir"
  done
}

unmounts() {
  deadline 10 fusermount3 -u "$1" 2>"$1.unmount"
}

# unmount_lockfs [DIR]: unmounts, and checks how the daemon ended
unmount_lockfs() {
  local dir=${1:-$M} problem=''
  if is_mounted "$dir" && ! wait_until 5 unmounts "$dir"; then
    problem="cannot unmount $dir: $(cat "$dir.unmount")"
    abort_mount "$dir"
    umount -l "$dir"
  fi
  if ! daemon_ended "$dir"; then
    kill -KILL "${daemon_of[$dir]}"
    daemon_ended "$dir"
    problem+=" the daemon of $dir did not end;"
  fi
  [ "$daemon_status" = 0 ] || problem+=" the daemon of $dir ended with $daemon_status;"
  if [ -s "$dir.stderr" ] || [ -s "$dir.stdout" ]; then
    problem+=" the daemon of $dir said: $(cat "$dir.stdout" "$dir.stderr")"
  fi
  [ -z "$problem" ] || fail "$problem"
}

end_mounts() {
  local dir left=() problems=0 i
  cd /
  for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
    unmount_lockfs "${mounts[i]}" || problems=1
  done
  # Mounts that a failed test or a killed daemon left, of any type, the last one first.
  while read -r _ dir _; do
    [[ $dir != "$T"/* ]] || left=("$dir" "${left[@]}")
  done <<<"$(</proc/mounts)"
  for dir in "${left[@]}"; do
    abort_mount "$dir"
    umount -l "$dir" 2>/dev/null || fusermount3 -u -z "$dir"
  done
  return "$problems"
}

# Callers

# session CMD...: runs a command in a POSIX session of its own
session() {
  setsid -w "$@"
}

become=(setpriv --regid=nogroup --clear-groups)  # and --reuid=USER

# as_user USER CMD...: runs a command as another user, in a session of its own
as_user() {
  setsid -w "${become[@]}" --reuid="$1" "${@:2}"
}

# in_background_as USER CMD...: starts a command as another user; see in_background
in_background_as() {
  in_background "${become[@]}" --reuid="$1" "${@:2}"
}

python=(env "PYTHONPATH=$BATS_RUN_TMPDIR" PYTHONDONTWRITEBYTECODE=1 python3 -S)

# write_script FILE <<EOF: writes a script for $python, which has calls.py, M and T
write_script() {
  { echo "from calls import *; M = '$M'; T = '$T'"; cat; } >"$1"
}

# py [ARGUMENT...] <<EOF: runs a Python script that has calls.py, M and T
py() {
  write_script "$T/script.py"
  "${python[@]}" "$T/script.py" "$@"
}

# call [@session|@USER] CALL ARGUMENT...: makes one system call and prints its result; see calls.py
call() {
  local as=()
  case $1 in
  @session) as=(session) ;;
  @*) as=(as_user "${1#@}") ;;
  esac
  [ ${#as[@]} = 0 ] || shift
  "${as[@]}" python3 -IS "$BATS_RUN_TMPDIR/calls.py" "$@"
}

# expect RESULT [@session|@USER] CALL ARGUMENT...: makes one system call, which must have this result
expect() {
  local wanted=$1 got
  shift
  got=$(call "$@")
  [[ $got == "$wanted" ]] || fail "$*: $got, expected $wanted"
}

# Locks

# take FILE...: takes locks as this session, by exclusive creation
take() {
  local file
  for file; do
    (set -C; : >"$file")
  done
}

# take_with TEXT FILE...: takes locks as this session, with a line of content
take_with() {
  local text=$1 file
  shift
  for file; do
    (set -C; echo "$text" >"$file")
  done
}

# take_as_other FILE...: takes locks as a session that has ended afterwards
take_as_other() {
  # shellcheck disable=SC2016  # the other shell expands it
  session bash -c 'set -C; for file; do : >"$file"; done' bash "$@"
}

# take_as USER FILE...: takes locks as another user, in a session that has ended afterwards
take_as() {
  # shellcheck disable=SC2016  # the other shell expands it
  as_user "$1" bash -c 'set -C; for file; do : >"$file"; done' bash "${@:2}"
}

# is_late RESULT ERRNO: is this the errno of a call whose short lease was over when the
# server's reply arrived? Never with the memory backend.
is_late() {
  [[ $1 == "$2" && $LOCKFS_TEST_SOURCE != memory: ]]
}

# take_brief FILE: takes a lock with a short lease. Tries again if the lease was over when
# the server's reply arrived, as that is no acquisition.
take_brief() {
  local answer
  wait_until taken_in_time "$1"
  is OK "$answer"
}

taken_in_time() {
  answer=$(call open "$1" CREAT,EXCL,WRONLY)
  ! is_late "$answer" ETIMEDOUT
}

# shorten FILE TTL: sets a short lease, which begins now
shorten() {
  local answer
  answer=$(call setxattr "$1" user.lock.ttl "$2")
  is_late "$answer" ENOENT || is OK "$answer"
}

# lock FILE NAME: prints the attribute user.lock.NAME
lock() {
  getfattr --absolute-names --only-values -n "user.lock.$2" "$1"
}

state() {
  lock "$1" state
}

snapshot() {
  call snapshot "$1"
}

# unchanged SNAPSHOT FILE: the lock is still as it was when `snapshot` was taken
unchanged() {
  is "$1" "$(snapshot "$2")"
}

# waits COUNT FILE: do COUNT waiters wait for the lock?
waits() {
  [[ $(lock "$2" waiters 2>/dev/null) == "$1" ]]
}

# requests_wait COUNT DIR: do COUNT calls wait on this mount, including those that poll?
requests_wait() {
  grep -qx "lockfs_waiting_requests $1" "$2/.stats"
}

# gone FILE: stat fails with ENOENT, and no other error
gone() {
  local answer
  answer=$(stat -- "$1" 2>&1) && return 1
  [[ $answer == *"No such file or directory" ]] || fail "$answer"
}

# ms DURATION: prints the milliseconds of a duration as lockfs prints it
ms() {
  [[ $1 =~ ^([0-9]+)\.([0-9]{3})$ ]] || fail "not a duration as printed: $1" || return 1
  echo $((10#${BASH_REMATCH[1]} * 1000 + 10#${BASH_REMATCH[2]}))
}

# remains FILE FROM_MS TO_MS: the rest of the lease is within these bounds
remains() {
  local left
  left=$(ms "$(lock "$1" remaining)")
  ((left >= $2 && left <= $3)) || fail "$1: $left ms remain, expected $2 to $3"
}

# Events

hearers=()  # process ids

# hear FILE DIR [NAME]: starts a background process that copies DIR/.events, or DIR/NAME, into
# FILE; returns once its stream is open
hear() {
  local file=$1
  cat "$2/${3:-.events}" >"$file" 2>"$file.stderr" 3>&- 5>&- 6>&- 7>&- &
  hearers+=($!)
  wait_until is_hearing $!
}

# is_hearing PID: has this process a stream open?
is_hearing() {
  local link
  for link in "/proc/$1"/fd/*; do
    [[ $(readlink "$link") != */.events* ]] || return 0
  done
  return 1
}

end_hearers() {
  local pid
  for pid in "${hearers[@]}"; do
    kill "$pid" 2>/dev/null || continue
    wait "$pid" 2>/dev/null || true
  done
  hearers=()
}

# words FILE: prints event and key of each line
words() {
  cut -f 2,3 "$1" | tr '\t' ' '
}

# has_lines FILE COUNT: has the file at least COUNT lines?
has_lines() {
  [ "$(wc -l <"$1")" -ge "$2" ]
}

# heard FILE LINE...: waits for as many lines, which must be these events and keys in this order
heard() {
  local file=$1
  shift
  wait_until has_lines "$file" $#
  is "$(printf '%s\n' "$@")" "$(words "$file")"
}
