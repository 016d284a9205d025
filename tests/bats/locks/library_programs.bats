# Lock files of libraries of Python, Perl and Ruby, unmodified: a holder, contenders on a second mount, and what becomes of
# the lock of a killed holder.

load ../lib/helper
load ../lib/two_mounts

# See lock_files.py, lock_files.pl and lock_files.rb. Debian's Python has Debian's libraries.
python_lock=(/usr/bin/python3 "$BATS_TEST_DIRNAME/../lib/lock_files.py")
perl_lock=(perl "$BATS_TEST_DIRNAME/../lib/lock_files.pl")
ruby_lock=(ruby "$BATS_TEST_DIRNAME/../lib/lock_files.rb")

@test "python3-lockfile's PIDLockFile excludes, tells whose pid it is, waits and releases" {
  holds holder "${python_lock[@]}" PIDLockFile "$M/job"
  matches '[0-9]+' "$(cat "$N/job")"
  is "$(cat "$N/job")" "$(lock "$N/job" pid)"
  is UNAVAILABLE "$(state "$N/job")"
  is_refused 75 AlreadyLocked "${python_lock[@]}" PIDLockFile "$N/job" 0
  is_refused 75 LockTimeout "${python_lock[@]}" PIDLockFile "$N/job" 0.2
  starts waiter "${python_lock[@]}" PIDLockFile "$N/job" 20
  releases holder
  now_holds waiter
  releases waiter
  nothing_left
}

@test "python3-lockfile's PIDLockFile: the lock of a killed holder stays until its lease ends" {
  holds holder "${python_lock[@]}" PIDLockFile "$M/.with/ttl=never/job"
  is_killed holder
  is_refused 75 AlreadyLocked "${python_lock[@]}" PIDLockFile "$N/job" 0
  starts waiter "${python_lock[@]}" PIDLockFile "$N/job" 20
  rm "$N/.with/force,token=$(lock "$N/job" token)/job"
  now_holds waiter
  releases waiter
  nothing_left
  holds holder "${python_lock[@]}" PIDLockFile "$M/.with/ttl=500ms/job"
  starts waiter "${python_lock[@]}" PIDLockFile "$N/job" 20
  is_killed holder
  now_holds waiter
  releases waiter
  nothing_left
}

@test "zc.lockfile excludes, shows pid and host, and a killed holder's lock is free" {
  local end
  for end in releases is_killed; do
    holds holder "${python_lock[@]}" zc "$M/job"
    matches " [0-9]+;$(hostname)" "$(cat "$N/job")"
    is UNAVAILABLE "$(state "$N/job")"
    is_refused 75 LockError "${python_lock[@]}" zc "$N/job"
    matches " [0-9]+;$(hostname)" "$(cat "$N/job")"
    "$end" holder
    wait_until nothing_left
  done
}

@test "Perl's File::Flock excludes, waits, removes its file, and a killed holder's lock is free" {
  local end
  for end in releases is_killed; do
    holds holder "${perl_lock[@]}" File::Flock "$M/job"
    is UNAVAILABLE "$(state "$N/job")"
    is_refused 75 "" "${perl_lock[@]}" File::Flock "$N/job" once
    starts waiter "${perl_lock[@]}" File::Flock "$N/job"
    wait_until waits 1 "$N/job"
    "$end" holder
    now_holds waiter
    tell waiter
    ends_with 0 "${pid_of[waiter]}"
    wait_until nothing_left
  done
}

# It creates its file without O_EXCL, which acquires nothing in the plain tree.
@test "Perl's LockFile::Simple says that it cannot lock, and has nothing, but locks in a view with an id" {
  is_refused 75 "writing to $M/job.lock: No locks available" "${perl_lock[@]}" LockFile::Simple "$M/job"
  nothing_left
  holds holder "${perl_lock[@]}" LockFile::Simple "$M/.with/id=first/job"
  is first "$(lock "$N/job.lock" owner)"
  is "$(lock "$N/job.lock" pid)" "$(cat "$N/job.lock")"
  is 444 "$(stat -c %a "$N/job.lock")"
  is_refused 75 "" "${perl_lock[@]}" LockFile::Simple "$N/.with/id=second/job" once
  starts waiter "${perl_lock[@]}" LockFile::Simple "$N/.with/id=second/job"
  releases holder
  now_holds waiter
  is second "$(lock "$M/job.lock" owner)"
  releases waiter
  nothing_left
}

