# `.stats`: what a mount counts, for Prometheus.

load ../lib/helper
load ../lib/redis

setup() {
  setup_dirs
}

# value NAME [LABELS] [DIR]: of one line of `.stats`, such as operations_total 'operation="read",result="OK"'
value() {
  local name=lockfs_$1${2:+\{$2\}}
  cat "${3:-$M}/.stats" >"$T/stats"
  awk -v name="$name" 'substr($0, 1, length(name) + 1) == name " " { print $NF }' "$T/stats"
}

# counts OPERATION RESULT
counts() {
  value operations_total "operation=\"$1\",result=\"$2\""
}

# accepted DIR: by the program that reads it elsewhere, without a word
accepted() {
  cat "$1/.stats" >"$T/stats"
  run promtool check metrics <"$T/stats"
  is "0 " "$status $output"
}

@test "promtool accepts .stats, whatever has happened" {
  mount_lockfs -o 'namespace=a"b\\c'
  contains 'namespace="a\"b' "$(cat "$M/.stats")"
  accepted "$M"
  unmount_lockfs
  mount_lockfs
  accepted "$M"
  take "$M/job"
  expect EBUSY @session open "$M/.with/hold/job" CREAT,WRONLY
  expect ENOENT unlink "$M/none"
  exec 7>"$M/.with/hold/kept"
  cat "$M/.events" >/dev/null 3>&- 7>&- &
  hearers+=($!)
  wait_until is_hearing $!
  accepted "$M"
  end_hearers
  exec 7>&-
}

@test "operations are counted by kind and result, with how long they took" {
  mount_lockfs
  is 0 "$(counts acquire OK)"
  is "" "$(counts acquire EBUSY)"
  take "$M/job"
  is 1 "$(counts acquire OK)"
  # An open acquires nothing.
  expect OK open "$M/free" CREAT,WRONLY
  expect OK @session open "$M/job" CREAT,RDWR
  is "1 " "$(counts acquire OK) $(counts acquire EBUSY)"
  touch "$M/job"
  expect EEXIST @session open "$M/.with/attempts=1/job" CREAT,EXCL,WRONLY
  expect EPERM @session unlink "$M/job"
  mkdir "$M/dir"
  rmdir "$M/dir"
  ls "$M" >/dev/null
  rm "$M/job"
  expect OK open "$M/job" CREAT,EXCL,WRONLY
  rm "$M/.with/force/job"
  is "2 1 1 1 1 1 1 1" "$(for what in 'acquire OK' 'acquire EBUSY' 'refresh OK' 'release OK' 'release EPERM' \
    'force_release OK' 'make_dir OK' 'list OK'; do
      # shellcheck disable=SC2086
      counts $what
    done | paste -sd' ')"
  # Each histogram has as many as were counted, and grows from bucket to bucket.
  awk '
    function label(name) { match($0, name "=\"[^\"]*\""); return substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) }
    /^lockfs_operations_total/ { counted[label("operation")] += $NF }
    /^lockfs_operation_duration_seconds_bucket/ {
      if ($NF < last[label("operation")]) exit 1
      last[label("operation")] = $NF
    }
    /^lockfs_operation_duration_seconds_count/ { if ($NF != counted[label("operation")] || $NF != last[label("operation")]) exit 1; seen++ }
    END { if (seen < 14) exit 1 }' "$T/stats" || fail "$(cat "$T/stats")"
}

@test ".stats has the present numbers of locks, waiters and readers" {
  mount_lockfs
  take "$M/one" "$M/two"
  exec 7>"$M/.with/hold/kept"
  is "3 1 1" "$(value locks) $(value kept_locks) $(value open_locks)"
  is "0 0 0" "$(who_waits)"
  exec 6<>"$M/handle"
  setsid -w flock "$M/one" true 3>&- 6>&- 7>&- &
  hearers+=($!)
  hear "$T/heard" "$M"
  wait_until who_waits_is "1 1 1" || is "1 1 1" "$(who_waits)"
  rm "$M/one"
  exec 6>&- 7>&-
  wait_until kept_is 0
  end_hearers
  wait_until readers_are 0
}

who_waits() {
  echo "$(value waiting_requests) $(value waited_for_locks) $(value event_readers)"
}

who_waits_is() {
  [ "$(who_waits)" = "$1" ]
}

kept_is() {
  [ "$(value kept_locks)" = "$1" ]
}

readers_are() {
  [ "$(value event_readers)" = "$1" ]
}

@test "it is in every directory, not listed, and only for reading" {
  mount_lockfs
  mkdir "$M/dir"
  for dir in "$M" "$M/dir" "$M/.with/force" "$M/.with/wait=1s/dir"; do
    is "lockfs_backend_up 1" "$(grep ^lockfs_backend_up "$dir/.stats")"
    expect EPERM open "$dir/.stats" WRONLY
    expect EPERM unlink "$dir/.stats"
    expect EEXIST mkdir "$dir/.stats"
    expect ENOTSUP flock "$dir/.stats" EX
  done
  is dir "$(ls -A "$M")"
}

@test "what is read is from when it was opened, in whatever pieces" {
  mount_lockfs
  py <<'EOF'
fd = os.open(M + "/.stats", os.O_RDONLY)
os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
first = os.pread(fd, 1 << 20, 0)
check("before", b'lockfs_operations_total{operation="acquire",result="OK"} 0\n' in first, True)
pieces = b"".join(os.pread(fd, 7, at) for at in range(0, len(first) + 7, 7))
check("pieces", pieces, first)
check("the end", os.pread(fd, 10, len(first)), b"")
check("beyond", os.pread(fd, 10, 1 << 30), b"")
poll = select.poll()
poll.register(fd, select.POLLIN)
check("poll", poll.poll(0), [(fd, select.POLLIN)])
check("now", b'lockfs_operations_total{operation="acquire",result="OK"} 1\n' in open(M + "/.stats", "rb").read(), True)
EOF
}

@test ".stats contains no password" {
  redis_start --requirepass secret
  mount_redis "$M" "redis://:secret@127.0.0.1:${redis_port[redis]}"
  cat "$M/.stats" >"$T/stats"
  contains 'backend="redis"' "$(cat "$T/stats")"
  is "" "$(grep secret "$T/stats")"
}

@test "the connection: its state, how often it was made anew, and its round trips" {
  allow_words "$outage_words"
  redis_start
  mount_redis -o timeout=1s
  is "1 0 0" "$(value backend_up) $(value backend_reconnects_total) $(value backend_calls_under_way)"
  is "" "$(value locks)"
  before=$(value backend_round_trip_seconds_count)
  take "$M/job"
  (($(value backend_round_trip_seconds_count) > before)) || fail "no more than $before"
  matches '0\.[0-9]{9}' "$(value backend_round_trip_seconds_sum)"
  redis_kill
  wait_until up_is 0
  is EHOSTDOWN "$(call open "$M/job" CREAT,WRONLY)"
  matches '[1-9][0-9]*' "$(counts read EHOSTDOWN)"
  redis_again
  wait_until up_is 1
  is 1 "$(value backend_reconnects_total)"
  accepted "$M"
}

up_is() {
  [ "$(value backend_up)" = "$1" ]
}
