# The options of `lockctl ls`, what it does on a terminal, with many locks, and if the list cannot be read as a whole.

load ../lib/helper

setup() {
  setup_dirs
  mkdir "$M"
  mount_lockfs
}

# on_terminal WAIT TYPE [WAIT TYPE...]: types each when what it waits for was printed
on_terminal() {
  M=$M python3 -IS "$BATS_TEST_DIRNAME/../lib/terminal.py" "$@" >"$T/screen" || fail "$(cat "$T/screen")"
}

# column OPTION...: what ls prints, in one line
column() {
  "$LOCKCTL" ls -n "$@" | sed 's/ *$//' | paste -sd ' '
}

some_locks() {
  mkdir -p "$M/team/deep"
  : >"$M/.with/id=carol,ttl=never/a"
  : >"$M/.with/id=bob,ttl=90s/team/b"
  : >"$M/.with/id=alice,ttl=5m/team/deep/c"
}

@test "without -R only the locks directly in the directory are listed, with it all below" {
  some_locks
  is a "$(column -o key "$M")"
  is "a team/b team/deep/c" "$(column -R -o key "$M")"
  is team/b "$(column -o key "$M/team")"
  is "team/b team/deep/c" "$(column --recursive -o key -d "$M" team)"
  is team/deep/c "$(column -o key "$M/team/deep/c")"
  mkdir "$M/empty"
  run -0 "$LOCKCTL" ls "$M/empty"
  is "KEY  HOLDER  MODE  REMAINING  WAITERS  TOKEN" "$output"
}

@test "-o chooses columns by the names of attributes, in this order, and refuses others" {
  some_locks
  run -0 "$LOCKCTL" ls -o state,key,owner "$M"
  matches 'STATE +KEY +OWNER' "${lines[0]}"
  matches 'UNAVAILABLE +a +carol' "${lines[1]}"
  for name in mode form holders owner ttl remaining acquired expires token host pid uid command waiters; do
    is "$name $(lock "$M/team/b" "$name" | sed 's/^[89][0-9]\..*/SECONDS/')" \
      "$name $("$LOCKCTL" ls -n -r --output "$name" "$M/team" | sed 's/\\040/ /g; s/^[89][0-9]\..*/SECONDS/')"
  done
  for wrong in nonsense "key," ",key" "" KEY; do
    run "$LOCKCTL" ls -o "$wrong" "$M"
    is "64 lockctl: -o: $wrong is no list of columns; lockctl --help tells which there are" "$status $output"
  done
}

@test "help lists all columns, and each can be printed" {
  columns=$("$LOCKCTL" --help | sed -n 's/^Columns of ls: //p')
  contains "key state mode" "$columns"
  run -0 "$LOCKCTL" ls -r -o "${columns// /,}" "$M"
  is "${columns^^}" "$(tr '\t' ' ' <<<"$output")"
}

@test "--sort sorts by what the column means: numbers, durations with never last, and text" {
  some_locks
  is "team/b team/deep/c a" "$(column -R -o key --sort remaining "$M")"
  is "team/b team/deep/c a" "$(column -R -o key --sort ttl "$M")"
  is "team/deep/c team/b a" "$(column -R -o key --sort owner "$M")"
  is "a team/b team/deep/c" "$(column -R -o key --sort token "$M")"
  is "a team/b team/deep/c" "$(column -R -o key --sort mode "$M")"
  run "$LOCKCTL" ls --sort key,token "$M"
  is "64 lockctl: --sort: key,token is no column; lockctl --help tells which there are" "$status $output"
}

@test "-n prints no headings, -r separates values by TABs, -J is --json" {
  some_locks
  is "KEY"$'\t'"REMAINING"$'\t'"ID" "$("$LOCKCTL" ls -r -o key,remaining,id "$M" | head -n 1)"
  is "a"$'\t'"never"$'\t'"-" "$("$LOCKCTL" ls -rn -o key,remaining,limit "$M")"
  is "$("$LOCKCTL" ls --json -o key,state "$M")" "$("$LOCKCTL" ls -J -o key,state "$M")"
  is '[ {"key":"a","state":"UNAVAILABLE","limit":null} ]' "$("$LOCKCTL" ls -J -o key,state,limit "$M" | tr -s '\n ' ' ' | sed 's/ $//')"
  mkdir "$M/empty"
  is "" "$("$LOCKCTL" ls -n "$M/empty")"
  run "$LOCKCTL" ls -r -J "$M"
  is 64 "$status"
  run "$LOCKCTL" acquire -n x "$M/job"
  is "64 lockctl: -n: x is no number" "$status $output"
}

