"""Tests of the checker: it accepts good histories, and rejects each kind of bad one for the right reason.

    checker_test.py    prints TAP

A history is written in milliseconds: Told(mount=…) is a process, and its methods are
operations with the arguments (begin, end, …).
"""

import sys
import traceback

import checker

MS = 1000000
TESTS = []


class History:
    def __init__(self):
        self.events = [{"e": "last", "token": 0}]

    def process(self, mount="m1"):
        return Process(self, mount)

    def add(self, **event):
        self.events.append(event)

    def fault(self, kind, begin, end, on="redis", **more):
        self.add(e="fault", kind=kind, on=on, t=begin * MS, until=end * MS, **more)

    def changed(self, begin, end, kind="ServerEmptied"):
        """In the setup in which mounts put back what they have."""
        self.add(e="setup", name="empty")
        self.fault(kind, begin, end)

    def failed_over(self, begin, end, kind="PrimaryKilled", cut_off=None, down=2000):
        """A mount may be cut off meanwhile."""
        self.add(e="setup", name="sentinel")
        self.fault(kind, begin, end, down=down)
        if cut_off:
            self.fault("CutOff", begin, end, on=cut_off)

    def stalled(self, begin, end):
        self.add(e="stalled", t=begin * MS, until=end * MS)

    def left(self, key, token, pid, **more):
        self.add(e="left", key=key, token=token, pid=pid, t=99000 * MS, **more)

    def limited(self, limit, directory="pool"):
        self.add(e="limit", dir=directory, limit=limit, t=0)

    def violations(self):
        return checker.check(self.events).violations


class Process:
    count = 0

    def __init__(self, history, mount):
        Process.count += 1
        self.history, self.mount = history, mount
        self.name, self.pid = "%sw%d.1" % (mount, Process.count), 1000 + Process.count
        self.number = 0
        history.add(e="begin", p=self.name, pid=self.pid, m=mount, t=0)

    def do(self, begin, end, operation, result="OK", returned=None, **fields):
        self.number += 1
        self.history.add(e="inv", p=self.name, n=self.number, t=begin * MS, op=operation, **fields)
        if end is not None:
            self.history.add(e="ret", p=self.name, n=self.number, t=end * MS, r=result, **(returned or {}))

    def acquire(self, begin, end, token=None, result="OK", key="k", ttl=1000, wait=0, bound=False, how="excl",
                mode="exclusive"):
        """The name of its handle."""
        handle = "%s#%d" % (self.name, self.number)
        self.do(begin, end, "acquire", result, key=key, h=handle, how=how, ttl=ttl, wait=wait,
                queued=wait, excl=True, bound=bound, signal=bound, mode=mode)
        if token:
            self.do(end, end + 1, "token", returned={"token": token}, h=handle)
        return handle

    def share(self, begin, end, token=None, **more):
        """With a lease that the test does not outlast."""
        return self.acquire(begin, end, token, **{"mode": "shared", "ttl": 60000, **more})

    def convert(self, begin, end, handle, token=None, result="OK", mode="exclusive", wait=0, keeps=True, key="k"):
        self.do(begin, end, "convert", result, key=key, h=handle, how="flock", ttl=60000, wait=wait, queued=0,
                bound=True, mode=mode, keeps=keeps)
        if token:
            self.do(end, end + 1, "token", returned={"token": token}, h=handle)

    def set_limit(self, at, limit, directory="pool"):
        self.do(at, at + 1, "set-limit", dir=directory, limit=limit)

    def write(self, at, handle, result="OK", text="x"):
        self.do(at, at + 1, "write", result, h=handle, text=text)

    def read(self, at, handle, text, result="OK"):
        self.do(at, at + 1, "read", result, {"text": text}, h=handle)

    def poll(self, at, handle, told):
        self.do(at, at + 1, "poll", returned={"told": told}, h=handle)

    def signal(self, at, handle, told):
        self.do(at, at + 1, "signal", returned={"told": told}, h=handle)

    def state(self, at, handle, state):
        self.do(at, at + 1, "state", returned={"state": state}, h=handle)

    def refresh(self, begin, end, handle, result="OK", ttl=0, key="k"):
        self.do(begin, end, "refresh", result, h=handle, key=key, ttl=ttl)

    def release(self, begin, end, handle, result="OK", how="unlink", key="k"):
        self.do(begin, end, "release", result, h=handle, key=key, how=how)

    def look(self, at, token, pid, key="k", end=None):
        self.do(at, end or at + 1, "look", returned={"token": token, "pid": pid}, key=key)

    def attack(self, at, how="unlink", result="EPERM", key="k"):
        self.do(at, at + 1, "attack", result, key=key, how=how)

    def force(self, at, result="OK", key="k"):
        self.do(at, at + 1, "force", result, key=key)

    # With an id that other processes present as well

    def acquire_as(self, begin, end, holder, token=None, result="OK", key="k", ttl=4000, wait=0, how="excl"):
        handle = "%s#%d" % (self.name, self.number)
        self.do(begin, end, "id-acquire", result, key=key, id=holder, h=handle, how=how, ttl=ttl, wait=wait)
        if token:
            self.state_as(end, holder, handle, token=token, left=ttl if how != "plain" else 0)
        return handle

    def state_as(self, at, holder, handle, state="ACQUIRED", token=None, left=None, result="OK", key="k"):
        told = {name: value for name, value in (("state", state), ("token", token), ("left", left)) if value is not None}
        self.do(at, at + 1, "id-state", result, told if result == "OK" else None, key=key, id=holder, h=handle)

    def refresh_as(self, begin, end, holder, result="OK", ttl=4000, key="k"):
        self.do(begin, end, "id-refresh", result, key=key, id=holder, ttl=ttl)

    def release_as(self, begin, end, holder, result="OK", key="k"):
        self.do(begin, end, "id-release", result, key=key, id=holder)

    def force_as(self, at, result="OK", key="k"):
        self.do(at, at + 1, "id-force", result, key=key)

    def killed(self, at):
        self.history.add(e="killed", p=self.name, t=at * MS)


def accepts(test):
    TESTS.append((test.__doc__, test, None))
    return test


def rejects(name):
    def add(test):
        TESTS.append((test.__doc__, test, name))
        return test
    return add


def two(mounts=("m1", "m2")):
    history = History()
    return history, history.process(mounts[0]), history.process(mounts[1])


# Histories that are accepted

@accepts
def nothing(_=None):
    """an empty history"""
    return History()


@accepts
def one_after_the_other():
    """acquired, used, released, and acquired by another"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    one.write(10, handle, text="a")
    one.read(20, handle, "a")
    other.acquire(30, 31, result="EEXIST")
    one.release(40, 45, handle)
    other.acquire(46, 50, 11)
    one.write(60, handle, "ESTALE")
    return history


@accepts
def taken_and_let_go():
    """a bound lock that is taken by force, and seen until its mount has said that its holder knows"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, bound=True, ttl=2000)
    other.do(10, 100, "force", key="k")
    one.state(20, handle, "EXPIRED")
    one.release(30, 31, handle, how="unlock")
    other.look(50, 10, one.pid)
    return history


@rejects("lease")
def seen_after_release():
    """a bound lock that is unlocked, and seen after that"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, bound=True, ttl=2000)
    other.do(10, 100, "force", key="k")
    one.release(30, 31, handle, how="unlock")
    other.look(50, 10, one.pid)
    return history


@accepts
def overlapping_calls():
    """a write under way while the next acquisition returns"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    one.do(990, 1200, "write", h=handle, text="a")
    other.acquire(900, 1010, 11, wait=500)
    return history


