# Many at once: one winner each time, nothing left behind, and few words with the server.

load ../lib/helper
load ../lib/redis

setup() {
  setup_dirs
  redis_start
  set_mount_points
  mount_redis
  mount_redis "$N"
}

racers() {
  deadline 110 python3 -S -B "$BATS_TEST_DIRNAME/../lib/redis_racers.py" "$@"
}

# seconds COMMAND...: prints how long it took
seconds() {
  local began
  began=$(now_ms)
  "$@" >&2
  printf '%d.%03d' $((($(now_ms) - began) / 1000)) $((($(now_ms) - began) % 1000))
}

nothing_left() {
  [ -z "$(left_behind)" ]
}

@test "32 processes on each of two mounts race for one key: one winner in each of 200 rounds" {
  began=$(now_ms)
  read -r rounds first second <<<"$(racers race 200 32 "$M" "$N")"
  is 200 "$rounds"
  figure "200 rounds of 64 racers in $(($(now_ms) - began)) ms; won on either mount: $first, $second"
  gone "$M/prize"
  nothing_left || fail "$(left_behind)"
}

@test "10000 times acquired and released: no key is left" {
  mkdir "$M/team"
  figure "10000 cycles in $(seconds racers cycle 10000 2 "$M" "$N") s"
  nothing_left || fail "$(left_behind | head)"
  is "" "$(call list "$N/team")"
  is "lockfs#D:team lockfs#e lockfs#s: lockfs#server lockfs#token" "$(redis_cli KEYS '*' | sort | xargs)"
  rmdir "$N/team"
  is "lockfs#e lockfs#server lockfs#token" "$(redis_cli KEYS '*' | sort | xargs)"
}

@test "10000 locks that expired leave no key" {
  mkdir "$M/team"
  figure "10000 locks that expire in $(seconds racers lapse 10000 2 "$M" "$N") s"
  wait_until 3 nothing_left || fail "$(left_behind | head)"
  is "" "$(call list "$N/team")"
  # Not only hidden, but gone.
  wait_until 10 forgotten
  rmdir "$N/team"
}

# What a directory notes about symbolic links goes with its last lock, whichever that is.
@test "symbolic links among other locks leave no key: released first or last, or after a lease has begun" {
  local order name
  for order in 'link file' 'file link'; do
    ln -s host:1 "$M/.with/ttl=never/link"
    (set -C; : >"$N/.with/ttl=never/file")
    for name in $order; do
      rm "$M/.with/force/$name"
    done
    is "" "$(left_behind)"
  done
  ln -s host:1 "$M/.with/ttl=never/link"
  (set -C; : >"$N/.with/ttl=1s/file")
  rm "$M/link"
  wait_until 10 nothing_left || fail "$(left_behind)"
}

forgotten() {
  [ "$(redis_cli DBSIZE)" = 5 ]
}


@test "a create+close+unlink cycle is at most 3 round trips" {
  take "$M/job"
  rm "$M/job"
  # What the mount knows for a moment it asks again where others use the machine
  # between two calls; so one undisturbed time counts.
  for _ in {1..20}; do
    redis_cli CONFIG RESETSTAT >/dev/null
    py <<'PY'
for _ in range(20):
    os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.unlink(M + "/job")
PY
    trips=$(round_trips)
    ((trips > 60)) || break
  done
  figure "20 cycles: $trips round trips"
  ((trips <= 60)) || fail "$(redis_cli INFO commandstats)"
}

# What clients sent, and not what scripts called: those are counted likewise, so
# it is what no script calls.
round_trips() {
  local line name calls sum=0
  while IFS=: read -r name line; do
    calls=${line#calls=}
    calls=${calls%%,*}
    case ${name#cmdstat_} in
    eval* | script* | client* | ping | subscribe | unsubscribe | auth | select | hello) sum=$((sum + calls)) ;;
    esac
  done < <(redis_cli INFO commandstats | tr -d '\r' | grep ^cmdstat_)
  echo "$sum"
}

@test "an idle mount sends nothing, also while locks are held and descriptors open" {
  take "$M/job" "$M/.with/ttl=never/other"
  exec 5<"$M/job"
  py <<'PY'
poll = select.poll()
fd = os.open(M + "/job", os.O_RDONLY)
poll.register(fd, 0)
check("poll", poll.poll(0), [])
PY
  redis_cli CONFIG RESETSTAT >/dev/null
  sleep 5
  trips=$(round_trips)
  figure "two idle mounts: $trips commands in 5 s"
  is 0 "$trips"
  exec 5<&-
}
