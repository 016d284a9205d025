# Programs open a lock file before they lock it: shells, Perl, Python, Ruby and PHP in each of their modes × the lock is
# free, held by the own session, by another session, by another user × flock(2) without blocking, waiting, none.
# They do what they would do on a local disk (openers.py). Over Redis, the others hold the lock on a second mount.

load ../lib/helper

# opens_in LANGUAGE: all cases of one language
opens_in() {
  local here=$T/here there=$T/here
  mount_lockfs -o allow_other "$here"
  if [[ $LOCKFS_TEST_SOURCE != memory: ]]; then
    there=$T/there
    mount_lockfs -o allow_other "$there"
  fi
  run deadline 110 python3 "$BATS_TEST_DIRNAME/../lib/openers.py" "$1" "$here" "$there"
  is "0 $1: $2 cases" "$status $output"
}

@test "bash opens and locks in each mode as on a local disk" {
  opens_in bash 60
}

@test "dash opens and locks in each mode as on a local disk" {
  opens_in dash 60
}

@test "busybox sh opens and locks in each mode as on a local disk" {
  opens_in busybox 60
}

@test "perl opens and locks in each mode as on a local disk" {
  opens_in perl 72
}

@test "python opens and locks in each mode as on a local disk" {
  opens_in python 84
}

@test "ruby opens and locks in each mode as on a local disk" {
  opens_in ruby 84
}

@test "php opens and locks in each mode as on a local disk" {
  opens_in php 108
}
