"""Draws faults, injects them, and heals them.

A setup (setups.py) says which ones. The seed decides which faults are injected, on what and for how
long. Two faults may last at the same time, but not two with the same `concerns`.
"""

import time

from failovers import FAILOVERS
from faults import FAULTS
from history import boot_ns
from server_changes import SERVER_CHANGES


def faults_of(setup):
    if setup.faults is None:
        return FAULTS
    return [kind for kind in FAULTS + SERVER_CHANGES + FAILOVERS if kind.__name__ in setup.faults]


# Faults are healed in the opposite order: a daemon is mounted again when it can reach the server, and the server has memory. A
# primary that is gone is replaced when the Sentinels are back and replicas in time.
ORDER = ("channels", "daemon", "holder", "memory", "network", "redis", "replica", "sentinels")


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
        if not first.alone or self.random.random() < 0.35:
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
            quick = self.stage.setup.quick and not self.all_injected()
            pauses = (0.1, 0.3, 0.5) if quick else self.stage.setup.pauses
            time.sleep(self.random.choice(pauses))
