# Leases: how long, refreshed by whom, and exactly when they end.

load ../lib/helper

# lease_is FILE SECONDS: what is printed, and it fits what remains and expires
lease_is() {
  is "$2" "$(lock "$1" ttl)"
  remains "$1" $(($(ms "$2") - 8000)) "$(ms "$2")"
}

@test "the default lease is five minutes" {
  take "$M/job"
  lease_is "$M/job" 300.000
}

@test "a mount's ttl= is the lease of its locks" {
  mount_lockfs -o ttl=45s "$T/second"
  take "$T/second/job"
  lease_is "$T/second/job" 45.000
}

@test "a mount with ttl=never has locks that never expire" {
  mount_lockfs -o ttl=never "$T/second"
  take "$T/second/job"
  is never "$(lock "$T/second/job" ttl)"
  is never "$(lock "$T/second/job" remaining)"
  is never "$(lock "$T/second/job" expires)"
}

@test "durations are understood in every unit and printed in seconds" {
  while read -r written printed; do
    take "$M/.with/ttl=$written/job"
    is "$printed" "$(lock "$M/job" ttl)"
    rm "$M/job"
  done <<'LIST'
    4250ms 4.250
    30s 30.000
    5m 300.000
    2h 7200.000
    1d 86400.000
    7 7.000
    7.5 7.500
    20.125 20.125
    20.1259 20.125
    0030s 30.000
    3650d 315360000.000
LIST
  take "$M/.with/ttl=never/job"
  is never "$(lock "$M/job" ttl)"
}

# A server's answer may take longer than that, and is no acquisition then.
@test "a lease of one millisecond is a lease" {
  local answer
  answer=$(call open "$M/.with/ttl=1ms/job" CREAT,EXCL,WRONLY)
  is_late "$answer" ETIMEDOUT || is OK "$answer"
  wait_until gone "$M/job"
}

@test "bad leases are refused where they are named and take nothing" {
  for ttl in 0 0s 0ms 0.0 0.0009 -1 -5s 3651d 315360001 99999999999999999999 184467440737095517s \
    18446744073709551617ms 1e3 0x10 5x 5mm 5S 's' ' 5s' '5s ' '5 s' .5 5. 1.5s forever Never NEVER nan inf +5s ''; do
    expect EINVAL open "$M/.with/ttl=$ttl/job" CREAT,EXCL,WRONLY
  done
  gone "$M/job"
}

@test "bad leases are refused in a refresh and change nothing" {
  take "$M/job"
  before=$(snapshot "$M/job")
  for ttl in 0 0s -1 3651d 99999999999999999999 5x ' 5s' .5 forever never '' $'5s\n' '5s 6s'; do
    expect EINVAL setxattr "$M/job" user.lock.ttl "$ttl"
  done
  unchanged "$before" "$M/job"
}

# A lease is checked against two clock readings round the acquisition: who asks
# before the one must see the lock, who asks after the other must not.
@test "a lock is gone for every observer at its instant, not before and not after" {
  py <<'PY'
path = M + "/.with/ttl=2s/job"
early = boottime()
os.close(os.open(path, os.O_CREAT | os.O_EXCL))
late = boottime()
looks = 0
while True:
    asked = boottime()
    answer = outcome(os.stat, M + "/job")
    answered = boottime()
    if answered < early + 1.999 and answer == "ENOENT":
        sys.exit("gone %.4f s before its end" % (early + 2 - answered))
    if asked > late + 2.001:
        check("stat after the end", answer, "ENOENT")
        check("readdir after the end", os.listdir(M), [])
        check("unlink after the end", outcome(os.unlink, M + "/job"), "ENOENT")
        break
    looks += 1
if looks < 10:
    sys.exit("looked only %d times" % looks)
PY
}

@test "many leases end each at its own instant" {
  py <<'PY'
import random
random.seed(4)
ends = {}
for n in range(200):
    ms = random.randrange(100, 700)
    name = "job%d" % n
    early = boottime()
    if take_brief("%s/.with/ttl=%dms/%s" % (M, ms, name)):
        ends[name] = (early + ms / 1000, boottime() + ms / 1000)
while ends:
    asked = boottime()
    seen = set(os.listdir(M))
    answered = boottime()
    for name, (early, late) in list(ends.items()):
        if name in seen and asked > late + 0.001:
            sys.exit("%s listed %.4f s after its end" % (name, asked - late))
        if name not in seen:
            if answered < early - 0.001:
                sys.exit("%s gone %.4f s before its end" % (name, early - answered))
            del ends[name]
PY
}

