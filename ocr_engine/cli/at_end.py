"""`watch.command` and `watch.webhook`: someone is told how a run ended. What fails here fails no run."""

import json
import subprocess
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPMessage, HTTPResponse
from typing import IO, Any

from ocr_engine.config import WatchConfig
from ocr_engine.errors import ExitCode
from ocr_engine.log import logger, printable

COMMAND_TIMEOUT_S, WEBHOOK_TIMEOUT_S = 60.0, 10.0
_MAX_ANSWER_BYTES = 4096


@dataclass(slots=True)
class AtEnd:
    """Filled while the run goes on."""

    watch: WatchConfig = field(default_factory=WatchConfig)
    facts: dict[str, Any] = field(default_factory=dict)

    def tell(self, code: ExitCode) -> None:
        """Run the command and call the webhook with the same JSON: `exit_code`, `output`, `counts`, ..."""
        if not self.watch.command and not self.watch.webhook:
            return
        message = json.dumps({"exit_code": int(code), **self.facts}, default=str).encode()
        if self.watch.command:
            _run(self.watch.command, message)
        if self.watch.webhook:
            _post(self.watch.webhook, message)


def _run(command: tuple[str, ...], message: bytes) -> None:
    """No shell; the message is on its standard input."""
    name = printable(command[0])
    try:
        done = subprocess.run(
            command, input=message, timeout=COMMAND_TIMEOUT_S, check=False, stdout=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        logger.warning("watch.command: %s: took longer than %.0f s", name, COMMAND_TIMEOUT_S)
    except (OSError, ValueError) as error:
        logger.warning("watch.command: %s: %s", name, error)
    else:
        if done.returncode:
            logger.warning("watch.command: %s: exit code %d", name, done.returncode)


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the message elsewhere."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """None: the answer stays what it is, an error."""


def _post(url: str, message: bytes) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": "deepseek-ocr-batch"}
    request = urllib.request.Request(url, message, headers, method="POST")
    try:
        response: HTTPResponse
        with urllib.request.build_opener(_Stay).open(request, timeout=WEBHOOK_TIMEOUT_S) as response:
            response.read(_MAX_ANSWER_BYTES)
    except (OSError, ValueError) as error:
        # The address may hold a key: it is not shown.
        reason = getattr(error, "code", None) or getattr(error, "reason", None) or type(error).__name__
        logger.warning("watch.webhook: not delivered: %s", printable(str(reason)))
