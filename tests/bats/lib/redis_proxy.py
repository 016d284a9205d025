"""A proxy to a Redis server that is slow, or fails at a chosen moment.

redis_proxy.py SOCKET ORDERS    to the unix socket of a server

Prints `ready PORT`. ORDERS is a JSON file that is read again for each piece of data and
each connection:

  there, back   delays in ms of data to the server and from it
  at            a text: the first request that contains it springs the trap, once
  trap          what then happens to this connection:
                  hold     the request, and later ones, arrive only after `ms`
                  mute     the request arrives, and no more replies come back
                  late     the request arrives, and its reply and later ones come only after `ms`
                  cut      the request arrives, and the connection is closed before the reply
                  stop     the server (process `pid`) is stopped before the request arrives
                  add      `text` is added to the next data from the server
  away          true: new connections are closed at once; existing ones last

Prints `sprung` when the trap is sprung, and `delivered` when a held request has arrived.
Data that was received is passed on even if its sender has gone meanwhile, as in a network.
"""

import json
import os
import queue
import signal
import socket
import sys
import threading
import time


class Proxy:
    def __init__(self, path, orders):
        self.path = path
        self.orders_file = orders
        self.sprung_at = None  # the text that the last trap was for
        self.guard = threading.Lock()

    def orders(self):
        while True:
            try:
                with open(self.orders_file, encoding="utf-8") as file:
                    return json.load(file)
            except ValueError:
                time.sleep(0.001)  # it is being written

    def trap_for(self, data, orders):
        """The trap that this request springs, if any."""
        text = orders.get("at")
        with self.guard:
            if not text or text == self.sprung_at or os.fsencode(text) not in data:
                return None
            self.sprung_at = text
        return orders["trap"]

    def serve(self, client):
        if self.orders().get("away"):
            client.close()
            return
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.path)
        except OSError:
            client.close()
            return
        pair = Pair(self, client, server)
        threading.Thread(target=pair.pass_on, args=(client, server, "there"), daemon=True).start()
        threading.Thread(target=pair.pass_on, args=(server, client, "back"), daemon=True).start()


class Pair:
    """One connection: a client's end and a server's."""

    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.ends = client, server
        self.muted = False
        self.late = 0  # seconds, of answers
        self.added = b""  # to what comes back next

    def read_pieces(self, source, pieces, way):
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            late = self.late if way == "back" else 0
            pieces.put((time.monotonic() + self.proxy.orders().get(way, 0) / 1000 + late, data))
            if not data:
                return

    def spring(self, trap, orders):
        print("sprung", flush=True)
        if trap == "hold":
            time.sleep(orders["ms"] / 1000)
        elif trap in ("mute", "cut"):
            self.muted = True
        elif trap == "late":
            self.late = orders["ms"] / 1000
        elif trap == "stop":
            os.kill(orders["pid"], signal.SIGSTOP)
        elif trap == "add":
            self.added = orders["text"].encode("latin-1")

    def pass_on(self, source, target, way):
        """Until the end of `source`; a piece never overtakes the one before."""
        pieces = queue.Queue()
        threading.Thread(target=self.read_pieces, args=(source, pieces, way), daemon=True).start()
        while True:
            due, data = pieces.get()
            time.sleep(max(0, due - time.monotonic()))
            orders = self.proxy.orders()
            trap = self.proxy.trap_for(data, orders) if way == "there" else None
            if trap:
                self.spring(trap, orders)
            try:
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                if way == "back":
                    data, self.added = data + self.added, b""
                if way == "there" or not self.muted:
                    target.sendall(data)
            except OSError:
                data = b""
            if trap == "hold":
                print("delivered", flush=True)
            if trap == "cut":
                for end in self.ends:
                    end.shutdown(socket.SHUT_RDWR)
            if not data or trap == "cut":
                return


def main():
    proxy = Proxy(*sys.argv[1:])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("ready", listener.getsockname()[1], flush=True)
        while True:
            proxy.serve(listener.accept()[0])


main()
