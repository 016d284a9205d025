"""Lets processes of a program that locks files contend for one lock, and checks who has it when.

    lock_programs.py PROGRAM DIR [DIR2]    PROGRAM: a name in `programs`; the holder works in DIR, contenders in DIR2

Each process takes the lock, prints `held`, and keeps the lock until its standard input ends. What must happen is the same on
a local disk and on two mounts of one server. It prints each step, and fails at the first that is wrong. JAVA_CLASSES is the
directory of FileChannelLock.class.
"""
import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time

NAME, HOLDER_DIR, CONTENDER_DIR = (sys.argv[1:] + sys.argv[2:3])[:3]
LIB = os.path.dirname(os.path.abspath(__file__))
EXCLUSIVE, SHARED = "exclusive", "shared"
BOTH = EXCLUSIVE, SHARED
AT_ONCE, BRIEFLY, LONG = "at once", "briefly", "long"  # how long a process waits for the lock
SECONDS = 40  # after which a process that should have the lock has failed
VAIN = 0.3    # seconds in which a process that must wait has not taken the lock


class Program:
    """`command` of mode, wait and path gives the arguments. `refusal` is the exit status of a process that gave up."""

    def __init__(self, command, modes, waits, refusal, call=fcntl.lockf):
        self.command, self.modes, self.waits, self.refusal, self.call = command, modes, waits, refusal, call


def wrapper(refusal, waits, shared=None, call=fcntl.lockf):
    """A command that locks a file and runs another command. `waits`: its arguments by how long it waits."""
    def command(mode, wait, path):
        return waits[wait] + ([shared] if mode == SHARED else []) + [path, "sh", "-c", "echo held; read -r _"]
    return Program(command, BOTH if shared else [EXCLUSIVE], list(waits), refusal, call)


def script(arguments, modes=(EXCLUSIVE,), waits=(AT_ONCE, BRIEFLY, LONG), call=fcntl.lockf):
    """A program that gets the path, the mode, and how long it waits."""
    return Program(lambda mode, wait, path: arguments + [path, mode, wait], modes, waits, 75, call)


def library(name, *options):
    # Debian's Python has Debian's libraries.
    return script(["/usr/bin/python3", LIB + "/lock_libraries.py", name], *options)


# Java's compiler would only make a process that ends soon slower.
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", os.environ.get("JAVA_CLASSES", "."), "FileChannelLock"]
programs = {
    "lckdo": wrapper(75, {AT_ONCE: ["lckdo"], BRIEFLY: ["lckdo", "-W", "1"], LONG: ["lckdo", "-w"]}, "-s"),
    "setlock": wrapper(111, {AT_ONCE: ["setlock", "-nX"], LONG: ["setlock", "-NX"]}, call=fcntl.flock),
    "setlock -x": wrapper(0, {AT_ONCE: ["setlock", "-nx"], LONG: ["setlock", "-Nx"]}, call=fcntl.flock),
    "chpst": wrapper(111, {AT_ONCE: ["chpst", "-L"], LONG: ["chpst", "-l"]}, call=fcntl.flock),
    # Its shared form opens the file without O_CREAT, so it needs one that exists.
    "s6-setlock": wrapper(1, {AT_ONCE: ["s6-setlock", "-n"], BRIEFLY: ["s6-setlock", "-t", "300"], LONG: ["s6-setlock"]}),
    "with-lock-ex -f": wrapper(255, {AT_ONCE: ["with-lock-ex", "-f"], LONG: ["with-lock-ex", "-w"]}),
    "with-lock-ex -q": wrapper(0, {AT_ONCE: ["with-lock-ex", "-q"], LONG: ["with-lock-ex", "-w"]}),
    "perl fcntl": script(["perl", LIB + "/lock.pl", "fcntl"], BOTH),
    "perl flock": script(["perl", LIB + "/lock.pl", "flock"], BOTH, call=fcntl.flock),
    "java": script(JAVA, BOTH, (AT_ONCE, LONG)),
    "fasteners": library("fasteners"),
    "fasteners-rw": library("fasteners-rw", BOTH),
    "oslo": library("oslo", (EXCLUSIVE,), (AT_ONCE, LONG)),
}
PROGRAM = programs[NAME]


