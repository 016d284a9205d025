# redis-cluster://: what mounts do while the slot of their namespace moves to another node.

load ../lib/helper
load ../lib/redis
load ../lib/redis_servers

# migrate_begin FROM TO: the slot of {lockfs} begins to move
migrate_begin() {
  redis_cli "@$2" CLUSTER SETSLOT 11826 IMPORTING "$(node_id "$1")" >/dev/null
  redis_cli "@$1" CLUSTER SETSLOT 11826 MIGRATING "$(node_id "$2")" >/dev/null
}

migrate_keys() {
  local keys
  mapfile -t keys < <(redis_cli "@$1" CLUSTER GETKEYSINSLOT 11826 1000)
  [ ${#keys[@]} = 0 ] || is OK "$(redis_cli "@$1" MIGRATE 127.0.0.1 "${redis_port[$2]}" '' 0 5000 KEYS "${keys[@]}")"
}

migrate_end() {
  local name
  for name in "$2" "$1"; do
    redis_cli "@$name" CLUSTER SETSLOT 11826 NODE "$(node_id "$2")" >/dev/null
  done
}

@test "while the slot moves, operations wait and change nothing; they go on at the new node" {
  cluster_start
  mount_servers "$(cluster_source n1)"
  mount_servers "$N" "$(cluster_source n2)"
  is n3 "$(owner)"
  take "$M/job" "$M/other"
  in_background flock "$N/held" sleep 1000
  wait_until test -e "$M/held"
  in_background flock "$M/held" touch "$T/had"
  wait_until waits 1 "$M/held"
  is 11826 "$(redis_cli @n3 CLUSTER KEYSLOT '{lockfs}')"
  migrate_begin n3 n1
  py "$N" <<'PY' &
import threading
answers = {}
def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
def do(name, function, *arguments):
    answers[name] = outcome(function, *arguments)
threads = [threading.Thread(target=do, args=arguments) for arguments in (
    ("new", create, M + "/new"),
    ("held", create, sys.argv[1] + "/job"),
    ("release", os.unlink, M + "/other"),
    ("list", os.listdir, M))]
for thread in threads:
    thread.start()
time.sleep(1)
check("answers while the slot moves", answers, {})
open(T + "/waited", "w").close()
for thread in threads:
    thread.join()
check("new", answers["new"], "OK")
check("held", answers["held"], "EEXIST")
check("release", answers["release"], "OK")
PY
  moving=$!
  wait_until test -e "$T/waited"
  is "" "$(redis_cli @n3 KEYS '{lockfs}:new')"
  is "{lockfs}:other" "$(redis_cli @n3 KEYS '{lockfs}:other')"
  migrate_keys n3 n1
  is "" "$(redis_cli @n1 KEYS '{lockfs}:new')"
  migrate_end n3 n1
  wait "$moving"
  wait_until told "the node of the namespace {lockfs} is now $(list n1), it was $(list n3)"
  is_at n1 n3
  is "held job new" "$(call list "$M" | xargs)"
  rm "$M/.with/force/held"
  wait_until test -e "$T/had"
  refute told refuses
}

@test "a slot that moves for longer than the time limit causes EHOSTDOWN, a line, and no change" {
  cluster_start
  mount_redis -o timeout=1s "$M" "$(cluster_source n1)"
  take "$M/job"
  migrate_begin n3 n2
  expect EHOSTDOWN open "$M/new" CREAT,EXCL,WRONLY
  expect EHOSTDOWN unlink "$M/job"
  contains "the cluster is moving the namespace's slot to another node" "$(cat "$M.stderr")"
  is "{lockfs}:job" "$(redis_cli @n3 KEYS '{lockfs}:*')"
  is "" "$(redis_cli @n2 KEYS '{lockfs}*')"
  # A mount is not made meanwhile.
  mkdir "$N"
  M=$N refuses 2500 "$(cluster_source n1)" timeout=1s "moving the namespace's slot"
  redis_cli @n3 CLUSTER SETSLOT 11826 STABLE >/dev/null
  redis_cli @n2 CLUSTER SETSLOT 11826 STABLE >/dev/null
  wait_until succeeds take "$M/new"
  rm "$M/job"
}
