# Locks that are acquired by symlink(2), as Emacs and many scripts do, and shown as symbolic links. Over Redis, a second
# mount of the server sees the same; over memory, the other is the same mount.

load ../lib/helper

setup() {
  setup_dirs
  mount_lockfs
  N=$M
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || N=$T/other
  [[ $N == "$M" ]] || mount_lockfs "$N"
}

# link_as_other TARGET PATH: acquires in a session of its own
link_as_other() {
  setsid ln -s "$1" "$2"
}

@test "ln -s acquires, readlink shows the target, rm releases" {
  ln -s 'me@host.1:2' "$M/job"
  is 'me@host.1:2' "$(readlink "$M/job")"
  is 'me@host.1:2' "$(readlink "$N/job")"
  is "symbolic link 11 777" "$(stat -c '%F %s %a' "$N/job")"
  is "job@" "$(ls -F "$N")"
  is "$N/job" "$(find "$N" -type l)"
  is "" "$(find "$N" -type f)"
  rm "$M/job"
  gone "$M/job"
  gone "$N/job"
  is "" "$(ls -A "$N")"
}

@test "a link excludes every other way to acquire, and they exclude it" {
  link_as_other target "$M/job"
  expect EEXIST symlink mine "$M/job"
  expect EEXIST symlink mine "$N/job"
  expect EEXIST open "$N/job" CREAT,EXCL,WRONLY
  expect EBUSY open "$N/.with/file,hold/job" CREAT,WRONLY
  exec 7>"$N/.with/file/job"
  refute flock -n 7
  exec 7>&-
  is target "$(readlink "$N/job")"
  rm "$M/.with/force/job"
  take_as_other "$M/job"
  expect EEXIST symlink mine "$M/job"
  expect EEXIST symlink mine "$N/job"
  rm "$M/.with/force/job"
  exec 7>"$M/job"
  flock -n 7
  expect EEXIST symlink mine "$N/job"
  exec 7>&-
  wait_until gone "$M/job"
  ln -s mine "$N/job"
  is mine "$(readlink "$M/job")"
}

@test "only the holder of a link removes and refreshes it" {
  local expires
  link_as_other target "$M/job"
  expect EPERM unlink "$M/job"
  refute touch -h "$M/job"
  is target "$(readlink "$M/job")"
  rm "$M/.with/force/job"
  ln -s mine "$M/.with/ttl=30s/job"
  is 30.000 "$(lock "$M/.with/file/job" ttl)"
  expires=$(lock "$M/.with/file/job" expires)
  nap 0.05
  touch -h "$M/job"
  [[ $(lock "$M/.with/file/job" expires) > $expires ]] || fail "not later than $expires"
  rm "$M/job"
}

@test "a link that is followed leads to its own lock, which flock waits for" {
  link_as_other me@host.1 "$M/job"
  refute flock -n "$N/job" true
  run -1 flock -w 0.3 "$N/job" true
  is job "$(ls -A "$M")"
  is me@host.1 "$(cat "$N/job")"
  is UNAVAILABLE "$(state "$N/job")"
  is "regular file" "$(stat -L -c %F "$N/job")"
  refute touch "$N/job"
  expect EBUSY truncate "$N/job" 0
  exec 7>"$N/job"
  expect EBUSY write "$N/job" x
  refute flock -n 7
  in_background flock "$N/job" true
  wait_until waits 1 "$M/.with/file/job"
  rm "$M/.with/force/job"
  ends_with 0 "$pid"
  wait_until flock -n 7
  is ACQUIRED "$(state "$N/job")"
  is job "$(ls -F "$M")"
  exec 7>&-
}

@test "a link that is followed never leads to the lock, control file or directory that its target names" {
  local target
  take "$M/free"
  mkdir "$M/dir"
  for target in free dir me@host.1 .stats .status .events .with . ..; do
    link_as_other "$target" "$M/job"
    refute flock -n "$N/job" true
    refute flock -n -s "$N/job" true
    [[ $target == .* ]] || is "$target" "$(readlink "$N/job")"
    rm "$M/.with/force/job"
  done
  is ACQUIRED "$(state "$M/free")"
}

