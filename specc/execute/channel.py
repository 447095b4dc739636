"""JSON lines over a socket, from the side that must never wait."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any


class Channel:
    """One end of a stream socket on which each line is a JSON message.

    Attributes:
        closed: whether the other end is gone. Messages it sent before are still received.
    """

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.closed = False
        self.text = b""

    def fileno(self) -> int:
        return self.end.fileno()

    def send(self, message: dict[str, Any], handles: Sequence[int] = ()) -> None:
        """Send a message, with open descriptors attached; to an end that is gone, nothing is sent."""
        if self.closed:
            return
        data = json.dumps(message).encode() + b"\n"
        try:
            if handles:
                sent = socket.send_fds(self.end, [data], handles)
                data = data[sent:]
            self.end.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True

    def receive(self) -> list[dict[str, Any]]:
        """All messages that have arrived; returns at once."""
        while not self.closed:
            try:
                data = self.end.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
            if not data:
                self.closed = True
            self.text += data
        *lines, self.text = self.text.split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        self.closed = True
        self.end.close()
