"""Publishes garbage and forged messages on all channels of a namespace, until it is killed.

garbage.py SOCKET NAMESPACE SEED

A forged message names keys and tickets that exist, but never the token of a holding that
may exist: lockfs cannot distinguish such a message from a true one, and obeys it. See
backend/redis/lua/include/names.lua for the messages.
"""

import random
import sys
import time

from servers import ask_redis
from system import StageError

ENDS = ("ENDED", "GONE", "REVOKE", "FREED")
WORDS = ENDS * 2 + ("TOUCH", "GRANT", "HELD", "HELLO", "", "revoke")
KINDS = ("ACQUIRED", "RELEASED", "EXPIRED", "FORCE_RELEASED", "REFRESHED", "UNAVAILABLE", "NONSENSE", "")
NO_TOKENS = ("0", "-1", "x", "", "1x", "0x10", " 7", "+7", "1e9", "NaN", "18446744073709551616", "9" * 40, "\xff\x00",
             "18446744073709551615", "9223372036854775807", "00", "-0")
LONG = 20000
FAR = 10**13  # tokens are microseconds: about four months
BATCH = 20
PAUSE = 0.005  # s


class Forger:
    def __init__(self, socket, namespace, seed):
        self.socket, self.namespace = socket, namespace
        self.random = random.Random(seed)
        self.channels, self.keys, self.tokens, self.nonces = [], [], ["1"], []
        self.last = ""

    def ask(self, *words):
        return ask_redis(self.socket, words)[0]

    def look(self):
        """What there is now to forge messages for."""
        self.channels = self.ask("PUBSUB", "CHANNELS", self.namespace + "#*")
        prefix = self.namespace + "#d:"
        self.keys = [key[len(prefix):] for key in self.ask("KEYS", prefix + "*")]
        self.tokens = [self.ask("HGET", prefix + key, "token") or "1" for key in self.keys] + ["1"]
        self.nonces = [nonce for key in self.ask("KEYS", self.namespace + "#w:*")
                       for nonce in self.ask("ZRANGE", key, 0, -1)]

    def key(self):
        return self.random.choice(self.keys * 3 + ["nobody", "a/b", "", "\x00", "k" * LONG, "\xff\xfe", ".."])

    def token(self):
        """A number that no holding had for months or will have, or what is no number though it may begin as one."""
        token = self.random.choice(self.tokens)
        other = int(token) + self.random.choice((-1, 1)) * self.random.randrange(FAR, 2 * FAR)
        return self.random.choice((str(abs(other)), token + "x", token + ".5", "+" + token, self.random.choice(NO_TOKENS)))

    def bytes(self, length):
        return self.random.randbytes(length).decode("latin-1")

    def forged(self):
        word, key = self.random.choice(WORDS), self.key()
        about = self.random.choice(self.nonces) if word == "GRANT" and self.nonces else self.token()
        if word == "HELD":
            return "HELD %s %s" % (self.token(), self.event())
        return "%s %s %s" % (word, about, key)

    def event(self):
        """No more than a tale: readers of .events may be told what is not so, and nothing else."""
        return "%s %s %s %s %s\0%s" % (
            self.random.choice(KINDS), self.random.choice((str(time.time_ns() // 1000), self.token())), self.token(),
            self.random.choice(("2000", self.token())),
            self.random.choice(("user@host:1 sh", "", "\t\n", self.bytes(9), "o" * LONG)), self.key())

    def garbage(self):
        return self.random.choice(("", " ", "\0", self.random.choice(WORDS), self.random.choice(WORDS) + " ",
                                   self.random.choice(WORDS) + " 1", self.bytes(self.random.randrange(300)),
                                   self.bytes(LONG), " ".join(self.random.choices(WORDS + NO_TOKENS, k=5))))

    def message(self):
        """One message, or the last one again."""
        make = self.random.choice((self.forged, self.forged, self.forged, self.event, self.garbage, lambda: self.last))
        self.last = make()
        return self.last

    def run(self):
        while True:
            try:
                self.look()
                for _ in range(20 if self.channels else 0):
                    ask_redis(self.socket, *[("PUBLISH", self.random.choice(self.channels), self.message())
                                             for _ in range(BATCH)])
                    time.sleep(PAUSE)
            except (OSError, StageError, ValueError):
                # The server is down, or the connection broke in the middle of a reply.
                pass
            time.sleep(0.02)


if __name__ == "__main__":
    Forger(*sys.argv[1:]).run()
