"""Records when the machine stood still, or did not run processes of our priority.

metronome.py FILE    appends {"e": "stalled", "t": NS, "until": NS} to it (history.py), until it is killed
"""

import sys
import time

from history import Writer, boot_ns
from system import die_with_runner

BEAT = 0.01            # s
LATE = 100 * 1000000   # ns; a renewal that is this late may be too late for the shortest lease


def main():
    die_with_runner()
    writer = Writer(sys.argv[1])
    last = boot_ns()
    while True:
        time.sleep(BEAT)
        now = boot_ns()
        if now - last > LATE:
            writer.write(e="stalled", t=last, until=now)
        last = now


main()
