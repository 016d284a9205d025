"""Lets each call of lockfs fail once, one after another, and checks how lockfs ends.

    failing_each.py LOCKFS SHIM SOURCE KIND DIR [STRIDE [FIRST]]

KIND is `memory` or `calls`, followed by `-background` if lockfs shall go to the background.
For each N from FIRST in steps of STRIDE, until there are fewer calls: starts lockfs with the
Nth call failing, works on the mount if there is one, and ends it. Prints a line for each bad
end, and a line with their number; ends with 1 if there was one.
"""
import errno
import fcntl
import os
import select
import signal
import subprocess
import sys
import time

LOCKFS, SHIM, SOURCE, KIND, DIR = sys.argv[1:6]
STRIDE = int(sys.argv[6]) if len(sys.argv) > 6 else 1
FIRST = int(sys.argv[7]) if len(sys.argv) > 7 else 1
BACKGROUND = KIND.endswith('-background')
DEADLINE_S = 20
MOUNT, TOLD, SAID = DIR + '/mnt', DIR + '/told', DIR + '/said'

# Known defects of libraries: a failing call there aborts the daemon, or its error is ignored.
KNOWN = {
    'pipe2@libuv': 'aborts where it has no pipe for signals',
    'epoll_ctl@libuv': 'aborts where a descriptor cannot be watched',
    'sigaction@libuv': 'aborts where a signal cannot be given back when the loop ends',
    'realloc@libuv': 'aborts where there is no memory to watch one more descriptor',
    'malloc@libhiredis': 'before 1.0 uses what it could not allocate',
    'calloc@libhiredis': 'before 1.0 uses what it could not allocate',
}

# Errors that the failed call may cause in one operation.
ALLOWED = {errno.ENOMEM, errno.EIO, errno.EMFILE, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.EAGAIN}


def mounted():
    with open('/proc/self/mountinfo') as mounts:
        return [line.split()[2] for line in mounts if line.split()[4] == MOUNT]


def abort_mount():
    """The last way out of a mount that does not answer."""
    for device in mounted():
        try:
            with open('/sys/fs/fuse/connections/%s/abort' % device.split(':')[1], 'w') as file:
                file.write('1')
        except OSError:
            pass
        subprocess.run(['umount', '-l', MOUNT], stderr=subprocess.DEVNULL)


def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))


def wait_in_vain(path):
    try:
        create(MOUNT + '/.with/wait=10ms/' + path)
    except OSError as error:
        if error.errno not in (errno.ETIMEDOUT, errno.EEXIST):
            raise


def flock(path):
    fd = os.open(path, os.O_CREAT | os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)


def refuse_write(path, error):
    """Opens a handle, which holds nothing, so that a write fails with `error`."""
    fd = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        os.read(fd, 100)
        os.write(fd, b'x')
        print('%s: a write through a handle succeeded' % path)
    except OSError as failure:
        if failure.errno != error:
            raise
    finally:
        os.close(fd)


def read_all(path, size=65536):
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, size)
    finally:
        os.close(fd)


