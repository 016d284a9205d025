# proper-lockfile of npm, unmodified: it locks by mkdir(2), in the view lockdir, and sets the directory's time while it holds.
# It is the one of Debian; npm_programs.bats has packages that Debian does not have.

load ../lib/helper
load ../lib/two_mounts

# The node of another source does not look where Debian's packages are.
export NODE_PATH=/usr/share/nodejs
proper_lockfile=(node "$BATS_TEST_DIRNAME/../lib/proper_lockfile.cjs")

@test "proper-lockfile excludes, retries and releases" {
  holds holder "${proper_lockfile[@]}" try "$M/.with/lockdir/data"
  is "data.lock" "$(ls -F "$N")"
  is "data.lock/" "$(ls -F "$N/.with/lockdir")"
  is "UNAVAILABLE directory" "$(state "$N/data.lock") $(lock "$N/data.lock" form)"
  is node "$(lock "$N/data.lock" command)"
  is "${pid_of[holder]}" "$(lock "$N/data.lock" pid)"
  is_refused 75 ELOCKED "${proper_lockfile[@]}" try "$N/.with/lockdir/data"
  starts waiter "${proper_lockfile[@]}" wait "$N/.with/lockdir/data"
  releases holder
  now_holds waiter
  is "${pid_of[waiter]}" "$(lock "$M/data.lock" pid)"
  releases waiter
  nothing_left
}

@test "proper-lockfile keeps its lock over an hour of updates, each with another fraction of a second" {
  local token before
  starts holder "${proper_lockfile[@]}" hour "$M/.with/lockdir/data"
  wait_until test -e "$N/data.lock"
  token=$(lock "$N/data.lock" token)
  before=$(lock "$N/data.lock" expires)
  wait_until 100 has_lines "$T/holder.out" 2
  is held "$(head -n 1 "$T/holder.out")"
  (($(tail -n 1 "$T/holder.out") > 600)) || fail "$(cat "$T/holder.out")"
  is "$token" "$(lock "$N/data.lock" token)"
  [[ $(lock "$N/data.lock" expires) > $before ]] || fail "not refreshed"
  # The time that it set is an hour ahead.
  (($(stat -c %Y "$N/.with/lockdir/data.lock") > $(date +%s) + 3000)) || fail "$(stat "$N/data.lock")"
  releases holder
  nothing_left
}

@test "proper-lockfile is told that it lost its lock" {
  holds holder "${proper_lockfile[@]}" try "$M/.with/lockdir/data"
  rm "$N/.with/force/data.lock"
  ends_with 70 "${pid_of[holder]}"
  says holder ECOMPROMISED
  holds holder "${proper_lockfile[@]}" try "$M/.with/lockdir/data"
  rm "$N/.with/force/data.lock"
  take_as_other "$N/data.lock"
  ends_with 70 "${pid_of[holder]}"
  says holder ECOMPROMISED
  rm "$N/.with/force/data.lock"
}

@test "proper-lockfile: the stale lock of a killed holder is not stolen while its lease lasts" {
  local token
  holds holder "${proper_lockfile[@]}" try "$M/.with/lockdir,ttl=1h/data"
  token=$(lock "$N/data.lock" token)
  is_killed holder
  wait_until is_older_than 4 "$N/data.lock"
  is_refused 75 EPERM "${proper_lockfile[@]}" try "$N/.with/lockdir/data"
  is "$token" "$(lock "$N/data.lock" token)"
  starts waiter "${proper_lockfile[@]}" wait "$N/.with/lockdir/data"
  rm "$M/.with/force,token=$token/data.lock"
  now_holds waiter
  releases waiter
  holds holder "${proper_lockfile[@]}" try "$M/.with/lockdir,ttl=2s/data"
  is_killed holder
  starts waiter "${proper_lockfile[@]}" wait "$N/.with/lockdir/data"
  now_holds waiter
  releases waiter
  nothing_left
}

# is_older_than SECONDS FILE: was the file modified longer ago than this?
is_older_than() {
  (($(date +%s) - $(stat -c %Y "$2") > $1))
}

# mkdir makes a directory there, which has no lease.
@test "proper-lockfile in the plain tree excludes by directories, and takes over that of a killed holder as on a disk" {
  holds holder "${proper_lockfile[@]}" try "$M/data"
  is "data.lock/" "$(ls -F "$N")"
  is_refused 75 ELOCKED "${proper_lockfile[@]}" try "$N/data"
  releases holder
  holds holder "${proper_lockfile[@]}" try "$M/data"
  is_killed holder
  wait_until is_older_than 4 "$N/data.lock"
  holds next "${proper_lockfile[@]}" try "$N/data"
  releases next
  nothing_left
}
