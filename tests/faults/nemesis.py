"""The faults that are injected and healed.

A setup (setups.py) says which ones. A fault is a class: `inject` causes it, `heal` removes it, and `lasts` says how long it
lasts, in s. The seed decides which faults are injected, on what and for how long. Two
faults may last at the same time, but not two with the same `concerns`.
"""

import os
import signal
import subprocess
import sys
import time

from history import boot_ns
from stage import NAMESPACE, StageError, die_with_runner, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))


class Fault:
    concerns = "network"
    lasts = (0.3, 4.0)
    weight = 1

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


class ServerChanged(Fault):
    """The server loses data, and mounts put back what they have. Down for no longer than mounts take to find it again."""

    concerns = "redis"
    lasts = (0.0, 1.0)
    weight = 3

    @classmethod
    def restart_empty(cls, redis):
        redis.forget()
        redis.start()


class ServerEmptied(ServerChanged):
    name = "server killed, back empty"

    def inject(self):
        self.redis.kill()

    def heal(self):
        self.restart_empty(self.redis)


class ServerAged(ServerChanged):
    """It comes back with a copy of its data from a moment before. What was released since is there again."""

    name = "server killed, back with older data"

    def inject(self):
        self.redis.ask("SAVE")
        age = self.random.uniform(0.1, 3)
        time.sleep(age)
        self.details = {"age": int(age * 1000)}
        self.redis.kill()

    def heal(self):
        self.redis.start()
        self.redis.forget()


class ServerFlushed(ServerChanged):
    name = "server emptied (FLUSHALL)"
    lasts = (0.0, 0.0)

    def inject(self):
        self.redis.ask("FLUSHALL")


class ServerChangedTwice(ServerChanged):
    """
    Within the grace after the first change, which has not ended for those that are not back yet: one daemon is stopped
    after the second change for a while, and goes on well within the grace.
    """

    name = "server killed, back empty, changed again"
    lasts = (0.0, 1.5)
    late = 1.4  # s after the grace has begun at the earliest

    def inject(self):
        self.redis.kill()

    def wait_for_first_mount(self):
        """Most dangerous is the moment at which the first mount is back, and others are not."""
        end = time.monotonic() + 1
        while not self.redis.ask("EXISTS", NAMESPACE + "#e") and time.monotonic() < end:
            time.sleep(0.002)

    def heal(self):
        mount = self.random.choice(self.stage.mounts)
        self.details = {"late": mount.name}
        mount.process.send_signal(signal.SIGSTOP)
        try:
            grace_began = self.change_twice()
            time.sleep(max(0, grace_began + self.late - time.monotonic()))
        finally:
            mount.process.send_signal(signal.SIGCONT)

    def change_twice(self):
        """Returns when the server was there again. FLUSHALL does not make the grace longer."""
        self.restart_empty(self.redis)
        began = time.monotonic()
        if self.random.random() < 0.5:
            self.wait_for_first_mount()
        else:
            time.sleep(self.random.uniform(0, 1))
        if self.random.random() < 0.7:
            self.redis.ask("FLUSHALL")
            return began
        self.redis.kill()
        time.sleep(self.random.uniform(0, 0.5))
        self.restart_empty(self.redis)
        return time.monotonic()


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
SERVER_CHANGES = [ServerEmptied, ServerAged, ServerFlushed, ServerChangedTwice]


def faults_of(setup):
    if setup.faults is None:
        return FAULTS
    return [kind for kind in FAULTS + SERVER_CHANGES if kind.__name__ in setup.faults]


# Faults are healed in the opposite order: a daemon is mounted again when it can reach the server, and the server has memory.
ORDER = ("channels", "daemon", "holder", "memory", "network", "redis")


class Nemesis:
    def __init__(self, stage, workers, random, only):
        self.stage, self.workers, self.random = stage, workers, random
        self.kinds = [kind for kind in faults_of(stage.setup) if not only or any(word in kind.name for word in only)]
        self.bag = []
        self.writer = None
        self.highest_clock_us = 0
        self.forgot_us = 0
        self.counts = {kind.name: 0 for kind in self.kinds}

    # The server's clock

    def clock_us(self):
        return time.time_ns() // 1000 + self.stage.redis.offset_us

    def shift_clock(self, seconds):
        self.highest_clock_us = max(self.highest_clock_us, self.clock_us())
        self.stage.redis.set_clock(self.stage.redis.offset_us + int(seconds * 1000000))

    def clock_is_ahead(self):
        return self.clock_us() > self.highest_clock_us

    # Injecting

    def draw(self, but=()):
        """The next kind of fault: all have their turn before one comes again."""
        for _ in range(2):
            for kind in self.bag:
                if kind.concerns not in but and kind.possible(self):
                    self.bag.remove(kind)
                    return kind(self)
            more = [kind for kind in self.kinds for _ in range(kind.weight)]
            self.random.shuffle(more)
            self.bag += more
        return None

    def strike(self):
        """One or two faults, from beginning to end."""
        first = self.draw()
        if not first:
            time.sleep(0.5)
            return
        faults = [first]
        if self.random.random() < 0.35:
            second = self.draw(but={first.concerns})
            faults += [second] if second else []
        faults.sort(key=lambda fault: ORDER.index(fault.concerns))
        began = []
        try:
            for fault in faults:
                began.append((fault, boot_ns()))
                fault.inject()
            shortest, longest = first.lasts
            time.sleep(self.random.uniform(shortest, longest if self.all_injected() else min(longest, 1.5)))
        finally:
            for fault, at in reversed(began):
                fault.heal()
                self.counts[fault.name] += 1
                self.writer.write(e="fault", kind=type(fault).__name__, on=fault.target, t=at, until=boot_ns(),
                                  **fault.details)

    def all_injected(self):
        return all(self.counts.values())

    def run(self, until):
        while time.monotonic() < until:
            self.strike()
            # Now and then nothing is injected for long enough to see that everything works again; a short run cannot wait that long.
            pauses = self.stage.setup.pauses if self.all_injected() else (0.1, 0.3, 0.5)
            time.sleep(self.random.choice(pauses))
