# A crowd of holders and contenders (crowd.py) while a test changes their server. Load it after redis.bash.
# shellcheck shell=bash disable=SC2154  # what helper.bash has

# The lease of locks that are held by descriptors. They are lost if nobody can renew them for longer.
crowd_lease=6s

# crowd_start HOLDERS MOUNT...
crowd_start() {
  crowd_checks=0
  mkdir "$T/crowd"
  mkfifo "$T/crowd/input"
  in_background python3 -S -B "$BATS_TEST_DIRNAME/../lib/crowd.py" "$T/crowd" "$1" "$crowd_lease" "${@:2}" <>"$T/crowd/input"
  wait_until [ -e "$T/crowd/ready" ]
}

# crowd_at SOURCE [OPTIONS]: mounts three times, with a grace, and starts a crowd of 60 holders there (needs redis_servers.bash)
crowd_at() {
  local dir grace=2s
  ! grep -q __asan_init "$LOCKFS" || grace=5s  # a mount may be too late on a busy machine
  for dir in "$M" "$N" "$O"; do
    mount_servers -o "grace=$grace${2:+,$2}" "$dir" "$1"
  done
  wait_until gone "$M/nothing"
  crowd_start 60 "$M" "$N" "$O"
}

# crowd_keeps: all holders have their locks
crowd_keeps() {
  crowd_checks=$((crowd_checks + 1))
  echo "$crowd_checks" >"$T/crowd/input"
  wait_until [ -e "$T/crowd/checked.$crowd_checks" ]
  is kept "$(cat "$T/crowd/checked.$crowd_checks")"
}

# crowd_ends WHAT: no two ever believed to hold one lock; prints a figure about WHAT
crowd_ends() {
  local acquired doubles stall
  echo end >"$T/crowd/input"
  wait_until [ -e "$T/crowd/result" ]
  read -r acquired doubles stall <"$T/crowd/result"
  figure "$1: $acquired acquisitions, $doubles double holders, longest stall of acquisitions $stall ms"
  is 0 "$doubles"
  ((acquired > 0)) || fail "nobody acquired anything"
}
