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

@test "of 64 sessions that create for writing, one wins in each of 40 rounds and the others get EBUSY" {
  py <<'PY'
from racing import *
contest(40, 64, create(M + "/job", os.O_CREAT | os.O_WRONLY), one_of(64, "OK", "EBUSY", M + "/.with/force/job"))
PY
}

@test "64 processes of one session that create for writing all hold the one lock" {
  py <<'PY'
from racing import *
def judge(number, answers):
    check("round %d" % number, answers, ["OK"] * 64)
    os.unlink(M + "/job")
contest(20, 64, create(M + "/job", os.O_CREAT | os.O_WRONLY), judge, session=False)
PY
}

@test "of processes that create exclusively or for writing, one wins" {
  py <<'PY'
from racing import *
def either():
    flags = os.O_CREAT | os.O_WRONLY | (os.O_EXCL if os.getpid() % 2 else 0)
    os.close(os.open(M + "/job", flags))
def judge(number, answers):
    check("winners in round %d" % number, answers.count("OK"), 1)
    check("others", set(answers) <= {"OK", "EEXIST", "EBUSY"}, True)
    os.unlink(M + "/.with/force/job")
contest(30, 48, either, judge)
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

# opens_while_released SESSION: of processes that open and release one lock, in a SESSION
# each or in one, none is told ESTALE, ENOENT or EEXIST, and who is told OK has it
opens_while_released() {
  py "$1" <<'PY'
from racing import *
own_session = sys.argv[1] == "own"
end = boottime() + 4
reader, writer = os.pipe()
ways = [os.O_CREAT | os.O_WRONLY, os.O_CREAT | os.O_WRONLY | os.O_APPEND, os.O_CREAT | os.O_WRONLY | os.O_TRUNC,
        os.O_CREAT | os.O_RDWR | os.O_TRUNC]
def child():
    if own_session:
        os.setsid()
    answers = {}
    turns = 0
    # On a slow machine for longer.
    while boottime() < end or turns < 500:
        turns += 1
        try:
            fd = os.open(M + "/job", ways[turns % len(ways)])
        except OSError as error:
            answer = ERRNO_NAMES[error.errno]
        else:
            answer = "OK"
            if own_session:
                # Inside: an ordinary file beside the lock says whether anybody else is.
                answer += " " + outcome(os.mkdir, T + "/inside")
                os.rmdir(T + "/inside")
            os.close(fd)
            outcome(os.unlink, M + "/job")
        answers[answer] = answers.get(answer, 0) + 1
    os.write(writer, ("%r\n" % answers).encode())
children = [start(child) for _ in range(4)]
os.close(writer)
wait_for(children)
told = {}
for line in os.fdopen(reader):
    for answer, count in eval(line).items():
        told[answer] = told.get(answer, 0) + count
won = "OK OK" if own_session else "OK"
if not set(told) <= {won, "EBUSY"} or told.get(won, 0) < 100:
    sys.exit("%r" % told)
PY
}

@test "opening for writing while other sessions release the lock gives the lock or a no" {
  opens_while_released own
}

@test "opening for writing while others of the session release the lock gives the lock or a no" {
  opens_while_released same
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
