# Exclusion between any two ways to take a lock, in both orders, on one mount and over two. Over Redis, the second mount is
# another one of the server; over memory, only the same mount is tried. The table is tests/bats/lib/idioms.py.

load ../lib/helper

setup() {
  setup_dirs
  mount_lockfs
  N=$M
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || N=$T/other
  [[ $N == "$M" ]] || mount_lockfs "$N"
}

nothing_held() {
  [[ ! $(ls -A "$M") ]]
}

# idioms ARGUMENT...
idioms() {
  deadline 100 /usr/bin/python3 "$BATS_TEST_DIRNAME/../lib/idioms.py" "$@"
  wait_until nothing_held
}

@test "each idiom excludes each other one, and releases in its own way for it" {
  idioms exclude "$M" "$M"
  [[ $N == "$M" ]] || idioms exclude "$M" "$N"
  [[ $N == "$M" ]] || idioms exclude "$N" "$M"
}

@test "attributes, listings and waiters show a lock alike, by whatever idiom it was taken" {
  idioms show "$M" "$N"
}

@test "a lock of any idiom whose holder was killed is released by force, with its token only, for each other one" {
  idioms kill "$M" "$N"
}
