# Directories are namespaces of locks.

load ../lib/helper

@test "mkdir makes a directory and rmdir removes it" {
  mkdir "$M/team"
  is directory "$(stat -c %F "$M/team")"
  is team "$(ls "$M")"
  rmdir "$M/team"
  gone "$M/team"
  is "" "$(ls -A "$M")"
}

@test "mkdir of what exists fails with EEXIST: a directory, a lock" {
  mkdir "$M/team"
  take "$M/job"
  before=$(snapshot "$M/job")
  expect EEXIST mkdir "$M/team"
  expect EEXIST @session mkdir "$M/team"
  expect EEXIST mkdir "$M/job"
  unchanged "$before" "$M/job"
}

@test "rmdir fails with ENOENT, ENOTDIR and ENOTEMPTY" {
  mkdir -p "$M/team/sub"
  take "$M/job"
  expect ENOENT rmdir "$M/nothing"
  expect ENOTDIR rmdir "$M/job"
  expect ENOTEMPTY rmdir "$M/team"
  rmdir "$M/team/sub"
  take_as_other "$M/team/job"
  expect ENOTEMPTY rmdir "$M/team"
  is UNAVAILABLE "$(state "$M/team/job")"
}

@test "a directory is empty once its last lock expired" {
  mkdir "$M/team"
  take_brief "$M/.with/ttl=50ms/team/job"
  wait_until gone "$M/team/job"
  rmdir "$M/team"
}

@test "a lock needs its directory: ENOENT; a lock is none: ENOTDIR" {
  take "$M/job"
  expect ENOENT open "$M/team/job" CREAT,EXCL,WRONLY
  expect ENOENT open "$M/team/job" CREAT,WRONLY
  expect ENOENT mkdir "$M/team/sub"
  expect ENOTDIR open "$M/job/job" CREAT,EXCL,WRONLY
  expect ENOTDIR open "$M/job/job" CREAT,WRONLY
  expect ENOTDIR mkdir "$M/job/sub"
  expect ENOTDIR stat "$M/job/job"
  is job "$(call list "$M")"
}

@test "a directory cannot be taken as a lock: EISDIR, EEXIST" {
  mkdir "$M/team"
  expect EISDIR open "$M/team" CREAT,WRONLY
  expect EISDIR open "$M/team" WRONLY
  expect EEXIST open "$M/team" CREAT,EXCL,WRONLY
  expect EISDIR unlink "$M/team"
  expect EISDIR unlink "$M/.with/force/team"
  expect OK stat "$M/team"
}

@test "the same name in two directories is two locks" {
  mkdir "$M/a" "$M/b"
  take "$M/a/job"
  take_as_other "$M/b/job" "$M/job"
  is "ACQUIRED UNAVAILABLE UNAVAILABLE" "$(state "$M/a/job") $(state "$M/b/job") $(state "$M/job")"
  is "a/job b/job" "$(lock "$M/a/job" key) $(lock "$M/b/job" key)"
  [ "$(stat -c %i "$M/a/job")" != "$(stat -c %i "$M/b/job")" ]
}

@test "directories nest, find walks them, rm -r clears them" {
  mkdir -p "$M/a/b/c" "$M/d"
  take "$M/a/1" "$M/a/b/2" "$M/a/b/c/3" "$M/d/4"
  is "a a/1 a/b a/b/2 a/b/c a/b/c/3 d d/4" "$(cd "$M" && find . -mindepth 1 -printf '%P\n' | sort | tr '\n' ' ' | sed 's/ $//')"
  rm -r "$M/a" "$M/d"
  is "" "$(ls -A "$M")"
}

@test "a listing tells . and .. and what kind each name is" {
  mkdir "$M/team"
  take "$M/job"
  is ". .. job team" "$(ls -a "$M" | tr '\n' ' ' | sed 's/ $//')"
  py <<'PY'
kinds = {entry.name: (entry.is_file(follow_symlinks=False), entry.is_dir(follow_symlinks=False)) for entry in os.scandir(M)}
check("kinds", kinds, {"job": (True, False), "team": (False, True)})
inodes = {entry.name: entry.inode() for entry in os.scandir(M)}
check("inodes", inodes, {name: os.stat(M + "/" + name).st_ino for name in ("job", "team")})
PY
}

@test "a working directory in the tree, relative paths and .. name the locks there" {
  mkdir -p "$M/team/sub"
  cd "$M/team/sub"
  take ../job
  is team/job "$(lock ../job key)"
  is "$M/team/sub" "$(pwd -P)"
  rm ../../team/job
  cd "$M/team"
  rmdir sub
}

@test "in a directory that was removed nothing can be made" {
  mkdir "$M/team"
  cd "$M/team"
  rmdir "$M/team"
  expect ENOENT open job CREAT,EXCL,WRONLY
  expect ENOENT open job CREAT,WRONLY
  expect ENOENT mkdir sub
}

