# Extended attributes of locks and directories.

load ../lib/helper

names_of_lock="user.lock.acquired user.lock.command user.lock.expires user.lock.form user.lock.handle user.lock.holders user.lock.host user.lock.id\
 user.lock.key user.lock.mode user.lock.owner user.lock.pid user.lock.remaining user.lock.state user.lock.token user.lock.ttl\
 user.lock.uid user.lock.waiters"

without_secrets() {
  sed 's/ user\.lock\.handle//; s/ user\.lock\.id / /' <<<"$names_of_lock"
}

@test "getfattr -d prints all of section 5 to the holder" {
  take "$M/job"
  is "$names_of_lock" "$(call listxattr "$M/job")"
  getfattr --absolute-names -d "$M/job" >"$T/dump"
  is 18 "$(grep -c '^user\.lock\.[a-z]*="[^"]*"$' "$T/dump")"
  grep -qx 'user.lock.state="ACQUIRED"' "$T/dump"
  grep -qx 'user.lock.ttl="300.000"' "$T/dump"
}

@test "the holder of a lock is described: host, pid, uid, command, owner" {
  (set -C; : >"$M/job"; echo "$BASHPID" >"$T/pid")
  is "$(uname -n)" "$(lock "$M/job" host)"
  is "$(cat "$T/pid")" "$(lock "$M/job" pid)"
  is "$(id -u)" "$(lock "$M/job" uid)"
  contains bash "$(lock "$M/job" command)"
  is "$(id -un)@$(uname -n):$(cat "$T/pid") $(lock "$M/job" command)" "$(lock "$M/job" owner)"
}

@test "the process is the one that called, not a thread of it" {
  py <<'PY'
import threading
thread = threading.Thread(target=lambda: os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL)))
thread.start()
thread.join()
check("pid", attribute(M + "/job", "pid"), str(os.getpid()))
PY
}

@test "times are RFC 3339 in UTC with milliseconds, and agree with stat" {
  start=$(now_ms)
  take "$M/job"
  end=$(now_ms)
  for name in acquired expires; do
    matches '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z' "$(lock "$M/job" $name)"
  done
  acquired=$(date -d "$(lock "$M/job" acquired)" +%s%3N)
  ((acquired >= start && acquired <= end)) || fail "acquired $acquired, not in $start to $end"
  is "$acquired" "$(stat -c %.3Z "$M/job" | tr -d .)"
  is "$acquired" "$(stat -c %.3Y "$M/job" | tr -d .)"
  sleep 0.02
  touch "$M/job"
  refreshed=$(stat -c %.3Y "$M/job" | tr -d .)
  ((refreshed > acquired))
  is $((refreshed + 300000)) "$(date -d "$(lock "$M/job" expires)" +%s%3N)"
}

@test "waiters is 0 if nobody waits" {
  take "$M/job"
  is 0 "$(lock "$M/job" waiters)"
}

@test "the key is the path below the mount, whatever bytes are in it" {
  mkdir -p "$M/team/sub dir"
  for key in job "team/sub dir/job" "two words" $'new\nline' $'tab\t\\"' "ünï€" $'\xff\xfe' "-rf" "*" "#:{x}" ".hidden"; do
    take "$M/$key"
    is "$key" "$(lock "$M/$key" key)"
    is ACQUIRED "$(state "$M/$key")"
    rm -- "$M/$key"
    gone "$M/$key"
  done
}

@test "another session of the holder's user sees id and handle, and is not the holder" {
  take "$M/job"
  expect "$names_of_lock" @session listxattr "$M/job"
  expect "$(lock "$M/job" id)" @session getxattr "$M/job" user.lock.id
  expect UNAVAILABLE @session getxattr "$M/job" user.lock.state
}

