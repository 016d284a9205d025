# Locks in memory outlive a daemon that is killed: what the next one has, and what it refuses.
#
#   LOCKFS_TEST_KILLS  how often the daemon is killed under contenders; default: 10

load ../lib/helper

setup() {
  setup_dirs
  mkdir "$M"
  J=$T/journal
}

teardown() {
  end_background
  end_mounts
  umount "$T/small" 2>/dev/null || true
}

# The options of all mounts here.
mount_here() {
  mount_lockfs -o "journal=$J${1:+,$1}"
}

kill_daemon() {
  kill -KILL "${daemon_of[$M]}"
  daemon_ended "$M"
}

# refused PART [OPTIONS]: lockfs does not mount, and says why in one line
refused() {
  run deadline 10 "$LOCKFS" memory: "$M" -f -o "journal=$J${2:+,$2}"
  is 1 "$status"
  is 1 "$(wc -l <<<"$output")"
  contains "$1" "$output"
  contains "$J" "$output"
}

@test "after kill -9 and a restart, locks are as they were: holder, lease, token, content, form, mode and times" {
  mount_here
  take_with text "$M/job"
  chmod 640 "$M/job"
  touch -d '2020-01-01 12:00' "$M/job"
  ln -s target "$M/link"
  mkdir "$M/.with/lockdir/made"
  ln "$M/job" "$M/second"
  shorten "$M/second" 1h
  (set -C; : >"$M/.with/ttl=never/for-ever")
  mkdir "$M/dir"
  setfattr -n user.lock.default_ttl -v 2h "$M/dir"
  setfattr -n user.lock.limit -v 2 "$M/dir"
  chmod 1750 "$M/dir"
  take "$M/dir/one"
  : >>"$M/job"
  before=$(snapshot "$M/job"; snapshot "$M/second"; snapshot "$M/dir/one"; snapshot "$M/for-ever"; snapshot "$M/.with/file/link"
    snapshot "$M/made"; stat -c '%a %h %F %Y' "$M/dir" "$M/job")
  kill_daemon
  mount_here
  is "$before" "$(snapshot "$M/job"; snapshot "$M/second"; snapshot "$M/dir/one"; snapshot "$M/for-ever"; snapshot "$M/.with/file/link"
    snapshot "$M/made"; stat -c '%a %h %F %Y' "$M/dir" "$M/job")"
  is text "$(<"$M/job")"
  is target "$(readlink "$M/link")"
  is directory "$(stat -c %F "$M/.with/lockdir/made")"
  is 2 "$(getfattr --absolute-names --only-values -n user.lock.limit "$M/dir")"
  take "$M/dir/two"
  expect EBUSY open "$M/dir/three" CREAT,EXCL,WRONLY
  is 7200.000 "$(lock "$M/dir/two" ttl)"
}

@test "after kill -9, a holder refreshes, writes and releases its lock, and nobody else does" {
  mount_here
  take "$M/job" "$M/other"
  kill_daemon
  mount_here
  expect EEXIST @session open "$M/job" CREAT,EXCL,WRONLY
  expect EPERM @session unlink "$M/job"
  before=$(lock "$M/job" expires)
  touch "$M/job"
  [[ $(lock "$M/job" expires) > $before ]]
  echo new >"$M/job"
  is new "$(<"$M/job")"
  rm "$M/job"
  gone "$M/job"
  # What the second daemon did counts for the third.
  kill_daemon
  mount_here
  gone "$M/job"
  is ACQUIRED "$(state "$M/other")"
}

@test "shared locks and conversions outlive their daemon" {
  mount_here
  take "$M/.with/shared,id=one/job" "$M/.with/shared,id=two/job" "$M/.with/id=three/alone"
  kill_daemon
  mount_here
  is shared "$(lock "$M/job" mode)"
  is 2 "$(lock "$M/job" holders)"
  expect EEXIST open "$M/.with/id=four/job" CREAT,EXCL,WRONLY
  rm "$M/.with/id=one/job"
  is 1 "$(lock "$M/job" holders)"
  is exclusive "$(lock "$M/alone" mode)"
  rm "$M/.with/id=two/job"
  gone "$M/job"
}

