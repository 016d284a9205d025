"""Faults of links, daemons, processes, and of one Redis that has an AOF.

A fault is a class: `inject` causes it, `heal` removes it, and `lasts` says how long it lasts, in s.
"""

import os
import signal
import subprocess
import sys
import time

from history import boot_ns
from servers import NAMESPACE
from system import StageError, die_with_runner, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))


class Fault:
    concerns = "network"
    lasts = (0.3, 4.0)
    weight = 1
    alone = True  # does it show anything without another fault?

    def __init__(self, nemesis):
        self.nemesis, self.stage, self.random = nemesis, nemesis.stage, nemesis.random
        self.redis = self.stage.redis
        self.target = "redis"
        self.details = {}

    @classmethod
    def possible(cls, _nemesis):
        return True

    def inject(self):
        raise NotImplementedError

    def heal(self):
        pass


class OnMount(Fault):
    def __init__(self, nemesis):
        super().__init__(nemesis)
        self.mount = self.random.choice(self.stage.mounts)
        self.target = self.mount.name


class DaemonKilled(OnMount):
    name = "daemon killed, mounted again"
    concerns = "daemon"
    lasts = (0.0, 2.5)

    def inject(self):
        self.mount.kill()

    def heal(self):
        self.mount.start()


class DaemonRestarted(DaemonKilled):
    """
    The directory beneath is uncovered for no moment while a new daemon replaces the dead
    mount: the workers of the mount try to create a plain file there all the time. Where two
    daemons start at once, one of them wins.
    """

    name = "daemon killed, restarted under tight loops"
    lasts = (0.0, 0.5)
    restarts = 3

    def inject(self):
        self.mount.set_mode("rush")
        super().inject()

    def heal(self):
        try:
            super().heal()
            for _ in range(self.restarts - 1):
                time.sleep(self.random.uniform(0, 0.3))
                self.mount.kill()
                self.restart()
        finally:
            self.mount.set_mode(None)

    def restart(self):
        if self.random.random() < 0.5:
            self.mount.start()
        elif not self.mount.start_two():
            self.nemesis.writer.write(e="stacked", on=self.mount.name, t=boot_ns())


class DaemonStopped(OnMount):
    name = "daemon stopped, goes on"
    concerns = "daemon"

    def inject(self):
        self.mount.process.send_signal(signal.SIGSTOP)

    def heal(self):
        self.mount.process.send_signal(signal.SIGCONT)


class OnHolder(Fault):
    concerns = "holder"

    def __init__(self, nemesis):
        super().__init__(nemesis)
        self.worker = self.random.choice(nemesis.workers)
        self.target = self.worker.name


class HolderKilled(OnHolder):
    name = "process killed"
    lasts = (0.0, 0.5)
    weight = 2

    def inject(self):
        self.worker.kill()

    def heal(self):
        self.worker.start()


class HolderStopped(OnHolder):
    name = "process stopped, goes on"
    weight = 2

    def inject(self):
        self.worker.process.send_signal(signal.SIGSTOP)

    def heal(self):
        self.worker.process.send_signal(signal.SIGCONT)


class RedisKilled(Fault):
    name = "Redis killed, back with its data"
    concerns = "redis"
    lasts = (0.0, 2.5)

    def inject(self):
        self.redis.kill()

    def heal(self):
        self.redis.start()


class RedisEmptied(RedisKilled):
    name = "Redis killed, back empty"

    @classmethod
    def possible(cls, nemesis):
        # Tokens then continue from the clock, so the clock must not be behind the time that it showed before.
        return nemesis.clock_is_ahead()

    def heal(self):
        self.redis.forget()
        self.nemesis.forgot_us = self.nemesis.clock_us()
        self.redis.start()


class RedisStopped(Fault):
    name = "Redis stopped, goes on"
    concerns = "redis"

    def inject(self):
        self.redis.process.send_signal(signal.SIGSTOP)

    def heal(self):
        self.redis.process.send_signal(signal.SIGCONT)


class OnCable(OnMount):
    ways = ("there", "back")
    how = {"loss": 100}

    def inject(self):
        for way in self.ways:
            self.mount.cable.order(way, **self.how)

    def heal(self):
        self.mount.cable.both()


class CutOff(OnCable):
    name = "mount cut off"


class RequestsLost(OnCable):
    name = "one way: requests lost"
    ways = ("there",)


class AnswersLost(OnCable):
    name = "one way: answers lost"
    ways = ("back",)


class IdAnswersLost(AnswersLost):
    """
    A mount that lost the answer to an acquisition takes the acquisition back as soon as it can.
    By then another mount may have been told that the lock is its own, for it presents the same id.
    """

    name = "one id on several mounts, answers lost on one"
    lasts = (1.2, 3.0)

    def inject(self):
        for mount in self.stage.mounts:
            mount.set_mode("ids" if mount is self.mount else "join")
        # The kernel looks a name up before it creates. The answer that is to be lost is that to the
        # creation, so creations are under way most of the time.
        self.mount.cable.both(delay=100)
        # Most turns of other kinds end meanwhile.
        time.sleep(2)
        super().inject()

    def heal(self):
        try:
            super().heal()
            # The mount reconnects, and undoes acquisitions whose answers were lost.
            time.sleep(1.5)
        finally:
            for mount in self.stage.mounts:
                mount.set_mode(None)


