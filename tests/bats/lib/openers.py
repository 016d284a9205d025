"""Programs in several languages that open a lock file in each mode and lock it with flock(2).

    openers.py LANGUAGE HERE THERE

HERE and THERE are mounts of the same locks, or the same mount twice. For each mode of the language, the lock is free, or
held by the session of the program, by another session, or by another user; the program locks without blocking, or waits, or
does not lock. It must do what it would do on a local disk, except that a file exists only while its lock is held.
Prints every case that does something else.
"""

import concurrent.futures
import errno
import os
import subprocess
import sys
import time

LANGUAGE, HERE, THERE = sys.argv[1:]
CASES_AT_A_TIME = 4
OTHER_USER = 65534
LONGEST_WAIT = 30  # seconds that anything may take

# A shell has a redirection for each mode; `x` is `>` with noclobber.
SHELL = r'''
LC_ALL=C; set +e
case $2 in
'<') command exec 9<"$1" ;;
'>') command exec 9>"$1" ;;
'>>') command exec 9>>"$1" ;;
'<>') command exec 9<>"$1" ;;
x) set -C; command exec 9>"$1" ;;
esac 2>"$4" || { echo "open no"; exit; }
echo "open ok"
case $3 in
try) FLOCK -n 9 && echo "flock ok" || { echo "flock no"; exit; } ;;
wait) FLOCK 9 && echo "flock ok" || { echo "flock no"; exit; } ;;
*) exit ;;
esac
[ "$2" = '<' ] || { echo mine >&9 && echo "write ok" || echo "write no"; }
'''

PERL = r'''
use Fcntl ':flock'; use IO::Handle; $| = 1;
my ($path, $mode, $how) = @ARGV;
open(my $file, $mode, $path) or do { print "open " . (0 + $!) . "\n"; exit };
print "open ok\n";
exit if $how eq "none";
flock($file, $how eq "try" ? LOCK_EX | LOCK_NB : LOCK_EX) or do { print "flock no\n"; exit };
print "flock ok\n";
exit if $mode eq "<";
print((syswrite($file, "mine\n") // 0) == 5 ? "write ok\n" : "write no\n");
'''

PYTHON = r'''
import fcntl, sys
path, mode, how = sys.argv[1:4]
def say(text):
    print(text, flush=True)
try:
    file = open(path, mode)
except OSError as error:
    say("open %d" % error.errno)
    sys.exit()
say("open ok")
if how == "none":
    sys.exit()
try:
    fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if how == "try" else 0))
except BlockingIOError:
    say("flock no")
    sys.exit()
say("flock ok")
if mode != "r":
    file.write("mine\n")
    file.flush()
    say("write ok")
'''

RUBY = r'''
$stdout.sync = true
path, mode, how = ARGV
begin
  file = mode == "x" ? File.open(path, File::WRONLY | File::CREAT | File::EXCL) : File.open(path, mode)
rescue SystemCallError => error
  puts "open #{error.errno}"
  exit
end
puts "open ok"
exit if how == "none"
unless file.flock(how == "try" ? File::LOCK_EX | File::LOCK_NB : File::LOCK_EX)
  puts "flock no"
  exit
end
puts "flock ok"
exit if mode == "r"
file.sync = true
puts file.write("mine\n") == 5 ? "write ok" : "write no"
'''

PHP = r'''<?php
[, $path, $mode, $how] = $argv;
$file = @fopen($path, $mode);
if (!$file) { echo "open no\n"; exit; }
echo "open ok\n";
if ($how == "none") exit;
if (!flock($file, $how == "try" ? LOCK_EX | LOCK_NB : LOCK_EX)) { echo "flock no\n"; exit; }
echo "flock ok\n";
if ($mode == "r") exit;
echo fwrite($file, "mine\n") == 5 && fflush($file) ? "write ok\n" : "write no\n";
'''

SHELL_MODES = ["<", ">", ">>", "<>", "x"]

# language → (command, program, modes)
LANGUAGES = {
    "bash": (["bash", "-c"], SHELL.replace("FLOCK", "flock"), SHELL_MODES),
    "dash": (["dash", "-c"], SHELL.replace("FLOCK", "flock"), SHELL_MODES),
    "busybox": (["busybox", "sh", "-c"], SHELL.replace("FLOCK", "flock"), SHELL_MODES),
    "perl": (["perl", "-e"], PERL, ["<", ">", ">>", "+<", "+>", "+>>"]),
    "python": (["python3", "-c"], PYTHON, ["r", "r+", "w", "w+", "a", "a+", "x"]),
    "ruby": (["ruby", "-e"], RUBY, ["r", "r+", "w", "w+", "a", "a+", "x"]),
    "php": (["php", "-r"], PHP.replace("<?php", ""), ["r", "r+", "w", "w+", "a", "a+", "x", "c", "c+"]),
}

