# The mode of a lock: what its creation gives, chmod(2), who may read the content, and programs that copy files with their
# attributes. Over Redis, a second mount of the server sees the same; over memory, the other is the same mount.

load ../lib/helper

setup() {
  setup_dirs
  mount_lockfs -o allow_other
  N=$M
  [[ $LOCKFS_TEST_SOURCE == memory: ]] || N=$T/other
  [[ $N == "$M" ]] || mount_lockfs -o allow_other "$N"
  chmod 755 "$T"
}

# has_mode MODE FILE: on both mounts
has_mode() {
  is "$1" "$(stat -c %a "$M/$2")"
  is "$1" "$(stat -c %a "$N/$2")"
}

@test "a creation gives the mode, less the umask, and chmod changes it" {
  for umask in 000:666 022:644 027:640 077:600 777:0; do
    (umask "${umask%:*}"; set -C; : >"$M/job")
    has_mode "${umask#*:}" job
    rm "$M/job"
  done
  py <<'PY'
for mode in (0o400, 0o755, 0o4711):
    os.close(os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    check("created with %o" % mode, "%o" % os.stat(M + "/job").st_mode, "10%04o" % (mode & 0o777))
    os.unlink(M + "/job")
PY
  take "$M/job"
  for mode in 600 444 755 0 666; do
    chmod "$mode" "$M/job"
    has_mode "$mode" job
  done
  chmod 6755 "$M/job"
  has_mode 755 job
}

@test "chmod changes nothing else, and outlasts refreshes and conversions" {
  local before
  exec 7>"$M/job"
  flock 7
  echo text >&7
  before=$(getfattr --only-values -n user.lock.expires "$N/job"; getfattr --only-values -n user.lock.token "$N/job")
  chmod 640 "$M/.with/id=any/job" && fail "chmod without the id"
  py <<'PY'
os.fchmod(7, 0o640)
PY
  has_mode 640 job
  is "$before" "$(getfattr --only-values -n user.lock.expires "$N/job"; getfattr --only-values -n user.lock.token "$N/job")"
  is text "$(cat "$N/job")"
  flock -s 7
  has_mode 640 job
  flock -x 7
  has_mode 640 job
  exec 7>&-
}

@test "a handle gives the mode of its creation, or of its fchmod, to the lock that it acquires" {
  (umask 027; exec 7>"$M/job"; is 640 "$(stat -L -c %a /proc/self/fd/7)"; flock 7; has_mode 640 job)
  wait_until gone "$M/job"
  take_as_other "$M/job"
  exec 7<"$M/job"
  rm "$M/.with/force/job"
  py <<'PY'
os.fchmod(7, 0o604)
check("mode of the handle", "%o" % os.fstat(7).st_mode, "100604")
PY
  flock 7
  has_mode 604 job
  flock -u 7
  wait_until gone "$M/job"
  flock 7
  has_mode 604 job
  exec 7>&-
}

@test "only the holder changes the mode" {
  need_root "users"
  as_user daemon bash -c 'set -C; echo text >"$0"' "$M/job"
  chmod 000 "$M/job" && fail "root is not the holder"
  expect EPERM @nobody chmod "$M/job" 666
  take "$M/mine"
  expect EPERM @nobody chmod "$M/mine" 666
  session bash -c '! chmod 600 "$0" 2>/dev/null' "$M/mine"
  has_mode 644 job
  has_mode 644 mine
}

# reads USER FILE: prints the content, or the error
reads() {
  as_user "$1" cat "$2" 2>&1 || true
}

@test "the mode says who may read the content, and attributes are read by all" {
  need_root "users"
  (umask 077; set -C; echo secret >"$M/job")
  for place in "$M/job" "$N/job" "$M/.with/file/job" "$N/.with/ttl=5s/job"; do
    is secret "$(cat "$place")"
    contains "Permission denied" "$(reads nobody "$place")"
    is UNAVAILABLE "$(as_user nobody getfattr --only-values -n user.lock.state "$place")"
  done
  chmod 604 "$M/job"
  is secret "$(reads nobody "$N/job")"
  chown "root:root" "$M/job"
  chmod 640 "$M/job"
  is "cat: $N/job: Permission denied" "$(reads nobody "$N/job")"
  (umask 077; set -C; echo theirs >"$M/.with/id=nobody/given")
  is theirs "$(reads nobody "$N/.with/id=nobody/given")"
}

@test "a handle reads what the mode of the present lock allows" {
  need_root "users"
  py "$N/job" <<'PY'
import pwd, subprocess, sys
READER = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for line in sys.stdin:
    try:
        print(os.pread(fd, 100, 0), flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""
nobody = pwd.getpwnam("nobody")
with subprocess.Popen(["/usr/bin/python3", "-c", READER, sys.argv[1]], text=True, start_new_session=True, stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[]) as reader:
    def reads(what):
        print(file=reader.stdin, flush=True)
        check("content", reader.stdout.readline().strip(), what)
    reads("b''")
    fd = os.open(M + "/job", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.write(fd, b"secret")
    reads("Permission denied")
    os.chmod(M + "/job", 0o644)
    reads("b'secret'")
    os.fchmod(fd, 0o640)
    reads("Permission denied")
    os.unlink(M + "/job")
    reads("b''")
    reader.stdin.close()
PY
}

@test "a mode without a right for the owner keeps the owner from it" {
  need_root "a user other than root"
  as_user daemon bash -c '
    umask 777
    set -C
    echo text >"$0/job"
    cat "$0/job"
    chmod 400 "$0/job" && cat "$0/job"
    exec 7<>"$0/job"
    echo more >&7
    chmod 600 "$0/job" && echo more >|"$0/job" && cat "$0/job"' "$M" >"$T/out" 2>"$T/err" || true
  is "text more" "$(xargs <"$T/out")"
  contains "job: Permission denied" "$(head -1 "$T/err")"
  contains "write error: Permission denied" "$(tail -1 "$T/err")"
}

# silently COMMAND…: succeeds and prints nothing
silently() {
  is "" "$("$@" 2>&1)"
}

@test "cp -p, cp -a, install and mv into a lock directory and out of it print nothing, and keep mode, time and content" {
  local file=$T/file
  (umask 022; echo text >"$file")
  chmod 640 "$file"
  touch -d "2020-01-02 03:04:05.678" "$file"
  has_all() {
    is "text 640 $(stat -c %.3Y "$file")" "$(cat "$1") $(stat -c '%a %.3Y' "$1")"
  }
  silently cp -p "$file" "$M/copied"
  has_all "$N/copied"
  silently cp -a "$file" "$M/archived"
  has_all "$N/archived"
  silently install -m 640 -p "$file" "$M/installed"
  has_all "$N/installed"
  silently install -m 600 "$file" "$M/installed"
  has_mode 600 installed
  silently cp -p "$M/copied" "$T/out"
  has_all "$T/out"
  silently mv "$M/copied" "$T/moved"
  has_all "$T/moved"
  gone "$M/copied"
  # The file has got the attributes of the lock as well, and its ttl refreshes.
  silently mv "$T/moved" "$M/back"
  is "text 640" "$(cat "$N/back") $(stat -c %a "$N/back")"
  silently cp -p "$M/back" "$M/again"
  is "text 640 $(stat -c %.3Y "$M/back")" "$(cat "$N/again") $(stat -c '%a %.3Y' "$N/again")"
}

@test "what is left of a mode is that of no other holding" {
  (umask 077; take "$M/job")
  rm "$M/job"
  take_as_other "$N/job"
  has_mode 644 job
  rm "$M/.with/force/job"
  (umask 077; take "$M/.with/ttl=100ms/job")
  wait_until gone "$M/job"
  take "$N/job"
  has_mode 644 job
}
