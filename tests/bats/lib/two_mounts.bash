# Two mounts of one server, $M and $N, for tests of unmodified programs: a holder works in one of them and a contender in
# the other. Over memory, both are one mount. Mail programs are setgid mail, and FUSE keeps these out of a mount without
# allow_other, even those of the user who mounted.
# shellcheck shell=bash disable=SC2154  # variables of helper.bash

setup() {
  setup_dirs
  mount_lockfs -o allow_other
  N=$M
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || N=$T/other
  [[ $N == "$M" ]] || mount_lockfs -o allow_other "$N"
}

teardown() {
  end_hearers
  end_background
  end_mounts
}

# starts NAME CMD...: starts a program in a session of its own. It reads lines that `tell` writes; what it prints is in
# $T/NAME.out and $T/NAME.err, its process id in $pid and ${pid_of[NAME]}.
declare -gA pid_of
starts() {
  local name=$1
  shift
  rm -f "$T/$name.in"
  mkfifo "$T/$name.in"
  in_background "$@" <>"$T/$name.in" >"$T/$name.out" 2>"$T/$name.err"
  pid_of[$name]=$pid
}

# tell NAME [LINE]: writes a line to the standard input of a program
tell() {
  echo "${2-}" >"$T/$1.in"
}

# says NAME LINE: has the program printed this line?
says() {
  grep -qxF -e "$2" "$T/$1.out"
}

# holds NAME CMD...: starts a program, which prints `held` once it has its lock
holds() {
  starts "$@"
  now_holds "$1"
}

# now_holds NAME: the program has or gets its lock
now_holds() {
  wait_until says_or_ended "$1" held || true
  says "$1" held || fail "$1 does not hold: $(cat "$T/$1.out" "$T/$1.err")"
}

says_or_ended() {
  says "$@" || ended "${pid_of[$1]}"
}

# releases NAME: tells a program to release, which it does without a complaint
releases() {
  tell "$1"
  ends_with 0 "${pid_of[$1]}"
  is "" "$(cat "$T/$1.err")"
}

# is_killed NAME: ends a program and its children by SIGKILL
is_killed() {
  kill -KILL -- "-${pid_of[$1]}"
  wait_until ended "${pid_of[$1]}"
}

# is_refused STATUS TEXT CMD...: runs a program in a session of its own, which must fail with this exit status and print
# this text
is_refused() {
  local status=0 output
  output=$(session "${@:3}" 2>&1 </dev/null 3>&-) || status=$?
  [[ $status == "$1" && $output == *"$2"* ]] || fail "${*:3}: $status, $output" "expected: $1, $2"
}

# hear_all: copies the events of $N into $T/events
hear_all() {
  hear "$T/events" "$N"
}

# happened EVENT REGEX: has $T/events such an event of a key that matches?
happened() {
  words "$T/events" | grep -qE "^$1 ($2)$"
}

# nothing_left: no lock, temporary file or directory is left in either mount
nothing_left() {
  [[ ! $(ls -A "$M" && ls -A "$N") ]]
}