@accepts
def lease_over():
    """a lease that ends, and its late holder"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, ttl=500)
    other.acquire(100, 510, 11, wait=1000)
    one.write(600, handle, "ESTALE")
    one.state(610, handle, "EXPIRED")
    return history


@accepts
def bound_lost_by_partition():
    """a bound lock that is lost while its mount is cut off, and told in time"""
    history, one, other = two()
    history.fault("CutOff", 100, 4000, on="m1")
    handle = one.acquire(0, 5, 10, bound=True, how="hold")
    one.poll(970, handle, True)
    other.acquire(200, 1005, 11, wait=2000)
    one.poll(1010, handle, True)
    one.signal(1012, handle, True)
    return history


@accepts
def back_empty():
    """a server that comes back empty: another has it, the old holder cannot write, tokens grow"""
    history, one, other = two()
    history.fault("RedisEmptied", 100, 300)
    handle = one.acquire(0, 5, 10, ttl=60000)
    other.acquire(310, 320, 11)
    one.poll(330, handle, False)
    one.write(340, handle, "ESTALE")
    return history


@accepts
def clock_forward():
    """a lease that ends early because the server's clock was set"""
    history, one, other = two()
    history.fault("ClockForward", 100, 101, by=30000)
    handle = one.acquire(0, 5, 10, ttl=5000)
    other.acquire(150, 160, 11)
    one.write(200, handle, "ESTALE")
    return history


@accepts
def killed_in_flight():
    """an acquisition whose process was killed, and that is there until its lease ends"""
    history, one, other = two()
    one.acquire(0, None)
    one.killed(3)
    other.look(100, 10, one.pid)
    other.acquire(200, 201, result="EEXIST")
    return history


@accepts
def lost_answer():
    """an acquisition without an answer, that is seen until it is undone"""
    history, one, other = two()
    history.fault("AnswersLost", 0, 2000, on="m1")
    one.acquire(10, 1010, result="ETIMEDOUT", ttl=60000)
    other.look(1500, 10, one.pid)
    other.acquire(6000, 6010, 11)
    return history


@accepts
def opened_what_was_not_reported():
    """an acquisition without an answer is there, and its process opens it"""
    history, one, other = two()
    history.fault("DaemonKilled", 100, 1500, on="m1")
    one.acquire(10, 110, result="ENOTCONN", ttl=4000)
    other.acquire(200, 205, 11, key="l")
    one.acquire(1600, 1605, 10, ttl=4000, how="plain")
    return history


@accepts
def forced():
    """a lock that was taken by force"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, ttl=5000)
    other.force(100)
    one.write(150, handle, "ESTALE")
    return history


@accepts
def long_lease_left():
    """a long lease of a process that was killed is left in the end"""
    history, one, _ = two()
    one.acquire(0, 5, 10, ttl=60000)
    one.killed(10)
    history.left("k", 10, one.pid)
    return history


@accepts
def served_late_after_stop():
    """who was touched by a fault may be served late"""
    history, one, other = two()
    holder = history.process("m3")
    handle = holder.acquire(5000, 5001, 9, bound=True, how="hold")
    history.fault("DaemonStopped", 5500, 7000, on="m1")
    one.acquire(5100, 8000, 11, wait=4000)
    other.acquire(5600, 6000, 10, wait=4000, ttl=500)
    holder.release(5900, 5901, handle, how="close")
    return history


@accepts
def handed_over_in_vain():
    """a lock that was handed to one whose mount stood still, and then to the next"""
    history, one, other = two()
    third = history.process("m3")
    history.fault("DaemonStopped", 50, 3000, on="m1")
    handle = third.acquire(0, 5, 9)
    one.acquire(40, 3100, 12, wait=4000)
    third.release(100, 105, handle)
    third.look(300, 10, one.pid)
    other.acquire(200, 605, 11, wait=2000, ttl=500)
    return history


@accepts
def one_id_on_two_mounts():
    """one id acquires on a mount, is there, refreshed and released on another, and the next id acquires"""
    history, one, other = two()
    third = history.process("m3")
    one.acquire_as(0, 5, "blue", 10)
    handle = other.acquire_as(20, 22, "blue", result="EEXIST")
    other.state_as(30, "blue", handle, token=10, left=3960)
    other.refresh_as(40, 45, "blue")
    third.acquire_as(50, 52, "green", result="EEXIST")
    other.release_as(60, 65, "blue")
    one.state_as(70, "blue", "%s#0" % one.name, "EXPIRED")
    third.acquire_as(70, 75, "green", 11)
    return history


@accepts
def undone_before_it_was_proved():
    """an acquisition for an id that was never told is taken back, and another id acquires"""
    history, one, other = two()
    history.fault("IdAnswersLost", 0, 2000, on="m1")
    one.acquire_as(10, 1010, "blue", result="ETIMEDOUT")
    other.acquire_as(2500, 2505, "green", 11)
    return history


@accepts
def proved_lease_over():
    """an id's lease ends, which a plain creation had left as it was, and another id acquires"""
    history, one, other = two()
    one.acquire_as(0, 5, "blue", 10, ttl=1000)
    one.acquire_as(900, 905, "blue", how="plain")
    other.acquire_as(500, 1010, "green", 11, wait=1000)
    return history


@accepts
def shortened_for_another():
    """who presents the same id makes the lease shorter"""
    history, one, other = two()
    one.acquire_as(0, 5, "blue", 10)
    other.refresh_as(100, 105, "blue", ttl=1000)
    history.process("m3").acquire_as(1110, 1120, "green", 11)
    return history


@accepts
def release_on_its_way():
    """a release that was not answered ends what the same id is proved to have meanwhile"""
    history, one, other = two()
    history.fault("RequestsLost", 90, 3000, on="m1")
    one.acquire_as(0, 5, "blue", 10)
    one.release_as(100, 1100, "blue", "ETIMEDOUT")
    handle = other.acquire_as(1200, 1205, "blue", how="plain")
    other.refresh_as(1300, 1305, "blue")
    other.state_as(3200, "blue", handle, "EXPIRED", result="ESTALE")
    history.process("m3").acquire_as(3100, 3110, "green", 11)
    return history


@accepts
def forced_from_an_id():
    """what an id has is taken by force"""
    history, one, other = two()
    handle = one.acquire_as(0, 5, "blue", 10)
    other.force_as(50)
    one.state_as(60, "blue", handle, "EXPIRED")
    other.acquire_as(70, 75, "green", 11)
    return history


@accepts
def id_back_empty():
    """what an id had is lost with the data of the server"""
    history, one, other = two()
    history.fault("RedisEmptied", 100, 300)
    one.acquire_as(0, 5, "blue", 10)
    other.acquire_as(310, 315, "green", 11)
    return history


@accepts
def refused_by_full_server():
    """a full server refuses to acquire and to write, and changes nothing by that"""
    history, one, other = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    handle = one.acquire(0, 5, 10)
    one.write(20, handle, text="a")
    other.acquire(30, 32, result="ENOSPC", key="l")
    one.write(40, handle, "ENOSPC", text="b")
    one.read(50, handle, "a")
    one.refresh(60, 65, handle)
    one.release(70, 75, handle)
    other.acquire(80, 82, 11)
    return history


