# rediss://: the same over TLS, to a server that is who it says it is. The tests
# with the tag `tls` need a build that has TLS, the one with `no-tls` a build that
# lacks it; tests/run leaves the other kind out.

load ../lib/helper
load ../lib/redis
load ../lib/certificates

setup() {
  setup_dirs
  set_mount_points
  C=$BATS_FILE_TMPDIR
}

# tls_start [-c CERTIFICATE] [OPTION VALUE...]: a server that has no port but one of TLS
tls_start() {
  local certificate=server
  if [[ ${1-} == -c ]]; then
    certificate=$2
    shift 2
  fi
  redis_start --port 0 --tls-cert-file "$C/$certificate.crt" --tls-key-file "$C/$certificate.key" \
    --tls-ca-cert-file "$C/ca.crt" --tls-auth-clients no "$@"
  # Another program may have a port, then the next is tried.
  for _ in 1 2 3 4 5 6 7 8 9; do
    tls_port=$((20000 + RANDOM % 12000))
    answer=$(redis_cli CONFIG SET tls-port "$tls_port" 2>&1)
    [ "$answer" != OK ] || return 0
  done
  fail "no port for TLS: $answer"
}

tls_source() {
  echo "rediss://${1:-127.0.0.1}:$tls_port"
}

# mount_tls [-o OPTIONS] [DIR] [SOURCE]
mount_tls() {
  local options=cacert=$C/ca.crt
  if [[ ${1-} == -o ]]; then
    options+=,$2
    shift 2
  fi
  mount_redis -o "$options" "${1:-$M}" "${2:-$(tls_source)}"
}

# A build without it

# bats test_tags=no-tls
@test "rediss:// is refused where the build lacks TLS" {
  mkdir "$M"
  for source in rediss://127.0.0.1 rediss://127.0.0.1:1/3 rediss://:secret@localhost; do
    refuses 500 "$source" "" "rediss:// needs TLS, which this build lacks" hiredis_ssl
    refuses 500 "$source" "cacert=$C/ca.crt,cert=$C/client.crt,key=$C/client.key" "needs TLS, which this build lacks"
  done
}

@test "cert= and key= go together" {
  mkdir "$M"
  refuses 500 rediss://127.0.0.1:1 "cert=$C/client.crt" "cert= and key= go together"
  refuses 500 rediss://127.0.0.1:1 "cacert=$C/ca.crt,key=$C/client.key" "cert= and key= go together"
}

# The same as without

# bats test_tags=tls
@test "two mounts share over TLS" {
  tls_start
  mount_tls
  mount_tls "$N"
  take_with words "$M/job"
  is ACQUIRED "$(state "$M/job")"
  is UNAVAILABLE "$(state "$N/job")"
  is words "$(cat "$N/job")"
  expect EEXIST open "$N/job" CREAT,EXCL,WRONLY
  expect EBUSY @session write "$M/job" words
  expect EPERM unlink "$N/job"
  remains "$N/job" 290000 300000
  touch "$M/job"
  mkdir "$N/team"
  is "job team" "$(call list "$M")"
  rm "$M/job"
  gone "$N/job"
  # None of it went another way.
  is 0 "$(redis_cli CLIENT LIST | grep -v " laddr=${redis_socket[redis]}:0 " | grep -vc " laddr=127.0.0.1:$tls_port ")"
  (($(redis_cli CLIENT LIST | grep -c " laddr=127.0.0.1:$tls_port ") >= 2))
}

# bats test_tags=tls
@test "a lock of a plain mount is one of a TLS mount" {
  tls_start
  mount_tls
  mount_redis "$N"
  take "$M/job"
  is UNAVAILABLE "$(state "$N/job")"
  rm "$N/.with/force/job"
  take_as_other "$N/job"
  expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
}

# bats test_tags=tls
@test "a TLS mount takes a host name, a password and a database" {
  tls_start
  redis_cli CONFIG SET requirepass s3cret-0f-tls
  mount_tls "$M" "rediss://:s3cret-0f-tls@localhost:$tls_port/2"
  take "$M/job"
  is 1 "$(redis_cli -a s3cret-0f-tls --no-auth-warning -n 2 EXISTS lockfs:job)"
  LOCKFS_REDIS_PASSWORD=s3cret-0f-tls mount_tls "$N" "rediss://127.0.0.1:$tls_port/2"
  is UNAVAILABLE "$(state "$N/job")"
  mkdir "$T/third"
  M=$T/third
  refuses 1000 "$(tls_source)" "cacert=$C/ca.crt" NOAUTH password_file=
  LOCKFS_REDIS_PASSWORD=wrong-one refuses 1000 "$(tls_source)" "cacert=$C/ca.crt" WRONGPASS
}

