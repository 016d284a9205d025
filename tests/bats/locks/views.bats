# Views: the same tree under `.with/OPTION[,OPTION…]/`.

load ../lib/helper

@test ".with is a hidden directory at the root: not listed, empty" {
  take "$M/job"
  is job "$(ls -A "$M")"
  is directory "$(stat -c %F "$M/.with")"
  is "" "$(ls -A "$M/.with")"
  is job "$(cd "$M" && find . -mindepth 1 -printf '%P\n')"
}

@test "nothing can be made in .with, nor can it be removed" {
  for name in x force2 ttl; do
    expect EINVAL open "$M/.with/$name" CREAT,WRONLY
    expect EINVAL mkdir "$M/.with/$name"
  done
  expect EISDIR open "$M/.with/force" CREAT,WRONLY
  expect EEXIST mkdir "$M/.with/force"
  matches "EPERM|ENOTEMPTY|EBUSY" "$(call rmdir "$M/.with/force")"
  matches "EPERM|ENOTEMPTY|EBUSY" "$(call rmdir "$M/.with")"
  is "" "$(ls -A "$M/.with")"
  expect OK stat "$M/.with/force"
}

@test ".with is only at the root" {
  mkdir "$M/team"
  expect ENOENT stat "$M/team/.with"
  expect ENOENT open "$M/team/.with/ttl=30s/job" CREAT,WRONLY
  is "" "$(ls -A "$M/team")"
}

@test "a view is the same tree: what is made in it is seen everywhere" {
  mkdir "$M/.with/ttl=30s/team"
  take "$M/.with/ttl=30s/team/job" "$M/plain"
  is "plain team" "$(call list "$M")"
  is "plain team" "$(call list "$M/.with/force")"
  is "plain team" "$(call list "$M/.with/id=alice,ttl=1h")"
  is job "$(call list "$M/team")"
  is 30.000 "$(lock "$M/team/job" ttl)"
  is ACQUIRED "$(state "$M/team/job")"
  rm "$M/.with/ttl=5s/team/job"
  gone "$M/team/job"
  rmdir "$M/.with/ttl=5s/team"
  gone "$M/team"
}

@test "content, times and inode number are the same in every view" {
  take_with words "$M/job"
  plain=$(stat -c '%i %s %Y %Z %a %u %g' "$M/job")
  for view in force ttl=1h id=alice; do
    is "$plain" "$(stat -c '%i %s %Y %Z %a %u %g' "$M/.with/$view/job")"
    is words "$(cat "$M/.with/$view/job")"
    is job "$(lock "$M/.with/$view/job" key)"
  done
}

@test "reserved names are reserved in views too" {
  for name in .with .events .events.json .stats .status .status.json .locks .locks.json; do
    expect EPERM open "$M/.with/force/$name" CREAT,WRONLY
  done
}

@test "an unknown option or a bad value is EINVAL at that component" {
  take "$M/job"
  for view in nonsense nonsense=1 ttl ttl= ttl=soon id id= force=1 force=yes 'ttl=5s;force' \
    'ttl=5s,' ',ttl=5s' 'ttl=5s,,force' ttl=5s,nonsense force,ttl=0 force,token force,token= force,token=0 force,token=-1 \
    force,token=1x force,token=18446744073709551616 ttl=5s,force,bad=1 TTL=5s 'ttl =5s' ' force' \
    owner=user namespace=x; do
    expect EINVAL stat "$M/.with/$view"
    expect EINVAL unlink "$M/.with/$view/job"
    expect EINVAL open "$M/.with/$view/other" CREAT,WRONLY
  done
  is ACQUIRED "$(state "$M/job")"
  gone "$M/other"
}

@test "options can be combined in any order" {
  : >"$M/.with/id=alice,ttl=30s/a"
  : >"$M/.with/ttl=30s,id=alice/b"
  for key in a b; do
    is "30.000 alice" "$(lock "$M/$key" ttl) $(lock "$M/$key" owner)"
  done
  rm "$M/.with/force,ttl=5s/a" "$M/.with/ttl=5s,force/b"
}