@test "a lock that was bound to an open file is left to its lease, which is not renewed" {
  mount_here ttl=4s
  in_background flock "$M/job" sleep 100
  wait_until test -e "$M/job"
  kill_daemon
  mount_here ttl=4s
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  wait_until 10 gone "$M/job"
  take "$M/job"
}

@test "leases run on while there is no daemon" {
  mount_here ttl=300ms
  take "$M/short"
  take "$M/.with/ttl=1h/long"
  kill_daemon
  sleep 0.4
  mount_here ttl=300ms
  gone "$M/short"
  is ACQUIRED "$(state "$M/long")"
  is long "$(ls "$M")"
}

@test "an unmount ends all locks, and removes the journal" {
  mount_here
  take "$M/job"
  [ -s "$J" ]
  is 600 "$(stat -c %a "$J")"
  unmount_lockfs
  [ ! -e "$J" ]
  mount_here
  gone "$M/job"
  take "$M/job"
  kill -TERM "${daemon_of[$M]}"
  daemon_ended "$M"
  [ ! -e "$J" ]
}

@test "an abort of the connection leaves the locks to the next daemon" {
  mount_here
  take "$M/job"
  abort_mount "$M"
  daemon_ended "$M"
  mount_here
  is ACQUIRED "$(state "$M/job")"
}

@test "without journal= it is in the runtime directory, one for each mount point and namespace, and with journal=none nowhere" {
  mount_lockfs
  mount_lockfs -o namespace=other "$T/second"
  is 2 "$(find "$RUNTIME_DIRECTORY" -name '*.journal' -perm 600 | wc -l)"
  take "$M/job"
  kill_daemon
  mount_lockfs
  is ACQUIRED "$(state "$M/job")"
  unmount_lockfs
  unmount_lockfs "$T/second"
  is "" "$(ls -A "$RUNTIME_DIRECTORY")"
  mount_lockfs -o journal=none
  is "" "$(ls -A "$RUNTIME_DIRECTORY")"
  take "$M/job"
  kill_daemon
  mount_lockfs -o journal=none
  gone "$M/job"
}

@test "the runtime directory of a user gets a directory that is closed to others" {
  need_root
  unset RUNTIME_DIRECTORY
  install -d -m 700 -o nobody "$T/xdg" "$T/own"
  # It may not mount on every machine; the journal comes before that.
  as_user nobody env XDG_RUNTIME_DIR="$T/xdg" "$LOCKFS" memory: "$T/own" >"$T/own.said" 2>&1 3>&- || true
  fusermount3 -u "$T/own" 2>/dev/null || true
  refute grep journal "$T/own.said"
  is "700 nobody" "$(stat -c '%a %U' "$T/xdg/lockfs")"
  wait_until refute compgen -G "$T/xdg/lockfs/*"
}

@test "a relative journal= is below the directory in which lockfs was started, also in the background" {
  cd "$T"
  mount_background memory: "$M" -o journal=here
  take "$M/job"
  kill_daemon
  mount_background memory: "$M" -o journal=here
  is ACQUIRED "$(state "$M/job")"
  [ -s "$T/here" ]
  unmount_lockfs
  [ ! -e "$T/here" ]
}

# Refusing

@test "a damaged journal, and a file that is none, is refused with one line and left as it is" {
  mount_here
  take "$M/one" "$M/two"
  kill_daemon
  cp "$J" "$T/good"
  printf X | dd of="$J" bs=1 seek=500 conv=notrunc status=none
  cp "$J" "$T/damaged"
  refused "the journal is damaged, so it is not known which locks are held; remove it to begin without them"
  cmp "$J" "$T/damaged"
  truncate -s 500 "$J"
  refused "the journal is damaged"
  : >"$J"
  refused "the file is no journal of lockfs"
  echo text >"$J"
  refused "the file is no journal of lockfs"
  expect ENOTCONN stat "$M/one"
  # Only as it was.
  cat "$T/good" >"$J"
  mount_here
  is $'one\ntwo' "$(ls "$M")"
}

