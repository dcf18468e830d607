"""A web server for files that can break off, on this machine."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """Files by name, and what was asked for.

    `break_after` ends the connection after so many bytes, for as many answers as `breaks` says.
    After `stall_after` bytes nothing comes any more, while the connection stays.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.break_after, self.breaks, self.stall_after = 0, 0, 0
        self.url = ""

    def __setitem__(self, name: str, content: bytes) -> None:
        self.files[name] = content


@contextmanager
def serve() -> Iterator[FileServer]:
    """Serve files while a block runs."""
    server = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            span = self.headers.get("Range")
            server.asked.append((name, span))
            content = server.files.get(name)
            if content is None:
                self.send_error(404)
                return
            mark = f'"{hashlib.md5(content).hexdigest()}"'
            start = 0
            if span and self.headers.get("If-Range") == mark:
                start = int(span.removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
            else:
                self.send_response(200)
            self.send_header("ETag", mark)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = len(content)
            if server.breaks:
                server.breaks -= 1
                end = start + server.break_after
            stop = server.stall_after
            self.wfile.write(content[start : stop or end])
            while stop and server.stall_after:
                time.sleep(0.02)

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