# More than one record of TLS, each way.
# bats test_tags=tls
@test "large contents and long listings pass over TLS" {
  tls_start
  mount_tls
  mount_tls "$N"
  head -c 4096 /dev/urandom >"$T/words"
  (set -C; cat "$T/words" >"$M/job")
  cmp "$T/words" "$N/job"
  rm "$M/job"
  py <<'PY'
for number in range(1000):
    do_open("%s/%0100d" % (M, number), "CREAT,EXCL,WRONLY")
PY
  is 1000 "$(ls -f "$N" | grep -c '^0')"
}

# bats test_tags=tls
@test "events come over TLS" {
  tls_start
  mount_tls
  mount_tls "$N"
  py "$N" <<'PY'
import sys
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
poll = select.poll()
poll.register(fd, 0)
check("poll before", poll.poll(0), [])
os.unlink(sys.argv[1] + "/.with/force/job")
check("poll", poll.poll(5000), [(fd, select.POLLERR | select.POLLHUP)])
PY
}

# bats test_tags=tls
@test "a connection that was lost is made again over TLS" {
  tls_start
  mount_tls
  take "$M/job"
  allow_words 'rediss://.*|cannot reach rediss://.*'
  redis_cli CLIENT KILL TYPE normal SKIPME yes >/dev/null
  redis_cli CLIENT KILL TYPE pubsub SKIPME yes >/dev/null
  wait_until 5 is_ours "$M/job"
  rm "$M/job"
}

is_ours() {
  [ "$(state "$1" 2>/dev/null)" = ACQUIRED ]
}

# bats test_tags=tls
@test "a server that is frozen over TLS is noticed in time, and the mount recovers" {
  tls_start
  mount_tls -o timeout=1s
  take "$M/job"
  allow_words 'rediss://.*|cannot reach rediss://.*'
  redis_freeze
  for _ in 1 2; do
    start=$(now_ms)
    refute deadline 10 stat "$M/other" 2>"$T/stat"
    took=$(($(now_ms) - start))
    ((took <= 3000)) || fail "it took $took ms"
    matches '.*(Connection timed out|Host is down)' "$(cat "$T/stat")"
  done
  redis_thaw
  wait_until 5 is_ours "$M/job"
  rm "$M/job"
}

# Who the server is

# bats test_tags=tls
@test "a server signed by somebody else is refused" {
  tls_start
  mkdir "$M"
  refuses 1000 "$(tls_source)" "cacert=$C/other_ca.crt" "$(tls_source)" "certificate verify failed"
  refuses 1000 "$(tls_source)" "" "$(tls_source)" "certificate verify failed"
  refuses 1500 "$(tls_source localhost)" "cacert=$C/other_ca.crt" "$(tls_source localhost)" "certificate verify failed"
}

# bats test_tags=tls
@test "without cacert= the system's authorities count" {
  tls_start
  SSL_CERT_FILE=$C/ca.crt mount_redis "$M" "$(tls_source)"
  take "$M/job"
}

# bats test_tags=tls
@test "a server whose certificate is made out to another host is refused" {
  tls_start -c elsewhere
  mkdir "$M"
  refuses 1000 "$(tls_source)" "cacert=$C/ca.crt" "$(tls_source)" "certificate verify failed"
  refuses 1500 "$(tls_source localhost)" "cacert=$C/ca.crt" "$(tls_source localhost)" "certificate verify failed" mismatch
}

# bats test_tags=tls
@test "each name of a server is checked, an address as an address" {
  tls_start
  mkdir "$M"
  # Its certificate has 127.0.0.1 and localhost.
  refuses 1000 "$(tls_source '[::1]')" "cacert=$C/ca.crt" "$(tls_source '[::1]')" "certificate verify failed"
  mount_tls "$N" "$(tls_source localhost)"
}

