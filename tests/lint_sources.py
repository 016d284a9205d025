#!/usr/bin/env python3
"""Two checks of the sources that compilers do not make. tests/lint runs both.

    tests/lint_sources.py layers    no file includes a header of a layer above its own
    tests/lint_sources.py names     each source file that a comment names exists

Prints a line for each violation; ends with 1 if there was one.
"""
import os
import re
import subprocess
import sys

# The layers of fs/ from the top; a file includes headers of its own layer and of those below. A layer
# is a folder, or a file directly in fs/: mount.c calls the operations, which all read the struct in mount.h.
LAYERS = ["start", "mount.c", "ops", "mount.h", "listing", "events", "holdings", "names", "options.c", "options.h", "caller",
          "kernel", "util"]
# What lockctl shares with the daemon: values and how they are written, no FUSE and no locks.
SHARED_WITH_LOCKCTL = ("backend/util/", "fs/util/line_text.h", "fs/util/printable.h")
# Headers of backend/ that fs/ may include, beside the interface in include/lockfs/.
SHARED_WITH_FS = ("backend/util/", "backend/metrics.h", "backend/trace.h")

# Files that comments name though they are not in this repository: of the kernel, of Redis, or generated.
ELSEWHERE = {"fs/namei.c", "linux/magic.h", "linux/mount.h", "script.c", "scripting.c", "pan.c", "uthash.h", "utlist.h"}
MENTION = re.compile(r"(?<![\w./$-])(?:[\w-]+/)*[\w-]+\.(?:c|h|lua|awk|bats|bash|py)\b(?!\()")
PLACEHOLDER = re.compile(r"(?:^|/)[A-Z]+\.")  # NAME.lua
INCLUDE = re.compile(r'#include\s+(["<])([^">]+)[">]')


def tracked(*patterns):
    """Files of the repository, and those that are not yet added to it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    return [name for name in subprocess.check_output(command, text=True).splitlines() if os.path.isfile(name)]


def layer_of(path):
    """The place in LAYERS of a path below fs/; None if it has none."""
    layer = path.split("/")[1]
    return LAYERS.index(layer) if layer in LAYERS else None


def wrong_include(path, header):
    """Why this file must not include that header; None if it may."""
    if "hiredis" in header and not path.startswith("backend/redis/"):
        return "only backend/redis includes hiredis"
    if path.startswith("scripts/"):
        shared = not header.startswith(("fs/", "backend/")) or header.startswith(SHARED_WITH_LOCKCTL)
        return None if shared else "lockctl uses locks by files, as everybody"
    if path.startswith("backend/"):
        if header.startswith("fs/"):
            return "backend/ includes nothing of fs/"
        return "backend/ knows no FUSE" if header.startswith("fuse") else None
    if path.startswith("include/"):
        return "include/ includes neither fs/ nor backend/" if header.startswith(("fs/", "backend/")) else None
    if header.startswith("backend/") and not header.startswith(SHARED_WITH_FS):
        return "fs/ includes no private header of a backend"
    if header.startswith("scripts/"):
        return "the daemon uses nothing of lockctl"
    if header.startswith("fs/"):
        above, below = layer_of(path), layer_of(header)
        if above is None or below is None:
            return "a folder that is not in the LAYERS of " + sys.argv[0]
        return "an include upward" if below < above else None
    return None


def layers():
    for path in tracked("fs/*.[ch]", "backend/*.[ch]", "include/*.h", "scripts/*.[ch]"):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                include = INCLUDE.match(line)
                reason = include and wrong_include(path, include[2])
                if reason:
                    yield "%s:%d: includes %s: %s" % (path, number, include[2], reason)


def comments(path, text):
    """(line number, text) of each line of a file that has a comment, without its code."""
    if path.endswith((".c", ".h", ".pml")):
        for comment in re.finditer(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', text, re.S):
            if comment[0][0] == "/":
                first = text.count("\n", 0, comment.start()) + 1
                yield from enumerate(comment[0].split("\n"), first)
        return
    mark = {"lua": "-- ", "md": ""}.get(path.rpartition(".")[2], "# ")
    for number, line in enumerate(text.split("\n"), 1):
        start = re.search(r"(?:^|\s)" + mark, line)
        if start:
            yield number, line[start.end():]


def names():
    files = tracked()
    ends = set()  # each path, and what is left of it without its first folders
    for path in files:
        parts = path.split("/")
        ends.update("/".join(parts[start:]) for start in range(len(parts)))
    for path in files:
        if path.startswith("tests/fuzz/corpus/") or path.endswith(".svg"):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        for number, line in comments(path, text):
            for mention in MENTION.findall(line):
                if mention not in ends | ELSEWHERE and not PLACEHOLDER.search(mention):
                    yield "%s:%d: names %s, which is no file here" % (path, number, mention)


problems = list({"layers": layers, "names": names}[sys.argv[1]]())
print("\n".join(problems))
sys.exit(1 if problems else 0)
