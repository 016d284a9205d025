"""Faults of several servers: failovers, split brains, Sentinels that are gone, and a slot that moves.

Each lasts until the servers are well again: they agree on the primary, and it has its replicas.
"""

import random
import time

from faults import CutOff, Fault
from group import poll_until
from history import boot_ns
from system import StageError

ANOTHER = 40   # within this time another server has become the primary, in s
PATIENCE = 20  # for so long Sentinels may take to make an old primary a replica, in s


class OfPrimary(Fault):
    """The mounts follow, and put back what they have. `down`: how long no server took writes at most, in ms."""

    concerns = "redis"
    lasts = (0.0, 1.0)
    soon = 0.25  # how likely it is over before another server is the primary

    def __init__(self, nemesis):
        super().__init__(nemesis)
        self.replaced = self.random.random() >= self.soon
        self.old = None
        self.began = None

    def inject(self):
        self.old = self.redis.primary()
        self.began = time.monotonic()
        self.strike()

    def strike(self):
        raise NotImplementedError

    def heal(self):
        self.end()
        # Sentinels make an old primary a replica 10 s after it is back. That is long for a short run, so somebody else does it.
        helped = not self.nemesis.all_injected() or self.random.random() < 0.75
        self.redis.recover(self.random.uniform(0, 2) if helped else PATIENCE)

    def end(self):
        """Removes the cause, before or after another server has become the primary."""
        raise NotImplementedError

    def wait_until_up(self, but=None):
        poll_until(ANOTHER, lambda: self.redis.is_up(but), "a primary takes writes")
        self.details["down"] = int((time.monotonic() - self.began) * 1000)


class PrimaryKilled(OfPrimary):
    """It keeps nothing. So if it is back before another server has its place, all is lost but what mounts put back."""

    name = "primary killed (kill -9), and back"

    def strike(self):
        self.old.kill()

    def end(self):
        if self.replaced:
            self.wait_until_up(but=self.old)
            time.sleep(self.random.uniform(0, 1))
            self.old.start()
        else:
            self.old.start()
            self.wait_until_up()


class FailoverOrdered(OfPrimary):
    name = "failover ordered while the primary lives"

    def __init__(self, nemesis):
        super().__init__(nemesis)
        # How often it is refused is not the same in each run with one seed, and so must not change what comes next.
        self.random = random.Random(self.random.random())

    def strike(self):
        # It is refused while the last one has not ended.
        poll_until(ANOTHER, self.ordered, "a failover is begun")
        poll_until(ANOTHER, self.has_ended, "the failover has ended")

    def ordered(self):
        try:
            self.details = {"how": self.redis.order_failover(self.random)}
        except StageError:
            return False
        return True

    def has_ended(self):
        return self.redis.primary() not in (None, self.old)

    def end(self):
        self.wait_until_up()


class PrimaryPartitioned(OfPrimary):
    name = "primary cut off from everybody"
    longest = 2  # s with two primaries

    def strike(self):
        self.old.host.cable.both(loss=100)

    def mend(self):
        self.old.host.cable.both()

    def end(self):
        if self.replaced:
            self.wait_until_up(but=self.old)
            time.sleep(self.random.uniform(0, self.longest))
            self.mend()
        else:
            self.mend()
            self.wait_until_up()


class SplitBrain(PrimaryPartitioned):
    """All mounts reach all servers. It goes on when others can acquire at the new primary, which is after the grace of 2 s."""

    name = "primary cut off from the other servers"
    longest = 5

    def strike(self):
        self.stage.middle.cut(self.old.address, self.other_addresses())

    def other_addresses(self):
        return [server.address for server in self.redis.others(self.old)]

    def mend(self):
        self.stage.middle.mend()


class SplitBrainWithMount(SplitBrain):
    """One mount reaches the old primary only. It may lose what it has, as any mount that is cut off."""

    name = "primary and one mount cut off from the other servers"

    def __init__(self, nemesis):
        super().__init__(nemesis)
        self.mount = self.random.choice(self.stage.mounts)
        self.cut_at = None

    def strike(self):
        self.cut_at = boot_ns()
        super().strike()
        self.stage.middle.cut(self.mount.cable.address, self.other_addresses())

    def mend(self):
        super().mend()
        self.nemesis.writer.write(e="fault", kind=CutOff.__name__, on=self.mount.name, t=self.cut_at, until=boot_ns())


class ReplicasLag(SplitBrain):
    """The replicas have missed the last changes when the primary is killed. It still took writes then."""

    name = "replicas lag, and the primary is killed"
    lasts = (0.1, 0.9)

    def end(self):
        self.began = time.monotonic()
        self.old.kill()
        self.wait_until_up(but=self.old)
        self.mend()
        self.old.start()


class ReplicaSlow(Fault):
    """Nothing is excused by it: who is slow may become the primary all the same."""

    name = "a replica lags by 50 to 400 ms"
    concerns = "replica"
    alone = False
    lasts = (1.0, 4.0)

    def __init__(self, nemesis):
        super().__init__(nemesis)
        self.target = "replica"
        self.server = None

    def inject(self):
        self.server = self.random.choice(self.redis.others(self.redis.primary()))
        self.server.host.cable.both(delay=self.random.randint(25, 200))

    def heal(self):
        self.server.host.cable.both()


class SentinelsLost(Fault):
    """Mounts need no Sentinel but for a failover, so nothing is excused by it."""

    name = "all Sentinels killed, and back"
    concerns = "sentinels"
    alone = False
    lasts = (1.0, 3.0)

    def __init__(self, nemesis):
        super().__init__(nemesis)
        self.target = "sentinels"
        self.sentinels = self.choose()

    def choose(self):
        return self.redis.sentinels

    def inject(self):
        for sentinel in self.sentinels:
            sentinel.kill()

    def heal(self):
        for sentinel in self.sentinels:
            sentinel.start()


class SentinelLost(SentinelsLost):
    name = "one Sentinel killed, and back"
    lasts = (0.5, 4.0)

    def choose(self):
        return [self.random.choice(self.redis.sentinels)]


class SlotMoved(OfPrimary):
    """The mounts repeat what they ask for until the slot has its new node."""

    name = "slot of the namespace moved to another node"

    def strike(self):
        self.details = {"keys": self.redis.move_slot(self.random.choice((0, 0.01, 0.1, 0.2)))}

    def end(self):
        self.wait_until_up(but=self.old)


FAILOVERS = [PrimaryKilled, FailoverOrdered, PrimaryPartitioned, SplitBrain, SplitBrainWithMount, ReplicasLag,
             ReplicaSlow, SentinelsLost, SentinelLost, SlotMoved]
