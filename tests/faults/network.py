"""Network namespaces, and the cables between them.

    mount I   10.77.I.1 ──── cable ──── 10.77.I.2  the middle  10.78.J.2 ──── cable ──── 10.78.J.1   host J

One server runs in the middle. Several servers have a host each; the middle then forwards, and two
ends can be cut off from each other there, while both reach all others.
"""

import subprocess

from system import StageError, call, die_with_runner


class Cable:
    """Between a namespace of this name and the middle (cable.c)."""

    def __init__(self, stage, name, subnet, seed):
        self.netns, self.address, far_address = stage.netns(name), subnet + ".1", subnet + ".2"
        far = stage.netns("r")
        call("ip", "netns", "add", self.netns)
        call("ip", "-n", self.netns, "link", "set", "lo", "up")
        self.process = subprocess.Popen(
            [stage.build + "/tests/faults/cable", self.netns, "near", far, name, str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=die_with_runner)
        if self.process.stdout.readline() != "ready\n":
            raise StageError("no cable")
        for netns, device, address in ((self.netns, "near", self.address), (far, name, far_address)):
            call("ip", "-n", netns, "addr", "add", address + "/30", "dev", device)
            call("ip", "-n", netns, "link", "set", "dev", device, "up")
        call("ip", "-n", self.netns, "route", "add", "default", "via", far_address, "dev", "near")

    def order(self, way, delay=0, jitter=0, loss=0):
        self.process.stdin.write("%s %d %d %d\n" % (way, delay, jitter, loss))
        if self.process.stdout.readline() != "ok\n":
            raise StageError("the cable does not obey")

    def both(self, **how):
        self.order("there", **how)
        self.order("back", **how)


class Middle:
    def __init__(self, stage):
        self.netns = stage.netns("r")
        self.cuts = []
        call("ip", "netns", "add", self.netns)
        call("ip", "-n", self.netns, "link", "set", "lo", "up")

    def forward(self):
        call("nsenter", "--net=/run/netns/" + self.netns, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")

    def cut(self, one, others):
        """What one address and the others send each other is lost from now on."""
        for other in others:
            for way in ((one, other), (other, one)):
                self.rule("add", *way)
                self.cuts.append(way)

    def mend(self):
        while self.cuts:
            self.rule("del", *self.cuts.pop())

    def rule(self, what, sender, receiver):
        call("ip", "-n", self.netns, "rule", what, "from", sender, "to", receiver, "blackhole")