@test "an expired lock is free for all: taken anew by its old holder, or by another" {
  for who in take take_as_other; do
    take_brief "$M/.with/ttl=60ms/job"
    token=$(lock "$M/job" token) || token=0  # gone already, on a slow machine
    wait_until gone "$M/job"
    is "" "$(call list "$M")"
    "$who" "$M/job"
    (($(lock "$M/job" token) > token))
    is 300.000 "$(lock "$M/job" ttl)"
    rm "$M/.with/force/job"
  done
}

@test "an expired lock can be neither refreshed nor released" {
  take_brief "$M/.with/ttl=60ms/job"
  wait_until gone "$M/job"
  expect ENOENT utime "$M/job"
  expect ENOENT setxattr "$M/job" user.lock.ttl 30s
  expect ENOENT unlink "$M/job"
  gone "$M/job"
}

@test "touch on an expired lock fails with ENOLCK: it neither brings it back nor acquires" {
  take "$M/job"
  shorten "$M/job" 10ms
  wait_until gone "$M/job"
  for path in "$M/job" "$M/.with/ttl=20s/job" "$M/.with/ttl=never/job" "$M/.with/force/job"; do
    run -1 touch "$path"
    is "touch: setting times of '$path': No locks available" "$output"
    gone "$M/job"
  done
}

@test "touch on an expired lock acquires anew in a view in which creation acquires; it does not bring back the old one" {
  take "$M/job"
  token=$(lock "$M/job" token)
  shorten "$M/job" 10ms
  wait_until gone "$M/job"
  touch "$M/.with/wait=0/job"
  (($(lock "$M/job" token) > token))
}

@test "changing times refreshes: the lease counts anew from now" {
  take "$M/.with/ttl=20s/job"
  for way in "touch" "touch -m" "touch -a" "touch -d 2001-01-01" "call utime"; do
    wait_until eval '(( $(ms "$(lock "$M/job" remaining)") < 19800 ))'
    expires=$(lock "$M/job" expires)
    start=$(now_ms)
    $way "$M/job"
    left=$(ms "$(lock "$M/job" remaining)")
    passed=$(($(now_ms) - start))
    ((left >= 20000 - passed - 2 && left <= 20000)) || fail "$way: $left ms remain, $passed ms after it began"
    [[ $(lock "$M/job" expires) > $expires ]] || fail "$way: expires did not move"
    is 20.000 "$(lock "$M/job" ttl)"
  done
}

@test "a refresh keeps token, acquisition and content, and moves mtime to now" {
  take_with words "$M/job"
  token=$(lock "$M/job" token) acquired=$(lock "$M/job" acquired) changed=$(stat -c %.3Z "$M/job")
  sleep 0.05
  start=$(now_ms)
  touch "$M/job"
  is "$token" "$(lock "$M/job" token)"
  is "$acquired" "$(lock "$M/job" acquired)"
  is "$changed" "$(stat -c %.3Z "$M/job")"
  is words "$(cat "$M/job")"
  modified=$(stat -c %.3Y "$M/job")
  ((${modified/./} >= start && ${modified/./} <= $(now_ms)))
}

@test "after a refresh the lock ends at the new end" {
  py <<'PY'
os.close(os.open(M + "/.with/ttl=2s/job", os.O_CREAT | os.O_EXCL))
time.sleep(0.2)
early = boottime()
os.utime(M + "/job")
late = boottime()
while True:
    asked = boottime()
    answer = outcome(os.stat, M + "/job")
    if boottime() < early + 1.999:
        if answer == "ENOENT":
            sys.exit("gone at the old end")
    elif asked > late + 2.001:
        check("stat after the end", answer, "ENOENT")
        break
PY
}

@test "setting user.lock.ttl refreshes with a new lease, longer or shorter" {
  take "$M/job"
  for ttl in 1h 10s 2.5; do
    setfattr -n user.lock.ttl -v "$ttl" "$M/job"
    case $ttl in
      1h) lease_is "$M/job" 3600.000 ;;
      10s) lease_is "$M/job" 10.000 ;;
      *) is 2.500 "$(lock "$M/job" ttl)" ;;
    esac
  done
  setfattr -n user.lock.ttl -v 10s "$M/job"
  shorten "$M/job" 1ms
  wait_until gone "$M/job"
}

