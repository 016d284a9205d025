# SOURCE with several servers: the one that is primary is used, and found again when another one becomes primary.

load ../lib/helper
load ../lib/redis
load ../lib/redis_servers

@test "of several servers the primary is used, whichever is named first, and a replica is not written to" {
  pair_start
  mount_servers "redis://$(list two one)"
  mount_servers "$N" "redis://$(list one two)"
  take_with words "$M/job"
  is UNAVAILABLE "$(state "$N/job")"
  expect EEXIST open "$N/job" CREAT,EXCL,WRONLY
  is 1 "$(redis_cli @one EXISTS lockfs:job)"
  is_at one two
  is 0 "$(scripts_of two)"
  grep -qF "redis://$(list two one) $M " /proc/mounts
}

@test "a mount follows a replica that is promoted when the primary was killed, with both connections" {
  pair_start
  mount_servers "redis://$(list one two)"
  take "$M/before"
  redis_kill one
  promote two one
  take "$M/job"
  told "the primary is now $(list two), it was $(list one)"
  is_at two
  # The old one, which comes back as a primary, is not used.
  redis_again one
  take "$M/more"
  is_at two one
  is 0 "$(scripts_of one)"
  # Two are primaries, so a mount cannot know which has the locks.
  mkdir "$N"
  M=$N refuses 2000 "redis://$(list one two)" "" "$(list one)" "$(list two)" "both primaries"
  redis_cli @one REPLICAOF 127.0.0.1 "${redis_port[two]}" >/dev/null
  wait_until replicates one
  mount_servers "$N" "redis://$(list one two)"
  is UNAVAILABLE "$(state "$N/more")"
}

@test "a call that a demoted primary refuses is made at the new one" {
  pair_start
  mount_servers "redis://$(list one two)"
  take "$M/one"
  for round in 1 2 3; do
    wait_until in_step one two
    promote two one
    wait_until replicates one
    take "$M/two$round"
    is_at two one
    wait_until in_step one two
    promote one two
    wait_until replicates two
    take "$M/one$round"
    is_at one two
  done
  is "one one1 one2 one3 two1 two2 two3" "$(call list "$M")"
}

@test "a mount whose servers all are replicas works again when one is promoted, and waiters go on" {
  pair_start
  mount_servers "redis://$(list one two)"
  take_as_other "$M/job"
  in_background flock "$M/job" touch "$T/had"
  wait_until waits 1 "$M/job"
  wait_until in_step one two
  for name in one two; do
    redis_cli "@$name" REPLICAOF 127.0.0.1 1 >/dev/null
  done
  wait_until told "none of 2 servers is a primary: $(list one) is a replica; $(list two) is a replica"
  redis_cli @two REPLICAOF NO ONE >/dev/null
  wait_until told "the primary is now $(list two), it was $(list one)"
  rm "$M/.with/force/job"
  wait_until test -e "$T/had"
}

@test "servers none of which is a primary are refused, with what each of them is" {
  pair_start
  mkdir "$M"
  redis_cli @two REPLICAOF NO ONE >/dev/null
  refuses 1500 "redis://$(list one two)" "" "$(list one)" "$(list two)" "both primaries"
  redis_cli @two REPLICAOF 127.0.0.1 "${redis_port[one]}" >/dev/null
  refuses 1500 "redis://127.0.0.1:1,$(list two)" "" "none of 2 servers is a primary" "127.0.0.1:1: Connection refused" \
    "$(list two) is a replica"
  redis_cli @two CONFIG SET requirepass secret >/dev/null
  refuses 1500 "redis://127.0.0.1:1,$(list two)" "" "$(list two) refuses: NOAUTH" password_file=
  refuses 1500 "redis://127.0.0.1:1,127.0.0.1:2" "" "127.0.0.1:1: Connection refused" "127.0.0.1:2: Connection refused"
}

@test "a server that is silent, also while a mount connects again, keeps nobody from the primary" {
  redis_start @one
  fake silent
  mkdir "$M"
  mount_servers "redis://127.0.0.1:$fake_port,$(list one)"
  take "$M/job"
  redis_cli @one CLIENT KILL TYPE normal SKIPME yes >/dev/null
  take "$M/more"
  is_at one
}

@test "one server by two addresses, of which one is of IPv6, is one server" {
  redis_start @one
  mount_servers "redis://[::1]:${redis_port[one]},127.0.0.1:${redis_port[one]},localhost:${redis_port[one]}"
  take "$M/job"
  is_at one
}

@test "a mount with ro reads a replica if there is no primary, and the primary if there is one" {
  pair_start
  mount_servers "redis://$(list one two)"
  take "$M/job"
  wait_until in_step one two
  mount_servers -o ro "$N" "redis://127.0.0.1:1,$(list two)"
  is UNAVAILABLE "$(state "$N/job")"
  expect EROFS open "$N/more" CREAT,EXCL,WRONLY
  wait_until hears two
  mount_servers -o ro "$O" "redis://$(list two one)"
  is UNAVAILABLE "$(state "$O/job")"
}

@test "passwords, users and databases are those of all servers of the list" {
  redis_start @one --requirepass s3cret
  redis_start @two --requirepass s3cret --masterauth s3cret --replicaof 127.0.0.1 "${redis_port[one]}"
  export REDISCLI_AUTH=s3cret
  mount_servers "redis://default:s3cret@$(list two one)/3"
  take "$M/job"
  is 1 "$(redis_cli @one -n 3 EXISTS lockfs:job)"
  LOCKFS_REDIS_PASSWORD=s3cret mount_servers "$N" "redis://$(list two one)/3"
  is UNAVAILABLE "$(state "$N/job")"
}

# commands NAME: prints the commands that a server has got, and how often
commands() {
  redis_cli "@$1" INFO commandstats | sed -n 's/^cmdstat_\([a-z|]*\):calls=\([0-9]*\),.*/\1=\2/p' |
    grep -vE '^(info|config\|resetstat|client\|info)=' | sort | xargs
}

@test "a source with one server is asked for nothing that only several servers need" {
  redis_start @one
  redis_cli @one CONFIG RESETSTAT >/dev/null
  mount_redis -o timeout=5s "$M" "redis://$(list one)"
  sleep 1.5
  # EXISTS is in the self-test only, which has it twice.
  is "exists=2" "$(commands one | grep -oE '(role|exists|cluster|sentinel)[^ ]*' | xargs)"
  redis_cli @one CONFIG RESETSTAT >/dev/null
  sleep 1.5
  is "" "$(commands one)"
}

@test "the user of a restricted server needs the right of ROLE for a list, and the mount says so" {
  pair_start
  for name in one two; do
    # shellcheck disable=SC2046  # one word a right
    redis_cli "@$name" ACL SETUSER weak reset on '>secret' $(rights lockfs) >/dev/null
  done
  mkdir "$M"
  refuses 1500 "redis://weak:secret@$(list one two)" "" NOPERM role
  for name in one two; do
    redis_cli "@$name" ACL SETUSER weak +role >/dev/null
  done
  mount_servers "redis://weak:secret@$(list one two)"
  take "$M/job"
}