@accepts
def stall_of_a_full_server():
    """where a full server is too slow to answer, who asks next is told that it is away"""
    history, one, other = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    one.acquire(20, 1025, result="ETIMEDOUT", wait=4000)
    other.acquire(1030, 1031, result="EHOSTDOWN")
    return history


@accepts
def nothing_beneath():
    """no plain file beneath the mounts"""
    history = History()
    history.add(e="beneath", on="m1", names=[], changed=False)
    return history


# Histories that are rejected

@rejects("exclusion")
def undone_after_it_was_proved():
    """an acquisition whose answer was lost is taken back after another mount was told that its id has the lock"""
    history, one, other = two()
    history.fault("IdAnswersLost", 0, 2000, on="m1")
    one.acquire_as(10, 1010, "blue", result="ETIMEDOUT")
    handle = other.acquire_as(1100, 1102, "blue", result="EEXIST")
    other.state_as(1103, "blue", handle, token=10, left=3000)
    history.process("m3").acquire_as(2050, 2060, "green", 11)
    return history


@rejects("unchanged")
def undone_and_told():
    """it is taken back, and who was told that its id has the lock is told that it ended"""
    history, one, other = two()
    history.fault("IdAnswersLost", 0, 2000, on="m1")
    one.acquire_as(10, 1010, "blue", result="ETIMEDOUT")
    handle = other.acquire_as(1100, 1102, "blue", result="EEXIST")
    other.state_as(1103, "blue", handle, token=10, left=3000)
    other.state_as(2050, "blue", handle, "EXPIRED")
    return history


@rejects("unchanged")
def refreshed_and_gone():
    """it was refreshed for an id, and soon after there is nothing to be refreshed"""
    history, one, other = two()
    one.acquire_as(0, 5, "blue", 10)
    other.refresh_as(20, 25, "blue")
    other.refresh_as(30, 35, "blue", "ENOENT")
    return history


@rejects("exclusion")
def two_ids_after_refresh():
    """another id acquires before a lease ends that was refreshed on another mount"""
    history, one, other = two()
    one.acquire_as(0, 5, "blue", 10, ttl=1000)
    other.refresh_as(500, 505, "blue", ttl=1000)
    history.process("m3").acquire_as(600, 1100, "green", 11, wait=1000)
    return history


@rejects("exclusion")
def old_id_still_has_it():
    """the id that had the key before is told that it has it, after another acquired"""
    history, one, other = two()
    handle = one.acquire_as(0, 5, "blue", 10, ttl=1000)
    other.acquire_as(1100, 1105, "green", 11)
    one.state_as(1200, "blue", handle, token=10)
    return history


@rejects("exclusion")
def release_of_the_other_id():
    """a release by one id does not end what another has"""
    history, one, other = two()
    one.acquire_as(0, 5, "blue", 10)
    other.release_as(10, 15, "green", "ETIMEDOUT")
    other.acquire_as(20, 25, "green", 11)
    return history


@rejects("tokens")
def id_token_back():
    """what one id has was acquired after what another had, and its token is smaller"""
    history, one, other = two()
    one.acquire_as(0, 5, "blue", 10)
    one.release_as(10, 15, "blue")
    other.acquire_as(20, 25, "green", 9)
    return history


@rejects("nobody")
def id_left():
    """a lock of a given id is left in the end"""
    history, one, _ = two()
    one.acquire_as(0, 5, "blue", 10)
    history.left("k", 10, one.pid)
    return history


@rejects("full")
def refresh_refused_by_full_server():
    """a full server refuses a refresh, which needs no memory"""
    history, one, _ = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    handle = one.acquire(0, 5, 10)
    one.refresh(20, 25, handle, "ENOSPC")
    return history


@accepts
def attack_refused_by_full_server():
    """a server without memory refuses to write what was opened by a path"""
    history, one, _ = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    one.acquire(0, 5, 10)
    one.attack(100, how="write", result="ENOSPC")
    return history


@rejects("full")
def truncation_refused_by_full_server():
    """a server without memory refuses to truncate, which needs none"""
    history, one, _ = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    one.acquire(0, 5, 10)
    one.attack(100, how="truncate", result="ENOSPC")
    return history


@rejects("full")
def acquisition_fails_in_full_server():
    """a full server is not taken for one that does not answer"""
    history, one, _ = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    one.acquire(20, 1025, result="EIO")
    return history


@rejects("full")
def full_server_taken_for_gone():
    """a full server is not taken for one that is away"""
    history, one, _ = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    one.acquire(20, 21, result="EHOSTDOWN")
    return history


@rejects("kept")
def lost_in_full_server():
    """a bound lock is lost because its server is full"""
    history, one, _ = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    handle = one.acquire(0, 5, bound=True, how="hold")
    one.poll(1500, handle, True)
    return history


@rejects("kept")
def lost_by_garbage():
    """a bound lock is lost because of a forged message"""
    history, one, _ = two()
    history.fault("Garbage", 10, 3000, on="channels")
    handle = one.acquire(0, 5, bound=True, how="hold")
    one.poll(1500, handle, True)
    return history


@rejects("nobody")
def kept_by_refusal():
    """what a full server refused is held all the same"""
    history, one, other = two()
    history.fault("MemoryFull", 10, 3000, on="memory")
    one.acquire(20, 25, result="ENOSPC", ttl=60000)
    other.acquire(30, 35, result="EEXIST")
    return history


@rejects("beneath")
def acquired_a_plain_file():
    """what was told as acquired is a plain file"""
    history, one, _ = two()
    one.do(0, 1, "acquire", returned={"plain": True}, key="k", h="h", how="excl", ttl=2000, wait=0, queued=0,
           excl=True, bound=False, signal=False)
    return history


@rejects("beneath")
def rushed_to_plain_files():
    """a tight loop of creations made plain files"""
    history, one, _ = two()
    one.do(0, 300, "rush", returned={"tries": 9, "acquired": 3, "plain": 2})
    return history


@rejects("beneath")
def file_beneath():
    """a plain file lies beneath a mount"""
    history = History()
    history.add(e="beneath", on="m1", names=["k"], changed=True)
    return history


@rejects("beneath")
def file_was_beneath():
    """a plain file was beneath a mount, and is gone"""
    history = History()
    history.add(e="beneath", on="m1", names=[], changed=True)
    return history


@rejects("beneath")
def two_daemons():
    """two daemons serve one mount point"""
    history = History()
    history.add(e="stacked", on="m1", t=0)
    return history


@rejects("exclusion")
def two_writers():
    """two write to one lock"""
    history, one, other = two()
    history.fault("CutOff", 0, 5000, on="m1")
    handle = one.acquire(0, 5, 10)
    other.acquire(100, 1010, 11, wait=2000)
    one.write(1011, handle)
    return history


@rejects("exclusion")
def two_writers_after_loss():
    """two write to one lock, also where Redis lost its data"""
    history, one, other = two()
    history.fault("RedisEmptied", 50, 90)
    handle = one.acquire(0, 5, 10)
    other.acquire(100, 110, 11)
    one.write(120, handle)
    return history


@rejects("exclusion")
def two_writers_by_clock():
    """two write to one lock, also where the clock was set"""
    history, one, other = two()
    history.fault("ClockForward", 50, 51, by=30000)
    handle = one.acquire(0, 5, 10)
    other.acquire(100, 110, 11)
    one.write(120, handle)
    return history


