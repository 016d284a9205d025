# What one user may take of a daemon, so that others have some left.

load ../lib/helper
load ../lib/quotas

waits_for() {
  in_background_as "$1" sh -c ': >"$0"' "$2"
}

@test "a user has at most user_waiters calls that wait" {
  mount_shared user_waiters=2
  take "$S/job"
  waits_for nobody "$S/.with/wait=60s/job"
  first=$pid
  waits_for nobody "$S/.with/interval=1h/job"
  # What is tried before both wait would take the place of the second.
  wait_until requests_wait 2 "$S"
  wait_until waits 1 "$S/job"
  expect ENOLCK @nobody open "$S/.with/wait=10ms/job" CREAT,WRONLY
  expect ENOLCK @nobody open "$S/.with/attempts=2/job" CREAT,WRONLY
  # Who does not wait is not meant, nor are others.
  expect EEXIST @nobody open "$S/job" CREAT,EXCL,WRONLY
  expect ETIMEDOUT @daemon open "$S/.with/wait=10ms/job" CREAT,WRONLY
  expect ETIMEDOUT open "$S/.with/id=x,wait=10ms/job" CREAT,WRONLY
  told nobody "2 calls that wait for locks" "-o user_waiters= allows more"
  # Each that ends makes room.
  kill "$first"
  wait_until waits 0 "$S/job"
  expect ETIMEDOUT @nobody open "$S/.with/wait=10ms/job" CREAT,WRONLY
}

@test "a call of flock that waits counts in user_waiters" {
  mount_shared user_waiters=1
  take "$S/other"
  waits_for nobody "$S/.with/wait=60s/other"
  wait_until waits 1 "$S/other"
  expect ENOLCK @nobody open "$S/.with/wait=10ms/other" CREAT,WRONLY
  py "$S" <<'PY'
job = sys.argv[1] + "/job"
holder = os.open(job, os.O_CREAT | os.O_RDWR, 0o666)
fcntl.flock(holder, fcntl.LOCK_EX)
as_nobody(lambda: check("flock", outcome(fcntl.flock, os.open(job, os.O_RDONLY), fcntl.LOCK_EX), "ENOLCK"))
PY
  told nobody "1 calls that wait" "No locks available"
}

@test "a user has at most user_streams open directories and streams" {
  mount_shared user_streams=3
  py "$S" <<'PY'
shared = sys.argv[1]

def use_up():
    streams = [os.open(shared + name, os.O_RDONLY) for name in ("", "/.events", "/.stats")]
    for name in ("", "/.events", "/.events.json", "/.stats"):
        check(name, outcome(os.open, shared + name, os.O_RDONLY), "EMFILE")
    check("a lock", outcome(os.close, os.open(shared + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)), "OK")
    for fd in streams:
        os.close(fd)
        for name in ("/.events", "/.stats", ""):
            os.close(os.open(shared + name, os.O_RDONLY))

as_nobody(use_up)
many = [os.open(shared + "/.events", os.O_RDONLY) for _ in range(10)]
PY
  told nobody "3 open directories and streams" "Too many open files"
}

