"""Runs the workload in rounds: inject faults, heal all, look at the locks that are left, check the round.

run.py WORK BUILD LOCKFS SERVER SECONDS SEED MOUNTS WORKERS SETUP MOUNT_OPTIONS [FAULT...]

Prints the table, and returns 1 if a promise was violated.
"""

import os
import random
import subprocess
import sys
import time

import checker
from history import Writer, boot_ns, outcome, read, set_limit
from nemesis import Nemesis
from setups import SETUPS
from stage import LIMIT, POOL, Stage
from system import StageError, die_with_runner

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = ("alpha", "beta", "gamma")
ROUND = 45       # seconds of faults in a round
DRAIN = 30       # within this time all operations end if no fault is injected
CALM = 2.5       # the longest time by which the clock was set back, plus a margin


class WorkerProcess:
    """One worker, in one life after the other."""

    def __init__(self, run, mount, number):
        self.run, self.mount, self.number = run, mount, number
        self.life = 0
        self.process = None
        self.start()

    @property
    def name(self):
        return "%sw%d.%d" % (self.mount.name, self.number, self.life)

    def start(self):
        self.life += 1
        seed = "%d %s" % (self.run.seed, self.name)
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-B", os.path.join(HERE, "worker.py"), self.name, self.mount.name,
             self.mount.path, ",".join(KEYS), seed, self.run.histories, self.run.control,
             self.run.setup.name], stdin=subprocess.DEVNULL)

    def kill(self):
        at = boot_ns()
        self.process.kill()
        self.run.writer.write(e="killed", p=self.name, t=at)
        # Processes that wait for a stopped daemon end when it continues.

    def rests(self):
        if self.process.poll() is not None:
            raise StageError("worker %s has ended by itself" % self.name)
        try:
            with open("%s.%s" % (self.run.control, self.name), encoding="utf-8") as file:
                return file.read() == "pause %d" % self.run.round
        except FileNotFoundError:
            return False


class Run:
    def __init__(self, work, build, lockfs, server, seconds, seed, mounts, workers, setup, mount_options, *only):
        self.setup = SETUPS[setup]
        self.work, self.seed = work, int(seed)
        self.histories = work + "/history"
        self.control = work + "/control"
        self.seconds = int(seconds)
        self.writer = None
        self.round = 0
        self.token = 0
        self.summary = checker.Summary()
        os.mkdir(self.histories)
        self.order("pause 0")
        self.stage = Stage(work, build, lockfs, server, int(mounts), self.seed, self.setup, mount_options)
        self.workers = [WorkerProcess(self, mount, number)
                        for mount in self.stage.mounts for number in range(1, int(workers) + 1)]
        self.nemesis = Nemesis(self.stage, self.workers, random.Random(self.seed), only)
        # Many servers take their time to start.
        self.end = time.monotonic() + self.seconds

    def order(self, word):
        with open(self.control + ".new", "w", encoding="utf-8") as file:
            file.write(word)
        os.rename(self.control + ".new", self.control)

    # A round

    def drain(self):
        """All workers rest. One that does not is stuck, which is a violation."""
        self.order("pause %d" % self.round)
        end = time.monotonic() + DRAIN
        while not all([worker.rests() for worker in self.workers]):
            if time.monotonic() > end:
                for worker in self.workers:
                    if not worker.rests():
                        self.writer.write(e="stuck", p=worker.name, t=boot_ns())
                return
            time.sleep(0.02)

    def calm(self):
        """So long after a round, all leases are over but the longest ones, which show what is left."""
        return CALM + sorted(lease for _, lease in self.setup.leases)[-2] / 1000

    def look_at_what_is_left(self):
        """What is still held when all leases that may be over are; and then nothing may be."""
        time.sleep(self.calm())
        mount = self.stage.mounts[self.round % len(self.stage.mounts)]
        for key in sorted(self.lock_keys()):
            path = mount.path + "/" + key
            result, token = outcome(os.getxattr, path, "user.lock.token")
            _, pid = outcome(os.getxattr, path, "user.lock.pid")
            self.writer.write(e="left", key=key, r=result, token=int(token or 0), pid=int(pid or 0), t=boot_ns())
            outcome(os.unlink, "%s/.with/force/%s" % (mount.path, key))
        outcome(os.rmdir, mount.path + "/" + POOL)
        redis = self.stage.redis
        self.writer.write(e="keys", keys={key: redis.ask("PTTL", key) for key in redis.ask("KEYS", redis.prefix + "*")})

    def limit_pool(self):
        set_limit(self.stage.mounts[0].path + "/" + POOL, LIMIT)
        self.writer.write(e="limit", dir=POOL, limit=LIMIT, t=boot_ns())

    def look_beneath(self):
        """Nobody may ever have created a plain file in a directory that is a mount point."""
        for mount in self.stage.mounts:
            names, changed = mount.look_beneath()
            self.writer.write(e="beneath", on=mount.name, names=names, changed=changed)

    def lock_keys(self):
        prefix = self.stage.redis.prefix + ":"
        return [key[len(prefix):] for key in self.stage.redis.ask("KEYS", prefix + "*")]

    def check_daemons(self):
        for mount in self.stage.mounts:
            if mount.process.poll() is not None:
                self.writer.write(e="crash", on=mount.name, status=mount.process.returncode)
                mount.start()

    def take_round(self):
        self.round += 1
        directory = "%s/%d" % (self.histories, self.round)
        os.mkdir(directory)
        self.writer = Writer(directory + "/nemesis.jsonl")
        self.nemesis.writer = self.writer
        metronome = subprocess.Popen([sys.executable, "-S", "-B", os.path.join(HERE, "metronome.py"),
                                      directory + "/metronome.jsonl"], stdin=subprocess.DEVNULL)
        self.writer.write(e="last", token=self.token)
        self.writer.write(e="setup", name=self.setup.name)
        if self.setup.pool:
            self.limit_pool()
        self.order(str(self.round))
        self.nemesis.run(min(time.monotonic() + ROUND, max(self.end - self.calm() - 3, time.monotonic() + 5)))
        self.check_daemons()
        self.drain()
        self.look_at_what_is_left()
        self.look_beneath()
        self.writer.close()
        metronome.kill()
        metronome.wait()
        found = checker.check(read(directory))
        self.summary.add(found.summary)
        self.token = max(self.token, found.summary.token)
        return found.violations

    def run(self):
        violations = []
        while time.monotonic() < self.end and not violations:
            violations = self.take_round()
        self.order("end")
        return violations

    def print_table(self, violations):
        counts = self.nemesis.counts
        width = max(map(len, counts))
        print("%-*s  injected" % (width, "fault"))
        for name, count in counts.items():
            print("%-*s  %8d" % (width, name, count))
        print()
        for line in self.summary.lines():
            print(line)
        print("rounds: %d, of %d s in all; mounts: %d; processes at a time: %d" %
              (self.round, self.seconds, len(self.stage.mounts), len(self.workers)))
        print("violations: %d" % len(violations))
        print("seed: %d" % self.seed)


def main():
    die_with_runner()
    run = Run(*sys.argv[1:])
    violations = run.run()
    for violation in violations[:20]:
        print("\nVIOLATION %s\n" % violation)
    run.print_table(violations)
    if violations:
        print("history: %s/%d" % (run.histories, run.round))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
