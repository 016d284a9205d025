# Events over Redis: every mount of a namespace hears of all that happens on the others.

load helper
load redis

# What daemons may say where a server goes and comes.
words='(cannot reach )?redis(\+unix)?://[^ ]*(: .*| does not answer| is reached again)'

setup() {
  setup_dirs
  redis_start
  N=$T/second
  O=$T/third
}

teardown() {
  local problems=0
  end_hearers
  end_redis_mounts || problems=1
  redis_end_all || problems=1
  return "$problems"
}

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
        token = attribute(fd, "token")
        os.utime(fd)
        os.close(fd)
        os.close(os.open(M + "/" + key, os.O_CREAT | os.O_WRONLY))
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
  mkdir "$M/dir"
  take "$M/.with/ttl=4s/before" "$M/.with/ttl=4s/dir/before" "$M/.with/ttl=4s/longer" "$M/gone"
  mount_redis "$N"
  hear "$T/1" "$M"
  hear "$T/2" "$N"
  # One that is refreshed meanwhile, and one that is released, do not end so.
  touch -c "$M/.with/ttl=1m/longer"
  rm "$M/gone"
  take "$M/.with/ttl=2s/new"
  for file in 1 2; do
    wait_until has_lines "$T/$file" 6
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
  heard "$T/heard" 'ACQUIRED job'
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
  allow_words "$words"
  # By TCP: over a socket, a client that comes back may have the server end another's connection.
  mount_redis -o timeout=1s "$M" "$(redis_tcp_source)"
  mount_redis -o timeout=1s "$N" "$(redis_tcp_source)"
  hear "$T/heard" "$N"
  take "$M/before"
  heard "$T/heard" 'ACQUIRED before'
  redis_kill
  expect EHOSTDOWN open "$N/job" CREAT,WRONLY
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
  mount_redis
  hear "$T/heard" "$M"
  take "$M/.with/ttl=4s/job"
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  heard "$T/heard" 'ACQUIRED job' 'GAP -' 'EXPIRED job'
}

@test "who opens is not kept longer than the timeout" {
  allow_words "$words"
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
  allow_words "$words"
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
  expect EBUSY open "$M/job" CREAT,WRONLY
  rm "$M/.with/force/job"
  heard "$T/heard" 'UNAVAILABLE job' 'FORCE_RELEASED job'
  is $'some\\040\\012\\134body\t-\t-' "$(head -n 1 "$T/heard" | cut -f 4-)"
}

@test "what others publish is no event, and breaks nothing" {
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

@test "and of the end of its lease, as it is then" {
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
