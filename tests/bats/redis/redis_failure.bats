# Redis away, slow, or back with less than it had: no operation hangs, nobody is
# told a lie, nothing is left behind, and the mount heals by itself.

load ../lib/helper
load ../lib/redis
load ../lib/redis_failure

# What people are told

# told COUNT PART: so many lines of the daemon have it
told() {
  [ "$(tr -d '\0' <"$M.stderr" | grep -cF -- "$2")" = "$1" ]
}

@test "each new cause for which the server stays away is said once, and then that it is back" {
  allow_words "$outage_words|redis.* refuses: (NOAUTH|MASTERDOWN) .*"
  mount_redis -o "timeout=${timeout}ms"
  redis_kill
  wait_until told 1 "Connection refused"
  redis_options[redis]='--requirepass secret'
  redis_again
  wait_until told 1 NOAUTH
  redis_kill
  redis_options[redis]='--replicaof 127.0.0.1 1 --replica-serve-stale-data no'
  redis_again
  wait_until told 1 MASTERDOWN
  # Some attempts more, which say nothing new.
  sleep 2
  is "1 1 1" "$(for part in "Connection refused" NOAUTH MASTERDOWN; do told 1 "$part" && echo 1; done | xargs)"
  told 0 "is reached again"
  redis_kill
  redis_options[redis]=''
  redis_again
  wait_until told 1 "is reached again"
  # The next outage is told anew.
  redis_kill
  wait_until told 2 "Connection refused"
  redis_again
  wait_until told 2 "is reached again"
}

@test "a server that answers, but tells this mount nothing any more, is said to do so" {
  allow_words "$outage_words|redis.* refuses: NOPERM .*"
  # shellcheck disable=SC2046  # one word a right
  set_rights $(rights lockfs)
  mount_redis -o "timeout=${timeout}ms" "$M" "$(weak_source)"
  redis_cli ACL SETUSER weak -subscribe >/dev/null
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  wait_until told 1 "NOPERM"
  told 0 "is reached again"
  redis_cli ACL SETUSER weak +subscribe >/dev/null
  wait_until told 1 "is reached again"
}

@test "a server that takes long for each answer, but answers, is reached; one that stops in the middle is not" {
  write_script "$T/slow.py" <<'PY'
# Passes everything on to a server; each piece that it answers comes 300 ms late, and none after the first argv[1].
import socket, threading
def forward(source, target, delay, pieces):
    while pieces:
        data = source.recv(1 << 20)
        if not data:
            break
        time.sleep(delay)
        target.sendall(data)
        pieces -= 1
    time.sleep(60)
listener = socket.socket(socket.AF_UNIX)
listener.bind(T + "/slow-%s.sock" % sys.argv[1])
listener.listen(8)
while True:
    client, _ = listener.accept()
    server = socket.socket(socket.AF_UNIX)
    server.connect(T + "/redis.sock")
    threading.Thread(target=forward, args=(client, server, 0, 1 << 30), daemon=True).start()
    threading.Thread(target=forward, args=(server, client, 0.3, int(sys.argv[1])), daemon=True).start()
PY
  for pieces in 1000000 1; do
    in_background "${python[@]}" "$T/slow.py" $pieces
    wait_until test -S "$T/slow-$pieces.sock"
  done
  mount_redis -o timeout=500ms "$M" "redis+unix://$T/slow-1000000.sock"
  unmount_lockfs
  refuses 2500 "redis+unix://$T/slow-1.sock" timeout=500ms "does not answer"
}

# Away

@test "a frozen server: every operation ends in time, and the mount recovers" {
  prepare
  redis_freeze
  while_away ETIMEDOUT EHOSTDOWN
  redis_thaw
  mended
  still_held
  nothing_new
}

@test "a server frozen over TCP: every operation ends in time, and the mount recovers" {
  prepare "$(redis_tcp_source)"
  redis_freeze
  while_away ETIMEDOUT EHOSTDOWN
  redis_thaw
  mended
  still_held
  nothing_new
}

@test "a frozen server is noticed within the default timeout of 2 s" {
  mount_background "$(redis_source)" "$M"  # with no timeout=, as the other ways have
  took=$(at_best 2500 first_answer)
  ((took >= 1900 && took <= 2500)) || fail "$took ms"
}

# In how many ms the first to ask a frozen server is told.
first_answer() {
  local answer took
  redis_freeze
  read -r answer took <<<"$(call timed stat "$M/job")"
  is ETIMEDOUT "$answer" || return
  redis_thaw
  mended || return
  echo "$took"
}

@test "a server that is frozen for less than the timeout causes no error" {
  timeout=10000 prepare
  redis_freeze
  (sleep 0.4; redis_thaw) 3>&- &
  expect OK open "$M/job" CREAT,EXCL,WRONLY
  wait $!
  is "" "$(cat "$M.stderr")"
}

@test "the first to find out is told ETIMEDOUT, for it was asked" {
  prepare
  redis_freeze
  expect ETIMEDOUT stat "$M/job"
  redis_thaw
}

