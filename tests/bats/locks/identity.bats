# Who is told apart from whom: sessions, processes, users, whole mounts.

load ../lib/helper

identity() {
  getfattr --absolute-names --only-values -n user.lock.identity "${1:-$M}"
}

# Sessions, the default

@test "a session is one holder: subshells, pipelines, background jobs, timeout, xargs, nested shells" {
  take "$M/job"
  is ACQUIRED "$( (state "$M/job") )"
  is ACQUIRED "$(state "$M/job" | cat)"
  is ACQUIRED "$(timeout 10 getfattr --absolute-names --only-values -n user.lock.state "$M/job")"
  is ACQUIRED "$(echo "$M/job" | xargs getfattr --absolute-names --only-values -n user.lock.state)"
  is ACQUIRED "$(sh -c 'bash -c "getfattr --absolute-names --only-values -n user.lock.state \"\$0\"" "$0"' "$M/job")"
  state "$M/job" >"$T/answer" &
  wait $!
  is ACQUIRED "$(cat "$T/answer")"
  timeout 10 touch "$M/job"
  (sh -c 'rm "$0"' "$M/job" | cat) &
  wait $!
  gone "$M/job"
}

@test "what a background job takes, the session releases" {
  (set -C; : >"$M/job") &
  wait $!
  is ACQUIRED "$(state "$M/job")"
  rm "$M/job"
}

@test "what timeout and a pipeline take, the session releases" {
  timeout 10 bash -c 'set -C; : >"$0"' "$M/a"
  echo words | (set -C; cat >"$M/b")
  echo more words | tee -a "$M/b" >"$T/out"
  is $'words\nmore words' "$(cat "$M/b")"
  rm "$M/a" "$M/b"
}

@test "two sessions of one user exclude each other; the loser's rm, touch and > change nothing" {
  take_with mine "$M/job"
  before=$(snapshot "$M/job")
  expect UNAVAILABLE @session getxattr "$M/job" user.lock.state
  expect EEXIST @session open "$M/job" CREAT,EXCL,WRONLY
  expect OK @session open "$M/job" CREAT,WRONLY,TRUNC
  expect EBUSY @session open "$M/.with/hold/job" CREAT,WRONLY,TRUNC
  expect EBUSY @session write "$M/job" theirs
  expect EPERM @session unlink "$M/job"
  expect EPERM @session utime "$M/job"
  expect EPERM @session setxattr "$M/job" user.lock.ttl 1h
  expect EBUSY @session truncate "$M/job" 0
  for command in 'rm -f "$0"' 'touch "$0"' 'echo x >"$0"' 'echo x >>"$0"' '(set -C; : >"$0")'; do
    run session bash -c "$command" "$M/job"
    is 1 "$status"
  done
  session bash -c ': >"$0"' "$M/job"
  unchanged "$before" "$M/job"
}

@test "a lock outlives the session that took it, and each session is another" {
  take_as_other "$M/job"
  expect EPERM @session unlink "$M/job"
  expect EEXIST @session open "$M/job" CREAT,EXCL,WRONLY
  is UNAVAILABLE "$(state "$M/job")"
}

@test "a session goes on when its leader is dead: what it took before is still its own" {
  # The leader takes the lock and ends; its child waits for that and goes on.
  session bash -c '
    set -C; : >"$0/job"
    leader=$$
    (
      while kill -0 $leader 2>/dev/null; do sleep 0.01; done
      getfattr --absolute-names --only-values -n user.lock.state "$0/job"
      touch "$0/job" && : >>"$0/job" && rm "$0/job" && echo " released"
      echo end
    ) >"$1" 2>&1 3>&- &
  ' "$M" "$T/answer"
  wait_until grep -qx end "$T/answer"
  is "ACQUIRED released end" "$(tr '\n' ' ' <"$T/answer" | sed 's/ $//')"
}

