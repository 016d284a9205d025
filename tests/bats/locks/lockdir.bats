# Locks that are acquired by mkdir(2), in the view `lockdir` or on a mount with that option, and shown as directories there.
# Over Redis, a second mount of the server sees the same; over memory, the other is the same mount.

load ../lib/helper

setup() {
  setup_dirs
  mount_lockfs
  N=$M
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || N=$T/other
  [[ $N == "$M" ]] || mount_lockfs "$N"
  D=$M/.with/lockdir
  E=$N/.with/lockdir
}

# make_as_other PATH: acquires in a session of its own
make_as_other() {
  setsid mkdir "$1"
}

@test "mkdir acquires, rmdir releases; the lock is a directory in the view, and a file elsewhere" {
  mkdir -m 750 "$D/job"
  for place in "$D" "$E"; do
    is "directory 750 0" "$(stat -c '%F %a %s' "$place/job")"
    is "job/" "$(ls -F "$place")"
    is "" "$(ls -A "$place/job")"
    is "$place/job" "$(find "$place" -mindepth 1 -type d)"
  done
  for place in "$M" "$N" "$M/.with/file" "$M/.with/ttl=1h"; do
    is "regular empty file 640" "$(stat -c '%F %a' "$place/job")"
    is "job" "$(ls -F "$place")"
  done
  is ACQUIRED "$(state "$D/job")"
  rmdir "$D/job"
  gone "$E/job"
  gone "$N/job"
  mkdir "$D/job"
  rm "$M/job"
  gone "$E/job"
}

@test "mkdir excludes every other way to acquire, and they exclude it" {
  make_as_other "$D/job"
  expect EEXIST mkdir "$D/job"
  expect EEXIST mkdir "$E/job"
  expect EEXIST mkdir "$M/job"
  expect EEXIST symlink mine "$N/job"
  expect EEXIST open "$N/job" CREAT,EXCL,WRONLY
  expect EISDIR open "$E/job" CREAT,WRONLY
  exec 7>"$N/job"
  refute flock -n 7
  exec 7>&-
  rmdir "$D/.with/lockdir,force/job" 2>/dev/null && fail "no view within a view"
  rmdir "$M/.with/lockdir,force/job"
  take_as_other "$M/job"
  expect EEXIST mkdir "$D/job"
  expect EEXIST mkdir "$E/job"
  expect ENOTDIR rmdir "$E/job"
  rm "$M/.with/force/job"
  ln -s target "$M/job"
  expect EEXIST mkdir "$E/job"
  rm "$M/job"
  exec 7>"$M/job"
  flock -n 7
  expect EEXIST mkdir "$E/job"
  exec 7>&-
  wait_until gone "$E/job"
  expect OK mkdir "$E/job"
}

@test "attributes and events tell the form" {
  hear "$T/heard" "$N"
  hear "$T/heard.json" "$N" .events.json
  mkdir "$D/job"
  is "directory" "$(lock "$N/job" form)"
  rmdir "$D/job"
  ln -s target "$M/job"
  is "symlink" "$(lock "$N/.with/file/job" form)"
  rm "$M/job"
  take "$M/.with/ttl=100ms/job"
  is "file" "$(lock "$N/job" form)"
  wait_until gone "$N/job"
  mkdir "$M/.with/lockdir,ttl=100ms/job"
  wait_until has_lines "$T/heard" 8
  is "directory directory symlink symlink - - directory directory" \
    "$(sed -nE 's/.*\tform=(.*)/\1/p; t; s/.*/-/p' "$T/heard" | xargs)"
  wait_until has_lines "$T/heard.json" 8
  is "directory directory symlink symlink None None directory directory" \
    "$(python3 -c 'import json, sys; print(*[json.loads(line).get("form") for line in sys.stdin])' <"$T/heard.json")"
  end_hearers
}

@test "only the holder removes, refreshes and changes it" {
  make_as_other "$D/job"
  expect EPERM rmdir "$D/job"
  expect EPERM unlink "$M/job"
  expect EPERM utime "$D/job"
  expect EPERM chmod "$D/job" 700
  expect EPERM rename "$D/job" "$D/mine"
  before=$(lock "$D/job" expires)
  session true
  is "$before" "$(lock "$E/job" expires)"
  is UNAVAILABLE "$(state "$E/job")"
}

@test "setting times refreshes it, and shows what was set in whole milliseconds" {
  local expires
  mkdir "$M/.with/lockdir,ttl=10s/job"
  expires=$(lock "$M/job" expires)
  nap 0.05
  touch "$D/job"
  refute [ "$expires" = "$(lock "$M/job" expires)" ]
  touch -d "2026-01-02 03:04:05.063999 UTC" "$D/job"
  is "2026-01-02 03:04:05.064" "$(TZ=UTC stat -c %y "$E/job" | cut -c 1-23)"
  touch -d "2026-01-02 03:04:05.9996 UTC" "$D/job"
  is "2026-01-02 03:04:06.000" "$(TZ=UTC stat -c %y "$E/job" | cut -c 1-23)"
}

