# Plain operations of common programs: each takes, sees, refreshes and releases.

load ../lib/helper

# round SHELL...: the whole round in one shell, and then what it cannot do to a free lock and to another's
round() {
  session bash -c 'set -C; echo original >"$0"' "$M/theirs"
  before=$(snapshot "$M/theirs")
  # shellcheck disable=SC2016  # the other shell expands it
  run "$@" '
    cd "$0" || exit
    set -C
    : >job && echo taken
    (: >job) 2>/dev/null || echo held
    [ -e job ] && [ ! -e free ] && echo seen
    getfattr --only-values -n user.lock.state job && echo
    set +C
    echo words >>job && cat job
    : >job && [ ! -s job ] && echo emptied
    touch job && echo refreshed
    (set -C; : >theirs) 2>/dev/null || echo theirs
    : >theirs && cat theirs
    (echo x >theirs) 2>/dev/null || echo busy
    (echo x >>theirs) 2>/dev/null || echo busy
    touch theirs 2>/dev/null || echo not refreshed
    rm -f theirs 2>/dev/null || echo not released
    rm job && [ ! -e job ] && echo released
    : >job && [ ! -e job ] && echo opened
    (echo x >job) 2>/dev/null || echo not written
    touch job 2>/dev/null; [ ! -e job ] && echo not touched
    exec 9>job && flock 9 && echo locked >&9 && cat job && exec 9>&-
    until [ ! -e job ]; do :; done
    (set -C; : >.with/ttl=30s/job) && rm .with/force/job && echo viewed
  ' "$M"
  is "taken
held
seen
ACQUIRED
words
emptied
refreshed
theirs
original
busy
busy
not refreshed
not released
released
opened
not written
not touched
locked
viewed" "$output"
  unchanged "$before" "$M/theirs"
}

@test "a script of bash takes, uses and releases locks" {
  round bash -c
}

@test "a script of dash takes, uses and releases locks" {
  round dash -c
}

@test "a script of busybox sh with its touch, rm and cat takes, uses and releases locks" {
  mkdir "$T/bin"
  for each in touch rm cat ls; do
    ln -s "$(command -v busybox)" "$T/bin/$each"
  done
  PATH=$T/bin:$PATH round busybox sh -c
}

@test "a shell that holds a lock while it works, and gives it back by a trap" {
  bash -c 'set -C; : >"$0" || exit; trap "rm \"\$0\"" EXIT; exit 3' "$M/job" || status=$?
  is 3 "$status"
  gone "$M/job"
}

@test "a shell that tries again and again has the lock once it is free" {
  take_as_other "$M/job"
  bash -c 'set -C; until (: >"$0") 2>/dev/null; do sleep 0.02; done; rm "$0"' "$M/job" 3>&- &
  waiter=$!
  rm "$M/.with/force/job"
  wait_until ended "$waiter"
  wait "$waiter"
}

@test "python's open(path, 'x') takes a lock" {
  py <<'PY'
path = M + "/job"
with open(path, "x") as stream:
    stream.write("words\n")
check("content", open(path).read(), "words\n")
check("again", outcome(open, path, "x"), "EEXIST")
check("another session", in_child(lambda: open(path, "x"), session=True), "EEXIST")
def write_in(mode):
    with open(path, mode) as stream:
        stream.write("theirs")
check("another session, for writing", in_child(lambda: write_in("w"), session=True), "EBUSY")
check("another session, for appending", in_child(lambda: write_in("a"), session=True), "EBUSY")
check("content after that", open(path).read(), "words\n")
check("state", attribute(path, "state"), "ACQUIRED")
import pathlib
before = os.stat(path).st_mtime_ns
time.sleep(0.002)
pathlib.Path(path).touch()
check("refreshed", os.stat(path).st_mtime_ns > before, True)
os.remove(path)
check("gone", os.path.exists(path), False)
check("free, for writing", outcome(write_in, "w"), "ENOLCK")
pathlib.Path(path).touch()
check("still free", os.path.exists(path), False)
pathlib.Path(path).touch(exist_ok=False)
check("touched again", outcome(pathlib.Path(path).touch, exist_ok=False), "EEXIST")
pathlib.Path(path).unlink()
PY
}

@test "node's flag wx takes a lock" {
  take_as_other "$M/theirs"
  run -0 node -e '
    const fs = require("fs");
    const dir = process.argv[1];
    const code = f => { try { f(); return "OK"; } catch (error) { return error.errno === -37 ? "ENOLCK" : error.code; } };
    console.log([
      code(() => fs.writeFileSync(dir + "/job", "words", { flag: "wx" })),
      code(() => fs.writeFileSync(dir + "/job", "words", { flag: "wx" })),
      fs.readFileSync(dir + "/job", "utf8"),
      code(() => fs.utimesSync(dir + "/job", new Date(), new Date())),
      code(() => fs.writeFileSync(dir + "/job", "more")),
      fs.readFileSync(dir + "/job", "utf8"),
      code(() => fs.writeFileSync(dir + "/theirs", "x", { flag: "wx" })),
      code(() => fs.writeFileSync(dir + "/theirs", "x")),
      code(() => fs.unlinkSync(dir + "/theirs")),
      fs.readdirSync(dir).join("+"),
      code(() => fs.unlinkSync(dir + "/job")),
      fs.existsSync(dir + "/job"),
      code(() => fs.writeFileSync(dir + "/job", "words")),
      fs.existsSync(dir + "/job"),
    ].join(" "));' "$M"
  is "OK EEXIST words OK OK more EEXIST EBUSY EPERM job+theirs OK false ENOLCK false" "$output"
}

@test "cp -n, ln, install, mktemp, tee, dd, truncate, find, du and stat of coreutils do what they say" {
  cp -n /dev/null "$M/copied"
  is ACQUIRED "$(state "$M/copied")"
  mktemp "$M/job.XXXXXX" >"$T/made"
  is ACQUIRED "$(state "$(cat "$T/made")")"
  cp /etc/passwd "$M/full"
  is ACQUIRED "$(state "$M/full")"
  cmp /etc/passwd "$M/full"
  take "$M/teed" "$M/dumped" "$M/cut"
  echo words | tee "$M/teed" >"$T/out"
  is words "$(cat "$M/teed")"
  dd if=/dev/zero of="$M/dumped" bs=512 count=8 2>"$T/out"
  is 4096 "$(stat -c %s "$M/dumped")"
  truncate -s 100 "$M/cut"
  is 100 "$(stat -c %s "$M/cut")"
  is 6 "$(find "$M" -type f | wc -l)"
  find "$M" -type f -delete
  du "$M" >"$T/out"
  is "" "$(ls -A "$M")"
}

@test "tee, dd and truncate take no free lock, and say that there is none" {
  for command in 'echo words | tee "$0"' 'dd if=/dev/zero of="$0" bs=512 count=8' 'truncate -s 100 "$0"'; do
    run bash -c "$command" "$M/job"
    is 1 "$status"
    contains "No locks available" "$output"
    gone "$M/job"
  done
}

@test "tools that look at a lock while its holder works: tail, wc, grep -r, tar" {
  take_with words "$M/job"
  is words "$(session tail -n 1 "$M/job")"
  is 6 "$(session wc -c <"$M/job")"
  is "$M/job:words" "$(session grep -r words "$M")"
  is words "$(session tar -C "$M" -cf - job | tar -xOf - job)"
}