@rejects("tokens")
def token_back():
    """a later acquisition of the key with a smaller token"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    one.release(10, 15, handle)
    other.acquire(20, 25, 9)
    return history


@rejects("tokens")
def token_back_elsewhere():
    """a later acquisition of another key with a smaller token"""
    history, one, other = two()
    one.acquire(0, 5, 10)
    other.acquire(20, 25, 9, key="l")
    return history


@rejects("tokens")
def token_back_after_loss():
    """a smaller token after Redis lost its data"""
    history, one, other = two()
    history.fault("RedisEmptied", 10, 15)
    one.acquire(0, 5, 10)
    other.acquire(20, 25, 9)
    return history


@rejects("tokens")
def token_back_by_clock():
    """a smaller token after the clock was set back"""
    history, one, other = two()
    history.fault("ClockBack", 10, 15, by=-2000)
    one.acquire(0, 5, 10, ttl=1000)
    other.acquire(3500, 3505, 9)
    return history


@rejects("tokens")
def token_twice():
    """two acquisitions with one token"""
    history, one, other = two()
    one.acquire(0, 5, 10)
    other.acquire(3, 8, 10, key="l")
    return history


@rejects("tokens")
def token_of_before():
    """a token that is not larger than all of the round before"""
    history, one, _ = two()
    history.events[0]["token"] = 50
    one.acquire(0, 5, 10)
    return history


def lost_bound(say):
    """A bound lock of a mount that is cut off, and what is said of it after the next has it."""
    history, one, other = two()
    history.fault("CutOff", 100, 4000, on="m1")
    handle = one.acquire(0, 5, 10, bound=True, how="hold")
    other.acquire(200, 1005, 11, wait=2000)
    say(one, handle)
    return history


@rejects("told")
def poll_after_next():
    """poll says that a bound lock is there after the next has it"""
    return lost_bound(lambda one, handle: one.poll(1006, handle, False))


@rejects("told")
def signal_after_next():
    """no signal, after the next has it"""
    return lost_bound(lambda one, handle: one.signal(1006, handle, False))


@rejects("told")
def state_after_next():
    """the state of a descriptor is ACQUIRED after the next has it"""
    return lost_bound(lambda one, handle: one.state(1006, handle, "ACQUIRED"))


@rejects("told")
def read_after_next():
    """a read through the descriptor of a plain lock succeeds after the next has it"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    other.acquire(200, 1010, 11, wait=2000)
    one.read(1011, handle, "")
    return history


@rejects("told")
def not_told_of_force():
    """a bound lock taken by force where nothing failed, and its holder is not told"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, bound=True, how="hold")
    other.force(100)
    other.acquire(110, 120, 11)
    one.poll(130, handle, False)
    return history


@rejects("told")
def not_told_of_loss():
    """the server came back empty, and long after the holder still thinks that it has the lock"""
    history, one, _ = two()
    history.fault("RedisEmptied", 100, 300)
    handle = one.acquire(0, 5, 10, bound=True, how="hold")
    one.poll(9000, handle, False)
    return history


@rejects("told")
def look_at_the_past():
    """a look shows a holding after the next was acquired"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    one.release(10, 20, handle)
    other.acquire(15, 25, 11)
    other.look(30, 10, one.pid)
    return history


@rejects("unchanged")
def refused_release_released():
    """a release by another is refused, and the lock is gone all the same"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    other.attack(50)
    one.write(100, handle, "ESTALE")
    return history


@rejects("unchanged")
def acquired_too_early():
    """another acquires before the lease is over"""
    history, one, other = two()
    one.acquire(0, 5, 10, ttl=1000)
    other.acquire(100, 900, 11, wait=2000)
    return history


@rejects("unchanged")
def acquired_before_refreshed_end():
    """another acquires before a lease that was refreshed is over"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, ttl=1000)
    one.refresh(500, 505, handle)
    other.acquire(600, 1100, 11, wait=2000)
    return history


@accepts
def shortened_by_reentry():
    """who comes in once more through a view of a shorter lease refreshes for that"""
    history, one, other = two()
    one.acquire(0, 5, 10, ttl=2000)
    again = one.acquire(30, 35, 10, how="plain", ttl=500)
    one.refresh(40, 45, again)
    other.acquire(100, 560, 11, wait=2000)
    return history


@rejects("unchanged")
def late_release():
    """an earlier release that was answered ETIMEDOUT ends a later holding"""
    history, one, other = two()
    history.fault("RequestsLost", 10, 1100, on="m1")
    handle = one.acquire(0, 5, 10, ttl=1000)
    one.release(20, 1020, handle, "ETIMEDOUT")
    handle = one.acquire(1200, 1205, 11, ttl=1000)
    one.write(1300, handle, "ESTALE")
    other.acquire(1310, 1315, 12)
    return history


@rejects("unchanged")
def attack_succeeds():
    """who never held it releases it"""
    history, one, other = two()
    one.acquire(0, 5, 10)
    other.attack(50, result="OK")
    return history


@rejects("unchanged")
def refresh_of_another():
    """who never held it refreshes it"""
    history, one, other = two()
    one.acquire(0, 5, 10)
    other.attack(50, how="utime", result="OK")
    return history


@rejects("unchanged")
def write_by_another():
    """who never held it writes it by an open that any caller may make"""
    history, one, other = two()
    one.acquire(0, 5, 10)
    other.attack(50, how="write", result="OK")
    return history


@rejects("kept")
def lost_without_fault():
    """a bound lock is lost, and nothing had failed"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10, bound=True, how="hold")
    one.poll(1500, handle, True)
    return history


@accepts
def lost_by_a_stall():
    """a bound lock is lost while the machine stands still"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10, bound=True, how="hold")
    history.add(e="stalled", t=400 * MS, until=1400 * MS)
    one.poll(1500, handle, True)
    return history


@rejects("kept")
def lost_after_a_stall():
    """a bound lock is lost long after the machine stood still"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10, bound=True, how="hold")
    history.add(e="stalled", t=400 * MS, until=1400 * MS)
    one.poll(1500, handle, False)
    one.poll(2500, handle, True)
    return history


@rejects("lease")
def outlives_its_lease():
    """a lock is written long after its lease"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10, ttl=500)
    one.write(700, handle)
    return history


@rejects("lease")
def refused_refresh_refreshes():
    """a refresh was refused, and the lease goes on"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, ttl=500)
    other.attack(300, how="utime")
    one.write(700, handle)
    return history


@rejects("lease")
def seen_after_release():
    """a lock is seen after it was released"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    one.release(10, 15, handle)
    other.look(16, 10, one.pid)
    return history


@rejects("lease")
def seen_after_lease():
    """a lock that nobody released is seen after its lease"""
    history, one, other = two()
    one.acquire(0, 5, 10, ttl=500)
    other.look(600, 10, one.pid)
    return history


@rejects("lease")
def seen_after_death():
    """a bound lock is seen long after its process died"""
    history, one, other = two()
    one.acquire(0, 5, 10, bound=True, how="hold")
    one.killed(100)
    other.look(5000, 10, one.pid)
    return history


