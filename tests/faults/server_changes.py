"""Faults by which the one server loses data, and the mounts put back what they have."""

import signal
import time

from faults import Fault
from servers import NAMESPACE


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


SERVER_CHANGES = [ServerEmptied, ServerAged, ServerFlushed, ServerChangedTwice]