@test "names of every byte are one field with -r, and valid JSON that gives the bytes back" {
  py "$LOCKCTL" <<'PY'
import json, re, subprocess
lockctl = sys.argv[1]
names = {bytes([byte]) + b"x" for byte in range(1, 256) if byte != ord("/")} | {b"-", b"\xf0\x9f\x94\x92", b"a\\040b", "\u202ex".encode()}
for name in names:
    os.close(os.open(os.fsencode(M) + b"/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
def ls(*options):
    return subprocess.run([lockctl, "ls", *options, M], check=True, stdout=subprocess.PIPE).stdout
raw = ls("-rn", "-o", "key,token").splitlines()
plain = {re.sub(rb"\\(\d{3})", lambda octal: bytes([int(octal[1], 8)]), line.split(b"\t")[0]) for line in raw}
check("raw", plain, names)
check("fields", {len(line.split(b"\t")) for line in raw}, {2})
rows = json.loads(ls("-J").decode("utf-8", "strict"))
check("json", {row["key"].encode("utf-8", "surrogateescape") for row in rows}, names)
table = ls("-n", "-o", "key").decode()
check("table", len(table.splitlines()), len(names))
check("controls", [each for each in table if not each.isprintable() and each != "\n"], [])
PY
}

@test "on a terminal the table fits the width, and keys are cut last" {
  key=$(printf 'k%.0s' {1..30})
  : >"$M/.with/id=$(printf 'h%.0s' {1..60}),ttl=never/$key"
  on_terminal '# ' 'stty cols 70; $LOCKCTL ls -o key,holder $M' 'HOLDER' '' '# ' ''
  grep -qE "^$key  h{37}…" "$T/screen" || fail "$(cat "$T/screen")"
  on_terminal '# ' 'stty cols 30; $LOCKCTL ls -o key,holder $M' 'HOLDER' '' '# ' ''
  grep -qE "^k{19}…  h{7}…" "$T/screen" || fail "$(cat "$T/screen")"
  contains "$key  $(printf 'h%.0s' {1..60})" "$("$LOCKCTL" ls -o key,holder "$M")"
}

@test "the state is coloured on a terminal only, and never with NO_COLOR or on a dumb one" {
  take "$M/job"
  red=$'\e[31m'
  on_terminal '# ' 'TERM=xterm $LOCKCTL ls -o state,key $M' 'UNAVAILABLE' ''
  contains "${red}UNAVAILABLE" "$(cat "$T/screen")"
  on_terminal '# ' 'NO_COLOR=1 TERM=xterm $LOCKCTL ls -o state,key $M; $LOCKCTL ls -o state,key $M; TERM=xterm $LOCKCTL ls -o state,key $M | cat' \
    'UNAVAILABLE' '' 'UNAVAILABLE' '' 'UNAVAILABLE' ''
  refute grep -q $'\e\[31m' "$T/screen"
}

@test "10,000 locks are all listed, in little memory" {
  py <<'PY'
for number in range(10000):
    os.close(os.open(f"{M}/{number:05d}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
PY
  is 10000 "$("$LOCKCTL" ls -n -o key "$M" | sort -u | wc -l)"
  is 10000 "$("$LOCKCTL" ls -J "$M" | python3 -c 'import json, sys; print(len({row["key"] for row in json.load(sys.stdin)}))')"
  # A sanitizer needs much more.
  ! grep -q __asan "$LOCKCTL" || return 0
  py "$LOCKCTL" <<'PY'
import resource, subprocess
subprocess.run([sys.argv[1], "ls", M], check=True, stdout=subprocess.DEVNULL)
kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
if kilobytes > 40000:
    raise SystemExit(f"{kilobytes} kB")
PY
}

# failing: makes $T/failing.so, with which .locks fails by errno FAIL_OPEN, or by FAIL_READ after a first part was read
failing() {
  cc -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC -include "$BATS_TEST_DIRNAME/../lib/shim.h" -o "$T/failing.so" -xc - <<'C'
static int asked(const char *name)
{
	const char *number = getenv(name);

	return number ? atoi(number) : 0;
}

int openat64(int dir, const char *path, int flags, ...)
{
	if (strcmp(path, ".locks") != 0 || !asked("FAIL_OPEN"))
		return NEXT(openat64)(dir, path, flags, 0);
	errno = asked("FAIL_OPEN");
	return -1;
}

ssize_t read(int fd, void *bytes, size_t size)
{
	static int reads;

	if (size < 65536 || !getenv("FAIL_READ"))
		return NEXT(read)(fd, bytes, size);
	if (reads++ == 0)
		return NEXT(read)(fd, bytes, 500);
	errno = asked("FAIL_READ");
	return errno ? -1 : 0;
}
C
}

# lockctl_failing NAME=VALUE ARGUMENT...
lockctl_failing() {
  local setting=$1
  shift
  run --separate-stderr env ASAN_OPTIONS=verify_asan_link_order=0 "LD_PRELOAD=$T/failing.so" "$setting" "$LOCKCTL" "$@"
}

@test "an error while .locks is read is a message and the documented status, and never a short table" {
  failing
  some_locks
  take "$M"/job{1..9}
  while read -r number wanted words; do
    for options in "" --json -rn; do
      for setting in FAIL_OPEN FAIL_READ; do
        # shellcheck disable=SC2086  # some words
        lockctl_failing "$setting=$number" ls $options "$M"
        is "$wanted 0 1 $words" "$status ${#lines[@]} ${#stderr_lines[@]} $words"
        contains "lockctl: cannot list the mount: $words" "$stderr"
      done
    done
  done <<'TABLE'
5 69 Input/output error
13 77 Permission denied
107 69 Transport endpoint is not connected
110 69 Connection timed out
112 69 Host is down
116 69 Stale file handle
12 69 Cannot allocate memory
24 69 Too many open files
TABLE
}

@test "a list that ends within a line is an error" {
  failing
  take "$M"/job{1..9}
  lockctl_failing FAIL_READ=0 ls "$M"
  is "69 0 lockctl: cannot list the mount: Protocol error" "$status ${#lines[@]} $stderr"
}

@test "a daemon without .locks is told of in one line, with what to do" {
  failing
  take "$M/job"
  lockctl_failing FAIL_OPEN=2 ls "$M"
  is "69 0 lockctl: the daemon on $M is older than this lockctl and has no .locks: unmount it, and start lockfs again" \
    "$status ${#lines[@]} $stderr"
}