@test "a session whose leader was dead before it first came here is one holder too" {
  session bash -c '
    leader=$$
    (
      while kill -0 $leader 2>/dev/null; do sleep 0.01; done
      (set -C; : >"$0/job")
      bash -c "getfattr --absolute-names --only-values -n user.lock.state \"\$0\"" "$0/job"
      bash -c "exec rm \"\$0\"" "$0/job" && echo " released"
      echo end
    ) >"$1" 2>&1 3>&- &
  ' "$M" "$T/answer"
  wait_until grep -qx end "$T/answer"
  is "ACQUIRED released end" "$(tr '\n' ' ' <"$T/answer" | sed 's/ $//')"
}

@test "a grandchild that outlives leader and parent is still the session" {
  py <<'PY'
# leader → parent → child; leader takes the lock, both of them die, child acts.
reader, writer = os.pipe()
leader = os.fork()
if leader == 0:
    os.setsid()
    os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL))
    parent = os.fork()
    if parent == 0:
        if os.fork() == 0:
            while os.getppid() != 1 and outcome(os.kill, os.getsid(0), 0) == "OK":
                time.sleep(0.01)
            while outcome(os.kill, os.getsid(0), 0) == "OK":
                time.sleep(0.01)
            answers = [attribute(M + "/job", "state"), outcome(os.utime, M + "/job"), outcome(os.unlink, M + "/job")]
            os.write(writer, " ".join(answers).encode())
        os._exit(0)
    os.waitpid(parent, 0)
    os._exit(0)
os.waitpid(leader, 0)
os.close(writer)
check("answers", os.read(reader, 1000), b"ACQUIRED OK OK")
PY
}

# Numbers of processes come again. clone3(2) can ask for one, so a new process
# with the number of a dead one can be made here.
reuse_of_numbers() {
  cat <<'PY'
import ctypes
libc = ctypes.CDLL(None, use_errno=True)

def fork_as(number):
    """fork(2) with a chosen process id."""
    wanted = (ctypes.c_int * 1)(number)
    arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1, 0)
    pid = libc.syscall(435, ctypes.byref(arguments), ctypes.sizeof(arguments))
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    return pid

def free(number):
    return not os.path.exists("/proc/%d" % number) and outcome(os.killpg, number, 0) == "ESRCH"

def run(function, number=None):
    """Runs function in a new session, in a process of that number if given; its number and what it wrote."""
    time.sleep(0.03)  # the start of a process is known to 10 ms; no number comes again within that
    reader, writer = os.pipe()
    pid = os.fork() if number is None else fork_as(number)
    if pid == 0:
        try:
            os.setsid()
            answer = str(function())
        except BaseException as error:
            answer = repr(error)
        os.write(writer, answer.encode() + b"\n")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = stream.readline().rstrip("\n")
    os.waitpid(pid, 0)
    return pid, answer

def take():
    os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL))
    return "taken"

def take_without_leader():
    """The leader dies first; its child, in the same session, takes the lock and dies."""
    leader = os.getpid()
    if os.fork() == 0:
        while os.getppid() == leader:
            time.sleep(0.005)
        # as a zombie it still has its number: wait until it is gone for good
        while os.path.exists("/proc/%d" % leader):
            time.sleep(0.005)
        take()
        os._exit(0)
    return "taken"

def try_all():
    return [attribute(M + "/job", "state"), outcome(os.unlink, M + "/job"), outcome(os.utime, M + "/job"),
            outcome(do_write, M + "/job", "words")]

STRANGER = "['UNAVAILABLE', 'EPERM', 'EPERM', 'EBUSY']"
PY
}

@test "a new session with the number of a dead one is another holder" {
  need_root
  { reuse_of_numbers; cat <<'PY'; } | py
number, answer = run(take)
check("first", answer, "taken")
check("the next of that number", run(try_all, number), (number, STRANGER))
PY
}

@test "a new session with the number of one that lost its leader is another holder" {
  need_root
  { reuse_of_numbers; cat <<'PY'; } | py
number, answer = run(take_without_leader)
while outcome(os.stat, M + "/job") == "ENOENT" or not free(number):
    time.sleep(0.005)
check("the next of that number", run(try_all, number), (number, STRANGER))
PY
}

