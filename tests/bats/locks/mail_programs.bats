# Programs that lock mailboxes by link(2), unmodified: dotlockfile, lockfile-create and its companions, procmail's lockfile,
# mutt_dotlock. The test's session is the holder, other sessions on a second mount contend.

load ../lib/helper
load ../lib/two_mounts

# only FILE...: these locks are there and no temporary file
only() {
  is "$*" "$(cd "$N" && echo *)"
  is "$*" "$(ls -A "$N" | paste -s -d " " -)"
}

# is_ours FILE COMMAND: this session holds the lock, acquired by this command; the second mount shows it, too
is_ours() {
  is "ACQUIRED file" "$(state "$M/$1") $(lock "$N/$1" form)"
  is "$2" "$(lock "$N/$1" command)"
  is "$1" "$(lock "$N/$1" key)"
  is 1 "$(stat -c %h "$N/$1")"
  is "regular file" "$(session stat -c %F "$N/$1" | sed 's/ empty//')"
}

# is_unchanged FILE TOKEN: it is still this acquisition of the lock
is_unchanged() {
  is "$2" "$(lock "$N/$1" token)"
}

# tries NAME EVENT TEMPORARY CMD...: starts a contender, and waits until this happened to its temporary file
tries() {
  hear_all
  starts "$1" "${@:4}"
  wait_until happened "$2" "$3"
  end_hearers
  refute ended "${pid_of[$1]}"
}

@test "dotlockfile excludes, touches, retries until the lock is removed, and shows no temporary file" {
  local token before
  dotlockfile -l -r 0 "$M/box.lock"
  is_ours box.lock dotlockfile
  is 0 "$(cat "$N/box.lock")"
  only box.lock
  token=$(lock "$M/box.lock" token)
  is_refused 4 "" dotlockfile -l -r 0 "$N/box.lock"
  is_refused 1 "" dotlockfile -u "$N/box.lock"
  is_refused 1 "" dotlockfile -t "$N/box.lock"
  session dotlockfile -c "$N/box.lock"
  is_unchanged box.lock "$token"
  before=$(lock "$M/box.lock" expires)
  nap
  dotlockfile -t "$M/box.lock"
  [[ $(lock "$M/box.lock" expires) > $before ]] || fail "not refreshed: $before"
  tries waiter ACQUIRED '\.lk.*' dotlockfile -l -r 20 -i 1 "$N/box.lock"
  is_unchanged box.lock "$token"
  dotlockfile -u "$M/box.lock"
  ends_with 0 "$pid"
  is "$pid" "$(lock "$N/box.lock" pid)"
  only box.lock
  rm "$M/.with/force/box.lock"
  refute dotlockfile -c "$N/box.lock"
}

@test "dotlockfile runs a command, and the lock of one that was killed with it stays until its lease ends" {
  dotlockfile -r 0 "$M/box.lock" grep -q . "$N/box.lock"
  nothing_left
  starts holder dotlockfile -r 0 -p "$M/.with/ttl=never/box.lock" sleep 600
  wait_until test -e "$N/box.lock"
  wait_until test -s "$N/box.lock"
  is "${pid_of[holder]}" "$(cat "$N/box.lock")"
  is_refused 4 "" dotlockfile -l -r 0 -p "$N/box.lock"
  is_killed holder
  # The contender finds the process gone, but may not remove the lock. It gives up at once, and leaves its temporary file.
  is_refused 8 "" dotlockfile -l -p "$N/box.lock"
  is "${pid_of[holder]}" "$(lock "$N/box.lock" pid)"
  rm "$N/.with/force,token=$(lock "$N/box.lock" token)/box.lock"
  starts holder dotlockfile -r 0 -p "$M/.with/ttl=1s/box.lock" sleep 600
  wait_until test -s "$N/box.lock"
  is_killed holder
  session dotlockfile -l -r 20 -i 1 "$N/box.lock"
  is 0 "$(cat "$N/box.lock")"
  rm -f "$M/.with/force/box.lock" "$N/.with/force"/.lk*
  nothing_left
}

@test "lockfile-create, -touch, -check and -remove: only the holder touches and removes" {
  local token before
  lockfile-create -r 0 "$M/box"
  is_ours box.lock lockfile-create
  is 0 "$(cat "$N/box.lock")"
  only box.lock
  token=$(lock "$M/box.lock" token)
  is_refused 4 "exceeded maximum number of lock attempts" lockfile-create -r 0 "$N/box"
  is_refused 255 "" lockfile-touch -o "$N/box"
  is_refused 255 "Operation not permitted" lockfile-remove "$N/box"
  session lockfile-check "$N/box"
  is_unchanged box.lock "$token"
  before=$(lock "$M/box.lock" expires)
  nap
  lockfile-touch -o "$M/box"
  [[ $(lock "$M/box.lock" expires) > $before ]] || fail "not refreshed: $before"
  tries waiter ACQUIRED '\.lk.*' lockfile-create -r 3 "$N/box"
  is_unchanged box.lock "$token"
  lockfile-remove "$M/box"
  ends_with 0 "$pid"
  is "$pid" "$(lock "$N/box.lock" pid)"
  rm "$M/.with/force/box.lock"
  refute lockfile-check "$N/box"
}

