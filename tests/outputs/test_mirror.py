"""The mirror of an output folder in a store: what the segments say is there, whatever dies between."""

import contextlib
import json
import os
import platform
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ocr_engine import urls
from ocr_engine.errors import OutputError
from ocr_engine.outputs import mirror as module
from ocr_engine.outputs.mirror import Mirror, mirrored
from ocr_engine.outputs.store_lock import LOCK_STALE_S

URL = "memory://store/out"


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    found = fsspec.filesystem("memory")
    found.store.clear()
    found.pseudo_dirs[:] = [""]
    yield found
    found.store.clear()


def there() -> dict[str, bytes]:
    found = fsspec.filesystem("memory")
    return {name.removeprefix("/store/out/"): found.cat_file(name) for name in found.find("/store/out")}


def opened(tmp_path: Path, name: str = "here") -> Mirror:
    """A run after all others have died."""
    fsspec.filesystem("memory").store.pop("/store/out/run.lock", None)
    made = Mirror(URL, tmp_path / name)
    made.fetch()
    return made


def put(mirror: Mirror, name: str, text: str) -> None:
    path = mirror.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def log(mirror: Mirror, *lines: str) -> None:
    with (mirror.root / "journal.jsonl").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def segments() -> list[str]:
    return sorted(name for name in there() if name.startswith("journal/"))


def test_files_go_there_and_come_back(tmp_path: Path) -> None:
    first = opened(tmp_path)
    put(first, "a/pages/0001.md", "one")
    log(first, '{"page": 1}')
    first.sync()
    put(first, "a/pages/0002.md", "two")
    log(first, '{"page": 2}')
    first.sync()
    assert there()["a/pages/0001.md"] == b"one" and len(segments()) == 2
    assert "journal.jsonl" not in there()
    again = opened(tmp_path, "elsewhere")
    assert (again.root / "a/pages/0002.md").read_text() == "two"
    assert (again.root / "journal.jsonl").read_text() == '{"page": 1}\n{"page": 2}\n'


def test_at_the_end_the_journal_is_one_and_the_lock_is_gone(tmp_path: Path) -> None:
    first = opened(tmp_path)
    log(first, '{"page": 1}')
    first.finish()
    assert sorted(there()) == ["journal.jsonl"] and there()["journal.jsonl"] == b'{"page": 1}\n'
    second = opened(tmp_path)
    log(second, '{"page": 2}')
    second.sync()
    third = opened(tmp_path, "third")
    assert (third.root / "journal.jsonl").read_text() == '{"page": 1}\n{"page": 2}\n'


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_a_run_killed_while_it_removes_segments_leaves_no_line_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: int
) -> None:
    first = opened(tmp_path)
    for page in (1, 2, 3):
        log(first, f'{{"page": {page}}}', f'{{"page": {page}, "again": true}}')
        first.sync()
    whole = (first.root / "journal.jsonl").read_bytes()

    def killed(names: Any) -> None:
        for name in list(names)[:removed]:
            first._remove_there(name)
        raise KeyboardInterrupt

    monkeypatch.setattr(first._store, "all", lambda do, names: names and killed(names))
    with pytest.raises(KeyboardInterrupt):
        first.finish()
    assert there()["journal.jsonl"] == whole and len(segments()) == 3 - removed
    second = opened(tmp_path, "elsewhere")
    assert (second.root / "journal.jsonl").read_bytes() == whole
    log(second, '{"page": 1}', '{"page": 4}')
    second.sync()
    third = opened(tmp_path, "third")
    assert (third.root / "journal.jsonl").read_bytes() == whole + b'{"page": 1}\n{"page": 4}\n'


def test_a_segment_is_sent_after_the_files_it_speaks_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = opened(tmp_path)
    put(mirror, "a/a.md", "old")
    mirror.sync()
    order: list[str] = []
    for name in ("put_file", "pipe_file", "rm_file"):
        real = getattr(mirror._store.fs, name)

        def noted(*args: Any, real: Any = real, name: str = name) -> Any:
            order.append(f"{name} {args[0] if name != 'put_file' else args[1]}")
            return real(*args)

        monkeypatch.setattr(mirror._store.fs, name, noted)
    (mirror.root / "a/a.md").unlink()
    put(mirror, "a/pages/0001.md", "one")
    put(mirror, "a/pages.jsonl", "record")
    log(mirror, '{"page": 1}')
    mirror.sync()
    sent = [line for line in order if not line.endswith("run.lock")]
    kinds = [line.split(" ")[0] for line in sent]
    assert kinds == ["rm_file", "put_file", "put_file", "pipe_file"] and "journal/" in sent[3]


