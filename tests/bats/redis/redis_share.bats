# Several mounts on one Redis are one lock directory; namespaces and databases keep others apart.

load ../lib/helper
load ../lib/redis

# Taken on one mount, seen on the others

@test "a lock of one mount is there at once on the others, and gone at once" {
  mount_two
  mount_redis "$O"
  for round in 1 2 3 4 5; do
    take "$M/job"
    is UNAVAILABLE "$(state "$N/job")"
    is UNAVAILABLE "$(state "$O/job")"
    is job "$(call list "$N")"
    is job "$(call list "$O")"
    rm "$M/job"
    gone "$N/job"
    gone "$O/job"
    is "" "$(call list "$N")"
    take_as_other "$O/job"
    expect EEXIST open "$M/job" CREAT,EXCL,WRONLY
    expect EBUSY open "$N/.with/id=me/job" CREAT,WRONLY
    expect EBUSY write "$N/job" words
    expect EPERM unlink "$M/job"
    expect EPERM utime "$N/job"
    rm "$N/.with/force/job"
    gone "$M/job"
  done
}

@test "all that is to be known of a lock is the same on the other mount" {
  mount_two
  take_with words "$M/.with/ttl=45s/job"
  before=$(lock "$M/job" expires)
  for name in owner ttl acquired expires token key host pid uid command waiters; do
    is "$(lock "$M/job" "$name")" "$(lock "$N/job" "$name")"
  done
  is words "$(cat "$N/job")"
  is "$(stat -c '%s %u %g %a %Y %Z %i' "$M/job")" "$(stat -c '%s %u %g %a %Y %Z %i' "$N/job")"
  remains "$N/job" 25000 45000
  touch "$M/job"
  [[ $(lock "$N/job" expires) > $before ]] || fail "not refreshed: $before"
  is "$(lock "$M/job" expires)" "$(lock "$N/job" expires)"
  echo more >>"$M/job"
  is $'words\nmore' "$(cat "$N/job")"
  is 11 "$(stat -c %s "$N/job")"
  : >"$M/job"
  is "" "$(cat "$N/job")"
  is 0 "$(stat -c %s "$N/job")"
}

@test "id and handle of a lock are told on the mount that took it only" {
  mount_two
  take "$M/job"
  matches '[0-9a-f]{32}' "$(lock "$M/job" id)"
  expect ENODATA getxattr "$N/job" user.lock.id
  expect ENODATA getxattr "$N/job" user.lock.handle
}

@test "directories, their attributes and default_ttl are shared at once" {
  mount_two
  mkdir "$M/team"
  is 755 "$(stat -c %a "$N/team")"
  is "$(stat -c '%a %u %g %i %Z' "$M/team")" "$(stat -c '%a %u %g %i %Z' "$N/team")"
  expect EEXIST mkdir "$N/team"
  chmod 1770 "$N/team"
  is 1770 "$(stat -c %a "$M/team")"
  chown 12:34 "$M/team"
  is 12:34 "$(stat -c %u:%g "$N/team")"
  setfattr -n user.lock.default_ttl -v 7s "$M/team"
  is 7.000 "$(getfattr --absolute-names --only-values -n user.lock.default_ttl "$N/team")"
  mkdir "$N/team/sub"
  take "$N/team/sub/job"
  is 7.000 "$(lock "$M/team/sub/job" ttl)"
  is "job" "$(call list "$M/team/sub")"
  expect ENOTEMPTY rmdir "$M/team/sub"
  rm "$N/team/sub/job"
  rmdir "$M/team/sub" "$M/team"
  gone "$N/team"
  is "" "$(call list "$N")"
}

@test "default_ttl of the root is shared; mode and owner of the root are each mount's own" {
  mount_redis -o mode=700
  mount_redis -o mode=750 "$N"
  setfattr -n user.lock.default_ttl -v 9s "$N"
  take "$M/job"
  is 9.000 "$(lock "$M/job" ttl)"
  is 700 "$(stat -c %a "$M")"
  is 750 "$(stat -c %a "$N")"
}

