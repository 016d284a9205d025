# Options of the command line, good and bad.

load ../lib/helper

setup() {
  setup_dirs
  mkdir "$M"
}

# refused PART ARGUMENT...: lockfs ends at once, with one line that has PART in it, and mounts nothing
refused() {
  local part=$1
  shift
  run deadline 10 "$LOCKFS" "$@"
  [ "$status" != 0 ] || fail "accepted: $*"
  is 1 "${#lines[@]}"
  contains "$part" "$output"
  matches "lockfs: .*" "$output"
  not_mounted "$M"
}

@test "unknown options are refused, one line says which" {
  refused nonsense memory: "$M" -o nonsense
  refused nonsense memory: "$M" -o nonsense=1
  refused nonsense memory: "$M" -o ttl=30s,nonsense=1
  refused Ttl memory: "$M" -o Ttl=30s
  refused nonsense memory: "$M" --nonsense
  refused hold memory: "$M" -o hold
}

@test "the line about an unknown option names it, and not its value" {
  refused "'pasword'" memory: "$M" -o pasword=very-secret
  [[ $output != *very-secret* ]] || fail "it tells the value: $output"
  refused "'nonsense'" memory: "$M" -o ttl=30s,nonsense=very-secret
  [[ $output != *very-secret* ]] || fail "it tells the value: $output"
}

@test "the line about an argument too many or a bad id tells neither a password nor the id" {
  refused "redis://me@host" "$M" "$T" redis://me:very-secret@host
  [[ $output != *very-secret* ]] || fail "it tells the password: $output"
  refused id memory: "$M" -o id=very/secret
  [[ $output != *very* ]] || fail "it tells the id: $output"
}

@test "options that speak to mount(8), fstab(5) and systemd alone are accepted and do nothing" {
  mount_lockfs -o x-systemd.automount,x-systemd.device-timeout=5s,X-mount.mkdir=0755,x-gvfs-hide,owner,group,comment=a,user=root,remount,user,users,nouser,defaults,auto,noauto,nofail,_netdev
  is "755 300.000" "$(stat -c %a "$M") $(lock "$M" default_ttl)"
}

@test "remount of a live mount says that it is one already, and what to do" {
  mount_lockfs
  run deadline 10 "$LOCKFS" "$LOCKFS_TEST_SOURCE" "$M" -o remount,ttl=30s
  [ "$status" != 0 ] || fail "accepted"
  contains "is a lockfs mount already" "$output"
  is 300.000 "$(lock "$M" default_ttl)"
}

