# What one user may take of a daemon, so that others have some left.

load helper

setup() {
  need_root
  setup_dirs
  S=$T/shared
}

teardown() {
  end_background
  end_mounts
}

# mount_shared OPTIONS: for all users
mount_shared() {
  mount_lockfs -o "allow_other,$1" "$S"
}

# told USER WORDS: the daemon has said so, once, and nothing else
told() {
  local said
  said=$(tr -d '\0' <"$S.stderr")
  is 1 "$(wc -l <"$S.stderr")"
  contains "lockfs: user $(id -u "$1") has as much as one user may, $2" "$said"
  contains "$3" "$said"
  : >"$S.stderr"
}

waits_for() {
  in_background_as "$1" sh -c ': >"$0"' "$2"
}

@test "a user has so many calls that wait, and no more" {
  mount_shared user_waiters=2
  take "$S/job"
  waits_for nobody "$S/.with/wait=60s/job"
  first=$pid
  waits_for nobody "$S/.with/interval=1h/job"
  # What is tried before both wait would take the place of the second.
  wait_until requests_wait 2 "$S"
  wait_until waits 1 "$S/job"
  expect ENOLCK @nobody open "$S/.with/wait=10ms/job" CREAT,WRONLY
  expect ENOLCK @nobody open "$S/.with/attempts=2/job" CREAT,WRONLY
  # Who does not wait is not meant, nor are others.
  expect EEXIST @nobody open "$S/job" CREAT,EXCL,WRONLY
  expect ETIMEDOUT @daemon open "$S/.with/wait=10ms/job" CREAT,WRONLY
  expect ETIMEDOUT open "$S/.with/id=x,wait=10ms/job" CREAT,WRONLY
  told nobody "2 calls that wait for locks" "-o user_waiters= allows more"
  # Each that ends makes room.
  kill "$first"
  wait_until waits 0 "$S/job"
  expect ETIMEDOUT @nobody open "$S/.with/wait=10ms/job" CREAT,WRONLY
}

@test "flock counts among them" {
  mount_shared user_waiters=1
  take "$S/other"
  waits_for nobody "$S/.with/wait=60s/other"
  wait_until waits 1 "$S/other"
  expect ENOLCK @nobody open "$S/.with/wait=10ms/other" CREAT,WRONLY
  py "$S" <<'PY'
job = sys.argv[1] + "/job"
holder = os.open(job, os.O_CREAT | os.O_RDWR, 0o666)
fcntl.flock(holder, fcntl.LOCK_EX)
as_nobody(lambda: check("flock", outcome(fcntl.flock, os.open(job, os.O_RDONLY), fcntl.LOCK_EX), "ENOLCK"))
PY
  told nobody "1 calls that wait" "No locks available"
}

@test "a user has so many open directories and streams, and no more" {
  mount_shared user_streams=3
  py "$S" <<'PY'
shared = sys.argv[1]

def use_up():
    streams = [os.open(shared + name, os.O_RDONLY) for name in ("", "/.events", "/.stats")]
    for name in ("", "/.events", "/.events.json", "/.stats"):
        check(name, outcome(os.open, shared + name, os.O_RDONLY), "EMFILE")
    check("a lock", outcome(os.close, os.open(shared + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)), "OK")
    for fd in streams:
        os.close(fd)
        for name in ("/.events", "/.stats", ""):
            os.close(os.open(shared + name, os.O_RDONLY))

as_nobody(use_up)
many = [os.open(shared + "/.events", os.O_RDONLY) for _ in range(10)]
PY
  told nobody "3 open directories and streams" "Too many open files"
}

# fills_up: as nobody takes locks until there is no room for more; prints how many
fills_up() {
  as_user nobody sh -c 'set -C; i=0; while (: >"$0/lock$i") 2>/dev/null; do i=$((i + 1)); done; echo $i' "$S"
}

@test "a user has so many bytes of locks and directories in memory, and no more" {
  mount_shared user_memory=4000
  count=$(fills_up)
  ((count > 5 && count < 40)) || fail "$count locks"
  expect ENOSPC @nobody open "$S/more" CREAT,EXCL,WRONLY
  gone "$S/more"
  long=$(printf '%0200d' 0)
  expect ENOSPC @nobody mkdir "$S/$long"
  told nobody "4000 bytes of locks and directories" "-o user_memory= allows more"
  # Nobody else is meant.
  expect OK @daemon open "$S/theirs" CREAT,EXCL,WRONLY
  take "$S/ours"
  # What is given back can be taken again: as much, whichever it is.
  rm -f "$S/.with/force"/lock*
  is "$count" "$(fills_up)"
  told nobody "4000 bytes" "No space left on device"
}

@test "what is in a lock, and a directory, count too" {
  mount_shared user_memory=6000
  py "$S" <<'PY'
shared = sys.argv[1]
def use_up():
    one, other = (os.open(shared + name, os.O_CREAT | os.O_EXCL | os.O_RDWR) for name in ("/one", "/other"))
    check("one", os.write(one, b"x" * 4000), 4000)
    check("other", outcome(os.write, other, b"x" * 4000), "ENOSPC")
    check("longer", outcome(os.ftruncate, other, 4000), "ENOSPC")
    check("shorter", outcome(os.ftruncate, one, 10), "OK")
    check("other again", os.write(other, b"x" * 4000), 4000)
    made = 0
    while outcome(os.mkdir, "%s/dir%d" % (shared, made)) == "OK":
        made += 1
    check("directories", 3 < made < 40, True)
    os.unlink(shared + "/other")
    check("one again", os.pwrite(one, b"x" * 4000, 0), 4000)
    for number in range(made):
        os.rmdir("%s/dir%d" % (shared, number))
    os.unlink(shared + "/one")
    one = os.open(shared + "/one", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    check("all of it", os.write(one, b"x" * 4096), 4096)

as_nobody(use_up)
PY
  # More than once, as it had less than half of it between.
  sort -u "$S.stderr" -o "$S.stderr"
  told nobody "6000 bytes of locks" "No space left on device"
}

@test "who waits, and has no room when it is their turn, is told so, and the next has the lock" {
  mount_shared user_memory=2000
  take "$S/job"
  in_background_as nobody python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$S/.with/wait=60s/job" CREAT,WRONLY >"$T/first"
  wait_until waits 1 "$S/job"
  waits_for daemon "$S/.with/wait=60s/job"
  wait_until waits 2 "$S/job"
  fills_up >/dev/null
  rm "$S/job"
  wait_until holds daemon
  is ENOSPC "$(<"$T/first")"
  : >"$S.stderr"
}

holds() {
  [[ $(lock "$S/job" uid 2>/dev/null) == "$(id -u "$1")" ]]
}

@test "0 is any amount, and what is none is refused" {
  mount_shared user_memory=0,user_waiters=0,user_streams=0
  expect OK @nobody open "$S/job" CREAT,EXCL,WRONLY
  expect ETIMEDOUT @daemon open "$S/.with/wait=10ms/job" CREAT,WRONLY
  for option in user_memory user_waiters user_streams; do
    run -2 "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$M" -o "$option=many"
    contains "$option=many" "$output"
  done
}