def listen(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        create(MOUNT + '/heard')
        select.select([fd], [], [], 5)
        os.read(fd, 4096)
    finally:
        os.close(fd)


OPERATIONS = [
    lambda: create(MOUNT + '/job'),
    lambda: os.stat(MOUNT + '/job'),
    lambda: os.getxattr(MOUNT + '/job', 'user.lock.state'),
    lambda: os.listdir(MOUNT),
    lambda: wait_in_vain('job'),
    lambda: os.utime(MOUNT + '/job'),
    lambda: os.unlink(MOUNT + '/job'),
    lambda: flock(MOUNT + '/flocked'),
    lambda: create(MOUNT + '/.with/hold/held'),
    lambda: refuse_write(MOUNT + '/free', errno.ENOLCK),
    lambda: create(MOUNT + '/.with/id=another/theirs'),
    lambda: refuse_write(MOUNT + '/theirs', errno.EBUSY),
    lambda: os.unlink(MOUNT + '/.with/force/theirs'),
    lambda: os.symlink('target', MOUNT + '/link'),
    lambda: os.readlink(MOUNT + '/link'),
    lambda: os.stat(MOUNT + '/link'),
    lambda: os.unlink(MOUNT + '/link'),
    lambda: os.mkdir(MOUNT + '/dir'),
    lambda: os.rmdir(MOUNT + '/dir'),
    lambda: read_all(MOUNT + '/.stats'),
    lambda: read_all(MOUNT + '/.status'),
    lambda: listen(MOUNT + '/.events'),
]


def free(path):
    """What a failed operation left: at most the lock, which its holder may release."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def work():
    """In a process of its own. Tells what is wrong, as lines."""
    failed = 0
    for number, operation in enumerate(OPERATIONS):
        try:
            operation()
        except OSError as error:
            failed += 1
            # One that follows from the one that failed: there is no such lock or directory, or still is, or it is free.
            follows = failed > 1 and error.errno in (errno.ENOENT, errno.EEXIST, errno.ENOLCK)
            if error.errno not in ALLOWED and not follows:
                print('operation %d: %s' % (number, errno.errorcode.get(error.errno, error.errno)))
    # And now all is as before; the call that fails may be among these.
    for last in (False, True):
        try:
            check_all_is_well()
            break
        except OSError as error:
            if last or error.errno not in ALLOWED:
                print('afterwards: %s' % error)
                break


def check_all_is_well():
    for name in ('job', 'link', 'flocked', 'held', 'heard', '.with/force/theirs'):
        free(MOUNT + '/' + name)
    create(MOUNT + '/job')
    os.unlink(MOUNT + '/job')
    flock(MOUNT + '/flocked')
    if os.path.isdir(MOUNT + '/dir'):
        os.rmdir(MOUNT + '/dir')
    left = os.listdir(MOUNT)
    if left:
        print('left: %s' % left)


def wait_for(condition, seconds=DEADLINE_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def in_child(function):
    """What it printed, or that it hung."""
    ends = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(ends[1], 1)
        try:
            function()
        except BaseException as error:  # pylint: disable=broad-except
            print('it failed: %r' % error)
        sys.stdout.flush()
        os._exit(0)
    os.close(ends[1])
    if not wait_for(lambda: os.waitpid(child, os.WNOHANG)[0]):
        os.kill(child, signal.SIGKILL)
        abort_mount()
        os.waitpid(child, 0)
        os.close(ends[0])
        return 'hangs'
    with os.fdopen(ends[0]) as said:
        return said.read().strip().replace('\n', '; ')


def answers():
    if not mounted():
        return False
    return in_child(lambda: os.statvfs(MOUNT)) == ''


def start(number):
    open(TOLD, 'w').close()
    environment = dict(os.environ, LD_PRELOAD=SHIM, FAIL=KIND.split('-')[0], FAIL_AT=str(number), FAIL_TOLD=TOLD)
    options = ['-o', 'timeout=5s,namespace=failing-%s-%d' % (KIND, number)] + ([] if BACKGROUND else ['-f'])
    with open(SAID, 'w') as said:
        return subprocess.Popen([LOCKFS, SOURCE, MOUNT] + options, env=environment, stderr=said,
                                stdin=subprocess.DEVNULL, stdout=said, start_new_session=True)


def daemons():
    return [pid for pid in os.listdir('/proc') if pid.isdigit() and runs(pid)]


def runs(pid):
    try:
        with open('/proc/%s/cmdline' % pid, 'rb') as file:
            words = file.read().split(b'\0')
        with open('/proc/%s/stat' % pid) as file:
            return words[0] == LOCKFS.encode() and MOUNT.encode() in words and file.read().split(') ')[1][0] != 'Z'
    except OSError:
        return False


def attempt(number):
    """Returns which call failed, and what was wrong with how that ended."""
    process = start(number)
    problems = []
    if BACKGROUND:
        up = wait_for(lambda: process.poll() is not None) and process.returncode == 0
    else:
        up = wait_for(lambda: process.poll() is not None or bool(mounted())) and process.poll() is None
        up = up and wait_for(lambda: process.poll() is not None or answers()) and process.poll() is None
    if up:
        problems.append(in_child(work))
        if mounted():
            subprocess.run(['umount', MOUNT], stderr=subprocess.DEVNULL)
    if not wait_for(lambda: process.poll() is not None and not daemons()):
        problems.append('does not end')
        process.kill()
        for pid in daemons():
            os.kill(int(pid), signal.SIGKILL)
        process.wait()
    with open(SAID) as file:
        said = file.read()
    if process.returncode < 0 or process.returncode > 2:
        problems.append('ended with %d' % process.returncode)
    # One line of ours, and before it where libfuse, or its helper, has a word.
    if process.returncode != 0 and not up and not 1 <= said.count('\n') <= 3:
        problems.append('said %r' % said)
    if up and process.returncode != 0:
        problems.append('ended with %d in the end, and said %r' % (process.returncode, said))
    if mounted():
        problems.append('left a mount')
        abort_mount()
    with open(TOLD) as file:
        told = file.read().split('\n')
    names = [line for line in told if line and ' ' not in line]
    living = [int(line.split()[0]) for line in told if 'living' in line]
    return names, [problem for problem in problems if problem], living, said.strip()


def main():
    os.makedirs(MOUNT, exist_ok=True)
    number, bad, others = FIRST, 0, 0
    verbose = os.environ.get('VERBOSE')
    while True:
        names, problems, living, said = attempt(number)
        if not names:
            break
        if verbose:
            print('%d %s: %s living %s' % (number, names, said, living))
        known = [name for name in names for place in KNOWN if name.startswith(place)]
        # libfuse drops what it has no memory for, and so the end of a file, with its lock.
        known += [name for name in names if name.startswith('calloc@libfuse3') and problems == ["left: ['flocked']"]]
        for problem in problems:
            bad += not known
            if verbose or not known:
                print('%s %d (%s): %s%s' % (KIND, number, ', '.join(names), problem, ' - known' if known else ''), flush=True)
        others += bool(problems and known)
        number += STRIDE
    print('%s: %d calls, %d bad ends, %d known ones in libraries' % (KIND, number - 1, bad, others))
    return 1 if bad or problems else 0


sys.exit(main())
