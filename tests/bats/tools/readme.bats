# The commands that README.md and lockfs-recipes(7) show, run in their order, answer what stands there.

load ../lib/helper
load ../lib/redis
load ../lib/readme

setup() {
  setup_dirs
  setup_programs
  mkdir "$T/fresh"
  cd "$T/fresh" || return 1
}

teardown() {
  local problems=0
  cd /
  end_mounts_by_hand || problems=1
  end_mounts || problems=1
  end_programs
  return "$problems"
}

# Mounts that the commands have made.
end_mounts_by_hand() {
  local dir
  while read -r dir; do
    wait_until 5 unmounts "$dir" || true  # end_mounts has other ways
  done < <(cut -d' ' -f2 /proc/mounts | grep "^$T/")
  wait_until no_daemon
}

no_daemon() {
  ! pgrep -f -- "^[^ ]*lockfs ([^ ]+ $T/|redis://127.0.0.1:${redis_port[readme]} )" >/dev/null
}

# What differs each time, a word for each.
same() {
  sed -E \
    -e 's/^bash: line [0-9]+: /bash: /' \
    -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z/TIME/g' \
    -e 's/\<[0-9a-f]{32}\>/ID/g' \
    -e 's/[a-z_][a-z0-9_-]*@[A-Za-z0-9.-]+:[0-9]+ /USER@HOST:PID /g' \
    -e 's/^(user\.lock\.token)="[0-9]{16}"$/\1="TOKEN"/' \
    -e 's/^(user\.lock\.(host|pid|uid))="[^"]+"$/\1="\2"/' \
    -e 's/^(user\.lock\.remaining)="[0-9]+\.[0-9]{3}"$/\1="REMAINING"/'
}

# run_transcript HEADING: runs the commands of a section of README.md and compares.
run_transcript() {
  transcript "$1" >"$T/wanted"
  run_wanted "$1" README.md
}

# run_manual HEADING: runs the commands of a section of lockfs-recipes(7) and compares.
run_manual() {
  manual_transcript "$1" >"$T/wanted"
  run_wanted "$1" lockfs-recipes.7
}

# run_wanted HEADING FILE: runs the commands in $T/wanted in one shell, which is a
# session, and compares. The last line that getfattr -d writes is empty, and
# so is one between two blocks: empty lines do not count. Code is faster than
# fingers: after a command in the background it waits until that holds locks/job,
# or waits for it behind those before.
run_wanted() {
  local count
  mkdir "$T/commands"
  count=$(commands "$T/wanted" "$T/commands")
  ((count > 0)) || fail "no commands below '$1'"
  # shellcheck disable=SC2016  # for the other shell
  deadline 60 setsid -w bash -c '
    waiters=0
    for ((i = 1; i <= $2; i++)); do
      printf "$ %s\n" "$(<"$1/$i")"
      eval "$(<"$1/$i")" 2>&1
      [[ $(<"$1/$i") == *\& ]] || continue
      until [ "$(getfattr --only-values -n user.lock.waiters locks/job 2>/dev/null)" = "$waiters" ]; do
        sleep 0.01
      done
      waiters=$((waiters + 1))
    done
    exit 0' bash "$T/commands" "$count" </dev/null >"$T/got" 2>&1
  diff -u --label "$2" --label "what they answer" <(same <"$T/wanted" | grep .) <(same <"$T/got" | grep .)
}

# as `make run` does
make_run() {
  "$BATS_TEST_DIRNAME/../../../scripts/run" memory: ./locks "$LOCKFS" >"$T/run"
}

@test "README: a command holds a lock, and a second session waits for it" {
  make_run
  run_transcript "lockfs"
}

@test "README: share locks between hosts" {
  run_transcript "Share locks between hosts"
}

@test "manual: the tour that make run shows, and flock" {
  make_run
  run_manual "FIRST STEPS"
  # The two tours are one.
  is "$(sed -n 's/^  //p' "$T/run")" "$(cat "$T/commands"/[1-5])"
}

@test "manual: waiting by flock and by a view" {
  make_run
  run_manual "WAITING"
}

@test "manual: readers and writers" {
  make_run
  run_manual "READERS AND WRITERS"
}

@test "manual: at most N at a time" {
  make_run
  run_manual "AT MOST N AT A TIME"
}

@test "manual: sharing locks between hosts" {
  run_manual "SHARING LOCKS BETWEEN HOSTS"
}

@test "no other section has commands that nobody runs" {
  sections >"$T/sections"
  [ "$(wc -l <"$T/sections")" -gt 5 ]
  while read -r heading; do
    grep -qF "run_transcript \"$heading\"" "$BATS_TEST_FILENAME" || is "" "$(transcript "$heading")"
  done <"$T/sections"
  manual_sections >"$T/sections"
  [ "$(wc -l <"$T/sections")" -gt 5 ]
  while read -r heading; do
    grep -qF "run_manual \"$heading\"" "$BATS_TEST_FILENAME" || is "" "$(manual_transcript "$heading")"
  done <"$T/sections"
}

@test "an answer that differs is found" {
  README=$T/README
  printf '## %s\n\n    $ %s\n    %s\n' A 'echo one' one B 'echo two' one C 'echo "1 2"' '1 2' >"$README"
  printf '\n<!-- not run: %s -->\n\n    $ %s\n' 'it would fail' false >>"$README"
  run_transcript A
  rm -r "$T/commands"
  run run_transcript B
  [ "$status" = 1 ]
  contains "-one" "$output"
  contains "+two" "$output"
  rm -r "$T/commands"
  run_transcript C
}

@test "an answer of the manual that differs is found" {
  RECIPES=$T/recipes.7
  printf '.Sh %s\n.Bd -literal\n$ %s\n%s\n.Ed\n' A 'echo "\e\e"' '\e' B 'echo two' one C 'echo "1 2"' '1 2' >"$RECIPES"
  printf '.\\" not run: %s\n.Bd -literal -offset indent\n$ %s\n.Ed\n' 'it would fail' false >>"$RECIPES"
  run_manual A
  rm -r "$T/commands"
  run run_manual B
  [ "$status" = 1 ]
  contains "-one" "$output"
  contains "+two" "$output"
  rm -r "$T/commands"
  run_manual C
}

@test "every link to a section leads to one" {
  # As GitHub names them: small letters, no punctuation, - for spaces.
  awk '/^```/ { code = !code } !code && sub(/^#+ /, "")' "$BATS_TEST_DIRNAME/../../../README.md" |
    tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n-' >"$T/anchors"
  grep -oE '\]\(#[^)]*\)' "$BATS_TEST_DIRNAME/../../../README.md" | sed -E 's/\]\(#(.*)\)/\1/' >"$T/links"
  [ -s "$T/links" ]
  is "" "$(grep -vxFf "$T/anchors" "$T/links")"
}

@test "every link to a file leads to one" {
  for readme in README.md scripts/examples/README.md tests/README.md tests/bench/README.md tests/faults/README.md; do
    dir=$(dirname "$BATS_TEST_DIRNAME/../../../$readme")
    grep -oE '\]\([^#)]*\)' "$BATS_TEST_DIRNAME/../../../$readme" | sed -E 's/\]\((.*)\)/\1/' | while read -r link; do
      [ -e "$dir/$link" ] || fail "$readme: $link is not there"
    done
  done
}
