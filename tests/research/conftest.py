"""A small set of assets in the place of the collected ones: matplotlib's DejaVu and a few sentences."""

import lzma
import random
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest
from tokenizers import Tokenizer

from research.nano.pages import blocks, canvas, families, listings, pages, text, theme
from research.nano.pages.families import FAMILIES
from research.nano.training import feed, train

SENTENCES = (
    "The committee met on Tuesday and heard the report of the treasurer.",
    "Rain fell for most of the day, but the roads stayed open until the evening.",
    "Every box holds about seventy letters, sorted by year and by the name of the sender.",
    "A lamp stood by the window; nobody had lit it since the winter before.",
)
TOKENIZER = Path(__file__).parents[2] / "ocr_engine/model/nano/tokenizer.json"
CACHES = (
    text.load_corpus, canvas.font_at, canvas.advance_em, canvas._drawing, canvas._glyph, canvas._missing,
    canvas.source,
)  # fmt: skip


def _pack(lines: list[str], path: Path) -> None:
    path.write_bytes(lzma.compress("\n".join(lines).encode(), preset=0))


@pytest.fixture(scope="session")
def small_assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assets")
    rng = random.Random(0)
    paragraphs = [" ".join(rng.sample(SENTENCES, len(SENTENCES))) for _ in range(20)]
    words = sorted({w.strip(".,;").lower() for s in SENTENCES for w in s.split()})
    for name, lines in (
        ("train", paragraphs),
        ("held", paragraphs[:3]),
        ("foreign", ["Où est la bibliothèque ?"]),
        ("words", words),
    ):
        _pack(lines, folder / f"{name}.txt.xz")
    (folder / "fonts").symlink_to(Path(matplotlib.get_data_path()) / "fonts/ttf")
    (folder / "tokenizer.json").symlink_to(TOKENIZER)
    return folder


@pytest.fixture
def assets(small_assets: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The drawing of pages with these assets alone."""
    for cache in CACHES:
        cache.cache_clear()
    dejavu = tuple(f for f in FAMILIES if f.name == "DejaVuSans")
    for module in (canvas, feed, train):
        monkeypatch.setattr(module, "FOLDER", small_assets)
    for families_of_pages in ("FAMILIES", "TRAINED", "HELD_FAMILIES"):
        monkeypatch.setattr(pages, families_of_pages, dejavu)
    monkeypatch.setattr(theme, "FAMILIES", dejavu)
    for module in (blocks, listings, theme):
        monkeypatch.setattr(module, "CODE", tuple(f for f in FAMILIES if f.name == "DejaVuSansMono"))
    monkeypatch.setattr(families, "MATH", ("DejaVuSerif.ttf", "DejaVuSerif-Italic.ttf"))
    monkeypatch.setattr(
        text.load_corpus.__wrapped__, "__kwdefaults__", {"held": False, "folder": small_assets}
    )
    yield small_assets
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(TOKENIZER))
