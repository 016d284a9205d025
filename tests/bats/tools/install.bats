# What `make install` and `make deb` put where, and that it works from there.

load ../lib/helper

sources=$BATS_TEST_DIRNAME/../../..

setup() {
  setup_dirs
  mkdir "$M"
}

# make with what was built for this run, which may be with other flags: nothing is
# built here.
make_target() {
  make -s -C "$sources" -o all "$@" BUILD="$T/build"
}

use_build() {
  mkdir -p "$T/build"
  cp "$LOCKFS" "${LOCKFS%/*}"/{lockctl,lockctl.bash,_lockctl,lockctl.fish} "$T/build"
}

# files DIR: what is in it, but for directories
files() {
  (cd "$1" && find . ! -type d | LC_ALL=C sort)
}

# installed SCRIPT: as on a machine where `make install` was done, and /dev/fuse is
# open to all. In namespaces of its own, in which only /sbin and /usr/local are
# written to, so that nothing is left once it ends. M is the mount point.
installed() {
  need_root
  use_build
  mkdir "$T/upper"
  # shellcheck disable=SC2016  # the other shell expands it
  deadline 60 unshare -m -p -f --mount-proc --kill-child bash -euc '
    umount -l -a -t fuse.lockfs  # of other tests, whose daemons would not end
    T=$1 M=$1/mnt sources=$2
    mount -t tmpfs tmpfs "$T/upper"
    mkdir "$T/upper/sbin" "$T/upper/work"
    mount -t overlay -o "lowerdir=$(readlink -f /sbin),upperdir=$T/upper/sbin,workdir=$T/upper/work" overlay /sbin
    mount -t tmpfs tmpfs /usr/local
    mknod -m 666 "$T/upper/fuse" c $(stat -c "0x%t 0x%T" /dev/fuse)
    mount --bind "$T/upper/fuse" /dev/fuse
    make -s -C "$sources" -o all install BUILD="$T/build"
    hash -r
    export PATH=/usr/local/bin:$PATH TMPDIR=/tmp
    as_nobody() { setsid -w setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
    eval "$3"' bash "$T" "$sources" "$1"
}

@test "make install installs all files, and make uninstall leaves none" {
  use_build
  make_target install DESTDIR="$T/root"
  is "./sbin/mount.fuse.lockfs
./sbin/mount.lockfs
./usr/local/bin/lockctl
./usr/local/bin/lockfs
./usr/local/lib/systemd/system/lockfs@.service
./usr/local/share/bash-completion/completions/lockctl
./usr/local/share/doc/lockfs/examples/README.md
./usr/local/share/doc/lockfs/examples/archive-orders
./usr/local/share/doc/lockfs/examples/catalogue
./usr/local/share/doc/lockfs/examples/deploy
./usr/local/share/doc/lockfs/examples/document
./usr/local/share/doc/lockfs/examples/fencing.py
./usr/local/share/doc/lockfs/examples/fstab
./usr/local/share/doc/lockfs/examples/invoice-order
./usr/local/share/doc/lockfs/examples/invoice-worker
./usr/local/share/doc/lockfs/examples/orders.go
./usr/local/share/doc/lockfs/examples/orders.mjs
./usr/local/share/doc/lockfs/examples/simulate
./usr/local/share/fish/vendor_completions.d/lockctl.fish
./usr/local/share/man/man1/lockctl.1
./usr/local/share/man/man1/lockfs.1
./usr/local/share/man/man5/lockfs.5
./usr/local/share/man/man7/lockfs-recipes.7
./usr/local/share/zsh/site-functions/_lockctl" "$(files "$T/root")"
  refute grep -rIE '@[A-Z]+@' "$T/root"
  make_target uninstall DESTDIR="$T/root"
  is "" "$(files "$T/root")"
  [ ! -e "$T/root/usr/local/share/doc/lockfs" ]
}

@test "make install twice is make install" {
  use_build
  make_target install DESTDIR="$T/root"
  before=$(files "$T/root")
  make_target install DESTDIR="$T/root"
  is "$before" "$(files "$T/root")"
}

@test "a PREFIX of one's own is not left" {
  use_build
  make_target install PREFIX="$T/own"
  is 24 "$(files "$T/own" | wc -l)"
  contains "$T/own/bin/lockfs " "$(cat "$T/own/sbin/mount.lockfs")"
  make_target uninstall PREFIX="$T/own"
  is "" "$(files "$T/own")"
}

@test "manuals of what is installed can be read" {
  use_build
  make_target install DESTDIR="$T/root"
  for page in lockfs.1 lockfs.5 lockfs-recipes.7 lockctl.1; do
    contains "${page/./(})" "$(mandoc -Tascii "$T/root/usr/local/share/man/man${page##*.}/$page" | head -n 1 | tr '[:upper:]' '[:lower:]')"
  done
}

# Hardening

# hardened FILE: what `make` builds so by default. Only a build without an optimizer,
# or with a sanitizer, has no checked string functions.
hardened() {
  local headers dynamic symbols
  headers=$(readelf -hlW "$1")
  dynamic=$(readelf -dW "$1")
  symbols=$(readelf -W --dyn-syms "$1")
  contains "DYN (Position-Independent Executable file)" "$headers"
  contains " GNU_RELRO " "$headers"
  matches '.* RW +0x[0-9a-f]+' "$(grep GNU_STACK <<<"$headers")"
  contains " NOW" "$(grep FLAGS_1 <<<"$dynamic")"
  contains __stack_chk_fail "$symbols"
  [[ $symbols == *__asan_* || $symbols == *__gcov_* ]] || matches '.*__(vsnprintf|memcpy|snprintf|fprintf)_chk.*' "$symbols"
  # Where calls may go; without the flag only some of the C library's start-up says so.
  [[ $(uname -m) != x86_64 ]] || (($(objdump -d "$1" | grep -c endbr64) > 100))
}

@test "the programs are hardened: addresses, tables, stack, strings, jumps" {
  hardened "$LOCKFS"
  hardened "$LOCKCTL"
}

# flags TARGET ARGUMENT...: how make would compile it
flags() {
  make -s -n -B -C "$sources" BUILD="$T/flags" "$@"
}

@test "flags of one's own come last, and HARDENING= leaves ours out" {
  run flags "$T/flags/fs/util/log.o" CFLAGS='-O2 -fno-stack-protector'
  matches '.*-fstack-protector-strong.* -D_FORTIFY_SOURCE=2 .*-fno-stack-protector .*' "$output"
  for own in '-O0' '-g' '-O2 -fsanitize=address' '-O2 -D_FORTIFY_SOURCE=3'; do
    run flags "$T/flags/fs/util/log.o" CFLAGS="$own"
    refute grep -e -D_FORTIFY_SOURCE=2 <<<"$output"
  done
  run flags "$T/flags/lockfs" LDFLAGS=-no-pie
  matches '.* -pie .*-no-pie .*' "$output"
  run flags "$T/flags/lockfs" HARDENING= HARDENING_LINK=
  refute grep -e -fstack-protector -e relro <<<"$output"
}

# mount(8)

@test "mount -t lockfs and mount -t fuse.lockfs mount" {
  run installed '
    for type in lockfs fuse.lockfs; do
      mount -t "$type" memory: "$M" -o ttl=30s,allow_other,nosuid
      lockctl acquire "$M/job"
      getfattr --absolute-names --only-values -n user.lock.ttl "$M/job"
      grep -c " $M fuse.lockfs .*nosuid.*allow_other" /proc/mounts
      umount "$M"
    done'
  is "0 30.0001
30.0001" "$status $output"
}

@test "mount -t lockfs says what is wrong, and fails" {
  run installed '
    mount -t lockfs memory: "$M" -o nonsense=1 && echo mounted
    mount -t lockfs nonsense: "$M" && echo mounted
    grep " $M " /proc/mounts || echo nothing'
  matches "lockfs: .*nonsense.*
lockfs: .*nonsense.*
nothing" "$output"
}

@test "lines of fstab, with options for mount(8), and -f that does nothing" {
  run installed '
    echo "memory: $M lockfs noauto,nofail,user,ttl=7s,_netdev,x-test=1 0 0" >"$T/fstab"
    mount -f -T "$T/fstab" "$M"
    grep " $M " /proc/mounts || echo nothing
    mount -T "$T/fstab" "$M"
    lockctl acquire "$M/job"
    getfattr --absolute-names --only-values -n user.lock.ttl "$M/job"
    umount "$M"'
  is "nothing
7.000" "$output"
}

@test "the lines of the example are good" {
  run installed '
    grep -v "^#" /usr/local/share/doc/lockfs/examples/fstab | while read -r source dir type options rest; do
      [ -n "$source" ] || continue
      echo "$type"
      mount -t "$type" memory: "$M" -o "$(echo "$options" | sed "s/,password_file=.*//")"
      umount "$M"
    done'
  is "lockfs
lockfs" "$output"
}

@test "a user mounts, works and unmounts without root" {
  run installed '
    chown nobody "$M"
    as_nobody lockfs memory: "$M"
    as_nobody lockctl acquire -t 30s "$M/job"
    as_nobody lockctl ls "$M" | tail -n 1 | tr -s " " | cut -d" " -f1
    ls "$M" 2>&1 | grep -o "Permission denied"
    as_nobody fusermount3 -u "$M"
    grep " $M " /proc/mounts || echo unmounted'
  is "job
Permission denied
unmounted" "$output"
}

# systemd

unit() {
  use_build
  make_target install PREFIX="$T/own"
  cp "$T/own/lib/systemd/system/lockfs@.service" "$T/lockfs@srv-locks.service"
}

@test "the unit is valid, and hardened as far as mounting allows" {
  unit
  # It also looks whether the manual is installed, for which it is too early.
  said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify "$T/lockfs@srv-locks.service" 2>&1 || true)
  is "" "$(grep -v "'man lockfs" <<<"$said" || true)"
  systemd-analyze security --no-pager --offline=true --threshold=50 "$T/lockfs@srv-locks.service" >"$T/out"
}

# Each of these hides from everybody else what is mounted.
@test "the unit has no mount namespace" {
  unit
  refute grep -E '^(Protect(System|Home|Proc|KernelTunables|KernelModules|KernelLogs|ControlGroups|Hostname)|Private[A-Z][a-z]+|(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec)Paths|TemporaryFileSystem|Bind[A-Za-z]*Paths|Root[A-Z][a-z]+|DynamicUser|ProcSubset|LoadCredential|MountFlags|[A-Z][a-z]+Directory)=' \
    "$T/lockfs@srv-locks.service"
}

# before_start PATH: what the unit does before it starts the daemon on PATH, with its umask
before_start() {
  local command
  command=$(sed -n "s/^ExecStartPre=\/bin\/sh -\(e*u*c\) '\(.*\)' %f$/\2/p" "$T/lockfs@srv-locks.service" | sed 's/\$\$/$/g')
  [ -n "$command" ]
  (umask "$(sed -n 's/^UMask=//p' "$T/lockfs@srv-locks.service")" && /bin/sh -euc "$command" "$1")
}

# start_unit PATH [NAME=VALUE...]: starts the daemon as the unit does, with these from the file of its settings
start_unit() {
  local path=$1 line setting SOURCE OPTIONS words=()
  shift
  for setting in $(sed -n 's/^Environment=//p' "$T/lockfs@srv-locks.service") "$@"; do
    declare "$setting"
  done
  read -ra line < <(sed -n 's/^ExecStart=//p' "$T/lockfs@srv-locks.service")
  for setting in "${line[@]:1}"; do
    setting=${setting//%f/$path}
    setting=${setting//'${SOURCE}'/$SOURCE}
    words+=("${setting//'${OPTIONS}'/$OPTIONS}")
  done
  LOCKFS=$T/own/bin/lockfs deadline 10 "$T/own/bin/lockfs" "${words[@]}"
}

@test "the unit closes the directory beneath, whatever its mode" {
  need_root
  unit
  closes() {
    before_start "$1"
    is "0 directory" "$(stat -c '%a %F' "$1")"
  }
  closes "$T/new/deep"
  is 755 "$(stat -c %a "$T/new")"
  mkdir -m 1777 "$T/open"
  closes "$T/open"
  closes "$T/open"
  # A mount hides it, also a dead one, which the daemon replaces.
  mount_lockfs "$T/open"
  before_start "$T/open"
  is 755 "$(stat -c %a "$T/open")"
  kill -KILL "${daemon_of[$T/open]}"
  daemon_ended "$T/open"
  before_start "$T/open"
  mount_lockfs "$T/open"
  unmount_lockfs "$T/open"
  is 0 "$(stat -c %a "$T/open")"
}

@test "the unit closes nothing that lockfs refuses: files in it, the root, a mount, a file" {
  need_root
  unit
  # Whatever it would do to the root of this machine, it only says so.
  mkdir "$T/told"
  printf '#!/bin/sh\necho "$0 $*" >>%s\n' "$T/told/calls" >"$T/told/chmod"
  chmod 755 "$T/told/chmod"
  mkdir -m 755 "$T/home"
  : >"$T/home/user"
  : >"$T/file"
  mkdir -m 755 "$T/other"
  mount -t tmpfs -o mode=755 tmpfs "$T/other"
  for path in / "$T/home" "$T/file" "$T/other"; do
    PATH=$T/told:$PATH before_start "$path" 2>/dev/null || true
    [ ! -e "$T/told/calls" ] || fail "$path: $(cat "$T/told/calls")"
  done
  umount "$T/other"
  run start_unit "$T/home"
  is 1 "$status"
  contains "$T/home is not empty" "$output"
  is 755 "$(stat -c %a "$T/home")"
}

@test "the unit starts with options left empty, and with what it has without settings" {
  need_root
  unit
  start_unit "$M" OPTIONS=
  matches ".* $M fuse.lockfs rw,nosuid,nodev,relatime,user_id=0,group_id=0 0 0" "$(grep " $M " /proc/mounts)"
  fusermount3 -u "$M"
  start_unit "$M"
  contains allow_other "$(grep " $M " /proc/mounts)"
  fusermount3 -u "$M"
}

@test "the unit's restart after a crash leaves the dead mount in its place until the new one is there" {
  need_root
  unit
  mkdir "$T/beneath"
  mount --bind "$M" "$T/beneath"
  start_unit "$M"
  for _ in 1 2 3; do
    pid=$(pgrep -f "^$T/own/bin/lockfs ")
    kill -KILL "$pid"
    wait_until ended "$pid"
    wait_until refute stat -f "$M"
    before_start "$M"
    refute stat -f "$M"
    start_unit "$M"
    stat -f "$M" >/dev/null
  done
  fusermount3 -u "$M"
  umount "$T/beneath"
  is "" "$(ls -A "$M")"
}

@test "the unit stops a mount with a bound lock by a second SIGTERM within half a minute, and never by SIGKILL" {
  unit
  refute grep -E '^(KillSignal|KillMode|SendSIGKILL|ExecStop)=' "$T/lockfs@srv-locks.service"
  # systemd sends SIGTERM, and where that has not ended it within the time, the final signal.
  (($(sed -n 's/^TimeoutStopSec=//p' "$T/lockfs@srv-locks.service") * 2 <= 30))
  final=$(sed -n 's/^FinalKillSignal=SIG//p' "$T/lockfs@srv-locks.service")
  [ "$final" != KILL ]
  mount_lockfs
  exec 9>"$M/.with/hold/job"
  kill -TERM "${daemon_of[$M]}"
  wait_until test -s "$M.stderr"
  is ACQUIRED "$(state "$M/job")"
  kill -"$final" "${daemon_of[$M]}"
  daemon_ended "$M"
  exec 9>&-
  is 0 "$daemon_status"
  not_mounted "$M"
}

@test "the daemon needs no more capabilities than the unit leaves" {
  need_root
  unit
  capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' "$T/lockfs@srv-locks.service" | tr 'A-Z ' 'a-z,')
  chmod 0000 "$M"
  cat >"$T/limited" <<LIMITED
#!/bin/sh
exec setpriv --bounding-set "-all,+${capabilities//cap_/+}" --inh-caps -all --no-new-privs "$LOCKFS" "\$@"
LIMITED
  sed -i 's/++/+/' "$T/limited"
  chmod 755 "$T/limited"
  LOCKFS=$T/limited start_daemon "$M" memory: "$M" -f -o allow_other
  wait_until answers_or_ended "$M"
  is_mounted "$M"
  expect OK @nobody open "$M/job" CREAT,EXCL,WRONLY
  is nobody "$(lock "$M/job" owner | cut -d@ -f1)"
}

# The package

@test "make deb makes a package with all files" {
  use_build
  (cd "$sources" && scripts/deb "$T/build" 1.2.3) >"$T/out" 2>&1
  is 1.2.3-1 "$(dpkg-deb -f "$T"/build/*.deb Version)"
  package=$(ls "$T"/build/lockfs_*.deb)
  contains "/usr/sbin/mount.fuse.lockfs -> mount.lockfs" "$(dpkg-deb -c "$package")"
  matches '.*libfuse3-[0-9t64]+ .*fuse3' "$(dpkg-deb -f "$package" Depends)"
  contains libsmartcols1 "$(dpkg-deb -f "$package" Depends)"
  dpkg-deb -x "$package" "$T/root"
  is "./usr/bin/lockctl
./usr/bin/lockfs
./usr/lib/systemd/system/lockfs@.service
./usr/sbin/mount.fuse.lockfs
./usr/sbin/mount.lockfs
./usr/share/bash-completion/completions/lockctl
./usr/share/doc/lockfs/README.md
./usr/share/doc/lockfs/changelog.Debian.gz
./usr/share/doc/lockfs/changelog.gz
./usr/share/doc/lockfs/copyright
./usr/share/doc/lockfs/examples/README.md
./usr/share/doc/lockfs/examples/archive-orders
./usr/share/doc/lockfs/examples/catalogue
./usr/share/doc/lockfs/examples/deploy
./usr/share/doc/lockfs/examples/document
./usr/share/doc/lockfs/examples/fencing.py
./usr/share/doc/lockfs/examples/fstab
./usr/share/doc/lockfs/examples/invoice-order
./usr/share/doc/lockfs/examples/invoice-worker
./usr/share/doc/lockfs/examples/orders.go
./usr/share/doc/lockfs/examples/orders.mjs
./usr/share/doc/lockfs/examples/simulate
./usr/share/fish/vendor_completions.d/lockctl.fish
./usr/share/man/man1/lockctl.1.gz
./usr/share/man/man1/lockfs.1.gz
./usr/share/man/man5/lockfs.5.gz
./usr/share/man/man7/lockfs-recipes.7.gz
./usr/share/zsh/vendor-completions/_lockctl" "$(files "$T/root")"
  contains /usr/bin/lockfs "$(cat "$T/root/usr/sbin/mount.lockfs" "$T/root/usr/lib/systemd/system/lockfs@.service")"
  is "" "$(find "$T/root" -perm /022 ! -type l)"
  hardened "$T/root/usr/bin/lockfs"
  hardened "$T/root/usr/bin/lockctl"
}
