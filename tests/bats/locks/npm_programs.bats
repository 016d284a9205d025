# Packages of npm that Debian does not package, unmodified: lockfile creates its file exclusively, cross-process-lock looks for its
# file and then writes it. Both are installed from the registry of npm, once for this file.

load ../lib/helper
load ../lib/two_mounts
load ../lib/npm

setup_file() {
  install_packages lockfile@1 cross-process-lock@2
}

@test "npm's lockfile excludes, waits and releases" {
  holds holder "${npm_lock[@]}" lockfile try "$M/job"
  is "UNAVAILABLE file node ${pid_of[holder]}" \
    "$(state "$N/job") $(lock "$N/job" form) $(lock "$N/job" command) $(lock "$N/job" pid)"
  is_refused 75 EEXIST "${npm_lock[@]}" lockfile try "$N/job"
  starts waiter "${npm_lock[@]}" lockfile wait "$N/job"
  releases holder
  now_holds waiter
  releases waiter
  nothing_left
}

@test "npm's lockfile: the lock of a killed holder stays until its lease ends" {
  holds holder "${npm_lock[@]}" lockfile try "$M/.with/ttl=2s/job"
  is_killed holder
  is_refused 75 EEXIST "${npm_lock[@]}" lockfile try "$N/job"
  starts waiter "${npm_lock[@]}" lockfile wait "$N/job"
  now_holds waiter
  releases waiter
  nothing_left
}

@test "npm's cross-process-lock says in the plain tree that it cannot lock, and locks in a view with an id" {
  take "$M/.with/ttl=1h/data"
  is_refused 75 "Couldn't lock file" "${npm_lock[@]}" cross-process-lock try "$M/data"
  is "data" "$(ls "$N")"
  holds holder "${npm_lock[@]}" cross-process-lock try "$M/.with/id=one/data"
  is "UNAVAILABLE one" "$(state "$N/data.lock") $(lock "$N/data.lock" owner)"
  is_refused 75 "Couldn't lock file" "${npm_lock[@]}" cross-process-lock try "$N/.with/id=two/data"
  starts waiter "${npm_lock[@]}" cross-process-lock wait "$N/.with/id=two/data"
  releases holder
  now_holds waiter
  releases waiter
  rm "$M/data"
  nothing_left
}