@test "a directory removed on one mount is none on another: nothing can be made in it" {
  mount_two
  mkdir "$M/team"
  py "$N" <<'PY'
import sys
N = sys.argv[1]
team = os.open(N + "/team", os.O_RDONLY | os.O_DIRECTORY)
os.rmdir(M + "/team")
check("mkdir", outcome(os.mkdir, "sub", dir_fd=team), "ENOENT")
check("create", outcome(os.open, "job", os.O_CREAT | os.O_EXCL | os.O_WRONLY, dir_fd=team), "ENOENT")
# Through the open directory there is a handle still, but no lock to be had.
handle = os.open("job", os.O_CREAT | os.O_WRONLY, dir_fd=team)
check("lock", outcome(fcntl.flock, handle, fcntl.LOCK_EX | fcntl.LOCK_NB), "ENOENT")
check("write", outcome(os.write, handle, b"x"), "ENOLCK")
for flags in (os.O_CREAT | os.O_EXCL | os.O_WRONLY, os.O_CREAT | os.O_WRONLY, os.O_CREAT | os.O_RDONLY):
    check("again", outcome(os.open, N + "/team/job", flags), "ENOENT")
PY
}

@test "a lock and a directory of one name exclude each other across mounts" {
  mount_two
  take "$M/one"
  expect EEXIST mkdir "$N/one"
  mkdir "$N/two"
  expect EEXIST open "$M/two" CREAT,EXCL,WRONLY
  expect EISDIR open "$M/two" CREAT,WRONLY
  expect ENOTDIR open "$N/one/job" CREAT,WRONLY
}

@test "names of every kind are the same on all mounts" {
  mount_two
  mkdir "$M/a b"
  for name in ' ' 'a b/c' $'tab\there' $'new\nline' '*' '[x]' '%s' 'ümläut' $'\xff\xfe' '{tag}' 'a:b' 'a#b' '"' "'" '\' \
      "$(printf '%0255d' 7)"; do
    take "$M/$name"
    is UNAVAILABLE "$(state "$N/$name")"
    is "$name" "$(lock "$N/$name" key)"
  done
  is "$(ls -A "$M" | sort)" "$(ls -A "$N" | sort)"
  is 16 "$(find "$N" -type f -printf x | wc -c)"
}

@test "expiry is the same moment on all mounts" {
  mount_two
  take "$M/job"
  is UNAVAILABLE "$(state "$N/job")"
  setfattr -n user.lock.ttl -v 1s "$M/job"
  wait_until gone "$N/job"
  gone "$M/job"
  take_as_other "$N/job"
  is UNAVAILABLE "$(state "$M/job")"
}

@test "tokens grow over all mounts and keys" {
  mount_two
  last=0
  for file in "$M/a" "$N/b" "$M/c" "$N/a" "$M/b"; do
    take "$file"
    token=$(lock "$file" token)
    ((token > last)) || fail "$token after $last"
    last=$token
    rm "$file"
  done
}

@test "the counter goes on when Redis lost all its data" {
  mount_two
  take "$M/job"
  before=$(lock "$M/job" token)
  allow_words "$outage_words"
  redis_cli FLUSHALL
  # The lock is given back with its token, here after a moment, as nobody waits for that with grace=0.
  ls "$N" >/dev/null
  wait_until has_token "$N/job" "$before"
  rm "$M/job"
  take "$N/job"
  (($(lock "$M/job" token) > before))
}

has_token() {
  [ "$(lock "$1" token 2>/dev/null)" = "$2" ]
}

# Who holds

@test "a plain session's lock cannot be released on another mount by the same session" {
  mount_two
  take "$M/job"
  before=$(snapshot "$M/job")
  is UNAVAILABLE "$(state "$N/job")"
  expect EPERM unlink "$N/job"
  expect EPERM utime "$N/job"
  expect EBUSY truncate "$N/job" 0
  unchanged "$before" "$M/job"
}

