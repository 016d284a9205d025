# Several servers, Sentinels and a cluster over TLS. The tests with the tag `tls` need a build that has TLS, the one with
# `no-tls` a build that lacks it; tests/run leaves the other kind out.

load ../lib/helper
load ../lib/redis
load ../lib/certificates
load ../lib/redis_servers

setup() {
  setup_dirs
  set_mount_points
  allow_words "$several_words|$tag_words"
  C=$BATS_FILE_TMPDIR
}

declare -gA tls_ports # name → port for TLS

# tls_server_start NAME [OPTION VALUE...]: a server that also listens for TLS
tls_server_start() {
  local name=$1
  shift
  for _ in 1 2 3 4 5 6 7 8 9; do
    tls_ports[$name]=$((20000 + RANDOM % 12000))
    redis_start "@$name" --tls-port "${tls_ports[$name]}" --tls-cert-file "$C/server.crt" --tls-key-file "$C/server.key" \
      --tls-ca-cert-file "$C/ca.crt" --tls-auth-clients no "$@" || continue
    return 0
  done
  fail "no port for TLS"
}

tls_list() {
  local name text=''
  for name; do
    text+=${text:+,}127.0.0.1:${tls_ports[$name]}
  done
  echo "$text"
}

# uses_only_tls NAME: have all clients of the server that came over TCP come by TLS?
uses_only_tls() {
  is 0 "$(redis_cli "@$1" CLIENT LIST TYPE normal | grep -c " laddr=127.0.0.1:${redis_port[$1]} .*cmd=eval")"
  is 0 "$(redis_cli "@$1" CLIENT LIST TYPE pubsub | grep -c " laddr=127.0.0.1:${redis_port[$1]} ")"
  (($(redis_cli "@$1" CLIENT LIST | grep -c " laddr=127.0.0.1:${tls_ports[$1]} ") >= 2))
}

# bats test_tags=no-tls
@test "Sentinels and clusters over TLS are refused where the build lacks TLS" {
  mkdir "$M"
  for source in rediss://127.0.0.1:1,127.0.0.1:2 rediss-sentinel://127.0.0.1/mymaster rediss-cluster://127.0.0.1; do
    refuses 500 "$source" "" "needs TLS, which this build lacks" hiredis_ssl
  done
}

# bats test_tags=tls
@test "of several servers over TLS the primary is used, and its successor is followed" {
  tls_server_start one
  tls_server_start two --replicaof 127.0.0.1 "${redis_port[one]}" --repl-diskless-sync-delay 0
  wait_until replicates two
  mount_servers -o "cacert=$C/ca.crt" "rediss://$(tls_list two one)"
  take "$M/job"
  is 1 "$(redis_cli @one EXISTS lockfs:job)"
  uses_only_tls one
  redis_kill one
  promote two one
  take "$M/more"
  told "the primary is now $(tls_list two), it was $(tls_list one)"
  uses_only_tls two
  mkdir "$N"
  M=$N refuses 2500 "rediss://$(tls_list two one)" "cacert=$C/other_ca.crt" "certificate verify failed"
}

# tls_sentinel_start: a Sentinel that listens for TLS only, and watches the server `one` over TLS
tls_sentinel_start() {
  tls_ports[s1]=$((20000 + RANDOM % 12000))
  redis_port[plain]=${tls_ports[one]}
  quorum=1 sentinel_start s1 plain "tls-port ${tls_ports[s1]}" "tls-replication yes" "tls-auth-clients no" \
    "tls-cert-file $C/server.crt" "tls-key-file $C/server.key" "tls-ca-cert-file $C/ca.crt"
}

# bats test_tags=tls
@test "Sentinels are asked over TLS, and so is the primary that they name" {
  tls_server_start one
  tls_sentinel_start
  mount_servers -o "cacert=$C/ca.crt" "rediss-sentinel://$(tls_list s1)/mymaster"
  take "$M/job"
  is 1 "$(redis_cli @one EXISTS lockfs:job)"
  uses_only_tls one
  mkdir "$N"
  M=$N refuses 2500 "rediss-sentinel://$(tls_list s1)/mymaster" "cacert=$C/other_ca.crt" "the Sentinel $(tls_list s1)" \
    "certificate verify failed"
}

# bats test_tags=tls
@test "the nodes of a cluster are asked over TLS, and name their ports for it" {
  tls_server_start n1 --cluster-enabled yes --cluster-config-file "$T/n1.nodes" --tls-cluster yes
  redis_cli @n1 CLUSTER ADDSLOTSRANGE 0 16383 >/dev/null
  wait_until cluster_is_up n1
  mount_servers -o "cacert=$C/ca.crt" "rediss-cluster://$(tls_list n1)"
  take "$M/job"
  is 1 "$(redis_cli @n1 EXISTS '{lockfs}:job')"
  uses_only_tls n1
}
