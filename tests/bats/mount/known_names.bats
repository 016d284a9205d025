# How many names (files, directories and views) one user may make the daemon remember.

load ../lib/helper
load ../lib/quotas

# names: how many the daemon remembers
names() {
  sed -n 's/^lockfs_known_names //p' "$S/.stats"
}

has_names_below() {
  (($(names) < $1))
}

# As has_names_below, for the names of nobody. Each LOOKUP of a user asks the kernel to forget two of that user's
# names, so where it was too slow for earlier ones, as on a busy machine, it takes more of them.
forgets_below() {
  has_names_below "$1" && return 0
  as_user nobody stat "$S"/.with/id=more{1..50} >/dev/null 2>&1
  return 1
}

# The daemon has said nothing, or only that a user was refused names until the kernel had forgotten others:
# on a busy machine it forgets them late.
told_of_refusals_only() {
  is "" "$(tr -d '\0' <"$S.stderr" | grep -v "^lockfs: user $(id -u nobody) uses .* is refused more: .*-o user_names= allows more$")"
  : >"$S.stderr"
}

@test "however many views a user looks up, the daemon remembers a bounded number of them" {
  mount_shared user_names=2000
  py "$S" <<'PY'
shared = sys.argv[1]
def look_up():
    for number in range(3000):
        when_forgotten(os.stat, "%s/.with/id=v%d" % (shared, number))
        when_forgotten(os.stat, "%s/.with/wait=%dms" % (shared, number))
as_nobody(look_up)
PY
  wait_until forgets_below 2001
  told_of_refusals_only
}

@test "however many locks all users look at, the daemon remembers a bounded number of them" {
  mount_shared user_names=2000
  py "$S" <<'PY'
shared = sys.argv[1]
for number in range(5000):
    os.close(os.open("%s/lock%d" % (shared, number), os.O_CREAT | os.O_EXCL))
def look_up():
    for number in range(5000):
        check("size", when_forgotten(os.stat, "%s/lock%d" % (shared, number)).st_size, 0)
        check("state", attribute("%s/lock%d" % (shared, number), "state"), "ACQUIRED")
as_nobody(look_up)
for number in range(5000):
    os.unlink("%s/lock%d" % (shared, number))
PY
  wait_until forgets_below 2001
  told_of_refusals_only
}

@test "a user of 60,000 views costs the daemon no more memory than for the names that one user may have" {
  mount_shared user_streams=1024
  local before after
  before=$(resident)
  py "$S" <<'PY'
shared = sys.argv[1]
def look_up():
    for number in range(60000):
        when_forgotten(os.stat, "%s/.with/id=v%d" % (shared, number))
as_nobody(look_up)
PY
  after=$(resident)
  (($(names) < 16384 + forgets_max)) || fail "$(names) names"
  told_of_refusals_only
  # A sanitizer keeps memory that was freed.
  ! grep -q __asan_init "$LOCKFS" || return 0
  # Of some 700 bytes each; half of them as long as the kernel forgets at once. All would be 40 MB.
  ((after - before < 14000)) || fail "from $before to $after kB"
}

@test "a directory that is refused for want of names is not made" {
  mount_shared user_names=20
  py "$S" <<'PY'
shared = sys.argv[1]
def make():
    made = 0
    while outcome(os.mkdir, "%s/dir%d" % (shared, made)) == "OK":
        made += 1
    check("so many", 0 < made < 30, True)
    check("another", outcome(os.mkdir, "%s/another" % shared), "ENFILE")
    check("directories", len(os.listdir(shared)), made)
as_nobody(make)
PY
  contains "user $(id -u nobody) uses 20 names, of 20 that all users use" "$(<"$S.stderr")"
  : >"$S.stderr"
}

# use_up_names: as nobody has names in use until there are no more; prints how many
use_up_names() {
  py "$S" <<'PY'
shared = sys.argv[1]
def look_up(name):
    return outcome(os.stat, "%s/.with/id=%s" % (shared, name))

def use_up():
    held = []
    while True:
        try:
            held.append(os.open("%s/.with/id=v%d" % (shared, len(held)), os.O_PATH))
        except OSError as error:
            check("refused", error.errno, errno.ENFILE)
            break
    # What the kernel is asked to forget with each lookup does not count before it has been asked.
    more, end = 0, boottime() + 20
    while look_up("more%d" % more) != "ENFILE":
        check("refused again", boottime() < end, True)
        time.sleep(0.01)
        more += 1
    for fd in held:
        os.close(fd)
    if os.path.exists(T + "/kernel/is_slow"):
        os.unlink(T + "/kernel/is_slow")
    while look_up("more") == "ENFILE":
        time.sleep(0.01)
    print(len(held), flush=True)
as_nobody(use_up)
PY
}

# NOTIFIER_FORGETS_MAX
forgets_max=1024

# The daemon told once, of at least and at most so many names, that it refuses more.
told_of_names() {
  local said
  said=$(tr -d '\0' <"$S.stderr")
  is 1 "$(wc -l <"$S.stderr")"
  matches "lockfs: user $(id -u nobody) uses [0-9]+ names, .*-o user_names= allows more" "$said"
  [[ $said =~ uses\ ([0-9]+)\ names ]]
  ((BASH_REMATCH[1] >= $1 && BASH_REMATCH[1] <= $2)) || fail "$said"
  : >"$S.stderr"
}

