# SQLite with its vfs unix-dotfile, unmodified: it locks a database by mkdir(2) of DATABASE.lock beside it. The database is a
# file of a local disk, bound onto a lock of its name, on mounts with the option lockdir.

load ../lib/helper
load ../lib/two_mounts

setup() {
  setup_dirs
  mount_lockfs -o lockdir
  N=$M
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || N=$T/other
  [[ $N == "$M" ]] || mount_lockfs -o lockdir "$N"
}

teardown() {
  end_background
  umount "$M/db" 2>/dev/null || true
  umount "$N/db" 2>/dev/null || true
  end_mounts
}

# bind_database: $T/db is the file db of both mounts
bind_database() {
  need_root
  : >"$T/db"
  : >"$M/.with/id=keeper,ttl=1h/db"
  mount --bind "$T/db" "$M/db"
  [[ $N == "$M" ]] || mount --bind "$T/db" "$N/db"
}

# sql DIR STATEMENT...: runs statements, with a journal in memory
sql() {
  sqlite3 -batch "file:$1/db?vfs=unix-dotfile" 'pragma journal_mode=memory' "${@:2}"
}

# begins NAME DIR: starts a transaction that holds the database until it is told to commit
begins() {
  starts "$1" sqlite3 -batch "file:$2/db?vfs=unix-dotfile"
  tell "$1" '.timeout 30000'
  tell "$1" 'pragma journal_mode=memory;'
  tell "$1" "begin immediate; insert into t values('$1'); select 'begun';"
}

commits() {
  tell "$1" 'commit;'
  tell "$1" .quit
  ends_with 0 "${pid_of[$1]}"
  is "" "$(cat "$T/$1.err")"
}

@test "sqlite3 -vfs unix-dotfile excludes, waits, and another session sees who has the database" {
  bind_database
  sql "$M" 'create table t(a)'
  is db "$(ls -A "$N")"
  begins first "$M"
  wait_until says first begun
  is "db db.lock/" "$(ls -F "$N" | paste -s -d " " -)"
  is "${pid_of[first]}" "$(lock "$N/.with/file/db.lock" pid)"
  is UNAVAILABLE "$(state "$N/.with/file/db.lock")"
  is_refused 5 "database is locked" sqlite3 -batch "file:$N/db?vfs=unix-dotfile" "insert into t values('x')"
  begins second "$N"
  commits first
  wait_until says second begun
  is "${pid_of[second]}" "$(lock "$M/.with/file/db.lock" pid)"
  commits second
  is "memory first second" "$(sql "$M" 'select * from t' | paste -s -d " " -)"
  is db "$(ls -A "$N")"
}

@test "sqlite3 -vfs unix-dotfile: the lock of a killed transaction ends with its lease" {
  bind_database
  setfattr -n user.lock.default_ttl -v 2s "$M"
  sql "$M" 'create table t(a)'
  begins first "$M"
  wait_until says first begun
  is_killed first
  is_refused 5 "database is locked" sqlite3 -batch "file:$N/db?vfs=unix-dotfile" "insert into t values('x')"
  begins second "$N"
  wait_until says second begun
  commits second
  is "memory second" "$(sql "$M" 'select * from t' | paste -s -d " " -)"
}

@test "sqlite3 fails at once where its database or its journal would be in the lock directory" {
  is_refused 10 "disk I/O error" sqlite3 -batch "file:$M/db?vfs=unix-dotfile" 'create table t(a)'
  is "" "$(ls -A "$M")"
  bind_database
  is_refused 10 "disk I/O error" sqlite3 -batch "file:$M/db?vfs=unix-dotfile" 'create table t(a)'
  is 0 "$(stat -c %s "$T/db")"
  is db "$(ls -A "$M")"
}
