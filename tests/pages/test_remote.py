"""Documents in stores: found in order, fetched once, kept while held, taken away when room is needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ocr_engine.config import InputConfig, RenderConfig
from ocr_engine.errors import DocumentError, InputError, PageError, UsageError
from ocr_engine.pages.remote import FetchingPool, InputCache
from ocr_engine.pages.sources import Refused, find
from ocr_engine.records import Document, DocumentKind, PageRef
from tests.conversion.test_pipeline import ROOT

PDF = (ROOT / "samples/handbook.pdf").read_bytes()


@pytest.fixture(autouse=True)
def store() -> Iterator[Any]:
    found = fsspec.filesystem("memory")
    found.store.clear()
    for name in ("in/b.pdf", "in/a/c.PDF", "in/a/note.txt", "in/z.png", "other/x.pdf"):
        found.pipe_file(f"/box/{name}", PDF)
    yield found
    found.store.clear()


def names(*inputs: str) -> list[str]:
    kinds = {DocumentKind.PDF}
    return [
        f"{item.given} {'' if isinstance(item, Refused) else item.relative}".strip()
        for item in find(inputs, kinds)
    ]


def test_folders_files_and_globs_are_found_in_order() -> None:
    assert names("memory://box/in") == ["memory:///box/in/a/c.PDF a/c.PDF", "memory:///box/in/b.pdf b.pdf"]
    assert names("memory://box/in/b.pdf") == ["memory:///box/in/b.pdf b.pdf"]
    assert names("memory://box/*/x.pdf") == ["memory:///box/other/x.pdf other/x.pdf"]
    assert len(names("memory://box/in", "memory://box/in/b.pdf")) == 2


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("memory://box/none", "no such file or folder there, or the address cannot be reached"),
        ("nosuch://box/in", "nosuch"),
        ("memory://box/in/a/note.txt", "nothing to read"),
    ],
)
def test_what_cannot_be_read_is_refused_in_its_place(given: str, word: str) -> None:
    (refused,) = find([given], {DocumentKind.PDF})
    assert isinstance(refused, Refused)
    import re

    assert re.search(word, refused.reason)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from ocr_engine import urls

    def missing(_: str) -> None:
        raise ImportError("Install gcsfs")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(UsageError, match="pip install gcsfs"):
        urls.filesystem("gs://box/in")


def test_file_urls_are_paths(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    (found,) = find([f"file://{tmp_path}"], {DocumentKind.PDF})
    assert isinstance(found, Document) and found.path == tmp_path / "a.pdf" and not found.url


def document(name: str = "in/b.pdf", version: str = "1") -> Document:
    (found,) = find([f"memory://box/{name}"], {DocumentKind.PDF})
    assert isinstance(found, Document)
    from dataclasses import replace

    return replace(found, version=version)


def test_a_file_is_fetched_once_and_again_when_it_changed(
    tmp_path: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = InputCache(tmp_path, 1 << 30)
    with cache.holding(document()) as path:
        assert path.read_bytes() == PDF and path.name.endswith("b.pdf")
    store.pipe_file("/box/in/b.pdf", b"other")
    with cache.holding(document()) as path:
        assert path.read_bytes() == b"other" or path.read_bytes() == PDF
    with cache.holding(document(version="2")) as path:
        assert path.read_bytes() == b"other"
    assert not list(tmp_path.glob(".fetching*"))


def test_room_is_made_from_what_nobody_holds(tmp_path: Path) -> None:
    cache = InputCache(tmp_path, len(PDF) * 2)
    with cache.holding(document(version="old")) as held:
        for version in ("1", "2", "3"):
            with cache.holding(document(version=version)) as last:
                pass
        assert held.exists() and last.exists()
        assert len(list(tmp_path.iterdir())) == 2
    with cache.holding(document(version="4")), cache.holding(document(version="5")):
        assert not held.exists()


def test_what_cannot_be_fetched_is_an_input_error(tmp_path: Path, store: Any) -> None:
    found = document()
    store.rm_file("/box/in/b.pdf")
    with (
        pytest.raises(InputError, match="cannot be fetched: no such file"),
        InputCache(tmp_path, 9).holding(found),
    ):
        pass
    assert not list(tmp_path.iterdir())


def pool(tmp_path: Path) -> FetchingPool:
    return FetchingPool(RenderConfig(workers=1), InputConfig(cache=str(tmp_path / "cache")))


def size_of(page: Any) -> tuple[int, int]:
    return (page.geometry.width_px, page.geometry.height_px)


def test_a_pool_opens_and_renders_what_is_elsewhere(tmp_path: Path, store: Any) -> None:
    with pool(tmp_path) as workers:
        found = document()
        opened = workers.open(found).result(60)
        assert opened.document == found and opened.page_count == 5
        ref = opened.page(1)
        assert workers.run(ref, size_of).result(60)[0] > 500
        gone = document(version="9")
        store.rm_file("/box/in/b.pdf")
        with pytest.raises(DocumentError, match="cannot be fetched"):
            workers.open(gone).result(60)
        with pytest.raises(PageError, match="cannot be fetched"):
            workers.run(PageRef(gone, "", 0, 5, "pymupdf"), size_of).result(60)
    assert list((tmp_path / "cache").iterdir())


def test_a_broken_file_elsewhere_is_the_documents_fault(tmp_path: Path, store: Any) -> None:
    store.pipe_file("/box/in/b.pdf", b"%PDF-1.7 nothing")
    with pool(tmp_path) as workers, pytest.raises(DocumentError):
        workers.open(document(version="bad")).result(60)