@rejects("nobody")
def refused_for_nobody():
    """refused, and nobody has it"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    one.release(10, 15, handle)
    other.acquire(20, 25, result="EEXIST")
    return history


@rejects("nobody")
def refused_by_a_ghost():
    """refused because of an acquisition that was not reported, long after everything was mended"""
    history, one, other = two()
    history.fault("AnswersLost", 0, 2000, on="m1")
    one.acquire(10, 1010, result="ETIMEDOUT", ttl=60000)
    other.acquire(9000, 9010, result="EEXIST")
    return history


@rejects("nobody")
def seen_ghost():
    """an acquisition that was not reported is seen long after everything was mended"""
    history, one, other = two()
    history.fault("AnswersLost", 0, 2000, on="m1")
    one.acquire(10, 1010, result="ETIMEDOUT", ttl=60000)
    other.look(9000, 10, one.pid)
    return history


@rejects("nobody")
def refused_and_held():
    """an acquisition that was refused is seen"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    other.acquire(10, 15, result="EEXIST")
    one.release(20, 25, handle)
    one.look(30, 11, other.pid)
    return history


@rejects("nobody")
def left_ghost():
    """an acquisition that was not reported is left in the end"""
    history, one, _ = two()
    history.fault("AnswersLost", 0, 2000, on="m1")
    one.acquire(10, 1010, result="ETIMEDOUT", ttl=60000)
    history.left("k", 10, one.pid)
    return history


@rejects("nobody")
def left_interrupted():
    """an interrupted wait has the lock in the end"""
    history, one, _ = two()
    one.acquire(10, 1010, result="EINTR", ttl=60000, wait=1000, how="flock")
    history.left("k", 10, one.pid)
    return history


@rejects("nobody")
def left_after_release():
    """a lock that was released is left in the end"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10, ttl=60000)
    one.release(10, 15, handle)
    history.left("k", 10, one.pid)
    return history


@rejects("nobody")
def left_short():
    """a short lease is left in the end"""
    history, one, _ = two()
    one.acquire(0, 5, 10)
    history.left("k", 10, one.pid)
    return history


@rejects("nobody")
def key_leaked():
    """Redis keeps a key when nothing is held"""
    history = History()
    history.add(e="keys", keys={"faults#token": -1, "faults#w:k": -1})
    return history


@rejects("content")
def other_content():
    """what is read is not what was written"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10)
    one.write(10, handle, text="a")
    other.attack(20, how="truncate", result="EBUSY")
    other.attack(22, how="write", result="EBUSY")
    one.read(30, handle, "")
    return history


@accepts
def content_emptied():
    """who comes in once more by plain creation empties what is theirs"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10)
    one.write(20, handle, text="a")
    again = one.acquire(30, 35, 10, how="plain")
    one.read(40, again, "")
    one.write(50, again, text="b")
    one.read(60, again, "b")
    return history


@rejects("content")
def content_emptied_and_back():
    """what is read after that is not what was written"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10)
    one.write(20, handle, text="a")
    again = one.acquire(30, 35, 10, how="plain")
    one.write(50, again, text="b")
    one.read(60, again, "")
    return history


@rejects("ended")
def no_end():
    """a wait that has no end"""
    history, one, _ = two()
    one.acquire(0, None, wait=1000)
    history.add(e="stuck", p=one.name, t=40000 * MS)
    return history


@rejects("ended")
def end_far_too_late():
    """a wait that ends far too late, and nothing had failed"""
    history, one, _ = two()
    one.acquire(0, 9000, 10, wait=1000)
    return history


@rejects("ended")
def daemon_died():
    """a daemon that dies by itself"""
    history = History()
    history.add(e="crash", on="m1", status=-11)
    return history


@accepts
def handed_and_taken():
    """a lock that is taken by force from who waited, before they hear of it, goes to the next"""
    history, one, other = two()
    holder, fourth = history.process("m3"), history.process("m3")
    handle = holder.acquire(0, 1, 9, ttl=5000)
    one.acquire(100, 1800, 11, wait=3000)
    other.acquire(600, 1404, 10, wait=3000, ttl=200)
    holder.release(1400, 1402, handle)
    fourth.force(1401)
    return history


@rejects("order")
def forced_out_of_order():
    """who came later is served first, of a lock that is taken by force from its holder"""
    history, one, other = two()
    holder, fourth = history.process("m3"), history.process("m3")
    holder.acquire(0, 1, 9, ttl=5000)
    one.acquire(100, 1800, 11, wait=3000)
    other.acquire(600, 1404, 10, wait=3000, ttl=200)
    fourth.force(1401)
    return history


@rejects("order")
def served_out_of_order():
    """who came later is served first"""
    history, one, other = two()
    holder = history.process("m3")
    handle = holder.acquire(0, 1, 9, ttl=5000)
    one.acquire(100, 1800, 11, wait=3000)
    other.acquire(600, 1500, 10, wait=3000, ttl=200)
    holder.release(1400, 1401, handle)
    return history


# Shared locks and conversions

def three():
    history, one, other = two()
    return history, one, other, history.process("m3")


@accepts
def readers_then_a_writer():
    """two share a lock, one goes, the other goes, and a writer that waited has it, and the next reader after it"""
    history, one, other, writer = three()
    late = history.process("m1")
    first, second = one.share(0, 5, 10, bound=True), other.share(10, 15, 11, bound=True)
    one.state(20, first, "ACQUIRED")
    one.look(25, 10, one.pid)
    one.release(500, 501, first, how="unlock")
    other.state(600, second, "ACQUIRED")
    other.write(610, second, "EBUSY")
    other.look(620, 11, other.pid)
    other.release(700, 701, second, how="unlock")
    handle = writer.acquire(100, 705, 12, wait=2000, bound=True)
    writer.write(710, handle)
    writer.release(800, 801, handle, how="unlock")
    late.share(610, 805, 13, wait=2000)
    return history


@accepts
def reader_refused_behind_writer():
    """a reader is refused while a writer waits"""
    history, one, other, writer = three()
    one.share(0, 5, 10)
    writer.acquire(100, 2100, result="EBUSY", wait=2000)
    other.share(700, 705, result="EBUSY")
    return history


@rejects("nobody")
def reader_refused_for_readers():
    """a reader is refused, and only other readers had the lock"""
    history, one, other, _ = three()
    one.share(0, 5, 10)
    other.share(100, 105, result="EBUSY")
    return history


@rejects("exclusion")
def reader_beside_writer():
    """a reader has the lock after a writer acquired it"""
    history, one, other = two()
    handle = one.share(0, 5, 10)
    other.acquire(10, 15, 11)
    one.state(20, handle, "ACQUIRED")
    return history


@rejects("exclusion")
def writer_beside_reader():
    """a writer writes after a reader shares its lock"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, ttl=60000)
    other.share(10, 15, 11)
    one.write(20, handle)
    return history


@rejects("exclusion")
def second_reader_beside_writer():
    """of two readers in front of a waiting writer only one has ended when it acquires"""
    history, one, other, writer = three()
    first, second = one.share(0, 5, 10, bound=True), other.share(10, 15, 11, bound=True)
    writer.acquire(100, 705, 12, wait=2000, bound=True)
    one.release(700, 701, first, how="unlock")
    other.state(710, second, "ACQUIRED")
    return history


@rejects("unchanged")
def release_ended_all():
    """the release of one reader ends the holding of another"""
    history, one, other = two()
    first, second = one.share(0, 5, 10), other.share(10, 15, 11)
    one.release(20, 21, first)
    other.state(30, second, "EXPIRED")
    return history


@accepts
def two_of_one_process():
    """of two shared holdings of one process, a release by path ends the older one"""
    history, one, other = two()
    one.share(0, 5, 10)
    second = one.share(10, 15, 11)
    one.release(20, 21, second)
    other.look(30, 11, one.pid)
    other.acquire(40, 45, result="EBUSY")
    one.release(50, 51, second)
    other.acquire(60, 65, 12)
    return history


@rejects("told")
def writer_not_told():
    """a writer is not told that a reader has the lock"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, bound=True)
    other.force(10)
    other.share(12, 15, 11)
    one.poll(20, handle, False)
    return history


