# Many at once: one winner, always.

load ../lib/helper

@test "of 64 sessions that create exclusively, one wins in each of 40 rounds" {
  py <<'PY'
from racing import *
contest(40, 64, create(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY), one_of(64, "OK", "EEXIST", M + "/.with/force/job"))
PY
}

@test "of 64 processes of one session that create exclusively, one wins in each of 40 rounds" {
  py <<'PY'
from racing import *
contest(40, 64, create(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY), one_of(64, "OK", "EEXIST", M + "/.with/force/job"), session=False)
PY
}

@test "64 sessions that open a free lock for writing all get a handle, and nobody holds it" {
  py <<'PY'
from racing import *
def judge(number, answers):
    check("round %d" % number, answers, ["OK"] * 64)
    check("stat", outcome(os.stat, M + "/job"), "ENOENT")
contest(20, 64, create(M + "/job", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), judge)
PY
}

@test "of 64 ids that create for writing, one wins in each of 40 rounds and the others get EBUSY" {
  py <<'PY'
from racing import *
def attempt():
    os.close(os.open(M + "/.with/id=process-%d/job" % os.getpid(), os.O_CREAT | os.O_WRONLY))
contest(40, 64, attempt, one_of(64, "OK", "EBUSY", M + "/.with/force/job"))
PY
}

@test "64 processes of one id that create for writing all hold the one lock" {
  py <<'PY'
from racing import *
def judge(number, answers):
    check("round %d" % number, answers, ["OK"] * 64)
    check("owner", attribute(M + "/job", "owner"), "alice")
    os.unlink(M + "/.with/id=alice/job")
contest(20, 64, create(M + "/.with/id=alice/job", os.O_CREAT | os.O_WRONLY), judge)
PY
}

@test "of processes that create exclusively, or for writing in a view with id=, one wins, and opens in the plain tree get handles" {
  py <<'PY'
from racing import *
def attempt():
    which = os.getpid() % 3
    if which == 0:
        os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    elif which == 1:
        os.close(os.open(M + "/.with/id=process-%d/job" % os.getpid(), os.O_CREAT | os.O_WRONLY))
    else:
        fd = os.open(M + "/job", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        written = outcome(os.write, fd, b"x")
        os.close(fd)
        return "handle " + str(written)
def judge(number, answers):
    check("winners in round %d" % number, answers.count("OK"), 1)
    others = set(answers) - {"OK"}
    if not others <= {"EEXIST", "EBUSY", "handle ENOLCK", "handle EBUSY"}:
        sys.exit("%r" % others)
    check("content", do_read(M + "/job"), "")
    os.unlink(M + "/.with/force/job")
contest(30, 48, attempt, judge)
PY
}

@test "of 64 shells of all kinds with set -C, one wins in each round" {
  for round in 1 2 3; do
    rm -f "$T"/won.*
    pids=()
    for number in $(seq 64); do
      case $((number % 3)) in
        0) shell=(bash) ;;
        1) shell=(dash) ;;
        2) shell=(busybox sh) ;;
      esac
      # shellcheck disable=SC2016  # the other shell expands it
      setsid "${shell[@]}" -c 'set -C; (: >"$0") 2>/dev/null && : >"$1"' "$M/job" "$T/won.$number" 3>&- &
      pids+=($!)
    done
    wait "${pids[@]}" || true
    is 1 "$(find "$T" -name 'won.*' | wc -l)"
    rm "$M/.with/force/job"
  done
}

@test "of 32 that release one lock, one is told that it did" {
  py <<'PY'
from racing import *
take = create(M + "/job", os.O_CREAT | os.O_EXCL)
take()
def judge(number, answers):
    check("round %d" % number, answers, sorted(["OK"] + ["ENOENT"] * 31))
    take()
contest(30, 32, lambda: os.unlink(M + "/job"), judge, session=False)
PY
}