def check(step, got, wanted):
    print("  %s: %s" % (step, got))
    if got != wanted:
        sys.exit("  expected: %s" % wanted)


class Process:
    """A process of the program, in a session of its own."""

    def __init__(self, where, mode, wait):
        self.path = os.path.join(where, "lock")
        self.process = subprocess.Popen(PROGRAM.command(mode, wait, self.path), start_new_session=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def open_files(self):
        fds = "/proc/%d/fd/" % self.process.pid
        for fd in os.listdir(fds):
            with contextlib.suppress(FileNotFoundError):
                yield os.readlink(fds + fd)

    def wait_until_open(self):
        """Waits until the process has opened the file, or ended."""
        while self.process.poll() is None and self.path not in self.open_files():
            time.sleep(0.01)

    def word(self, seconds=SECONDS):
        """`held`, `refused`, `ended` with another exit status if it has no lock, or `waits`."""
        out = self.process.stdout
        if not select.select([out], [], [], seconds)[0]:
            return "waits"
        said = out.readline().decode().strip()
        if said:
            return said
        status = self.process.wait()
        return "refused" if status == PROGRAM.refusal else "ended, %d" % status

    def release(self):
        self.process.communicate()

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def holder(mode=EXCLUSIVE):
    process = Process(HOLDER_DIR, mode, LONG)
    check("holder, " + mode, process.word(), "held")
    return process


def waiter():
    process = Process(CONTENDER_DIR, EXCLUSIVE, LONG)
    process.wait_until_open()
    check("contender, exclusive", process.word(VAIN), "waits")
    return process


def may_lock():
    with open(os.path.join(CONTENDER_DIR, "lock"), "a") as file:
        try:
            PROGRAM.call(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def becomes_free():
    """The daemon of a FUSE filesystem hears that a file was closed after the process that had it open has ended."""
    end = time.monotonic() + SECONDS
    while not (free := may_lock()) and time.monotonic() < end:
        time.sleep(0.01)
    check("free afterwards", free, True)


def contenders_that_give_up():
    for held in PROGRAM.modes:
        process = holder(held)
        for wanted in PROGRAM.modes:
            for wait in PROGRAM.waits[:-1]:
                contender = Process(CONTENDER_DIR, wanted, wait)
                check("contender, %s, %s" % (wanted, wait), contender.word(),
                      "held" if held == wanted == SHARED else "refused")
                contender.release()
        process.release()
        becomes_free()


def contender_that_waits(end_holder):
    process = holder()
    contender = waiter()
    end_holder(process)
    check("then the contender", contender.word(), "held")
    contender.release()
    becomes_free()


def contender_that_is_killed():
    process = holder()
    waiter().kill()
    process.release()
    becomes_free()


def writer_behind_two_readers():
    first, second = holder(SHARED), Process(CONTENDER_DIR, SHARED, LONG)
    check("second reader", second.word(), "held")
    writer = waiter()
    first.kill()
    check("after the first reader was killed", writer.word(VAIN), "waits")
    second.release()
    check("after the second has ended", writer.word(), "held")
    writer.release()
    becomes_free()


def main():
    sys.stdout.reconfigure(line_buffering=True)
    print("contenders that give up")
    contenders_that_give_up()
    print("a contender that waits until the holder ends")
    contender_that_waits(Process.release)
    print("a contender that waits until the holder is killed")
    contender_that_waits(Process.kill)
    print("a contender that is killed")
    contender_that_is_killed()
    if SHARED in PROGRAM.modes:
        print("a writer that waits for two readers")
        writer_behind_two_readers()


if __name__ == "__main__":
    main()