@test "a link that leads out of its directory is followed and read by its holder only" {
  echo precious >"$T/file"
  for target in "$T/file" ../file dir/../../file ./x; do
    link_as_other "$target" "$M/job"
    expect EACCES open "$N/job" WRONLY,CREAT,TRUNC
    expect EACCES open "$N/job" RDONLY
    refute readlink "$N/job"
    refute flock -n "$N/job" true
    is "$target" "$(cat "$N/.with/file/job")"
    rm "$M/.with/force/job"
  done
  is precious "$(cat "$T/file")"
  ln -s "$T/file" "$M/job"
  is "$T/file" "$(readlink "$M/job")"
  rm "$M/job"
}

@test "the view file shows a link as a regular file, for attributes, content and waiting" {
  ln -s 'target text' "$M/job"
  is ACQUIRED "$(state "$M/.with/file/job")"
  is "regular file 11 644" "$(stat -c '%F %s %a' "$N/.with/file/job")"
  is "target text" "$(cat "$N/.with/file/job")"
  is "job" "$(ls -F "$N/.with/file")"
  is "$N/.with/file/job" "$(find "$N/.with/file" -type f)"
  touch "$M/.with/file/job"
  printf 'other text!' >"$M/.with/file/job"
  is "other text!" "$(readlink "$N/job")"
  in_background flock "$N/.with/file/job" true
  wait_until waits 1 "$M/.with/file/job"
  rm "$M/.with/file/job"
  ends_with 0 "$pid"
  wait_until gone "$M/job"
  ln -s again "$M/job"
  rm "$M/job"
}

@test "an expired link is gone, and the next holder has its own form" {
  ln -s target "$M/.with/ttl=100ms/job"
  wait_until gone "$M/job"
  refute readlink "$N/job"
  take "$N/job"
  is "regular empty file" "$(stat -c %F "$M/job")"
  is "job" "$(ls -F "$M")"
}

@test "ln -s waits in a view with wait, and fails in time" {
  link_as_other target "$M/job"
  deadline 20 expect ETIMEDOUT symlink mine "$N/.with/wait=300ms/job"
  in_background ln -s mine "$N/.with/wait=20s/job"
  wait_until waits 1 "$M/.with/file/job"
  rm "$M/.with/force/job"
  ends_with 0 "$pid"
  is mine "$(readlink "$M/job")"
}

@test "views that a link cannot obey refuse it" {
  local view
  for view in hold signal=TERM shared shared,hold; do
    expect EINVAL symlink target "$M/.with/$view/job"
  done
  gone "$M/job"
  : >"$M/.with/id=alice/held"
  expect EEXIST symlink target "$M/.with/id=alice/held"
  ln -s target "$M/.with/id=alice,force/job"
  is alice "$(lock "$N/.with/file/job" owner)"
  rm "$N/.with/id=alice/job"
}

@test "a target may have any bytes and 4095 of them; nothing is followed" {
  local longest
  longest=$(printf '%04095d' 0)
  ln -s "$longest" "$M/job"
  is "$longest" "$(readlink "$N/job")"
  refute flock -n "$N/job" true
  rm "$M/job"
  expect ENAMETOOLONG symlink "${longest}0" "$M/job"
  ln -s $'a\nb\t\xff' "$M/job"
  is $'a\nb\t\xff' "$(readlink "$N/job")"
  # shellcheck disable=SC2012 # find would not resolve the link
  is 1 "$(ls -A "$M" | wc -l)"
  rm "$M/job"
}

@test "links in a directory with a limit take its room" {
  mkdir "$M/pool"
  setfattr -n user.lock.limit -v 1 "$M/pool"
  ln -s one "$M/pool/one"
  expect EBUSY symlink two "$M/pool/two"
  expect ENOTEMPTY rmdir "$M/pool"
  rm "$M/pool/one"
  ln -s two "$M/pool/two"
  rm "$M/pool/two"
  rmdir "$M/pool"
}