@test "a journal that is cut off anywhere is refused, and no lock comes out of it that was not held" {
  mount_here
  take "$M/job"
  take "$M/released"
  rm "$M/released"
  kill_daemon
  fusermount3 -u "$M"
  cp "$J" "$T/good"
  # Every 7th byte of what is used, by a real start; tests/parsers/journal.c takes each one.
  used=$(($(od -An -tu8 -j $((8 + 8 + 64 + 64 + 256 + 8)) -N 8 "$J") >> 24))
  ((used > 700 && used < 2000))
  for ((length = 0; length < used; length += 7)); do
    head -c "$length" "$T/good" >"$J"
    refused journal
  done
  head -c "$used" "$T/good" >"$J"
  mount_here
  is job "$(ls "$M")"
}

@test "a journal of another mount point or namespace is refused" {
  mount_here
  take "$M/job"
  kill_daemon
  refused "the journal is of another mount point or namespace" namespace=other
  mkdir "$T/elsewhere"
  run deadline 10 "$LOCKFS" memory: "$T/elsewhere" -f -o "journal=$J"
  is 1 "$status"
  contains "another mount point" "$output"
  mount_here
  is ACQUIRED "$(state "$M/job")"
}

@test "a journal that another daemon uses is refused if it was named, and that one goes on" {
  mount_here
  take "$M/job"
  mkdir "$T/elsewhere"
  run deadline 10 "$LOCKFS" memory: "$T/elsewhere" -f -o "journal=$J"
  is 1 "$status"
  is 1 "$(wc -l <<<"$output")"
  contains "another lockfs uses it" "$output"
  kill_daemon
  mount_here
  is ACQUIRED "$(state "$M/job")"
}

@test "a journal= that is no file name, or cannot be written, is refused" {
  J=$T/missing/journal
  refused "cannot write the journal (No such file or directory)"
  J=/proc/journal
  refused "cannot write the journal"
  for value in "" / dir/; do
    run deadline 10 "$LOCKFS" memory: "$M" -f -o "journal=$value"
    is 2 "$status"
    contains "it is a file, or 'none'" "$output"
  done
}

@test "a default place that cannot be written is told in one line, and the mount works without a journal" {
  RUNTIME_DIRECTORY=$T/missing/run mount_lockfs
  take "$M/job"
  said=$(<"$M.stderr")
  is 1 "$(wc -l <<<"$said")"
  contains "cannot write the journal (No such file or directory): until that works again, all locks are lost if this daemon is killed" "$said"
  # It is tried again, and told.
  mkdir "$T/missing"
  wait_until 10 grep -q "the journal is written again" "$M.stderr"
  take "$M/second"
  kill_daemon
  RUNTIME_DIRECTORY=$T/missing/run mount_lockfs
  is $'job\nsecond' "$(ls "$M")"
}

small_tmpfs() {
  need_root
  mkdir "$T/small"
  mount -t tmpfs -o size=512k tmpfs "$T/small"
  J=$T/small/journal
}

@test "a full filesystem is told at the mount where the journal was named" {
  small_tmpfs
  fill_small
  refused "cannot write the journal (No space left on device)"
}

fill_small() {
  head -c 1m /dev/zero >"$T/small/filling" 2>/dev/null || true
}

@test "a filesystem that is full later is told once in the log, nothing stale is read, and the journal comes back by itself" {
  small_tmpfs
  mount_here
  take "$M/before"
  fill_small
  # 4 kB each.
  for ((i = 0; i < 60; i++)); do
    (set -C; head -c 4096 /dev/zero >"$M/job$i")
  done
  is 1 "$(wc -l <"$M.stderr")"
  contains "cannot write the journal (No space left on device)" "$(<"$M.stderr")"
  [ ! -e "$J" ]
  rm "$T/small/filling"
  rm "$M/before"
  wait_until 10 grep -q "the journal is written again" "$M.stderr"
  is 2 "$(wc -l <"$M.stderr")"
  kill_daemon
  mount_here
  is 60 "$(ls "$M" | wc -l)"
  is 4096 "$(stat -c %s "$M/job59")"
}

