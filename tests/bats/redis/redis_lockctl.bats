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
  for options in "" -R --json --raw "-n -o key"; do
    # shellcheck disable=SC2086  # some words
    run --separate-stderr "$LOCKCTL" ls $options "$M"
    is "69 0 1 $options" "$status ${#lines[@]} ${#stderr_lines[@]} $options"
    contains "the server" "$stderr"
  done
}

@test "a server that goes away while ls reads is 69 and a message, and no table" {
  LOCKFS_TEST_SOURCE=$(redis_source) mount_lockfs -o timeout=300ms
  py <<'PY'
for number in range(3000):
    os.close(os.open(f"{M}/{number:05d}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
PY
  allow_words "$outage_words"
  # It stops after the first part and waits until the server is gone.
  cc -std=gnu11 -D_GNU_SOURCE -O2 -shared -fPIC -include "$BATS_TEST_DIRNAME/../lib/shim.h" -o "$T/slow.so" -xc - <<'C'
ssize_t read(int fd, void *bytes, size_t size)
{
	static int reads;

	if (size < 65536)
		return NEXT(read)(fd, bytes, size);
	if (reads++ == 1)
		wait_here(getenv("HERE"), getenv("GO"));
	return NEXT(read)(fd, bytes, 4096);
}
C
  ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$T/slow.so HERE=$T/here GO=$T/go "$LOCKCTL" ls "$M" >"$T/table" 2>"$T/error" 3>&- &
  reader=$!
  wait_until test -e "$T/here"
  redis_kill
  : >"$T/go"
  status=0
  wait "$reader" || status=$?
  is "69 0 1" "$status $(wc -c <"$T/table") $(wc -l <"$T/error")"
  contains "lockctl: cannot list the mount: " "$(cat "$T/error")"
}
