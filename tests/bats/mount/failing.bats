# Each allocation fails once, and each call of the system that start-up needs: then
# lockfs ends with a word, or one operation fails, and nothing is left behind.

load ../lib/helper

setup() {
  need_root
  setup_dirs
  # A sanitizer has its own allocations, and must be loaded first.
  [[ $(readelf -W --dyn-syms "$LOCKFS") != *__asan_* ]] || skip "a sanitizer is in the way"
  cc -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC -o "$T/failing.so" "$BATS_TEST_DIRNAME/../lib/failing.c"
}

teardown() {
  end_background
  end_mounts
}

# each KIND STRIDE: all of them where STRIDE is 1. (By hand: LOCKFS_TEST_SOURCE=redis+unix://… for the other backend.)
each() {
  run deadline 110 python3 -S -B "$BATS_TEST_DIRNAME/../lib/failing_each.py" "$LOCKFS" "$T/failing.so" "$LOCKFS_TEST_SOURCE" \
    "$1" "$T" "${@:2}"
  [ "$status" = 0 ] || fail "$output"
  matches "$1: [0-9]+ calls, 0 bad ends, .*" "$output"
}

@test "every call of the system fails once, in the foreground" {
  each calls 1
}

@test "every call of the system fails once, on the way to the background" {
  each calls-background 1
}

# All of them take some minutes: python3 tests/bats/lib/failing_each.py tells how.
@test "every third allocation fails once, while it starts and while it serves" {
  each memory 3
}
