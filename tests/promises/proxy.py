"""A wire between the engine and its server that can be cut: at once, or when the next request has gone through and its
answer has not come back. It is a process of its own, because a driver may keep Python's lock while it waits."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class _Relay:
    """Forwards 127.0.0.1:port to a server until it is cut; new connections are taken again after that."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._deaf = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close every connection, both ends."""
        with self._lock:
            ends, self._open = self._open, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut_after_next_request(self) -> None:
        """Let what is asked next reach the server, keep its answer, and cut."""
        self._deaf = True

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            with self._lock:
                self._open += [client, server]
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                while not asks and self._deaf:
                    time.sleep(0.02)  # an answer to somebody else waits; what is asked next will cut it off
                sink.sendall(data)
                if asks and self._deaf:
                    time.sleep(0.5)  # the server does what it was asked, and nobody hears of it
                    self._deaf = False
                    self.cut()
                    return
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


class Wire:
    """The wire as a test holds it: ``port`` on 127.0.0.1 leads to the server."""

    def __init__(self, host: str, port: int) -> None:
        command = [sys.executable, "-m", "tests.promises.proxy", host, str(port)]
        self._relay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._answer())
        self.used = False

    def _answer(self) -> str:
        assert self._relay.stdout is not None
        return self._relay.stdout.readline()

    def ask(self, what: str) -> None:
        """Have it ``cut``, or go ``deaf``: let what is asked next through, keep the answer, and cut."""
        assert self._relay.stdin is not None
        self._relay.stdin.write(what + "\n")
        self._relay.stdin.flush()
        self._answer()
        self.used = True

    def close(self) -> None:
        self._relay.kill()
        self._relay.wait()


@contextmanager
def wire(host: str, port: int) -> Iterator[Wire]:
    """A wire to the server, closed in the end."""
    made = Wire(host, port)
    try:
        yield made
    finally:
        made.close()


def main() -> None:
    relay = _Relay(sys.argv[1], int(sys.argv[2]))
    print(relay.port, flush=True)
    for line in sys.stdin:
        relay.cut() if line.strip() == "cut" else relay.cut_after_next_request()
        print("done", flush=True)


if __name__ == "__main__":
    main()
