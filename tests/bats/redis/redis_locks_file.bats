# `.locks` over Redis: several mounts, locks of other clients, and a server that goes away or changes in the middle.

load ../lib/helper
load ../lib/redis
load ../lib/locks_file

setup() {
  setup_dirs
  N=$T/other
  redis_start
  allow_words "$outage_words"
}

@test "locks of all mounts are shown, and each mount knows those of its callers" {
  mount_redis
  mount_redis "$N"
  mkdir "$M/d"
  take "$M/d/here" "$N/d/there"
  is "d/here d/there" "$(keys "$M/.locks")"
  is "d/here d/there" "$(keys "$N/.locks")"
  grep -q $'^d/here\tstate=UNAVAILABLE\t.*\tid=-\t' <(session cat "$N/.locks")
  take "$M/.with/id=mine/given"
  grep -q $'^given\tstate=ACQUIRED\t.*\tid=mine\t' "$N/.with/id=mine/.locks"
}

@test "locks of other Redis clients are shown with scan, and without it if lockfs had them before" {
  mount_redis
  mount_redis -o scan "$N"
  mkdir "$M/d"
  take "$M/job" "$M/gone"
  redis_set lockfs:job stranger PX 60000
  redis_set lockfs:d/foreign stranger PX 60000
  redis_cli DEL lockfs:gone >/dev/null
  is job "$(keys "$M/.locks")"
  grep -q $'^job\tstate=UNAVAILABLE\t.*\towner=stranger\t.*\ttoken=-\t' "$M/.locks"
  is "d/foreign job" "$(keys "$N/.locks")"
}

@test "a damaged lock hides no other" {
  mount_redis
  take "$M/a" "$M/b" "$M/c"
  redis_cli DEL lockfs#d:b >/dev/null
  redis_cli SADD lockfs#d:b x >/dev/null
  is "a b c" "$(keys "$M/.locks")"
  is 3 "$(python3 -c 'import json, sys; print(sum(bool(json.loads(line)) for line in sys.stdin))' <"$M/.locks.json")"
}

@test "10,000 locks take at most a call for each 100 of them" {
  mount_redis
  many 10000 "$M"
  redis_cli CONFIG RESETSTAT >/dev/null
  is 10000 "$(wc -l <"$M/.locks")"
  calls=$(redis_cli INFO commandstats | sed -n 's/^cmdstat_evalsha:calls=\([0-9]*\),.*/\1/p')
  ((calls <= 120)) || fail "$calls calls"
}

@test "a server that is gone in the middle is an error, and a seek to 0 begins anew when it is back" {
  mount_redis -o timeout=1s
  many 2000 "$M"
  exec 5<"$M/.locks"
  head -c 100 <&5 >/dev/null
  redis_kill
  refute cat <&5 >"$T/part" 2>"$T/error"
  exec 5<&-
  matches '.*(Host is down|Connection timed out|Input/output error).*' "$(cat "$T/error")"
  (($(wc -l <"$T/part") < 2000)) || fail "the reader got all locks"
  refute cat "$M/.locks" 2>"$T/error"
  matches '.*(Host is down|Connection timed out).*' "$(cat "$T/error")"
  redis_again
  wait_until cat "$M/.locks" >"$T/read" 2>/dev/null
}

@test "a cursor of another server process is not used: the reader gets an error and not a part" {
  mount_redis
  many 2000 "$M"
  redis_cli SAVE >/dev/null
  exec 5<"$M/.locks"
  head -c 100 <&5 >/dev/null
  redis_kill
  redis_again
  wait_until stat "$M/01999" >/dev/null 2>&1
  refute cat <&5 >"$T/part" 2>"$T/error"
  exec 5<&-
  # The next page was asked for before the server ended, or after another answered.
  matches '.*(Input/output error|Host is down|Connection timed out).*' "$(cat "$T/error")"
  (($(wc -l <"$T/part") < 2000)) || fail "the reader got all locks"
  is 2000 "$(wc -l <"$M/.locks")"
}

@test "a read that waits for a server that hangs is interrupted after timeout, and not before" {
  mount_redis -o timeout=2s
  many 1000 "$M"
  exec 5<"$M/.locks"
  head -c 100 <&5 >/dev/null
  redis_freeze
  in_background timeout -s INT 0.3 cat <&5
  exec 5<&-
  wait_until 10 ended "$pid"
  redis_thaw
  is 1000 "$(wc -l <"$M/.locks")"
}
