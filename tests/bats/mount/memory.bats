# The daemon may have no more memory: nobody gets more, and what is held is renewed,
# looked at and released as ever.

load ../lib/helper

setup() {
  setup_dirs
}

teardown() {
  end_background
  end_mounts
}

said_once() {
  is 1 "$(wc -l <"$M.stderr")"
  contains "memory is short: new locks, waiters, open files, views and listings are refused with ENOMEM" "$(<"$M.stderr")"
  : >"$M.stderr"
}

@test "with memory short, locks are renewed and released, what takes more is refused, and the log says so once" {
  need_root  # without limits of a user
  # It reserves far more addresses than it uses.
  [[ $(readelf -W --dyn-syms "$LOCKFS") != *__asan_* ]] || skip "a sanitizer is in the way"
  mount_lockfs -o timeout=20s
  mkdir "$M/dir"
  DAEMON=${daemon_of[$M]} py <<'PY'
import resource
daemon = int(os.environ["DAEMON"])
MORE = 4 << 20
LEASE = 2
FILES = 20000

def take(name):
    return os.open(M + "/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)

def answer(function, *args):
    """Closes what it opened."""
    return outcome(lambda: os.close(function(*args)))

def size():
    with open("/proc/%d/status" % daemon) as status:
        return [int(line.split()[1]) << 10 for line in status if line.startswith("VmSize:")][0]

def until(function):
    while not function():
        time.sleep(0.01)

resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
held = [take(".with/hold,ttl=%ds/held%d" % (LEASE, number)) for number in range(50)]
names = ["name%d" % number for number in range(50)]
for name in names:
    os.close(take(name))
resource.prlimit(daemon, resource.RLIMIT_AS, (size() + MORE, resource.RLIM_INFINITY))

# Whatever is small enough for what is left. In memory locks take it, elsewhere open files do.
more, handles = [], []
for length in (200, 50, 10):
    failed = 0
    while failed < 50:
        name = ("%dof%d" % (len(more), length)).ljust(length, "x")
        said = answer(take, name)
        if said == "OK":
            more.append(name)
        else:
            check("a creation", said, "ENOMEM")
            failed += 1
        try:
            handles.append(os.open(M + "/" + names[0], os.O_RDONLY))
        except OSError as error:
            check("an opening", errno.errorcode[error.errno], "ENOMEM")
            failed += 1

def refused():
    check("creation", answer(take, "another"), "ENOMEM")
    check("making a directory", outcome(os.mkdir, M + "/dir/other"), "ENOMEM")
    check("a view", outcome(os.stat, M + "/.with/ttl=17s"), "ENOMEM")
    check("a listing", outcome(os.listdir, M + "/dir"), "ENOMEM")
    check("events", answer(os.open, M + "/.events", os.O_RDONLY), "ENOMEM")

refused()
began = time.monotonic()
while time.monotonic() < began + 1.5 * LEASE:
    for name in names + more[:100]:
        check("a look", outcome(lambda: os.stat(M + "/" + name).st_uid), 0)
for fd in held:
    check("renewed", outcome(os.fsync, fd), "OK")
refused()
for name in names + more[:100]:
    check("release", outcome(os.unlink, M + "/" + name), "OK")
for number, fd in enumerate(held):
    os.close(fd)
    until(lambda: outcome(os.stat, M + "/held%d" % number) == "ENOENT")
for fd in handles:
    os.close(fd)
for name in more[100:]:
    check("release", outcome(os.unlink, M + "/" + name), "OK")
until(lambda: answer(take, "another") == "OK")
check("a directory", outcome(os.mkdir, M + "/dir/other"), "OK")
check("a listing", os.listdir(M + "/dir"), ["other"])
PY
  said_once
}