@test "a lock handed over by its handle is seen, refreshed and released on another mount" {
  mount_two
  take "$M/job"
  handle=$(lock "$M/job" handle)
  matches '\.with/id=[0-9a-f]+.*/job' "$handle"
  is ACQUIRED "$(session getfattr --absolute-names --only-values -n user.lock.state "$N/$handle")"
  before=$(lock "$M/job" expires)
  session touch "$N/$handle"
  [[ $(lock "$M/job" expires) > $before ]] || fail "not refreshed"
  is ACQUIRED "$(state "$M/job")"
  session rm "$N/$handle"
  gone "$M/job"
  gone "$N/job"
}

@test "a handle does not act on a later holding" {
  mount_two
  take "$M/job"
  handle=$(lock "$M/job" handle)
  rm "$M/job"
  take "$M/job"
  before=$(snapshot "$M/job")
  expect EPERM unlink "$N/$handle"
  expect EPERM utime "$N/$handle"
  unchanged "$before" "$M/job"
}

@test "a given id is the same holder on all mounts" {
  mount_two
  take "$M/.with/id=alice/job"
  is ACQUIRED "$(state "$N/.with/id=alice/job")"
  is UNAVAILABLE "$(state "$N/job")"
  is UNAVAILABLE "$(state "$N/.with/id=bob/job")"
  is alice "$(lock "$N/job" owner)"
  expect EPERM unlink "$N/.with/id=bob/job"
  rm "$N/.with/id=alice/job"
  gone "$M/job"
}

@test "mounts with one id= are one holder" {
  mount_redis -o id=alice
  mount_redis -o id=alice "$N"
  mount_redis -o id=bob "$O"
  take "$M/job"
  is ACQUIRED "$(state "$N/job")"
  is UNAVAILABLE "$(state "$O/job")"
  expect EPERM unlink "$O/job"
  rm "$N/job"
  gone "$M/job"
}

@test "a daemon that was restarted on its mount point still knows its callers" {
  mount_redis
  take_with words "$M/job"
  before=$(snapshot "$M/job")
  unmount_lockfs "$M"
  mount_redis
  unchanged "$before" "$M/job"
  is ACQUIRED "$(state "$M/job")"
  touch "$M/job"
  rm "$M/job"
}

# Descriptors