@test "a user whose names are all in use is refused more of them, and nobody else is" {
  mount_shared user_names=50
  held=$(use_up_names)
  ((held >= 45 && held <= 50 + forgets_max)) || fail "$held names"
  expect ENOENT @daemon stat "$S/.with/id=other/job"
  told_of_names 50 $((50 + forgets_max))
}

@test "a user has 1024 names more than allowed while the kernel is slow to forget some, and no more" {
  shimmed <<C
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
int fuse_lowlevel_notify_inval_entry(void *session, uint64_t parent, const char *name, size_t length)
{
	int (*next)(void *, uint64_t, const char *, size_t) = dlsym(RTLD_NEXT, "fuse_lowlevel_notify_inval_entry");

	while (access("$T/kernel/is_slow", F_OK) == 0)
		usleep(1000);
	return next(session, parent, name, length);
}
C
  LOCKFS=$T/shimmed
  mkdir -m 777 "$T/kernel"
  : >"$T/kernel/is_slow"
  mount_shared user_names=50
  held=$(use_up_names)
  # The thread has taken one name from the queue; if it did so at the end, there is one less.
  ((held >= 50 + forgets_max - 1 && held <= 50 + forgets_max)) || fail "$held names"
  told_of_names $((50 + forgets_max - 1)) $((50 + forgets_max))
  # Those of this user, and `.with` and what root has just looked up.
  wait_until has_names_below 54
}

@test "a user who has all names in use finds, refreshes and releases the locks that are known already" {
  mount_shared user_names=50
  py "$S" <<'PY'
shared = sys.argv[1]
def use_up():
    mine = os.open(shared + "/mine", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    held = []
    while len(held) < 2000:
        try:
            held.append(os.open("%s/.with/id=v%d" % (shared, len(held)), os.O_PATH))
        except OSError as error:
            check("refused", error.errno, errno.ENFILE)
            break
    check("touch", outcome(os.utime, shared + "/mine"), "OK")
    check("state", attribute(shared + "/mine", "state"), "ACQUIRED")
    check("a lock of a new name", outcome(os.close, os.open(shared + "/other", os.O_CREAT | os.O_EXCL | os.O_RDWR)), "OK")
    check("rm", outcome(os.unlink, shared + "/mine"), "OK")
as_nobody(use_up)
PY
  : >"$S.stderr"
}

@test "handles leave no names behind, however many were opened" {
  mount_shared user_names=50
  take "$S/ours"
  py "$S" <<'PY'
shared = sys.argv[1]
def open_many():
    for _ in range(1000):
        for name in ("/ours", "/free"):
            handle = os.open(shared + name, os.O_CREAT | os.O_RDONLY)
            check("content", os.read(handle, 10), b"")
            os.close(handle)
as_nobody(open_many)
PY
  wait_until has_names_below 54
}

@test "handles of many locks are names that the kernel is asked to forget" {
  mount_shared user_names=2000
  py "$S" <<'PY'
shared = sys.argv[1]
for number in range(4000):
    os.close(os.open("%s/lock%d" % (shared, number), os.O_CREAT | os.O_EXCL))
def open_many():
    os.setsid()
    for number in range(4000):
        for name in ("lock", "free"):
            handle = when_forgotten(os.open, "%s/%s%d" % (shared, name, number), os.O_CREAT | os.O_RDWR)
            check("state", attribute(handle, "state"), "UNAVAILABLE" if name == "lock" else "EXPIRED")
            os.close(handle)
as_nobody(open_many)
for number in range(4000):
    os.unlink("%s/lock%d" % (shared, number))
PY
  wait_until forgets_below 2001
  told_of_refusals_only
}

@test "what is in use works on while the kernel is asked to forget other names" {
  mount_shared user_names=2000
  py "$S" <<'PY'
shared = sys.argv[1]
def work():
    view = shared + "/.with/id=mine,ttl=1h"
    os.chdir(view)
    held = os.open("job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    flocked = os.open(shared + "/other", os.O_CREAT | os.O_RDWR)
    fcntl.flock(flocked, fcntl.LOCK_EX)
    for number in range(4000):
        when_forgotten(os.stat, "%s/.with/id=v%d" % (shared, number))
        if number % 400 == 0:
            os.pwrite(held, b"%d" % number, 0)
            check("content", os.pread(held, 10, 0), b"%d" % number)
            check("by its name", attribute("job", "state"), "ACQUIRED")
            check("from the root", attribute(shared + "/job", "state"), "UNAVAILABLE")
            os.close(when_forgotten(os.open, "brief", os.O_CREAT | os.O_EXCL))
            os.unlink("brief")
    os.utime(held)
    check("locked", attribute(shared + "/other", "state"), "ACQUIRED")
    os.close(flocked)
    os.unlink("job")
as_nobody(work)
PY
  told_of_refusals_only
}

@test "names to which a user has moved locks are forgotten as all others" {
  mount_shared user_names=200
  py "$S" <<'PY'
shared = sys.argv[1]
def make_and_move(number):
    os.close(when_forgotten(os.open, shared + "/tmp", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    when_forgotten(os.rename, shared + "/tmp", "%s/job.%d" % (shared, number))
def move_many():
    for number in range(1000):
        make_and_move(number)
as_nobody(move_many)
PY
  wait_until forgets_below 201
  told_of_refusals_only
}
