# `.events` and `.events.json`: what happens to the locks below a directory, as it happens.

load ../lib/helper

# A name with control characters of both kinds and one that turns the order of others round.
evil=$'a\e[31m\xc2\x9b31m\xe2\x80\xaeb'

setup() {
  setup_dirs
  mount_lockfs
  export DAEMON=${daemon_of[$M]}
}

teardown() {
  end_hearers
  end_background
  end_mounts
}

# take_many COUNT PREFIX: PREFIX-1 and so on
take_many() {
  py "$@" <<'EOF'
for i in range(int(sys.argv[1])):
    os.close(os.open("%s-%d" % (sys.argv[2], i + 1), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
EOF
}

@test "each kind of event is told, in order, with who, which and how long" {
  hear "$T/heard" "$M"
  take "$M/job"
  token=$(lock "$M/job" token)
  owner=$(lock "$M/job" owner)
  # These opens take nothing, so nothing is told of them.
  : >>"$M/job"
  expect OK @session open "$M/job" CREAT,WRONLY,TRUNC
  expect EBUSY @session write "$M/job" words
  : >>"$M/.with/wait=0/job"
  touch "$M/.with/attempts=1/job"
  touch "$M/job"
  expect EBUSY @session open "$M/.with/hold/job" CREAT,WRONLY
  expect EEXIST @session open "$M/.with/attempts=1/job" CREAT,WRONLY
  expect EPERM @session unlink "$M/job"
  expect EPERM @session utime "$M/job"
  rm "$M/job"
  expect OK open "$M/.with/ttl=never/job" CREAT,EXCL,WRONLY
  expect ENOTSUP utime "$M/job"
  rm "$M/.with/force/job"
  expect OK open "$M/.with/ttl=2s/job" CREAT,EXCL,WRONLY
  heard "$T/heard" 'ACQUIRED job' 'ACQUIRED job' 'ACQUIRED job' 'REFRESHED job' 'REFRESHED job' 'UNAVAILABLE job' \
    'UNAVAILABLE job' 'FAILED_RELEASE job' 'FAILED_REFRESH job' 'RELEASED job' 'ACQUIRED job' 'FAILED_REFRESH job' \
    'FORCE_RELEASED job' 'ACQUIRED job' 'EXPIRED job'
  # Of the first holding, all tell the same.
  [ "$(head -n 10 "$T/heard" | cut -f 4-6 | sort -u | wc -l)" = 1 ] || fail "$(head -n 10 "$T/heard")"
  is "${owner// /\\040}"$'\t'"$token"$'\t300.000' "$(head -n 1 "$T/heard" | cut -f 4-)"
  is never "$(sed -n 11p "$T/heard" | cut -f 6)"
  is 2.000 "$(tail -n 1 "$T/heard" | cut -f 6)"
  is "" "$(grep -vE '^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{3}Z'$'\t' "$T/heard")"
}

@test "a refusal where nothing is held says so" {
  hear "$T/heard" "$M"
  hear "$T/json" "$M" .events.json
  # The kernel finds nothing and asks for nothing; so the name has to go between.
  py <<'EOF'
fd = os.open(M + "/.with/ttl=2s/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
while b"EXPIRED" not in open(T + "/heard", "rb").read():
    time.sleep(0.01)
check("utime", outcome(os.utime, fd), "ESTALE")
EOF
  heard "$T/heard" 'ACQUIRED job' 'EXPIRED job' 'FAILED_REFRESH job'
  is $'job\t-\t-\t-' "$(tail -n 1 "$T/heard" | cut -f 3-)"
  wait_until has_lines "$T/json" 3
  contains '"key":"job","owner":null,"token":null,"ttl":null}' "$(tail -n 1 "$T/json")"
}

@test "a wait that was too long has failed, one that was given up has not" {
  take_as_other "$M/job"
  hear "$T/heard" "$M"
  expect ETIMEDOUT open "$M/.with/wait=50ms/job" CREAT,WRONLY
  heard "$T/heard" 'UNAVAILABLE job'
  py <<'EOF'
pid = os.fork()
if pid == 0:
    os.open(M + "/.with/wait=1m/job", os.O_CREAT | os.O_WRONLY)
while attribute(M + "/job", "waiters") != "1":
    pass
os.kill(pid, signal.SIGTERM)
check("waiter", os.waitpid(pid, 0)[1], signal.SIGTERM)
EOF
  rm "$M/.with/force/job"
  heard "$T/heard" 'UNAVAILABLE job' 'FORCE_RELEASED job'
}

@test "a stream is of the locks below its directory, in views too" {
  mkdir "$M/a" "$M/a/b" "$M/ab"
  hear "$T/root" "$M"
  hear "$T/a" "$M/a"
  hear "$T/b" "$M/a/b"
  hear "$T/view" "$M/.with/ttl=1s/a"
  hear "$T/wait" "$M/.with/wait=1s/a"
  take "$M/x" "$M/a/x" "$M/a/b/x" "$M/ab/x" "$M/ax"
  heard "$T/root" 'ACQUIRED x' 'ACQUIRED a/x' 'ACQUIRED a/b/x' 'ACQUIRED ab/x' 'ACQUIRED ax'
  heard "$T/a" 'ACQUIRED a/x' 'ACQUIRED a/b/x'
  heard "$T/view" 'ACQUIRED a/x' 'ACQUIRED a/b/x'
  heard "$T/wait" 'ACQUIRED a/x' 'ACQUIRED a/b/x'
  heard "$T/b" 'ACQUIRED a/b/x'
}

@test "who comes late sees from then on, also the end of a lease from before" {
  take "$M/.with/ttl=5s/old" "$M/early"
  hear "$T/heard" "$M"
  rm "$M/early"
  heard "$T/heard" 'RELEASED early' 'EXPIRED old'
}

@test "they are there but not listed, and only for reading" {
  mkdir "$M/dir"
  for dir in "$M" "$M/dir" "$M/.with/force/dir"; do
    for name in .events .events.json; do
      is "regular file 444" "$(stat -c '%F %a' "$dir/$name")"
      is "" "$(ls -A "$M/dir")"
      expect EPERM open "$dir/$name" WRONLY
      expect EPERM open "$dir/$name" RDWR
      expect EPERM open "$dir/$name" RDONLY,TRUNC
      expect EPERM unlink "$dir/$name"
      expect EPERM chmod "$dir/$name" 666
      expect EPERM utime "$dir/$name"
      expect EPERM truncate "$dir/$name" 0
      expect ENOTSUP flock "$dir/$name" EX
      expect "" listxattr "$dir/$name"
      expect ENODATA getxattr "$dir/$name" user.lock.state
    done
  done
  expect OK rmdir "$M/dir"
  expect ENOENT stat "$M/dir/.events"
}

@test "whoever may list a directory may listen to it" {
  need_root
  unmount_lockfs
  mount_lockfs -o allow_other
  mkdir -m 711 "$M/closed"
  mkdir -m 755 "$M/open"
  expect EACCES @nobody open "$M/closed/.events" RDONLY
  expect OK @nobody open "$M/open/.events" RDONLY
  expect EACCES @nobody open "$M/open/job" CREAT,EXCL,WRONLY
  expect EACCES @nobody open "$M/open/.events" WRONLY
}

@test "what a field has of blanks and backslashes is written as in /proc/mounts" {
  hear "$T/heard" "$M"
  for name in 'a b' $'a\tb' $'a\nb' 'a\b' 'a\040b' - $'\x01\x7f' $'\xff\xfe' é '"'; do
    take "$M/.with/id=$name/$name"
  done
  wait_until has_lines "$T/heard" 10
  is 10 "$(awk -F'\t' 'NF == 6' "$T/heard" | wc -l)"
  is '\055' "$(sed -n 6p "$T/heard" | cut -f 3)"
  while read -r _ event key owner _ ttl; do
    is ACQUIRED "$event"
    is "$key" "$owner"
    is 300.000 "$ttl"
    # shellcheck disable=SC2059
    printf "%b\0" "$key"
  done <"$T/heard" >"$T/names"
  printf '%s\0' 'a b' $'a\tb' $'a\nb' 'a\b' 'a\040b' - $'\x01\x7f' $'\xff\xfe' é '"' | cmp - "$T/names"
}

@test "JSON is one object a line, whatever the bytes" {
  hear "$T/heard" "$M" .events.json
  py <<'EOF'
import json
names = [b'a b', b'a\tb\n', b'"\\', b'\xff\xfe', b'\xed\xa0\x80', b'\xc0\x80', b'\xf4\x90\x80\x80', b'\xf0\x9f\x94\x92',
         b'\xe9', '\u00e9\u20ac\U0010ffff'.encode(), b'\x01\x7f', b'-', b'null', b'\xe2\x82', b'x' * 255, b'\x01' * 250]
for name in names:
    os.close(os.open(os.fsencode(M) + b"/.with/ttl=never/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
wanted = time.monotonic() + 10
while open(T + "/heard", "rb").read().count(b"\n") < len(names) and time.monotonic() < wanted:
    pass
for name, line in zip(names, open(T + "/heard", encoding="utf-8")):
    event = json.loads(line)
    check("keys", list(event), ["time", "event", "key", "owner", "token", "ttl"])
    check("key", event["key"].encode("utf-8", "surrogateescape"), name)
    check("ttl", event["ttl"], "never")
    check("token", event["token"], int(attribute(os.fsencode(M) + b"/" + name, "token")))
EOF
}

# Readers

@test "tail -f follows it, from the first line on" {
  tail -f "$M/.events" >"$T/heard" 3>&- &
  hearers+=($!)
  wait_until is_hearing $!
  take "$M/one" "$M/two"
  heard "$T/heard" 'ACQUIRED one' 'ACQUIRED two'
  rm "$M/one"
  heard "$T/heard" 'ACQUIRED one' 'ACQUIRED two' 'RELEASED one'
  take_many 300 "$M/many"
  wait_until has_lines "$T/heard" 303
  is 300 "$(words "$T/heard" | sed -n '4,$p' | sort -u | wc -l)"
}

@test "a shell loop reads it, from a pipe or from the file itself" {
  # shellcheck disable=SC2002  # that is what is tested
  cat "$M/.events" | while read -r _ event key _ token _; do
    echo "$event $key $token" >>"$T/pipe"
    [ "$key" != last ] || break
  done 3>&- &
  piped=$!
  while read -r _ event key _ token _; do
    echo "$event $key $token" >>"$T/file"
    [ "$key" != last ] || break
  done <"$M/.events" 3>&- &
  reader=$!
  wait_until readers_are 2
  hear "$T/heard" "$M"
  take_many 50 "$M/job"
  take "$M/last"
  wait_until has_lines "$T/heard" 51
  for loop in pipe file; do
    wait_until has_lines "$T/$loop" 51
    awk -F'\t' '{ print $2, $3, $5 }' "$T/heard" | cmp - "$T/$loop"
  done
  # By the next line `cat` finds out that nobody reads what it writes.
  wait_until ended "$piped"
  take "$M/more"
  wait "$reader"
}

# readers_are COUNT: so many streams are open
readers_are() {
  grep -qx "lockfs_event_readers $1" "$M/.stats"
}

@test "an interrupted reader ends at once, and the others go on" {
  hear "$T/first" "$M"
  first=${hearers[-1]}
  hear "$T/second" "$M"
  for signal in INT TERM KILL; do
    py "$signal" <<'EOF'
pid = os.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fd = os.open(M + "/.events", os.O_RDONLY)
    try:
        os.read(fd, 4096)
    except KeyboardInterrupt:
        os._exit(3)
    os._exit(4)
while not waits_in_read(pid, ".events"):
    pass
begin = boottime()
name = sys.argv[1]
os.kill(pid, getattr(signal, "SIG" + name))
_, status = os.waitpid(pid, 0)
if boottime() - begin > 5:
    sys.exit("it took %f s" % (boottime() - begin))
check("status", (os.WIFSIGNALED(status) and signal.Signals(os.WTERMSIG(status)).name) or os.WEXITSTATUS(status),
      {"INT": 3, "TERM": "SIGTERM", "KILL": "SIGKILL"}[name])
EOF
  done
  take "$M/job"
  heard "$T/second" 'ACQUIRED job'
  heard "$T/first" 'ACQUIRED job'
}

@test "without blocking there is EAGAIN, and poll tells when there is more" {
  py <<'EOF'
fd = os.open(M + "/.events", os.O_RDONLY | os.O_NONBLOCK)
check("nothing", outcome(os.read, fd, 4096), "EAGAIN")
poll = select.poll()
poll.register(fd, select.POLLIN)
check("poll", poll.poll(0), [])
epoll = select.epoll()
epoll.register(fd, select.EPOLLIN | select.EPOLLET)
for name in ("a", "b", "c"):
    pid = os.fork()
    if pid == 0:
        os.close(os.open(M + "/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os._exit(0)
    check("poll", poll.poll(5000), [(fd, select.POLLIN)])
    check("epoll", epoll.poll(5), [(fd, select.EPOLLIN)])
    check("line", os.read(fd, 4096).split(b"\t")[1:3], [b"ACQUIRED", name.encode()])
    check("read", outcome(os.read, fd, 4096), "EAGAIN")
    check("poll after", poll.poll(0), [])
    os.waitpid(pid, 0)
EOF
}

@test "a line comes whole or in parts, as the reader asks" {
  py <<'EOF'
fd = os.open(M + "/.events", os.O_RDONLY | os.O_NONBLOCK)
other = os.open(M + "/.events", os.O_RDONLY)
def take_two(*names):
    for name in names:
        os.close(os.open(M + "/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    # What one reader has been told, all can read.
    told = 0
    while told < 2:
        told += os.read(other, 4096).count(b"\n")

take_two("a", "b")
text = b""
for size in [1, 2, 3, 5, 8, 13] * 100:
    try:
        text += os.read(fd, size)
    except BlockingIOError:
        break
check("lines", [line.split(b"\t")[2] for line in text.splitlines()], [b"a", b"b"])
check("end", text[-1:], b"\n")
take_two("c", "d")
check("one line for a small reader", os.read(fd, 4096).count(b"\n"), 1)
check("the next", os.read(fd, 65536).count(b"\n"), 1)
take_two("e", "f")
check("many for a large one", os.read(fd, 65536).count(b"\n"), 2)
EOF
}

@test "a reader that is too slow loses the oldest, is told how many, and costs bounded memory" {
  py <<'EOF'
import json
def resident():
    for line in open("/proc/%s/status" % os.environ["DAEMON"]):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
fd = os.open(M + "/.events.json", os.O_RDONLY | os.O_NONBLOCK)
text = os.open(M + "/.events", os.O_RDONLY | os.O_NONBLOCK)
key = M + "/" + "k" * 255
lock = os.open(key, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
before = resident()
COUNT = 20000
for _ in range(COUNT):
    os.utime(lock)
grown = resident() - before
# AddressSanitizer keeps what is freed for a while.
if grown > 12 * 1024 and b"__asan_init" not in open(os.environ["LOCKFS"], "rb").read():
    sys.exit("the daemon grew by %d KiB" % grown)
def drain(fd):
    data = b""
    while True:
        try:
            data += os.read(fd, 131072)
        except BlockingIOError:
            return data.splitlines()
events = [json.loads(line) for line in drain(fd)]
check("first", events[0]["event"], "LOST")
check("told", events[0]["lost"] + len(events) - 1, COUNT + 1)
check("the rest", {event["event"] for event in events[1:]}, {"REFRESHED"})
lines = drain(text)
fields = lines[0].split(b"\t")
check("text", fields[1:6], [b"LOST", b"-", b"-", b"-", b"-"])
check("text told", int(fields[6].removeprefix(b"lost=")) + len(lines) - 1, COUNT + 1)
os.utime(lock)
select.select([fd], [], [], 10)
check("goes on", len(drain(fd)), 1)
EOF
}

@test "a reader holds up nobody, and unmounting ends it" {
  hear "$T/heard" "$M"
  reader=${hearers[-1]}
  take "$M/job"
  rm "$M/job"
  heard "$T/heard" 'ACQUIRED job' 'RELEASED job'
  # A read that has not reached the daemon by its end fails; it gets all in their order.
  py "$reader" <<'EOF'
while not waits_in_read(int(sys.argv[1]), ".events"):
    pass
EOF
  ls -la "$M" >/dev/null
  kill -TERM "${daemon_of[$M]}"
  daemon_ended "$M"
  is 0 "$daemon_status"
  wait_until ended "$reader"
  wait "$reader"
  heard "$T/heard" 'ACQUIRED job' 'RELEASED job'
}

@test "the daemon ends while readers wait and others poll" {
  py <<'EOF'
import subprocess
readers = [subprocess.Popen(["cat", M + "/.events"], stdout=subprocess.DEVNULL) for _ in range(5)]
fd = os.open(M + "/.events", os.O_RDONLY | os.O_NONBLOCK)
poll = select.poll()
poll.register(fd, select.POLLIN)
check("poll", poll.poll(0), [])
while not all(waits_in_read(reader.pid, ".events") for reader in readers):
    pass
os.listdir(M)  # is answered after the daemon has got all these reads
os.kill(int(os.environ["DAEMON"]), signal.SIGTERM)
check("readers", [reader.wait(10) for reader in readers], [0] * 5)
EOF
  wait_until ended "${daemon_of[$M]}"
}

@test "a mount with ro listens" {
  unmount_lockfs
  mount_lockfs -o ro
  expect OK open "$M/.events" RDONLY
  expect EROFS open "$M/.events" WRONLY
}

@test "an event of a name that acts on terminals is told so that it does not, and can be read back" {
  hear "$T/heard" "$M"
  hear "$T/json" "$M" .events.json
  take "$M/.with/id=$evil/$evil"
  wait_until has_lines "$T/heard" 1
  wait_until has_lines "$T/json" 1
  is "" "$(LC_ALL=C grep -nP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$T/heard" "$T/json")"
  is "$evil" "$(printf %b "$(cut -f 3 "$T/heard")")"
  is "$evil" "$(printf %b "$(cut -f 4 "$T/heard")")"
  is "$evil $evil" "$(python3 -c 'import json, sys; event = json.load(open(sys.argv[1])); print(event["key"], event["owner"])' "$T/json")"
}

# Who may know

# hear_as USER FILE STREAM: listens as a user, and is listening when it returns
hear_as() {
  in_background_as "$1" cat "$3" >"$2" 2>"$2.stderr"
  wait_until is_hearing "$pid"
}

# share: a mount for all users at $S, with the directories `open`, and `closed` of root
share() {
  S=$T/shared
  mount_lockfs -o allow_other "$S"
  mkdir "$S/open" "$S/closed" "$S/closed/in" "$S/names"
  chmod 755 "$S/open" "$S/closed/in"
  chmod 700 "$S/closed"
  chmod 711 "$S/names"
}

@test "a stream tells a user only of directories that they could list, in order, and root of all" {
  need_root
  share
  hear_as nobody "$T/nobody" "$S/.events"
  hear_as nobody "$T/json" "$S/.events.json"
  hear_as nobody "$T/view" "$S/.with/ttl=1m/.events"
  hear "$T/root" "$S"
  take "$S/a" "$S/open/a" "$S/closed/secret" "$S/closed/in/secret" "$S/names/secret"
  rm "$S/closed/secret" "$S/open/a" "$S/names/secret" "$S/a"
  heard "$T/root" 'ACQUIRED a' 'ACQUIRED open/a' 'ACQUIRED closed/secret' 'ACQUIRED closed/in/secret' \
    'ACQUIRED names/secret' 'RELEASED closed/secret' 'RELEASED open/a' 'RELEASED names/secret' 'RELEASED a'
  heard "$T/nobody" 'ACQUIRED a' 'ACQUIRED open/a' 'RELEASED open/a' 'RELEASED a'
  heard "$T/view" 'ACQUIRED a' 'ACQUIRED open/a' 'RELEASED open/a' 'RELEASED a'
  wait_until has_lines "$T/json" 4
  is 4 "$(wc -l <"$T/json")"
  refute grep -q secret "$T/json" "$T/nobody" "$T/view"
}

@test "a stream of a directory that only can be searched is not for a user to open" {
  need_root
  share
  expect EACCES @nobody open "$S/names/.events" RDONLY
  expect EACCES @nobody open "$S/closed/in/.events" RDONLY
}

@test "what a user may know follows chmod within a second" {
  need_root
  share
  hear_as nobody "$T/nobody" "$S/.events"
  take "$S/closed/one"
  take "$S/open/one"
  heard "$T/nobody" 'ACQUIRED open/one'
  chmod 755 "$S/closed"
  chmod 700 "$S/open"
  sleep 1.2  # what is known may be used for a second
  take "$S/open/two" "$S/closed/two" "$S/last"
  heard "$T/nobody" 'ACQUIRED open/one' 'ACQUIRED closed/two' 'ACQUIRED last'
}

@test "groups decide as they do for ls: those that the reader had when it opened the stream" {
  need_root
  share
  chgrp 4242 "$S/closed"
  chmod 750 "$S/closed"
  in_background setpriv --reuid=nobody --regid=nogroup --groups=4242 cat "$S/.events" >"$T/member" 2>/dev/null
  wait_until is_hearing "$pid"
  in_background setpriv --reuid=nobody --regid=nogroup --groups=4243 cat "$S/.events" >"$T/other" 2>/dev/null
  wait_until is_hearing "$pid"
  take "$S/closed/in/a" "$S/b"
  heard "$T/member" 'ACQUIRED closed/in/a' 'ACQUIRED b'
  heard "$T/other" 'ACQUIRED b'
}

@test "thousands of events in many directories reach a user who may know them, all and in order" {
  need_root
  share
  hear_as nobody "$T/nobody" "$S/.events"
  py "$S" <<'PY'
shared = sys.argv[1]
for i in range(50):
    os.mkdir("%s/open/%d" % (shared, i))
    os.mkdir("%s/closed/%d" % (shared, i))
for i in range(2000):
    for kind in ("open", "closed"):
        os.close(os.open("%s/%s/%d/%d" % (shared, kind, i % 50, i), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
PY
  wait_until has_lines "$T/nobody" 2000
  is "$(for i in {0..1999}; do echo "ACQUIRED open/$((i % 50))/$i"; done)" "$(words "$T/nobody")"
}
