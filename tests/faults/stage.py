"""The stage of a run: the servers and some mounts, each in a network namespace of its own (network.py).

Cables are programs (cable.c); each direction can be cut, slow or lossy. A single Redis has a wall
clock that can be set (clock.c), and its data on a small tmpfs that can be filled. Every
process started here dies with the runner; `run` recognizes namespaces and mounts that
are left by their names.
"""

import contextlib
import os
import subprocess
import time

from cluster import Cluster
from network import Cable, Middle
from sentinels import Sentinels
from servers import NAMESPACE, Redis
from system import StageError, die_with_runner

POOL = "pool"    # a directory with room for so many locks
LIMIT = 2

SERVERS = {"one": Redis, "sentinel": Sentinels, "cluster": Cluster}


class Mount:
    def __init__(self, stage, number, seed):
        self.name = "m%d" % number
        self.path = "%s/%s" % (stage.work, self.name)
        self.source = stage.redis.source(number)
        self.lockfs = stage.lockfs
        self.options = ["namespace=" + NAMESPACE, "timeout=%dms" % stage.setup.timeout_ms, "ttl=%dms" % stage.setup.lease_ms]
        self.options += [*stage.setup.mount, *([stage.mount_options] if stage.mount_options else [])]
        self.cable = Cable(stage, self.name, "10.77.%d" % number, seed)
        self.process = None
        self.mode_file = "%s/control.%s" % (stage.work, self.name)
        os.mkdir(self.path)
        # Opened before the first mount, so it always shows the directory beneath.
        self.beneath = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.found_beneath = set()
        self.changed_beneath_ns = os.fstat(self.beneath).st_mtime_ns

    def start(self):
        """
        Mounts, and repeats that until the server answers. It never unmounts: a new daemon
        has to replace the mount of a dead one by itself.
        """
        end = time.monotonic() + 30
        while not self.start_once():
            if time.monotonic() > end:
                raise StageError("%s cannot be mounted; see %s.log" % (self.name, self.name))
            # A plain file would keep the daemon from mounting. It is reported when the round ends.
            self.clear_beneath()

    def clear_beneath(self):
        for name in os.listdir(self.beneath):
            self.found_beneath.add(name)
            # The process that created it may remove it meanwhile.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.beneath)

    def look_beneath(self):
        """The plain files found beneath the mount, and whether any was created there, since the last call."""
        self.clear_beneath()
        names, changed_ns = sorted(self.found_beneath), os.fstat(self.beneath).st_mtime_ns
        changed = changed_ns != self.changed_beneath_ns
        self.found_beneath, self.changed_beneath_ns = set(), changed_ns
        return names, changed

    def set_mode(self, mode):
        """
        Asks the workers of this mount for turns of one kind (worker.py); None: for all kinds again.
        Where two faults ask at the same time, the last word counts.
        """
        if mode is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.mode_file)
            return
        with open(self.mode_file + ".new", "w", encoding="utf-8") as file:
            file.write(mode)
        os.rename(self.mode_file + ".new", self.mode_file)

    def start_two(self):
        """Starts two daemons at the same time. Answers whether one of them has given up, as it has to."""
        rivals = [self.spawn(), self.spawn()]
        end = time.monotonic() + 15
        while all(rival.poll() is None for rival in rivals) and time.monotonic() < end:
            time.sleep(0.01)
        winners = [rival for rival in rivals if rival.poll() is None]
        self.process = winners[0] if winners else rivals[0]
        if len(winners) == 2:
            for rival in rivals:
                rival.kill()
                rival.wait()
        if len(winners) != 1 or not self.answers():
            self.start()
        return len(winners) < 2

    def spawn(self):
        with open(self.path + ".log", "ab") as log:
            return subprocess.Popen(
                ["nsenter", "--net=/run/netns/" + self.cable.netns, self.lockfs, self.source, self.path, "-f",
                 "-o", ",".join(self.options)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_runner)

    def start_once(self):
        self.process = self.spawn()
        return self.answers()

    def answers(self):
        """Waits until the mount answers; false where its daemon ends instead."""
        probe = subprocess.Popen(["sh", "-c", 'until [ "$(stat -f -c %T "$0" 2>/dev/null)" = fuseblk ]; do sleep 0.02; done',
                                  self.path], preexec_fn=die_with_runner)
        while probe.poll() is None and self.process.poll() is None:
            time.sleep(0.01)
        probe.kill()
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()


class Stage:
    def __init__(self, work, build, lockfs, server, mounts, seed, setup, mount_options):
        self.work, self.build, self.lockfs, self.server = work, build, lockfs, server
        self.seed = seed
        self.setup, self.mount_options = setup, mount_options
        self.prefix = "lff%d" % (os.getpid() % 100000)
        self.middle = Middle(self)
        self.redis = SERVERS[setup.servers](self)
        self.redis.start()
        self.mounts = [Mount(self, number, seed + number) for number in range(1, mounts + 1)]
        for mount in self.mounts:
            mount.start()
        # A look for what is not there waits for the grace of the new namespace, in which nobody is given a place in a queue.
        for mount in self.mounts:
            os.path.exists(mount.path + "/nothing")

    def netns(self, name):
        return self.prefix + name