NEEDS_FILE = {"<", "+<", "r", "r+"}       # these open no file that is not there
EMPTIES = {">", "+>", "w", "w+"}          # these empty one's own file
HOLDERS = ["free", "own session", "other session", "other user"]
HOWS = ["try", "wait", "none"]


def acquire(path):
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.write(descriptor, b"theirs\n")
    os.close(descriptor)


def acquire_elsewhere(path, user):
    """In another session, as another user."""
    subprocess.run(["sh", "-c", 'set -C; echo theirs >"$0"', path], check=True, start_new_session=True,
                   user=user, extra_groups=[])


def wait_until(condition):
    end = time.monotonic() + LONGEST_WAIT
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def content(path):
    with open(path, "rb") as file:
        return file.read().decode()


class Case:
    def __init__(self, number, mode, holder, how):
        self.key = "%s-%d" % (LANGUAGE, number)
        self.mode, self.holder, self.how = mode, holder, how
        self.path = os.path.join(HERE, self.key)
        # By its id the lock can be released from everywhere.
        self.held_path = os.path.join(THERE, ".with/id=holder-" + self.key, self.key)

    def __str__(self):
        return "%s %s, %s, %s" % (LANGUAGE, self.mode, self.holder, self.how)

    def hold(self):
        if self.holder == "own session":
            acquire(self.path)
        elif self.holder != "free":
            acquire_elsewhere(self.held_path, OTHER_USER if self.holder == "other user" else 0)

    def release(self):
        os.unlink(self.path if self.holder == "own session" else self.held_path)

    def opens(self):
        if self.holder == "free":
            return self.mode not in NEEDS_FILE
        return self.mode != "x"

    def expected(self):
        """What the program prints, less the number of an errno."""
        if not self.opens():
            return ["open no"]
        if self.how == "none":
            return ["open ok"]
        if self.how == "try" and self.holder != "free":
            return ["open ok", "flock no"]
        return ["open ok", "flock ok"] + ([] if self.mode in ("<", "r") else ["write ok"])

    def content_after_open(self):
        return "" if self.holder == "own session" and self.mode in EMPTIES else "theirs\n"

    def waits(self):
        return self.opens() and self.how == "wait" and self.holder != "free"

    def has_waiter(self):
        return os.getxattr(self.path, "user.lock.waiters") == b"1"

    def run(self):
        """The differences from what is expected."""
        command, program, _ = LANGUAGES[LANGUAGE]
        name = ["sh"] if "-c" in command and LANGUAGE != "python" else ["--"] if LANGUAGE == "php" else []
        self.hold()
        process = subprocess.Popen([*command, program, *name, self.path, self.mode, self.how, "/dev/null"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        found = []
        if self.waits():
            if not wait_until(self.has_waiter):
                found.append("it does not wait")
        else:
            process.wait(LONGEST_WAIT)
        if self.holder != "free":
            now = content(self.path)
            if self.mode != "x" and now != self.content_after_open():
                found.append("content of the holder: %r" % now)
            self.release()
        try:
            said = process.communicate(timeout=LONGEST_WAIT)[0].splitlines()
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[0].splitlines() + ["hangs"]
        if said and said[0].startswith("open ") and said[0] != "open ok":
            reason = said[0].split()[1]
            wanted = errno.EEXIST if self.mode == "x" else errno.ENOENT
            if reason in ("no", str(wanted)):
                said[0] = "open no"
        if said != self.expected():
            found.append("it says %r, expected %r" % (said, self.expected()))
        # A lock that was created exclusively and not locked outlives the program, as its file would.
        if self.mode == "x" and self.how == "none" and self.holder == "free":
            os.unlink(self.path)
        if not wait_until(lambda: not os.path.exists(self.path)):
            found.append("something is left held")
            os.unlink(self.path)
        return ["%s: %s" % (self, each) for each in found]


def main():
    cases = [(mode, holder, how) for mode in LANGUAGES[LANGUAGE][2] for holder in HOLDERS for how in HOWS]
    with concurrent.futures.ThreadPoolExecutor(CASES_AT_A_TIME) as pool:
        differences = sum(pool.map(lambda case: Case(case[0], *case[1]).run(), enumerate(cases)), [])
    print(*differences, "%s: %d cases" % (LANGUAGE, len(cases)), sep="\n")
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
