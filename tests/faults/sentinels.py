"""A primary and two replicas with a Sentinel on the host of each."""

import collections

from group import RECOVERY, Group, answer, poll_until
from servers import NAMESPACE, PORT, Server

SENTINEL_PORT = 26379
NAME = "faults"
QUORUM = 2
DOWN_AFTER_MS = 1000
FAILOVER_TIMEOUT_MS = 3000


class Sentinel(Server):
    """It writes what it learns into its configuration, which it has when it is started again."""

    def __init__(self, stage, host, number, primary):
        super().__init__(stage, "sentinel%d" % number, host.netns, ())
        self.file = self.data + "/sentinel.conf"
        lines = ("port %d" % SENTINEL_PORT, "bind 0.0.0.0", "protected-mode no", "unixsocket " + self.socket,
                 "dir " + self.data, "sentinel monitor %s %s %d %d" % (NAME, primary.address, PORT, QUORUM),
                 "sentinel down-after-milliseconds %s %d" % (NAME, DOWN_AFTER_MS),
                 "sentinel failover-timeout %s %d" % (NAME, FAILOVER_TIMEOUT_MS),
                 "sentinel parallel-syncs %s 2" % NAME)
        with open(self.file, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def arguments(self):
        return (self.file, "--sentinel")

    def lives(self):
        return self.process.poll() is None

    def named(self):
        """The address of the primary that it names."""
        address = answer(self, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME) if self.lives() else None
        return address and address[0]

    def sees_all_well(self):
        fields = answer(self, "SENTINEL", "MASTER", NAME)
        known = dict(zip(fields[::2], fields[1::2])) if fields else {}
        return (known.get("flags"), known.get("num-slaves"), known.get("num-other-sentinels")) == ("master", "2", "2")


class Sentinels(Group):
    prefix = NAMESPACE

    def __init__(self, stage):
        super().__init__(stage, 3)
        first = self.servers[0]
        self.sentinels = [Sentinel(stage, server.host, number, first) for number, server in enumerate(self.servers, 1)]

    def start(self):
        first, *others = self.servers
        for server in self.servers:
            server.start()
        for server in others:
            server.ask("REPLICAOF", first.address, PORT)
        for sentinel in self.sentinels:
            sentinel.start()
        poll_until(RECOVERY, self.is_well, "the Sentinels know all")

    def source(self, _mount):
        return "%s/%s" % (self.source_of("redis-sentinel", SENTINEL_PORT), NAME)

    def primary(self):
        named = [address for address in (sentinel.named() for sentinel in self.sentinels) if address]
        return self.at(collections.Counter(named).most_common(1)[0][0]) if named else None

    def is_well(self):
        named = {sentinel.named() for sentinel in self.sentinels}
        primary = self.at(named.pop()) if len(named) == 1 else None
        return bool(primary) and primary.replicas() == 2 and all(
            server.replicates() for server in self.others(primary)) and all(
                sentinel.sees_all_well() for sentinel in self.sentinels)

    def demote(self):
        primary = self.primary()
        if primary and primary.is_primary():
            for server in self.others(primary):
                if server.is_primary():
                    server.ask("REPLICAOF", primary.address, PORT)

    def order_failover(self, random):
        random.choice([sentinel for sentinel in self.sentinels if sentinel.lives()]).ask("SENTINEL", "FAILOVER", NAME)
        return "SENTINEL FAILOVER"
