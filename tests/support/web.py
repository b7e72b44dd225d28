"""A server on loopback that gives files, and every kind of refusal."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server for the files of a folder, as long as the context lasts.

    It answers ``/404/NAME`` with 404 and so on, sends ``/302/NAME`` in a circle, and says nothing behind the
    header of ``/mute/NAME``.
    """
    released = threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_HEAD(self) -> None:
            what = self.path.split("/")[1]
            if what == "mute" or what.isdecimal():
                self._answer(200 if what == "mute" else int(what))
            else:
                super().do_HEAD()

        def do_GET(self) -> None:
            what = self.path.split("/")[1]
            if what.isdecimal():
                self.do_HEAD()
            elif what == "mute":
                self.do_HEAD()
                released.wait()
            else:
                super().do_GET()

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "100000" if status == 200 else "0")
            if status == 302:
                self.send_header("Location", self.path)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            released.set()
            server.shutdown()