@test "a program needs to know nothing of views: any path carries them" {
  (cd "$M/.with/ttl=20s" && take job)
  is 20.000 "$(lock "$M/job" ttl)"
  cp /dev/null "$M/.with/id=alice/copied"
  is alice "$(lock "$M/copied" owner)"
  exec 9>"$M/.with/ttl=25s/redirected"
  flock 9
  is 25.000 "$(lock "$M/redirected" ttl)"
  exec 9>&-
  wait_until gone "$M/redirected"
}

# What an open with O_CREAT means

@test "creating for writing acquires where the view says who acquires or how; creating for reading takes nothing" {
  py <<'PY'
for view in ("id=alice", "id=alice,ttl=5s", "hold", "wait=0", "wait=5s,ttl=5s", "interval=1s", "attempts=1", "wait=1s,force"):
    path = "%s/.with/%s/job" % (M, view)
    check("no O_CREAT", outcome(do_open, path, "WRONLY"), "ENOENT")
    check("for reading", outcome(do_open, path, "CREAT,RDONLY"), "OK")
    check("is free", outcome(os.stat, M + "/job"), "ENOENT")
    for flags in os.O_WRONLY, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDWR:
        fd = os.open(path, os.O_CREAT | flags)
        check(view, attribute(path, "state"), "ACQUIRED")
        os.write(fd, b"words")
        check("content", os.stat(M + "/job").st_size, 5)
        os.unlink(path)
        os.close(fd)
PY
}

@test "creating without O_EXCL takes nothing where the view only says how long, or by force" {
  py <<'PY'
for view in "ttl=5s", "ttl=never", "force", "force,ttl=5s":
    path = "%s/.with/%s/job" % (M, view)
    for mode in "RDONLY", "WRONLY", "WRONLY,TRUNC", "WRONLY,APPEND", "RDWR", "RDWR,TRUNC":
        check("no O_CREAT", outcome(do_open, path, mode), "ENOENT")
        check(mode, outcome(do_open, path, "CREAT," + mode), "OK")
        check("is free", outcome(os.stat, M + "/job"), "ENOENT")
    check("write", outcome(with_file, path, os.O_CREAT | os.O_WRONLY, lambda fd: os.write(fd, b"words")), "ENOLCK")
    check("is still free", outcome(os.stat, M + "/job"), "ENOENT")
    do_open(path, "CREAT,EXCL,WRONLY")
    check("state", attribute(M + "/job", "state"), "ACQUIRED")
    os.unlink(M + "/job")
PY
}

@test "where creation acquires, another's lock opens with the flags of programs that lock afterwards, and with no others" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  py <<'PY'
for view in "id=alice", "hold", "hold,ttl=5s":
    path = "%s/.with/%s/job" % (M, view)
    for mode in "WRONLY", "WRONLY,TRUNC", "WRONLY,APPEND", "RDWR,TRUNC":
        check(mode, [outcome(do_open, path, create + mode) for create in ("CREAT,", "")], ["EBUSY", "EBUSY"])
    for mode in "RDONLY", "RDWR", "RDWR,APPEND", "WRONLY,APPEND,NONBLOCK":
        check(mode, [outcome(do_open, path, create + mode) for create in ("CREAT,", "")], ["OK", "OK"])
PY
  unchanged "$before" "$M/job"
}

