# Directories of very many locks: what is done with one takes the server many short
# steps, and nobody else waits for all of them.

load ../lib/helper
load ../lib/redis

teardown() {
  local problems=0
  end_hearers
  end_background
  end_redis_mounts || problems=1
  end_helpers
  redis_end_all || problems=1
  return "$problems"
}

# fill DIR COUNT [SCORE]: so many locks of another client in a directory, which its index knows;
# with the end of their leases there, in ms, or 2^53.
fill() {
  local from
  for ((from = 0; from < $2; from += 5000)); do
    redis_cli EVAL "
      for i = ARGV[2] + 1, math.min(ARGV[2] + 5000, ARGV[3]) do
        local name = string.format('job-%06d', i)
        if ARGV[4] == '' then redis.call('SET', 'lockfs:' .. ARGV[1] .. '/' .. name, 'v') end
        redis.call('ZADD', 'lockfs#i:' .. ARGV[1], ARGV[4] == '' and 'inf' or ARGV[4], name)
      end" 0 "$1" "$from" "$2" "${3-}" >/dev/null
  done
}

# watch_scripts: from now on the server keeps how long each script takes
watch_scripts() {
  redis_cli CONFIG SET slowlog-max-len 1000000 slowlog-log-slower-than 0 >/dev/null
  redis_cli SLOWLOG RESET >/dev/null
}

# script_times: of each, in us
script_times() {
  redis_cli SLOWLOG GET 1000000 | awk '/^EVALSHA$/ { print before } { before = $0 }'
}

# scripts_ran AT_LEAST
scripts_ran() {
  local count
  count=$(script_times | wc -l)
  ((count >= $1)) || fail "$count scripts, expected at least $1"
}

# steps_are_short AT_LEAST: so many scripts ran, some hundreds, and none of them did a quarter of all
# the work. (How long one may take is no figure for a machine that others use.)
steps_are_short() {
  local count longest all
  read -r count longest all < <(script_times | sort -n | awk '{ all += $1 } END { print NR, $1, all }')
  ((count >= $1)) || fail "$count scripts, expected at least $1"
  ((longest * 4 < all)) || fail "one of $count scripts took $longest of $all us"
}

@test "ls of 100,000 locks takes the server many short steps, and shows each once" {
  mount_redis
  mkdir "$M/many"
  fill many 100000
  watch_scripts
  ls -f "$M/many" >"$T/names"
  steps_are_short 200
  is 100002 "$(wc -l <"$T/names")"
  is 100002 "$(sort -u "$T/names" | wc -l)"
}

@test "ls of a small directory is one step" {
  mount_redis
  mkdir "$M/few" "$M/few/dir"
  take "$M/few/job"
  watch_scripts
  is "dir job" "$(call list "$M/few")"
  # Opening it looks for it, too.
  is 1 "$(redis_cli SLOWLOG GET 100 | grep -c '^d0$')"
}

@test "ls of a small directory does not wait for one of 100,000 locks" {
  mount_redis
  mkdir "$M/many" "$M/few"
  fill many 100000
  take "$M/few/job"
  ls -f "$M/many" >"$T/names" &
  wait_until pages_are_asked_for 20
  is job "$(call list "$M/few")"
  # Most pages were not asked for yet.
  refute pages_are_asked_for 300
  wait $!
  is 100002 "$(wc -l <"$T/names")"
}

# pages_are_asked_for COUNT
pages_are_asked_for() {
  [ "$(redis_cli INFO commandstats | sed -n 's/^cmdstat_zscan:calls=\([0-9]*\).*/\1/p')" -ge "$1" ] 2>/dev/null
}

