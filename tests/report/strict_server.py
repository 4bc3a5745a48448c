"""A server for files that sends the headers of a CI server: whatever a page has inline is blocked."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What Jenkins sends with every file of a build.
JENKINS = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';"


@contextmanager
def strict_server(folder: Path, policy: str = JENKINS) -> Iterator[str]:
    """The address at which the files of a folder are served; it ends without a slash."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, request: object, address: object, server: object) -> None:
            super().__init__(request, address, server, directory=str(folder))  # type: ignore[arg-type]

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", policy)
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing: it would stand between the tests' results."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
