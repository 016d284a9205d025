"""Checks histories (history.py) for what lockfs promises under any fault, and for nothing else.

checker.py DIR...    prints violations; returns 1 if there are any

A token identifies a holding. It was certainly held from the return of its acquisition to
the invocation of its last successful write. An operation took effect at some time between
its invocation and its return. So a violation that a check reports is one in every order
that the history allows.

  exclusion   the certain times of two holdings of a key do not overlap, unless both are shared; so the readers in
              front of a writer have ended before it
  tokens      who acquires after another's acquisition returned, has a larger one
  told        who holds by an open file is not told that the lock is there (poll, signal, state,
              read, write) once the next acquisition has returned
  unchanged   a holding does not end before its lease without a reason: so what was refused changed nothing
  lease       what was not released is over when its lease is; what was released is over at once, but for what
              its holder let go of when it knew that it was taken by force, and the mount has to say so yet
  nobody      what is refused or seen was acquired by somebody; what was never reported, is held by nobody
  content     what is read by a holder is what it wrote
  ended       every operation has an end, and in time
  order       who waits is served in the order of arrival, but for who is handed a lock that is taken by force at once;
              in a directory with a limit over all of its keys
  starved     nobody is given a shared lock that came while somebody waited for it exclusively
  limit       in a directory with a limit, the certain times of more holdings of different keys do not overlap
  mode        nobody writes through a shared holding
  kept        where nothing fails, and the machine does not stand still, a bound lock is not lost
  beneath     what is acquired is a lock: nobody ever created a plain file in the directory beneath a mount,
              and of two daemons that start on one mount point only one serves it
  full        a server without memory refuses what needs memory, with ENOSPC, and nothing else

A conversion ends one holding and begins another, through the same handle. If it fails, the first one is still there,
unless its call lets go of it before it waits (`keeps`).

Workers that present one id on several mounts are one holder. What any of them is told of a
holding of that id (that it was acquired or refreshed, that it is there and how long its lease
still is) proves it for that time, unless one of them releases it, makes its lease shorter, or
somebody takes it by force. So `exclusion`, `tokens` and `unchanged` hold by id as well: nobody
who presents another id is told that they have the lock while one id is proved to have it, nor
is told the first that it ended, also if another mount was never told that it acquired it.

What faults may change:

  killed with its data, stopped, cut off, slow, lossy, killed connections, full disk: nothing of this. `order` and
      `kept` are judged where no fault touches; by force, only who can be reached can be told first.
  back empty: what was held is lost, so holdings end, and `told` does not hold for those from before. But tokens
      go on growing, nobody of them can write any more, and who held is told as soon as the mount has reached
      the server again.
  memory full, garbage on the channels: nothing at all, so no check makes allowance for them.
  changed (setup `empty`: back empty, or with older data, or emptied): nothing either, for mounts put back what they have.
      So a holding ends by such a change no more than by a restart with data, and who waits keeps the place that the
      server had told by then. `kept` and `order` are judged then, too. Older data may show what was released, until its
      mount is back. A mount that the machine did not run for long enough may come too late, so nothing is promised then.
  failovers, split brains and the slot that moves (setups `sentinel` and `cluster`): the same as `changed`. A mount that was
      cut off while the server changed may lose what it has, and may not know of it: `told`, `kept` and `unchanged` do not hold
      for it. But it cannot write any more when another has the lock, so `exclusion` holds. Nothing is promised if no server
      takes writes for so long that leases end meanwhile.
  Sentinels killed, a slow replica: nothing at all.
  the server's clock is set: leases end sooner or later by as much (`told`, `unchanged`, `lease`). Tokens
      grow and exclusion holds all the same.
"""

import bisect
import collections
import json
import sys

from history import read

MS = 1000000
S = 1000 * MS
NEVER = 1 << 62

SHOWN = 80             # lines of a history with each violation

HEALTHY = 3 * S        # this long after a fault everything works again
GRACE = 2 * S          # so long after a change of the server its first mount and all others acquire nothing
BACK = 2 * S           # so long it may take from the change until a mount is connected again
# Of a change: for how long the machine may stand still in it, so that all mounts are back in time.
SPARE = {"ServerFlushed": 100 * MS}
SPARE_OTHERS = 300 * MS
# After these, the primary may have older data than there were.
AGED = ("ServerAged", "PrimaryKilled", "FailoverOrdered", "PrimaryPartitioned", "SplitBrain", "SplitBrainWithMount", "ReplicasLag")
SERVER_CHANGES = ("ServerEmptied", "ServerFlushed", "ServerChangedTwice", "SlotMoved", *AGED)
CUT_OFF = ("CutOff",)  # mounts
LONGEST_DOWN = 5000    # ms without a primary that takes writes. Leases that began before a longer time may end in it
CLOCKS = 30 * MS       # difference between two clocks, each rounded to milliseconds
IN_LINE = 400 * MS     # an arrival that is this much later is certainly later
LONG_LEASE = 4000      # ms; no shorter lease may be left at the end
REFUSALS = ("EEXIST", "EBUSY", "EAGAIN", "EWOULDBLOCK", "EPERM", "ENOENT", "ESTALE", "EINVAL", "ENOTSUP", "ENOSPC",
            "ENOLCK", "EDEADLK")
ACQUIRES = ("acquire", "convert")
KNOWN_HELD = ("EEXIST", "EBUSY", "EAGAIN", "EWOULDBLOCK")
SETS_CLOCK = ("ClockForward", "ClockBack")
OF_HELD = ("#d:", "#h:", "#H:", "#o:")  # in names of the server's keys of a lock that is held
KILLS_DAEMON = ("DaemonKilled", "DaemonRestarted")
NEEDS_MEMORY = ("acquire", "convert", "id-acquire", "write", "set-limit")  # and an attack that writes
# Answers to an acquisition by a server to which nothing happened, except that its memory is full.
SAID_BY_FULL = ("OK", "ENOSPC", "ETIMEDOUT", "EINTR") + REFUSALS


class Op:
    def __init__(self, event):
        self.__dict__.update(event)
        self.inv = event["t"]
        self.ret = NEVER
        self.r = None
        self.returned = {}

    def finish(self, event):
        self.ret = event["t"]
        self.r = event["r"]
        self.returned = {name: value for name, value in event.items() if name not in ("e", "p", "n", "t", "r")}

    @property
    def ok(self):
        return self.r == "OK"

    @property
    def shared(self):
        return getattr(self, "mode", "exclusive") == "shared"

    @property
    def maybe(self):
        """Neither done for sure nor refused for sure."""
        return self.r not in ("OK", "EHOSTDOWN") and self.r not in REFUSALS

    def __str__(self):
        fields = {name: value for name, value in self.__dict__.items()
                  if name not in ("e", "p", "n", "t", "r", "op", "inv", "ret", "returned")}
        return "%14.6f %s %s: %-8s %s → %s %s" % (
            self.inv / S, "…" if self.ret == NEVER else "%14.6f" % (self.ret / S), self.p, self.op,
            json.dumps(fields, sort_keys=True), self.r or "no end", json.dumps(self.returned) if self.returned else "")