@test "another user sees neither id nor handle" {
  need_root
  mount_lockfs -o allow_other "$T/shared"
  take "$T/shared/job"
  expect "$(without_secrets)" @nobody listxattr "$T/shared/job"
  expect ENODATA @nobody getxattr "$T/shared/job" user.lock.id
  expect ENODATA @nobody getxattr "$T/shared/job" user.lock.handle
  as_user nobody getfattr --absolute-names -d "$T/shared/job" >"$T/dump"
  refute grep -q "$(lock "$T/shared/job" id)" "$T/dump"
  # root is another user as well
  take_as nobody "$T/shared/theirs"
  expect "$(without_secrets)" listxattr "$T/shared/theirs"
  expect ENODATA getxattr "$T/shared/theirs" user.lock.id
}

@test "who has the id of a lock sees it" {
  need_root
  mount_lockfs -o allow_other "$T/shared"
  : >"$T/shared/.with/id=alice/job"
  expect alice @nobody getxattr "$T/shared/.with/id=alice/job" user.lock.id
  expect ENODATA @nobody getxattr "$T/shared/.with/id=bob/job" user.lock.id
}

@test "sizes follow getxattr(2) and listxattr(2): 0 asks, too small is ERANGE" {
  take "$M/job"
  py <<'PY'
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
path = (M + "/job").encode()

def raw(function, *arguments):
    result = getattr(libc, function)(*arguments)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result

for name in os.listxattr(path):
    value = os.getxattr(path, name)
    size = len(value)
    key = name.encode()
    if name == "user.lock.remaining":
        continue
    check("size of " + name, raw("getxattr", path, key, None, 0), size)
    buffer = ctypes.create_string_buffer(b"~" * 200)
    if size > 1:  # else one less is 0, which asks
        check("too small for " + name, raw("getxattr", path, key, buffer, size - 1), "ERANGE")
    check("just enough for " + name, raw("getxattr", path, key, buffer, size), size)
    check("value of " + name, buffer.raw[:size + 1], value + b"~")
    check("more than enough for " + name, raw("getxattr", path, key, buffer, 200), size)

size = raw("listxattr", path, None, 0)
check("size of the list", size, sum(len(name) + 1 for name in os.listxattr(path)))
buffer = ctypes.create_string_buffer(1000)
check("list, too small", raw("listxattr", path, buffer, size - 1), "ERANGE")
check("list, enough", raw("listxattr", path, buffer, size), size)
check("list, last byte", buffer.raw[size - 1:size], b"\0")
PY
}

@test "an unknown name is ENODATA" {
  take "$M/job"
  for name in user.lock.nonsense user.lock user.lock. user.foo user.LOCK.STATE security.selinux trusted.foo \
    user.lock.identity user.lock.default_ttl; do
    expect ENODATA getxattr "$M/job" "$name"
  done
  for name in user.lock.state user.lock.ttl user.foo security.capability; do
    expect ENODATA getxattr "$M" "$name"
  done
  run getfattr --absolute-names -n user.lock.nonsense "$M/job"
  is 1 "$status"
  contains "No such attribute" "$output"
}

@test "ls -l of a lock shows plain permissions: no access lists" {
  take "$M/job"
  matches '-rw-r--r-- 1 .*' "$(ls -l "$M/job")"
}

@test "read-only attributes cannot be set, for the holder and for others: ENOTSUP, about which programs that copy are silent" {
  take "$M/mine"
  take_as_other "$M/theirs"
  mine=$(snapshot "$M/mine") theirs=$(snapshot "$M/theirs")
  for name in state owner remaining acquired expires token key id handle host pid uid command waiters; do
    expect ENOTSUP setxattr "$M/mine" "user.lock.$name" 1
    expect ENOTSUP setxattr "$M/theirs" "user.lock.$name" 1
    expect EPERM removexattr "$M/mine" "user.lock.$name"
  done
  unchanged "$mine" "$M/mine"
  unchanged "$theirs" "$M/theirs"
}

@test "an attribute that lockfs does not know cannot be set" {
  take "$M/job"
  before=$(snapshot "$M/job")
  for name in user.foo user.lock.nonsense security.foo trusted.foo; do
    expect ENOTSUP setxattr "$M/job" "$name" value
  done
  expect ENOTSUP setxattr "$M" user.foo value
  expect ENODATA removexattr "$M/job" user.foo
  unchanged "$before" "$M/job"
}

