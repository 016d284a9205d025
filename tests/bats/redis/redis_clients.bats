# Other Redis clients that take the same locks by SET NX PX are just more callers.

load ../lib/helper
load ../lib/redis
load ../lib/npm

@test "SET NX PX of another client excludes" {
  mount_redis
  redis_set lockfs:job their-value NX PX 60000
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  expect EBUSY open "$M/.with/id=me/job" CREAT,WRONLY
  expect EBUSY write "$M/job" words
  expect EAGAIN flock "$M/job" EX
  expect OK open "$M/job" CREAT,WRONLY,TRUNC
  expect EPERM unlink "$M/job"
  expect EPERM utime "$M/job"
  expect EPERM setxattr "$M/job" user.lock.ttl 1h
  expect EBUSY truncate "$M/job" 0
  is their-value "$(redis_cli GET lockfs:job)"
  is UNAVAILABLE "$(state "$M/job")"
  is their-value "$(lock "$M/job" owner)"
  remains "$M/job" 50000 60000
  is job "$(lock "$M/job" key)"
  is "" "$(cat "$M/job")"
  is 0 "$(stat -c %s "$M/job")"
  expect ENODATA getxattr "$M/job" user.lock.token
  getfattr -d "$M/job" >/dev/null
}

@test "SET NX PX of another client is excluded, and the value is the id" {
  mount_redis
  take "$M/job"
  is "" "$(redis_cli SET lockfs:job their-value NX PX 60000)"
  is "$(lock "$M/job" id)" "$(redis_cli GET lockfs:job)"
  left=$(redis_cli PTTL lockfs:job)
  ((left > 295000 && left <= 300000))
  rm "$M/job"
  is OK "$(redis_cli SET lockfs:job their-value NX PX 60000)"
}

@test "a lock that never expires has no expiry for other clients, too" {
  mount_redis
  take "$M/.with/ttl=never/job"
  is -1 "$(redis_cli PTTL lockfs:job)"
  redis_set lockfs:other their-value NX
  is never "$(lock "$M/other" remaining)"
  is never "$(lock "$M/other" expires)"
}

@test "another client's lock can be forced, and goes when it expires" {
  mount_redis
  redis_set lockfs:job their-value NX PX 60000
  rm "$M/.with/force/job"
  is 0 "$(redis_cli EXISTS lockfs:job)"
  take "$M/job"
  redis_set lockfs:other their-value NX PX 200
  wait_until 2 gone "$M/other"
  take "$M/other"
}

# Somebody still has the descriptor open that was told of the end.
@test "another client's lock that comes again with the same value is there for all but its holder's descriptors of the one before" {
  mount_redis
  redis_set lockfs:job their-value NX PX 60000
  redis_set lockfs:other their-value NX PX 60000
  py "$redis_cli_command" "${redis_socket[redis]}" <<'PY'
import subprocess, sys
client, socket = sys.argv[1:]
job, theirs = M + "/job", M + "/.with/id=their-value/job"
def redis(*words):
    subprocess.run([client, "-s", socket] + list(words), check=True, stdout=subprocess.DEVNULL)
old, older = os.open(theirs, os.O_RDONLY), os.open(theirs, os.O_RDONLY)
other = os.open(M + "/.with/id=their-value/other", os.O_RDONLY)
handle = os.open(job, os.O_RDONLY)
check("older", outcome(os.utime, older), "OK")
check("handle", outcome(os.utime, handle), "EPERM")
for _ in range(2):
    redis("DEL", "lockfs:job")
    check("told", outcome(os.read, old, 1), "ESTALE")
    check("free", outcome(os.stat, job), "ENOENT")
    # A handle follows the key.
    check("handle", (outcome(os.utime, handle), os.read(handle, 1), attribute(handle, "state")), ("ENOLCK", b"", "EXPIRED"))
    redis("SET", "lockfs:job", "their-value", "NX", "PX", "60000")
    check("state", attribute(job, "state"), "UNAVAILABLE")
    check("view", attribute(theirs, "state"), "ACQUIRED")
    check("refresh", outcome(os.setxattr, theirs, "user.lock.ttl", b"90s"), "OK")
    check("touch", outcome(os.utime, theirs), "OK")
    check("handle", (outcome(os.utime, handle), os.read(handle, 1), attribute(handle, "state")),
          ("EPERM", b"", "UNAVAILABLE"))
    new = os.open(theirs, os.O_RDONLY)
    for fd in old, older:
        check("old", (outcome(os.fsync, fd), outcome(os.utime, fd), outcome(os.read, fd, 1)), ("ESTALE",) * 3)
        check("old", attribute(fd, "state"), "EXPIRED")
    # What the old ones are told is not so of the new one.
    check("new", (outcome(os.fsync, new), attribute(new, "state"), os.read(new, 1)), ("OK", "ACQUIRED", b""))
    check("state", attribute(job, "state"), "UNAVAILABLE")
    check("another key", outcome(os.fsync, other), "OK")
    os.close(old)
    check("new", outcome(os.fsync, new), "OK")
    old = new
PY
}

