"""Formulas in headless Chromium: KaTeX from a folder of the user's, driven by playwright.

Nothing is fetched: the browser is offline, and KaTeX's fonts are not loaded, as they are not upstream.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ocr_engine.errors import UsageError
from ocr_engine.evaluation.olmocr_bench.formulas import RenderedSymbol, Rendering
from ocr_engine.log import printable

SCRIPT, STYLE = "katex.min.js", "katex.min.css"
MAX_CHARACTERS = 10_000
"""A longer formula is not rendered: pages are hostile, and no test asks for one."""
MAX_KEPT = 20_000
"""So many renderings are kept: the formulas of a page meet each of its tests."""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_INSTALL = "pip install playwright, and apt install chromium (or playwright install chromium)"
_SHEET = """<!DOCTYPE html><html><head><style>
body { display: flex; justify-content: center; align-items: center; height: 100vh; margin: 0;
       background-color: white; color: black; }
#formula { padding: 0; font-size: 24px; }
</style></head><body><div id="formula"></div></body></html>"""
_RENDER = r"""formula => {
  const place = document.getElementById("formula");
  place.replaceChildren();
  try { katex.render(formula, place, {displayMode: true, throwOnError: true}); }
  catch (error) { place.replaceChildren(); return {mathml: String(error.message), symbols: []}; }
  const leaves = [...document.querySelectorAll("span")].filter(
    span => span.children.length === 0 && /\S/.test(span.textContent));
  const math = document.querySelector(".katex-mathml math");
  return {mathml: math ? math.outerHTML : "", symbols: leaves.map(span => {
    const box = span.getBoundingClientRect();
    return [span.textContent.trim(), box.x, box.y, box.width, box.height]; })};
}"""


@dataclass(frozen=True, slots=True)
class Katex:
    """KaTeX's script and style sheet in a folder, known by their contents."""

    folder: Path
    digest: str


def find(folder: Path) -> Katex:
    """KaTeX in `folder`. UsageError where it is not, or where no browser can run it."""
    digest = hashlib.blake2b(digest_size=16)
    for name in (SCRIPT, STYLE):
        try:
            digest.update((folder / name).read_bytes())
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(
                f"--katex {printable(str(folder))}: {name}: {reason}; a folder with KaTeX's {SCRIPT} and "
                f"{STYLE} is expected, such as olmocr/bench/katex of a clone of olmOCR"
            ) from error
    katex = Katex(folder.resolve(), digest.hexdigest())
    with renderer(katex) as formulas:
        formulas.check()
    return katex


class Renderer:
    """A browser with KaTeX, started by the first formula. For one thread."""

    def __init__(self, katex: Katex) -> None:
        self._katex = katex
        self._kept: dict[str, Rendering] = {}
        self._driver: Any = None
        self._page: Any = None

    @cached_property
    def _failure(self) -> type[Exception]:
        from playwright.sync_api import Error

        return Error

    def check(self) -> None:
        """UsageError where no formula can be rendered."""
        try:
            rendered = self._rendered("x")
        except ImportError as error:
            raise UsageError(f"--katex: playwright is not installed: {_INSTALL}") from error
        except self._failure as error:
            reason = printable(str(error).strip().splitlines()[0])
            raise UsageError(f"--katex: no Chromium that runs KaTeX: {reason}; {_INSTALL}") from error
        if not rendered.symbols:
            raise UsageError(
                f"--katex {self._katex.folder}: it renders nothing: {printable(rendered.mathml)}"
            )

    def render(self, formula: str) -> Rendering:
        """What KaTeX makes of `formula`; one too long, or that the browser dies of, has no symbols."""
        kept = self._kept.get(formula)
        if kept is not None:
            return kept
        if len(formula) > MAX_CHARACTERS:
            return Rendering("longer than is rendered")
        try:
            rendering = self._rendered(formula)
        except self._failure as error:
            self.close()
            rendering = Rendering(str(error))
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[formula] = rendering
        return rendering

    def _rendered(self, formula: str) -> Rendering:
        if self._page is None:
            self._start()
        answer = self._page.evaluate(_RENDER, formula)
        return Rendering(answer["mathml"], tuple(RenderedSymbol(*symbol) for symbol in answer["symbols"]))

    def _start(self) -> None:
        from playwright.sync_api import sync_playwright

        system = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
        self._driver = sync_playwright().start()
        browser = self._driver.chromium.launch(executable_path=system)
        context = browser.new_context(viewport={"width": 800, "height": 400}, offline=True)
        page = context.new_page()
        page.set_content(_SHEET)
        page.add_style_tag(path=self._katex.folder / STYLE)
        page.add_script_tag(path=self._katex.folder / SCRIPT)
        self._page = page

    def close(self) -> None:
        """End the browser; the next formula starts another."""
        driver, self._driver, self._page = self._driver, None, None
        if driver is not None:
            driver.stop()


_OPEN: dict[Katex, Renderer] = {}


def open_renderer(katex: Katex) -> Renderer:
    """This process's renderer: a worker's ends with the worker, else `renderer` ends it."""
    return _OPEN.setdefault(katex, Renderer(katex))


@contextmanager
def renderer(katex: Katex) -> Iterator[Renderer]:
    """This process's renderer for a while; its browser is gone after."""
    try:
        yield open_renderer(katex)
    finally:
        _OPEN.pop(katex).close()