@test "setting ttl obeys XATTR_CREATE and XATTR_REPLACE" {
  take "$M/job"
  before=$(snapshot "$M/job")
  expect EEXIST setxattr "$M/job" user.lock.ttl 20s CREATE
  unchanged "$before" "$M/job"
  expect OK setxattr "$M/job" user.lock.ttl 20s REPLACE
  is 20.000 "$(lock "$M/job" ttl)"
}

@test "attributes too large are refused and change nothing" {
  take "$M/job"
  before=$(snapshot "$M/job")
  py <<'PY'
path = M + "/job"
check("60000 digits", outcome(os.setxattr, path, "user.lock.ttl", b"3" * 60000), "EINVAL")
check("70000 digits", outcome(os.setxattr, path, "user.lock.ttl", b"3" * 70000), "E2BIG")
check("a NUL in it", outcome(os.setxattr, path, "user.lock.ttl", b"30s\0"), "EINVAL")
check("a long name", outcome(os.setxattr, path, "user." + "n" * 250, b"1"), "ENOTSUP")
check("too long a name", outcome(os.setxattr, path, "user." + "n" * 251, b"1"), "ERANGE")
check("default_ttl", outcome(os.setxattr, M, "user.lock.default_ttl", b"3" * 60000), "EINVAL")
PY
  unchanged "$before" "$M/job"
}

@test "removing user.lock.ttl is refused" {
  take "$M/job"
  before=$(snapshot "$M/job")
  matches "EPERM|EINVAL|ENOTSUP" "$(call removexattr "$M/job" user.lock.ttl)"
  unchanged "$before" "$M/job"
}

@test "attributes of a handle are of the present holding, whoever has it, and of none while the lock is free" {
  py <<'PY'
path = M + "/job"
for flags in os.O_RDONLY, os.O_WRONLY, os.O_RDWR:
    handle = os.open(path, os.O_CREAT | flags)
    other = os.open(path, os.O_CREAT | flags)
    check("state of a free lock", attribute(handle, "state"), "EXPIRED")
    check("holder of a free lock", outcome(attribute, handle, "owner"), "ENODATA")
    tokens = []
    for view in "", ".with/ttl=20s/":
        in_child(lambda: do_open(M + "/" + view + "job", "CREAT,EXCL,WRONLY"), session=True)
        tokens.append(int(attribute(handle, "token")))
        check("state of another's", [attribute(handle, "state"), attribute(other, "state")], ["UNAVAILABLE"] * 2)
        for name in "token", "ttl", "owner", "acquired", "expires", "key":
            check(name, attribute(handle, name), attribute(path, name))
        check("names", os.listxattr(handle), os.listxattr(path))
        os.unlink(M + "/.with/force/job")
        check("state after the end", attribute(handle, "state"), "EXPIRED")
    check("tokens", tokens[0] < tokens[1], True)
    do_open(path, "CREAT,EXCL,WRONLY")
    check("state of one's own", attribute(handle, "state"), "ACQUIRED")
    os.unlink(path)
    os.close(handle)
    os.close(other)
PY
}

# Directories

@test "getfattr -d of a directory prints identity and default_ttl" {
  mkdir "$M/team"
  for dir in "$M" "$M/team" "$M/.with/ttl=30s"; do
    is "user.lock.default_ttl user.lock.identity" "$(call listxattr "$dir")"
  done
}

@test "identity is read-only" {
  expect ENOTSUP setxattr "$M" user.lock.identity me
  expect EPERM removexattr "$M" user.lock.identity
}