@test "the view of its value acts as another client" {
  mount_redis
  redis_set lockfs:job their-value NX PX 20000
  is ACQUIRED "$(state "$M/.with/id=their-value/job")"
  setfattr -n user.lock.ttl -v 60s "$M/.with/id=their-value/job"
  left=$(redis_cli PTTL lockfs:job)
  ((left > 50000)) || fail "not refreshed: $left"
  rm "$M/.with/id=their-value/job"
  is 0 "$(redis_cli EXISTS lockfs:job)"
}

@test "another client's value of any bytes is shown, escaped where it would act on a terminal" {
  mount_redis
  for value in 'with space' $'tab\there' 'ümläut' '{"pid":1}' "$(printf '%0500d' 7)"; do
    redis_set lockfs:job "$value" PX 60000
    is "${value//$'\t'/\\011}" "$(lock "$M/job" owner)"
    expect EPERM unlink "$M/job"
  done
  redis_cli EVAL "return redis.call('SET', 'lockfs:job', 'a\\0b\\255', 'PX', 60000)" 0
  is UNAVAILABLE "$(state "$M/job")"
  stat "$M/job" >/dev/null
  getfattr -d "$M/job" >/dev/null
  rm "$M/.with/force/job"
}

@test "a lock taken over by another client's SET is theirs" {
  mount_redis
  take_with words "$M/job"
  exec 5<"$M/job"
  redis_set lockfs:job their-value PX 60000
  is UNAVAILABLE "$(state "$M/job")"
  is their-value "$(lock "$M/job" owner)"
  is "" "$(cat "$M/job")"
  expect EPERM unlink "$M/job"
  exec 5<&-
}

@test "a lock that another client deleted is free" {
  mount_redis
  take "$M/.with/ttl=never/job"
  redis_cli DEL lockfs:job
  gone "$M/job"
  is "" "$(call list "$M")"
  take_as_other "$M/job"
  rm "$M/.with/force/job"
  is "" "$(redis_cli KEYS 'lockfs#d:*')"
}

# Details of two holders would be one that nobody is.
@test "nothing of a lock that another client deleted is in the next one" {
  mount_redis
  for index in kept deleted; do
    take_with words "$M/.with/ttl=never/job"
    redis_cli DEL lockfs:job
    [ "$index" = kept ] || redis_cli DEL lockfs#i:
    take "$M/.with/id=alice,ttl=30s/job"
    is "" "$(cat "$M/job")"
    is alice "$(lock "$M/job" owner)"
    is "" "$(redis_cli HGET lockfs#d:job identity)"
    expect EPERM unlink "$M/job"
    rm "$M/.with/id=alice/job"
    is "" "$(redis_cli KEYS 'lockfs*job')"
  done
}

