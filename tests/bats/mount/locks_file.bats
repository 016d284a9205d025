# `.locks` and `.locks.json`: a line for each lock below a directory, made while it is read.

load ../lib/helper
load ../lib/locks_file

@test "every directory has a line for each lock below it, with the path from there" {
  mkdir -p "$M/a/b/c" "$M/empty"
  take "$M/one" "$M/a/two" "$M/a/b/c/three"
  is "a/b/c/three a/two one" "$(keys "$M/.locks")"
  is "b/c/three two" "$(keys "$M/a/.locks")"
  is three "$(keys "$M/a/b/c/.locks")"
  is "" "$(cat "$M/empty/.locks" "$M/empty/.locks.json")"
  rm "$M/a/two"
  is "a/b/c/three one" "$(keys "$M/.locks")"
}

@test "a line has all attributes of the lock, with the values that getxattr(2) gives" {
  mkdir "$M/d"
  take "$M/d/held"
  take_as_other "$M/d/other"
  ln -s target "$M/d/link"
  take "$M/.with/ttl=never/d/always"
  py <<'PY'
import json
names = [name[len("user.lock."):] for name in os.listxattr(M + "/d/held")]
names.remove("key")
lines = [line.rstrip("\n").split("\t") for line in open(M + "/.locks")]
objects = [json.loads(line) for line in open(M + "/.locks.json")]
check("lines", sorted(line[0] for line in lines), ["d/always", "d/held", "d/link", "d/other"])
check("objects", sorted(each["key"] for each in objects), ["d/always", "d/held", "d/link", "d/other"])
for line in lines:
    check("names", sorted(field.split("=", 1)[0] for field in line[1:]), sorted(names))
for each in objects:
    check("members", sorted(each), sorted(names + ["key"]))
# Attributes of symbolic links cannot be read by their path.
for line, each in ((line, each) for line in lines for each in objects if each["key"] == line[0] != "d/link"):
    fields = dict(field.split("=", 1) for field in line[1:])
    for name in names:
        try:
            value = attribute(M + "/" + line[0], name)
        except OSError:
            value = None
        if name == "remaining" and value != "never":
            for got in (fields[name], each[name]):
                if not float(value) <= float(got) <= float(value) + 20:
                    raise SystemExit(f"{line[0]} {name}: {got}, {value}")
            continue
        check(line[0] + " " + name, fields[name].replace("\\040", " "), value or "-")
        is_number = name in ("holders", "ttl", "remaining", "token", "pid", "uid", "waiters") and value != "never"
        check(line[0] + " json " + name, each[name], (float(value) if "." in value else int(value)) if is_number else value)
link = [each for each in objects if each["key"] == "d/link"][0]
check("form", link["form"], "symlink")
PY
}

@test "only the holder, and the user of the holder on the mount that acquired, sees an id" {
  need_root
  mount_lockfs -o allow_other,mode=1777 "$T/shared"
  take "$T/shared/ours"
  take_as nobody "$T/shared/theirs"
  as_user nobody cat "$T/shared/.locks" >"$T/read"
  is - "$(grep ^ours "$T/read" | tr '\t' '\n' | sed -n 's/^id=//p')"
  is - "$(grep ^ours "$T/read" | tr '\t' '\n' | sed -n 's/^handle=//p')"
  matches '[0-9a-f]{32}' "$(grep ^theirs "$T/read" | tr '\t' '\n' | sed -n 's/^id=//p')"
}

@test "shared holders, waiters and the caller's state are shown" {
  # shellcheck disable=SC2094  # two open files of one lock
  (flock -s 8; exec 9<"$M/job"; flock -s 9; cat "$M/.locks" >"$T/read") 8>"$M/job"
  grep -q $'^job\t.*\tmode=shared\t.*\tholders=2\t' "$T/read"
  take_as_other "$M/busy"
  in_background flock "$M/busy" true
  wait_until grep -q $'^busy\tstate=UNAVAILABLE\t.*\twaiters=1$' "$M/.locks"
  take "$M/.with/id=mine/given"
  grep -q $'^given\tstate=UNAVAILABLE\t' "$M/.locks"
  grep -q $'^given\tstate=ACQUIRED\t.*\tid=mine\t' "$M/.with/id=mine/.locks"
}