class Fault:
    def __init__(self, event):
        self.kind, self.on = event["kind"], event["on"]
        self.inv, self.ret = event["t"], event["until"]
        self.by = event.get("by", 0)
        self.down = event.get("down", 0)
        self.served = self.inv + self.down * MS if self.down else self.ret  # from then on there was a primary again

    def meets(self, begin, end):
        return self.inv <= end and self.ret >= begin

    def __str__(self):
        return "%14.6f %14.6f fault: %s on %s%s%s" % (
            self.inv / S, self.ret / S, self.kind, self.on, " by %d ms" % self.by if self.by else "",
            ", down for %d ms" % self.down if self.down else "")


Stall = collections.namedtuple("Stall", "inv ret")  # of the machine


class Holding:
    def __init__(self, acquire):
        self.acquire = acquire
        self.key, self.p = acquire.key, acquire.p
        self.inv, self.ret = acquire.inv, acquire.ret
        self.bound = acquire.bound
        self.shared = acquire.shared
        self.bind = None
        self.converts = []     # what converted it, or may have, or let go of it in vain
        self.before = None     # the holding that was converted to this one
        self.token = None
        self.reopened = False  # by plain creation: it may be an earlier holding, whose acquisition was not reported
        self.ops = []          # on its handle, in order
        self.emptied = []      # by its holder, who opened it again by plain creation

    def named(self, *names):
        return [op for op in self.ops if op.op in names]


class Proof:
    """What one worker was told of a holding of an id: it was there at some time of the operation, with this lease."""

    def __init__(self, op, until, token):
        self.op, self.until, self.token = op, until, token
        self.id, self.inv, self.ret = op.id, op.inv, op.ret


class Summary:
    """Numbers for people; they add up over rounds."""

    def __init__(self):
        self.token = 0
        self.operations = 0
        self.counts = collections.Counter()
        self.slowest = 0
        self.slowest_calm = 0
        self.slowest_acquisition = 0

    def add(self, other):
        self.token = max(self.token, other.token)
        self.operations += other.operations
        self.counts += other.counts
        self.slowest = max(self.slowest, other.slowest)
        self.slowest_calm = max(self.slowest_calm, other.slowest_calm)
        self.slowest_acquisition = max(self.slowest_acquisition, other.slowest_acquisition)

    def lines(self):
        count = self.counts
        yield "operations: %d" % self.operations
        yield "  acquired: %d, refused: %d, failed or unknown: %d" % (
            count["acquired"], count["refused"], count["failed"])
        yield "  acquired shared: %d; converted: %d" % (count["shared"], count["converted"])
        yield "  writes by a holder: %d, refused with ESTALE: %d" % (count["written"], count["stale"])
        yield "judged: hand-overs of a key: %d, by which a bound lock was lost: %d; pairs in the order of arrival: %d" % (
            count["handovers"], count["lost"], count["pairs"])
        yield "  proofs that an id has a lock: %d; refused for want of memory: %d; attempts in tight loops: %d" % (
            count["proofs"], count["full"], count["rushed"])
        yield "the longest operation took %.1f s beyond its wait, %.1f s where no fault was near" % (
            self.slowest / S, self.slowest_calm / S)
        if count["changes"]:
            yield "changes of the server: %d, of which not judged, as the machine stood still or no server was there: %d" % (
                count["changes"], count["late"])
            yield "  holdings that outlived one: %d; the longest stall of an acquisition: %.1f s" % (
                count["outlived"], self.slowest_acquisition / S)
        yield "the machine stood still %d times" % count["stalls"]


class Result:
    def __init__(self):
        self.violations = []
        self.summary = Summary()