# A holder on $M with an open descriptor; what ends the holding is given as
# Python in `end`, with N at hand. Prints how many ms poll took to tell.
descriptor_ends() {
  py "$N" "$1" <<'PY'
import sys
N, end = sys.argv[1:]
fd = os.open(M + "/.with/ttl=1s/job" if end == "expiry" else M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.write(fd, b"words")
poll = select.poll()
poll.register(fd, 0)
check("poll before", poll.poll(0), [])
began = time.monotonic()
if end == "force":
    os.unlink(N + "/.with/force/job")
elif end == "handle":
    os.unlink(N + "/" + attribute(fd, "handle"))
    began = time.monotonic()
elif end == "expiry":
    began = time.monotonic() + float(attribute(fd, "remaining"))
told = poll.poll(5000)
took = time.monotonic() - began
check("poll", told, [(fd, select.POLLERR | select.POLLHUP)])
check("read", outcome(os.pread, fd, 5, 0), "ESTALE")
check("write", outcome(os.pwrite, fd, b"x", 0), "ESTALE")
check("fsync", outcome(os.fsync, fd), "ESTALE")
check("state", attribute(fd, "state"), "EXPIRED")
check("path", outcome(os.stat, M + "/job"), "ENOENT")
os.close(fd)
print(round(took * 1000))
PY
}

@test "force on another mount ends the descriptors of the holder at once" {
  mount_two
  took=$(at_best 500 descriptor_ends force)
  figure "poll told of a forced release on another mount after $took ms"
  ((took <= 500)) || fail "poll told after $took ms"
}

@test "a release by handle on another mount ends the descriptors of the holder at once" {
  mount_two
  took=$(at_best 500 descriptor_ends handle)
  ((took <= 500)) || fail "poll told after $took ms"
}

@test "expiry ends the descriptors of the holder at once, and never late" {
  mount_two
  took=$(at_best 300 descriptor_ends expiry)
  figure "poll told of an expiry $took ms after the end as the holder saw it"
  ((took > -200 && took <= 300)) || fail "poll told after $took ms"
}

@test "a descriptor of the holder on one mount does not act on what another took since" {
  mount_two
  py "$N" <<'PY'
import sys
N = sys.argv[1]
fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.unlink(N + "/.with/force/job")
new = os.open(N + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
os.write(new, b"theirs")
check("write", outcome(os.pwrite, fd, b"mine", 0), "ESTALE")
check("state", attribute(fd, "state"), "EXPIRED")
check("content", os.pread(new, 10, 0), b"theirs")
PY
}

# Apart

@test "two namespaces never see each other" {
  mount_redis -o namespace=one
  mount_redis -o namespace=one:two "$N"
  mount_redis -o namespace=o "$O"
  mkdir "$M/dir"
  setfattr -n user.lock.default_ttl -v 7s "$M"
  take "$M/job" "$M/dir/job"
  for other in "$N" "$O"; do
    is "" "$(call list "$other")"
    expect ENOENT stat "$other/job"
    expect ENOENT stat "$other/dir"
    is 300.000 "$(getfattr --absolute-names --only-values -n user.lock.default_ttl "$other")"
    take_as_other "$other/job"
  done
  is ACQUIRED "$(state "$M/job")"
  rm "$N/.with/force/job" "$O/.with/force/job"
  is ACQUIRED "$(state "$M/job")"
}

@test "namespaces of odd names are apart, too" {
  mounted=()
  for name in '*' '[a-z]' '{tag}' 'a b' 'ünï' '%d' "it's"; do
    dir=$T/ns${#mounted[@]}
    mount_redis -o "namespace=$name" "$dir"
    is "" "$(call list "$dir")"
    take "$dir/job"
    is job "$(call list "$dir")"
    mounted+=("$dir")
  done
  rm "${mounted[0]}/job"
  is ACQUIRED "$(state "${mounted[1]}/job")"
}

@test "two databases never see each other" {
  mount_redis "$M" "$(redis_source)?db=1"
  mount_redis "$N" "$(redis_tcp_source)/2"
  mount_redis "$O" "$(redis_tcp_source)/1"
  take "$M/job"
  gone "$N/job"
  is UNAVAILABLE "$(state "$O/job")"
  take "$N/job"
  is 1 "$(redis_cli -n 2 EXISTS lockfs:job)"
  is 0 "$(redis_cli -n 0 EXISTS lockfs:job)"
}

# Ways to the server

@test "by socket, IPv4, IPv6 and host name it is the same" {
  mount_redis
  take "$M/job"
  port=${redis_port[redis]}
  for source in "redis://127.0.0.1:$port" "redis://[::1]:$port" "redis://localhost:$port" "redis://localhost:$port/" \
      "redis://localhost:$port/0" "redis+unix://${redis_socket[redis]}?db=0"; do
    mount_redis "$N" "$source"
    is UNAVAILABLE "$(state "$N/job")"
    unmount_lockfs "$N"
  done
}

@test "a mount in the background returns when it answers" {
  mount_background "$(redis_source)" "$M"
  take "$M/job"
  is 1 "$(redis_cli EXISTS lockfs:job)"
}

# Everything that is to be seen of our daemons from outside, for a secret.
not_visible() {
  local file
  while read -r file; do
    # Others know it, of course: the server, and a client that asks it.
    grep -qasF -- lockfs "$file" || continue
    fail "$file tells $1: $(tr '\0' ' ' <"$file")" || return
  done < <(grep -lasF -e "$1" /proc/[0-9]*/cmdline /proc/self/mountinfo /proc/mounts)
}

@test "a password in every way it can be given, and it is never to be seen" {
  redis_start @locked --requirepass s3cret-w0rd
  echo s3cret-w0rd >"$T/password"
  port=${redis_port[locked]}
  LOCKFS_REDIS_PASSWORD=s3cret-w0rd mount_redis "$M" "$(redis_source locked)"
  not_visible s3cret-w0rd
  take "$M/job"
  mount_redis -o "password_file=$T/password" "$N" "$(redis_tcp_source locked)"
  not_visible s3cret-w0rd
  is UNAVAILABLE "$(state "$N/job")"
  for source in "redis://:s3cret-w0rd@127.0.0.1:$port/0" "redis://default:s3cret-w0rd@[::1]:$port" \
      "redis://:s3cret%2Dw0rd@localhost:$port" "redis+unix://:s3cret-w0rd@${redis_socket[locked]}"; do
    mount_redis "$O" "$source"
    wait_until 2 not_visible s3cret
    is UNAVAILABLE "$(state "$O/job")"
    matches '.*' "$(findmnt -no SOURCE "$O")"
    unmount_lockfs "$O"
  done
  # The file counts before the environment, and both before SOURCE.
  LOCKFS_REDIS_PASSWORD=wrong mount_redis -o "password_file=$T/password" "$O" "redis://:wrong@127.0.0.1:$port"
  unmount_lockfs "$O"
  LOCKFS_REDIS_PASSWORD=s3cret-w0rd mount_redis "$O" "redis://:wrong@127.0.0.1:$port"
}

@test "a password and an id of a background mount are never to be seen" {
  redis_start @locked --requirepass s3cret-w0rd
  mount_background "redis://:s3cret-w0rd@127.0.0.1:${redis_port[locked]}" "$M" -o id=myself1234,ttl=1m
  not_visible s3cret-w0rd
  not_visible myself1234
  take "$M/job"
  is myself1234 "$(redis_cli @locked -a s3cret-w0rd --no-auth-warning GET lockfs:job)"
}

@test "a user of an access list may have a password of odd characters" {
  redis_cli ACL SETUSER 'me@home' on '>p@ss:w/rd%?' '~*' '&*' '+@all' '-@admin' '+client|kill'
  mount_redis "$M" "redis://me%40home:p%40ss%3Aw%2Frd%25%3F@127.0.0.1:${redis_port[redis]}"
  not_visible 'p@ss'
  not_visible 'p%40ss'
  take "$M/job"
  contains "user=me@home" "$(redis_cli CLIENT LIST)"
  LOCKFS_REDIS_PASSWORD='p@ss:w/rd%?' mount_redis "$N" "redis://me%40home:@127.0.0.1:${redis_port[redis]}"
  is UNAVAILABLE "$(state "$N/job")"
}

# Rights

# Everything that a mount may ask of its server.
use_everything() {
  mkdir "$M/team"
  chmod 770 "$M/team"
  chown 1:1 "$M/team"
  setfattr -n user.lock.default_ttl -v 70s "$M/team"
  getfattr -n user.lock.default_ttl "$M/team" >/dev/null 2>&1
  take_with words "$M/team/job"
  echo more >>"$M/team/job"
  is 70.000 "$(lock "$M/team/job" ttl)"
  touch "$M/team/job"
  setfattr -n user.lock.ttl -v 5s "$M/team/job"
  is 11 "$(stat -c %s "$M/team/job")"
  : >"$M/team/job"
  is job "$(call list "$M/team")"
  expect EBUSY @session write "$M/team/job" words
  expect EBUSY open "$M/.with/id=me/team/job" CREAT,WRONLY
  rm "$M/team/job"
  take "$M/.with/ttl=never/team/job"
  rm "$M/.with/force/team/job"
  setfattr -x user.lock.default_ttl "$M/team" 2>/dev/null || true
  rmdir "$M/team"
  # Its answer may come after the end of the lease.
  matches 'OK|ETIMEDOUT' "$(call open "$M/.with/ttl=50ms/job" CREAT,EXCL,WRONLY)"
  wait_until gone "$M/job"
  is "" "$(call list "$M")"
}

@test "a restricted user can do everything with the rights that the manual names" {
  set -f
  # shellcheck disable=SC2046
  set_rights $(rights lockfs)
  set +f
  mount_redis "$M" "$(weak_source)"
  mount_redis "$N"
  redis_cli ACL LOG RESET
  use_everything
  took=$(at_best 500 descriptor_ends force)
  ((took <= 500)) || fail "events do not come: $took ms"
  redis_cli CLIENT KILL USER weak >/dev/null
  allow_words '(cannot reach )?redis://.*'
  wait_until expect ENOENT stat "$M/job"
  use_everything
  redis_cli SCRIPT FLUSH
  use_everything
  is "" "$(redis_cli ACL LOG)"
}

@test "a restricted user's mount stays silent when nobody wants events any more" {
  set -f
  # shellcheck disable=SC2046
  set_rights $(rights lockfs)
  set +f
  mount_redis "$M" "$(weak_source)"
  mount_redis "$N"
  redis_cli ACL LOG RESET
  cat "$M/.events" >"$T/events" 3>&- &
  wait_until channels 3
  kill "$!"
  # They go on for five seconds; the channels of the mount itself and of new epochs stay.
  wait_until channels 2
  is "" "$(redis_cli ACL LOG)"
  take "$M/job"
}

# channels COUNT: so many are subscribed to by weak
channels() {
  redis_cli CLIENT LIST TYPE pubsub | grep -q " sub=$1 .* user=weak "
}

@test "a restricted user of one namespace cannot touch another" {
  set -f
  # shellcheck disable=SC2046
  set_rights $(rights mine)
  set +f
  mount_redis -o namespace=mine "$M" "$(weak_source)"
  take "$M/job"
  mkdir "$N"
  run deadline 10 "$LOCKFS" "$(weak_source)" "$N" -o namespace=mines
  [ "$status" != 0 ]
  contains NOPERM "$output"
}

# told_at_mount WHAT [OPTIONS]: mounting as `weak` fails, with a line that says why
told_at_mount() {
  run deadline 10 "$LOCKFS" "$(weak_source "${db-}")" "$M" -o "namespace=lockfs${2:+,$2}"
  if [ "$status" = 0 ]; then
    fusermount3 -u "$M"
    echo "$1: not told at the mount"
  elif [[ ${#lines[@]} != 1 || $output != *NOPERM* ]]; then
    echo "$1: $output"
  fi
}

@test "each right that is missing is told at the mount, and named" {
  mkdir "$M"
  set -f
  read -ra all <<<"$(rights lockfs)"
  set +f
  problems=''
  for missing in "${all[@]}"; do
    # There is nothing that it could be asked for yet.
    [ "$missing" != +unsubscribe ] || continue
    rest=()
    for right in "${all[@]}"; do
      [[ $right == "$missing" ]] || rest+=("$right")
    done
    set_rights "${rest[@]}"
    problems+=$(told_at_mount "$missing")${IFS:2:1}
  done
  problems=$(grep . <<<"$problems") || true
  is "" "$problems"
}

@test "the right to select a database and to scan are told where they are wanted" {
  mkdir "$M"
  set -f
  # shellcheck disable=SC2046
  set_rights $(rights lockfs)
  set +f
  is "" "$(db=/1 told_at_mount +select)"
  is "" "$(told_at_mount +scan scan)"
  redis_cli ACL SETUSER weak +select +scan
  mount_redis -o scan "$M" "$(weak_source /1)"
  redis_cli -n 1 SET lockfs:job theirs PX 60000
  is job "$(call list "$M")"
}