# bats test_tags=tls
@test "a certificate without a host, and one that has expired, are refused" {
  tls_start -c nameless
  mkdir "$M"
  refuses 1500 "$(tls_source localhost)" "cacert=$C/ca.crt" "certificate verify failed"
  redis_cli CONFIG SET tls-cert-file "$C/expired.crt" tls-key-file "$C/expired.key"
  refuses 1000 "$(tls_source)" "cacert=$C/ca.crt" "certificate verify failed" expired
}

# Who we are

# bats test_tags=tls
@test "a server that wants client certificates accepts cert= and key=" {
  tls_start --tls-auth-clients yes
  mount_tls -o "cert=$C/client.crt,key=$C/client.key"
  take "$M/job"
  mkdir "$N"
  M=$N
  # It hangs up while it is asked already, so that what it says may not arrive.
  for _ in 1 2 3 4 5 6 7 8; do
    refuses 1500 "$(tls_source)" "cacert=$C/ca.crt" "$(tls_source)" cert= key=
  done
  refuses 1500 "$(tls_source)" "cacert=$C/ca.crt,cert=$C/stranger.crt,key=$C/stranger.key" "$(tls_source)" TLS
}

# bats test_tags=tls
@test "files that cannot be used are named" {
  tls_start
  mkdir "$M"
  echo nonsense >"$T/nonsense"
  refuses 500 "$(tls_source)" "cacert=$T/none" "cacert=$T/none" "No such file or directory"
  refuses 500 "$(tls_source)" "cacert=$T/nonsense" "cacert=$T/nonsense"
  refuses 500 "$(tls_source)" "cert=$T/none,key=$C/client.key" "cert=$T/none" "No such file or directory"
  refuses 500 "$(tls_source)" "cert=$C/client.crt,key=$T/none" "key=$T/none" "No such file or directory"
  refuses 500 "$(tls_source)" "cert=$C/client.crt,key=$C/stranger.key" "key=$C/stranger.key"
}

# The wrong kind

# bats test_tags=tls
@test "a port where nobody listens is refused at once over TLS" {
  tls_start
  redis_kill
  mkdir "$M"
  refuses 1000 "$(tls_source)" "cacert=$C/ca.crt" "$(tls_source)" "Connection refused"
}

# bats test_tags=tls
@test "a host name of which only one address has a server" {
  tls_start
  redis_cli CONFIG SET bind 127.0.0.1
  mount_tls "$M" "$(tls_source localhost)"
}

# bats test_tags=tls
@test "a server at the other end of a network, that loses packets and does not" {
  network_start
  tls_start
  mkdir "$M"
  network_lose there
  refuses 800 "$(tls_source "$far_address")" "cacert=$C/ca.crt,timeout=300ms" "$(tls_source "$far_address")" "not answer"
  network_heal
  mount_tls "$N" "$(tls_source "$far_address")"
  take "$N/job"
}

# bats test_tags=tls
@test "a plain mount at a port of TLS is refused" {
  tls_start
  mkdir "$M"
  refuses 2500 "redis://127.0.0.1:$tls_port" "" "redis://127.0.0.1:$tls_port"
  # A server that wants a certificate, too.
  redis_cli CONFIG SET tls-auth-clients yes
  refuses 2500 "redis://127.0.0.1:$tls_port" timeout=500ms "redis://127.0.0.1:$tls_port"
}

# bats test_tags=tls
@test "a TLS mount at a plain port is refused, in time" {
  redis_start
  mkdir "$M"
  tls_port=${redis_port[redis]}
  refuses 2500 "$(tls_source)" "cacert=$C/ca.crt" "$(tls_source)" "not answer"
  refuses 800 "$(tls_source)" "cacert=$C/ca.crt,timeout=300ms" "$(tls_source)" "not answer"
}

# bats test_tags=tls
@test "what answers is nothing of Redis, or nothing at all" {
  mkdir "$M"
  for kind in http garbage closing; do
    fake "$kind"
    refuses 2500 "rediss://127.0.0.1:$fake_port" "cacert=$C/ca.crt" "rediss://127.0.0.1:$fake_port"
  done
  fake silent
  refuses 800 "rediss://127.0.0.1:$fake_port" "cacert=$C/ca.crt,timeout=300ms" "rediss://127.0.0.1:$fake_port" "not answer"
}
