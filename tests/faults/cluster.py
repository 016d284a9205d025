"""A cluster of three primaries. The one with the locks and the one to which their slot is moved have two replicas each."""

import collections
import time

from group import RECOVERY, Group, answer, poll_until
from servers import NAMESPACE, PORT
from system import StageError

SLOTS = 16384
PRIMARIES = 3
NODES = 7
NODE_TIMEOUT_MS = 1000
KEYS_AT_A_TIME = 10


class Cluster(Group):
    prefix = "{%s}" % NAMESPACE

    def __init__(self, stage):
        super().__init__(stage, NODES, (
            "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", str(NODE_TIMEOUT_MS),
            "--cluster-allow-replica-migration", "no"))
        self.slot = None

    # Starting

    def start(self):
        first = self.servers[0]
        for number, server in enumerate(self.servers, 1):
            server.start()
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", number)
            first.ask("CLUSTER", "MEET", server.address, PORT)
        self.slot = first.ask("CLUSTER", "KEYSLOT", self.prefix)
        primaries = self.servers[:PRIMARIES]
        for number, server in enumerate(primaries):
            server.ask("CLUSTER", "ADDSLOTSRANGE", SLOTS * number // PRIMARIES, SLOTS * (number + 1) // PRIMARIES - 1)
        poll_until(RECOVERY, lambda: all(len(self.nodes(server)) == NODES for server in self.servers), "the nodes know each other")
        owner = next(number for number in range(PRIMARIES) if self.slot < SLOTS * (number + 1) // PRIMARIES)
        with_replicas = primaries[owner], primaries[(owner + 1) % PRIMARIES]
        for number, server in enumerate(self.servers[PRIMARIES:]):
            primary = self.id_of(with_replicas[number % 2])
            # A node that has not heard yet that the other one is a primary refuses.
            poll_until(RECOVERY, lambda server=server, primary=primary: answer(server, "CLUSTER", "REPLICATE", primary) == "OK",
                       "a node replicates")
        poll_until(RECOVERY, self.is_well, "the cluster is up")

    def source(self, _mount):
        return self.source_of("redis-cluster")

    # What nodes know

    @staticmethod
    def nodes(server):
        """The lines of CLUSTER NODES in words, without nodes that are not known well yet."""
        lines = [line.split() for line in (answer(server, "CLUSTER", "NODES") or "").splitlines()]
        return [words for words in lines if "handshake" not in words[2]]

    @staticmethod
    def id_of(server):
        return server.ask("CLUSTER", "MYID")

    def named(self, server):
        """The address of the node that has the slot, as this one knows."""
        for words in self.nodes(server):
            for first, _, last in (part.partition("-") for part in words[8:] if not part.startswith("[")):
                if int(first) <= self.slot <= int(last or first):
                    return words[1].partition(":")[0]
        return None

    def primary(self):
        named = [address for address in map(self.named, self.servers) if address]
        return self.at(collections.Counter(named).most_common(1)[0][0]) if named else None

    def primaries(self):
        return [server for server in self.servers if server.is_primary()]

    def is_well(self):
        counts = sorted(server.replicas() for server in self.primaries())
        return len({self.named(server) for server in self.servers}) == 1 and counts == [0, 2, 2] and all(
            "cluster_state:ok" in (answer(server, "CLUSTER", "INFO") or "") and
            not any("fail" in words[2] for words in self.nodes(server)) and
            (server.is_primary() or server.replicates()) for server in self.servers)

    # Changing

    def order_failover(self, random):
        primary = self.id_of(self.primary())
        replica = random.choice([server for server in self.servers if any(
            "myself" in words[2] and words[3] == primary for words in self.nodes(server))])
        # Forced, it does not wait until it has all that the primary has.
        how = random.choice((("CLUSTER", "FAILOVER"), ("CLUSTER", "FAILOVER"), ("CLUSTER", "FAILOVER", "FORCE")))
        replica.ask(*how)
        return " ".join(how)

    def move_slot(self, pause):
        """To the other node with replicas, key by key with pauses, as redis-cli does. Returns how many keys there were."""
        source = self.primary()
        target = next(server for server in self.primaries() if server is not source and server.replicas())
        target.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.id_of(source))
        source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.id_of(target))
        moved = 0
        end = time.monotonic() + RECOVERY
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, KEYS_AT_A_TIME):
            # A node that is busy may not answer in time, and is asked again.
            moved += len(keys) if answer(source, "MIGRATE", target.address, PORT, "", 0, 2000, "KEYS", *keys) == "OK" else 0
            if time.monotonic() > end:
                raise StageError("the slot cannot be moved")
            time.sleep(pause)
        for server in (target, source, *(each for each in self.primaries() if each not in (target, source))):
            server.ask("CLUSTER", "SETSLOT", self.slot, "NODE", self.id_of(target))
        if self.named(target) != target.address:
            raise StageError("the slot has not been moved")
        return moved