class Checker:
    def __init__(self, events):
        self.result = Result()
        self.setup = "data"
        self.ops = []
        self.faults = []
        self.stalls = []
        self.pids, self.mounts, self.killed = {}, {}, {}
        self.last_token = 0
        self.limits = {}  # of directories
        self.left, self.keys, self.stuck, self.crashes, self.beneath, self.stacked = [], {}, [], [], [], []
        self.read_events(events)
        self.healthy = HEALTHY if self.setup == "data" else HEALTHY + GRACE
        self.changes = [fault for fault in self.faults if fault.kind in SERVER_CHANGES]
        self.by_handle = collections.defaultdict(list)
        self.by_key = collections.defaultdict(list)
        for op in self.ops:
            if hasattr(op, "h"):
                self.by_handle[op.h].append(op)
            if hasattr(op, "key"):
                self.by_key[op.key].append(op)
        self.id_keys = sorted({op.key for op in self.ops if op.op.startswith("id-")})
        self.windows = {mount: self.merged_windows(mount) for mount in set(self.mounts.values())}
        self.holdings = self.find_holdings()
        self.by_token = {holding.token: holding for holding in self.holdings if holding.token}
        self.of_key = collections.defaultdict(list)  # holdings with tokens, in order
        for holding in sorted(self.by_token.values(), key=lambda holding: holding.token):
            self.of_key[holding.key].append(holding)
        self.next_of = {}  # the first that excludes it, of those with larger tokens
        for holdings in self.of_key.values():
            later = later_exclusive = None
            for holding in reversed(holdings):
                excludes = later_exclusive if holding.shared else later
                if excludes:
                    self.next_of[holding] = excludes
                later, later_exclusive = holding, later_exclusive if holding.shared else holding

    # Reading

    def read_events(self, events):
        open_ops = {}
        for event in events:
            kind = event["e"]
            if kind == "inv":
                open_ops[event["p"], event["n"]] = op = Op(event)
                self.ops.append(op)
            elif kind == "ret":
                open_ops.pop((event["p"], event["n"])).finish(event)
            elif kind == "begin":
                self.pids[event["p"]], self.mounts[event["p"]] = event["pid"], event["m"]
            elif kind == "fault":
                self.faults.append(Fault(event))
            elif kind == "setup":
                self.setup = event["name"]
            elif kind == "stalled":
                self.stalls.append(Stall(event["t"], event["until"]))
                self.result.summary.counts["stalls"] += 1
            elif kind == "killed":
                self.killed[event["p"]] = event["t"]
            elif kind == "last":
                self.last_token = event["token"]
            elif kind == "left":
                self.left.append(event)
            elif kind == "keys":
                self.keys = event["keys"]
            elif kind == "stuck":
                self.stuck.append(event)
            elif kind == "crash":
                self.crashes.append(event)
            elif kind == "limit":
                self.limits[event["dir"]] = event["limit"]
            elif kind == "beneath":
                self.beneath.append(event)
            elif kind == "stacked":
                self.stacked.append(event)
        self.ops.sort(key=lambda op: op.inv)
        self.faults.sort(key=lambda fault: fault.inv)

    def find_holdings(self):
        holdings, of_token = [], {}
        for op in self.ops:
            if op.op != "acquire" or not op.ok:
                continue
            holding = Holding(op)
            self.take_ops(holding, self.by_handle[op.h])
            before = of_token.get(holding.token) if holding.token else None
            if before and before.p == holding.p and op.how == "plain":
                # Its holder opened it again.
                before.emptied.append(op)
                before.ops = before.ops + [each for each in holding.ops if each.op != "acquire"]
                continue
            holding.reopened = op.how == "plain" and (not holding.token or any(
                each.op == "acquire" and each.p == op.p and each.inv < op.inv and each.maybe
                for each in self.by_key[op.key]))
            if before:
                self.violate("tokens", "two acquisitions have the same", before.acquire, op)
            of_token[holding.token] = holding
            holdings.append(holding)
            for later in self.conversions_of(holding):
                before = of_token.get(later.token) if later.token else None
                if before:
                    self.violate("tokens", "a conversion has that of an acquisition before", before.acquire, later.acquire)
                of_token[later.token] = later
                holdings.append(later)
        return holdings

    @staticmethod
    def take_ops(holding, ops):
        """Those on its handle, up to its conversion."""
        for each in ops:
            if each.op == "convert" and each is not holding.acquire:
                if each.ok or each.maybe or not each.keeps:
                    holding.converts.append(each)
                if each.ok:
                    break
            holding.ops.append(each)
            if each.op == "token" and each.ok:
                holding.token = each.returned["token"]
            if each.op == "bind" and each.ok:
                holding.bound, holding.bind = True, each

    def conversions_of(self, holding):
        """The holdings that it was converted to, one after the other."""
        found = []
        while holding.converts and holding.converts[-1].ok:
            convert = holding.converts[-1]
            ops = self.by_handle[convert.h]
            before, holding = holding, Holding(convert)
            holding.before = before
            self.take_ops(holding, ops[ops.index(convert):])
            found.append(holding)
        return found

    # Reporting

    def violate(self, name, why, *evidence):
        """With what happened to the key meanwhile: all of those whom it is about, and of others what changes holders."""
        begin = min(each.inv for each in evidence)
        end = max(each.ret if each.ret < NEVER else each.inv for each in evidence)
        keys = {each.key for each in evidence if hasattr(each, "key")}
        handles = {each.h for each in evidence if hasattr(each, "h")}
        near = [op for op in self.ops if op.inv <= end and op.ret >= begin and op not in evidence and (
            getattr(op, "h", None) in handles or
            (getattr(op, "key", None) in keys and (op.ok or op.maybe) and op.op not in ("close", "look")))]
        near += [fault for fault in self.faults if fault.meets(begin - self.healthy, end)]
        near.sort(key=lambda each: each.inv)
        lines = [str(each) for each in evidence] + ["    meanwhile:"]
        if len(near) > SHOWN:
            lines.append("    (the last %d of %d)" % (SHOWN, len(near)))
        lines += ["    " + str(each) for each in near[-SHOWN:]]
        self.result.violations.append("%s: %s\n%s" % (name, why, "\n".join(lines)))

    # Faults

    def merged_windows(self, mount):
        merged = []
        for fault in self.faults:
            if fault.on not in (mount, "redis"):
                continue
            if merged and fault.inv <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], fault.ret)
            else:
                merged.append([fault.inv, fault.ret])
        return merged

    def healed(self, mount, at):
        """When the mount has been well for some time after `at`."""
        if at >= NEVER:
            return NEVER
        for begin, end in self.windows.get(mount, []):
            if begin < at + self.healthy and end > at:
                at = end
        return at + self.healthy

    def faults_near(self, begin, end, on=None, kinds=None):
        return [fault for fault in self.faults if fault.meets(begin, end) and
                (on is None or fault.on in on) and (kinds is None or fault.kind in kinds)]

    def others_near(self, begin, end, on):
        """Faults but changes of the server, for which mounts put back what they have."""
        return [fault for fault in self.faults_near(begin, end, on=on) if fault.kind not in SERVER_CHANGES]

    def clock_set(self, begin, end):
        return bool(self.faults_near(begin, end, kinds=SETS_CLOCK))

    def lost_data(self, begin, end):
        return bool(self.faults_near(begin, end, kinds=("RedisEmptied",)))

    def not_judged(self, begin, end):
        """Was there a change of the server in which a mount may have come too late?"""
        return any(change.meets(begin - BACK, end) and self.came_late(change) for change in self.changes)

    def may_be_lost(self, holding, until):
        """Its call may have been answered long after it acquired, but not over a change of the server."""
        return self.lost_data(holding.inv, until) or self.not_judged(holding.ret, until) or self.was_cut_off(holding, until)

    def was_cut_off(self, holding, until):
        """Was its mount cut off while the server changed? Then it may come too late, and it may not know of the others."""
        cuts = self.faults_near(holding.inv - BACK, until, on=(self.mounts[holding.p],), kinds=CUT_OFF)
        return any(change.inv <= until and change.meets(cut.inv - BACK - GRACE, cut.ret + BACK)
                   for cut in cuts for change in self.changes)

    def came_late(self, change):
        """
        Did the machine stand still for so long that a mount may have been too late to put back what it has? Or was there no
        primary for too long?
        """
        if change.down > LONGEST_DOWN:
            return True
        end = change.ret + (BACK if change.kind != "ServerFlushed" else GRACE / 4)
        still = sum(min(stall.ret, end) - max(stall.inv, change.inv) for stall in self.stalls
                    if stall.inv < end and stall.ret > change.inv)
        return still > SPARE.get(change.kind, SPARE_OTHERS)

    def old_data(self, begin, end):
        """May what is said be of a holding that has ended, and is there again until its mount says so?"""
        return any(change.kind in AGED and change.meets(begin - GRACE - BACK, end) for change in self.changes)

    def daemon_killed(self, mount, begin, end):
        return self.faults_near(begin, end, on=(mount,), kinds=KILLS_DAEMON)

    def set_back(self, begin):
        """By how much leases may end later that ran at `begin` or later."""
        return sum(-fault.by * MS for fault in self.faults if fault.by < 0 and fault.ret >= begin)

    # Leases

    def refreshes(self, holding):
        """Those that may have refreshed it."""
        by_path = [op for op in self.by_key[holding.key] if op.p == holding.p and op.op == "attack" and
                   op.how == "utime" and op.inv >= holding.inv]
        return [op for op in holding.named("refresh", "bind") + by_path if op.ok or op.maybe]

    def leases(self, holding, before):
        """(first, last) time at which its lease may end, by the refreshes that were asked for `before`."""
        # A holder who opens it again may refresh it with the lease of the view in its path.
        ttls = [holding.acquire.ttl] + [op.ttl for op in holding.emptied]
        first = holding.inv + holding.acquire.ttl * MS
        last = holding.ret + holding.acquire.ttl * MS
        for op in self.refreshes(holding):
            if op.inv > before:
                continue
            ttl = getattr(op, "ttl", 0)
            if ttl:
                ttls.append(ttl)
            at = op.ret if op.ok else self.healed(self.mounts[op.p], op.inv if op.ret == NEVER else op.ret)
            shortest = op.inv + (ttl or min(ttls)) * MS
            first = shortest if op.ok and not self.has_maybe(holding, op) else min(first, shortest)
            last = max(last, at + (ttl or max(ttls)) * MS)
        if holding.bound:
            first -= holding.acquire.ttl * MS // 4  # the clock of its mount ends it earlier
            # Its lease may have been shortened before it was bound.
            last = NEVER
        return first - CLOCKS, last + CLOCKS + self.set_back(holding.inv)

    def has_maybe(self, holding, op):
        return any(each.maybe for each in self.refreshes(holding) if each is not op)

    def releases(self, holding):
        """By its own process, whatever they answered but no."""
        own = [op for op in holding.named("release") if op.how != "close"]
        # A release by path ends the oldest holding of its process, which this one may be if it is shared.
        by_path = ("attack", "release") if holding.shared else ("attack",)
        own += [op for op in self.by_key[holding.key] if op.p == holding.p and op.op in by_path and op.how == "unlink" and
                op not in own]
        return [op for op in own if op.inv >= holding.inv and (op.ok or op.maybe)] + holding.converts

    def may_end_another(self, holding, release):
        """May a release by path have ended another holding of its process? It ends the oldest one."""
        if release not in holding.ops:
            return True
        for op in self.by_key[holding.key]:
            if op.op == "acquire" and op.p == holding.p and op.shared and op.inv < holding.inv and (op.ok or op.maybe):
                end = max(op.ret + op.ttl * MS, self.may_be_held_until(op)) + CLOCKS + self.set_back(op.inv)
                released = any(each.op == "release" and each.ok and each.ret < holding.inv for each in self.by_handle[op.h])
                if end > holding.inv and not (op.ok and released):
                    return True
        return False

    def forced(self, holding, until):
        return [op for op in self.by_key[holding.key] if op.op == "force" and (op.ok or op.maybe) and
                op.inv <= until and op.ret >= holding.inv]

    def over(self, holding):
        """When it is over for sure, in whatever way."""
        mount = self.mounts[holding.p]
        # A forced release ends a holding: releasing it after the loss was reported does nothing more.
        ends = [op.ret for op in self.releases(holding) if op.ok and not self.was_told(holding, op.inv) and not (
            holding.shared and op.op != "convert" and op.how == "unlink" and self.may_end_another(holding, op))]
        if holding.bound:
            closed = [op.inv for op in holding.named("release") if op.how == "close"] + \
                [op.inv for op in holding.named("close")]
            closed += [self.killed[holding.p]] if holding.p in self.killed else []
            if closed:
                end = self.healed(mount, min(closed))
                for fault in self.daemon_killed(mount, holding.inv, end):
                    end = max(end, self.healed(mount, fault.inv) + holding.acquire.ttl * MS + self.set_back(holding.inv))
                ends.append(end)
        else:
            ends.append(self.leases(holding, NEVER)[1])
        return min(ends, default=NEVER)

    def may_be_held_until(self, op):
        """Until when an acquisition that was not reported as such may hold the key all the same."""
        if op.r in REFUSALS:
            return op.ret
        mount = self.mounts[op.p]
        end = op.ret if op.ret < NEVER else self.killed.get(op.p, NEVER)
        healed = self.healed(mount, end) + S
        lease = end + op.ttl * MS + self.healthy
        if op.ret == NEVER and not op.bound:
            return self.healed(mount, end) + op.ttl * MS + self.set_back(op.inv)
        if self.daemon_killed(mount, op.inv, healed):
            return max(healed, lease + self.set_back(op.inv))
        return healed

    # Checks

    def check(self):
        for check in (self.check_tokens, self.check_exclusion, self.check_told, self.check_told_of_loss, self.check_ends,
                      self.check_leases, self.check_refusals, self.check_looks, self.check_attacks,
                      self.check_content, self.check_ended, self.check_order, self.check_starved,
                      self.check_modes, self.check_limits, self.check_left,
                      self.check_beneath, self.check_full, self.check_ids):
            check()
        self.count()
        return self.result

    def check_tokens(self):
        returned = sorted(self.by_token.values(), key=lambda holding: holding.ret)
        at, largest, holder = 0, self.last_token, None
        for holding in sorted(self.by_token.values(), key=lambda holding: holding.inv):
            while at < len(returned) and returned[at].ret < holding.inv:
                if returned[at].token > largest:
                    largest, holder = returned[at].token, returned[at]
                at += 1
            if holding.token <= largest and not holding.reopened:
                self.violate("tokens", "%d came after %d" % (holding.token, largest), holding.acquire,
                             *([holder.acquire] if holder else []))
        self.result.summary.token = max([self.last_token, *self.by_token])

    def check_exclusion(self):
        for holding, later in self.next_of.items():
            used = [op for op in self.certain_uses(holding) if op.inv > later.ret]
            if used:
                what = "written" if used[0].op == "write" else "used"
                self.violate("exclusion", "two held the key: token %d was %s by after %d was acquired" % (
                    holding.token, what, later.token), holding.acquire, later.acquire, used[0])

    def certain_uses(self, holding):
        """What the server allows to a holder alone. A shared one cannot write, so it is asked whether it is there."""
        if not holding.shared:
            return [op for op in holding.named("write") if op.ok]
        return [op for op in holding.named("state") if self.says_it_is_there(op) and not (
            self.clock_set(holding.inv, op.ret) or self.may_be_lost(holding, op.ret))]

    def check_modes(self):
        for holding in self.holdings:
            for op in holding.named("write"):
                if op.ok and holding.shared:
                    self.violate("mode", "written through a shared holding", holding.acquire, op)

    @staticmethod
    def directory(key):
        return key.rpartition("/")[0]

    def check_limits(self):
        for directory, limit in self.limits.items():
            spans = []
            for holding in self.holdings:
                if self.directory(holding.key) != directory or self.was_unlimited(directory, holding.acquire):
                    continue
                uses = [op.inv for op in self.certain_uses(holding) if op.inv > holding.ret]
                if uses:
                    spans.append((holding.ret, max(uses), holding))
            for begin, _, holding in spans:
                beside = {}
                for other_begin, end, other in spans:
                    if other_begin <= begin < end:
                        beside[other.key] = other
                if len(beside) > limit:
                    self.violate("limit", "%d keys were held where the limit is %d" % (len(beside), limit),
                                 *[other.acquire for other in beside.values()])
                    break

    def was_unlimited(self, directory, op):
        """A server that came back empty has lost the limit, until somebody sets it again."""
        for fault in self.faults:
            if fault.kind == "RedisEmptied":
                again = min((each.ret for each in self.ops if each.op == "set-limit" and each.dir == directory and
                             each.ok and each.inv > fault.inv), default=NEVER)
                if op.ret >= fault.inv and op.inv <= again:
                    return True
        return False

    @staticmethod
    def says_it_is_there(op):
        if not op.ok:
            return False
        if op.op in ("poll", "signal"):
            return not op.returned["told"]
        if op.op == "state":
            return op.returned["state"] == "ACQUIRED"
        return op.op in ("read", "write")

    def check_told(self):
        for holding in self.by_token.values():
            later = self.next_of.get(holding)
            if not later or self.clock_set(holding.inv, later.ret) or self.may_be_lost(holding, later.ret):
                continue
            mount = self.mounts[holding.p]
            forced = self.forced(holding, later.ret)
            for op in holding.ops:
                if op.inv <= later.ret or not self.says_it_is_there(op):
                    continue
                if op.op in ("poll", "signal"):
                    # The loss of an unbound holding may be reported late, as may a loss to a mount that is cut off or a process that is stopped.
                    if not holding.bound or (holding.bind and holding.bind.ret > later.ret):
                        continue
                    if forced and self.faults_near(holding.inv, op.ret, on=(mount, "redis")):
                        continue
                    if any(each.inv <= later.ret for each in self.releases(holding)):
                        continue
                    if op.op == "signal" and self.faults_near(
                            holding.inv, op.ret, on=(mount,), kinds=("DaemonStopped",) + KILLS_DAEMON):
                        continue
                self.violate("told", "%s says that token %d is there, after %d was acquired" % (
                    op.op, holding.token, later.token), holding.acquire, later.acquire, op)
                break

    def check_told_of_loss(self):
        """The server came back empty: who held from before is told when its mount has reached it."""
        for fault in self.faults:
            if fault.kind != "RedisEmptied":
                continue
            for holding in self.holdings:
                if holding.ret >= fault.inv:
                    continue
                healed = self.healed(self.mounts[holding.p], fault.ret)
                for op in holding.ops:
                    if op.inv > healed and self.says_it_is_there(op) and op.op != "signal" and (
                            holding.bound or op.op != "poll"):
                        self.violate("told", "%s says that the lock is there, which Redis has lost" % op.op,
                                     holding.acquire, op)
                        break

    @staticmethod
    def says_over(op):
        return op.r == "ESTALE" or (op.ok and op.op == "state" and op.returned["state"] != "ACQUIRED") or (
            op.ok and op.op in ("poll", "signal") and op.returned["told"]) or (
            op.op == "refresh" and op.r in ("ENOENT", "EPERM"))

    def was_told(self, holding, until):
        """Did its holder know by then that it was taken from it?"""
        return any(self.says_over(op) for op in holding.ops if op.ret <= until) and bool(self.forced(holding, until))

    def evidence_of_end(self, holding):
        """(op, time): the first that says that the holding is over."""
        mount = self.mounts[holding.p]
        killed = self.daemon_killed(mount, holding.inv, NEVER)
        dead = killed[0].inv if killed else NEVER
        found = []
        for op in holding.ops:
            if op.ret > dead:
                break
            if self.says_over(op) and not self.may_be_about_before(holding, op):
                found.append(op)
                break
        later = self.next_of.get(holding)
        if later:
            found.append(later.acquire)
        return min(found, key=lambda op: op.ret, default=None)

    def may_be_about_before(self, holding, op):
        """May a signal be about the end of the holding that was converted? The call has acquired it anew then."""
        return op.op == "signal" and bool(holding.before) and self.may_have_lost(holding.before, holding.acquire)

    def may_have_lost(self, holding, convert):
        """May a holding have ended before it was converted?"""
        return bool(self.forced(holding, convert.ret) or self.next_of.get(holding, convert).ret < convert.ret or
                    self.faults_near(holding.inv - self.healthy, convert.ret) or self.stalled(holding, convert))

    def check_ends(self):
        for holding in self.holdings:
            if holding.reopened:
                continue
            op = self.evidence_of_end(holding)
            if not op:
                continue
            closes = [each for each in self.by_handle[holding.acquire.h] if each.op in ("close", "release") and
                      each.how == "close"]
            if op.ret >= self.leases(holding, op.ret)[0] and not holding.bound:
                continue
            if any(each.inv <= op.ret for each in self.releases(holding)) or self.forced(holding, op.ret):
                continue
            if self.clock_set(holding.inv, op.ret) or self.may_be_lost(holding, op.ret):
                continue
            if holding.bound and (any(each.inv <= op.ret for each in closes) or self.killed.get(
                    holding.p, NEVER) <= op.ret):
                continue
            if op.ret < self.leases(holding, op.ret)[0]:
                self.violate("unchanged", "it ended before its lease, and nobody released it", holding.acquire, op)
            elif not (self.others_near(holding.inv - self.healthy, op.ret, (self.mounts[holding.p], "redis")) or
                      self.stalled(holding, op)):
                self.violate("kept", "a bound lock was lost, and nothing had failed but what mounts make good",
                             holding.acquire, op)

    def stalled(self, holding, end):
        """Did the machine stand still between this sign of the end and the last one that it was held?"""
        well = max((op.inv for op in holding.ops if op.ok and op.ret < end.inv), default=holding.inv)
        return any(stall.inv <= end.ret and stall.ret >= well for stall in self.stalls)

    def check_leases(self):
        for holding in self.holdings:
            over = self.over(holding)
            for op in holding.named("write"):
                if op.ok and op.inv > over:
                    self.violate("lease", "written when it was over by %.3f s" % ((op.inv - over) / S), holding.acquire, op)
                    break

    def check_refusals(self):
        """Whoever is refused is refused because of somebody."""
        intervals = collections.defaultdict(list)
        for op in self.ops:
            if op.op in ACQUIRES:
                intervals[op.key].append([op.inv, self.may_be_held_until(op), op])
        for holding in self.holdings:
            for interval in intervals[holding.key]:
                if interval[2] is holding.acquire:
                    interval[1] = NEVER if holding.reopened else self.over(holding)
        for key, known in intervals.items():
            for _, _, op in known:
                if self.old_data(op.inv, op.ret):
                    continue
                if op.r in KNOWN_HELD and not any(begin <= op.ret and end >= op.inv and self.may_exclude(other, op)
                                                  for begin, end, other in known) and not self.may_be_full(intervals, op):
                    self.violate("nobody", "refused (%s), and nobody held it" % op.r, op)
                if op.r == "EDEADLK" and not any(other.op == "convert" and other.h != op.h and begin <= op.ret and
                                                 end >= op.inv for begin, end, other in known):
                    self.violate("nobody", "refused as a deadlock, and nobody else converted", op)
            known.sort(key=lambda interval: interval[0])

    @staticmethod
    def may_exclude(other, op):
        """Who waits to have a lock exclusively keeps others from sharing it. A process that holds it is told so."""
        if other is op or (op.op == "convert" and other.h == op.h):
            return False
        return not (op.shared and other.shared) or other.p == op.p

    def may_be_full(self, intervals, op):
        """May as many locks have been in its directory as the limit, or have waited for room?"""
        directory = self.directory(op.key)
        if directory not in self.limits:
            return False
        others = [key for key, known in intervals.items() if key != op.key and self.directory(key) == directory and
                  any(begin <= op.ret and end >= op.inv for begin, end, _ in known)]
        return len(others) >= self.limits[directory]

    def check_looks(self):
        for key, holdings in self.of_key.items():
            looks = [op for op in self.by_key[key] if op.op == "look" and op.ok]
            returned = sorted(holdings, key=lambda holding: holding.ret)
            for op in looks:
                if self.old_data(op.inv, op.ret):
                    continue
                seen = self.by_token.get(op.returned["token"])
                excluding = [holding for holding in returned if holding.token > op.returned["token"] and
                             holding.ret < op.inv and not (holding.shared and (not seen or seen.shared))]
                if excluding:
                    self.violate("told", "a look shows token %d, after %d was acquired" % (
                        op.returned["token"], excluding[-1].token), excluding[-1].acquire, op)
        for op in self.ops:
            if op.op == "look" and op.ok and not self.old_data(op.inv, op.ret):
                self.check_look(op)

    def check_look(self, op):
        holding = self.by_token.get(op.returned["token"])
        if holding:
            over = self.over(holding)
            if op.inv > over:
                self.violate("lease", "seen when it was over by %.3f s" % ((op.inv - over) / S), holding.acquire, op)
            if op.ret < holding.inv:
                self.violate("nobody", "seen before it was acquired", holding.acquire, op)
            return
        if not self.is_somebodys(op.key, op.returned["pid"], op.inv, op.ret):
            self.violate("nobody", "token %d is seen, which nobody acquired" % op.returned["token"], op)

    def is_somebodys(self, key, pid, begin, end):
        """
        Was there an acquisition by that process whose token is not known, that may be it? Or
        was it waiting, and the lock was handed to it, but it did not take it in time?
        """
        known = {holding.acquire for holding in self.by_token.values()}
        return any(each.op in ACQUIRES and self.pids[each.p] == pid and each.inv <= end and (
            (each.queued and each.ret >= begin) or
            (each not in known and (each.ok or self.may_be_held_until(each) >= begin)))
                   for each in self.by_key[key])

    def check_attacks(self):
        """Releasing, refreshing or writing succeeds only for who may hold it."""
        for op in self.ops:
            if op.op != "attack" or not op.ok:
                continue
            mine = [each for each in self.by_key[op.key] if each.op == "acquire" and each.p == op.p and
                    each.inv < op.inv and (each.ok or each.maybe)]
            if not mine:
                self.violate("unchanged", "%s by one who never held it succeeded" % op.how, op)

    def content_at_first(self, holding):
        """What it may be when the holding begins; None: anything, as others may have written before they converted."""
        before = holding.before
        if before:
            # Nobody else can have written, unless it let go of the lock or lost it.
            sure = holding.acquire.keeps and not self.may_have_lost(before, holding.acquire)
            return self.contents.get(before) if sure else None
        return None if holding.shared else {""}

    def check_content(self):
        self.contents = {}
        for holding in self.holdings:
            if holding.reopened:
                continue
            possible = self.content_at_first(holding)
            emptied = list(holding.emptied)
            for op in holding.ops:
                while emptied and emptied[0].inv < op.inv:
                    emptied.pop(0)
                    possible = possible and possible | {""}
                if op.op == "write":
                    if op.ok:
                        possible = {op.text}
                    elif op.maybe and possible is not None:
                        possible.add(op.text)
                elif op.op == "read" and op.ok and possible is not None and op.returned["text"] not in possible and holding.acquire.how != "plain":
                    self.violate("content", "read is what was not written", holding.acquire, op)
                    break
            self.contents[holding] = possible

    def check_ended(self):
        summary = self.result.summary
        for event in self.stuck:
            op = next((op for op in self.ops if op.p == event["p"] and op.ret == NEVER), None)
            if op:
                self.violate("ended", "it has no end", op)
            else:
                self.result.violations.append("ended: %s does not rest" % event["p"])
        for event in self.crashes:
            self.result.violations.append("ended: the daemon of %s died by itself: %s" % (event["on"], event["status"]))
        for op in self.ops:
            if op.ret == NEVER:
                if op.p not in self.killed and not any(event["p"] == op.p for event in self.stuck):
                    self.violate("ended", "it has no end", op)
                continue
            took = op.ret - op.inv - getattr(op, "wait", 0) * MS
            near = self.faults_near(op.inv - self.healthy, op.ret, on=(self.mounts[op.p], op.p, "redis"))
            faulty = sum(min(fault.ret, op.ret) - max(fault.inv, op.inv) for fault in near
                         if fault.ret > op.inv and fault.inv < op.ret)
            summary.slowest = max(summary.slowest, took)
            if op.op in ACQUIRES:
                summary.slowest_acquisition = max(summary.slowest_acquisition, took)
            if not near:
                summary.slowest_calm = max(summary.slowest_calm, took)
            # A stopped process starts to wait again when it continues, and lookups in a directory may be served one by one.
            allowed = 8 * S + 2 * faulty + getattr(op, "wait", 0) * MS if near else 4 * S
            # Each change begins a grace anew.
            allowed += sum(GRACE + BACK for fault in near if fault.kind in SERVER_CHANGES)
            if took > allowed:
                self.violate("ended", "it took %.1f s beyond its wait" % (took / S), op)

    @staticmethod
    def passed_by_force(ops, later):
        """May a lock that had just been handed to another have been taken from them by force, for `later` to have
        it? It had ended before that, then, and who had not heard of it yet goes on waiting in the old place."""
        ends = [op for op in ops if op.op in ("release", "force") and (op.ok or op.maybe)]
        return any(force.op == "force" and force.inv < later.ret < force.ret + IN_LINE and
                   any(end is not force and end.inv < force.ret and force.inv < end.ret + IN_LINE for end in ends)
                   for force in ends)

    def check_order(self):
        tokens = {holding.acquire: holding.token for holding in self.holdings}
        for ops in self.by_queue():
            waits = [op for op in ops if op.op == "acquire" and op.queued and op.ok and tokens.get(op)]
            waits.sort(key=lambda op: op.inv)
            for index, first in enumerate(waits):
                for second in waits[index + 1:]:
                    if second.inv > first.ret:
                        break
                    if second.inv < first.inv + IN_LINE or self.touched(first, second):
                        continue
                    self.result.summary.counts["pairs"] += 1
                    if tokens[second] < tokens[first] and not self.passed_by_force(ops, second):
                        self.violate("order", "who came later was served first", first, second)

    def touched(self, first, second):
        on = (first.p, second.p, self.mounts[first.p], self.mounts[second.p], "redis")
        end = max(first.ret, second.ret)
        # Who asks before the grace is over, or as the server changes, may not have been told a place.
        placeless = any(change.meets(first.inv - BACK - GRACE, first.inv + IN_LINE) or
                        (change.meets(first.inv, end) and self.came_late(change)) for change in self.changes)
        return placeless or self.others_near(first.inv - self.healthy, end, on)

    def by_queue(self):
        """Operations that wait for each other: of a key, or of a directory with a limit, in which no two use one key."""
        queues = collections.defaultdict(list)
        for op in self.ops:
            if hasattr(op, "key"):
                directory = self.directory(op.key)
                queues[directory if directory in self.limits else op.key].append(op)
        return queues.values()

    def check_starved(self):
        tokens = {holding.acquire: holding.token for holding in self.holdings}
        for ops in self.by_queue():
            writers = [op for op in ops if op.op == "acquire" and op.queued and not op.shared]
            readers = [op for op in ops if op.op == "acquire" and op.shared and op.ok and tokens.get(op)]
            for writer in writers:
                for reader in readers:
                    # An end of its wait that was not the lock came a moment before its return.
                    gave_up = writer.ret - (0 if tokens.get(writer) else IN_LINE)
                    if reader.inv < writer.inv + IN_LINE or reader.ret > gave_up or self.touched(writer, reader):
                        continue
                    if tokens[reader] < tokens.get(writer, NEVER) and not self.passed_by_force(ops, reader):
                        self.violate("starved", "who came later shares the lock that another waits for", writer, reader)

    def check_left(self):
        for event in self.left:
            holding = self.by_token.get(event["token"])
            why = None
            if event.get("r", "OK") != "OK":
                why = "Redis has the lock, and a look says %s" % event["r"]
            elif holding and any(op.ok for op in self.releases(holding)):
                why = "left, though it was released"
            elif holding and holding.bound:
                if holding.acquire.ttl <= LONG_LEASE or not self.daemon_killed(
                        self.mounts[holding.p], holding.inv, self.over(holding)):
                    why = "left, though its file was closed"
            elif holding and self.longest_ttl(holding) <= LONG_LEASE:
                why = "left, though its lease is over"
            elif event["key"] in self.id_keys:
                why = "left, though no lease of a given id is so long"
            elif not holding and not self.was_cut_short(event):
                why = "left by an acquisition that was never reported"
            if why:
                evidence = [op for op in self.by_key[event["key"]] if op.op == "acquire" and
                            self.pids[op.p] == event["pid"]]
                line = "nobody: %s: %s" % (why, json.dumps(event))
                if evidence:
                    self.violate("nobody", line, *([holding.acquire] if holding else evidence))
                else:
                    self.result.violations.append(line)
        for key, ttl in self.keys.items():
            if ":" in key.partition("#")[0] or any(part in key for part in OF_HELD) or (ttl == -1 and not key.endswith(("#token", "#e", "#server"))):
                self.result.violations.append("nobody: Redis keeps %s (expires in %d ms) when nothing is held" % (key, ttl))

    def check_beneath(self):
        for op in self.ops:
            if op.returned.get("plain"):
                self.violate("beneath", "a plain file was created beneath the mount, and told as acquired", op)
        for event in self.beneath:
            if event["names"] or event["changed"]:
                self.result.violations.append("beneath: files were created beneath %s: %s" % (
                    event["on"], ", ".join(event["names"]) or "all gone by now"))
        for event in self.stacked:
            self.result.violations.append("beneath: two daemons serve %s" % event["on"])

    def check_full(self):
        for op in self.ops:
            writes = op.op == "attack" and op.how == "write"
            if op.r == "ENOSPC" and op.op not in NEEDS_MEMORY and not writes:
                self.violate("full", "%s was refused for want of memory, and needs none" % op.op, op)
            if op.op not in ("acquire", "id-acquire") or op.r in SAID_BY_FULL:
                continue
            full = any(fault.inv <= op.inv and op.ret <= fault.ret for fault in self.faults if fault.kind == "MemoryFull")
            if full and self.answered_in_time(op.inv - self.healthy, op.ret) and not self.faults_near(
                    op.inv - self.healthy, op.ret, on=(self.mounts[op.p], op.p, "redis")):
                self.violate("full", "not refused with ENOSPC, but with %s" % op.r, op)

    def answered_in_time(self, begin, end):
        """On a machine that is too busy the server may seem to be gone though nothing was injected."""
        return not any(op.r == "ETIMEDOUT" and op.inv <= end and op.ret >= begin and
                       abs(op.ret - op.inv - getattr(op, "wait", 0) * MS) > IN_LINE / 2 for op in self.ops)

    # One id on several mounts

    def check_ids(self):
        for key in self.id_keys:
            ops = [op for op in self.by_key[key] if op.op.startswith("id-")]
            proofs = sorted(self.find_proofs(ops), key=lambda proof: proof.ret)
            ends = [op for op in ops if op.op in ("id-release", "id-force", "id-refresh") and (op.ok or op.maybe)]
            losses = [op for op in ops if self.says_id_lost(op)]
            self.result.summary.counts["proofs"] += len(proofs)
            self.check_id_tokens(proofs)
            # One violation of each kind is enough for a key.
            for proof, other in self.overlaps(proofs, proofs):
                if proof.id != other.id and not self.may_have_ended(proof, ends, other.ret):
                    self.violate("exclusion", "two ids have the key", proof.op, other.op)
                    break
            for proof, loss in self.overlaps(proofs, losses):
                if proof.id == loss.id and self.is_about(loss, proof) and not self.may_have_ended(proof, ends, loss.ret):
                    self.violate("unchanged", "it ended before its lease, and nobody released it", proof.op, loss)
                    break

    def find_proofs(self, ops):
        tokens = {op.h: op.returned["token"] for op in ops if op.op == "id-state" and "token" in op.returned}
        for op in ops:
            if not op.ok:
                continue
            token = tokens.get(getattr(op, "h", None))
            if op.op == "id-acquire":
                # Opening a lock that the id holds already leaves its lease as it is.
                yield Proof(op, op.inv + (0 if op.how == "plain" else op.ttl * MS) - CLOCKS, token)
            elif op.op == "id-refresh":
                yield Proof(op, op.inv + op.ttl * MS - CLOCKS, token)
            elif op.op == "id-state" and op.returned["state"] == "ACQUIRED":
                yield Proof(op, op.inv + op.returned.get("left", 0) * MS - CLOCKS, op.returned.get("token"))

    @staticmethod
    def says_id_lost(op):
        """It is said to one who presents the id that it has not the lock: a descriptor outlives its holding, a path does not."""
        if op.op == "id-state":
            return op.r in ("ESTALE", "ENOENT") or (op.ok and op.returned["state"] == "EXPIRED")
        return op.op == "id-refresh" and op.r in ("ESTALE", "ENOENT", "EPERM")

    def is_about(self, loss, proof):
        """A descriptor tells of one holding only; a path tells of any that the id has."""
        if not hasattr(loss, "h"):
            return True
        tokens = {op.returned["token"] for op in self.by_handle[loss.h] if "token" in op.returned}
        return proof.token in tokens

    @staticmethod
    def overlaps(proofs, later):
        """Pairs of a proof and what was said after it and before the lease that it proves was over."""
        times = [proof.ret for proof in proofs]
        longest = max((proof.until - proof.ret for proof in proofs), default=0)
        for other in later:
            for proof in proofs[bisect.bisect_left(times, other.ret - longest):bisect.bisect_left(times, other.inv)]:
                if proof.until > other.ret:
                    yield proof, other

    def may_have_ended(self, proof, ends, until):
        """May a holding have ended between its proof and that time?"""
        if self.clock_set(proof.inv, until) or self.lost_data(proof.inv, until):
            return True
        for op in ends:
            if op.inv > until or (op.op != "id-force" and op.id != proof.id):
                continue
            # A call without an answer may still be under way.
            ret = op.ret if op.ok else self.healed(self.mounts[op.p], op.inv if op.ret == NEVER else op.ret)
            if ret >= proof.inv and (op.op != "id-refresh" or op.inv + op.ttl * MS - CLOCKS <= until):
                return True
        return False

    def check_id_tokens(self, proofs):
        """What is proved later was not acquired earlier."""
        largest, at = None, 0
        for proof in sorted((proof for proof in proofs if proof.token), key=lambda proof: proof.inv):
            while at < len(proofs) and proofs[at].ret < proof.inv:
                if proofs[at].token and (not largest or proofs[at].token > largest.token):
                    largest = proofs[at]
                at += 1
            if largest and proof.token < largest.token:
                self.violate("tokens", "%d is there after %d" % (proof.token, largest.token), largest.op, proof.op)

    def longest_ttl(self, holding):
        return max([holding.acquire.ttl] + [getattr(op, "ttl", 0) for op in self.refreshes(holding)])

    def was_cut_short(self, event):
        """Its process was killed while it acquired, or could not read its token."""
        known = {holding.acquire for holding in self.by_token.values()}
        return any(op.op in ACQUIRES and self.pids[op.p] == event["pid"] and op.ttl > LONG_LEASE and
                   op not in known and ((op.ok or op.ret == NEVER) and not op.bound or self.daemon_killed(
                       self.mounts[op.p], op.inv, self.healed(self.mounts[op.p], op.ret)))
                   for op in self.by_key[event["key"]])

    def count(self):
        summary, count = self.result.summary, self.result.summary.counts
        summary.operations = len(self.ops)
        for op in self.ops:
            if op.op == "acquire":
                count["acquired" if op.ok else "refused" if op.r in REFUSALS else "failed"] += 1
                count["shared"] += op.ok and op.shared
            elif op.op == "convert":
                count["converted"] += op.ok
            elif op.op == "write":
                count["written"] += op.ok
                count["stale"] += op.r == "ESTALE"
            elif op.op == "rush":
                count["rushed"] += op.returned.get("tries", 0)
            count["full"] += op.r == "ENOSPC"
        count["changes"] = len(self.changes)
        count["late"] = sum(1 for change in self.changes if self.came_late(change))
        count["outlived"] = sum(1 for holding in self.holdings if any(
            holding.ret < change.inv and any(op.inv > change.served and self.says_it_is_there(op) for op in holding.ops)
            for change in self.changes))
        for holdings in self.of_key.values():
            count["handovers"] += max(0, len(holdings) - 1)
            count["lost"] += sum(1 for holding in holdings[:-1] if holding.bound and any(
                op.ok and op.op in ("poll", "signal") and op.returned["told"] for op in holding.ops))


def check(events):
    return Checker(events).check()


def main():
    failed = 0
    for directory in sys.argv[1:]:
        result = check(read(directory))
        for violation in result.violations:
            print("VIOLATION %s\n" % violation)
        for line in result.summary.lines():
            print(line)
        failed += len(result.violations)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