# Under load

# 1,000 locks that nobody changes, and processes that take and release others as fast as they can. Each writes down what it
# was answered: a holder that was not told otherwise holds until its lease ends.
start_contenders() {
  write_script "$T/contender.py" <<'PY'
me = sys.argv[1]
log = open(T + "/heard." + me, "w", buffering=1)
random_state = int(me) * 7919 + 1

def release(name):
    """After an attempt during which the daemon died, the lock may be free, or another's."""
    answer = outcome(os.unlink, name)
    if answer not in ("ENOTCONN", "ECONNABORTED"):
        return answer
    while answer in ("ENOTCONN", "ECONNABORTED"):
        time.sleep(0.001)
        answer = outcome(os.unlink, name)
    return "OK" if answer in ("ENOENT", "EPERM") else answer

while not os.path.exists(T + "/stop"):
    random_state = (random_state * 1103515245 + 12345) % 2**31
    name = "%s/.with/id=%s/contended%d" % (M, me, random_state // 65536 % 5)
    fd = outcome(os.open, name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    if not isinstance(fd, int):
        # The daemon died: whether it was acquired is open.
        if fd not in ("EEXIST", "EBUSY"):
            release(name)
        continue
    acquired = time.clock_gettime(time.CLOCK_BOOTTIME)
    token = outcome(os.getxattr, name, "user.lock.token")
    outcome(os.close, fd)
    releasing = time.clock_gettime(time.CLOCK_BOOTTIME)
    answer = release(name)
    number = int(token) if isinstance(token, bytes) else 0
    log.write("%s held %.6f %.6f %d %s\n" % (os.path.basename(name), acquired, releasing, number, answer))
PY
  contenders=()
  for ((i = 0; i < $1; i++)); do
    in_background "${python[@]}" "$T/contender.py" "$i"
    contenders+=("$pid")
  done
}

contenders_ended() {
  local each
  for each in "${contenders[@]}"; do
    ended "$each" || return 1
  done
}

# judge: no two of them held one lock at the same time, and tokens grow. Prints the figures.
judge() {
  write_script "$T/judge.py" <<'PY'
import glob
holdings, lost, acquired = {}, 0, 0
for name in glob.glob(T + "/heard.*"):
    for line in open(name):
        key, kind, begin, end, token, answer = line.split()
        if kind != "held":
            continue
        acquired += 1
        lost += answer != "OK"
        holdings.setdefault(key, []).append((float(begin), float(end), int(token)))
double = unordered = seen = 0
for key, held in holdings.items():
    held.sort()
    for (_, end, _), (begin, _, _) in zip(held, held[1:]):
        double += begin < end
    tokens = [token for _, _, token in held if token]
    seen += len(tokens)
    unordered += sum(one >= other for one, other in zip(tokens, tokens[1:]))
print("%d acquired, %d lost, %d double holders, %d of %d tokens out of order" % (acquired, lost, double, unordered, seen))
sys.exit(1 if lost or double or unordered or seen < 100 else 0)
PY
  "${python[@]}" "$T/judge.py"
}

@test "under contenders, kill -9 and a restart lose no lock, make no second holder, and tokens grow" {
  local kills=${LOCKFS_TEST_KILLS:-10} lost=0 i
  mount_here ttl=1h
  py <<'PY'
for number in range(1000):
    os.close(os.open("%s/.with/id=keeper/kept%d" % (M, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
PY
  kept() {
    (cd "$M" && getfattr -n user.lock.token --only-values -- kept* | md5sum)
  }
  before=$(kept)
  start_contenders 3
  for ((i = 0; i < kills; i++)); do
    sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
    kill_daemon
    mount_here ttl=1h
    [[ $(kept) == "$before" ]] || lost=$((lost + 1))
  done
  : >"$T/stop"
  wait_until contenders_ended
  verdict=$(judge) || fail "$verdict"
  is 0 "$lost"
  echo "# $kills kills, 1000 locks: $lost times one was lost; $verdict" >&3
  is 1000 "$(ls "$M" | grep -c '^kept')"
}