def test_a_file_that_cannot_be_sent_keeps_its_lines_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = opened(tmp_path)
    put(mirror, "a/pages/0001.md", "one")
    log(mirror, '{"page": 1}')
    real = mirror._store.fs.put_file

    def broken(*_: Any) -> None:
        raise OSError("the store is away")

    monkeypatch.setattr(mirror._store.fs, "put_file", broken)
    with pytest.raises(OutputError, match="the store is away"):
        mirror.sync()
    assert not segments()
    monkeypatch.setattr(mirror._store.fs, "put_file", real)
    mirror.sync()
    assert len(segments()) == 1 and there()["a/pages/0001.md"] == b"one"


def test_a_passing_fault_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = opened(tmp_path)
    put(mirror, "a.md", "one")
    real, faults = mirror._store.fs.put_file, iter([OSError("reset")] * 3)

    def sometimes(*args: Any) -> None:
        if (error := next(faults, None)) is not None:
            raise error
        real(*args)

    monkeypatch.setattr(mirror._store.fs, "put_file", sometimes)
    mirror.sync()
    assert there()["a.md"] == b"one"


def test_a_mirror_ahead_of_the_store_is_set_back(tmp_path: Path) -> None:
    dead = opened(tmp_path)
    put(dead, "a/pages/0001.md", "sent")
    log(dead, '{"page": 1}')
    dead.sync()
    put(dead, "a/pages/0001.md", "newer, not sent")
    put(dead, "a/pages/0002.md", "not sent")
    log(dead, '{"page": 2}')
    again = opened(tmp_path)
    assert (again.root / "a/pages/0001.md").read_text() == "sent"
    assert not (again.root / "a/pages/0002.md").exists()
    assert (again.root / "journal.jsonl").read_text() == '{"page": 1}\n'
    log(again, '{"page": 2}')
    again.sync()
    assert len(segments()) == 2


def test_what_is_gone_here_is_taken_away_there(tmp_path: Path) -> None:
    mirror = opened(tmp_path)
    put(mirror, "a/a.md", "merged")
    mirror.sync()
    (mirror.root / "a/a.md").unlink()
    mirror.sync()
    assert "a/a.md" not in there()