@test "with hold, each exclusive creation of one session is one holder of a shared lock, and a waiting exclusive one waits for all" {
  py <<'PY'
path = M + "/.with/hold,shared/job"
first = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
second = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
check("holders", attribute(M + "/job", "holders"), "2")
check("tokens", attribute(first, "token") < attribute(second, "token"), True)
check("hidden", outcome(os.stat, path), "ENOENT")
check("shared without hold", outcome(do_open, M + "/.with/shared/job", "CREAT,EXCL,WRONLY"), "EEXIST")
check("exclusive", outcome(do_open, M + "/.with/hold,wait=10ms/job", "CREAT,EXCL,WRONLY"), "ETIMEDOUT")
check("exclusive, at once", outcome(do_open, M + "/.with/hold/job", "CREAT,EXCL,WRONLY"), "EEXIST")
check("holders after that", attribute(M + "/job", "holders"), "2")
os.close(first)
# The daemon is told of a close after close(2) has returned.
end = boottime() + 20
while attribute(M + "/job", "holders") != "1":
    check("one is left", boottime() < end, True)
    time.sleep(0.005)
check("state", attribute(second, "state"), "ACQUIRED")
os.close(second)
check("exclusive, after all", outcome(do_open, M + "/.with/hold,wait=20s/job", "CREAT,EXCL,WRONLY"), "OK")
PY
}

@test "in a view with signal= and without hold an open takes nothing, and what would acquire fails with EINVAL" {
  py <<'PY'
for view, writing in (("signal=TERM", "OK"), ("signal=TERM,ttl=5s", "OK"), ("force,signal=SIGUSR1", "OK"),
                      ("wait=1s,signal=TERM", "EINVAL"), ("id=alice,signal=TERM", "EINVAL"), ("attempts=1,signal=TERM", "EINVAL")):
    path = "%s/.with/%s/job" % (M, view)
    check(view, [outcome(do_open, path, "CREAT," + mode) for mode in ("RDONLY", "WRONLY", "EXCL,WRONLY")],
          ["OK", writing, "EINVAL"])
    check("is free", outcome(os.stat, M + "/job"), "ENOENT")
PY
}

# id=

@test "id=: who comes with the id is the holder, whatever the session" {
  : >"$M/.with/id=alice,ttl=1h/job"
  is ACQUIRED "$(state "$M/.with/id=alice/job")"
  is alice "$(lock "$M/.with/id=alice/job" id)"
  expect ACQUIRED @session getxattr "$M/.with/id=alice/job" user.lock.state
  session touch "$M/.with/id=alice/job"
  session sh -c 'echo words >"$0"' "$M/.with/id=alice/job"
  is words "$(cat "$M/job")"
  session rm "$M/.with/id=alice/job"
  gone "$M/job"
}

@test "id=: the owner is the id" {
  : >"$M/.with/id=alice/job"
  is alice "$(lock "$M/job" owner)"
  is "id:alice" "$(call getxattr "$M/.with/id=alice" user.lock.identity | cut -d@ -f1)"
}

@test "id=: who comes without it, or with another, is not the holder, nor is the session that took it" {
  : >"$M/.with/id=alice/job"
  before=$(snapshot "$M/job")
  for path in "$M/job" "$M/.with/id=bob/job" "$M/.with/id=Alice/job" "$M/.with/id=alic/job" "$M/.with/id=alicee/job"; do
    is UNAVAILABLE "$(state "$path")"
    expect EPERM unlink "$path"
    expect EPERM utime "$path"
    expect EPERM setxattr "$path" user.lock.ttl 1s
    expect EBUSY write "$path" x
    [ "$path" = "$M/job" ] || expect EBUSY open "$path" CREAT,WRONLY
    expect EEXIST open "$path" CREAT,EXCL,WRONLY
    expect EBUSY truncate "$path" 0
  done
  unchanged "$before" "$M/job"
}

@test "id=: creation for writing by the same id opens, exclusive creation fails" {
  : >"$M/.with/id=alice/job"
  before=$(snapshot "$M/.with/id=alice/job")
  expect OK @session open "$M/.with/id=alice/job" CREAT,WRONLY
  expect EEXIST @session open "$M/.with/id=alice/job" CREAT,EXCL,WRONLY
  unchanged "$before" "$M/.with/id=alice/job"
}