@test "a name in a message is one line, and does nothing to the terminal" {
  local name=$'no\nsuch\t\e[31m\xc2\x9b31m\xe2\x80\xaedir\xff-\xc3\xb6'
  refused 'no\012such\011\033[31m\302\23331m\342\200\256dir\377-'$'\xc3\xb6' memory: "$T/$name"
  refused 'unknown option '\''no\012such\011\033[31m' memory: "$M" -o "$name"
}

@test "without source or mount point a line says what to give" {
  refused lockfs
  refused lockfs memory:
  refused third memory: "$M" third
}

@test "unknown sources are refused" {
  refused nosuch nosuch:// "$M"
  refused memory memory "$M"
  refused "$T" "$T" "$M"
  refused "" "" "$M"
}

@test "a source without a server is refused" {
  refused redis redis://127.0.0.1:1 "$M"
  refused redis "redis+unix://$T/no.sock" "$M"
}

@test "bad leases are refused" {
  for ttl in '' 0 -1 soon 3651d 99999999999999999999 5x ' 5s'; do
    refused ttl memory: "$M" -o "ttl=$ttl"
  done
}

@test "bad timeouts are refused" {
  for timeout in '' 0 -1 soon never 99999999999999999999; do
    refused timeout memory: "$M" -o "timeout=$timeout"
  done
}

@test "bad least intervals are refused" {
  for interval in '' -1 soon never 2h; do
    refused min_interval memory: "$M" -o "min_interval=$interval"
  done
}

@test "bad times to spin are refused" {
  for spin in '' -1 long 1ms 10001; do
    refused spin memory: "$M" -o "spin=$spin"
  done
}

@test "bad owners are refused" {
  for owner in '' nobody Session sessions; do
    refused owner memory: "$M" -o "owner=$owner"
  done
}

@test "bad ids are refused" {
  refused id memory: "$M" -o id=
  refused id memory: "$M" -o id=a/b
  refused id memory: "$M" -o id="$(printf 'i%.0s' {1..129})"
}

@test "bad namespaces are refused" {
  refused namespace memory: "$M" -o namespace=
  refused namespace memory: "$M" -o 'namespace=a#b'
}

@test "bad modes and numbers are refused" {
  refused mode memory: "$M" -o mode=999
  refused mode memory: "$M" -o mode=rwx
  refused mode memory: "$M" -o mode=17777
  refused mode memory: "$M" -o mode=
  refused uid memory: "$M" -o uid=root
  refused uid memory: "$M" -o uid=-1
  refused uid memory: "$M" -o uid=4294967296
  refused gid memory: "$M" -o gid=root
  refused gid memory: "$M" -o gid=-1
}

@test "all options are accepted together, in one -o or in several, before or after" {
  mount_lockfs -o namespace=here,ttl=30s,owner=user,timeout=1s,mode=700
  is 30.000 "$(lock "$M" default_ttl)"
  unmount_lockfs
  start_daemon "$M" -o ttl=20s -f -o owner=mount "$LOCKFS_TEST_SOURCE" "$M" -o mode=711
  wait_until answers_or_ended "$M"
  is "20.000 711" "$(lock "$M" default_ttl) $(stat -c %a "$M")"
}

@test "timeout= and ttl= take every unit" {
  mount_lockfs -o ttl=1500ms,timeout=250ms
  is 1.500 "$(lock "$M" default_ttl)"
}

# Uses no time of a processor: not one of its ticks, of 10 ms, in a fifth of a second.
is_asleep() {
  local before
  before=$(cut -d ' ' -f 14,15 "/proc/$1/stat")
  sleep 0.2
  [ "$before" = "$(cut -d ' ' -f 14,15 "/proc/$1/stat")" ]
}

@test "a daemon that has worked sleeps again, however long it looks for more" {
  local spin
  for spin in 0 200 10000; do
    mount_lockfs -o "spin=$spin"
    for ((i = 0; i < 50; i++)); do
      take "$M/job"
      rm "$M/job"
    done
    wait_until is_asleep "${daemon_of[$M]}"
    unmount_lockfs
  done
}

@test "the root directory has the mode, uid and gid of the options" {
  mount_lockfs
  is "755 $(id -u) $(id -g)" "$(stat -c '%a %u %g' "$M")"
  unmount_lockfs
  mount_lockfs -o mode=1770
  is 1770 "$(stat -c %a "$M")"
}

@test "the root directory belongs to uid= and gid=" {
  need_root
  mount_lockfs -o "allow_other,mode=750,uid=$(id -u nobody),gid=$(id -g nobody)"
  is "750 nobody nogroup" "$(stat -c '%a %U %G' "$M")"
  expect OK @nobody open "$M/job" CREAT,EXCL,WRONLY
}

@test "the root directory is sticky and open to all with allow_other" {
  need_root
  mount_lockfs -o allow_other
  is 1777 "$(stat -c %a "$M")"
  unmount_lockfs
  mount_lockfs -o allow_other,mode=755
  is 755 "$(stat -c %a "$M")"
  expect EACCES @nobody open "$M/job" CREAT,EXCL,WRONLY
  expect EACCES @nobody open "$M/job" CREAT,WRONLY
}

@test "without allow_other nobody else comes in" {
  need_root
  mount_lockfs
  expect EACCES @nobody stat "$M/job"
  expect EACCES @nobody list "$M"
}

@test "the mode of the root cannot be changed from inside" {
  mount_lockfs
  expect EPERM chmod "$M" 777
  is 755 "$(stat -c %a "$M")"
}

@test "a mount with ro can be looked at, and a change fails with EROFS" {
  mount_lockfs -o ro
  is "" "$(ls -A "$M")"
  expect ENOENT stat "$M/job"
  expect 300.000 getxattr "$M" user.lock.default_ttl
  matches 'session:.*' "$(call getxattr "$M" user.lock.identity)"
  expect EROFS open "$M/job" CREAT,EXCL,WRONLY
  expect EROFS open "$M/job" CREAT,WRONLY
  expect EROFS open "$M/.with/ttl=5s/job" CREAT,WRONLY
  expect EROFS mkdir "$M/team"
  expect EROFS rmdir "$M/.with"
  expect EROFS utime "$M"
  expect EROFS setxattr "$M" user.lock.default_ttl 5s
  contains " ro," "$(grep " $M fuse.lockfs " /proc/mounts)"
}

@test "the options noexec and noatime are passed on to the kernel" {
  need_root
  mount_lockfs -o noexec,noatime
  contains noexec "$(grep " $M fuse.lockfs " /proc/mounts)"
  contains noatime "$(grep " $M fuse.lockfs " /proc/mounts)"
}

@test "an empty list of options is none, and an empty option in a list is none" {
  mount_lockfs -o ''
  unmount_lockfs
  mount_lockfs -o ,ttl=7s,,
  is 7.000 "$(call getxattr "$M" user.lock.default_ttl)"
  unmount_lockfs
  start_daemon "$M" "$LOCKFS_TEST_SOURCE" "$M" -f -o ''
  wait_until answers_or_ended "$M"
  is_mounted "$M"
}

@test "--help and --version answer" {
  run -0 "$LOCKFS" --help
  contains SOURCE "$output"
  contains MOUNTPOINT "$output"
  run -0 "$LOCKFS" --version
  matches 'lockfs [0-9]+\.[0-9]+.*' "$output"
}