@test "with owner=process a new process with the number of a dead one is another holder" {
  need_root
  mount_lockfs -o owner=process "$T/process"
  { reuse_of_numbers; cat <<'PY'; } | py
M = T + "/process"
number, answer = run(take)
check("first", answer, "taken")
check("the next of that number", run(try_all, number), (number, STRANGER))
PY
}

# Has each process a number of its own that no other gets until the next boot?
need_pidfs() {
  py <<<'sys.exit(0 if os.fstat(os.pidfd_open(1)).st_ino != os.fstat(os.pidfd_open(os.getpid())).st_ino else 1)' ||
    skip "needs Linux 6.9"
}

# 200 times, without the pause after which a number comes again elsewhere.
reuse_within_a_tick() {
  cat <<'PY'
time.sleep = lambda seconds: None
again = 0
for _ in range(200):
    number, answer = run(take)
    check("first", answer, "taken")
    try:
        got = run(try_all, number)
    except OSError as error:  # somebody else on this machine was given the number
        check("fork", error.errno, errno.EEXIST)
    else:
        check("the next of that number", got, (number, STRANGER))
        again += 1
    os.unlink(M + "/.with/force/job")
check("most numbers came again", again > 150, True)
PY
}

@test "a process is another holder also if it has the number of one that ended within the same clock tick" {
  need_root
  need_pidfs
  mount_lockfs -o owner=process "$T/process"
  { echo 'M = T + "/process"'; reuse_of_numbers; reuse_within_a_tick; } | py
}

@test "a session is another holder also if it has the number of one that ended within the same clock tick" {
  need_root
  need_pidfs
  { reuse_of_numbers; reuse_within_a_tick; } | py
}

@test "each new process of a session without its leader costs no look at all processes" {
  need_root
  write_script "$T/script.py" <<'PY'
# The daemon and this script have a /proc that nobody else opens.
import subprocess
place = T + "/apart"
os.mkdir(place)
daemon = subprocess.Popen([os.environ["LOCKFS"], os.environ["LOCKFS_TEST_SOURCE"], place, "-f", "-o", "namespace=" + str(os.getpid())])
while not os.path.ismount(place):
    time.sleep(0.01)
reader, writer = os.pipe()
leader = os.fork()
if leader == 0:
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    while outcome(os.kill, os.getsid(0), 0) == "OK":
        time.sleep(0.01)
    first = attribute(place, "identity")
    watch = Inotify()
    watch.add("/proc", 0x20)
    answers, looks = set(), 0
    for _ in range(50):
        time.sleep(0.02)  # starts of processes are known to 10 ms: each of these is later than all that was seen
        answers.add(in_child(lambda: attribute(place, "identity")))
        looks += "OPEN" in watch.wait(0)  # equal events that wait to be read are one
    os.write(writer, repr((answers == {first}, looks)).encode())
    os._exit(0)
os.waitpid(leader, 0)
os.close(writer)
answer = os.read(reader, 1000).decode()
subprocess.run(["umount", place], check=True)
check("the daemon", daemon.wait(), 0)
same, looks = eval(answer)
check("all are one session", same, True)
check("looks at all processes: %d" % looks, looks <= 2, True)
PY
  # shellcheck disable=SC2016  # the other shell expands it
  unshare -m --propagation private sh -c 'mount -t proc proc /proc && exec "$@"' sh "${python[@]}" "$T/script.py"
}

@test "a session is told by its number and start, the same for all in it" {
  mine=$(identity)
  sid=$(ps -o sid= -p $$ | tr -d ' ')
  matches "session:$sid\.[0-9]+@[0-9a-f]+" "$mine"
  is "$mine" "$(bash -c 'getfattr --absolute-names --only-values -n user.lock.identity "$0"' "$M")"
  mkdir "$M/team"
  is "$mine" "$(identity "$M/team")"
  theirs=$(session getfattr --absolute-names --only-values -n user.lock.identity "$M")
  matches "session:[0-9]+\.[0-9]+@[0-9a-f]+" "$theirs"
  [ "$mine" != "$theirs" ]
}

