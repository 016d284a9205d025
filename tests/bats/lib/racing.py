"""Processes that race for one lock, for scripts given to `py` (helper.bash)."""

import os
import traceback

from calls import check, outcome


def contest(rounds, count, attempt, after, session=True):
    """In each round `count` children, each in a session of its own unless told, call attempt() at the same time.
    Then after(round, sorted outcomes) checks what they were answered, and ends the lock."""
    ready_reader, ready_writer = os.pipe()
    answer_reader, answer_writer = os.pipe()
    gates = [os.pipe() for _ in range(rounds)]

    def child():
        os.close(answer_reader)  # so that a child that answers after the parent gave up ends
        for _, writer in gates:
            os.close(writer)
        if session:
            os.setsid()
        for reader, _ in gates:
            os.write(ready_writer, b".")
            os.read(reader, 1)  # returns for all when the parent closes it
            answer = outcome(attempt)
            os.write(answer_writer, ("%s\n" % answer).encode())

    children = [start(child) for _ in range(count)]
    os.close(answer_writer)
    answers = os.fdopen(answer_reader)
    for number, (_, gate) in enumerate(gates):
        got = 0
        while got < count:
            got += len(os.read(ready_reader, count - got))
        os.close(gate)
        after(number, sorted(answers.readline().strip() for _ in range(count)))
    wait_for(children)


def one_of(count, winner, loser, lock):
    """For contest(): one of `count` was answered `winner`, all others `loser`. Frees `lock`, a path in the view `force`."""
    def judge(number, answers):
        check("round %d" % number, answers, sorted([winner] + [loser] * (count - 1)))
        os.unlink(lock)
    return judge


def create(path, flags):
    return lambda: os.close(os.open(path, flags))


def start(function, *arguments):
    """Forks a process that calls the function and ends; returns its process id."""
    pid = os.fork()
    if pid == 0:
        try:
            function(*arguments)
        except BaseException:  # a child never goes on with its parent's script
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def wait_for(children):
    for pid in children:
        check("a child", os.waitpid(pid, 0)[1], 0)
