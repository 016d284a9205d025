# lockctl with a server that is away: a message and a status, and no empty answer.

load ../lib/helper
load ../lib/redis

setup() {
  setup_dirs
  redis_start
  mkdir "$M"
}

@test "what lockctl cannot ask the server for is 69, with one line, and never an empty table" {
  LOCKFS_TEST_SOURCE=$(redis_source) mount_lockfs -o timeout=300ms
  take "$M/job"
  redis_kill
  allow_words "$outage_words"
  for command in "ls" "ls --json" state acquire release refresh "wait -w 1" handle; do
    # shellcheck disable=SC2086  # some words
    run --separate-stderr "$LOCKCTL" $command "$M"/job
    is "69 0 $command" "$status ${#lines[@]} $command"
    is "1 $command" "${#stderr_lines[@]} $command"
    contains "lockctl: cannot " "$stderr"
  done
  run --separate-stderr "$LOCKCTL" ls "$M"
  is "69 0 1" "$status ${#lines[@]} ${#stderr_lines[@]}"
  contains "the server" "$stderr"
}