@test "ls that takes long ends when it is interrupted, and others go on" {
  mount_redis
  mkdir "$M/many"
  fill many 100000
  # 400 pages at 50 ms each.
  proxy_begin
  orders '{"back": 50}'
  mount_redis -o timeout=2s "$N" "redis://127.0.0.1:$proxy_port"
  redis_cli CONFIG RESETSTAT >/dev/null
  in_background sh -c 'exec ls -f "$0" >/dev/null' "$N/many"
  wait_until pages_are_asked_for 10
  kill -TERM "$pid"
  wait_until 10 ended "$pid"
  refute pages_are_asked_for 350
  take "$N/job"
  is UNAVAILABLE "$(state "$M/job")"
}

@test "directories of very many directories are listed in steps, each once" {
  mount_redis
  redis_cli EVAL "for i = 1, 5000 do
    redis.call('SADD', 'lockfs#s:', 'dir-' .. i)
    redis.call('HSET', 'lockfs#D:dir-' .. i, 'mode', 493)
  end" 0
  take "$M/job"
  watch_scripts
  ls -f "$M" >"$T/names"
  scripts_ran 10
  is 5003 "$(sort -u "$T/names" | wc -l)"
  is 5003 "$(wc -l <"$T/names")"
}

@test "a stream of events learns of old leases in many directories in short steps" {
  mount_redis
  mkdir "$M/dir-1"
  take "$M/.with/ttl=3s/dir-1/job"
  redis_cli EVAL "for i = 2, 3000 do
    redis.call('SADD', 'lockfs#s:', 'dir-' .. i)
    redis.call('HSET', 'lockfs#D:dir-' .. i, 'mode', 493)
  end" 0
  watch_scripts
  hear "$T/heard" "$M"
  heard "$T/heard" 'EXPIRED dir-1/job'
  steps_are_short 3000
  is "" "$(redis_cli INFO commandstats | grep cmdstat_smembers)"
}

@test "names whose leases have passed are removed by the acquisitions that follow, so many by each" {
  mount_redis
  mkdir "$M/many"
  fill many 1000 1
  take "$M/many/a"
  is 901 "$(redis_cli ZCARD 'lockfs#i:many')"
  is a "$(call list "$M/many")"
  take "$M/many/"{b,c,d,e,f,g,h,i,j,k}
  is 11 "$(redis_cli ZCARD 'lockfs#i:many')"
}

@test "rmdir of a directory of 50,000 names that deletions left takes short steps, and finds a lock behind them" {
  mount_redis
  mkdir "$M/many" "$M/held"
  # As if another client had deleted them: the names are there, the locks are not.
  fill many 50000 9007199254740992
  fill held 5000 9007199254740992
  take "$M/.with/ttl=never/held/zz"
  watch_scripts
  rmdir "$M/many"
  steps_are_short 200
  gone "$M/many"
  is 0 "$(redis_cli EXISTS 'lockfs#i:many')"
  expect ENOTEMPTY rmdir "$M/held"
  rm "$M/held/zz"
  rmdir "$M/held"
}

@test "rmdir of a directory of 50,000 names whose leases have passed leaves nothing" {
  mount_redis
  mkdir "$M/many"
  fill many 50000 1
  rmdir "$M/many"
  is 0 "$(redis_cli EXISTS 'lockfs#i:many')"
  is "" "$(call list "$M")"
}

@test "a lock is handed over past thousands of tickets of dead mounts, a bounded number a step" {
  mount_redis
  mount_redis "$N"
  take_as_other "$M/job"
  redis_cli EVAL "for i = 1, 10000 do
    redis.call('ZADD', 'lockfs#w:job', i, 'dead-' .. i)
    redis.call('HSET', 'lockfs#t:job', 'dead-' .. i, cmsgpack.pack({ mount = 'dead' }))
  end" 0
  in_background sh -c ': >"$0"; sleep 60' "$N/.with/id=waiter,wait=30s/job"
  wait_until waits 10001 "$M/job"
  rm "$M/.with/force/job"
  # The script that released it did not go through all of them.
  refute is 0 "$(redis_cli ZCARD lockfs#w:job)"
  wait_until 60 holds waiter "$M/job"
}

