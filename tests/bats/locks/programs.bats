# Programs that open a file and lock it then, unmodified: each is run in a directory of a local disk and in a lock
# directory, and must print the same.

load ../lib/helper

setup() {
  setup_dirs
  mkdir "$T/disk"
  mount_lockfs
}

# same_as_on_disk CMD...: runs a command with the directory as last argument, in both
same_as_on_disk() {
  deadline 110 "$@" "$T/disk" >"$T/on-disk" 2>&1 || fail "on a local disk: $(<"$T/on-disk")"
  deadline 110 "$@" "$M" >"$T/on-lockfs" 2>&1 || fail "$(<"$T/on-lockfs")"
  is "$(sed "s|$T/disk|DIR|g" "$T/on-disk")" "$(sed "s|$M|DIR|g" "$T/on-lockfs")"
}

# library LOCK: the class of a Python library. Debian's Python has Debian's libraries.
library() {
  # shellcheck disable=SC2016  # the other shell expands it
  same_as_on_disk sh -c '/usr/bin/python3 "$0" "$2" "$1"' "$BATS_TEST_DIRNAME/../lib/libraries.py" "$1"
  contains "waiter: True" "$(<"$T/on-disk")"
  wait_until is "" "$(ls "$M")"
}

@test "filelock: FileLock" {
  library FileLock
}

@test "filelock: SoftFileLock" {
  library SoftFileLock
}

@test "portalocker: Lock in mode a" {
  library Lock-a
}

@test "portalocker: Lock in mode w" {
  library Lock-w
}

@test "portalocker: RLock" {
  library RLock
}

@test "portalocker: TemporaryFileLock" {
  library TemporaryFileLock
}

@test "portalocker: BoundedSemaphore" {
  library BoundedSemaphore
}

flock_forms=$(cat <<'SH'
cd "$1"
pipe=$0
try() {
  echo "$*: $("$@" 2>&1), $?"
}
try flock a echo works
try flock -x a echo works
try flock -n a -c "echo works"
try flock --nonblock --conflict-exit-code 7 a false
try flock -F a echo works
try flock -o a sh -c 'readlink /proc/$$/fd/* | grep -c "/a$"'
try flock --verbose -n b true | sed 's/took .* seconds/took/'
( flock -n 9 || exit 1; echo "in ( ) 9>" ) 9>c
( flock 9; echo "in ( ) 9>>" >&9; echo done ) 9>>c
{ flock 9; echo "in { } 9<>"; flock -u 9; echo unlocked; } 9<>c
exec 9>d; flock 9; echo "exec 9>"; echo text >&9; cat d; flock -u 9; exec 9>&-
exec 8<>e; flock -w 1 8; echo "exec 8<>"; exec 8>&-
until flock -n d true; do :; done
rm -f "$pipe"; mkfifo "$pipe"
setsid -w flock f sh -c 'echo held; read -r _' <>"$pipe" >"$pipe.said" &
until ! flock -n f true; do sleep 0.01; done
try flock -n f echo no
try flock -n -E 9 f echo no
try flock -w 0.1 f echo no
try flock -w 0.1 -E 8 f echo no
( flock -n 9 || { echo "busy ( ) 9>"; exit; }; echo wrong ) 9>f
exec 9>f; flock -n 9 || echo "busy exec 9>"; flock -w 0.1 9 || echo "timed out"
( flock 9; echo "waited ( ) 9>" ) 9>f &
waiter=$!
sleep 0.2
kill -0 "$waiter" && echo "it waits"
echo >"$pipe"
wait
echo "holder: $(<"$pipe.said")"
flock 9; echo "then exec 9>"
SH
)

@test "flock in each form of its manual" {
  same_as_on_disk bash -c "$flock_forms" "$T/pipe"
  contains "waited ( ) 9>" "$(<"$T/on-disk")"
}
