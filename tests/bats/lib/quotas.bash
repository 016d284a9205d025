# Functions for tests of the quotas of a user. Load it after helper.bash.
# shellcheck shell=bash disable=SC2034,SC2154  # for the tests; what helper.bash has

setup() {
  need_root
  setup_dirs
  S=$T/shared
}

teardown() {
  rm -rf "$T/kernel"  # what is in it holds up a daemon
  end_background
  end_mounts
}

# mount_shared OPTIONS: mounts on $S for all users
mount_shared() {
  mount_lockfs -o "allow_other,$1" "$S"
}

# told USER WORDS PART: the daemon has logged that the user reached a quota, once, and nothing else
told() {
  local said
  said=$(tr -d '\0' <"$S.stderr")
  is 1 "$(wc -l <"$S.stderr")"
  contains "lockfs: user $(id -u "$1") has as much as one user may, $2" "$said"
  contains "$3" "$said"
  : >"$S.stderr"
}

# Prints the memory of the daemon in kB.
resident() {
  sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${daemon_of[$S]}/status"
}