@test "a directory made anew under an old name is empty" {
  mkdir "$M/team"
  setfattr -n user.lock.default_ttl -v 9s "$M/team"
  take "$M/team/job"
  rm -r "$M/team"
  mkdir "$M/team"
  is "" "$(ls -A "$M/team")"
  is 300.000 "$(lock "$M/team" default_ttl)"
}

@test "mkdir in a directory with the set-group-id bit inherits the group and the bit" {
  need_root "groups"
  mkdir "$M/team"
  chgrp 61007 "$M/team"
  chmod 2775 "$M/team"
  mkdir "$M/team/sub" "$M/.with/ttl=5s/team/sub/sub" "$M/.with/lockdir/team/lock"
  is "61007 2755" "$(stat -c '%g %a' "$M/team/sub")"
  is "61007 2755" "$(stat -c '%g %a' "$M/team/sub/sub")"
  is "$(id -g) 755" "$(stat -c '%g %a' "$M/.with/lockdir/team/lock")"
}

@test "chmod and chown work on a directory made by mkdir" {
  mkdir "$M/team"
  is 755 "$(umask 022; stat -c %a "$M/team")"
  chmod 2770 "$M/team"
  is 2770 "$(stat -c %a "$M/team")"
  chmod 01777 "$M/.with/ttl=5s/team"
  is 1777 "$(stat -c %a "$M/team")"
  if [ "$(id -u)" = 0 ]; then
    chown nobody:nogroup "$M/team"
    is "nobody nogroup" "$(stat -c '%U %G' "$M/team")"
  fi
}

@test "mkdir takes mode and umask" {
  (umask 077; mkdir "$M/private")
  (umask 027; mkdir "$M/group")
  (umask 0; mkdir -m 1777 "$M/all")
  is "700 750 1777" "$(stat -c %a "$M/private" "$M/group" "$M/all" | tr '\n' ' ' | sed 's/ $//')"
}

@test "touch of a directory works" {
  mkdir "$M/team"
  touch "$M/team"
}

@test "permissions of directories are checked" {
  need_root
  mount_lockfs -o allow_other "$T/shared"
  mkdir -m 755 "$T/shared/readable"
  mkdir -m 700 "$T/shared/private"
  mkdir -m 1777 "$T/shared/all"
  take "$T/shared/readable/job" "$T/shared/private/job" "$T/shared/all/job"
  expect EACCES @nobody open "$T/shared/readable/mine" CREAT,EXCL,WRONLY
  expect EACCES @nobody open "$T/shared/readable/mine" CREAT,WRONLY
  expect UNAVAILABLE @nobody getxattr "$T/shared/readable/job" user.lock.state
  expect EACCES @nobody unlink "$T/shared/readable/job"
  expect EACCES @nobody mkdir "$T/shared/readable/sub"
  expect EACCES @nobody list "$T/shared/private"
  expect EACCES @nobody stat "$T/shared/private/job"
  expect EPERM @nobody unlink "$T/shared/all/job"
  expect OK @nobody open "$T/shared/all/mine" CREAT,EXCL,WRONLY
  is UNAVAILABLE "$(state "$T/shared/all/mine")"
  expect EPERM @nobody chmod "$T/shared/readable" 777
  expect EPERM @nobody rmdir "$T/shared/all"
}

@test "mkdir is atomic: of many at once one makes it" {
  py <<'PY'
for number in range(20):
    path = "%s/team%d" % (M, number)
    ready, go = os.pipe()
    reader, writer = os.pipe()
    children = []
    for _ in range(16):
        pid = os.fork()
        if pid == 0:
            os.close(go)
            os.read(ready, 1)
            os.write(writer, b"1" if outcome(os.mkdir, path) == "OK" else b"0")
            os._exit(0)
        children.append(pid)
    os.close(ready)
    os.close(go)
    for pid in children:
        os.waitpid(pid, 0)
    check("makers", sum(map(int, os.read(reader, 100).decode())), 1)
    os.close(reader)
    os.close(writer)
PY
}

@test "a time that is given to a directory is kept, and its other settings do not move it" {
  local time
  mkdir "$M/dir"
  for time in -2208988800.001 0.250 981173106.789 16725225600.999; do
    touch -d "@$time" "$M/dir"
    is "$(printf '%.3f' "$time")" "$(stat -c %.3Y "$M/dir")"
  done
  chmod 700 "$M/dir"
  setfattr -n user.lock.default_ttl -v 20s "$M/dir"
  take "$M/dir/job"
  is "$(printf '%.3f' "$time")" "$(stat -c %.3Y "$M/dir")"
  (($(date +%s) - $(stat -c %Z "$M/dir") < 60)) || fail "$(stat -c %z "$M/dir")"
  touch "$M/dir"
  (($(date +%s) - $(stat -c %Y "$M/dir") < 60)) || fail "$(stat -c %y "$M/dir")"
  mkdir "$M/other"
  touch -d @1700000000.2509 "$T/file"
  touch -r "$T/file" "$M/other"
  is 1700000000.251 "$(stat -c %.3Y "$M/other")"
}