# It finds the process gone, but the lock is another's until the lease ends.
@test "Perl's LockFile::Simple: the lock of a killed holder is not stolen while its lease lasts" {
  holds holder "${perl_lock[@]}" LockFile::Simple "$M/.with/id=first,ttl=never/job"
  is_killed holder
  is_refused 75 "annot unlink stale $N/.with/id=second/job.lock: Operation not permitted" \
    "${perl_lock[@]}" LockFile::Simple "$N/.with/id=second/job" once
  is first "$(lock "$N/job.lock" owner)"
  rm "$N/.with/force/job.lock"
  holds next "${perl_lock[@]}" LockFile::Simple "$N/.with/id=second/job"
  releases next
  nothing_left
}

@test "ruby-lockfile excludes, refreshes, retries and releases" {
  local before
  holds holder "${ruby_lock[@]}" "$M/.with/ttl=30s/job"
  contains "pid: ${pid_of[holder]}" "$(cat "$N/job")"
  is UNAVAILABLE "$(state "$N/job")"
  is ruby "$(lock "$N/job" command)"
  is_refused 75 Lockfile::MaxTriesLockError "${ruby_lock[@]}" "$N/job" once
  before=$(lock "$N/job" expires)
  wait_until refreshed "$before"
  starts waiter "${ruby_lock[@]}" "$N/job"
  releases holder
  now_holds waiter
  releases waiter
  nothing_left
}

# refreshed BEFORE: does the lock end later than it did before?
refreshed() {
  [[ $(lock "$N/job" expires) > $1 ]]
}

@test "ruby-lockfile: the lock of a killed holder stays until its lease ends" {
  holds holder "${ruby_lock[@]}" "$M/.with/ttl=1h/job"
  is_killed holder
  is_refused 75 Lockfile::MaxTriesLockError "${ruby_lock[@]}" "$N/job" once
  starts waiter "${ruby_lock[@]}" "$N/job"
  setfattr -n user.lock.ttl -v 1s "$M/.with/id=$(lock "$M/job" id)/job"
  now_holds waiter
  releases waiter
  nothing_left
}

# It creates the file that it links without O_EXCL, which acquires nothing in the plain tree.
@test "python3-lockfile's LinkLockFile fails at once in the plain tree, and locks in a view with an id" {
  is_refused 1 FileNotFoundError "${python_lock[@]}" LinkLockFile "$M/job"
  nothing_left
  holds holder "${python_lock[@]}" LinkLockFile "$M/.with/id=first/job"
  is "first 2" "$(lock "$N/job.lock" owner) $(stat -c %h "$N/job.lock")"
  is_refused 75 AlreadyLocked "${python_lock[@]}" LinkLockFile "$N/.with/id=second/job" 0
  starts waiter "${python_lock[@]}" LinkLockFile "$N/.with/id=second/job" 20
  releases holder
  now_holds waiter
  is second "$(lock "$M/job.lock" owner)"
  is_killed waiter
  is_refused 75 LockTimeout "${python_lock[@]}" LinkLockFile "$N/.with/id=third/job" 0.2
  rm "$M/.with/force/job.lock"
  holds next "${python_lock[@]}" LinkLockFile "$N/.with/id=third/job"
  releases next
  rm "$M"/.with/id=second/*
  nothing_left
}

# It makes a file in its directory, and does not remove the directory when it cannot.
@test "python3-lockfile's MkdirLockFile fails at once in the view lockdir, and holds until its lease ends" {
  is_refused 1 PermissionError "${python_lock[@]}" MkdirLockFile "$M/.with/lockdir,ttl=1s/job"
  is_refused 75 AlreadyLocked "${python_lock[@]}" MkdirLockFile "$N/.with/lockdir/job"
  is UNAVAILABLE "$(state "$N/job.lock")"
  wait_until nothing_left
}

# Elsewhere mkdir(2) makes a directory, in which the file is a lock.
@test "python3-lockfile's MkdirLockFile cannot release in the plain tree, and locks by directories in a view with an id" {
  is_refused 1 AssertionError "${python_lock[@]}" MkdirLockFile "$M/job"
  is_refused 75 AlreadyLocked "${python_lock[@]}" MkdirLockFile "$N/job"
  rmdir "$N/job.lock"
  holds holder "${python_lock[@]}" MkdirLockFile "$M/.with/id=first/job"
  is "job.lock/" "$(ls -F "$N")"
  is first "$(lock "$N/job.lock/$(ls "$N/job.lock")" owner)"
  is_refused 75 AlreadyLocked "${python_lock[@]}" MkdirLockFile "$N/.with/id=second/job"
  starts waiter "${python_lock[@]}" MkdirLockFile "$N/.with/id=second/job" 20
  releases holder
  now_holds waiter
  releases waiter
  nothing_left
}
