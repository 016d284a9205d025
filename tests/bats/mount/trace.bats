# The trace (`-d`): a line for each call to the backend, and for what goes between it and a Redis server.

load ../lib/helper
load ../lib/redis

setup() {
  setup_dirs
  # A daemon that traces into a file of its own, as what it says on its standard error fails a test.
  cat >"$T/traced" <<SCRIPT
#!/bin/bash
exec "$LOCKFS" "\$@" -d 2>>"$T/trace"
SCRIPT
  chmod 755 "$T/traced"
  untraced=$LOCKFS
  LOCKFS=$T/traced
}

time='[0-9]+\.[0-9]{3} ms'

# traced REGEX: it is the whole of a line of the trace
traced() {
  grep -qxE "lockfs: $1" "$T/trace" || fail "no such line: $1" "$(tail -n 40 "$T/trace")"
}

# untold TEXT: it is in no line of the trace
untold() {
  ! grep -F -- "$1" "$T/trace" || fail "the trace tells $1"
}

@test "-d prints each call to the backend with its answer and its time" {
  mount_lockfs
  take "$M/job"
  refute session flock -n "$M/job" true
  touch "$M/job"
  echo content >>"$M/job"
  mkdir "$M/team"
  ls "$M" >"$T/names"
  rm "$M/job"
  rmdir "$M/team"
  unmount_lockfs
  local lock="\([^ ]+@[^ ]+:[0-9]+\) token=[0-9]+ remaining=[0-9.]+"
  traced "start -> OK $time"
  traced "acquire job id=[0-9a-f]{4}… pid=[0-9]+ ttl=default -> OK $lock $time"
  traced "acquire job id=[0-9a-f]{4}… pid=[0-9]+ ttl=default bound exclusive_even_for_me -> EBUSY $lock $time"
  traced "refresh job identity=sess… token=[0-9]+ -> OK $lock $time"
  traced "write job token=[0-9]+ offset=[0-9a-z]+ size=8 -> OK $time"
  traced "make_dir team mode=0755 uid=[0-9]+ gid=[0-9]+ -> OK $time"
  traced "list / -> OK names=2 $time"
  traced "release job identity=sess… token=[a-z0-9]+ -> OK $time"
  traced "remove_dir team -> OK $time"
  traced "close"
}

@test "-d prints a call that waits when it begins, and again when it is answered" {
  mount_lockfs
  take_as_other "$M/job"
  in_background python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$M/.with/wait=20s/job" CREAT,EXCL,WRONLY
  wait_until waits 1 "$M/job"
  traced "acquire job id=[0-9a-f]{4}… pid=[0-9]+ ttl=default exclusive_even_for_me waits"
  rm "$M/.with/force/job"
  ends_with 0 "$pid"
  traced "acquire job id=[0-9a-f]{4}… pid=[0-9]+ ttl=default exclusive_even_for_me waits -> OK .* $time"
}

@test "-d escapes what a terminal would act on" {
  mount_lockfs
  take "$M/"$'no\e[31m\n'
  traced 'acquire no\\033\[31m\\012 id=.* -> OK .*'
}

@test "-d shows no id, whoever gives it, but for its beginning" {
  mount_lockfs -o id=first-secret-id
  take "$M/job"
  take "$M/.with/id=second-secret-id/other"
  refute flock -n "$M/other" true
  stat "$M/other" >"$T/seen"
  rm "$M/.with/id=second-secret-id/other" "$M/job"
  # Not even one that is hardly longer than what would be shown of it.
  take "$M/.with/id=tiny/other"
  rm "$M/.with/id=tiny/other"
  traced "acquire job id=firs… .*"
  traced "acquire other id=seco… .*"
  traced "acquire other id=firs… pid=[0-9]+ ttl=default bound exclusive_even_for_me -> EBUSY \(seco…\) .*"
  traced "acquire other id=ti… .*"
  untold secret
  untold tiny
}

@test "-d shows the scripts that are sent, their replies, and what the server publishes" {
  redis_start
  mount_redis
  take_as_other "$M/job"
  in_background python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$M/.with/wait=20s/job" CREAT,EXCL,WRONLY
  wait_until waits 1 "$M/job"
  rm "$M/.with/force/job"
  ends_with 0 "$pid"
  traced "redis > acquire job id=[0-9a-f]{4}… nonce=[0-9a-f]{4}… ttl=default fallback=300\.000 pid=[0-9]+ uid=[0-9]+( [a-z_]+)*"
  traced "redis < acquire job OK \($time\)"
  traced "redis < acquire job QUEUED \($time\)"
  traced "redis ! GRANT job nonce=[0-9a-f]{4}…"
}

@test "-d shows neither the password of a server nor an id that goes there" {
  redis_start --requirepass server-secret
  export LOCKFS_REDIS_PASSWORD=server-secret REDISCLI_AUTH=server-secret
  mount_redis -o id=first-secret-id
  take "$M/job"
  hear "$T/events" "$M"
  rm "$M/job"
  heard "$T/events" "RELEASED job"
  end_hearers
  redis_cli SET lockfs:other another-secret NX PX 60000 >"$T/set"
  expect EBUSY open "$M/.with/hold/other" CREAT,WRONLY
  expect EBUSY write "$M/other" content
  traced "redis > acquire job id=firs… .*"
  traced "redis ! RELEASED job token=[0-9]+ \(event\)"
  untold secret
}

@test "-d prints no FUSE request, and -o debug no call to the backend" {
  mount_lockfs
  take "$M/job"
  unmount_lockfs
  refute grep -q "unique: .*opcode: " "$T/trace"
  cat >"$T/traced" <<SCRIPT
#!/bin/bash
exec "$untraced" "\$@" -o debug 2>>"$T/debug"
SCRIPT
  mount_lockfs
  take "$M/job"
  unmount_lockfs
  grep -q "unique: .*opcode: CREATE" "$T/debug"
  refute grep -q "acquire job" "$T/debug"
}

@test "without -d nothing is traced" {
  LOCKFS=$untraced
  mount_lockfs
  take "$M/job"
  rm "$M/job"
  is "" "$(<"$M.stderr")"
}

@test "-d and -o debug stay in the foreground" {
  local argument
  for argument in -d -odebug; do
    mkdir -p "$M"
    "$untraced" memory: "$M" "$argument" >"$T/said" 2>&1 3>&- &
    pid=$!
    wait_until answers "$M"
    refute ended "$pid"
    fusermount3 -u "$M"
    ends_with 0 "$pid"
  done
}
