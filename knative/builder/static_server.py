"""Serve a folder of static files. Copied into the image of a static site, so it uses the standard library only."""

import os
import signal
import sys
import threading
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO


class Site(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "capsule"
    sys_version = ""
    timeout = 60

    def send_head(self) -> Any:
        """Serve a file of the folder, or the site's 404.html. Listings, hidden files and links out of the folder are not served."""
        path = Path(self.translate_path(self.path))
        is_inside = path.resolve().is_relative_to(Path(self.directory).resolve())
        is_hidden = any(part.startswith(".") for part in path.relative_to(self.directory).parts) if path.is_relative_to(self.directory) else True
        if not is_inside or is_hidden or not path.exists():
            return self._not_found()
        return super().send_head()

    def list_directory(self, path: Any) -> Any:
        return self._not_found()

    def end_headers(self) -> None:
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def _not_found(self) -> BinaryIO | None:
        page = Path(self.directory) / "404.html"
        if not page.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.send_response(HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(page.stat().st_size))
        self.end_headers()
        return page.open("rb")

    def log_message(self, format: str, *arguments: Any) -> None:
        print(f"{self.address_string()} {format % arguments}", flush=True)


def main() -> None:
    folder = str(Path(sys.argv[1]).resolve())
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"]))
    server = ThreadingHTTPServer(address, partial(Site, directory=folder))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"serving {len(list(Path(folder).rglob('*')))} files on port {address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
