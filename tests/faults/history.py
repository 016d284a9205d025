"""Histories: operations with their results, and injected faults, one JSON object a line.

Each process writes a file of its own, with write(2) before and after each operation, so
that the file of a killed process has the operation that it had begun.

  {"e": "begin", "p": PROCESS, "pid": N, "m": MOUNT}     a worker; PROCESS is one of its lives
  {"e": "inv", "p": PROCESS, "n": N, "t": NS, "op": OP, …}
  {"e": "ret", "p": PROCESS, "n": N, "t": NS, "r": RESULT, …}
  {"e": "fault", "kind": KIND, "on": TARGET, "t": NS, "until": NS, …}
  {"e": "setup", "name": SETUP}                          what the server keeps (setups.py); absent: "data"
  {"e": "stalled", "t": NS, "until": NS}                 the machine stood still, for everybody
  {"e": "killed", "p": PROCESS, "t": NS}
  {"e": "limit", "dir": DIR, "limit": N, "t": NS}        a directory has a limit from now on
  {"e": "last", "token": N}                              the largest token of the history before
  {"e": "left", "key": KEY, "token": N, "pid": N, "t": NS}   a lock that is there in the end, all being well
  {"e": "keys", "keys": [KEY]}                           what the server holds after all was released
  {"e": "beneath", "on": MOUNT, "names": [NAME], "changed": BOOL}   plain files beneath a mount; was anything created
  {"e": "stacked", "on": MOUNT, "t": NS}                 two daemons served one mount point at the same time
  {"e": "stuck", "p": PROCESS, "t": NS}                  it did not end its operation

Times are CLOCK_BOOTTIME in nanoseconds, which all processes share. RESULT is "OK"
or the name of an errno.

Operations, with the fields of their `inv`; `h` names a handle, an open file of
one acquisition:

  acquire  key, h, how, mode (exclusive or shared), ttl (ms), wait (ms; 0: does not wait), excl, bound, signal; its `ret`
           has plain: true where the file is a plain one, beneath the mount
  convert  key, h, how, mode (the new one), ttl, wait, queued, bound, keeps: does the lock stay as it is if the answer is no
  token    h; its `ret` has the fencing token
  write, read   h, and what was written or read
  state    h; its `ret` has user.lock.state
  poll     h; its `ret` has told: POLLHUP was there
  signal   h; its `ret` has told: the signal was there
  bind     h, key: flock(2) of a file that acquired by creating
  refresh  key, h, ttl (0: its own)
  release  key, h, how: unlink, close or unlock (the latter two of bound locks)
  close    h; of what is not bound, so that nothing is released
  attack   key, how: an unlink or utime, or a truncate or write of what was opened by its path, by somebody who may not
  force    key
  set-limit   dir, limit: the directory is made, if need be, and has a limit
  look     key; its `ret` has token and pid where a lock is there
  rush     creations and removals in a tight loop; its `ret` has tries, acquired, and plain: how many
           of the files were plain ones

Operations of workers that present one id on several mounts, `id`:

  id-acquire  key, id, h, how, ttl, wait
  id-state    key, id, h; its `ret` has state and, as far as they were told, token and left (ms of its lease)
  id-refresh  key, id, ttl, and h where it is asked for through the handle
  id-release  key, id
  id-force    key
"""

import contextlib
import errno
import json
import os
import time

ERRNO_NAMES = {**errno.errorcode, errno.ENOTSUP: "ENOTSUP"}


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def outcome(function, *arguments, **named):
    """(RESULT, value) of a call."""
    try:
        return "OK", function(*arguments, **named)
    except OSError as error:
        return ERRNO_NAMES.get(error.errno, str(error.errno)), None


def set_limit(path, limit):
    """Makes a directory, if need be, in which there may be so many locks."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
    os.setxattr(path, "user.lock.limit", b"%d" % limit)


class Writer:
    def __init__(self, path):
        self.fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, **event):
        os.write(self.fd, json.dumps(event, separators=(",", ":")).encode() + b"\n")

    def close(self):
        os.close(self.fd)


def read(directory):
    """All events of the histories in a directory, in no order."""
    events = []
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".jsonl"):
            continue
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            for line in file:
                # A process may have been killed in the middle of its last line.
                if line.endswith("\n"):
                    events.append(json.loads(line))
    return events