@test "nothing is made in it, and nothing is found" {
  mkdir "$D/job" "$M/namespace"
  take "$M/file"
  expect EPERM open "$D/job/pid" CREAT,EXCL,WRONLY
  expect EPERM open "$D/job/pid" CREAT,WRONLY
  expect EPERM mkdir "$D/job/sub"
  expect EPERM symlink x "$D/job/link"
  expect EPERM mknod "$D/job/fifo" fifo
  expect EPERM link "$D/file" "$D/job/file"
  expect EPERM rename "$D/file" "$D/job/file"
  expect ENOENT stat "$D/job/pid"
  expect ENOENT stat "$D/job/.events"
  expect ENOENT stat "$D/job/.with"
  is "$D/job" "$(cd "$D/job" && pwd)"
  is "" "$(cd "$D/job" && ls -A)"
  # Namespaces are directories as ever, and locks are made in them.
  mkdir "$D/namespace/job"
  expect ENOTEMPTY rmdir "$E/namespace"
  is "job/" "$(ls -F "$E/namespace")"
  rmdir "$D/namespace/job"
  rmdir "$D/namespace"
  gone "$M/namespace"
  expect ENOENT mkdir "$D/missing/job"
  expect ENOTDIR mkdir "$D/file/job"
}

@test "a view with lockdir takes the options that fit: ttl, id, wait, token" {
  mkdir "$M/.with/lockdir,ttl=90s,id=alice/job"
  is "90.000 alice" "$(lock "$M/job" ttl) $(lock "$M/job" owner)"
  expect EPERM rmdir "$D/job"
  expect ESTALE rmdir "$M/.with/lockdir,force,token=1/job"
  expect OK rmdir "$M/.with/lockdir,id=alice/job"
  for view in lockdir,hold lockdir,shared lockdir,signal=TERM; do
    expect EINVAL mkdir "$M/.with/$view/job"
  done
  make_as_other "$D/job"
  in_background mkdir "$M/.with/lockdir,wait=forever/job"
  waiter=$pid
  wait_until waits 1 "$N/job"
  rmdir "$N/.with/lockdir,force/job"
  ends_with 0 "$waiter"
  is "directory" "$(stat -c %F "$E/job")"
  expect ETIMEDOUT mkdir "$M/.with/lockdir,wait=50ms/job"
}

@test "a mount with -o lockdir has it everywhere but in the view file" {
  mount_lockfs -o lockdir "$T/dirs"
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || mount_lockfs -o "lockdir,$(own_options '')" "$T/third"
  mkdir "$T/dirs/job"
  is "directory" "$(stat -c %F "$T/dirs/job")"
  is "directory" "$(stat -c %F "$T/dirs/.with/ttl=1h/job")"
  is "regular empty file" "$(stat -c %F "$T/dirs/.with/file/job")"
  mkdir "$T/dirs/.with/file/namespace"
  mkdir "$T/dirs/namespace/job"
  expect EPERM mkdir "$T/dirs/job/sub"
  is $'job/\nnamespace/' "$(ls -F "$T/dirs")"
  rmdir "$T/dirs/namespace/job" "$T/dirs/namespace" "$T/dirs/job"
  is "" "$(ls -A "$T/dirs")"
}

@test "of many that make one directory at a time exactly one succeeds" {
  py "$N" <<'PY'
import sys, threading
N = sys.argv[1]
inside, most, made = [0], [0], []
guard = threading.Lock()
def contend(number, start):
    place = (M, N)[number % 2] + "/.with/lockdir,id=%d/job" % number
    start.wait()
    for _ in range(30):
        if outcome(os.mkdir, place) != "OK":
            continue
        with guard:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        made.append(number)
        with guard:
            inside[0] -= 1
        os.rmdir(place)
start = threading.Barrier(6)
threads = [threading.Thread(target=contend, args=(number, start)) for number in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("holders at a time", most[0], 1)
check("somebody succeeded", bool(made), True)
check("left", do_list(M), "")
PY
}

@test "it ends with its lease, and the next holder has its own form" {
  mkdir "$M/.with/lockdir,ttl=200ms/job"
  exec 8<"$D/job"
  wait_until gone "$E/job"
  take_as_other "$N/job"
  is "regular empty file" "$(stat -c %F "$D/job")"
  is "" "$(ls -A /proc/self/fd/8)"
  exec 8<&-
  rm "$M/.with/force/job"
  for ((round = 0; round < 20; round++)); do
    make_as_other "$E/job"
    is "directory" "$(stat -c %F "$D/job")"
    rmdir "$N/.with/lockdir,force/job"
    ln -s target "$N/job"
    is "symbolic link" "$(stat -c %F "$D/job")"
    rm "$N/job"
    take "$N/job"
    is "regular empty file" "$(stat -c %F "$D/job")"
    rm "$N/job"
  done
}