def test_a_listing_that_misses_a_replaced_file_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = opened(tmp_path)
    put(mirror, "a/pages.jsonl", "1")
    put(mirror, "a/a.md", "merged")
    mirror.sync()
    put(mirror, "a/pages.jsonl", "1 2")
    put(mirror, "b/pages.jsonl", "1")
    put(mirror, "b/pages/0001.md", "text")
    real = os.scandir

    @contextlib.contextmanager
    def blind(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with real(folder) as entries:
            yield (entry for entry in entries if entry.name not in ("pages.jsonl", "a.md"))

    monkeypatch.setattr(module.os, "scandir", blind)
    mirror.sync()
    sent = there()
    assert sent["a/pages.jsonl"] == b"1 2" and sent["b/pages.jsonl"] == b"1" and "a/a.md" in sent


def test_half_written_lines_and_files_wait(tmp_path: Path) -> None:
    mirror = opened(tmp_path)
    put(mirror, f"a/.x{module.TEMPORARY_SUFFIX}", "half")
    (mirror.root / "journal.jsonl").write_text('{"page": 1}\n{"pa')
    mirror.sync()
    assert there()[segments()[0]] == b'{"page": 1}\n'
    assert not [name for name in there() if name.endswith(module.TEMPORARY_SUFFIX)]


def test_what_is_here_already_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(tmp_path)
    put(first, "a.md", "one")
    put(first, "b.md", "two")
    first.finish()
    second = Mirror(URL, tmp_path / "here")
    fetched: list[str] = []
    real = second._store.fs.get_file
    monkeypatch.setattr(second._store.fs, "get_file", lambda name, to: (fetched.append(name), real(name, to)))
    fsspec.filesystem("memory").pipe_file("/store/out/b.md", b"changed there")
    monkeypatch.setattr(module, "object_version", lambda info: str(info["size"]))
    second.fetch()
    assert (second.root / "b.md").read_text() == "changed there" and (
        second.root / "a.md"
    ).read_text() == "one"


def lock(**changes: Any) -> None:
    values = {"run": "other", "host": "elsewhere", "pid": 1} | changes
    fsspec.filesystem("memory").pipe_file("/store/out/run.lock", json.dumps(values).encode())


def lock_ages(age_s: float) -> None:
    fsspec.filesystem("memory").store["/store/out/run.lock"].modified -= timedelta(seconds=age_s)


def test_another_run_that_lives_is_respected(tmp_path: Path) -> None:
    lock()
    with pytest.raises(OutputError, match=r"another run is writing there \(other on elsewhere\)"):
        Mirror(URL, tmp_path).fetch()
    Mirror(URL, tmp_path).fetch(to_write=False)
    lock(host=platform.node(), pid=os.getpid())
    with pytest.raises(OutputError, match="another run"):
        Mirror(URL, tmp_path).fetch()


def taken(tmp_path: Path) -> bool:
    Mirror(URL, tmp_path).fetch()
    return bool(json.loads(there()["run.lock"])["pid"] == os.getpid())


def test_a_lock_of_the_dead_is_taken(tmp_path: Path) -> None:
    lock(host=platform.node(), pid=1 << 22 | 12345)
    assert taken(tmp_path)
    fsspec.filesystem("memory").pipe_file("/store/out/run.lock", b"{}")
    assert taken(tmp_path)


@pytest.mark.parametrize("clock_s", [-1e6, 0, 1e6])
def test_a_lock_ages_by_the_clock_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: float
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + clock_s)
    lock()
    lock_ages(LOCK_STALE_S - 5)
    with pytest.raises(OutputError, match="another run"):
        Mirror(URL, tmp_path).fetch()
    assert set(there()) == {"run.lock"}
    lock_ages(10)
    assert taken(tmp_path)


def test_a_store_without_times_keeps_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: str) -> None:
        raise NotImplementedError

    lock()
    lock_ages(LOCK_STALE_S * 2)
    mirror = Mirror(URL, tmp_path)
    monkeypatch.setattr(mirror._store.fs, "modified", unknown, raising=False)
    with pytest.raises(OutputError, match="another run"):
        mirror.fetch()
    assert set(there()) == {"run.lock"}


def test_a_run_that_was_taken_for_dead_sends_nothing_more(tmp_path: Path) -> None:
    slept = opened(tmp_path, "slept")
    lock_ages(LOCK_STALE_S + 5)
    other = Mirror(URL, tmp_path / "other")
    other.fetch()
    log(other, '{"page": 2}')
    other.sync()
    put(slept, "a.md", "late")
    for late in (slept.sync, slept.finish):
        with pytest.raises(OutputError, match=r"another run \(\w+ on .*\) has taken over"):
            late()
    assert "a.md" not in there() and len(segments()) == 1
    other.finish()
    assert sorted(there()) == ["journal.jsonl"]


def test_a_lock_that_was_removed_is_written_again(tmp_path: Path) -> None:
    mirror = opened(tmp_path)
    fsspec.filesystem("memory").rm_file("/store/out/run.lock")
    mirror.sync()
    assert "run.lock" in there()


def test_a_start_that_fails_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("memory").pipe_file("/store/out/a.md", b"one")
    mirror = Mirror(URL, tmp_path)

    def broken(*_: Any) -> None:
        raise OSError("the store is away")

    monkeypatch.setattr(mirror._store.fs, "get_file", broken)
    with pytest.raises(OutputError, match="cannot be read: the store is away"):
        mirror.fetch()
    assert sorted(there()) == ["a.md"]
    lock()
    with pytest.raises(OutputError, match="another run"):
        mirror.fetch()
    assert "run.lock" in there()


def test_a_store_that_is_away_fails_soon_however_much_is_to_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = opened(tmp_path)
    for number in range(400):
        put(mirror, f"{number}.md", "x")
    tried: set[str] = set()

    def broken(_: str, name: str) -> None:
        tried.add(name)
        # Tries wait for nothing in these tests, so all could fail before the first is noticed.
        threading.Event().wait(0.02)
        raise OSError("the store is away")

    monkeypatch.setattr(mirror._store.fs, "put_file", broken)
    with pytest.raises(OutputError, match="cannot be written: the store is away"):
        mirror.sync()
    assert len(tried) < 200


