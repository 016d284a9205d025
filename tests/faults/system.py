"""What every part of a run needs: how commands are called, how processes end with the runner, and how something is awaited."""

import ctypes
import os
import signal
import subprocess
import time

# On a busy machine the tested processes must get processor time.
NICE = -5


class StageError(Exception):
    pass


def die_with_runner():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.nice(NICE)


def wait_until(seconds, condition, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise StageError("not within %d s: %s" % (seconds, what))
        time.sleep(0.01)


def call(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise StageError("%s: %s" % (" ".join(command), done.stdout.strip()))
