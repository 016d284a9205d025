# A fresh Debian in a chroot, for tests/chroot and tests/package. All mounts and processes
# are in namespaces of their own, so none is left when the script ends, also by a signal.
#
# A script that loads this defines PREPARE_DEADLINE (seconds), TITLE (the prefix of its
# output lines) and a function `inside`, and calls `begin` at the end.
# shellcheck shell=bash disable=SC2153,SC2154  # what the program sets

program=tests/${0##*/}
sources=$(cd "$(dirname "$0")/.." && pwd)

die() {
  echo "$program: $*" >&2
  exit 1
}

# step SECONDS TITLE CMD...: runs a command; prints its output only if it fails
step() {
  local seconds=$1 title=$2 begin=$SECONDS status=0
  shift 2
  timeout --kill-after=10 "$seconds" "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" != 0 ]; then
    tail -n 40 "$log" | sed 's/^/    /' >&2
    [ "$status" != 124 ] || die "$title: not done in $seconds s"
    die "$title: failed with status $status"
  fi
  echo "$TITLE: $title ($((SECONDS - begin)) s)"
}

# Outside of the namespaces

# outside ARGUMENT...: makes the work directory, runs this script again in new namespaces, and removes the directory
outside() {
  local status=0
  [ "$(id -u)" = 0 ] || die "only root can make a chroot"
  [ -c /dev/fuse ] || die "there is no /dev/fuse on this machine"
  work=$(mktemp -d "${TMPDIR:-/tmp}/lockfs-chroot.XXXXXX")
  log=$work/log
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  find_debootstrap
  # In the background, because bash runs a trap only after a command in the foreground has ended.
  unshare --mount --propagation slave --pid --fork --kill-child --mount-proc \
    setsid --wait "$0" --inside "$work" "$@" <&0 &
  inside=$!
  wait "$inside" || status=$?
  inside=
  return "$status"
}

# Killing the first process of the pid namespace ends all others in it, and with them the mounts.
inside=
clean_up() {
  trap '' INT TERM HUP
  [ -z "$inside" ] || kill -KILL "$inside" 2>/dev/null || true
  wait 2>/dev/null
  if grep -q " $work/" /proc/self/mountinfo; then
    echo "$program: $work stays: something is mounted below it" >&2
    return
  fi
  # A process that is ending may still use the directory for a moment.
  for _ in 1 2 3; do
    rm -rf --one-file-system "$work" && return
    sleep 1
  done
  echo "$program: cannot remove $work" >&2
}

find_debootstrap() {
  command -v debootstrap >/dev/null && return
  step 300 "apt-get update" apt-get -q update
  step 300 "installing debootstrap" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y --no-install-recommends install debootstrap
}

# Inside of the namespaces

# Prints the mirror of this machine's apt sources, which apt knows in both formats of their files.
mirror() {
  # shellcheck disable=SC2016,SC1091  # apt-get and another shell expand them
  apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v suite="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == suite && $3 == "main" { print $1; exit }'
}

# same FILE...: copies files of this machine into the chroot, if they exist
same() {
  local file
  for file; do
    [ -e "$file" ] || continue
    mkdir -p "$root${file%/*}"
    cp -rL --preserve=mode "$file" "$root${file%/*}/"
  done
}

# Copies how to reach the mirror and the npm registry: name servers, proxies, certificates.
copy_network() {
  same /etc/resolv.conf /etc/hosts /etc/apt/auth.conf /etc/apt/auth.conf.d \
    /etc/ssl/certs/ca-certificates.crt "${NODE_EXTRA_CA_CERTS:-/none}"
  apt-config dump | grep -E '^Acquire::.*(Proxy|Verify|CaInfo|Retries|Timeout|Check-)' >"$root/etc/apt/apt.conf.d/50host" || true
}

device() {
  : >"$root/dev/$1"
  mount --bind "/dev/$1" "$root/dev/$1"
}

mount_all() {
  local name
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for name in null zero full random urandom tty fuse; do
    device "$name"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
  mount -t tmpfs tmpfs "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  for name in 0:stdin 1:stdout 2:stderr; do
    ln -s "fd/${name%:*}" "$root/dev/${name#*:}"
  done
}

# Copies the sources: the files that git has or would add; without git, everything but builds.
copy_sources() {
  if git -C "$sources" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git -C "$sources" ls-files -z --cached --others --exclude-standard
  else
    (cd "$sources" && find . -mindepth 1 -maxdepth 1 ! -name 'build*' ! -name .git -print0)
  fi >"$work/files"
  [ -s "$work/files" ] || die "no sources in $sources"
  # Files that git has may be deleted in the working tree.
  tar -C "$sources" --null -T "$work/files" --ignore-failed-read -cf - 2>/dev/null | tar -xf - -C "$root/tmp/src"
}

# within_root CMD...: runs a command in the chroot. Proxies stay in its environment, variables that
# would change the build or the tests do not.
within_root() {
  chroot "$root" env -C /tmp/src -u TMPDIR -u MAKEFLAGS -u MFLAGS -u BUILD -u CC -u CFLAGS -u LDFLAGS -u LOCKFS \
    -u LOCKFS_TEST_SOURCE HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
}

# in_root SECONDS TITLE CMD...: a step in the chroot
in_root() {
  local seconds=$1 title=$2
  shift 2
  export -f within_root
  export root
  step "$seconds" "$title" bash -c 'within_root "$@"' bash "$@"
}

# bootstrap SUITE DIR: installs a minimal Debian in a directory
bootstrap() {
  local url
  url=$(mirror)
  [ -n "$url" ] || die "apt's sources name no Debian mirror to make a chroot from"
  mkdir -p "$2"
  step "$PREPARE_DEADLINE" "made by debootstrap" debootstrap --variant=minbase "$1" "$2" "$url"
}

# use_root DIR: makes DIR the chroot in $root, with working mounts and apt, and without services
use_root() {
  root=$1
  # `ip netns` needs a root directory that is a mount point.
  mount --bind "$root" "$root"
  mount_all
  mkdir "$root/tmp/src"
  copy_network
  # The chroot is removed at the end, so dpkg need not wait for the disk.
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  in_root 300 "apt-get update" apt-get -q update
}

# Unmounts in this namespace the mounts of other tests that run on this machine: else they would stay after these tests
# have unmounted them, and so would their daemons.
leave_mounts() {
  local dir
  while read -r dir; do
    umount -l "$(printf '%b' "$dir")" 2>/dev/null || true
  done < <(awk '$3 == "fuse.lockfs" { print $2 }' /proc/mounts)
}

# begin ARGUMENT...: runs the script once more in new namespaces, where it calls `inside ARGUMENT...`
begin() {
  if [ "${1-}" = --inside ]; then
    work=$2 log=$2/log
    shift 2
    leave_mounts
    inside "$@"
  else
    outside "$@"
  fi
}