@test "in a storm of acquire and release there are never two holders, nor a token twice" {
  py <<'PY'
from racing import *
end = boottime() + 3
log = os.open(T + "/log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
def child():
    os.setsid()
    # On a slow machine for longer: 100 rounds are fewer bytes.
    while boottime() < end or os.fstat(log).st_size < 100 * 32:
        try:
            fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            continue
        # Inside: an ordinary file beside the lock says whether anybody else is.
        inside = outcome(os.mkdir, T + "/inside")
        token = attribute(fd, "token")
        os.rmdir(T + "/inside")
        os.close(fd)
        released = outcome(os.unlink, M + "/job")
        os.write(log, ("%s %s %s\n" % (token, inside, released)).encode())
children = [start(child) for _ in range(16)]
wait_for(children)
lines = [line.split() for line in open(T + "/log")]
check("alone inside, and released", {tuple(line[1:]) for line in lines}, {("OK", "OK")})
check("tokens", len({line[0] for line in lines}), len(lines))
if len(lines) < 100:
    sys.exit("only %d rounds" % len(lines))
PY
}

@test "in a storm with leases that end, a later holder has a larger token" {
  py <<'PY'
from racing import *
end = boottime() + 2
log = os.open(T + "/log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
def child():
    os.setsid()
    # On a slow machine for longer: 50 rounds are fewer bytes.
    while boottime() < end or os.fstat(log).st_size < 50 * 64:
        asked = boottime()
        try:
            fd = os.open(M + "/.with/ttl=3ms/job", os.O_CREAT | os.O_EXCL | os.O_RDONLY)
        except (FileExistsError, TimeoutError):
            continue  # held, or granted by a server whose answer took longer than the lease
        answered = boottime()
        try:
            token = attribute(fd, "token")
        except OSError:
            token = None  # ended before it could be asked
        os.close(fd)
        if token:
            os.write(log, ("%s %.6f %.6f\n" % (token, asked, answered)).encode())
children = [start(child) for _ in range(12)]
wait_for(children)
rounds = sorted((int(token), float(asked), float(answered)) for token, asked, answered in
                (line.split() for line in open(T + "/log")))
check("tokens", len({token for token, _, _ in rounds}), len(rounds))
for before, after in zip(rounds, rounds[1:]):
    # The later one can have been granted only once the lease of the earlier had passed.
    if after[2] < before[1] + 0.003:
        sys.exit("two holders: %r, %r" % (before, after))
if len(rounds) < 50:
    sys.exit("only %d rounds" % len(rounds))
PY
}

@test "attributes, listings and refreshes during a storm never fail oddly" {
  py <<'PY'
from racing import *
end = boottime() + 2
reader, writer = os.pipe()
def storm():
    os.setsid()
    while boottime() < end:
        for name in ("a", "b", "c"):
            outcome(lambda: os.close(os.open(M + "/" + name, os.O_CREAT | os.O_EXCL)))
            outcome(os.unlink, M + "/" + name)
def look():
    while boottime() < end:
        for name in ("a", "b", "c"):
            path = M + "/" + name
            for what, call, good in (("state", lambda: attribute(path, "state"), {"ACQUIRED", "UNAVAILABLE", "ENOENT", "EXPIRED"}),
                                     ("utime", lambda: os.utime(path), {"EPERM", "ENOENT"}),
                                     ("read", lambda: do_read(path), {"", "ENOENT", "ESTALE"}),
                                     ("list", lambda: do_list(M), {" ".join(s) for s in ([], "a", "b", "c", "ab", "ac", "bc", "abc")})):
                got = outcome(call)
                if got not in good:
                    os.write(writer, ("%s %s: %r\n" % (what, name, got)).encode())
                    return
children = [start(function) for function in (storm, storm, storm, look, look)]
os.close(writer)
wait_for(children)
check("oddities", os.read(reader, 1000), b"")
PY
}

# opens_while_released own|same: of processes that open for writing and release one lock in a view with id=,
# with an id each or the same, none is told ESTALE, ENOENT or EEXIST, and who is told OK has it
opens_while_released() {
  py "$1" <<'PY'
from racing import *
own_id = sys.argv[1] == "own"
end = boottime() + 4
reader, writer = os.pipe()
ways = [os.O_CREAT | os.O_WRONLY, os.O_CREAT | os.O_WRONLY | os.O_APPEND, os.O_CREAT | os.O_WRONLY | os.O_TRUNC,
        os.O_CREAT | os.O_RDWR | os.O_TRUNC]
def child():
    path = M + "/.with/id=process-%d/job" % (os.getpid() if own_id else 0)
    answers = {}
    turns = 0
    # On a slow machine for longer.
    while boottime() < end or turns < 500:
        turns += 1
        try:
            fd = os.open(path, ways[turns % len(ways)])
        except OSError as error:
            answer = ERRNO_NAMES[error.errno]
        else:
            answer = "OK"
            if own_id:
                # Inside: an ordinary file beside the lock says whether anybody else is.
                answer += " " + outcome(os.mkdir, T + "/inside")
                os.rmdir(T + "/inside")
            os.close(fd)
            outcome(os.unlink, path)
        answers[answer] = answers.get(answer, 0) + 1
    os.write(writer, ("%r\n" % answers).encode())
children = [start(child) for _ in range(4)]
os.close(writer)
wait_for(children)
told = {}
for line in os.fdopen(reader):
    for answer, count in eval(line).items():
        told[answer] = told.get(answer, 0) + count
won = "OK OK" if own_id else "OK"
if not set(told) <= {won, "EBUSY"} or told.get(won, 0) < 100:
    sys.exit("%r" % told)
PY
}

@test "in a view with id= opening for writing while other ids release the lock gives the lock or a no" {
  opens_while_released own
}

@test "in a view with id= opening for writing while others of the id release the lock gives the lock or a no" {
  opens_while_released same
}

# handles_while_released own|same: processes open one lock in each mode while others take and release it, all in a
# session each or in one. No open fails, but with ENOENT without O_CREAT; and what is told of writes is true.
handles_while_released() {
  py "$1" <<'PY'
from racing import *
own_session = sys.argv[1] == "own"
end = boottime() + 4
log = os.open(T + "/log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
modes = [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_TRUNC, os.O_WRONLY | os.O_APPEND,
         os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK]
def tell(answers):
    for answer in answers:
        os.write(log, (answer + "\n").encode())
def storm():
    if own_session:
        os.setsid()
    rounds = 0
    # On a slow machine for longer.
    while boottime() < end or rounds < 50:
        try:
            fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_RDWR)
        except FileExistsError:
            continue
        if own_session:
            check("written", outcome(os.write, fd, b"words"), 5)
            check("read", os.pread(fd, 100, 0), b"words")
        os.unlink(M + "/job")
        os.close(fd)
        rounds += 1
def open_all():
    if own_session:
        os.setsid()
    answers = set()
    rounds = 0
    while boottime() < end or rounds < 50:
        for mode in modes:
            for create in (0, os.O_CREAT):
                try:
                    fd = os.open(M + "/job", mode | create)
                except OSError as error:
                    answers.add("open %s: %s" % ("O_CREAT" if create else "", ERRNO_NAMES[error.errno]))
                    continue
                if mode != os.O_RDONLY:
                    answers.add("write: %s" % outcome(os.write, fd, b"mine"))
                if mode & os.O_ACCMODE != os.O_WRONLY:
                    answers.add("read: %s" % outcome(os.pread, fd, 100, 0))
                os.close(fd)
        rounds += 1
    tell(answers)
children = [start(function) for function in (storm, storm, open_all, open_all)]
wait_for(children)
told = set(open(T + "/log").read().splitlines())
if own_session:
    good = {"open : ENOENT", "write: ENOLCK", "write: EBUSY", "read: b''", "read: b'words'"}
else:
    # Who opened the holding of the session is told of its end.
    good = {"open : ENOENT", "write: ENOLCK", "write: 4", "write: ESTALE", "read: ESTALE", "read: b''"}
    # A holding can be written to several times: by two processes, and by those that append.
    told = {answer for answer in told if answer != "read: b'%s'" % ("mine" * answer.count("mine"))} | {"read: b''"}
if not told <= good:
    sys.exit("%r" % (told - good))
check("opened, and refused without O_CREAT", {"open : ENOENT", "write: ENOLCK"} <= told, True)
PY
}

@test "an open in any mode while other sessions take and release the lock gives a handle" {
  handles_while_released own
}

@test "an open in any mode while the own session takes and releases the lock gives a handle or the holding" {
  handles_while_released same
}

@test "setting times by path while others release the lock never answers ESTALE" {
  py <<'PY'
from racing import *
end = boottime() + 3
reader, writer = os.pipe()
def storm():
    while boottime() < end:
        # The next opens before this one closes, so that the file is open whenever its lock ends.
        fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.unlink(M + "/job")
        os.close(fd)
def set_times():
    while boottime() < end:
        for call in (lambda: os.utime(M + "/job"), lambda: os.setxattr(M + "/job", "user.lock.ttl", b"1h"),
                     lambda: os.truncate(M + "/job", 0), lambda: os.getxattr(M + "/job", "user.lock.owner"),
                     lambda: os.listxattr(M + "/job"), lambda: os.stat(M + "/job"),
                     lambda: os.access(M + "/job", os.W_OK)):
            answer = outcome(call)
            if answer in ("ESTALE", "EIO"):
                os.write(writer, answer.encode())
children = [start(function) for function in (storm, set_times, set_times, set_times)]
os.close(writer)
wait_for(children)
check("told", os.read(reader, 1000), b"")
PY
}
