"""Several servers, each on a host of its own (network.py), of which one has the locks: the primary."""

import contextlib
import os
import time

from network import Cable
from servers import PORT, Server, ask_redis
from system import StageError

# The manual recommends the first two for a split brain. A host whose packets are lost is given up within seconds.
OPTIONS = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "1", "--repl-diskless-sync-delay", "0",
           "--repl-timeout", "5", "--repl-ping-replica-period", "1")
RECOVERY = 60    # within this time the group is well after all faults, in s
POLL = 0.05      # s


def answer(server, *words):
    """What a server says; None if it cannot be asked or refuses."""
    try:
        return ask_redis(server.socket, words)[0]
    except (OSError, StageError, ValueError):
        return None


def poll_until(seconds, condition, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise StageError("not within %d s: %s" % (seconds, what))
        time.sleep(POLL)


class Host:
    def __init__(self, stage, number):
        name = "s%d" % number
        self.cable = Cable(stage, name, "10.78.%d" % number, stage.seed + 100 + number)
        self.netns, self.address = self.cable.netns, self.cable.address


class Member(Server):
    def __init__(self, stage, host, number, options=()):
        self.host, self.address = host, host.address
        super().__init__(stage, "server%d" % number, host.netns, (*stage.setup.redis, *OPTIONS, *options))

    def start(self):
        # A replica writes what it gets in full to its disk. As a primary it would load that, however old it is.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.data + "/dump.rdb")
        super().start()

    def is_primary(self):
        role = answer(self, "ROLE")
        return bool(role) and role[0] == "master"

    def replicas(self):
        """How many replicas it says that it has."""
        role = answer(self, "ROLE")
        return len(role[2]) if role and role[0] == "master" else 0

    def replicates(self):
        role = answer(self, "ROLE")
        return bool(role) and role[0] == "slave" and role[3] == "connected"


class Group:
    """What is asked of the group is asked of its primary."""

    prefix = None  # of the keys and channels

    def __init__(self, stage, size, options=()):
        stage.middle.forward()
        self.stage = stage
        self.servers = [Member(stage, Host(stage, number), number, options) for number in range(1, size + 1)]

    def primary(self):
        """The server that most of those name who are to know; None if there is none."""
        raise NotImplementedError

    def is_well(self):
        """Does everybody agree on the primary, and has it its replicas?"""
        raise NotImplementedError

    def demote(self):
        """Makes an old primary a replica that has come back as a primary."""

    def order_failover(self, random):
        """Asks for a failover while the primary lives. Returns how, or raises StageError if it is refused."""
        raise NotImplementedError

    def ask(self, *words):
        primary = self.primary()
        if not primary:
            raise StageError("there is no primary")
        return primary.ask(*words)

    def at(self, address):
        return next((server for server in self.servers if server.address == address), None)

    def others(self, server):
        return [other for other in self.servers if other is not server]

    def is_up(self, but=None):
        """Does a primary take writes that is another one than `but`?"""
        primary = self.primary()
        key = "nemesis{%s}" % self.prefix.strip("{}")
        return primary not in (None, but) and answer(primary, "SET", key, "1", "PX", "100") == "OK"

    def recover(self, patience):
        """Waits until all is well, and helps after so many seconds."""
        helps = time.monotonic() + patience
        end = time.monotonic() + RECOVERY
        while not (self.is_well() and self.is_up()):
            if time.monotonic() > end:
                raise StageError("the servers are not well within %d s" % RECOVERY)
            if time.monotonic() > helps:
                self.demote()
            time.sleep(POLL)

    def source_of(self, scheme, port=PORT):
        return "%s://%s" % (scheme, ",".join("%s:%d" % (server.address, port) for server in self.servers))