@test "an identity belongs to one mount point, and a restarted daemon knows it again" {
  mine=$(identity)
  mount_lockfs "$T/second"
  second=$(identity "$T/second")
  is "${mine%@*}" "${second%@*}"
  [ "$mine" != "$second" ]
  unmount_lockfs
  mount_lockfs
  is "$mine" "$(identity)"
}

# Processes

@test "with owner=process each process is a holder of its own" {
  mount_lockfs -o owner=process "$T/process"
  py <<'PY'
M = T + "/process"
os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL))
check("itself", attribute(M + "/job", "state"), "ACQUIRED")
before = snapshot(M + "/job")
check("a child's state", in_child(lambda: attribute(M + "/job", "state")), "UNAVAILABLE")
check("a child's unlink", in_child(lambda: os.unlink(M + "/job")), "EPERM")
check("a child's utime", in_child(lambda: os.utime(M + "/job")), "EPERM")
check("a child's open", in_child(lambda: do_open(M + "/job", "CREAT,WRONLY,TRUNC")), "OK")
check("a child's write", in_child(lambda: do_write(M + "/job", "words")), "EBUSY")
check("a child's acquiring open", in_child(lambda: do_open(M + "/.with/hold/job", "CREAT,WRONLY")), "EBUSY")
check("a child's creation", in_child(lambda: os.open(M + "/job", os.O_CREAT | os.O_EXCL)), "EEXIST")
check("unchanged", snapshot(M + "/job"), before)
check("itself again", [outcome(os.utime, M + "/job"), outcome(os.unlink, M + "/job")], ["OK", "OK"])
PY
}

@test "with owner=process all threads are that process" {
  mount_lockfs -o owner=process "$T/process"
  py <<'PY'
import threading
M = T + "/process"
answers = []

def in_thread(function):
    thread = threading.Thread(target=lambda: answers.append(outcome(function)))
    thread.start()
    thread.join()

in_thread(lambda: os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL)))
check("the main thread", attribute(M + "/job", "state"), "ACQUIRED")
check("the holder", attribute(M + "/job", "pid"), str(os.getpid()))
in_thread(lambda: attribute(M + "/job", "state"))
in_thread(lambda: os.unlink(M + "/job"))
check("threads", answers, ["OK", "ACQUIRED", "OK"])
PY
}

@test "with owner=process exec keeps the holder" {
  mount_lockfs -o owner=process "$T/process"
  bash -c 'set -C; : >"$0"; exec rm "$0"' "$T/process/job"
  gone "$T/process/job"
}

@test "with owner=process a process is told by its number and start" {
  mount_lockfs -o owner=process "$T/process"
  py <<'PY'
pid = os.getpid()
identity = os.getxattr(T + "/process", "user.lock.identity").decode()
import re
if not re.fullmatch(r"process:%d\.[0-9]+@[0-9a-f]+" % pid, identity):
    sys.exit(identity)
PY
}

# Users

@test "with owner=user all sessions of one user are one holder" {
  mount_lockfs -o owner=user "$T/user"
  take_as_other "$T/user/job"
  is ACQUIRED "$(state "$T/user/job")"
  touch "$T/user/job"
  session touch "$T/user/job"
  rm "$T/user/job"
  matches "user:$(id -u)@[0-9a-f]+" "$(identity "$T/user")"
}

@test "with owner=user another user is another holder" {
  need_root
  mount_lockfs -o owner=user,allow_other "$T/user"
  take_as nobody "$T/user/job"
  is UNAVAILABLE "$(state "$T/user/job")"
  before=$(snapshot "$T/user/job")
  expect EPERM unlink "$T/user/job"
  expect EPERM utime "$T/user/job"
  expect OK open "$T/user/job" CREAT,WRONLY,TRUNC
  expect EBUSY write "$T/user/job" words
  expect EBUSY open "$T/user/.with/hold/job" CREAT,WRONLY
  expect EEXIST open "$T/user/job" CREAT,EXCL,WRONLY
  unchanged "$before" "$T/user/job"
  expect ACQUIRED @nobody getxattr "$T/user/job" user.lock.state
  matches "user:$(id -u nobody)@[0-9a-f]+" "$(call @nobody getxattr "$T/user" user.lock.identity)"
  expect OK @nobody unlink "$T/user/job"
}