@test "id=: one id holds several locks" {
  : >"$M/.with/id=alice/a"
  : >"$M/.with/id=alice/b"
  rm "$M/.with/id=alice/a"
  is ACQUIRED "$(state "$M/.with/id=alice/b")"
}

@test "id=: another's lock is another's through an id view too" {
  take "$M/job"
  before=$(snapshot "$M/job")
  is UNAVAILABLE "$(state "$M/.with/id=alice/job")"
  expect EPERM unlink "$M/.with/id=alice/job"
  expect EPERM utime "$M/.with/id=alice/job"
  unchanged "$before" "$M/job"
}

@test "id=: at most 128 bytes, any but / and ," {
  longest=$(printf 'i%.0s' {1..128})
  for id in "$longest" 'a b' 'a=b' 'ä€' '#:*?$x' '-' '.'; do
    : >"$M/.with/id=$id/job"
    is "$id" "$(lock "$M/.with/id=$id/job" id)"
    is UNAVAILABLE "$(state "$M/job")"
    rm "$M/.with/id=$id/job"
  done
  expect EINVAL stat "$M/.with/id=${longest}i"
}

@test "the id that a mount made opens the lock as well" {
  take "$M/job"
  id=$(lock "$M/job" id)
  matches '[0-9a-f]{32}' "$id"
  expect ACQUIRED @session getxattr "$M/.with/id=$id/job" user.lock.state
  session touch "$M/.with/id=$id/job"
  session rm "$M/.with/id=$id/job"
  gone "$M/job"
}

@test "each acquisition has an id of its own" {
  for _ in 1 2 3; do
    take "$M/job"
    lock "$M/job" id
    echo
    rm "$M/job"
  done >"$T/ids"
  is 3 "$(sort -u "$T/ids" | wc -l)"
}

# Handing over

@test "a handle acts as the holder: getfattr, touch and rm in another session" {
  take "$M/.with/ttl=40s/job"
  handle=$(lock "$M/job" handle)
  is ".with/id=$(lock "$M/job" id),ttl=40.000/job" "$handle"
  expect ACQUIRED @session getxattr "$M/$handle" user.lock.state
  wait_until eval '(( $(ms "$(lock "$M/job" remaining)") < 38000 ))'
  session touch "$M/$handle"
  remains "$M/job" 38001 40000
  session rm "$M/$handle"
  gone "$M/job"
}

@test "a handle of a lock in a directory, and of one that never expires" {
  mkdir "$M/team"
  take "$M/.with/ttl=never/team/job"
  handle=$(lock "$M/team/job" handle)
  is ".with/id=$(lock "$M/team/job" id),ttl=never/team/job" "$handle"
  expect ENOTSUP @session utime "$M/$handle"
  session rm "$M/$handle"
  gone "$M/team/job"
}

@test "an old handle does not touch the next holding" {
  take "$M/job"
  handle=$(lock "$M/job" handle)
  rm "$M/job"
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  is UNAVAILABLE "$(state "$M/$handle")"
  expect EPERM unlink "$M/$handle"
  expect EPERM utime "$M/$handle"
  expect EBUSY open "$M/$handle" CREAT,WRONLY
  unchanged "$before" "$M/job"
}

@test "a lock taken under an id has a handle as well" {
  : >"$M/.with/id=alice,ttl=1h/job"
  is ".with/id=alice,ttl=3600.000/job" "$(lock "$M/.with/id=alice/job" handle)"
}

# token

@test "token: rm releases the holding that it names, and never its successor" {
  local stale
  take_as_other "$M/job"
  stale=$(lock "$M/job" token)
  rm "$M/.with/force,token=$stale/job"
  gone "$M/job"
  expect ENOENT unlink "$M/.with/force,token=$stale/job"
  take_as_other "$M/job"
  expect ESTALE unlink "$M/.with/force,token=$stale/job"
  expect ESTALE unlink "$M/.with/token=$stale,force/job"
  is UNAVAILABLE "$(state "$M/job")"
  rm "$M/.with/force,token=$(lock "$M/job" token)/job"
  gone "$M/job"
}