@test "locks below a directory that the reader may not list or search are not shown" {
  need_root
  local dir
  mount_lockfs -o allow_other "$T/shared"
  mkdir -p "$T/shared"/{open,unlisted,unsearched,closed}/below
  for dir in open unlisted unsearched closed; do
    take "$T/shared/$dir/job" "$T/shared/$dir/below/job"
  done
  chmod 0711 "$T/shared/unlisted"
  chmod 0744 "$T/shared/unsearched"
  chmod 0700 "$T/shared/closed"
  as_user nobody cat "$T/shared/.locks" >"$T/read"
  is "open/below/job open/job" "$(keys "$T/read")"
  is 8 "$(wc -l <"$T/shared/.locks")"
  expect EACCES @nobody open "$T/shared/unlisted/.locks" RDONLY
  expect EACCES @nobody open "$T/shared/unsearched/.locks" RDONLY
  is job "$(as_user nobody cut -f1 "$T/shared/unlisted/below/.locks")"
  (umask 077; take "$T/shared/open/private")
  as_user nobody grep -q '^open/private' "$T/shared/.locks"
}

@test "names of every byte are one field, and valid JSON that gives the bytes back" {
  py <<'PY'
import json, re
names = {bytes([byte]) + b"x" for byte in range(1, 256) if byte != ord("/")} | {b"-", b"\xf0\x9f\x94\x92", "‮x".encode()}
for name in names:
    os.close(os.open(os.fsencode(M) + b"/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
lines = open(M + "/.locks", "rb").read()
check("printable", [byte for byte in lines if byte < 32 and byte not in b"\t\n"], [])
fields = {line.split(b"\t")[0] for line in lines.splitlines()}
check("text", {re.sub(rb"\\(\d{3})", lambda octal: bytes([int(octal[1], 8)]), field) for field in fields}, names)
objects = [json.loads(line) for line in open(M + "/.locks.json")]
check("json", {each["key"].encode("utf-8", "surrogateescape") for each in objects}, names)
PY
}

@test "whatever the size of each read, a seek to 0 begins anew, and another seek goes there" {
  many 600 "$M"
  mkdir "$M/d"
  many 300 "$M/d"
  py <<'PY'
import re
def stable(text):
    return sorted(re.sub(rb"remaining=\S+", b"", line) for line in text.splitlines())
whole = open(M + "/.locks", "rb").read()
check("lines", len(whole.splitlines()), 900)
for size in (1, 7, 4096, 65536, 1 << 20):
    fd = os.open(M + "/.locks", os.O_RDONLY)
    if size == 1:
        check("bytes", b"".join(os.read(fd, 1) for _ in range(2000)).split(b"\t")[0], whole.split(b"\t")[0])
    else:
        for _ in range(2):
            parts = []
            while part := os.read(fd, size):
                parts.append(part)
            check(f"size {size}", stable(b"".join(parts)), stable(whole))
            check("end", os.read(fd, size), b"")
            os.lseek(fd, 0, os.SEEK_SET)
    os.close(fd)
fd = os.open(M + "/.locks", os.O_RDONLY)
at = len(whole) // 2
check("forward", len(os.pread(fd, 100, at)), 100)
check("back", os.pread(fd, 20, 10), whole[10:30])
check("behind", os.pread(fd, 100, 10 * len(whole)), b"")
os.close(fd)
PY
}

@test "two readers at a time, and two descriptors of one, each get every lock once" {
  many 2000 "$M"
  py <<'PY'
import threading
def count(path, results):
    with open(path) as file:
        results.append(len({line.split("\t")[0] for line in file}))
results = []
threads = [threading.Thread(target=count, args=(M + "/.locks", results)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("each", results, [2000] * 4)
a, b = (os.open(M + "/.locks", os.O_RDONLY) for _ in range(2))
texts = {a: b"", b: b""}
while sum(1 for fd in texts if (part := os.read(fd, 3000)) and texts.__setitem__(fd, texts[fd] + part) is None):
    pass
for text in texts.values():
    check("in turns", len({line.split(b"\t")[0] for line in text.splitlines()}), 2000)
# Reads of one descriptor at the same time: each is answered as a whole.
results = [os.pread(a, 300, 0)] + [None] * 8
threads = [threading.Thread(target=lambda i=i: results.__setitem__(i, os.pread(a, 300, (i % 2) * 5000))) for i in range(1, 9)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("sizes", [len(each) for each in results], [300] * 9)
PY
}

@test "while others come and go, a lock that stays is told once, and none twice" {
  mkdir "$M/d"
  many 3000 "$M/d"
  many 50 "$M"
  py <<'PY'
import threading, time
stop = threading.Event()
def churn():
    number = 0
    while not stop.is_set():
        for name in (f"{M}/d/come-{number % 500}", f"{M}/go-{number % 70}"):
            try:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                os.unlink(name)
        # The even ones are taken again and again, the odd ones are refreshed.
        name = f"{M}/d/{2 * number % 3000:05d}"
        os.unlink(name)
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.utime(f"{M}/d/{(2 * number + 1) % 3000:05d}")
        number += 1
thread = threading.Thread(target=churn)
thread.start()
try:
    for slow in (False, False, True):
        keys = []
        with open(M + "/.locks", buffering=20000 if slow else -1) as file:
            for line in file:
                keys.append(line.split("\t")[0])
                if slow and len(keys) % 200 == 0:
                    time.sleep(0.02)
        check("twice", len(keys), len(set(keys)))
        check("missing", {f"d/{number:05d}" for number in range(1, 3000, 2)} - set(keys), set())
        check("missing above", {f"{number:05d}" for number in range(50)} - set(keys), set())
finally:
    stop.set()
    thread.join()
PY
}

@test "locks whose leases have passed are not shown" {
  take "$M/stays" "$M/.with/ttl=200ms/passes"
  is "passes stays" "$(keys "$M/.locks")"
  sleep 0.3
  is stays "$(keys "$M/.locks")"
}

@test "a directory that is removed while it is read ends there, and one that is gone is no directory" {
  mkdir "$M/d"
  exec 4<"$M/d/.locks"
  rmdir "$M/d"
  refute cat <&4 2>"$T/error"
  exec 4<&-
  contains "No such file" "$(cat "$T/error")"
  take "$M/job"
  expect ENOTDIR open "$M/job/.locks" RDONLY
}

@test "the file is reserved, not listed, read-only, and cannot be locked" {
  local name
  for name in .locks .locks.json; do
    expect EPERM open "$M/$name" WRONLY
    expect EPERM open "$M/$name" RDWR
    expect EPERM unlink "$M/$name"
    refute flock -n "$M/$name" true
    is "regular empty file" "$(stat -c %F "$M/$name")"
  done
  is "" "$(ls -A "$M")"
}

@test "open files count in user_streams, and their memory in user_listings" {
  need_root
  mount_lockfs -o allow_other,mode=1777,user_streams=2,user_listings=40960 "$T/shared"
  many 3000 "$T/shared"
  (exec 8<"$T/shared/.locks" 9<"$T/shared/.locks.json"; head -c 10 <&8 >/dev/null)
  cat >"$T/open" <<'EOF'
exec 7<"$1/.locks" 8<"$1/.locks"
! cat "$1/.locks" 2>&1
EOF
  contains "Too many open files" "$(as_user nobody bash "$T/open" "$T/shared")"
  contains "Cannot allocate memory" "$(as_user nobody cat "$T/shared/.locks" 2>&1 >/dev/null)"
  is 3000 "$(wc -l <"$T/shared/.locks")"
  : >"$T/shared.stderr"
}

@test "a slow reader does not make the daemon keep all locks, and a reader that ends frees what it had" {
  many 5000 "$M"
  py "${daemon_of[$M]}" <<'PY'
import re
def resident():
    return int(re.search(r"RssAnon:\s+(\d+)", open(f"/proc/{sys.argv[1]}/status").read())[1])
open(M + "/.locks").read()
before = resident()
files = [os.open(M + "/.locks", os.O_RDONLY) for _ in range(20)]
for fd in files:
    os.read(fd, 100)
grown = resident() - before
sanitized = b"__asan_init" in open(f"/proc/{sys.argv[1]}/exe", "rb").read()  # it keeps what was freed for a while
if grown > 20 * 400 and not sanitized:
    raise SystemExit(f"{grown} kB for 20 readers of {5000 * 370 / 1000} kB each")
PY
  is 5000 "$(wc -l <"$M/.locks")"
}

@test "reading ends with the mount, and an unmounted reader gets an error and not a short file" {
  many 2000 "$M"
  exec 4<"$M/.locks"
  head -c 100 <&4 >/dev/null
  kill -TERM "${daemon_of[$M]}"
  exec 4<&-
  daemon_ended "$M"
}