@test "lockfile-create -p: the lock of a dead process is not stolen while its lease lasts" {
  session sh -c 'lockfile-create -r 0 -p -l "$0"' "$M/.with/ttl=never/pid.lock"
  refute lockfile-check -p -l "$N/pid.lock"
  is_refused 8 "lockfile creation failed" lockfile-create -p -l "$N/pid.lock"
  rm "$N/.with/force"/.lk*
  only pid.lock
  rm "$N/.with/force,token=$(lock "$N/pid.lock" token)/pid.lock"
  lockfile-create -r 0 -p -l "$N/pid.lock"
  is "$$" "$(cat "$M/pid.lock")"
  lockfile-check -p -l "$M/pid.lock"
  rm "$N/pid.lock"
}

@test "procmail's lockfile takes several locks or none, retries, and rm -f releases" {
  local token
  lockfile -r 0 "$M/first" "$M/second"
  only first second
  is_ours first lockfile
  is "444 0" "$(stat -c %a "$N/first") $(cat "$N/first")"
  token=$(lock "$M/second" token)
  is_refused 73 'giving up on "'"$N/second" lockfile -r 0 "$N/other" "$N/second"
  is_refused 73 'giving up on "'"$N/second" lockfile -1 -r 1 "$N/second"
  is_unchanged second "$token"
  only first second
  tries waiter RELEASED '_.*' lockfile -1 -r 60 "$N/other" "$N/second"
  wait_until test -e "$N/other"
  is_unchanged second "$token"
  rm -f "$M/second"
  ends_with 0 "$pid"
  is "$pid" "$(lock "$N/second" pid)"
  rm -f "$M/first" "$M/.with/force/second" "$M/.with/force/other"
  nothing_left
}

@test "procmail's lockfile -l says each time that it may not steal, and has the lock after its lease" {
  session lockfile -r 0 "$M/.with/ttl=1h/box.lock"
  wait_until older_than 2 "$N/box.lock"
  starts thief lockfile -1 -l 1 -s 1 "$N/box.lock"
  wait_until grep -qF 'Forced unlock denied on "'"$N/box.lock" "$T/thief.err"
  refute is "$pid" "$(lock "$N/box.lock" pid)"
  setfattr -n user.lock.ttl -v 1s "$M/.with/id=$(lock "$M/box.lock" id)/box.lock"
  ends_with 0 "$pid"
  is "$pid" "$(lock "$N/box.lock" pid)"
  rm -f "$M/.with/force/box.lock"
}

# older_than SECONDS FILE: was the file modified longer ago than this?
older_than() {
  (($(date +%s) - $(stat -c %Y "$2") > $1))
}

# It looks at the mailbox, which is another lock here.
@test "mutt_dotlock excludes, retries, and only the holder unlocks" {
  local token
  take_as_other "$M/box"
  mutt_dotlock "$M/box"
  is_ours box.lock mutt_dotlock
  is 0 "$(stat -c %a "$N/box.lock")"
  only box box.lock
  token=$(lock "$M/box.lock" token)
  is_refused 3 "" mutt_dotlock -r 0 "$N/box"
  is_refused 3 "" mutt_dotlock -r 1 "$N/box"
  is_refused 1 "" mutt_dotlock -u "$N/box"
  session mutt_dotlock -t "$N/box"
  is_unchanged box.lock "$token"
  tries waiter ACQUIRED 'box\..*' mutt_dotlock -r 60 "$N/box"
  is_unchanged box.lock "$token"
  mutt_dotlock -u "$M/box"
  ends_with 0 "$pid"
  is "$pid" "$(lock "$N/box.lock" pid)"
  rm -f "$M/.with/force/box.lock" "$M/.with/force/box"
  nothing_left
}

# It does not see that unlink(2) fails: in a sticky directory of a local disk, it says so of another user's lock, too.
@test "mutt_dotlock -f breaks nobody's lock, although its exit status is 0" {
  local token
  need_root
  mkdir -m 1777 "$T/disk"
  : >"$T/disk/box"
  : >"$T/disk/box.lock"
  deadline 60 as_user nobody mutt_dotlock -f -r 0 "$T/disk/box"
  is root "$(stat -c %U "$T/disk/box.lock")"
  take_as_other "$M/box"
  mutt_dotlock "$M/.with/ttl=never/box"
  token=$(lock "$M/box.lock" token)
  deadline 60 session mutt_dotlock -f -r 0 "$N/box"
  is_unchanged box.lock "$token"
  is ACQUIRED "$(state "$M/box.lock")"
  is_refused 1 "" mutt_dotlock -u "$N/box"
  mutt_dotlock -u "$M/box"
  rm -f "$M/.with/force/box"
}

@test "mutt_dotlock fails at once where there is no mailbox" {
  is_refused 1 "" mutt_dotlock "$M/box"
  nothing_left
}

@test "a mount without allow_other refuses setgid programs at once" {
  mount_lockfs "$T/private"
  is_refused 5 "Permission denied" dotlockfile -l "$T/private/box.lock"
  lockfile-create -r 0 "$T/private/box"
  lockfile-remove "$T/private/box"
}
