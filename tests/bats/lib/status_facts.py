"""Compares `.status` and `.status.json` of a directory: status_facts.py DIR

Each line must have the facts of the members of its name, in the order of the members. Prints each difference, and ends with
1 if there was one. Figures that are measured with each question are compared by their form only.
"""

import json
import re
import sys

MEASURED = {"round trip", "clock difference", "memory left"}


def bare(value):
    return "unknown" if value is None else str(value)


def because(word, reason):
    return word if reason is None else "%s, because %s" % (word, reason)


def lines_of(status):
    """The lines that a status must have, from its JSON."""
    server = "unknown" if status["server"] is None else "%s %s" % (status["server"], status["server_version"])
    if not status["up"]:
        server = "%s; it was %s" % (because("away since %s" % status["away_since"], status["away_because"]), server)
    last_loss = because(status["last_loss"], status["last_loss_because"]) if status["last_loss"] else "never"
    yield from ((name, bare(status[name])) for name in ("source", "namespace", "mountpoint", "version"))
    yield "server", server
    for name in ("process", "role", "replicas in sync", "replicas asked for", "persistence", "eviction policy", "memory left",
                 "round trip", "clock difference", "connected since"):
        yield name, bare(status[name.replace(" ", "_")])
    yield "last loss", last_loss
    yield "grace left", "%.3f s" % status["grace_left"]
    for name in ("restart", "failover", "memory full"):
        key = name.replace(" ", "_")
        yield name, because(status[key], status[key + "_because"])
    yield "other mounts", bare(status["other_mounts"])
    yield "silent mounts", bare(status["silent_mounts"])
    for mount in status["mounts"]:
        yield "mount", "%s %s %s" % (mount["host"], mount["mountpoint"], mount["version"])


def main():
    with open(sys.argv[1] + "/.status.json", encoding="utf-8") as file:
        status = json.load(file)
    with open(sys.argv[1] + "/.status", encoding="utf-8") as file:
        got = [tuple(line.rstrip("\n").split(": ", 1)) for line in file]
    wanted = list(lines_of(status))
    problems = []
    if [name for name, _ in got] != [name for name, _ in wanted]:
        problems.append("names: %s, expected %s" % ([name for name, _ in got], [name for name, _ in wanted]))
    for (name, value), (_, expected) in zip(got, wanted):
        if name in MEASURED:
            if not re.fullmatch(r"-?\d+(\.\d+)?( s)?|unknown|unlimited", value) or (value == "unknown") != (expected == "unknown"):
                problems.append("%s: %s" % (name, value))
        elif value != expected:
            problems.append("%s: %s, expected %s" % (name, value, expected))
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


main()
