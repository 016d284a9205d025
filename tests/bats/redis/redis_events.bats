# Events over Redis: every mount of a namespace hears of all that happens on the others.

load ../lib/helper
load ../lib/redis

# subscribers COUNT: so many listen to events of the namespace `lockfs`
subscribers() {
  [ "$(redis_cli PUBSUB NUMSUB lockfs#ev | tail -n 1)" = "$1" ]
}

@test "10,000 events of one mount are heard on the other in order, none lost, none twice" {
  mount_redis
  mount_redis "$N"
  mkdir "$M/dir"
  hear "$T/text" "$N"
  hear "$T/json" "$N/dir" .events.json
  py <<'EOF'
with open(T + "/wanted", "w") as wanted:
    for i in range(2500):
        key = "dir/job-%d" % (i % 7)
        fd = os.open(M + "/" + key, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        token, identifier = attribute(fd, "token"), attribute(fd, "id")
        os.utime(fd)
        os.close(fd)
        os.close(os.open(M + "/.with/id=%s/%s" % (identifier, key), os.O_CREAT | os.O_WRONLY))
        os.unlink(M + "/" + key)
        for event in ("ACQUIRED", "REFRESHED", "ACQUIRED", "RELEASED"):
            wanted.write("%s\t%s\t%s\n" % (event, key, token))
EOF
  wait_until 30 has_lines "$T/text" 10000
  wait_until 30 has_lines "$T/json" 10000
  cut -f 2,3,5 "$T/text" | cmp - "$T/wanted"
  py <<'EOF'
import json
check("json", ["%(event)s\t%(key)s\t%(token)d\n" % json.loads(line) for line in open(T + "/json")],
      open(T + "/wanted").readlines())
EOF
}

@test "of one key, all mounts hear the same in the same order, whoever contends for it" {
  mount_redis
  mount_redis "$N"
  mount_redis "$O"
  hear "$T/1" "$M"
  hear "$T/2" "$N"
  hear "$T/3" "$O"
  py <<'EOF'
dirs = [M, T + "/second", T + "/third"]
def contend(number):
    for i in range(150):
        path = "%s/.with/id=%d/job-%d" % (dirs[number % 3], number, i % 3)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            os.utime(path)
            os.unlink(path)
        except OSError:
            pass
children = []
for number in range(6):
    pid = os.fork()
    if pid == 0:
        contend(number)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
os.close(os.open(M + "/last", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
EOF
  for file in 1 2 3; do
    wait_until grep -q $'ACQUIRED\tlast' "$T/$file"
  done
  cmp "$T/1" "$T/2"
  cmp "$T/1" "$T/3"
  py <<'EOF'
held = {}
tokens = {}
for line in open(T + "/1"):
    _, event, key, owner, token, _ = line.rstrip("\n").split("\t")
    if event == "ACQUIRED" and held.get(key) != token:
        check("free before", held.get(key), None)
        if int(token) <= tokens.get(key, 0):
            sys.exit("an older token: " + line)
        held[key], tokens[key] = token, int(token)
    elif event == "RELEASED":
        check("held before", held.pop(key, None), token)
    elif event == "REFRESHED":
        check("held", held.get(key), token)
EOF
}

@test "other namespaces are never heard" {
  mount_redis
  mount_redis -o namespace=other "$N"
  hear "$T/heard" "$M"
  take "$N/job"
  rm "$N/job"
  take "$M/last"
  heard "$T/heard" 'ACQUIRED last'
}

@test "the end of a lease is told once by each mount, in time, also of one from before" {
  mount_redis
  mount_redis "$N"
  mkdir "$M/dir"
  # The leases are longer than both streams take to begin on a busy machine.
  take "$M/.with/ttl=10s/before" "$M/.with/ttl=10s/dir/before" "$M/.with/ttl=10s/longer" "$M/gone"
  hear "$T/1" "$M"
  hear "$T/2" "$N"
  # One that is refreshed meanwhile, and one that is released, do not end so.
  touch -c "$M/.with/ttl=1m/longer"
  rm "$M/gone"
  take "$M/.with/ttl=2s/new"
  for file in 1 2; do
    wait_until 40 has_lines "$T/$file" 6
    is $'ACQUIRED new\nEXPIRED before\nEXPIRED dir/before\nEXPIRED new\nREFRESHED longer\nRELEASED gone' \
      "$(words "$T/$file" | sort)"
  done
  # By the clock of the server, so that all tell the same time.
  is "$(grep EXPIRED "$T/1" | sort)" "$(grep EXPIRED "$T/2" | sort)"
  gone "$M/before"
  rm "$M/longer"
  wait_until has_lines "$T/2" 7
  is 'RELEASED longer' "$(words "$T/2" | tail -n 1)"
}

@test "what is bound to an open file never seems to expire while it is open" {
  mount_redis
  mount_redis "$N"
  hear "$T/heard" "$N"
  exec 7>"$M/.with/hold,ttl=2s/job"
  exec 6>"$M/.with/ttl=3s/flocked"
  flock 6
  wait_until 20 has_lines "$T/heard" 14
  exec 6>&- 7>&-
  wait_until grep -q $'RELEASED\tjob' "$T/heard"
  wait_until grep -q $'RELEASED\tflocked' "$T/heard"
  is "" "$(grep EXPIRED "$T/heard")"
}

@test "no lease seems to be over to a mount that stood still while it was renewed" {
  mount_redis
  mount_redis "$N"
  hear "$T/heard" "$N"
  exec 7>"$M/.with/hold,ttl=2s/job"
  # Renewals may have come since.
  wait_until has_lines "$T/heard" 1
  is 'ACQUIRED job' "$(words "$T/heard" | head -n 1)"
  kill -STOP "${daemon_of[$N]}"
  # More than is read at once stands before each renewal.
  take "$M/busy"
  py <<'EOF'
busy = M + "/busy"
end = boottime() + 3
while boottime() < end:
    for _ in range(300):
        os.utime(busy)
    time.sleep(0.1)
EOF
  kill -CONT "${daemon_of[$N]}"
  take "$M/last"
  wait_until grep -q $'ACQUIRED\tlast' "$T/heard"
  grep -q $'REFRESHED\tjob' "$T/heard"
  is "" "$(grep EXPIRED "$T/heard")"
  exec 7>&-
}

@test "a mount subscribes only while somebody listens" {
  mount_redis
  mount_redis "$N"
  subscribers 0
  take "$M/job"
  hear "$T/heard" "$N"
  wait_until subscribers 1
  end_hearers
  wait_until 15 subscribers 0
  hear "$T/again" "$N"
  rm "$M/job"
  heard "$T/again" 'RELEASED job'
}

@test "a gap is told, and what failed meanwhile" {
  allow_words "$outage_words"
  # By TCP: over a socket, a client that comes back may have the server end another's connection.
  mount_redis -o timeout=1s "$M" "$(redis_tcp_source)"
  mount_redis -o timeout=1s "$N" "$(redis_tcp_source)"
  hear "$T/heard" "$N"
  take "$M/before"
  heard "$T/heard" 'ACQUIRED before'
  redis_kill
  expect EHOSTDOWN open "$N/job" CREAT,WRONLY
  expect EHOSTDOWN open "$N/job" CREAT,EXCL,WRONLY
  expect EHOSTDOWN open "$M/.events" RDONLY
  redis_again
  wait_until grep -q GAP "$T/heard"
  wait_until take "$M/after" 2>/dev/null
  wait_until grep -q $'ACQUIRED\tafter' "$T/heard"
  matches $'[^\t]*Z\tUNEXPECTED_ERROR\tjob\t-\t-\t-\toperation=read\terror=E[A-Z]*' \
    "$(grep -m 1 $'UNEXPECTED_ERROR\tjob' "$T/heard")"
  matches $'[^\t]*Z\tGAP\t-\t-\t-\t-' "$(grep -m 1 GAP "$T/heard")"
  is 1 "$(grep -c GAP "$T/heard")"
  # Who opens now has missed nothing.
  hear "$T/new" "$M"
  take "$M/last"
  heard "$T/new" 'ACQUIRED last'
}

@test "leases from before a gap end where they are held still" {
  allow_words "$outage_words"
  mount_redis
  hear "$T/heard" "$M"
  take "$M/.with/ttl=4s/job"
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  heard "$T/heard" 'ACQUIRED job' 'GAP -' 'EXPIRED job'
}

@test "who opens is not kept longer than the timeout" {
  allow_words "$outage_words"
  mount_redis -o timeout=2s
  redis_freeze
  py <<'EOF'
begin = boottime()
check("open", outcome(os.open, M + "/.events", os.O_RDONLY), "EHOSTDOWN")
if not 0.5 < boottime() - begin < 4:
    sys.exit("it took %f s" % (boottime() - begin))
EOF
  redis_thaw
  wait_until expect OK open "$M/.events" RDONLY
}

@test "who opens while the server is away can be interrupted" {
  allow_words "$outage_words"
  mount_redis -o timeout=1m
  redis_freeze
  py <<'EOF'
pid = os.fork()
if pid == 0:
    os.open(M + "/.events", os.O_RDONLY)
    os._exit(0)
while open("/proc/%d/wchan" % pid).read() != "request_wait_answer":
    pass
os.kill(pid, signal.SIGTERM)
check("opener", os.waitpid(pid, 0)[1], signal.SIGTERM)
EOF
  redis_thaw
}

@test "a lock of another client is told of with its value, and without a token" {
  mount_redis
  redis_set lockfs:job $'some \n\\body' NX PX 60000
  hear "$T/heard" "$M"
  # An open that acquires nothing is no event.
  expect OK open "$M/job" CREAT,WRONLY
  expect EBUSY open "$M/.with/id=me/job" CREAT,WRONLY
  rm "$M/.with/force/job"
  heard "$T/heard" 'UNAVAILABLE job' 'FORCE_RELEASED job'
  is $'some\\040\\012\\134body\t-\t-' "$(head -n 1 "$T/heard" | cut -f 4-)"
}

# What a daemon says once where somebody publishes what is none of lockfs.
dropped='redis\+unix://[^ ]*: a message on the channel lockfs#(ev|m:[0-9a-f]+) is not from lockfs and was dropped, and so are others: see who publishes there'

@test "what others publish is no event, and breaks nothing" {
  allow_words "$dropped"
  mount_redis
  hear "$T/heard" "$M"
  for text in '' x 'ACQUIRED' 'ACQUIRED 1 2 3' 'ACQUIRED 1 2 3 me' 'ACQUIRED 1 2 3 me\0' 'ACQUIRED 1 2 3 me\0a\0b' \
    'ACQUIRED 99999999999999999999 2 3 me\0k' 'ACQUIRED 1 -2 3 me\0k' 'ACQUIRED 1 2 -3 me\0k' 'EXPIRED 1 2 3 me\0k' \
    'HELD 1 ACQUIRED 1 2 3 me\0k' "ACQUIRED 1 2 3 me\0$(printf 'k%.0s' {1..1025})"; do
    printf '%b' "$text" | redis_cli -x PUBLISH lockfs#ev >/dev/null
  done
  printf 'ACQUIRED 1000000 2 9223372036854775807 %s\0k' "$(printf 'me%.0s' {1..2000})" |
    redis_cli -x PUBLISH lockfs#ev >/dev/null
  take "$M/job"
  heard "$T/heard" 'ACQUIRED k' 'ACQUIRED job'
  is "1970-01-01T00:00:01.000Z" "$(head -n 1 "$T/heard" | cut -f 1)"
}

@test "an event that others publish ends no watch of a lock that is held" {
  mount_redis
  write_publisher
  py <<'EOF'
exec(open(T + "/publisher.py").read())
def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
create(M + "/job")
events = open(M + "/.events")
watch = Inotify()
watch.add(M + "/job")
publish("lockfs#ev", b"RELEASED 1000000 %s -1 me\0job" % attribute(M + "/job", "token").encode())
create(M + "/after")
words = []
while words[-2:] != ["ACQUIRED", "after"]:
    words = events.readline().split("\t")[1:3]
    if words[-1] == "job":
        check("published", words[0], "RELEASED")
check("not told", watch.wait(200), [])
os.unlink(M + "/job")
check("told", watch.wait(5000), ["DELETE_SELF", "IGNORED"])
EOF
}

# What others publish to one mount

# The channels of mounts that listen.
mount_channels() {
  redis_cli PUBSUB CHANNELS 'lockfs#m:*'
}

# publish CHANNEL TEXT: to a mount that hears it
publish() {
  is 1 "$(redis_cli PUBLISH "$1" "$2")"
}

# A connection to the server, in Python: publish(channel, text) answers how many heard it.
write_publisher() {
  cat >"$T/publisher.py" <<'EOF'
import socket
server = socket.socket(socket.AF_UNIX)
server.connect(T + "/redis.sock")
answers = server.makefile("rb")

def send(channel, text):
    server.sendall(b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                   % (len(channel), channel.encode(), len(text), text))

def publish(channel, text):
    send(channel, text)
    return int(answers.readline()[1:])
EOF
}

@test "a message whose token is no number above 0 is dropped, and people are told so once" {
  allow_words "$dropped"
  mount_redis
  exec 7>"$M/.with/hold/kept"
  write_publisher
  py "$(mount_channels)" <<'EOF'
import sys
exec(open(T + "/publisher.py").read())
# A handle holds nothing, and no number names it.
handle = os.open(M + "/free", os.O_CREAT | os.O_RDONLY)
for word in ("ENDED", "GONE", "REVOKE", "FREED", "TOUCH"):
    for token in ("0", "00", "-1", "x", "+7", "0x7", "1e3", "7.0", "18446744073709551616", "9223372036854775808", ""):
        check(word + " heard", publish(sys.argv[1], ("%s %s kept" % (word, token)).encode()), 1)
# What was published before is read before this is answered.
os.close(os.open(M + "/after", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
check("read of a handle", outcome(os.read, handle, 10), b"")
check("lock of a handle", outcome(fcntl.flock, handle, fcntl.LOCK_EX | fcntl.LOCK_NB), "OK")
check("write", outcome(os.write, 7, b"x"), 1)
EOF
  is ACQUIRED "$(state "$M/kept")"
  matches "lockfs: $dropped" "$(tr -d '\0' <"$M.stderr")"
  exec 7>&-
}

@test "what is published to a mount ends no other holding than its own of that key and token" {
  mount_redis
  channel=$(mount_channels)
  mount_redis "$N"
  exec 7>"$M/.with/hold/kept" 6>"$N/.with/hold/theirs"
  token=$(lock "$M/kept" token)
  theirs=$(lock "$N/theirs" token)
  for word in ENDED GONE REVOKE FREED; do
    publish "$channel" "$word $((token + 1)) kept"
    publish "$channel" "$word $token other"
    # A right one, but of a holding of another mount.
    publish "$channel" "$word $theirs theirs"
  done
  # The mount has read it all when it has been told of a touch, and sent what it had to say before that is answered.
  take "$M/after"
  rm "$N/.with/force/after"
  wait_until gone "$M/after"
  take "$M/after"
  is "$token" "$(lock "$N/kept" token)"
  is "$theirs" "$(lock "$M/theirs" token)"
  echo x >&7
  echo x >&6
  exec 6>&- 7>&-
  # The daemon is told of a close(2) after that has returned.
  wait_until gone "$N/kept"
  wait_until gone "$M/theirs"
}

@test "an event that somebody else published ends no lock that is bound to an open file" {
  mount_redis
  hear "$T/heard" "$M"
  exec 7>"$M/.with/hold/kept" 6>"$M/.with/id=me/plain"
  heard "$T/heard" 'ACQUIRED kept' 'ACQUIRED plain'
  token=$(lock "$M/kept" token)
  for text in "RELEASED 1000000 $token 1000 me\0kept" "FORCE_RELEASED 1000000 $token 1000 me\0kept" \
    'ACQUIRED 1000000 5 1000 me\0kept' 'RELEASED 1000000 5 1000 me\0kept' \
    "RELEASED 1000000 $(lock "$M/plain" token) 1000 me\0plain" 'ACQUIRED 1000000 6 60000 me\0plain'; do
    printf '%b' "$text" | redis_cli -x PUBLISH lockfs#ev >/dev/null
  done
  wait_until grep -q $'ACQUIRED\tplain\tme\t6\t' "$T/heard"
  echo x >&7
  echo x >&6
  is "$token" "$(lock "$M/kept" token)"
  exec 6>&- 7>&-
}

@test "garbage on all channels, under load: no daemon dies, and no lock is lost" {
  allow_words "$dropped"
  mount_redis
  mount_redis "$N"
  hear "$T/heard" "$M"
  exec 7>"$M/.with/hold/kept"
  write_publisher
  # shellcheck disable=SC2046  # two words
  py $(mount_channels) "${daemon_of[$M]}" "${daemon_of[$N]}" <<'EOF'
import random, sys
exec(open(T + "/publisher.py").read())
N = T + "/second"
channels, daemons = sys.argv[1:3] + ["lockfs#ev"], sys.argv[3:]
end = boottime() + 4

def forever(step):
    pid = os.fork()
    if pid:
        return pid
    while boottime() < end:
        outcome(step)
    os._exit(0)

def hold(mount):
    fd = os.open(mount + "/.with/hold,wait=1s/y", os.O_CREAT | os.O_WRONLY)
    time.sleep(0.01)
    os.close(fd)

def lock(mount):
    fd = os.open(mount + "/z", os.O_CREAT | os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        time.sleep(0.002)
    finally:
        os.close(fd)

def cycle(mount):
    os.close(os.open(mount + "/w", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.unlink(mount + "/w")

workers = [forever(lambda: step(mount)) for mount in (M, N) for step in (
    hold, lock, cycle, lambda mount: os.unlink(mount + "/.with/force/y"))]

random.seed(1)
words = ["GRANT", "TOUCH", "ENDED", "GONE", "REVOKE", "FREED", "HELD", "HELD 5 ACQUIRED 1", "ACQUIRED 1000000",
         "RELEASED 1000000", "FORCE_RELEASED 1000000", "EXPIRED", "UNAVAILABLE 1", ""]
abouts = ["x", "0", "-1", "1", "7", "99999999999999999999", "", "0" * 32, "5 1000 me\0", "1795568070484812"]
keys = ["y", "z", "w", "kept", "", "a//b", "/", "..", "k" * 1025, "y\0z", "\xff"]
published = 0
while boottime() < end:
    for _ in range(50):
        text = " ".join((random.choice(words), random.choice(abouts), random.choice(keys)))
        send(random.choice(channels), text.encode("latin-1"))
    for _ in range(50):
        answers.readline()
    published += 50
for pid in workers:
    os.waitpid(pid, 0)
for pid in daemons:
    check("daemon " + pid, os.path.exists("/proc/" + pid), True)
check("a load", published > 1000, True)
print(published, "messages")
EOF
  echo x >&7
  is ACQUIRED "$(state "$M/kept")"
  exec 7>&-
  # The daemon is told of a close(2) after that has returned.
  wait_until gone "$N/kept"
  take "$N/kept"
}

# inotify(7): as inotify.bats, between mounts

# watch_on_other END: a lock that the mount M has, watched on N, ends by END (Python)
watch_on_other() {
  py <<EOF
N = T + "/second"
watch = Inotify()
def take(name, view=""):
    os.close(os.open(M + view + "/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
def ended(name, end, settle=0):
    watch.add(N + "/" + name)
    check(name + ": nothing yet", watch.wait(settle), [])
    end()
    check(name + ": told", watch.wait(5000), ["DELETE_SELF", "IGNORED"])
$(cat)
EOF
}

@test "whoever watches a lock of another mount is told of its end, soon or late" {
  mount_redis
  mount_redis "$N"
  mkdir "$M/dir"
  watch_on_other <<'EOF'
for settle in (0, 1500):
    take("released")
    ended("released", lambda: os.unlink(M + "/released"), settle)
    take("dir/forced")
    ended("dir/forced", lambda: os.unlink(N + "/.with/force/dir/forced"), settle)
    take("dir/forced")
    ended("dir/forced", lambda: os.unlink(M + "/.with/force/dir/forced"), settle)
    held = os.open(M + "/.with/hold/kept", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    ended("kept", lambda: os.close(held), settle)
EOF
  subscribers 0
}

@test "inotify reports the end of a lease that was made longer or shorter on another mount" {
  mount_redis
  mount_redis "$N"
  watch_on_other <<'EOF'
take("expires", "/.with/ttl=2s")
ended("expires", lambda: None)
take("longer", "/.with/ttl=2s")
ended("longer", lambda: os.utime(M + "/.with/ttl=3s/longer"))
take("shorter", "/.with/ttl=1m")
ended("shorter", lambda: os.utime(M + "/.with/ttl=1s/shorter"), 1500)
EOF
}

@test "who takes a lock is told where another mount takes it away" {
  mount_redis
  mount_redis "$N"
  py <<'EOF'
N = T + "/second"
os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
watch = Inotify()
watch.add(M + "/job")
os.unlink(N + "/.with/force/job")
check("told", watch.wait(5000), ["DELETE_SELF", "IGNORED"])
EOF
}

@test "an end that was missed is found when the server is heard again" {
  allow_words "$outage_words"
  mount_redis
  mount_redis "$N"
  py "$redis_cli_command" <<'EOF'
import subprocess, sys
client, = sys.argv[1:]
N = T + "/second"
os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
watch = Inotify()
watch.add(N + "/job")
check("known for a while", watch.wait(1500), [])
# Another client, so that nobody is told.
for command in (["DEL", "lockfs:job", "lockfs#d:job"], ["CLIENT", "KILL", "TYPE", "pubsub"]):
    subprocess.run([client, "-s", T + "/redis.sock"] + command, check=True, stdout=subprocess.DEVNULL)
check("told", watch.wait(5000), ["DELETE_SELF", "IGNORED"])
EOF
}