@test "touch through a view refreshes with the lease of the view" {
  take "$M/job"
  touch "$M/.with/ttl=50s/job"
  lease_is "$M/job" 50.000
  touch "$M/job"
  lease_is "$M/job" 50.000
  touch "$M/.with/ttl=1h/job"
  lease_is "$M/job" 3600.000
}

@test "touch of one's own lock takes the lock's own lease, not the mount's" {
  take "$M/.with/ttl=40s/job"
  touch "$M/job"
  lease_is "$M/job" 40.000
}

@test "a refresh of a free lock fails with ENOENT and takes nothing" {
  expect ENOENT utime "$M/job"
  expect ENOENT setxattr "$M/job" user.lock.ttl 30s
  gone "$M/job"
}

@test "a refresh of another's lock fails with EPERM and changes nothing" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  left=$(ms "$(lock "$M/job" remaining)")
  expect EPERM utime "$M/job"
  expect EPERM utime "$M/job" 1000000000
  expect EPERM setxattr "$M/job" user.lock.ttl 1h
  expect EPERM setxattr "$M/.with/ttl=1h/job" user.lock.ttl 1ms
  expect EPERM utime "$M/.with/ttl=1h/job"
  run -1 touch "$M/job"
  is "touch: setting times of '$M/job': Operation not permitted" "$output"
  unchanged "$before" "$M/job"
  (($(ms "$(lock "$M/job" remaining)") <= left))
}

@test "a refresh through a handle fails with ENOLCK while the lock is free, with EPERM while another has it, and refreshes one's own" {
  py <<'PY'
path = M + "/job"
def refresh(handle):
    return [outcome(os.utime, handle), outcome(os.setxattr, handle, "user.lock.ttl", b"50s")]
for flags in os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND:
    handle = os.open(path, os.O_CREAT | flags)
    check("free", refresh(handle), ["ENOLCK", "ENOLCK"])
    check("takes nothing", outcome(os.stat, path), "ENOENT")
    in_child(lambda: do_open(path, "CREAT,EXCL,WRONLY"), session=True)
    before = snapshot(path)
    check("another's", refresh(handle), ["EPERM", "EPERM"])
    check("unchanged", snapshot(path), before)
    os.unlink(M + "/.with/force/job")
    do_open(M + "/.with/ttl=20s/job", "CREAT,EXCL,WRONLY")
    token, expires = attribute(path, "token"), attribute(path, "expires")
    while attribute(path, "remaining") > "19.990":
        pass
    check("one's own", outcome(os.utime, handle), "OK")
    check("expires later", attribute(path, "expires") > expires, True)
    check("ttl", attribute(path, "ttl"), "20.000")
    check("one's own, by attribute", refresh(handle), ["OK", "OK"])
    check("ttl set", [attribute(path, "ttl"), attribute(path, "token")], ["50.000", token])
    os.unlink(path)
    check("free again", refresh(handle), ["ENOLCK", "ENOLCK"])
    os.close(handle)
PY
}

@test "a lock that never expires: printed so, and a refresh fails with ENOTSUP" {
  take "$M/.with/ttl=never/job"
  before=$(snapshot "$M/job")
  is "never never never" "$(lock "$M/job" ttl) $(lock "$M/job" remaining) $(lock "$M/job" expires)"
  expect ENOTSUP utime "$M/job"
  expect ENOTSUP setxattr "$M/job" user.lock.ttl 30s
  expect ENOTSUP utime "$M/.with/ttl=30s/job"
  run touch "$M/job"
  is 1 "$status"
  contains "Operation not supported" "$output"
  unchanged "$before" "$M/job"
}

@test "another's attempts give a lock that never expires no lease" {
  take_as_other "$M/.with/ttl=never/job"
  before=$(snapshot "$M/job")
  expect EEXIST open "$M/.with/ttl=1s/job" CREAT,EXCL,WRONLY
  expect OK open "$M/.with/ttl=1s/job" CREAT,WRONLY
  expect EBUSY open "$M/.with/hold,ttl=1s/job" CREAT,WRONLY
  expect EPERM utime "$M/job"
  expect EPERM setxattr "$M/job" user.lock.ttl 1s
  expect EPERM unlink "$M/job"
  unchanged "$before" "$M/job"
  is never "$(lock "$M/job" ttl)"
}