# index_lasts SECONDS: that long, less what the test took until now
index_lasts() {
  local left
  left=$(redis_cli PTTL lockfs#i:)
  ((left <= $1 * 1000 && left > ($1 - 20) * 1000)) || fail "got:      $left ms" "expected: $1 s"
}

@test "the index of a directory has an end where all of its locks have one" {
  mount_redis
  take "$M/.with/ttl=1h/hour"
  take "$M/.with/ttl=30s/seconds"
  index_lasts 3600
  take "$M/.with/ttl=never/ever"
  is -1 "$(redis_cli PTTL lockfs#i:)"
  take "$M/.with/ttl=2h/hours"
  is -1 "$(redis_cli PTTL lockfs#i:)"
  rm "$M/ever"
  index_lasts 7200
  touch "$M/.with/ttl=10s/hours"
  index_lasts 3600
  take "$M/.with/ttl=3599500ms/less"
  is 1 "$(redis_cli EVAL "return redis.call('PTTL', 'lockfs#i:') >= redis.call('PTTL', 'lockfs:hour') and 1 or 0" 0)"
  rm "$M/less"
  # What is in it is over long since, but not itself.
  rm "$M/hour" "$M/seconds" "$M/hours"
  redis_cli ZADD lockfs#i: 1000 over >/dev/null
  redis_cli PEXPIRE lockfs#i: 7200000 >/dev/null
  take "$M/.with/ttl=1h/hour"
  index_lasts 3600
  # Another client has deleted what had none.
  take "$M/.with/ttl=never/ever"
  redis_cli DEL lockfs:ever >/dev/null
  take "$M/.with/ttl=2h/ever"
  index_lasts 7200
}

# What this mount acquired it finds by its name without asking.
@test "a lock that another client deleted is gone for every call on its path" {
  mount_redis
  py "$redis_cli_command" "${redis_socket[redis]}" <<'PY'
import subprocess, sys
client, socket = sys.argv[1:]
job = M + "/job"

def deleted(after):
    os.close(os.open(M + "/.with/ttl=never/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    time.sleep(after)
    subprocess.run([client, "-s", socket, "DEL", "lockfs:job"], check=True, stdout=subprocess.DEVNULL)
    time.sleep(0.01)

for after in 0, 0.05:
    for call in os.stat, os.unlink, os.utime, lambda path: os.open(path, os.O_RDONLY), lambda path: os.listxattr(path), \
            lambda path: os.getxattr(path, "user.lock.token"), lambda path: os.setxattr(path, "user.lock.ttl", b"1s"):
        deleted(after)
        check("call", outcome(call, job), "ENOENT")
        check("afterwards", outcome(os.stat, job), "ENOENT")
    # The kernel itself says that what it found by its name exists, and then it is looked after.
    deleted(after)
    end = time.monotonic() + 5
    while outcome(do_open, job, "CREAT,EXCL,WRONLY") != "OK":
        if time.monotonic() > end:
            sys.exit("it is not free for creation")
        time.sleep(0.05)
    os.unlink(job)
PY
}

@test "whose lock another client deleted is told when somebody else takes it" {
  mount_redis
  mount_redis "$N"
  py "$N" "$redis_cli_command" "${redis_socket[redis]}" <<'PY'
import subprocess, sys
N, client, socket = sys.argv[1:]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
# Also where its name was lost from the directory, as by an eviction.
for deleted in ["lockfs:job"], ["lockfs:job", "lockfs#i:"]:
    fd = os.open(M + "/.with/hold,signal=USR1,ttl=1h/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    subprocess.run([client, "-s", socket, "DEL"] + deleted, check=True, stdout=subprocess.DEVNULL)
    do_open(N + "/job", "CREAT,EXCL,WRONLY")
    check("signal", bool(signal.sigtimedwait([signal.SIGUSR1], 5)), True)
    poll = select.poll()
    poll.register(fd, 0)
    check("poll", poll.poll(0), [(fd, select.POLLERR | select.POLLHUP)])
    check("write", outcome(os.pwrite, fd, b"x", 0), "ESTALE")
    check("lock", outcome(do_open, M + "/job", "CREAT,EXCL,WRONLY"), "EEXIST")
    os.unlink(N + "/job")
    check("lock", outcome(do_open, M + "/job", "CREAT,EXCL,WRONLY"), "OK")
    os.unlink(M + "/job")
    os.close(fd)
PY
}

@test "ls shows other clients' locks with -o scan, and without it does not" {
  mount_redis -o scan
  mount_redis "$N"
  mkdir "$M/team" "$M/te*m"
  take "$M/ours" "$M/team/ours"
  redis_set lockfs:theirs v NX PX 60000
  redis_set lockfs:team/theirs v NX PX 60000
  redis_set 'lockfs:te*m/star' v NX PX 60000
  redis_set lockfs:nowhere/theirs v NX PX 60000
  redis_set other:foreign v
  redis_cli LPUSH lockfs:list v >/dev/null
  is "ours te*m team theirs" "$(call list "$M")"
  is "ours theirs" "$(call list "$M/team")"
  is "star" "$(call list "$M/te*m")"
  is "ours te*m team" "$(call list "$N")"
  is "ours" "$(call list "$N/team")"
}

@test "scan finds every lock among many, each once" {
  mount_redis -o scan
  redis_cli EVAL "for i = 1, 3000 do redis.call('SET', 'lockfs:k' .. i, 'v', 'PX', 60000)
    redis.call('SET', 'noise' .. i, 'v') end" 0
  is 3000 "$(ls -f "$M" | grep -c '^k')"
  is 3000 "$(ls -f "$M" | grep '^k' | sort -u | wc -l)"
}

# Installs a lock library of the npm registry that follows the documented protocol, once for this file.
install_library() {
  local dir=$BATS_FILE_TMPDIR/library
  [ ! -d "$dir/node_modules" ] || return 0
  mkdir -p "$dir"
  npm install --prefix "$dir" --no-audit --no-fund --no-package-lock --loglevel=error \
    redis-semaphore@5 ioredis@5 >"$dir/log" 2>&1 3>&- || fail "npm install: $(cat "$dir/log")"
}

# library WORD KEY: see redis_library.cjs
library() {
  NODE_PATH=$BATS_FILE_TMPDIR/library/node_modules node "$BATS_TEST_DIRNAME/../lib/redis_library.cjs" "${redis_socket[redis]}" "$@"
}

@test "a lock library of others excludes and is excluded" {
  install_library
  mount_redis -o namespace=mutex
  # It holds while its standard input is open.
  mkfifo "$T/hold"
  library hold job <"$T/hold" >"$T/library" 3>&- &
  holder=$!
  exec 6>"$T/hold"
  wait_until 30 grep -q '^held' "$T/library"
  read -r _ id <"$T/library"
  is UNAVAILABLE "$(state "$M/job")"
  is "$id" "$(lock "$M/job" owner)"
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  expect EBUSY open "$M/.with/id=me/job" CREAT,WRONLY
  expect EBUSY write "$M/job" words
  expect EPERM unlink "$M/job"
  is ACQUIRED "$(state "$M/.with/id=$id/job")"
  exec 6>&-
  wait "$holder"
  wait_until gone "$M/job"

  take "$M/job"
  is refused "$(library try job)"
  is ACQUIRED "$(state "$M/job")"
  rm "$M/job"
  is "acquired released" "$(library try job)"
  gone "$M/job"
}

@test "a lock library of others notices that its lock was forced away" {
  install_library
  mount_redis -o namespace=mutex
  mkfifo "$T/hold"
  library hold job <"$T/hold" >"$T/library" 3>&- &
  holder=$!
  exec 6>"$T/hold"
  wait_until 30 grep -q '^held' "$T/library"
  rm "$M/.with/force/job"
  take "$M/job"
  wait_until 10 grep -q '^lost' "$T/library"
  exec 6>&-
  wait "$holder"
  is ACQUIRED "$(state "$M/job")"
}

# redis_py NAME ARGUMENT...: starts a Lock of python3-redis in the background, which reads $T/NAME; see redis_lock.py
redis_py() {
  local name=$1
  shift
  mkfifo "$T/$name"
  in_background /usr/bin/python3 "$BATS_TEST_DIRNAME/../lib/redis_lock.py" "${redis_socket[redis]}" "$@" \
    <>"$T/$name" >"$T/$name.out" 2>"$T/$name.err" 6>&-
}

# client_says NAME WORD: has the client printed a line that begins so?
client_says() {
  grep -q "^$2" "$T/$1.out"
}

@test "python3-redis's Lock excludes files and is excluded by them, waits, extends and releases" {
  mount_two
  redis_py holder lockfs:job
  holder=$pid
  wait_until client_says holder held
  read -r _ id <"$T/holder.out"
  is "UNAVAILABLE $id" "$(state "$N/job") $(lock "$N/job" owner)"
  remains "$M/job" 1 20000
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  expect EEXIST symlink mine "$N/job"
  expect EEXIST mkdir "$N/.with/lockdir/job"
  expect EAGAIN flock "$N/job" EX
  expect EPERM unlink "$M/job"
  echo extend >"$T/holder"
  wait_until client_says holder extended
  remains "$M/job" 30000 60000
  echo >"$T/holder"
  ends_with 0 "$holder"
  client_says holder released
  gone "$N/job"

  ln -s mine "$M/job"
  redis_py refused lockfs:job
  ends_with 75 "$pid"
  redis_py waiter lockfs:job 60
  holder=$pid
  is mine "$(readlink "$N/job")"
  rm "$M/job"
  wait_until client_says waiter held
  is UNAVAILABLE "$(state "$N/job")"
  echo >"$T/waiter"
  ends_with 0 "$holder"
  client_says waiter released
}

@test "python3-redis's Lock says that its lock was forced away, and leaves the next holder's alone" {
  mount_redis
  redis_py holder lockfs:job
  wait_until client_says holder held
  rm "$M/.with/force/job"
  take "$M/job"
  echo >"$T/holder"
  ends_with 0 "$pid"
  client_says holder LockNotOwnedError
  is ACQUIRED "$(state "$M/job")"
}

@test "a killed holder of python3-redis's Lock has it until it expires" {
  mount_redis
  redis_py holder lockfs:job
  wait_until client_says holder held
  kill -KILL "$pid"
  wait_until ended "$pid"
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
  redis_cli PEXPIRE lockfs:job 200 >/dev/null
  : >"$M/.with/wait=20s/job"
  is ACQUIRED "$(state "$M/job")"
}

@test "npm's redlock excludes files and is excluded by them, and retries" {
  install_packages redlock@4 ioredis@5
  mount_two
  mkfifo "$T/holder" "$T/waiter"
  in_background "${npm_lock[@]}" redlock try lockfs:job "${redis_socket[redis]}" <>"$T/holder" >"$T/holder.out" 6>&-
  holder=$pid
  wait_until client_says holder held
  is UNAVAILABLE "$(state "$N/job")"
  expect EEXIST open "$N/job" CREAT,EXCL,WRONLY
  expect EPERM unlink "$M/job"
  echo >"$T/holder"
  ends_with 0 "$holder"
  client_says holder released
  gone "$N/job"
  take "$M/job"
  run -75 "${npm_lock[@]}" redlock try lockfs:job "${redis_socket[redis]}" </dev/null
  in_background "${npm_lock[@]}" redlock wait lockfs:job "${redis_socket[redis]}" <>"$T/waiter" >"$T/waiter.out" 6>&-
  holder=$pid
  is ACQUIRED "$(state "$M/job")"
  rm "$M/job"
  wait_until client_says waiter held
  is UNAVAILABLE "$(state "$N/job")"
  echo >"$T/waiter"
  ends_with 0 "$holder"
  gone "$M/job"
}
