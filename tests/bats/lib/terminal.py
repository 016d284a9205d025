# Types at a shell on a terminal:
#
#   terminal.py WAIT TYPE [WAIT TYPE...]
#
# Each TYPE and a newline, or the key ^C, ^Z or ^\\, once WAIT was printed; an empty TYPE
# types nothing. Prints the screen. Fails where something was not printed in time.
import os, pty, select, signal, sys, time

KEYS = {"^C": "\x03", "^Z": "\x1a", "^\\": "\x1c", "": ""}

shell, terminal = pty.fork()
if shell == 0:
    # A login leaves them as they are, also where the tests run in the background.
    for number in signal.SIGINT, signal.SIGQUIT, signal.SIGHUP:
        signal.signal(number, signal.SIG_DFL)
    os.execvpe("bash", ["bash", "--norc", "--noediting", "-i"], dict(os.environ, PS1="# ", TERM="dumb"))

screen = seen = ""
status = 0
steps = sys.argv[1:]
for wait, keys in zip(steps[::2], steps[1::2]):
    end = time.monotonic() + 20
    while wait not in seen and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                text = os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the shell is gone
                break
            screen += text
            seen += text
    if wait not in seen:
        screen += "\n(not printed: %r)" % wait
        status = 1
        break
    seen = seen.split(wait, 1)[1]
    os.write(terminal, (KEYS[keys] if keys in KEYS else keys + "\n").encode())
print(screen)
os.kill(shell, signal.SIGHUP)
os.close(terminal)
os.waitpid(shell, 0)
sys.exit(status)