@test "many sessions that link one name by turns: one holder at a time, and each has its turn" {
  deadline 60 py "$N" <<'PY'
import os, time
N = sys.argv[1]
ROUNDS, PROCESSES = 20, 6
counter = os.open(T + "/counter", os.O_RDWR | os.O_CREAT)
children = []
for number in range(PROCESSES):
    child = os.fork()
    if child == 0:
        os.setsid()
        path = (M if number % 2 else N) + "/job"
        for _ in range(ROUNDS):
            while True:
                try:
                    os.symlink("holder-%d" % number, path)
                    break
                except FileExistsError:
                    time.sleep(0.002)
            value = int(os.pread(counter, 20, 0) or b"0")
            if os.readlink(path) != "holder-%d" % number:
                os._exit(3)
            os.pwrite(counter, b"%d" % (value + 1), 0)
            os.unlink(path)
        os._exit(0)
    children.append(child)
statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
assert statuses == [0] * PROCESSES, statuses
assert int(os.pread(counter, 20, 0)) == ROUNDS * PROCESSES, os.pread(counter, 20, 0)
PY
}

@test "the type of a name that changes hands is right at once, and descriptors of files stay files" {
  local round
  exec 7>"$M/job"
  is "regular empty file" "$(stat -L -c %F /proc/self/fd/7)"
  for ((round = 0; round < 20; round++)); do
    link_as_other target "$N/job"
    is "symbolic link" "$(stat -c %F "$M/job")"
    is "regular file" "$(stat -L -c %F /proc/self/fd/7)"
    rm "$N/.with/force/job"
    take_as_other "$N/job"
    is "regular empty file" "$(stat -c %F "$M/job")"
    rm "$N/.with/force/job"
  done
  exec 7>&-
}

@test "python3-lockfile's SymlinkLockFile excludes, waits and releases" {
  deadline 60 /usr/bin/python3 - "$M" "$N" <<'PY'
import os, subprocess, sys
from lockfile.symlinklockfile import SymlinkLockFile
M, N = sys.argv[1:]
OTHER = "import sys; from lockfile.symlinklockfile import SymlinkLockFile; lock = SymlinkLockFile(sys.argv[1]); "
lock = SymlinkLockFile(M + "/data")
lock.acquire()
assert lock.i_am_locking() and os.path.islink(M + "/data.lock")
refused = subprocess.run(["setsid", sys.executable, "-c", OTHER + "lock.acquire(timeout=0)", N + "/data"],
                         stderr=subprocess.PIPE, text=True)
assert "AlreadyLocked" in refused.stderr, refused.stderr
waiting = subprocess.Popen(["setsid", sys.executable, "-c", OTHER + "lock.acquire(timeout=30); lock.release()", N + "/data"])
lock.release()
assert waiting.wait() == 0
assert not os.path.lexists(M + "/data.lock")
PY
}

# emacs_visits FILE: Emacs locks the file by editing it, waits until the file `go` is there, and unlocks it without saving
emacs_visits() {
  cat >"$T/visit.el" <<'EOF'
(setq create-lockfiles t)
(find-file (getenv "F"))
(insert "x")
(princ (format "locked by %S\n" (file-locked-p (getenv "F"))))
(while (not (file-exists-p (getenv "GO"))) (sleep-for 0.05))
(set-buffer-modified-p nil)
(unlock-buffer)
EOF
  F=$1 GO=$T/go emacs --batch --quick -l "$T/visit.el"
}

@test "Emacs locks a file that it edits, tells another session who has it, and unlocks" {
  local editor
  export -f emacs_visits
  export T
  in_background bash -c 'emacs_visits "$0" >"$T/first"' "$M/notes"
  editor=$pid
  wait_until test -L "$N/.#notes"
  matches "$(id -un)@.*\.[0-9]+(:[0-9]+)?" "$(readlink "$N/.#notes")"
  # Its second session asks what to do about the lock, which it cannot do in batch mode.
  run -255 emacs_visits "$N/notes"
  contains "$(id -un)@" "$output"
  contains "lock conflict" "$output"
  : >"$T/go"
  ends_with 0 "$editor"
  is "locked by t" "$(cat "$T/first")"
  gone "$M/.#notes"
  emacs_visits "$N/notes"
  gone "$M/.#notes"
}
