"""A web server that keeps what it is sent, for a container that has only Python.

`GET /` is all of it, each with its time; `PUT /` with a number answers with that status from then on.
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Taking(BaseHTTPRequestHandler):
    """Everything is class-wide: a server makes one of these for each connection."""

    status = 200
    taken: list[Any] = []  # noqa: RUF012

    def do_POST(self) -> None:
        sent = self._sent()
        if Taking.status < 300:
            Taking.taken.append({"at": time.time(), "sent": json.loads(sent)})
        self._answer(Taking.status, b"")

    def do_PUT(self) -> None:
        Taking.status = int(self._sent())
        self._answer(200, b"")

    def do_GET(self) -> None:
        self._answer(200, json.dumps(Taking.taken).encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _sent(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Taking).serve_forever()
