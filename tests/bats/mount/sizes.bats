# Much of everything.

load ../lib/helper

@test "ls lists 100,000 locks in one directory" {
  py <<'PY'
os.mkdir(M + "/many")
os.chdir(M + "/many")
flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
for number in range(100000):
    os.close(os.open("job%d" % number, flags))
PY
  session ls -f "$M/many" | sed '/^\.\.\?$/d' | sort >"$T/listed"
  seq -f 'job%.0f' 0 99999 | sort >"$T/made"
  cmp "$T/made" "$T/listed"
  is 100000 "$(ls "$M/many" | wc -l)"
  is ACQUIRED "$(state "$M/many/job99999")"
  rm "$M/many/job50000"
  is 99999 "$(ls -f "$M/many" | sed '/^\.\.\?$/d' | wc -l)"
}

@test "a listing while locks come and go tells each name that stays once" {
  py <<'PY'
for number in range(3000):
    os.close(os.open("%s/stays%d" % (M, number), os.O_CREAT | os.O_EXCL))
pid = os.fork()
if pid == 0:
    while True:
        for number in range(50):
            os.close(os.open("%s/comes%d" % (M, number), os.O_CREAT | os.O_EXCL))
        for number in range(50):
            os.unlink("%s/comes%d" % (M, number))
for _ in range(20):
    names = os.listdir(M)
    stays = [name for name in names if name.startswith("stays")]
    check("stay", (len(stays), len(set(stays))), (3000, 3000))
    check("twice", len(names), len(set(names)))
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
PY
}

@test "10,000 leases that end at one time leave nothing behind" {
  py <<'PY'
# Time enough to make them all, by what the first thousand took.
began = boottime()
for number in range(1000):
    os.close(os.open("%s/.with/ttl=1h/job%d" % (M, number), os.O_CREAT | os.O_EXCL))
    os.unlink("%s/job%d" % (M, number))
end = last = boottime() + max(4, 20 * (boottime() - began))
for number in range(10000):
    left = int((end - boottime()) * 1000)
    if left < 1:
        sys.exit("too slow: %d made" % number)
    os.close(os.open("%s/.with/ttl=%dms/job%d" % (M, left, number), os.O_CREAT | os.O_EXCL))
    last = max(last, boottime() + left / 1000)  # the call may have been slow
while boottime() < last + 0.001:
    time.sleep(0.01)
check("left", os.listdir(M), [])
PY
}

@test "1,000 descriptors can be open at a time" {
  py <<'PY'
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (2000, max(2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
fds = [os.open("%s/job%d" % (M, number), os.O_CREAT | os.O_EXCL | os.O_RDWR) for number in range(1000)]
for number, fd in enumerate(fds):
    os.write(fd, b"%d" % number)
check("all", [os.pread(fd, 10, 0) for fd in fds], [b"%d" % number for number in range(1000)])
for number in range(1000):
    os.unlink("%s/job%d" % (M, number))
check("stale", {outcome(os.pread, fd, 1, 0) for fd in fds}, {"ESTALE"})
PY
}

@test "directories can be nested 200 deep" {
  py <<'PY'
os.chdir(M)
for _ in range(200):
    os.mkdir("d")
    os.chdir("d")
os.close(os.open("job", os.O_CREAT | os.O_EXCL))
check("key", attribute("job", "key"), "d/" * 200 + "job")
PY
  rm -r "$M/d"
}