# Mounts

@test "with owner=mount all who come through the mount are one holder" {
  mount_lockfs -o owner=mount "$T/all"
  take_as_other "$T/all/job"
  is ACQUIRED "$(state "$T/all/job")"
  session touch "$T/all/job"
  rm "$T/all/job"
  matches "mount@[0-9a-f]+" "$(identity "$T/all")"
}

@test "with owner=mount another user is the holder too, within the permissions of files" {
  need_root
  mount_lockfs -o owner=mount,allow_other "$T/all"
  take_as nobody "$T/all/job"
  is ACQUIRED "$(state "$T/all/job")"
  rm "$T/all/job"
  take "$T/all/roots"
  expect ACQUIRED @nobody getxattr "$T/all/roots" user.lock.state
  expect EPERM @nobody unlink "$T/all/roots"
}

# One id for the whole mount

@test "with id= the whole mount is that holder" {
  mount_lockfs -o id=alice "$T/alice"
  take_as_other "$T/alice/job"
  is ACQUIRED "$(state "$T/alice/job")"
  is alice "$(lock "$T/alice/job" id)"
  is alice "$(lock "$T/alice/job" owner)"
  matches "id:alice.*" "$(identity "$T/alice")"
  session rm "$T/alice/job"
}

@test "with id= another id can be given by a view" {
  mount_lockfs -o id=alice "$T/alice"
  : >"$T/alice/.with/id=bob/job"
  is UNAVAILABLE "$(state "$T/alice/job")"
  expect EPERM unlink "$T/alice/job"
  rm "$T/alice/.with/id=bob/job"
}

# Other users

@test "another user may look, but neither take, refresh, release nor write" {
  need_root
  mount_lockfs -o allow_other "$T/shared"
  take_with words "$T/shared/job"
  before=$(snapshot "$T/shared/job")
  expect UNAVAILABLE @nobody getxattr "$T/shared/job" user.lock.state
  expect words @nobody read "$T/shared/job"
  expect EEXIST @nobody open "$T/shared/job" CREAT,EXCL,WRONLY
  expect OK @nobody open "$T/shared/job" CREAT,WRONLY,TRUNC
  expect EBUSY @nobody write "$T/shared/job" theirs
  expect EBUSY @nobody open "$T/shared/.with/hold/job" CREAT,WRONLY
  # The mode 0644 is asked first, as on a local disk.
  expect EACCES @nobody utime "$T/shared/job"
  expect EPERM @nobody utime "$T/shared/job" 1000000000
  expect EACCES @nobody setxattr "$T/shared/job" user.lock.ttl 1h
  expect EACCES @nobody truncate "$T/shared/job" 0
  expect EPERM @nobody unlink "$T/shared/job"
  unchanged "$before" "$T/shared/job"
}

@test "another user's lock is theirs by uid, gid and name" {
  need_root
  mount_lockfs -o allow_other "$T/shared"
  take_as nobody "$T/shared/job"
  is "$(id -u nobody) $(id -g nobody)" "$(stat -c '%u %g' "$T/shared/job")"
  is "$(id -u nobody)" "$(lock "$T/shared/job" uid)"
  matches "nobody@$(uname -n):[0-9]+ .+" "$(lock "$T/shared/job" owner)"
  is UNAVAILABLE "$(state "$T/shared/job")"
  expect EPERM unlink "$T/shared/job"
}

@test "sudo within a session is that session" {
  need_root
  command -v sudo >/dev/null || skip "no sudo"
  mount_lockfs -o allow_other "$T/shared"
  sudo -n -u nobody sh -c 'ps -o sid= -p $$' >"$T/sid" </dev/null
  # A sudo that gives its command a terminal, and with it a session, is another matter.
  [ "$(tr -d ' ' <"$T/sid")" = "$(ps -o sid= -p $$ | tr -d ' ')" ] || skip "sudo makes a session here"
  sudo -n -u nobody bash -c 'set -C; : >"$0"' "$T/shared/job" </dev/null
  is ACQUIRED "$(state "$T/shared/job")"
  rm "$T/shared/job"
}