@test "token: of a shared lock, rm releases one holding" {
  local first second
  take "$M/.with/shared,id=one/job"
  first=$(lock "$M/.with/id=one/job" token)
  take "$M/.with/shared,id=two/job"
  second=$(lock "$M/.with/id=two/job" token)
  rm "$M/.with/force,token=$first/job"
  is "1 $second" "$(lock "$M/job" holders) $(lock "$M/job" token)"
  expect ESTALE unlink "$M/.with/force,token=$first/job"
  rm "$M/.with/force,token=$second/job"
  gone "$M/job"
}

@test "token without force: rm releases one's own holding if it is that one" {
  local token
  take "$M/job"
  token=$(lock "$M/job" token)
  expect ESTALE unlink "$M/.with/token=1/job"
  is ACQUIRED "$(state "$M/job")"
  rm "$M/.with/token=$token/job"
  take_as_other "$M/job"
  expect EPERM unlink "$M/.with/token=$(lock "$M/job" token)/job"
  expect ESTALE unlink "$M/.with/token=$token/job"
  rm "$M/.with/force/job"
}

@test "token is only for rm, and obeys the permissions of directories" {
  need_root
  mount_lockfs -o allow_other "$T/shared"
  take "$T/shared/.with/token=1/job"
  touch "$T/shared/.with/token=1/job"
  is ACQUIRED "$(state "$T/shared/.with/token=1/job")"
  expect EPERM @nobody unlink "$T/shared/.with/force,token=$(lock "$T/shared/job" token)/job"
  expect EPERM @nobody unlink "$T/shared/.with/force,token=1/job"
  is ACQUIRED "$(state "$T/shared/job")"
  as_user nobody setsid sh -c 'set -C; : > "$1"' - "$T/shared/theirs"
  expect ESTALE @nobody unlink "$T/shared/.with/force,token=1/theirs"
  expect OK @nobody unlink "$T/shared/.with/force,token=$(lock "$T/shared/theirs" token)/theirs"
}

# force

@test "force: rm releases whoever holds it" {
  take "$M/mine"
  take_as_other "$M/theirs"
  : >"$M/.with/id=alice,ttl=never/alices"
  rm "$M/.with/force/mine" "$M/.with/force/theirs" "$M/.with/force/alices"
  is "" "$(call list "$M")"
}

@test "force: rm of a free lock fails with ENOENT" {
  expect ENOENT unlink "$M/.with/force/job"
}

@test "force is only for rm: another's lock is refreshed, written and taken by none" {
  take_as_other "$M/job"
  before=$(snapshot "$M/job")
  expect EPERM utime "$M/.with/force/job"
  expect EPERM setxattr "$M/.with/force/job" user.lock.ttl 1s
  expect OK open "$M/.with/force/job" CREAT,WRONLY,TRUNC
  expect EBUSY write "$M/.with/force/job" x
  expect EBUSY open "$M/.with/force,hold/job" CREAT,WRONLY
  expect EEXIST open "$M/.with/force/job" CREAT,EXCL,WRONLY
  expect EBUSY truncate "$M/.with/force/job" 0
  is UNAVAILABLE "$(state "$M/.with/force/job")"
  unchanged "$before" "$M/job"
}

@test "force: what is taken through it is an ordinary lock of the session" {
  take "$M/.with/force/job"
  is ACQUIRED "$(state "$M/job")"
  is 300.000 "$(lock "$M/job" ttl)"
  rm "$M/job"
}

@test "force obeys the permissions of directories" {
  need_root
  mount_lockfs -o allow_other "$T/shared"
  take "$T/shared/job"
  expect EPERM @nobody unlink "$T/shared/.with/force/job"
  is ACQUIRED "$(state "$T/shared/job")"
}