@test "default_ttl is the lease of locks made in the directory and below, unless a view says otherwise" {
  mkdir -p "$M/team/sub"
  is 300.000 "$(lock "$M/team" default_ttl)"
  setfattr -n user.lock.default_ttl -v 90s "$M/team"
  is 90.000 "$(lock "$M/team" default_ttl)"
  is 90.000 "$(lock "$M/team/sub" default_ttl)"
  is 300.000 "$(lock "$M" default_ttl)"
  take "$M/team/a" "$M/team/sub/b" "$M/c" "$M/.with/ttl=5s/team/d"
  is "90.000 90.000 300.000 5.000" \
    "$(lock "$M/team/a" ttl) $(lock "$M/team/sub/b" ttl) $(lock "$M/c" ttl) $(lock "$M/team/d" ttl)"
}

@test "the nearest default_ttl counts; removing one uncovers that above" {
  mkdir -p "$M/a/b/c"
  setfattr -n user.lock.default_ttl -v 1h "$M/a"
  setfattr -n user.lock.default_ttl -v 20s "$M/a/b"
  is 20.000 "$(lock "$M/a/b/c" default_ttl)"
  take "$M/a/b/c/job"
  is 20.000 "$(lock "$M/a/b/c/job" ttl)"
  setfattr -x user.lock.default_ttl "$M/a/b"
  is 3600.000 "$(lock "$M/a/b/c" default_ttl)"
  is 20.000 "$(lock "$M/a/b/c/job" ttl)"
  take "$M/a/b/c/other"
  is 3600.000 "$(lock "$M/a/b/c/other" ttl)"
}

@test "default_ttl of the root counts for all, before the mount's ttl=" {
  mount_lockfs -o ttl=45s "$T/second"
  is 45.000 "$(lock "$T/second" default_ttl)"
  setfattr -n user.lock.default_ttl -v 20s "$T/second"
  mkdir "$T/second/team"
  take "$T/second/job" "$T/second/team/job"
  is "20.000 20.000" "$(lock "$T/second/job" ttl) $(lock "$T/second/team/job" ttl)"
  setfattr -x user.lock.default_ttl "$T/second"
  is 45.000 "$(lock "$T/second" default_ttl)"
}

@test "default_ttl may be never, and set through a view" {
  mkdir "$M/team"
  setfattr -n user.lock.default_ttl -v never "$M/.with/ttl=5s/team"
  is never "$(lock "$M/team" default_ttl)"
  take "$M/team/job"
  is never "$(lock "$M/team/job" ttl)"
}

@test "a refresh takes the lock's own lease, not a default set since" {
  mkdir "$M/team"
  take "$M/team/job"
  setfattr -n user.lock.default_ttl -v 20s "$M/team"
  touch "$M/team/job"
  is 300.000 "$(lock "$M/team/job" ttl)"
}

@test "a bad default_ttl is EINVAL and changes nothing" {
  mkdir "$M/team"
  setfattr -n user.lock.default_ttl -v 90s "$M/team"
  for ttl in '' 0 -1 soon 3651d 99999999999999999999 '5s ' Never; do
    expect EINVAL setxattr "$M/team" user.lock.default_ttl "$ttl"
  done
  is 90.000 "$(lock "$M/team" default_ttl)"
}

@test "default_ttl is set by whoever may write the directory, and by nobody else" {
  need_root
  mount_lockfs -o allow_other "$T/shared"
  mkdir "$T/shared/team"
  expect EACCES @nobody setxattr "$T/shared/team" user.lock.default_ttl 1s
  expect EACCES @nobody removexattr "$T/shared/team" user.lock.default_ttl
  is 300.000 "$(lock "$T/shared/team" default_ttl)"
  as_user nobody mkdir "$T/shared/theirs"
  expect OK @nobody setxattr "$T/shared/theirs" user.lock.default_ttl 30s
  is 30.000 "$(lock "$T/shared/theirs" default_ttl)"
}

@test "the owner attribute does nothing to the terminal that it is shown on; the id is exact" {
  local evil=$'a\e[31m\xc2\x9b31m\xe2\x80\xaeb'
  take "$M/.with/id=$evil/job"
  is 'a\033[31m\302\23331m\342\200\256b' "$(lock "$M/job" owner)"
  is "$evil" "$(lock "$M/.with/id=$evil/job" id)"
}
