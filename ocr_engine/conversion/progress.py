"""Shows progress on stderr: pages, pages/s, tokens/s, ETA. Without a terminal, a line every 30 s."""

import sys
import time
from types import TracebackType

from tqdm import tqdm

from ocr_engine.log import say
from ocr_engine.records import PageStatus

_INTERVAL_S = 30.0
_REFRESH_EVERY = 1000


class Progress:
    """Counts pages as they end. `total` may grow while documents are still being opened."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._tty = sys.stderr.isatty()
        self._quiet = quiet
        self._started_s = time.monotonic()
        self._next_line_s = self._started_s + _INTERVAL_S
        self.total = 0
        self.ended = 0
        self.unchanged = 0
        self.tokens = 0
        self.counts: dict[PageStatus, int] = dict.fromkeys(PageStatus, 0)
        self._bar = tqdm(
            disable=quiet or not self._tty, unit="page", dynamic_ncols=True, desc="pages", total=0
        )

    def add_total(self, pages: int) -> None:
        """Add pages that are known to come."""
        self.total += pages
        self._bar.total = self.total
        self._bar.refresh()

    def page_ended(self, status: PageStatus, tokens: int) -> None:
        """Count a page that has its record."""
        self.ended += 1
        self.tokens += tokens
        self.counts[status] += 1
        if not self._bar.disable:
            self._bar.set_postfix_str(self._details(), refresh=False)
        self._bar.update(1)
        self._line_without_terminal()

    def page_unchanged(self) -> None:
        """Count a page that needs nothing, as done before the start."""
        self.unchanged += 1
        if self._bar.disable:
            return
        self._bar.initial += 1
        self._bar.last_print_n += 1
        self._bar.n += 1
        if self.unchanged % _REFRESH_EVERY == 0:
            self._bar.refresh()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return max(time.monotonic() - self._started_s, 1e-9)

    @property
    def pages_per_s(self) -> float:
        """Pages per second since the start, without those that needed nothing."""
        return self.ended / self.elapsed_s

    @property
    def tokens_per_s(self) -> float:
        """Output tokens per second since the start."""
        return self.tokens / self.elapsed_s

    def _details(self) -> str:
        text = f"{self.tokens_per_s:,.0f} tok/s"
        for status in PageStatus.poor():
            if self.counts[status]:
                text += f"  {status} {self.counts[status]:,}"
        return text

    def _line_without_terminal(self) -> None:
        now_s = time.monotonic()
        if self._tty or self._quiet or now_s < self._next_line_s:
            return
        self._next_line_s = now_s + _INTERVAL_S
        done, rate = self.ended + self.unchanged, self.pages_per_s
        eta = tqdm.format_interval((self.total - done) / rate) if rate else "?"
        line = f"pages {done:,}/{self.total:,}  {rate:.1f} p/s  {self._details()}  eta {eta}"
        say(line)

    def close(self) -> None:
        """Remove the bar from the terminal."""
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