@accepts
def writer_then_readers_seen():
    """a look shows the oldest of several readers"""
    history, one, other = two()
    one.share(0, 5, 10)
    other.share(10, 15, 11)
    other.look(20, 10, one.pid)
    return history


@rejects("told")
def look_before_the_writer():
    """a look shows a reader after a writer acquired the lock"""
    history, one, other = two()
    handle = one.share(0, 5, 10)
    one.release(10, 20, handle)
    other.acquire(15, 18, 11)
    other.look(19, 10, one.pid)
    return history


@rejects("mode")
def reader_writes():
    """a write through a shared holding succeeds"""
    history, one, _ = two()
    one.write(10, one.share(0, 5, 10))
    return history


@rejects("tokens")
def reader_with_old_token():
    """a reader has a smaller token than one that acquired before"""
    history, one, other = two()
    one.share(0, 5, 11)
    other.share(10, 15, 10)
    return history


@rejects("tokens")
def readers_with_one_token():
    """two readers have one token"""
    history, one, other = two()
    one.share(0, 50, 10)
    other.share(10, 15, 10)
    return history


@rejects("order")
def reader_before_writer_served():
    """a reader that came later than a writer is served first"""
    history, one, other, writer = three()
    handle = one.acquire(0, 5, 9, bound=True)
    one.release(1400, 1401, handle, how="unlock")
    writer.acquire(100, 1500, 11, wait=3000, ttl=200)
    other.share(600, 1410, 10, wait=3000, ttl=80, bound=True)
    return history


@rejects("starved")
def reader_passes():
    """a reader shares a lock with others while a writer waits for it"""
    history, one, other, writer = three()
    one.share(0, 5, 10, ttl=1000)
    writer.acquire(100, 3000, 12, wait=3000)
    other.share(600, 605, 11, ttl=1000)
    return history


@rejects("starved")
def writer_gives_up():
    """readers follow each other until a writer gives up"""
    history, one, other, writer = three()
    one.share(0, 5, 10, ttl=1000)
    writer.acquire(100, 2100, result="EBUSY", wait=2000)
    other.share(600, 605, 11, ttl=1000)
    one.share(1500, 1505, 12, ttl=1000)
    return history


@accepts
def conversions():
    """a reader converts when it is alone, back, and shares the lock again; content is kept"""
    history, one, other = two()
    handle = one.share(0, 5, 10, bound=True)
    one.convert(10, 15, handle, 11)
    one.write(20, handle, text="a")
    one.convert(30, 35, handle, 12, mode="shared")
    one.read(40, handle, "a")
    other.share(45, 50, 13)
    one.convert(55, 56, handle, result="EAGAIN")
    one.state(60, handle, "ACQUIRED")
    one.read(65, handle, "a")
    return history


@accepts
def deadlock():
    """of two readers that both convert one is refused, and the other has the lock when that one is gone"""
    history, one, other = two()
    first, second = one.share(0, 5, 10, bound=True), other.share(10, 15, 11, bound=True)
    one.convert(20, 60, first, 12, wait=1000)
    other.convert(30, 35, second, result="EDEADLK", wait=1000)
    other.state(40, second, "ACQUIRED")
    other.release(50, 51, second, how="unlock")
    one.write(70, first)
    return history


@rejects("nobody")
def false_deadlock():
    """a conversion is refused as a deadlock, and nobody else converts"""
    history, one, other = two()
    first = one.share(0, 5, 10, bound=True)
    other.share(10, 15, 11, bound=True)
    one.convert(20, 25, first, result="EDEADLK", wait=1000)
    return history


@accepts
def gave_up_to_convert():
    """who lets go of a shared lock to wait for it exclusively may have neither in the end"""
    history, one, other = two()
    handle = one.share(0, 5, 10, bound=True)
    other.share(10, 15, 11, bound=True)
    one.convert(20, 1020, handle, result="EINTR", wait=1000, keeps=False)
    one.state(1030, handle, "EXPIRED")
    return history


@accepts
def signal_from_before():
    """a signal that is about a loss is there after the file was locked anew"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, bound=True, ttl=60000)
    other.force(20)
    one.convert(30, 35, handle, 11, mode="shared")
    one.signal(40, handle, True)
    one.state(50, handle, "ACQUIRED")
    return history


@rejects("unchanged")
def signal_for_a_conversion():
    """a conversion is signalled as a loss"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10, bound=True, ttl=60000)
    one.convert(30, 35, handle, 11, mode="shared")
    one.signal(40, handle, True)
    return history


@rejects("unchanged")
def refused_conversion_ends():
    """a conversion is refused, and the holding is gone"""
    history, one, other = two()
    handle = one.share(0, 5, 10, bound=True)
    other.share(10, 15, 11, bound=True)
    one.convert(20, 25, handle, result="EAGAIN")
    one.state(30, handle, "EXPIRED")
    return history


@rejects("exclusion")
def converts_beside():
    """a reader converts while another has the lock"""
    history, one, other = two()
    first, second = one.share(0, 5, 10, bound=True), other.share(10, 15, 11, bound=True)
    one.convert(20, 25, first, 12)
    other.state(30, second, "ACQUIRED")
    return history


@rejects("tokens")
def conversion_with_old_token():
    """a conversion leaves the token as it is"""
    history, one, _ = two()
    handle = one.share(0, 5, 10, bound=True)
    one.convert(20, 25, handle, 10)
    return history