class Slow(OnCable):
    name = "delay of 50 to 500 ms"

    def inject(self):
        # Each way gets half of the delay of a round.
        self.how = {"delay": self.random.randint(25, 200), "jitter": self.random.choice((0, 0, 20, 50))}
        super().inject()


class Lossy(OnCable):
    name = "5 to 30 % of packets lost"

    def inject(self):
        self.how = {"loss": self.random.randint(5, 30)}
        super().inject()


class ConnectionsKilled(Fault):
    name = "connections killed (CLIENT KILL)"
    concerns = "redis"
    lasts = (0.0, 0.5)

    def inject(self):
        kinds = self.random.choice((("normal",), ("pubsub",), ("normal", "pubsub")))
        for kind in kinds:
            self.redis.ask("CLIENT", "KILL", "TYPE", kind)


class DiskFull(Fault):
    name = "disk full for the AOF"
    concerns = "redis"

    def inject(self):
        # With `always` the server exits if it cannot write to its disk.
        self.redis.ask("CONFIG", "SET", "appendfsync", "everysec")
        with open(self.redis.data + "/filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(65536))
            except OSError:
                pass

    def heal(self):
        os.unlink(self.redis.data + "/filler")
        wait_until(10, self.is_written, "the AOF is written again")
        self.redis.ask("CONFIG", "SET", "appendfsync", "always")

    def is_written(self):
        info = self.redis.ask("INFO", "persistence")
        return "aof_last_write_status:ok" in info and "aof_rewrite_in_progress:0" in info


class MemoryFull(Fault):
    """The server refuses what needs memory. What needs none works as before, so nothing else is excused by it."""

    name = "memory of Redis full (maxmemory, noeviction)"
    concerns = "memory"
    lasts = (2.0, 5.0)

    def __init__(self, nemesis):
        super().__init__(nemesis)
        self.target = "memory"

    def inject(self):
        # Its policy is noeviction by default.
        self.redis.ask("CONFIG", "SET", "maxmemory", "1")

    def heal(self):
        self.redis.ask("CONFIG", "SET", "maxmemory", "0")


class Garbage(Fault):
    """Anybody may publish. What is no true message changes nothing, so nothing is excused by it."""

    name = "garbage and forged messages on all channels"
    concerns = "channels"
    lasts = (1.0, 5.0)

    def __init__(self, nemesis):
        super().__init__(nemesis)
        self.target = "channels"
        self.processes = []
        # Forged messages are most dangerous while real ones are awaited, so real ones are delayed.
        self.forcing = self.random.choice([None] + self.stage.mounts)

    def start(self, *command):
        self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                               preexec_fn=die_with_runner))

    def inject(self):
        if self.forcing:
            self.forcing.set_mode("force")
            self.forcing.cable.both(delay=10)
        # Mounts subscribe to events while a process reads them.
        for mount in self.stage.mounts:
            self.start("cat", mount.path + "/.events")
        self.start(sys.executable, "-S", "-B", os.path.join(HERE, "garbage.py"), self.redis.socket, NAMESPACE,
                   str(self.random.randrange(1 << 30)))

    def heal(self):
        if self.forcing:
            self.forcing.set_mode(None)
            self.forcing.cable.both()
        garbage = self.processes[-1]
        if garbage.poll() is not None:
            raise StageError("garbage.py has ended by itself")
        for process in self.processes:
            process.kill()
        # A reader may wait for a stopped daemon; it is collected when the daemon continues.
        garbage.wait()


class ClockForward(Fault):
    name = "server's clock set forward"
    concerns = "redis"
    lasts = (0.0, 1.0)

    def inject(self):
        seconds = self.random.choice((0.5, 2, 5, 30))
        self.details = {"by": int(seconds * 1000)}
        self.nemesis.shift_clock(seconds)


class ClockBack(Fault):
    name = "server's clock set back"
    concerns = "redis"
    lasts = (0.0, 1.0)
    steps = (0.3, 1, 2)

    @classmethod
    def possible(cls, nemesis):
        # Nor may it go behind the time at which the data was lost: there may be no token since then.
        return nemesis.clock_us() - max(cls.steps) * 1000000 > nemesis.forgot_us

    def inject(self):
        # Leases end later by the same time, and a run waits for them at the end.
        seconds = self.random.choice(self.steps)
        self.details = {"by": -int(seconds * 1000)}
        self.nemesis.shift_clock(-seconds)


FAULTS = [DaemonKilled, DaemonRestarted, DaemonStopped, HolderKilled, HolderStopped, RedisKilled, RedisEmptied,
          RedisStopped, CutOff, RequestsLost, AnswersLost, IdAnswersLost, Slow, Lossy, ConnectionsKilled, DiskFull,
          MemoryFull, Garbage, ClockForward, ClockBack]
