# Answers of Redis that are lost or come too late: what a caller was told is true, and nothing is left behind.

load ../lib/helper
load ../lib/redis
load ../lib/redis_failure

# Lost answers. The traps are set for requests with the caller's identity in them, or with
# what stands beside a given id in one kind of request, so that the lookup before goes through.

identity() {
  getfattr --absolute-names --only-values -n user.lock.identity "$M"
}

# What a request contains that acquires by a given id: in the packed table, behind the id, the name of the next
# field with its length, a byte 0xa8 (in JSON a lone surrogate, which the proxy turns back into that byte).
acquires_as() {
  printf '%s%s\n' "$1" '\udca8identity'
}

# What a request contains that releases by a given id: no identity, and no token.
releases_as() {
  printf '%s%s\n' "$1" '\r\n$0\r\n\r\n$0\r\n\r\n'
}

# lost_acquisition PATH TEXT TRAP [MORE]: the creation of PATH is answered ETIMEDOUT in time
lost_acquisition() {
  local path=$1 text=$2 answer took
  shift 2
  for _ in 1 2 3; do
    trap_at "$text" "$@"
    read -r answer took <<<"$(call timed open "$path" CREAT,EXCL,WRONLY)"
    # A daemon that the machine kept from giving up until a held request was answered
    # has lost nothing. A trap is sprung again only by another text.
    [[ $answer == OK && $took -ge $timeout ]] || break
    rm "$path"
    : >"$T/proxy"
    text=${text#?}
  done
  is ETIMEDOUT "$answer"
  sprung || fail "the trap was not sprung"
  ((took <= limit)) || fail "it took $took ms"
}

# lost_by_everybody TRAP [MORE]: a session's and a given id's
lost_by_everybody() {
  proxy_start
  lost_acquisition "$M/session" "$(identity)" "$@"
  if [[ $1 == stop ]]; then redis_thaw; fi
  mended
  wait_until 2 nobody_holds lockfs:session
  : >"$T/proxy"
  lost_acquisition "$M/.with/id=alice/given" "$(acquires_as alice)" "$@"
  if [[ $1 == stop ]]; then redis_thaw; fi
  mended
  wait_until 2 nobody_holds lockfs:given
  # Nor do they come late.
  never_held 3 lockfs:session
  is 0 "$(redis_cli EXISTS lockfs:given)"
  is "" "$(redis_cli KEYS 'lockfs#d:*')"
  # All of it can be had again.
  take "$M/session" "$M/.with/id=alice/given"
}

@test "an acquisition whose answer is lost is undone" {
  lost_by_everybody mute
}

@test "an acquisition that arrives late is undone" {
  lost_by_everybody hold '"ms": 2500'
}

@test "an acquisition that arrives late, but before the mount gave up hope, is undone" {
  lost_by_everybody hold '"ms": 1050'
}

@test "an acquisition cut off is undone" {
  lost_by_everybody cut
}

@test "an acquisition that a frozen server finds later is undone" {
  lost_by_everybody stop '"pid": '"${redis_pid[redis]}"
}

@test "an acquisition of a given id is undone, not what the id held before" {
  proxy_start
  take "$M/.with/id=alice/job"
  token=$(lock "$M/job" token)
  lost_acquisition "$M/.with/id=alice/other" "$(acquires_as alice)" mute
  mended
  wait_until 2 nobody_holds lockfs:other
  is "$token" "$(lock "$M/job" token)"
}

@test "undoing does not touch what the same id, or another, took since" {
  proxy_start
  lost_acquisition "$M/.with/id=alice/job" "$(acquires_as alice)" hold '"ms": 2500'
  redis_cli DEL lockfs:job >/dev/null
  take "$N/.with/id=alice/job"
  token=$(lock "$N/job" token)
  wait_until delivered
  mended
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  is "$token" "$(lock "$N/job" token)"
  : >"$T/proxy"
  lost_acquisition "$M/two" "$(identity)" hold '"ms": 2500'
  take_as_other "$N/two"
  token=$(lock "$N/two" token)
  wait_until delivered
  mended
  is UNAVAILABLE "$(state "$M/two")"
  is "$token" "$(lock "$N/two" token)"
}

# An acquisition by an id on a mount that is cut off with its answer, and what that id
# is told meanwhile on the other mount: whoever is told that he holds the lock keeps it.

# lost_and_away: the creation on $M is answered ETIMEDOUT, and $M reaches the server no more
lost_and_away() {
  proxy_start
  lost_acquisition "$M/.with/id=alice/job" "$(acquires_as alice)" mute '"away": true'
  is 1 "$(redis_cli EXISTS lockfs:job)" || fail "the acquisition did not arrive"
}

# keeps_job: what would be undone by $M, once it is back, is held still, and by nobody else
keeps_job() {
  local token
  token=$(redis_cli HGET lockfs#d:job token)
  orders '{}'
  mended
  never_lost "$token"
  expect EEXIST @session open "$N/job" CREAT,EXCL,WRONLY
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  rm "$N/.with/id=alice/job"
  gone "$N/job"
}

@test "a holder that was told EEXIST in a view of its own locks keeps what another mount would undo" {
  lost_and_away
  expect EEXIST open "$N/.with/id=alice,wait=10s/job" CREAT,EXCL,WRONLY
  keeps_job
}

@test "a holder whose exclusive creation was refused as its own keeps what another mount would undo" {
  lost_and_away
  expect EEXIST open "$N/.with/id=alice/job" CREAT,EXCL,WRONLY
  keeps_job
}

@test "a holder that refreshed keeps what another mount would undo" {
  lost_and_away
  touch "$N/.with/id=alice/job"
  keeps_job
}

@test "a holder that refreshed by the handle of its lock keeps what another mount would undo" {
  local id
  proxy_start
  lost_acquisition "$M/job" "$(identity)" mute '"away": true'
  id=$(redis_cli GET lockfs:job)
  touch "$N/.with/id=$id,ttl=90s/job"
  token=$(lock "$N/job" token)
  orders '{}'
  mended
  never_lost "$token"
  is ACQUIRED "$(state "$N/.with/id=$id/job")"
}

@test "a holder that set the lease by its attribute keeps what another mount would undo" {
  lost_and_away
  setfattr -n user.lock.ttl -v 90s "$N/.with/id=alice/job"
  keeps_job
}

@test "a holder that opened its lock for writing keeps what another mount would undo" {
  lost_and_away
  exec 7<>"$N/.with/id=alice/job"
  token=$(lock "$N/job" token)
  orders '{}'
  mended
  never_lost "$token"
  echo words >&7
  is words "$(cat "$N/job")"
  exec 7>&-
}

@test "a holder that truncated its lock by path keeps what another mount would undo" {
  lost_and_away
  truncate -s 3 "$N/.with/id=alice/job"
  keeps_job
}

@test "a holder that emptied its lock by opening it keeps what another mount would undo" {
  lost_and_away
  echo words >"$N/.with/id=alice/job"
  keeps_job
  take "$N/job"
}

@test "a holder that read the state ACQUIRED keeps what another mount would undo" {
  lost_and_away
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  keeps_job
}

@test "an acquisition whose answer was lost is undone though others looked at the lock" {
  lost_and_away
  is UNAVAILABLE "$(state "$N/job")"
  is UNAVAILABLE "$(state "$N/.with/id=bob/job")"
  expect EEXIST open "$N/job" CREAT,EXCL,WRONLY
  expect EBUSY open "$N/.with/id=bob/job" CREAT,WRONLY
  expect OK open "$N/job" CREAT,WRONLY,TRUNC
  expect EBUSY write "$N/job" words
  expect EPERM utime "$N/job"
  ls -l "$N" >"$T/list"
  cat "$N/job"
  orders '{}'
  mended
  gone "$N/job"
  take_as_other "$N/job"
}

# A mount that may not write cannot see to it that the lock is kept.
@test "a mount that may only read says ACQUIRED of an acquisition that cannot be undone, and of no other" {
  set_rights '~*' '&*' +@read +@connection +@pubsub +@scripting +info +client +time
  mount_redis -o ro "$O" "$(weak_source)"
  lost_and_away
  is UNAVAILABLE "$(state "$O/.with/id=alice/job")"
  touch "$N/.with/id=alice/job"
  is ACQUIRED "$(state "$O/.with/id=alice/job")"
  keeps_job
  take "$N/.with/id=bob/other"
  echo words >"$N/.with/id=bob/other"
  is ACQUIRED "$(state "$O/.with/id=bob/other")"
}

@test "a read-only mount that says ACQUIRED keeps what another mount would undo" {
  mount_redis -o ro "$O"
  lost_and_away
  is ACQUIRED "$(state "$O/.with/id=alice/job")"
  keeps_job
}

# waiting_for_job VIEW: the holder of the session of the test has the job, and on $M id alice waits for it
waiting_for_job() {
  timeout=3000 proxy_start
  take "$N/job"
  in_background python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$M/.with/$1/job" CREAT,WRONLY >"$T/waiter"
  waiter=$pid
  wait_until waits 1 "$N/job"
}

handed_to_alice() {
  [[ $(redis_cli GET lockfs:job) == alice && -z $(redis_cli HGET lockfs#d:job granted) ]]
}

@test "a waiter whose confirmation was not answered gets the lock that its id was told of elsewhere" {
  waiting_for_job id=alice,wait=1m
  trap_at "$(acquires_as alice)" cut '"away": true'
  rm "$N/job"
  wait_until handed_to_alice
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  token=$(lock "$N/job" token)
  wait_until test -s "$M.stderr"
  orders '{}'
  mended
  wait_until ended "$waiter"
  is OK "$(cat "$T/waiter")"
  is "$token" "$(lock "$N/job" token)"
  expect EEXIST @session open "$N/job" CREAT,EXCL,WRONLY
}

@test "a waiter that gives up after its confirmation was not answered leaves the lock to its id that was told" {
  waiting_for_job id=alice,wait=1m
  trap_at "$(acquires_as alice)" mute '"away": true'
  rm "$N/job"
  wait_until handed_to_alice
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  kill -KILL "$waiter"
  wait_until ended "$waiter"
  wait_until grep -q "does not answer" "$M.stderr"
  keeps_job
}

@test "a waiter that gives up after its confirmation was not answered leaves no lock" {
  waiting_for_job id=alice,wait=1m
  trap_at "$(acquires_as alice)" mute '"away": true'
  rm "$N/job"
  wait_until handed_to_alice
  is UNAVAILABLE "$(state "$N/job")"
  kill -KILL "$waiter"
  wait_until ended "$waiter"
  wait_until grep -q "does not answer" "$M.stderr"
  orders '{}'
  mended
  wait_until gone "$N/job"
}

@test "what a mount is about to undo is held by nobody there, and by nobody is it kept" {
  waiting_for_job id=alice,wait=1m
  allow_words "$outage_words|redis://[^ ]* refuses: NOREPLICAS.*"
  trap_at "$(acquires_as alice)" late '"ms": 900'
  rm "$N/job"
  wait_until handed_to_alice
  # The waiter ends before the answer comes, and the server does not let it be undone.
  kill -KILL "$waiter"
  wait_until ended "$waiter"
  redis_cli CONFIG SET min-replicas-to-write 1 >/dev/null
  orders '{}'
  wait_until grep -q NOREPLICAS "$M.stderr"
  is UNAVAILABLE "$(state "$M/.with/id=alice/job")"
  redis_cli CONFIG SET min-replicas-to-write 0 >/dev/null
  wait_until gone "$N/job"
}

# The message comes by another connection, and so before the answer about which it is.
@test "a forced release that overtakes the answer of its acquisition ends that holding" {
  proxy_start
  trap_at "$(acquires_as alice)" late '"ms": 400'
  py "$N" <<'PY'
import subprocess, sys
N, = sys.argv[1:]
freed = subprocess.Popen(["sh", "-c", 'until [ -e "$0/job" ]; do :; done; rm "$0/.with/force/job" && cat /proc/uptime', N],
                         stdout=subprocess.PIPE)
began = boottime()
fd = os.open(M + "/.with/hold,id=alice,ttl=1h/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
poll = select.poll()
poll.register(fd, 0)
check("poll", poll.poll(5000), [(fd, select.POLLERR | select.POLLHUP)])
check("write", outcome(os.pwrite, fd, b"x", 0), "ESTALE")
uptime, _ = freed.communicate()
check("release", freed.returncode, 0)
# It has steps of 10 ms.
check("not free before its holder can know", float(uptime.split()[0]) >= began + 0.39, True)
check("path", outcome(os.stat, N + "/job"), "ENOENT")
PY
}

@test "who was told ETIMEDOUT may try again, and keeps what was acquired then" {
  proxy_start
  lost_acquisition "$M/job" "$(identity)" mute
  wait_until 2 take_again
  is ACQUIRED "$(state "$M/job")"
  token=$(lock "$M/job" token)
  sleep 1
  is "$token" "$(lock "$M/job" token)"
}

take_again() {
  [[ $(call open "$M/job" CREAT,EXCL,WRONLY) == OK ]]
}

@test "a mount that ends at once after a lost acquisition undoes it" {
  proxy_start
  lost_acquisition "$M/job" "$(identity)" mute
  forget_and_unmount "$M"
  is 0 "$(redis_cli EXISTS lockfs:job)"
}

# late_release PATH HOW: an unlink that is answered ETIMEDOUT, and arrives after
# the lock was released and taken anew
late_release() {
  local path=$1
  trap_at "$2" hold '"ms": 3000'
  expect ETIMEDOUT unlink "$path"
  sprung || fail "the trap was not sprung"
  orders '{}'
}

@test "an unlink that was answered ETIMEDOUT does not release a later holding of the session" {
  proxy_start
  take "$M/job"
  late_release "$M/job" "$(identity)"
  mended
  if [[ $(call stat "$M/job") != ENOENT ]]; then
    rm "$N/.with/force/job"
  fi
  take "$M/job"
  token=$(lock "$M/job" token)
  wait_until delivered
  never_lost "$token"
}

# For half a second, which is long after it was delivered.
never_lost() {
  local end=$(($(now_ms) + 500))
  while (($(now_ms) < end)); do
    is "$1" "$(lock "$N/job" token)" || return
  done
}

@test "an unlink that was answered ETIMEDOUT does not release a later holding of the same id" {
  proxy_start
  take "$M/.with/id=alice/job"
  late_release "$M/.with/id=alice/job" "$(releases_as alice)"
  # Elsewhere, while the mount that lost its answer does not even know yet.
  rm "$N/.with/force/job"
  take "$N/.with/id=alice/job"
  token=$(lock "$N/job" token)
  wait_until delivered
  never_lost "$token"
}

@test "an unlink whose answer is lost has released, or has not: it can be repeated" {
  proxy_start
  take "$M/job"
  trap_at "$(identity)" mute
  expect ETIMEDOUT unlink "$M/job"
  mended
  matches 'OK|ENOENT' "$(call unlink "$M/job")"
  gone "$M/job"
  is "" "$(redis_cli KEYS 'lockfs#d:*')"
}

@test "a refresh whose answer is lost can be repeated" {
  proxy_start
  take "$M/job"
  trap_at "$(identity)" mute
  expect ETIMEDOUT utime "$M/job"
  mended
  touch "$M/job"
  remains "$M/job" 295000 300000
}

# Conversions

# lost_conversion FROM TO TEXT TRAP [MORE]: descriptor 7 is locked by flock FROM; the answer of converting it by TO is
# lost. TEXT is an end of the word `replaces`, another one each time, as a trap is sprung again only by another text.
lost_conversion() {
  local from=$1 to=$2 text=$3
  shift 3
  exec 7<>"$M/job"
  flock "$from" -n 7
  trap_at "$text" "$@"
  refute flock "$to" -n 7
  sprung || fail "the trap was not sprung"
}

# lost_call CALL: `CALL tmp job` is answered ETIMEDOUT, as its answer is lost
lost_call() {
  local answer took
  trap_at "$(identity)" mute
  read -r answer took <<<"$(call timed "$1" "$M/tmp" "$M/job")"
  is ETIMEDOUT "$answer"
  sprung || fail "the trap was not sprung"
  ((took <= limit)) || fail "it took $took ms"
  mended
}

@test "a link whose answer is lost is undone, and the linked lock stays as it is" {
  proxy_start
  take_with text "$M/tmp"
  token=$(lock "$N/tmp" token)
  lost_call link
  wait_until 2 nobody_holds lockfs:job
  never_held 3 lockfs:job
  is "$token text 1" "$(lock "$N/tmp" token) $(cat "$M/tmp") $(stat -c %h "$M/tmp")"
  expect OK link "$M/tmp" "$M/job"
  is 2 "$(stat -c %h "$N/tmp")"
}

@test "a rename whose answer is lost costs the lock, is told to its open files, and leaves nothing behind" {
  proxy_start
  exec 7>"$M/tmp"
  flock 7
  echo text >&7
  # The lock of the open file is that of the session that renames it.
  lost_call rename
  wait_until 2 nobody_holds lockfs:job
  wait_until nobody_holds lockfs:tmp
  never_held 3 lockfs:job
  (echo more >&7) 2>"$T/err" && fail "written without the lock"
  contains "Stale file handle" "$(cat "$T/err")"
  exec 7>&-
  is "" "$(redis_cli KEYS 'lockfs#d:*')"
  take "$N/tmp" "$N/job"
}

@test "a conversion whose answer is lost costs the lock, and leaves nothing behind: others can have it" {
  local case
  proxy_start
  for case in '-s -x replaces mute' '-x -s eplaces mute' '-s -x places cut' '-x -s laces cut'; do
    # shellcheck disable=SC2086
    lost_conversion $case
    mended
    wait_until 4 gone "$N/job"
    py <<'PY'
check("read", outcome(os.pread, 7, 10, 0), "ESTALE")
PY
    # Nor is it there again later.
    never_held 1 lockfs:job
    is "" "$(redis_cli KEYS 'lockfs#[dhHo]:*')"
    take "$N/job"
    rm "$N/job"
    exec 7<&-
    : >"$T/proxy"
  done
}

@test "a holder who shares with others since its lost conversion from exclusive is told that it lost the lock" {
  proxy_start
  exec 7<>"$M/job"
  flock -x -n 7
  trap_at replaces mute '"away": true'
  refute flock -s -n 7
  sprung || fail "the trap was not sprung"
  take "$N/.with/shared,id=other/job"
  orders '{}'
  mended
  wait_until 4 shared_by_one
  py <<'PY'
check("read", outcome(os.pread, 7, 10, 0), "ESTALE")
PY
  exec 7<&-
  is 1 "$(lock "$N/job" holders)"
  rm "$N/.with/id=other/job"
  gone "$N/job"
}

shared_by_one() {
  is 1 "$(lock "$N/job" holders)"
}