def test_segments_sort_by_run_not_by_clock(tmp_path: Path) -> None:
    for number in range(3):
        mirror = opened(tmp_path, f"here{number}")
        log(mirror, f'{{"run": {number}}}')
        mirror.sync()
    assert [json.loads(there()[name])["run"] for name in segments()] == [0, 1, 2]
    whole = (opened(tmp_path, "last").root / "journal.jsonl").read_text()
    assert whole == '{"run": 0}\n{"run": 1}\n{"run": 2}\n'


def test_a_look_disturbs_no_run_of_this_machine(tmp_path: Path) -> None:
    running = opened(tmp_path)
    put(running, "a.md", "sent")
    running.sync()
    put(running, "b.md", "not sent yet")
    with mirrored(URL, tmp_path / "here", 1000, to_write=False) as root:
        assert (root / "a.md").read_text() == "sent" and not (root / "b.md").exists()
        (root / "c.md").write_text("x")
    assert (running.root / "b.md").exists() and "c.md" not in there() and not root.exists()


def test_mirrored_sends_at_the_end_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), mirrored(URL, tmp_path, 1000) as root:
        (root / "a.md").write_text("one")
        raise KeyError
    assert there()["a.md"] == b"one"


def test_mirrored_sends_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mirrored(URL, tmp_path, 0.01) as root:
        (root / "a.md").write_text("one")
        deadline = time.monotonic() + 20
        while "a.md" not in there() and time.monotonic() < deadline:
            pass
        assert "a.md" in there()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("store/out/a/b.md", "a/b.md"),
        ("store/out/../x", None),
        ("store/out//x", None),
        ("store/out/a/./b", None),
        ("store/outer/x", None),
        ("store/out/", None),
        ("store/out/a\0b", None),
    ],
)
def test_only_clean_names_below_the_folder_count(path: str, name: str | None) -> None:
    assert urls.below("store/out", path) == name


@pytest.mark.parametrize(
    "index", [b"[]", b"5", b"\xff", b"[" * 90_000, b'{"a.md": 5}', b'{"a.md": {"size": "x"}}', b""]
)
def test_an_odd_index_only_costs_fetching(tmp_path: Path, index: bytes) -> None:
    fsspec.filesystem("memory").pipe_file("/store/out/a.md", b"text")
    mirror = opened(tmp_path)
    (mirror.root / ".mirror.json").write_bytes(index)
    again = opened(tmp_path)
    assert (again.root / "a.md").read_text() == "text"


def test_files_that_only_look_like_the_journals_stay(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for name in ("journal/journal.md", "journal/pages/0001.md", "journal/000001-x-1.jsonl.md"):
        put(first, name, "a document of an earlier version")
    log(first, '{"page": 1}')
    first.sync()
    first.finish()
    assert len([name for name in there() if name.startswith("journal/")]) == 3
    again = opened(tmp_path, "elsewhere")
    assert (again.root / "journal/journal.md").is_file()
    assert (again.root / "journal.jsonl").read_text() == '{"page": 1}\n'


def test_a_mirror_that_is_emptied_empties_no_store(tmp_path: Path) -> None:
    mirror = opened(tmp_path)
    put(mirror, "a/pages/0001.md", "one")
    log(mirror, '{"page": 1}')
    mirror.sync()
    before = there()
    shutil.rmtree(mirror.root)
    for action in (mirror.sync, mirror.finish):
        with pytest.raises(OutputError, match="files of this run were deleted"):
            action()
    assert there() == before | {"run.lock": there()["run.lock"]}


def test_a_documents_records_are_there_before_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = opened(tmp_path)
    for name in ("a/a.md", "a/pages/0001.md", "a/pages.jsonl", "a/figures/0001-1.jpg"):
        put(mirror, name, "x")
    calls: list[list[str]] = []
    monkeypatch.setattr(mirror._store, "all", lambda do, names: calls.append(sorted(names)))
    mirror.sync()
    assert calls[1] == ["a/pages.jsonl"] and len(calls[2]) == 3
