# What the tests share: mounts of their own, other callers, exact answers.
#
# Each test gets the mount point $M below its own directory $T. Whatever it
# mounted is unmounted afterwards, and the test fails unless every daemon ends
# with 0 and said nothing.
#
#   LOCKFS              the binary (tests/run sets it)
#   LOCKFS_TEST_SOURCE  the backend; `memory:` if unset
# shellcheck shell=bash disable=SC2119,SC2120  # functions with optional arguments

bats_require_minimum_version 1.5.0

export LC_ALL=C
: "${LOCKFS:=$BATS_TEST_DIRNAME/../../../build/lockfs}"
export LOCKFS_TEST_SOURCE=${LOCKFS_TEST_SOURCE:-memory:}

fusectl=/sys/fs/fuse/connections

mounts=()              # mount points, in the order in which they were mounted
declare -gA daemon_of  # mount point → process id of its daemon
declare -gA our_child  # mount point → yes where that daemon is a child of this shell

# Words that every test uses. A `return` here always names its status: called from
# teardown, which bats runs in a trap, a bare one would give that of the failed test.

setup_dirs() {
  T=$BATS_TEST_TMPDIR
  M=$T/mnt
  # Other users come here too.
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

# A test that only root can do is left out, and counted so, for others.
need_root() {
  [ "$(id -u)" = 0 ] || skip "needs root"
}

# is WANTED GOT
is() {
  [[ $2 == "$1" ]] || fail "got:      $2" "expected: $1"
}

# matches REGEX TEXT: the whole of the text
matches() {
  [[ $2 =~ ^($1)$ ]] || fail "got:      $2" "expected: $1"
}

# contains PART TEXT
contains() {
  [[ $2 == *"$1"* ]] || fail "got:      $2" "expected to contain: $1"
}

# refute CMD...: it must fail. (bats overlooks a failing `! cmd`.)
refute() {
  if "$@"; then
    fail "expected to fail: $*"
  fi
}

# The time of a process is dear: who waits starts none for it. Nothing is ever
# written to that pipe. (One of a process substitution would change $!.)
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

# wait_until [SECONDS] CMD...: until the command succeeds, 20 seconds unless told
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

# A daemon that is nobody's child any more ends as a zombie, for as long as init
# does not look.
ended() {
  local stat
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  [[ ${stat##*) } == Z* ]]
}

# deadline SECONDS CMD...: runs it in the background. A process that waits for a
# daemon that does not answer cannot be killed, so timeout(1) would wait with it;
# here the mounts are aborted, which frees it.
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

# in_background CMD...: starts it, in a session of its own; its process id is in $pid.
# What is left of it, and of what it started, ends with the test.
in_background() {
  setsid "$@" 3>&- &
  pid=$!
  background+=("$pid")
}

end_background() {
  local each
  exec 8<&- 9<&-  # what a test that failed has left open
  for each in "${background[@]}"; do
    # As a session's leader it has a process group; before that, it is alone.
    kill -KILL -- "-$each" "$each" 2>/dev/null || true
    wait "$each" 2>/dev/null || true
  done
  background=()
}

# ends_with STATUS PID: a background process ends, within 10 seconds, and so
ends_with() {
  local status=0
  wait_until ended "$2" || return 1
  wait "$2" 2>/dev/null || status=$?
  is "$1" "$status"
}

# Mounting

# The major:minor of the lockfs mounted on a directory; fails where there is none.
mount_device() {
  local device dir type rest
  while read -r _ _ device _ dir rest; do
    type=${rest#* - }
    if [[ $dir == "$1" && $type == fuse.lockfs\ * ]]; then
      echo "$device"
      return 0
    fi
  done <<<"$(</proc/self/mountinfo)"  # at once: `read` goes back and forth in a file that others change
  return 1
}

is_mounted() {
  mount_device "$1" >/dev/null
}

not_mounted() {
  ! is_mounted "$1"
}

# The options for a mount of a backend that outlives the daemon: each test has a
# namespace of its own there, and patience with a server that waits for a CPU.
own_options() {
  local options=$1
  if [[ ,$options != *,namespace=* ]]; then
    options+=${options:+,}namespace=test-${BATS_RUN_TMPDIR##*-}-$BATS_SUITE_TEST_NUMBER
  fi
  [[ ,$options == *,timeout=* ]] || options+=,timeout=10s
  echo "$options"
}

# start_daemon DIR ARGUMENT...: starts lockfs as a child that is told about at
# the end. Background jobs of bash ignore SIGINT, and what nohup(1) started ignores
# SIGHUP, which a daemon would inherit.
start_daemon() {
  local dir=$1
  shift
  env --default-signal=HUP,INT,QUIT "$LOCKFS" "$@" >"$dir.stdout" 2>"$dir.stderr" 3>&- &
  daemon_of[$dir]=$!
  our_child[$dir]=yes
  mounts+=("$dir")
}

# Is there a mount that answers? (That of a dead daemon may be there before, and
# between the two the directory below.)
answers() {
  [[ $(stat -f -c %T "$1" 2>/dev/null) == fuse* ]] && is_mounted "$1"
}

answers_or_ended() {
  answers "$1" || ended "${daemon_of[$1]}"
}

# mount_lockfs [-o OPTIONS] [DIR]: mounts in the foreground mode, as a child
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

# The process of the daemon that serves DIR and that is no child of ours. (Where
# DIR is relative, the binary tells it from those of other runs.)
find_daemon() {
  pgrep -f -- "^$LOCKFS [^ ]+ $1( |\$)"
}

# mount_background ARGUMENT...: the way users do; the mount point is the second
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

# Waits for a daemon that was told to end, and forgets it; `daemon_status` is
# its exit status, 0 where it is not our child.
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

# The last way out of a mount whose daemon does not answer.
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

# Unmounts a directory and checks how its daemon ended.
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
  # What a failed test, or a killed daemon, left: lockfs or other, the last first.
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

# session CMD...: in a POSIX session of its own, which ends with it
session() {
  setsid -w "$@"
}

become=(setpriv --regid=nogroup --clear-groups)  # and --reuid=USER

# as_user USER CMD...: as somebody else, in a session of their own
as_user() {
  setsid -w "${become[@]}" --reuid="$1" "${@:2}"
}

# in_background_as USER CMD...: likewise; see in_background
in_background_as() {
  in_background "${become[@]}" --reuid="$1" "${@:2}"
}

python=(env "PYTHONPATH=$BATS_RUN_TMPDIR" PYTHONDONTWRITEBYTECODE=1 python3 -S)

# write_script FILE <<EOF: for $python, with calls.py, M and T at hand
write_script() {
  { echo "from calls import *; M = '$M'; T = '$T'"; cat; } >"$1"
}

# py [ARGUMENT...] <<EOF: runs such a script
py() {
  write_script "$T/script.py"
  "${python[@]}" "$T/script.py" "$@"
}

# call [@session|@USER] CALL ARGUMENT...: one system call; see calls.py
call() {
  local as=()
  case $1 in
  @session) as=(session) ;;
  @*) as=(as_user "${1#@}") ;;
  esac
  [ ${#as[@]} = 0 ] || shift
  "${as[@]}" python3 -IS "$BATS_RUN_TMPDIR/calls.py" "$@"
}

# expect WANTED [@session|@USER] CALL ARGUMENT...
expect() {
  local wanted=$1 got
  shift
  got=$(call "$@")
  [[ $got == "$wanted" ]] || fail "$*: $got, expected $wanted"
}

# Locks

# Takes locks as this session, by exclusive creation.
take() {
  local file
  for file; do
    (set -C; : >"$file")
  done
}

# Takes locks as a session that is gone afterwards.
take_as_other() {
  # shellcheck disable=SC2016  # the other shell expands it
  session bash -c 'set -C; for file; do : >"$file"; done' bash "$@"
}

# is_late ANSWER ERRNO: is this a server's answer, with that errno, which came when
# the short lease it is about was over?
is_late() {
  [[ $1 == "$2" && $LOCKFS_TEST_SOURCE != memory: ]]
}

# take_brief FILE: takes a lock for a short lease. Where that was over when the answer
# came, it is no acquisition: then once more.
take_brief() {
  local answer
  wait_until taken_in_time "$1"
  is OK "$answer"
}

taken_in_time() {
  answer=$(call open "$1" CREAT,WRONLY)
  ! is_late "$answer" ETIMEDOUT
}

# shorten FILE TTL: a short lease, from now
shorten() {
  local answer
  answer=$(call setxattr "$1" user.lock.ttl "$2")
  is_late "$answer" ENOENT || is OK "$answer"
}

# lock FILE NAME: the attribute user.lock.NAME
lock() {
  getfattr --absolute-names --only-values -n "user.lock.$2" "$1"
}

state() {
  lock "$1" state
}

snapshot() {
  call snapshot "$1"
}

# unchanged BEFORE FILE: what snapshot said before is still so
unchanged() {
  is "$1" "$(snapshot "$2")"
}

# waits COUNT FILE: so many wait for it
waits() {
  [[ $(lock "$2" waiters 2>/dev/null) == "$1" ]]
}

# requests_wait COUNT DIR: so many calls wait on this mount, also those that only try again
requests_wait() {
  grep -qx "lockfs_waiting_requests $1" "$2/.stats"
}

# gone FILE: there is nothing, and not some other error either
gone() {
  local answer
  answer=$(stat -- "$1" 2>&1) && return 1
  [[ $answer == *"No such file or directory" ]] || fail "$answer"
}

# A duration as lockfs prints it, in milliseconds.
ms() {
  [[ $1 =~ ^([0-9]+)\.([0-9]{3})$ ]] || fail "not a duration as printed: $1" || return 1
  echo $((10#${BASH_REMATCH[1]} * 1000 + 10#${BASH_REMATCH[2]}))
}

# remains FILE FROM_MS TO_MS
remains() {
  local left
  left=$(ms "$(lock "$1" remaining)")
  ((left >= $2 && left <= $3)) || fail "$1: $left ms remain, expected $2 to $3"
}

# Events

hearers=()  # process ids

# hear FILE DIR [NAME]: listens in the background to DIR/.events, or DIR/NAME, into
# FILE; is listening when it returns.
hear() {
  local file=$1
  cat "$2/${3:-.events}" >"$file" 2>"$file.stderr" 3>&- 5>&- 6>&- 7>&- &
  hearers+=($!)
  wait_until is_hearing $!
}

# Has this process a stream open, and does it wait for it?
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

# words FILE: of each line the event and key
words() {
  cut -f 2,3 "$1" | tr '\t' ' '
}

# has_lines FILE COUNT
has_lines() {
  [ "$(wc -l <"$1")" -ge "$2" ]
}

# heard FILE LINE...: exactly these events and keys, in this order
heard() {
  local file=$1
  shift
  wait_until has_lines "$file" $#
  is "$(printf '%s\n' "$@")" "$(words "$file")"
}