@test "a server that is killed and comes back with its data has the locks" {
  prepare
  redis_cli SAVE >/dev/null
  redis_kill
  while_away EHOSTDOWN
  redis_again
  mended
  still_held
  nothing_new
}

@test "the holders of a server that comes back empty have their locks still" {
  prepare
  token=$(lock "$M/rm/held" token)
  redis_kill
  while_away EHOSTDOWN
  redis_again
  mended
  is "$token" "$(lock "$M/rm/held" token)"
  still_held
  take "$M/job"
  (($(lock "$M/job" token) > token)) || fail "the token went back"
}

@test "the holders of a server that comes back with another client's locks are told that theirs are lost" {
  prepare
  exec 7<>"$M/rm/held"
  token=$(lock "$M/rm/held" token)
  redis_kill
  while_away EHOSTDOWN
  redis_start @other
  redis_cli @other SET lockfs:rm/held other >/dev/null
  redis_cli @other SAVE >/dev/null
  redis_kill other
  mv "$T/other.rdb" "$T/redis.rdb"
  redis_again
  mended
  is UNAVAILABLE "$(state "$M/rm/held")"
  # The descriptor of the lock that is lost tells so by itself.
  py <<'PY'
poll = select.poll()
poll.register(7, 0)
check("poll", poll.poll(2000), [(7, select.POLLERR | select.POLLHUP)])
check("read", outcome(os.pread, 7, 10, 0), "ESTALE")
check("write", outcome(os.pwrite, 7, b"x", 0), "ESTALE")
PY
  exec 7<&-
  take "$M/job"
  (($(lock "$M/job" token) > token)) || fail "the token went back"
}

@test "locks survive a server that is restarted again and again with its data" {
  prepare
  for _ in 1 2 3 4 5; do
    redis_cli SAVE >/dev/null
    redis_kill
    redis_again
    mended
  done
  still_held
}

@test "a daemon that died cannot be replaced while the server is away: its mount stays closed" {
  mount_redis
  kill -KILL "${daemon_of[$M]}"
  daemon_ended "$M"
  redis_kill
  run deadline 10 "$LOCKFS" "$(redis_source)" "$M"
  is 1 "$status"
  # A file made in the directory beneath would look like a lock.
  expect ENOTCONN open "$M/job" CREAT,EXCL,WRONLY
  redis_again
  mount_redis
  take "$M/job"
}

@test "a mount recovers when the server's socket is gone and comes back" {
  prepare
  redis_cli SAVE >/dev/null
  redis_kill
  rm -f "${redis_socket[redis]}"
  while_away EHOSTDOWN
  redis_again
  mended
  still_held
}

@test "a server that pauses all commands: every operation ends in time, and the mount recovers" {
  prepare
  redis_cli CLIENT PAUSE 6000 ALL >/dev/null
  end=$(($(now_ms) + 6000))
  while_away ETIMEDOUT EHOSTDOWN
  wait_until past "$end"
  mended "$end"
  still_held
  nothing_new
}

past() {
  (($(now_ms) >= $1))
}

@test "a server that pauses writes: every operation ends in time, and the mount recovers" {
  prepare
  redis_cli CLIENT PAUSE 60000 WRITE >/dev/null
  while_away ETIMEDOUT EHOSTDOWN
  redis_cli CLIENT UNPAUSE >/dev/null
  mended
  still_held
  nothing_new
}

@test "a mount goes on when its connections are killed" {
  prepare
  for _ in 1 2 3 4 5; do
    redis_cli CLIENT KILL TYPE normal >/dev/null
    mended
  done
  redis_cli CLIENT KILL TYPE pubsub >/dev/null
  still_held
}

@test "callers get ETIMEDOUT at worst while connections are killed all the time, and nothing is left" {
  prepare
  ops churn "$M" 3 ETIMEDOUT EHOSTDOWN >"$T/churn" 3>&- &
  churner=$!
  until ended "$churner"; do
    redis_cli CLIENT KILL TYPE normal >/dev/null
    sleep 0.02
  done
  wait "$churner" || fail "$(cat "$T/churn")"
  figure "$(cat "$T/churn")"
  mended
  # At most what the last unlink could not release: it is the session's, who can.
  rm -f "$M"/churn-*
  is "" "$(redis_cli KEYS 'lockfs*churn*')"
}

@test "scripts that are flushed all the time cause no error" {
  timeout=10000 prepare
  ops churn "$M" 2 >"$T/churn" 3>&- &
  churner=$!
  until ended "$churner"; do
    redis_cli SCRIPT FLUSH >/dev/null
    sleep 0.005
  done
  wait "$churner" || fail "$(cat "$T/churn")"
  is "" "$(cat "$M.stderr")"
}

# The network

@test "a connection on which nothing arrives any more is replaced" {
  need_root
  redis_end_all
  network_start
  redis_start
  prepare "$(redis_far_source)"
  network_lose there
  network_lose back
  while_away ETIMEDOUT EHOSTDOWN
  network_heal
  mended
  still_held
  nothing_new
}