# Namespaces of processes

@test "a caller in a pid namespace below the daemon's is told apart by session as ever" {
  need_root
  unshare -p -f --mount-proc bash -c 'set -C; : >"$0"' "$M/job"
  is ACQUIRED "$(state "$M/job")"
  rm "$M/job"
  unshare -p -f --mount-proc setsid -w bash -c 'set -C; : >"$0"' "$M/job"
  is UNAVAILABLE "$(state "$M/job")"
  expect EPERM unlink "$M/job"
}

# A search for leaks reads /proc, which may be of another pid namespace here.
without_leaks=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

# hide_daemon PROC [OPTION]: a daemon in a pid namespace of its own, whose mount, $hidden, is
# passed on to ours. PROC is `own` where it has the /proc of that, and `ours` where not.
hide_daemon() {
  local shared=$T/passed
  need_root
  mkdir "$shared"
  mount --bind "$shared" "$shared"
  mount --make-shared "$shared"
  hidden=$shared/mnt
  mkdir "$hidden"
  # shellcheck disable=SC2016  # the other shell expands it
  ASAN_OPTIONS=$without_leaks unshare -m -p -f --kill-child --propagation unchanged sh -c '
    [ "$3" = ours ] || { mount --make-private /proc && mount -t proc proc /proc; } || exit
    "$0" "$1" "$2" -f -o "allow_other$4"
  ' "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$hidden" "$1" "${2:+,$2}" 2>"$T/hidden.stderr" 3>&- &
  hidden_daemon=$!
  wait_until is_mounted "$hidden"
}

show_daemon() {
  fusermount3 -u "$hidden"
  wait "$hidden_daemon"
  umount "$T/passed"
}

cannot_see="cannot see the processes or sessions of some callers: all of them that are one user's count as one holder\. "
cannot_see+="Run the daemon in their namespace of processes and with its /proc, or have them use \.with/id=ID"

@test "callers that the daemon cannot see are told apart by user, and it says so once in the log and to each of them" {
  for proc in own ours; do
    hide_daemon "$proc"
    answers=$(
      identity "$hidden"
      echo
      take_as_other "$hidden/job" && state "$hidden/job"
      echo
      call @nobody getxattr "$hidden/job" user.lock.state
      call @nobody getxattr "$hidden" user.lock.identity
      rm "$hidden/job" && echo released
    ) 2>&1 || true
    show_daemon
    matches "user:0@[0-9a-f]+ \(process or session not visible\)
ACQUIRED
UNAVAILABLE
user:$(id -u nobody)@[0-9a-f]+ \(process or session not visible\)
released" "$answers"
    matches "lockfs: the daemon of $hidden $cannot_see" "$(<"$T/hidden.stderr")"
    rmdir "$hidden" "$T/passed"
  done
}

@test "a caller that the daemon cannot see, and so could not signal, is refused a lock with signal=" {
  for with in 'own ' 'ours ' 'own owner=user' 'own owner=mount'; do
    hide_daemon "${with%% *}" "${with#* }"
    answers=$(
      for view in hold,signal=TERM hold,signal=TERM,id=me; do
        call open "$hidden/.with/$view/job" CREAT,EXCL,WRONLY
        flock -n "$hidden/.with/$view/job" true 2>&1 | grep -o 'No such process'
        gone "$hidden/job" && echo free
      done
      call open "$hidden/.with/hold,id=me/job" CREAT,EXCL,WRONLY
    ) || true
    show_daemon
    is "ESRCH,No such process,free,ESRCH,No such process,free,OK" "${answers//$'\n'/,}"
    rmdir "$hidden" "$T/passed"
  done
}

@test "callers that the daemon cannot see are told apart as ever where each has an id, and nothing is said" {
  hide_daemon own
  answers=$(
    identity "$hidden/.with/id=me"
    echo
    take_as_other "$hidden/.with/id=me/job" && state "$hidden/.with/id=me/job"
    echo
    state "$hidden/.with/id=other/job"
  ) 2>&1 || true
  show_daemon
  is "id:me
ACQUIRED
UNAVAILABLE" "$answers"
  is "" "$(<"$T/hidden.stderr")"
}

