"""A page's text as it grows, for people: rendered on a terminal, plain in a pipe, tags folded or raw."""

import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

from ocr_engine.config import TextConfig
from ocr_engine.records import PageKey
from ocr_engine.text.clean import clean
from ocr_engine.text.folding import TagFolder
from ocr_engine.text.options import restyle
from ocr_engine.text.table_rows import Row, read_rows

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_FOR_TERMINALS = TextConfig(tables="markdown")
_BREAK = re.compile(r"\n[ \t]*\n")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_REFRESHES_PER_S = 12
_BACKSLASH_OF_MATH = re.compile(r"\\(?=[^\w\s])")


class PlainView:
    """Writes each piece as it comes, as it is: for pipes and files."""

    def __init__(self, out: TextIO, *, raw: bool) -> None:
        self._out = out
        self._raw = raw
        self._folder = TagFolder()
        self._line_ends = 2

    def begin(self, request_id: str) -> None:
        """Pages are set apart by a blank line."""
        self._folder = TagFolder()

    def add(self, piece: str) -> None:
        """Write what of it is certain."""
        self._write(piece if self._raw else self._folder.add(piece))

    def end(self) -> None:
        """Write what was held back, and a line end."""
        self._write("" if self._raw else self._folder.end())
        self._write("\n" * (2 - self._line_ends))

    def _write(self, text: str) -> None:
        text = visible(text)
        if not self._raw:
            text = "".join(filter(self._is_kept, text))
        if not text:
            return
        if self._raw:
            self._line_ends = min(2, len(text) - len(text.rstrip("\n")))
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            # Who reads the pipe has seen enough (`| head`); the page is still read to its end and saved.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())

    def _is_kept(self, character: str) -> bool:
        """Whether a character is written: where tags were folded away, one blank line stays of several."""
        kept = character != "\n" or self._line_ends < 2
        self._line_ends = min(2, self._line_ends + 1) if character == "\n" else 0
        return kept


class TerminalView:
    """Renders paragraphs, tables and code as each is complete; what is still growing stands below them."""

    def __init__(self, console: "Console", *, raw: bool) -> None:
        self._console = console
        self._raw = raw
        self._folder = TagFolder()
        self._growing = ""
        self._live: Live | None = None

    def begin(self, request_id: str) -> None:
        """A rule with the page's name, and an empty tail."""
        from rich.live import Live
        from rich.text import Text

        self._folder, self._growing = TagFolder(), ""
        name = visible(str(PageKey.parse(request_id) or request_id)).replace("\n", " ")
        self._console.rule(Text(name), style="dim")
        self._live = Live(console=self._console, refresh_per_second=_REFRESHES_PER_S, transient=True)
        self._live.start()

    def add(self, piece: str) -> None:
        """Let the tail grow; print what of it is complete."""
        self._growing += visible(piece if self._raw else self._folder.add(piece))
        done, self._growing = _complete(self._growing)
        self._show_growing()
        self._print(done)

    def end(self) -> None:
        """Print what is left."""
        if self._live is None:
            return
        self._growing += "" if self._raw else visible(self._folder.end())
        self._live.stop()
        self._live = None
        self._print(self._growing)

    def _print(self, text: str) -> None:
        if text.strip():
            self._console.print(self._rendered(text))
            self._console.print()

    def _show_growing(self) -> None:
        from rich.text import Text

        if self._live is not None:
            # The last lines: of a table longer than the terminal the end is what grows.
            lines = self._growing.strip("\n").splitlines()[-max(3, self._console.height - 3) :]
            self._live.update(Text("\n".join(lines), style="dim"))

    def _rendered(self, text: str) -> "RenderableType":
        from rich.text import Text

        return Text(text.strip("\n")) if self._raw else render(text)


def render(text: str) -> "RenderableType":
    """A complete stretch of folded text for a terminal: a table, or markdown."""
    from rich.markdown import Markdown
    from rich.text import Text

    cleaned = clean(text.strip("\n"))
    rows = read_rows(cleaned) if cleaned.startswith("<table") else None
    if rows is not None:
        return _table(rows)
    shown = restyle(cleaned, _FOR_TERMINALS)
    if "<table" in shown and not _FENCE.search(shown):
        return Text(shown)  # markdown shows no HTML at all
    # A backslash before a bracket would vanish from formulas.
    shown = shown if _FENCE.search(shown) else _BACKSLASH_OF_MATH.sub(r"\\\\", shown)
    return Markdown(shown, hyperlinks=False)


def _table(rows: tuple[Row, ...]) -> "RenderableType":
    """A grid; a cell that spans has its text in the first of its columns."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, show_lines=True)
    for _ in range(max(row.columns for row in rows)):
        table.add_column()
    for row in rows:
        cells: list[Text] = []
        for cell, words in zip(row.cells, row.words(), strict=True):
            cells += [Text(words), *[Text("")] * (cell.columns - 1)]
        table.add_row(*cells)
    return table


def _complete(text: str) -> tuple[str, str]:
    """The text up to the last blank line that ends no open table or code, and the rest."""
    for found in reversed(list(_BREAK.finditer(text))):
        head = text[: found.end()]
        lowered = head.lower()
        open_table = lowered.count("<table") > lowered.count("</table>")
        if not open_table and len(_FENCE.findall(head)) % 2 == 0:
            return head, text[found.end() :]
    return "", text


def visible(text: str) -> str:
    """Text without the characters that move a cursor, hide or reorder what a terminal shows."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())


def open_view(*, raw: bool) -> PlainView | TerminalView:
    """The view for this process's stdout."""
    if not sys.stdout.isatty():
        with contextlib.suppress(AttributeError):
            sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        return PlainView(sys.stdout, raw=raw)
    from rich.console import Console

    return TerminalView(Console(highlight=False), raw=raw)
