"""A headless Chromium; tests that need one skip with a reason where there is none."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser: the system's, else the one that `playwright install chromium` brought.

    For one module: playwright keeps an event loop in this thread, and other tests start their own.
    """
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    system = next((path for name in NAMES if (path := shutil.which(name))), None)
    with api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox"])
        except api.Error as error:
            first = str(error).splitlines()[0]
            pytest.skip(f"needs Chromium (apt install chromium, or playwright install chromium): {first}")
        yield browser
        browser.close()


class Sheet:
    """A page of the browser with all that it complained about and all that it asked the network for."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))
        self.page.on("request", self._note)

    def _note(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.outside.append(request.url)

    def open(self, path: Path, search: str = "") -> Any:
        """Go to a file on disk; the page."""
        self.page.goto(path.resolve().as_uri() + search)
        return self.page

    def width_fits(self) -> bool:
        """Whether nothing sticks out sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.fixture
def sheet(chromium: Any) -> Iterator[Sheet]:
    opened = Sheet(chromium)
    yield opened
    opened.context.close()
