"""One progress line on stderr: pages, pages/s, tokens/s, failed, ETA; without a terminal one every 30 s."""

import sys
import time
from types import TracebackType

from tqdm import tqdm

from ocr_engine.log import say
from ocr_engine.records import PageStatus

_INTERVAL_S = 30.0


class Progress:
    """Counts pages as they end. `total` may grow while documents are still being opened."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._tty = sys.stderr.isatty()
        self._quiet = quiet
        self._started_s = time.monotonic()
        self._next_line_s = self._started_s + _INTERVAL_S
        self.total = 0
        self.ended = 0
        self.tokens = 0
        self.counts: dict[PageStatus, int] = dict.fromkeys(PageStatus, 0)
        self._bar = tqdm(
            disable=quiet or not self._tty, unit="page", dynamic_ncols=True, desc="pages", total=0
        )

    def add_total(self, pages: int) -> None:
        """More pages are known to be coming."""
        self.total += pages
        self._bar.total = self.total
        self._bar.refresh()

    def page_ended(self, status: PageStatus, tokens: int) -> None:
        """One page has its record."""
        self.ended += 1
        self.tokens += tokens
        self.counts[status] += 1
        self._bar.set_postfix_str(self._details(), refresh=False)
        self._bar.update(1)
        self._line_without_terminal()

    @property
    def pages_per_s(self) -> float:
        """Pages ended a second since the start."""
        return self.ended / max(time.monotonic() - self._started_s, 1e-9)

    def _details(self) -> str:
        elapsed_s = max(time.monotonic() - self._started_s, 1e-9)
        text = f"{self.tokens / elapsed_s:,.0f} tok/s"
        for status in (PageStatus.FAILED, PageStatus.TRUNCATED, PageStatus.LOOPED):
            if self.counts[status]:
                text += f"  {status} {self.counts[status]}"
        return text

    def _line_without_terminal(self) -> None:
        now_s = time.monotonic()
        if self._tty or self._quiet or now_s < self._next_line_s:
            return
        self._next_line_s = now_s + _INTERVAL_S
        rate = self.pages_per_s
        eta = tqdm.format_interval((self.total - self.ended) / rate) if rate else "?"
        line = f"pages {self.ended:,}/{self.total:,}  {rate:.1f} p/s  {self._details()}  eta {eta}"
        say(line)

    def close(self) -> None:
        """Take the bar off the terminal."""
        self._bar.close()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
