# Programs that lock files by fcntl(2) and flock(2), exclusively and shared, unmodified. Processes of each contend for one lock
# in a lock directory as they do on a local disk. Over Redis, holder and contenders use two mounts of one server.

load ../lib/helper

setup() {
  setup_dirs
  mkdir "$T/disk"
  mount_lockfs
  other=$M
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || other=$T/other
  [[ $other == "$M" ]] || mount_lockfs "$other"
}

# contend PROGRAM: a name of lock_programs.py. What it expects is what happens on a local disk, which is checked once.
contend() {
  local driver=$BATS_TEST_DIRNAME/../lib/lock_programs.py
  [[ $other != "$M" ]] || deadline 55 python3 "$driver" "$1" "$T/disk" || fail "on a local disk"
  deadline 55 python3 "$driver" "$1" "$M" "$other"
  wait_until nothing_held
}

nothing_held() {
  [[ ! $(ls -A "$M" && ls -A "$other") ]]
}

@test "lckdo: exclusive and shared" {
  contend lckdo
}

@test "s6-setlock" {
  contend s6-setlock
}

@test "setlock of daemontools, which fails if it does not wait" {
  contend setlock
}

@test "setlock of daemontools, which does nothing if it does not wait" {
  contend "setlock -x"
}

@test "chpst of runit, with -l and -L" {
  command -v chpst >/dev/null || skip "there is no chpst"
  contend chpst
}

@test "with-lock-ex, which fails if it does not wait" {
  contend "with-lock-ex -f"
}

@test "with-lock-ex, which does nothing if it does not wait" {
  contend "with-lock-ex -q"
}

@test "Perl's fcntl: exclusive and shared" {
  contend "perl fcntl"
}

@test "Perl's flock: exclusive and shared" {
  contend "perl flock"
}

@test "Java's FileChannel: lock and tryLock, exclusive and shared" {
  javac -d "$T" "$BATS_TEST_DIRNAME/../lib/FileChannelLock.java"
  JAVA_CLASSES=$T contend java
}

@test "fasteners: InterProcessLock" {
  contend fasteners
}

@test "fasteners: InterProcessReaderWriterLock" {
  contend fasteners-rw
}

@test "oslo.concurrency: external locks of lockutils" {
  contend oslo
}

@test "stress-ng --flock: processes lock one file exclusively and shared for 2 seconds, and nothing stays held" {
  deadline 60 stress-ng --quiet --flock 4 --timeout 2 --temp-path "$M"
  wait_until nothing_held
}
