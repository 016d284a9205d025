# Removing a file gives the lock back.

load ../lib/helper

@test "rm of one's own lock releases it" {
  take "$M/job"
  rm "$M/job"
  gone "$M/job"
  is "" "$(call list "$M")"
  take_as_other "$M/job"
  is UNAVAILABLE "$(state "$M/job")"
}

@test "rm of a free lock fails with ENOENT" {
  expect ENOENT unlink "$M/job"
  run rm "$M/job"
  is 1 "$status"
  rm -f "$M/job"
}

@test "rm of another's lock fails with EPERM and changes nothing" {
  session bash -c 'set -C; echo theirs >"$0"' "$M/job"
  before=$(snapshot "$M/job")
  expect EPERM unlink "$M/job"
  run rm -f "$M/job"
  is 1 "$status"
  contains "Operation not permitted" "$output"
  unchanged "$before" "$M/job"
}

@test "a second release fails with ENOENT" {
  take "$M/job"
  expect OK unlink "$M/job"
  expect ENOENT unlink "$M/job"
}

@test "nobody else's lock is released when one's own is gone" {
  take "$M/job"
  rm "$M/job"
  take_as_other "$M/job"
  expect EPERM unlink "$M/job"
  is UNAVAILABLE "$(state "$M/job")"
}

@test "content does not outlive its holding" {
  take_with words "$M/job"
  rm "$M/job"
  take "$M/job"
  is "" "$(cat "$M/job")"
}

@test "the lease of one holding does not pass to the next" {
  take "$M/.with/ttl=7s/job"
  is 7.000 "$(lock "$M/job" ttl)"
  rm "$M/job"
  take "$M/job"
  is 300.000 "$(lock "$M/job" ttl)"
}

@test "rm -r releases all of one's own and keeps another's" {
  mkdir "$M/team"
  take "$M/team/mine"
  take_as_other "$M/team/theirs"
  before=$(snapshot "$M/team/theirs")
  run rm -rf "$M/team"
  is 1 "$status"
  unchanged "$before" "$M/team/theirs"
  session rm "$M/.with/force/team/theirs"
  rm -r "$M/team"
  gone "$M/team"
}

@test "unlink refuses directories, rmdir refuses locks" {
  mkdir "$M/team"
  take "$M/job"
  before=$(snapshot "$M/job")
  expect EISDIR unlink "$M/team"
  expect ENOTDIR rmdir "$M/job"
  unchanged "$before" "$M/job"
  expect OK stat "$M/team"
}

@test "unmounting with locks held leaves nothing behind" {
  take "$M/a" "$M/b"
  unmount_lockfs
  is "" "$(ls "$M")"
}