@rejects("unchanged")
def lost_in_conversion():
    """another acquires while a writer converts to shared"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, bound=True, ttl=60000)
    one.convert(20, 35, handle, 12, mode="shared")
    other.acquire(22, 30, 11)
    one.state(40, handle, "EXPIRED")
    return history


@rejects("content")
def content_lost_in_conversion():
    """a conversion empties the lock"""
    history, one, _ = two()
    handle = one.acquire(0, 5, 10, bound=True, ttl=60000)
    one.write(10, handle, text="a")
    one.convert(20, 35, handle, 12, mode="shared")
    one.read(40, handle, "")
    return history


@rejects("lease")
def seen_after_conversion():
    """the holding that was converted is seen after that"""
    history, one, other = two()
    handle = one.acquire(0, 5, 10, bound=True, ttl=60000)
    one.convert(20, 35, handle, 12, mode="shared")
    other.look(40, 10, one.pid)
    return history


@rejects("nobody")
def left_of_a_reader():
    """what one of two readers had is left in the end"""
    history, one, other = two()
    first, second = one.share(0, 5, 10, bound=True), other.share(10, 15, 11, bound=True)
    one.release(20, 21, first, how="unlock")
    other.release(30, 31, second, how="unlock")
    history.left("k", 11, other.pid)
    return history


@rejects("nobody")
def shared_key_leaked():
    """Redis keeps a set of holdings when nothing is held"""
    history = History()
    history.add(e="keys", keys={"faults#token": -1, "faults#h:k": 5000})
    return history


# Directories with a limit

@accepts
def limit_kept():
    """as many as the limit, one is refused, one waits and comes when another goes"""
    history, one, other, third = three()
    history.limited(2)
    first = one.acquire(0, 5, 10, key="pool/a", ttl=60000)
    second = other.acquire(10, 15, 11, key="pool/b", ttl=60000)
    one.write(20, first)
    other.write(30, second)
    third.acquire(40, 45, result="EBUSY", key="pool/c")
    one.release(500, 501, first, key="pool/a")
    handle = third.acquire(100, 510, 12, wait=2000, key="pool/c", ttl=60000)
    third.write(520, handle)
    other.write(530, second)
    return history


@rejects("limit")
def limit_exceeded():
    """three write where the limit is two"""
    history, *processes = three()
    history.limited(2)
    handles = [process.acquire(10 * index, 10 * index + 5, 10 + index, key="pool/%d" % index, ttl=60000)
               for index, process in enumerate(processes)]
    for index, process in enumerate(processes):
        process.write(100 + index, handles[index])
    return history


@rejects("nobody")
def refused_where_there_is_room():
    """refused, and there is room in the directory"""
    history, one, other = two()
    history.limited(2)
    one.acquire(0, 5, 10, key="pool/a", ttl=60000)
    other.acquire(10, 15, result="EBUSY", key="pool/b")
    return history


@rejects("order")
def room_out_of_order():
    """who came later for room is served first"""
    history, one, other, holder = three()
    history.limited(1)
    handle = holder.acquire(0, 1, 9, ttl=5000, key="pool/h")
    one.acquire(100, 1800, 11, wait=3000, key="pool/a")
    other.acquire(600, 1500, 10, wait=3000, ttl=200, key="pool/b")
    holder.release(1400, 1401, handle, key="pool/h")
    return history


@accepts
def limit_lost_with_the_data():
    """a server that came back empty has no limit until it is set again"""
    history, one, other, third = three()
    history.limited(1)
    history.fault("RedisEmptied", 0, 50)
    first = one.acquire(60, 65, 10, key="pool/a", ttl=60000)
    second = other.acquire(70, 75, 11, key="pool/b", ttl=60000)
    third.set_limit(80, 1)
    one.write(90, first)
    other.write(100, second)
    return history


@rejects("limit")
def limit_set_again():
    """more than the limit, which was set again after the server came back empty"""
    history, one, other, third = three()
    history.limited(1)
    history.fault("RedisEmptied", 0, 50)
    third.set_limit(60, 1)
    first = one.acquire(70, 75, 10, key="pool/a", ttl=60000)
    second = other.acquire(80, 85, 11, key="pool/b", ttl=60000)
    one.write(90, first)
    other.write(100, second)
    one.write(110, first)
    return history


# A server that loses data, and mounts that put back what they have

@accepts
def outlives():
    """a holding that outlives a server that is empty, and is released; a waiter gets it then"""
    history, one, other = two()
    history.changed(100, 300)
    handle = one.acquire(0, 5, 10, bound=True, how="hold", ttl=8000)
    one.write(50, handle, text="a")
    other.acquire(60, 6020, 11, wait=8000, how="wait", ttl=8000)
    one.write(2400, handle, text="b")
    one.poll(2500, handle, False)
    one.release(6000, 6010, handle, how="close")
    return history


@accepts
def outlives_flush():
    """holdings that outlive FLUSHALL, and a restart right after it"""
    history, one, other = two()
    history.changed(100, 101, "ServerFlushed")
    history.fault("ServerChangedTwice", 400, 900)
    handle = one.acquire(0, 5, 10, ttl=8000)
    shared = other.share(0, 5, 11, key="l")
    one.write(3000, handle)
    other.state(3000, shared, "ACQUIRED")
    one.release(4000, 4010, handle)
    return history


@rejects("unchanged")
def ends_by_restart():
    """a holding that ends as the server comes back empty"""
    history, one, _ = two()
    history.changed(100, 300)
    handle = one.acquire(0, 5, 10, ttl=8000)
    one.write(2500, handle, "ESTALE")
    return history


@rejects("unchanged")
def ends_by_flush():
    """a bound lock whose holder is told of a loss by FLUSHALL"""
    history, one, _ = two()
    history.changed(100, 101, "ServerFlushed")
    handle = one.acquire(0, 5, 10, bound=True, how="hold", ttl=8000)
    one.poll(500, handle, True)
    return history


@rejects("unchanged")
def taken_in_grace():
    """a lock that another acquires before its holder is back"""
    history, one, other = two()
    history.changed(100, 300)
    one.acquire(0, 5, 10, ttl=8000)
    other.acquire(310, 320, 11)
    return history


@rejects("kept")
def not_renewed():
    """a bound lock that is lost when the server has come back with older data, after its first lease"""
    history, one, _ = two()
    history.changed(8000, 9000, "ServerAged")
    handle = one.acquire(0, 5, 10, bound=True, how="hold", ttl=8000)
    one.poll(7900, handle, False)
    one.poll(9500, handle, True)
    return history


@rejects("exclusion")
def two_after_restart():
    """two write through one lock, after a server came back empty"""
    history, one, other = two()
    history.changed(100, 300)
    handle = one.acquire(0, 5, 10, ttl=8000)
    other.acquire(2400, 2410, 11)
    one.write(2500, handle)
    return history


@rejects("tokens")
def tokens_anew():
    """a smaller token after a server came back with older data"""
    history, one, other = two()
    history.changed(100, 300, "ServerAged")
    handle = one.acquire(0, 5, 10, ttl=8000)
    one.release(50, 60, handle)
    other.acquire(2500, 2510, 9)
    return history


@accepts
def older_data_seen():
    """a lock that was released, and is seen with older data until its mount is back"""
    history, one, other = two()
    history.changed(100, 300, "ServerAged")
    handle = one.acquire(0, 5, 10, ttl=8000)
    one.release(50, 60, handle)
    other.look(400, 10, one.pid)
    other.acquire(500, 510, result="EEXIST")
    return history


@rejects("lease")
def older_data_stays():
    """a lock that was released, and is there long after the server came back with older data"""
    history, one, other = two()
    history.changed(100, 300, "ServerAged")
    handle = one.acquire(0, 5, 10, ttl=60000)
    one.release(50, 60, handle)
    other.look(9000, 10, one.pid)
    return history


@rejects("lease")
def released_seen():
    """a lock that was released, and is there after the server came back empty"""
    history, one, other = two()
    history.changed(100, 300)
    handle = one.acquire(0, 5, 10, ttl=60000)
    one.release(50, 60, handle)
    other.look(400, 10, one.pid)
    return history


@accepts
def place_kept():
    """who waits has its place after the server came back empty; who asks in the grace may come in any order"""
    history, one, other, third = three()
    history.changed(5000, 5300)
    handle = one.acquire(0, 5, 10, ttl=60000)
    other.acquire(1000, 8020, 11, wait=20000, how="wait", ttl=500)
    third.acquire(2000, 8600, 12, wait=20000, how="wait", ttl=500)
    one.release(8000, 8010, handle)
    other.acquire(5400, 9900, 14, wait=20000, how="wait", ttl=500, key="l")
    third.acquire(6000, 9800, 13, wait=20000, how="wait", ttl=500, key="l")
    return history


@rejects("order")
def place_lost():
    """who waits is passed by a later one after the server came back empty"""
    history, one, other, third = three()
    history.changed(5000, 5300)
    handle = one.acquire(0, 5, 10, ttl=60000)
    other.acquire(1000, 9020, 12, wait=20000, how="wait", ttl=500)
    third.acquire(2000, 8020, 11, wait=20000, how="wait", ttl=500)
    one.release(8000, 8010, handle)
    return history


@accepts
def machine_stood_still():
    """a lock lost to another as the machine stood still in the grace, so that its mount was late"""
    history, one, other = two()
    history.changed(100, 300)
    history.stalled(500, 1900)
    handle = one.acquire(0, 5, 10, ttl=8000)
    other.acquire(2400, 2410, 11)
    one.write(2500, handle, "ESTALE")
    return history


@accepts
def waits_for_two_graces():
    """an acquisition that takes the time of two changes and their graces"""
    history, one, _ = two()
    history.changed(100, 1000)
    history.fault("ServerEmptied", 1500, 2500)
    one.acquire(200, 9000, 10)
    return history


@rejects("ended")
def waits_too_long():
    """an acquisition that takes far longer than a change and its grace"""
    history, one, _ = two()
    history.changed(100, 300)
    one.acquire(200, 14500, 10)
    return history


@rejects("unchanged")
def lost_by_failover():
    """a lock that is lost by a failover"""
    history, one, other = two()
    history.failed_over(100, 2500)
    handle = one.acquire(0, 5, 10, ttl=60000)
    other.acquire(4800, 4810, 11)
    one.write(4900, handle, "ESTALE")
    return history


@rejects("kept")
def not_renewed_in_failover():
    """a bound lock that is lost after its first lease, as it was not renewed over a failover"""
    history, one, _ = two()
    history.failed_over(8000, 10500, "SplitBrain")
    handle = one.acquire(0, 5, 10, bound=True, how="hold", ttl=10000)
    one.poll(7900, handle, False)
    one.poll(11500, handle, True)
    return history


@rejects("exclusion")
def split_brain_writes():
    """a mount that reaches the old primary only, and writes there when another has acquired the lock"""
    history, one, other = two()
    history.failed_over(100, 8000, "SplitBrainWithMount", cut_off="m1")
    handle = one.acquire(0, 5, 10, ttl=60000)
    other.acquire(4800, 4810, 11)
    one.write(4900, handle)
    return history


@rejects("told")
def split_brain_told():
    """a mount that reaches all servers, and is told that it has a lock of another"""
    history, one, other = two()
    history.failed_over(100, 8000, "SplitBrain")
    handle = one.acquire(0, 5, 10, ttl=60000)
    one.force(4000)
    other.acquire(4800, 4810, 11)
    one.state(4900, handle, "ACQUIRED")
    return history


@accepts
def cut_off_in_failover():
    """a mount that is cut off while the primary is replaced loses its locks, and does not know of it"""
    history, one, other = two()
    history.failed_over(100, 6000, "SplitBrainWithMount", cut_off="m1")
    plain = one.acquire(0, 5, 10, ttl=60000)
    bound = one.acquire(10, 15, 11, key="l", bound=True, how="hold", ttl=10000)
    made = one.acquire(600, 610, 12, key="m", ttl=60000)
    other.acquire(4800, 4810, 13)
    other.acquire(4820, 4830, 14, key="l")
    other.acquire(4840, 4850, 15, key="m")
    one.state(4900, plain, "ACQUIRED")
    one.poll(4910, bound, False)
    one.state(6500, plain, "EXPIRED")
    one.poll(6510, bound, True)
    one.write(6520, made, "ESTALE")
    return history


@rejects("unchanged")
def cut_off_without_failover():
    """a lock of a mount that is cut off is lost, and the server has not changed"""
    history, one, other = two()
    history.add(e="setup", name="sentinel")
    history.fault("CutOff", 100, 4000, on="m1")
    one.acquire(0, 5, 10, ttl=60000)
    other.acquire(4800, 4810, 11)
    return history


@rejects("unchanged")
def cut_off_before_failover():
    """a lock of a mount that was cut off long before the primary was replaced"""
    history, one, other = two()
    history.failed_over(20000, 22500)
    history.fault("CutOff", 100, 4000, on="m1")
    one.acquire(0, 5, 10, ttl=60000)
    other.acquire(25000, 25010, 11)
    return history


@rejects("unchanged")
def another_cut_off():
    """a lock of a mount that is connected, while another one is cut off"""
    history, one, other = two()
    history.failed_over(100, 6000, "SplitBrainWithMount", cut_off=other.mount)
    one.acquire(0, 5, 10, ttl=60000)
    other.acquire(7000, 7010, 11)
    return history


@rejects("unchanged")
def lost_by_sentinels():
    """a lock that is lost as Sentinels are killed"""
    history, one, other = two()
    history.add(e="setup", name="sentinel")
    history.fault("SentinelsLost", 100, 3000, on="sentinels")
    one.acquire(0, 5, 10, ttl=60000)
    other.acquire(3500, 3510, 11)
    return history


@rejects("unchanged")
def lost_by_moving():
    """a lock that is lost as its slot moves"""
    history, one, other = two()
    history.failed_over(100, 900, "SlotMoved", down=800)
    one.acquire(0, 5, 10, ttl=60000)
    other.acquire(3500, 3510, 11)
    return history


@rejects("order")
def place_lost_by_failover():
    """who waits is passed by a later one after a failover"""
    history, one, other, third = three()
    history.failed_over(5000, 7000)
    handle = one.acquire(0, 5, 10, ttl=60000)
    other.acquire(1000, 13020, 12, wait=20000, how="wait", ttl=500)
    third.acquire(2000, 12020, 11, wait=20000, how="wait", ttl=500)
    one.release(12000, 12010, handle)
    return history


@accepts
def released_again_there():
    """a lock that was released, and is there after a failover until its mount says so"""
    history, one, other = two()
    history.failed_over(100, 2500, "ReplicasLag")
    handle = one.acquire(0, 5, 10, ttl=60000)
    one.release(50, 60, handle)
    other.look(2600, 10, one.pid)
    return history


@accepts
def down_for_long():
    """a bound lock whose lease ended before any server took writes again"""
    history, one, _ = two()
    history.failed_over(8000, 19000, down=11000)
    handle = one.acquire(0, 5, 10, bound=True, how="hold", ttl=10000)
    one.poll(7900, handle, False)
    one.poll(18500, handle, True)
    return history


def run(test, name):
    """None, or what is wrong."""
    violations = test().violations()
    if name is None:
        return "\n".join(violations) or None
    if not any(violation.startswith(name + ":") for violation in violations):
        return "not rejected for %r, but: %s" % (name, "\n".join(violations) or "accepted")
    return None


def main():
    failed = 0
    print("1..%d" % len(TESTS))
    for number, (title, test, name) in enumerate(TESTS, 1):
        try:
            problem = run(test, name)
        except Exception:  # the remaining tests run all the same
            problem = traceback.format_exc()
        print("%s %d %s %s" % ("not ok" if problem else "ok", number, "rejects" if name else "accepts", title))
        if problem:
            failed += 1
            print("\n".join("# " + line for line in problem.splitlines()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