@test "of a group that matters, a caller that the daemon cannot see has what all others have too" {
  in_group() { setpriv --reuid=61003 --regid="$1" --groups=61007 python3 -IS "$BATS_RUN_TMPDIR/calls.py" "${@:2}"; }
  for proc in own ours; do
    hide_daemon "$proc"
    answers=$(
      mkdir "$hidden/by_group" "$hidden/by_others" "$hidden/by_both"
      chgrp 61007 "$hidden"/by_*
      chmod 775 "$hidden/by_group"
      chmod 707 "$hidden/by_others"
      chmod 777 "$hidden/by_both"
      for dir in by_group by_others by_both; do
        in_group 61003 open "$hidden/$dir/job" CREAT,EXCL,WRONLY
      done
      in_group 61007 open "$hidden/by_group/job" CREAT,EXCL,WRONLY
      rm "$hidden"/.with/force/by_*/job
      rmdir "$hidden"/by_*
    ) 2>&1 || true
    show_daemon
    is "EACCES EACCES OK OK" "${answers//$'\n'/ }"
    rmdir "$hidden" "$T/passed"
  done
}

@test "a caller whose session is outside of the daemon's pid namespace is told that it is not visible" {
  need_root
  mkdir "$T/inner"
  # shellcheck disable=SC2016  # the other shell expands it
  run unshare -m -p -f --mount-proc --kill-child sh -c '
    "$0" "$1" "$2" -f 2>"$3" 3>&- &
    until getfattr --absolute-names --only-values -n user.lock.identity "$2" 2>/dev/null; do sleep 0.01; done
    echo
    setsid -w getfattr --absolute-names --only-values -n user.lock.identity "$2"
    fusermount3 -u "$2"
    wait
  ' "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$T/inner" "$T/inner.stderr"
  matches "user:0@[0-9a-f]+ \(process or session not visible\)
session:[0-9]+\.[0-9]+@[0-9a-f]+" "$output"
  matches "lockfs: the daemon of $T/inner $cannot_see" "$(<"$T/inner.stderr")"
}

# The same numbers mean other processes there, so that a new session could be taken for an old one.
@test "a daemon with the /proc of another pid namespace reads nothing of its callers there" {
  need_root
  mkdir "$T/inner"
  # shellcheck disable=SC2016  # the other shell expands it
  ASAN_OPTIONS=$without_leaks run unshare -m -p -f --kill-child sh -c '
    "$0" "$1" "$2" -f 2>"$3" 3>&- &
    until setsid -w getfattr --absolute-names --only-values -n user.lock.identity "$2" 2>/dev/null; do sleep 0.01; done
    fusermount3 -u "$2"
    wait
  ' "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$T/inner" "$T/inner.stderr"
  matches "user:0@[0-9a-f]+ \\(process or session not visible\\)" "$output"
  matches "lockfs: the daemon of $T/inner $cannot_see" "$(<"$T/inner.stderr")"
}

@test "with owner=user and owner=mount nobody has to be seen, and nothing is said" {
  for owner in user mount; do
    mkdir -p "$T/inner"
    # shellcheck disable=SC2016  # the other shell expands it
    run unshare -m -p -f --mount-proc --kill-child sh -c '
      "$0" "$1" "$2" -f -o "owner=$4" 2>"$3" 3>&- &
      until getfattr --absolute-names --only-values -n user.lock.identity "$2" 2>/dev/null; do sleep 0.01; done
      fusermount3 -u "$2"
      wait
    ' "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$T/inner" "$T/inner.stderr" "$owner"
    matches "(user:0|mount)@[0-9a-f]+" "$output"
    is "" "$(<"$T/inner.stderr")"
  done
}

@test "an unknown owner= is refused" {
  mkdir "$T/bad"
  for owner in "" nobody Session sessions; do
    run deadline 10 "$LOCKFS" memory: "$T/bad" -o "owner=$owner"
    [ "$status" != 0 ]
    contains owner "$output"
  done
  not_mounted "$T/bad"
}
