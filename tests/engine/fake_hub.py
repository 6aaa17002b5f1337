"""A hub on this machine: enough of the protocol for `snapshot_download`, with faults on request."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What is served under `hub_id`, and how badly."""

    folder: Path
    hub_id: str
    url: str = ""
    cut_after: int | None = None
    """Bytes after which the connection of a weight file breaks."""
    gated: bool = False
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    """Branches and tags, and their commits."""
    served: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.hub.served.append(f"{self.command} {path}")
        if self.hub.hub_id not in path:
            return self._refuse(401, "RepoNotFound", "Repository Not Found")
        if self._commit(path) is None:
            return self._refuse(404, "RevisionNotFound", "Invalid rev id")
        if self.hub.gated and "/resolve/" in path:
            return self._refuse(403, "GatedRepo", "Access to this model is restricted")
        if "/resolve/" in path:
            return self._file(self.hub.folder / path.rpartition("/")[2], body=body)
        names = sorted(file.name for file in self.hub.folder.iterdir())
        files = [
            {
                "type": "file",
                "path": name,
                "size": (self.hub.folder / name).stat().st_size,
                "oid": self._commit(path),
            }
            for name in names
        ]
        siblings = [{"rfilename": name} for name in names]
        info = {"id": self.hub.hub_id, "sha": self._commit(path), "siblings": siblings}
        self._json(files if "/tree/" in path else info)

    def _commit(self, path: str) -> str | None:
        named = re.search("/(?:resolve|revision|tree)/([^/]+)", path)
        name = named[1] if named else "main"
        return name if name in self.hub.revisions.values() else self.hub.revisions.get(name)

    def _json(self, values: object) -> None:
        data = json.dumps(values).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, path: Path, *, body: bool) -> None:
        data = path.read_bytes()
        wanted = self.headers.get("Range", "")
        first = int(wanted.removeprefix("bytes=").partition("-")[0] or 0) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("X-Repo-Commit", self._commit(self.path.partition("?")[0]) or "")
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("Content-Length", str(len(data) - first))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if not body:
            return
        if self.hub.cut_after is not None and path.suffix == ".safetensors":
            self.wfile.write(data[first : first + self.hub.cut_after])
            self.close_connection = True
            return
        self.wfile.write(data[first:])


@contextmanager
def fake_hub(folder: Path, hub_id: str) -> Iterator[Hub]:
    hub = Hub(folder, hub_id)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HandlerOfHub", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