@test "another's attempts neither extend nor shorten a lease" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  expect EEXIST open "$M/.with/ttl=1s/job" CREAT,EXCL,WRONLY
  expect EBUSY open "$M/.with/hold,ttl=1d/job" CREAT,WRONLY
  expect OK open "$M/.with/ttl=1d/job" CREAT,WRONLY
  expect OK open "$M/.with/ttl=1d/job" CREAT,RDONLY
  unchanged "$before" "$M/job"
}

@test "the holder's creation through a view with another lease does not change the lease" {
  take "$M/job"
  before=$(snapshot "$M/job")
  : >>"$M/.with/ttl=1s/job"
  : >>"$M/.with/wait=0,ttl=1s/job"
  unchanged "$before" "$M/job"
}

@test "never can be had only by acquiring" {
  take "$M/job"
  before=$(snapshot "$M/job")
  expect EINVAL setxattr "$M/job" user.lock.ttl never
  expect EINVAL utime "$M/.with/ttl=never/job"
  unchanged "$before" "$M/job"
}

@test "touch acquires a lock that never expires in a view in which creation acquires, and then cannot refresh it" {
  touch "$M/.with/wait=0,ttl=never/job"
  is never "$(lock "$M/job" ttl)"
  before=$(snapshot "$M/job")
  for view in ttl=never wait=0,ttl=never; do
    run -1 touch "$M/.with/$view/job"
    contains "setting times of '$M/.with/$view/job'" "$output"
  done
  unchanged "$before" "$M/job"
}

@test "only the process that acquired may set times of a lock that never expires, while it is open" {
  py <<'PY'
path = M + "/.with/ttl=never/job"
fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
before = snapshot(M + "/job")
check("its own descriptor", outcome(os.utime, fd), "OK")
check("another process", in_child(lambda: os.utime(M + "/job")), "ENOTSUP")
check("another session", in_child(lambda: os.utime(M + "/job"), session=True), "EPERM")
os.close(fd)
check("after the close", outcome(os.utime, M + "/job"), "ENOTSUP")
check("nothing changed", snapshot(M + "/job"), before)
PY
}

@test "what remains falls steadily, and expires is what acquired and ttl add up to" {
  take "$M/.with/ttl=30s/job"
  first=$(ms "$(lock "$M/job" remaining)")
  sleep 0.05
  second=$(ms "$(lock "$M/job" remaining)")
  ((second <= first - 50 && second > first - 5000)) || fail "$first, then $second"
  acquired=$(date -d "$(lock "$M/job" acquired)" +%s%3N)
  expires=$(date -d "$(lock "$M/job" expires)" +%s%3N)
  is 30000 $((expires - acquired))
}

@test "a time that is given refreshes, and stat shows it until the next refresh" {
  local time expires
  take "$M/.with/ttl=30s/job"
  expires=$(lock "$M/job" expires)
  nap 0.05
  touch -d '2001-02-03T04:05:06.789123Z' "$M/job"
  is "981173106.789000000" "$(stat -c %.9Y "$M/job")"
  [[ $(lock "$M/job" expires) > $expires ]] || fail "not later than $expires"
  is 30.000 "$(lock "$M/job" ttl)"
  for time in -2208988800.001 -0.5 0.25 16725225600.999 99999999999; do
    touch -d "@$time" "$M/job"
    is "$(printf '%.3f' "$time")" "$(stat -c %.3Y "$M/job")"
  done
  touch -d @1700000000.2509 "$T/file"
  touch -r "$T/file" "$M/job"
  is 1700000000.251 "$(stat -c %.3Y "$M/job")"
  # Setting the access time alone is a refresh, too.
  touch -a -d @1 "$M/job"
  (($(date +%s) - $(stat -c %Y "$M/job") < 60)) || fail "$(stat -c %y "$M/job")"
  touch -d @1 "$M/job"
  touch "$M/job"
  (($(date +%s) - $(stat -c %Y "$M/job") < 60)) || fail "$(stat -c %y "$M/job")"
  touch -d @1 "$M/job"
  setfattr -n user.lock.ttl -v 20s "$M/job"
  (($(date +%s) - $(stat -c %Y "$M/job") < 60)) || fail "$(stat -c %y "$M/job")"
}

@test "only the holder may give a lock a time" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  refute touch -c -d @1 "$M/job"
  expect EPERM utime "$M/job"
  unchanged "$before" "$M/job"
  expect ENOENT utime "$M/free"
}