# holds OWNER FILE
holds() {
  [[ $(lock "$2" owner 2>/dev/null) == "$1" ]]
}

# received: bytes that came to the server
received() {
  redis_cli INFO stats | sed -n 's/^total_net_input_bytes:\([0-9]*\).*/\1/p'
}

@test "a write that can only be too large is not sent to the server, and one of an ended lock is told so" {
  mount_redis
  before=$(received)
  py <<'PY'
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
for _ in range(50):
    check("large", outcome(os.write, fd, b"x" * 100000), "EFBIG")
    check("behind", outcome(os.pwrite, fd, b"x" * 4000, 97), "EFBIG")
check("fits", os.pwrite(fd, b"x" * 4000, 96), 4000)
appending = os.open(M + "/job", os.O_WRONLY | os.O_APPEND)
check("appended", outcome(os.write, appending, b"x"), "EFBIG")
check("content", len(open(M + "/job", "rb").read()), 4096)
os.unlink(M + "/.with/force/job")
check("ended", outcome(os.write, fd, b"x" * 100000), "ESTALE")
PY
  sent=$(($(received) - before))
  ((sent < 200000)) || fail "$sent bytes were sent"
}

# Names that one user may have in open directories

@test "names in open directories are bounded for each user, and told of once" {
  need_root
  mount_redis -o allow_other,user_listings=65536
  mkdir "$M/many"
  fill many 20000
  take "$M/job"
  allow_words "user $(id -u nobody) has as much as one user may, 65536 bytes of names in open directories, .*"
  expect ENOMEM @nobody list "$M/many"
  expect ENOMEM @nobody list "$M/many"
  contains "is refused more: Cannot allocate memory. -o user_listings= allows more" "$(tr -d '\0' <"$M.stderr")"
  is 1 "$(wc -l <"$M.stderr")"
  is "job many" "$(call @nobody list "$M")"
  is 20000 "$(ls "$M/many" | wc -l)"
}

under_way() {
  [ "$(sed -n 's/^lockfs_backend_calls_under_way //p' "$M/.stats")" = "$1" ]
}

@test "of one user's calls so many are under way to the server, and another user's comes next" {
  need_root
  mount_redis -o allow_other,timeout=20s,user_calls=10
  mkdir "$M"/{1..61}
  # Each in a directory of its own: in one, older libfuse looks up one name after another.
  write_script "$T/looks.py" <<'PY'
user, name, numbers, sign = int(sys.argv[1]), sys.argv[2], range(int(sys.argv[3]), int(sys.argv[4]) + 1), sys.argv[5]
os.setuid(user)
dirs = [os.open("%s/%d" % (M, number), os.O_RDONLY) for number in numbers]
print("ready", flush=True)
while not os.path.exists(T + "/" + sign):
    time.sleep(0.01)
answers, _ = look_up_together(name, dirs)
check("answers", answers, ["ENOENT"] * len(dirs))
PY
  in_background "${python[@]}" "$T/looks.py" "$(id -u nobody)" many 1 60 frozen >"$T/many"
  many=$pid
  in_background "${python[@]}" "$T/looks.py" "$(id -u daemon)" theirs 61 61 waited >"$T/theirs"
  wait_until has_lines "$T/many" 1
  wait_until has_lines "$T/theirs" 1
  watch_scripts
  redis_freeze
  touch "$T/frozen"
  wait_until under_way 60
  touch "$T/waited"
  wait_until under_way 61
  redis_thaw
  ends_with 0 "$many"
  ends_with 0 "$pid"
  # What each script was about; the latest is told first. The kernel asks for the directory first.
  redis_cli SLOWLOG GET 100000 | awk '/^EVALSHA$/ { at = NR + 3 } NR == at' | tac >"$T/order"
  is 122 "$(wc -l <"$T/order")"
  is 11 "$(grep -nx lockfs:61 "$T/order" | cut -d: -f1)"
}