@test "a connection on which requests arrive and replies are lost is replaced" {
  need_root
  redis_end_all
  network_start
  redis_start
  prepare "$(redis_far_source)"
  network_lose back
  while_away ETIMEDOUT EHOSTDOWN
  network_heal
  mended
  still_held
  nothing_new
}

@test "an idle mount on a dead connection recovers before anybody asks twice" {
  need_root
  redis_end_all
  network_start
  redis_start
  prepare "$(redis_far_source)"
  # The server forgets the connection while the network is away, and says so to nobody.
  network_lose back
  redis_cli CLIENT KILL TYPE normal >/dev/null
  sleep 0.3
  network_heal
  answer=$(call stat "$M/absent")
  matches 'ENOENT|ETIMEDOUT|EHOSTDOWN' "$answer"
  mended
}

@test "a descriptor whose lock was lost says so without the server" {
  prepare
  exec 7<>"$M/.with/hold/lost"
  rm "$N/.with/force/lost"
  redis_freeze
  py <<'PY'
check("truncate", outcome(os.ftruncate, 7, 0), "ESTALE")
PY
  redis_thaw
  exec 7>&-
}

# Refusals that begin while it runs. Each kind is told, once in a while.

may_refuse() {
  allow_words "$outage_words|redis(\\+unix)?://[^ ]* refuses: $1.*"
}

@test "creation fails with ENOSPC at a server out of memory, and all else works" {
  prepare
  may_refuse OOM
  redis_cli CONFIG SET maxmemory 1 >/dev/null
  expect ENOSPC open "$M/job" CREAT,EXCL,WRONLY
  expect ENOENT stat "$M/job"
  is ACQUIRED "$(state "$M/rm/held")"
  rm "$M/rm/held"
  contains maxmemory "$(cat "$M.stderr")"
  redis_cli CONFIG SET maxmemory 0 >/dev/null
  take "$M/job"
}

# What a failed release takes from nobody: the descriptor of the holder.
still_writable() {
  py <<'PY'
poll = select.poll()
poll.register(7, 0)
time.sleep(0.3)
check("poll", poll.poll(0), [])
check("state", attribute(7, "state"), "ACQUIRED")
check("write", outcome(os.pwrite, 7, b"x", 0), 1)
PY
}

@test "a release that fails because the server refuses writes takes the lock from nobody" {
  prepare
  may_refuse NOREPLICAS
  take "$M/plain"
  exec 7<>"$M/plain"
  # Whoever polls is told of events.
  py <<'PY'
poll = select.poll()
poll.register(7, 0)
check("poll", poll.poll(300), [])
PY
  redis_cli CONFIG SET min-replicas-to-write 1 >/dev/null
  expect EIO unlink "$M/plain"
  expect EIO unlink "$N/.with/force/plain"
  redis_cli CONFIG SET min-replicas-to-write 0 >/dev/null
  still_writable
  exec 7<&-
}

@test "a forced release that fails because the server refuses writes does not stop a holder by an open file" {
  prepare
  may_refuse NOREPLICAS
  exec 7<>"$M/.with/hold/bound"
  redis_cli CONFIG SET min-replicas-to-write 1 >/dev/null
  expect EIO unlink "$N/.with/force/bound"
  redis_cli CONFIG SET min-replicas-to-write 0 >/dev/null
  still_writable
  exec 7<&-
}

nobody_queues() {
  [ -z "$(redis_cli KEYS 'lockfs#w:*')" ]
}

@test "a waiter that is interrupted while the server refuses writes leaves the queue once it accepts them" {
  local waiter
  prepare
  may_refuse NOREPLICAS
  take_as_other "$M/job"
  in_background sh -c 'exec touch "$0"' "$M/.with/wait=1m/job"
  waiter=$pid
  wait_until waits 1 "$M/job"
  redis_cli CONFIG SET min-replicas-to-write 1 >/dev/null
  kill -KILL "$waiter"
  wait_until ended "$waiter"
  redis_cli CONFIG SET min-replicas-to-write 0 >/dev/null
  wait_until nobody_queues
}

@test "a primary that became a replica causes EROFS, and the mount recovers" {
  prepare
  may_refuse READONLY
  redis_start @other
  redis_cli REPLICAOF 127.0.0.1 "${redis_port[other]}" >/dev/null
  answer=$(call open "$M/job" CREAT,EXCL,WRONLY)
  matches 'EROFS|EHOSTDOWN' "$answer"
  ops local "$M"
  redis_cli REPLICAOF NO ONE >/dev/null
  mended
}

@test "a right that is taken away causes EACCES, and the mount recovers" {
  redis_cli ACL SETUSER weak on '>secret' '~*' '&*' +@all >/dev/null
  prepare "redis://weak:secret@127.0.0.1:${redis_port[redis]}"
  may_refuse '.*(NOPERM|user)'
  redis_cli ACL SETUSER weak -@write >/dev/null
  expect EACCES open "$M/job" CREAT,EXCL,WRONLY
  is ACQUIRED "$(state "$M/rm/held")"
  redis_cli ACL SETUSER weak +@all >/dev/null
  mended
  take "$M/job"
}
