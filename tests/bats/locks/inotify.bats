# Who watches a lock file by inotify(7) is told when the lock ends, in whatever way.

load ../lib/helper

# watched NAME END: takes the lock by take(), then END() ends it; the watch has to tell so.
watched() {
  cat <<'PY'
def watched(end, path="/job", take=lambda: os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))):
    take()
    watch = Inotify()
    watch.add(M + path)
    check("nothing yet", watch.wait(0), [])
    end()
    check("told", watch.wait(5000), ["DELETE_SELF", "IGNORED"])
    watch.close()
PY
}

@test "a watch is notified when the lock is removed by the watched path or another" {
  { watched; cat; } <<'EOF' | py
watched(lambda: os.unlink(M + "/job"))
watched(lambda: os.unlink(M + "/.with/ttl=5s/job"))
watched(lambda: os.unlink(M + "/.with/force/job"))
watched(lambda: os.unlink(M + "/job"), path="/.with/ttl=5s/job")
watched(lambda: os.unlink(M + "/.with/force/job"), path="/.with/ttl=5s/job")
EOF
}

@test "a watch is notified when another session forces the release" {
  { watched; cat; } <<'EOF' | py
watched(lambda: in_child(lambda: os.unlink(M + "/.with/force/job"), session=True))
EOF
}

@test "a watch is notified at the end of the lease, also if that was made longer or shorter" {
  { watched; cat; } <<'EOF' | py
def take(ttl):
    return lambda: os.close(os.open(M + "/.with/ttl=%s/job" % ttl, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
def refresh(ttl):
    answer = outcome(os.utime, M + "/.with/ttl=%s/job" % ttl)
    if not is_late(answer, "ENOENT"):
        check("refresh", answer, "OK")
watched(lambda: None, take=take("2s"))
watched(lambda: refresh("2500ms"), take=take("2s"))
watched(lambda: refresh("100ms"), take=take("1m"))
EOF
}

@test "a watch is notified when a lock taken by flock is unlocked" {
  { watched; cat; } <<'EOF' | py
def take():
    global fd
    fd = os.open(M + "/job", os.O_CREAT | os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
watched(lambda: fcntl.flock(fd, fcntl.LOCK_UN), take=take)
watched(lambda: os.close(fd), take=take)
EOF
}

@test "watches in a directory are notified, also many at once and of a name that was used before" {
  mkdir "$M/dir" "$M/dir/deep"
  py <<'EOF'
names = [M + "/dir/deep/job-%d" % i for i in range(200)]
watch = Inotify()
for name in names:
    os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    watch.add(name)
for name in names:
    os.unlink(name.replace("/dir/", "/.with/force/dir/"))
told = []
while len(told) < 2 * len(names):
    more = watch.wait(5000)
    if not more:
        break
    told += more
check("told", (told.count("DELETE_SELF"), told.count("IGNORED")), (len(names), len(names)))
EOF
}

@test "a watch is of one holding: the next one's end is not told" {
  { watched; cat; } <<'EOF' | py
watched(lambda: os.unlink(M + "/.with/force/job"))
os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
watch = Inotify()
watch.add(M + "/job")
os.utime(M + "/job")
check("not by a refresh", [word for word in watch.wait(100) if "DELETE" in word], [])
os.unlink(M + "/.with/force/job")
check("told", [word for word in watch.wait(5000) if word != "ATTRIB"], ["DELETE_SELF", "IGNORED"])
EOF
}

@test "telling holds up nobody, while files come and go in the same directory" {
  py <<'EOF'
import threading
begin = boottime()
def work(number):
    for i in range(150):
        path = M + "/job-%d" % number
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.stat(M + "/.with/ttl=5s/job-%d" % number)
        os.unlink(M + "/.with/ttl=5s/job-%d" % number)
children = []
for number in range(4):
    pid = os.fork()
    if pid == 0:
        work(number)
        os._exit(0)
    children.append(pid)
check("workers", [os.waitpid(pid, 0)[1] for pid in children], [0] * 4)
EOF
}

@test "the daemon ends while it has much to tell" {
  py <<'EOF'
for i in range(300):
    take_brief(M + "/.with/ttl=400ms/job-%d" % i)
    os.path.exists(M + "/job-%d" % i)  # the kernel knows it then, unless it has ended
while os.listdir(M):
    pass
EOF
  kill -TERM "${daemon_of[$M]}"
  daemon_ended "$M"
  is 0 "$daemon_status"
}

@test "a watch is told of the end also while the descriptor that acquired is open, whoever looks meanwhile" {
  py <<'PY'
for view in ("", ".with/ttl=1h/"):
    path = M + "/" + view + "job"
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR)
    def watch(end):
        inotify = Inotify()
        inotify.add(path)
        os.stat(path)
        os.write(ready, b".")
        return " ".join(inotify.wait(10000))
    for end in (lambda: os.unlink(path), lambda: os.unlink(M + "/.with/force/job")):
        if outcome(os.stat, path) == "ENOENT":
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR)
        gate, ready = os.pipe()
        watcher, answer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.write(answer, watch(end).encode())
            os._exit(0)
        os.read(gate, 1)
        # Each of the holder's looks would take the watched file out of the kernel's sight.
        for _ in range(3):
            check("state", attribute(path, "state"), "ACQUIRED")
            os.utime(fd)
        end()
        check("told", os.read(watcher, 100), b"DELETE_SELF IGNORED")
        os.waitpid(pid, 0)
        os.close(fd)
PY
}
