"""The setups of a run: what the server keeps, how mounts and workers use it, and which faults are injected.

  data    the server has an AOF, so a restart keeps its data; the fault that removes them is the exception. All kinds of faults
  empty   the server keeps nothing: it comes back empty or with data from some time before, or is emptied under living
          connections, again and again. Nothing else fails but processes that use locks
  sentinel  a primary, two replicas and three Sentinels, with failovers and split brains again and again. Processes that use
          locks are killed, and mounts are cut off
  cluster the same with a cluster, in which the slot of the namespace moves as well
"""

import collections

# servers: `one`, `sentinel` or `cluster` (stage.py); redis: options of each. mount: more options of the mounts.
# timeout_ms: how long a mount waits for the server. leases: (weight, lease in ms) of what workers acquire; lease_ms: that of a
# plain path. waits: how long they wait, in ms. holds: how likely one holds a lock for seconds, whatever else it would do. turns:
# how often each kind of turn comes (worker.py), None: as worker.py has it. pool: is there a directory with a limit? faults: names
# of their classes, None: all of faults.py. pauses: between faults, in s. quick: are they shorter until each was injected?
Setup = collections.namedtuple(
    "Setup", "name servers mount timeout_ms leases lease_ms waits holds turns pool faults pauses quick redis")

DATA = Setup(
    name="data", servers="one", mount=(), timeout_ms=1000,
    leases=((3, 500), (4, 1000), (4, 2000), (2, 4000), (1, 60000)), lease_ms=2000,
    waits=(300, 1000, 2500, 4000), holds=0, turns=None, pool=True, faults=None, pauses=(0.2, 0.5, 1.0, 1.0, 2.0, 5.0), quick=True,
    redis=("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-min-size", "8mb",
           "--no-appendfsync-on-rewrite", "no"))

# Leases are longer than two restarts with a grace each, so that none ends by itself meanwhile. Given ids and directories
# with a limit are left out: a server without data forgets limits, and a mount puts back what it acquired itself.
EMPTY = Setup(
    name="empty", servers="one", mount=(), timeout_ms=5000, leases=((6, 8000), (1, 60000)), lease_ms=8000,
    waits=(1000, 4000, 8000, 12000), holds=0.35,
    turns={"excl": 18, "plain": 4, "wait": 22, "attempts": 4, "hold": 26, "flock": 16, "flocknb": 6,
           "posix": 8, "posixnb": 3, "ofd": 6, "ofdnb": 3, "own": 22, "attack": 6, "look": 10, "force": 2},
    pool=False,
    faults=("ServerEmptied", "ServerAged", "ServerFlushed", "ServerChangedTwice", "HolderKilled"),
    # Locks are acquired only between the graces.
    pauses=(0.2, 1.0, 3.0, 4.0, 5.0, 6.0), quick=True,
    redis=("--appendonly", "no"))

FAILOVERS = ("PrimaryKilled", "FailoverOrdered", "PrimaryPartitioned", "SplitBrain", "SplitBrainWithMount", "ReplicasLag",
             "ReplicaSlow", "HolderKilled", "CutOff")

# A failover takes longer than a restart, and so do leases.
SENTINEL = EMPTY._replace(
    name="sentinel", servers="sentinel", leases=((6, 10000), (1, 60000)), lease_ms=10000, holds=0.5,
    faults=(*FAILOVERS, "SentinelLost", "SentinelsLost"), pauses=(0.5, 2.0, 3.0, 4.0), quick=False)
CLUSTER = SENTINEL._replace(name="cluster", servers="cluster", faults=(*FAILOVERS, "SlotMoved"))

SETUPS = {setup.name: setup for setup in (DATA, EMPTY, SENTINEL, CLUSTER)}