@test "a user has at most user_files open lock files" {
  mount_shared user_files=4
  py "$S" <<'PY'
shared = sys.argv[1]
views = [shared + view for view in ("", "/.with/hold", "/.with/wait=10s", "/.with/id=x,ttl=1h")]

def use_up():
    held = os.open(shared + "/held", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    os.write(held, b"content")
    handle = os.open(shared + "/handle", os.O_CREAT | os.O_RDONLY)
    bound = os.open(shared + "/.with/hold/bound", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    again = os.open(shared + "/held", os.O_RDONLY)
    for view in views:
        for flags in (os.O_EXCL | os.O_WRONLY, os.O_RDWR, os.O_RDONLY):
            check("create", outcome(os.open, view + "/more", os.O_CREAT | flags), "EMFILE")
            check("no lock is left", outcome(os.stat, shared + "/more"), "ENOENT")
    for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
        check("open", outcome(os.open, shared + "/held", flags), "EMFILE")
        check("open by descriptor", outcome(os.open, "/proc/self/fd/%d" % held, flags), "EMFILE")
    check("content", os.read(again, 10), b"content")
    # What is done with open files, and looking, opens none.
    os.close(os.dup(handle))
    check("flock", outcome(fcntl.flock, handle, fcntl.LOCK_EX), "OK")
    check("unlock", outcome(fcntl.flock, handle, fcntl.LOCK_UN), "OK")
    poll = select.poll()
    poll.register(bound, select.POLLERR)
    check("poll", poll.poll(0), [])
    check("state", attribute(shared + "/held", "state"), "ACQUIRED")
    check("names", sorted(os.listdir(shared)), ["bound", "held"])
    # Each that is closed makes room for one.
    for fd in (held, handle, bound, again):
        os.close(fd)
        os.close(open_in_time("/more"))
        files.append(open_in_time("/more"))
        check("another", outcome(os.open, shared + "/another", os.O_CREAT | os.O_RDONLY), "EMFILE")

def open_in_time(name):
    """The daemon is told of a close after close(2) has returned."""
    while True:
        try:
            return os.open(shared + name, os.O_CREAT | os.O_RDONLY)
        except OSError as error:
            check("too early", error.errno, errno.EMFILE)
            time.sleep(0.005)

files = []
as_nobody(use_up)
many = [os.open(shared + "/ours", os.O_CREAT | os.O_RDONLY) for _ in range(20)]
PY
  expect OK @daemon open "$S/theirs" CREAT,EXCL,WRONLY
  told nobody "4 open lock files" "Too many open files. -o user_files= allows more"
}

@test "an opening that fails, is interrupted or is tried again is not counted as an open lock file" {
  mount_shared user_files=1
  # shellcheck disable=SC2016  # the other shell expands it
  as_user nobody sh -c 'set -C; : >"$0"' "$S/job"
  py "$S" <<'PY'
shared = sys.argv[1]
job = shared + "/job"

def open_in_time(path, flags):
    """The daemon is told of a close after close(2) has returned."""
    while True:
        try:
            return os.open(path, flags)
        except OSError as error:
            check("too early", error.errno, errno.EMFILE)
            time.sleep(0.005)

def fail():
    for _ in range(3):
        check("held", outcome(os.open, job, os.O_CREAT | os.O_EXCL | os.O_WRONLY), "EEXIST")
        check("held by another", outcome(os.open, shared + "/.with/hold/job", os.O_CREAT | os.O_WRONLY), "EBUSY")
        check("emptied by another", outcome(os.open, shared + "/.with/id=x/job", os.O_RDWR | os.O_TRUNC), "EBUSY")
        check("waited", outcome(os.open, shared + "/.with/wait=5ms/job", os.O_CREAT | os.O_WRONLY), "ETIMEDOUT")
        check("no directory", outcome(os.open, shared + "/none/job", os.O_CREAT | os.O_WRONLY), "ENOENT")
        pid = os.fork()
        if pid == 0:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            os.open(shared + "/.with/wait=forever/job", os.O_CREAT | os.O_WRONLY)
            os._exit(1)
        check("interrupted", os.waitpid(pid, 0)[1], signal.SIGALRM)
        # The daemon is told of the interruption after the process has gone.
        while attribute(job, "waiters") != "0":
            time.sleep(0.005)
    # The daemon has the kernel open a handle on another's lock in two steps.
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_CREAT | os.O_TRUNC):
        os.close(open_in_time(job, flags))
    fd = open_in_time(shared + "/mine", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    check("one is open", outcome(os.open, shared + "/more", os.O_CREAT | os.O_RDONLY), "EMFILE")
    os.close(fd)

as_nobody(fail)
PY
  told nobody "1 open lock files" "Too many open files"
}

@test "a user who uses up a quota again and again is logged once" {
  mount_shared user_streams=4,user_files=4
  py "$S" <<'PY'
shared = sys.argv[1]

def take_all(name, flags):
    """Opens as many as are allowed, several times."""
    refused = 0
    while refused < 5:
        files = []
        answer = "OK"
        while answer == "OK":
            answer = outcome(lambda: files.append(os.open(shared + name, flags)))
        check(name, answer, "EMFILE")
        refused += bool(files)
        for fd in files:
            os.close(fd)

as_nobody(lambda: take_all("/.events", os.O_RDONLY))
as_nobody(lambda: take_all("/more", os.O_CREAT | os.O_RDONLY))
PY
  is "$(printf 'lockfs: user %d has as much as one user may, 4 open %s, and is refused more: Too many open files. -o %s= allows more\n' \
    "$(id -u nobody)" "directories and streams" user_streams "$(id -u nobody)" "lock files" user_files)" "$(tr -d '\0' <"$S.stderr")"
  : >"$S.stderr"
}

@test "a user has at most user_signals processes that signal= is for, each with any number of locks" {
  mount_shared user_signals=2
  py "$S" <<'PY'
from holders import *
shared = sys.argv[1]
view = shared + "/.with/hold,signal=USR1/"
def use_up():
    reader, writer = os.pipe()
    answers = os.fdopen(reader)
    mine = [create(view + "mine%d" % number) for number in range(20)] + [lock(view + "locked")]
    first = holder(view + "first", writer, create)
    check("first", answers.readline(), "has\n")
    for way in (create, lock):
        pid = holder(view + "second", writer, way)
        check("second", answers.readline(), "EMFILE\n")
        os.waitpid(pid, 0)
        check("nothing is left", outcome(os.stat, shared + "/second"), "ENOENT")
    os.close(create(shared + "/.with/hold/no_signal"))
    # Each that ends makes room.
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    while outcome(os.stat, shared + "/first") != "ENOENT":
        time.sleep(0.005)
    for way in (create, lock):
        pid = holder(view + "second", writer, way)
        check("second", answers.readline(), "has\n")
        os.unlink(shared + "/.with/force/second")
        check("second", answers.readline(), "told\n")
        os.waitpid(pid, 0)
        while outcome(os.stat, shared + "/second") != "ENOENT":
            time.sleep(0.005)
as_nobody(use_up)
PY
  told nobody "2 processes that signal= is for" "-o user_signals= allows more"
}

@test "a user has at most user_renewals renewals of bound locks a minute, however a lease came about" {
  # Of a lease of 2 s 90, of 4 s 45.
  mount_shared user_renewals=190
  mkdir -m 777 "$S/short"
  setfattr -n user.lock.default_ttl -v 2s "$S/short"
  py "$S" <<'PY'
shared = sys.argv[1]
view = shared + "/.with/hold,ttl=2s/"
TTL = "user.lock.ttl"

def create(name):
    return os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR)

def flock(name):
    fd = os.open(name, os.O_CREAT | os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd

def use_up():
    held = [create(view + "one"), flock(view + "two")]
    for name in ("three", "short/three"):
        for way in (create, flock):
            dir = view if name == "three" else shared + "/.with/hold/"
            check(name, outcome(way, dir + name), "ENOLCK")
            check("nothing is left", outcome(os.stat, shared + "/" + name), "ENOENT")
    # What is not renewed costs nothing, nor what is never over.
    for way in (".with/ttl=2s/", ".with/hold,ttl=never/"):
        os.close(create(shared + "/" + way + "other"))
        outcome(os.unlink, shared + "/other")
        while outcome(os.stat, shared + "/other") != "ENOENT":
            time.sleep(0.005)
    # Each that ends, or has a longer lease, makes room; nobody gets more by a shorter one.
    os.close(held.pop())
    while outcome(os.stat, shared + "/two") != "ENOENT":
        time.sleep(0.005)
    long = create(shared + "/.with/hold,ttl=4s/long")
    check("shorter", outcome(os.setxattr, shared + "/long", TTL, b"1500ms"), "ENOLCK")
    check("shorter by a view", outcome(os.utime, shared + "/.with/ttl=1500ms/long"), "ENOLCK")
    check("as it was", os.getxattr(shared + "/long", TTL), b"4.000")
    check("longer", outcome(os.setxattr, shared + "/long", TTL, b"1m"), "OK")
    held.append(create(view + "two"))
    check("no more", outcome(create, view + "three"), "ENOLCK")
    for fd in held + [long]:
        check("kept", outcome(os.fsync, fd), "OK")
    # So does what was lost, though its file is open.
    os.unlink(shared + "/.with/force/two")
    os.close(create(view + "three"))

as_nobody(use_up)
PY
  # More than once, as there were fewer than half of them between.
  sort -u "$S.stderr" -o "$S.stderr"
  told nobody "190 renewals of bound locks a minute" "-o user_renewals= allows more"
}

@test "a daemon without a descriptor for signal= refuses the lock, and who has one is signalled" {
  ulimit -n 128
  mount_shared timeout=10s
  before=$(open_descriptors)
  py "$S" <<'PY'
from holders import *
shared = sys.argv[1]
view = shared + "/.with/hold,signal=USR1/"
reader, writer = os.pipe()
answers = os.fdopen(reader)
holders = []
while True:
    way = (create, lock)[len(holders) % 2]
    pid = holder(view + "job%d" % len(holders), writer, way)
    answer = answers.readline()
    if answer != "has\n":
        break
    holders.append(pid)
os.waitpid(pid, 0)
check("answer", answer, "EMFILE\n")
check("so many", 10 < len(holders) < 120, True)
check("nothing is left", outcome(os.stat, shared + "/job%d" % len(holders)), "ENOENT")
# What needs none works for all.
os.close(create(shared + "/.with/hold/no_signal"))
as_nobody(lambda: check("others", outcome(lambda: os.close(create(shared + "/others"))), "OK"))
check("look", outcome(os.listdir, shared) != "EMFILE", True)
for number in range(len(holders)):
    os.unlink(shared + "/.with/force/job%d" % number)
for pid in holders:
    check("signalled", answers.readline(), "told\n")
    os.waitpid(pid, 0)
PY
  is 1 "$(wc -l <"$S.stderr")"
  contains "there is no descriptor left for its process: Too many open files" "$(<"$S.stderr")"
  : >"$S.stderr"
  wait_until has_descriptors "$before"
}

@test "one user has at most half of the descriptors for signal=, whatever user_signals= says" {
  ulimit -n 256
  mount_shared user_signals=0
  py "$S" <<'PY'
from holders import *
shared = sys.argv[1]
view = shared + "/.with/hold,signal=USR1/"
reader, writer = os.pipe()
answers = os.fdopen(reader)
def use_up():
    holders = []
    while True:
        pid = holder(view + "job%d" % len(holders), writer, create)
        answer = answers.readline()
        if answer != "has\n":
            break
        holders.append(pid)
    os.waitpid(pid, 0)
    check("answer", answer, "EMFILE\n")
    check("so many", len(holders), (256 - 64 - 256 // 8) // 2)
    os.write(asking, b".")
    check("another user", answers.readline(), "OK\n")
    for pid in holders:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
# Another user tries it when asked to.
asked, asking = os.pipe()
other = os.fork()
if other == 0:
    os.close(asking)
    os.setgid(65534)
    os.setuid(65533)
    os.read(asked, 1)
    os.write(writer, ("%s\n" % outcome(lambda: os.close(create(view + "other")))).encode())
    os._exit(0)
as_nobody(use_up)
os.waitpid(other, 0)
PY
  told nobody "80 processes that signal= is for" "It is half of what the limit of open files of this daemon allows: raise that"
}

@test "sessions and locks with signal= leave the daemon the descriptors that it needs to tell callers apart" {
  ulimit -n 128
  mount_shared timeout=10s
  py "$S" <<'PY'
from holders import *
shared = sys.argv[1]
view = shared + "/.with/hold,signal=USR1/"
reader, writer = os.pipe()
answers = os.fdopen(reader)
children = []
while True:
    children.append(holder(view + "job%d" % len(children), writer, create))
    if answers.readline() != "has\n":
        break
check("so many", len(children) > 10, True)
def in_session(number):
    """A new session that takes a lock, says how that went, and stays."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.alarm(60)
        os.write(writer, ("%s\n" % outcome(lambda: os.close(create(shared + "/session%d" % number)))).encode())
        signal.pause()
    return pid
for number in range(150):
    children.append(in_session(number))
    check("session %d" % number, answers.readline(), "OK\n")
for pid in children:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
PY
  contains "there is no descriptor left for its process: Too many open files. Raise the limit of open files of this daemon, 128" "$(<"$S.stderr")"
  is 1 "$(wc -l <"$S.stderr")"
  : >"$S.stderr"
}

open_descriptors() {
  find "/proc/${daemon_of[$S]}/fd" -mindepth 1 | wc -l
}

# Sessions that it has seen keep some of them.
has_descriptors() {
  (($(open_descriptors) <= $1 + 3))
}

@test "one process needs one descriptor of the daemon for all its locks with signal=, of which it may have many" {
  mount_shared user_signals=1
  before=$(open_descriptors)
  limit=$(awk '/^Max open files/ { print $4 }' "/proc/${daemon_of[$S]}/limits")
  hard=$(ulimit -Hn)
  [ "$hard" != unlimited ] && ((hard < 65536)) || hard=65536
  ((limit >= hard)) || fail "the daemon may open $limit files, of $hard"
  py "$S" "${daemon_of[$S]}" "$before" <<'PY'
from holders import *
view = sys.argv[1] + "/.with/hold,signal=USR1/"
def take_many():
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    os.setgid(65534)
    os.setuid(65534)
    signal.alarm(60)
    many = [create(view + "job%d" % number) for number in range(1200)]
    os.write(writer, b".")
    signal.pause()
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(reader)
    take_many()
os.close(writer)
check("all of them", os.read(reader, 1), b".")
descriptors = len(os.listdir("/proc/%s/fd" % sys.argv[2]))
check("descriptors", descriptors <= int(sys.argv[3]) + 4, True)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
PY
}

# fills_up: as nobody takes locks until there is no room for more; prints how many
fills_up() {
  as_user nobody sh -c 'set -C; i=0; while (: >"$0/lock$i") 2>/dev/null; do i=$((i + 1)); done; echo $i' "$S"
}

@test "a user has at most user_memory bytes of locks and directories in memory" {
  mount_shared user_memory=4000
  count=$(fills_up)
  ((count > 5 && count < 40)) || fail "$count locks"
  expect ENOSPC @nobody open "$S/more" CREAT,EXCL,WRONLY
  gone "$S/more"
  long=$(printf '%0200d' 0)
  expect ENOSPC @nobody mkdir "$S/$long"
  told nobody "4000 bytes of locks and directories" "-o user_memory= allows more"
  # Nobody else is meant.
  expect OK @daemon open "$S/theirs" CREAT,EXCL,WRONLY
  take "$S/ours"
  # What is given back can be taken again: as much, whichever it is.
  rm -f "$S/.with/force"/lock*
  is "$count" "$(fills_up)"
  told nobody "4000 bytes" "No space left on device"
}

@test "the content of a lock and a directory count in user_memory" {
  mount_shared user_memory=7000
  py "$S" <<'PY'
shared = sys.argv[1]
def use_up():
    one, other = (os.open(shared + name, os.O_CREAT | os.O_EXCL | os.O_RDWR) for name in ("/one", "/other"))
    check("one", os.write(one, b"x" * 4000), 4000)
    check("other", outcome(os.write, other, b"x" * 4000), "ENOSPC")
    check("longer", outcome(os.ftruncate, other, 4000), "ENOSPC")
    check("shorter", outcome(os.ftruncate, one, 10), "OK")
    check("other again", os.write(other, b"x" * 4000), 4000)
    made = 0
    while outcome(os.mkdir, "%s/dir%d" % (shared, made)) == "OK":
        made += 1
    check("directories", 3 < made < 40, True)
    os.unlink(shared + "/other")
    check("one again", os.pwrite(one, b"x" * 4000, 0), 4000)
    for number in range(made):
        os.rmdir("%s/dir%d" % (shared, number))
    os.unlink(shared + "/one")
    one = os.open(shared + "/one", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    check("all of it", os.write(one, b"x" * 4096), 4096)

as_nobody(use_up)
PY
  # More than once, as it had less than half of it between.
  sort -u "$S.stderr" -o "$S.stderr"
  told nobody "7000 bytes of locks" "No space left on device"
}

@test "a waiter without room when its turn comes gets ENOSPC, and the next has the lock" {
  mount_shared user_memory=2000
  take "$S/job"
  in_background_as nobody python3 -IS "$BATS_RUN_TMPDIR/calls.py" open "$S/.with/wait=60s/job" CREAT,WRONLY >"$T/first"
  wait_until waits 1 "$S/job"
  waits_for daemon "$S/.with/wait=60s/job"
  wait_until waits 2 "$S/job"
  fills_up >/dev/null
  rm "$S/job"
  wait_until holds daemon
  wait_until [ -s "$T/first" ]
  is ENOSPC "$(<"$T/first")"
  : >"$S.stderr"
}

holds() {
  [[ $(lock "$S/job" uid 2>/dev/null) == "$(id -u "$1")" ]]
}

# costs WHAT NAMES KB: nobody fills up a user_memory of 2 MB, with so many names; the memory that the
# daemon takes for both is less
costs() {
  local before after
  mount_shared "user_memory=2000000,user_names=$2"
  # What the daemon and its libraries take once, with the first requests of the user, is no cost of a lock.
  for _ in {1..100}; do
    as_user nobody sh -c 'set -C; : >"$0" && rm "$0"' "$S/first"
  done
  before=$(resident)
  py "$S" "$1" <<'PY'
shared, what = sys.argv[1:]

def by_one(number):
    return outcome(lambda: os.close(os.open("%s/lock%d" % (shared, number), os.O_CREAT | os.O_EXCL)))

def by_another(number):
    """Each lock by a session of its own, of which the daemon keeps who it is."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os._exit(by_one(number) != "OK")
    return "OK" if os.waitpid(child, 0)[1] == 0 else "full"

def directory(number):
    return outcome(os.mkdir, "%s/dir%d" % (shared, number))

def fill_up():
    made = 0
    while globals()[what](made) == "OK":
        made += 1
    check("there are many", made > 2000, True)
as_nobody(fill_up)
PY
  after=$(resident)
  told nobody "2000000 bytes of locks and directories" "No space left on device"
  ! grep -q __asan_init "$LOCKFS" || return 0  # a sanitizer adds to each piece
  ((after - before < $3)) || fail "from $before to $after kB"
}

@test "user_memory bounds the memory that locks of one process take" {
  costs by_one 200 3000
}

@test "user_memory bounds the memory that locks of many processes take" {
  costs by_another 200 3500
}

@test "user_memory bounds the memory that directories take" {
  costs directory 20000 6500
}

@test "a quota of 0 is no limit, and a value that is no number is refused" {
  mount_shared user_memory=0,user_waiters=0,user_streams=0,user_names=0,user_files=0,user_signals=0,user_renewals=0,user_calls=0
  expect OK @nobody open "$S/job" CREAT,EXCL,WRONLY
  expect ETIMEDOUT @daemon open "$S/.with/wait=10ms/job" CREAT,WRONLY
  for option in user_memory user_waiters user_streams user_names user_files user_listings user_signals user_renewals user_calls; do
    run -2 "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$M" -o "$option=many"
    contains "$option=many" "$output"
  done
}
