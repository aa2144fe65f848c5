"""A wire between the engine and its server that can be cut: at once, or when the next request has gone through and its
answer has not come back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Wire:
    """Forwards 127.0.0.1:port to a server until it is cut; new connections are taken again after that."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._deaf = False
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close every connection, both ends."""
        with self._lock:
            ends, self._open = self._open, []
        self.cuts += 1
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut_after_next_request(self) -> None:
        """Let what is asked next reach the server, keep its answer, and cut."""
        self._deaf = True

    def close(self) -> None:
        self._listener.close()
        self.cut()

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
                if not asks and self._deaf:
                    return
                sink.sendall(data)
                if asks and self._deaf:
                    time.sleep(0.5)  # the server does what it was asked, and nobody hears of it
                    self._deaf = False
                    self.cut()
                    return
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(host: str, port: int) -> Iterator[Wire]:
    """A wire to the server, closed in the end."""
    made = Wire(host, port)
    try:
        yield made
    finally:
        made.close()
