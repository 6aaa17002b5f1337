"""From S3 to S3 on a real server on loopback: the files of a local run, also when the run is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from ocr_engine.__main__ import main
from ocr_engine.errors import ExitCode
from ocr_engine.sharing.board import StoreBoard, check
from ocr_engine.sharing.claims import who_finished
from tests.conversion.test_pipeline import REPLAY, ROOT, make_pdf, run_pdf, tree

pytest.importorskip("moto", reason="needs moto")
pytest.importorskip("s3fs", reason="needs s3fs")
# botocore's and moto's own.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    from moto.server import ThreadedMotoServer

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
    }
    moto.stop()


@pytest.fixture
def bucket(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    import s3fs

    for name, value in server.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem()
    if store.exists("bucket"):
        store.rm("bucket", recursive=True)
    store.mkdir("bucket")
    return store


def command(*args: str) -> list[str]:
    return [sys.executable, str(ROOT / "batch_pdf.py"), *args, *REPLAY, "--set", "output.sync_s=0.2"]


def there(store: Any, folder: str = "bucket/out") -> dict[str, bytes]:
    store.invalidate_cache()
    top = {
        "journal.jsonl", "checksums.jsonl", "run.json", "timings.csv", "failures.csv", "report.html",
        "run.lock",
    }  # fmt: skip
    names = {name.removeprefix(f"{folder}/"): name for name in store.find(folder)}
    return {
        n: store.cat_file(full) for n, full in names.items() if n not in top and not n.startswith("journal/")
    }


def upload(store: Any, folder: Path) -> None:
    for path in folder.rglob("*.pdf"):
        store.put_file(str(path), f"bucket/in/{path.relative_to(folder)}")


def local(inputs: Path, output: Path) -> dict[str, bytes]:
    assert run_pdf(inputs, "--output", output) == ExitCode.OK
    return {name: data for name, data in tree(output).items() if name != "report.html"}


def test_s3_to_s3_gives_the_files_of_a_local_run_and_a_rerun_does_nothing(
    tmp_path: Path, bucket: Any
) -> None:
    make_pdf(tmp_path / "in/sub/a.pdf", 3)
    make_pdf(tmp_path / "in/b.pdf", 2)
    upload(bucket, tmp_path / "in")
    run = subprocess.run(
        command("s3://bucket/in", "--output", "s3://bucket/out"), capture_output=True, text=True, check=False
    )
    assert run.returncode == ExitCode.OK, run.stderr
    assert there(bucket) == local(tmp_path / "in", tmp_path / "out")
    journal = bucket.cat_file("bucket/out/journal.jsonl")
    assert journal.count(b"\n") == 5 and b'"s3://bucket/in/b.pdf"' in journal
    assert not bucket.exists("bucket/out/run.lock") and not bucket.find("bucket/out/journal")
    again = subprocess.run(
        command("s3://bucket/in", "--output", "s3://bucket/out"), capture_output=True, text=True, check=False
    )
    assert again.returncode == ExitCode.OK
    bucket.invalidate_cache()
    assert bucket.cat_file("bucket/out/journal.jsonl") == journal


def test_searchable_pdfs_are_the_originals_of_the_store(
    tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pdf(tmp_path / "in/a.pdf", 1)
    make_pdf(tmp_path / "in/b.pdf", 1)
    upload(bucket, tmp_path / "in")
    words = ("s3://bucket/in", "--output", "s3://bucket/out")
    assert subprocess.run(command(*words), check=False).returncode == ExitCode.OK
    # Switched on later, on a machine that has fetched nothing: the sources are fetched, no page is read.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    keys = ("--set", "output.searchable_pdf=true", "--set", "output.searchable_kind=original")
    run = subprocess.run(command(*words, *keys), capture_output=True, text=True, check=False)
    assert run.returncode == ExitCode.OK and "its pages are pictures" not in run.stderr, run.stderr
    bucket.invalidate_cache()
    for name in ("a", "b"):
        with pymupdf.open(stream=bucket.cat_file(f"bucket/out/{name}/{name}.pdf")) as made:
            assert not made[0].get_images() and made[0].get_text().split()[:2] == ["page", "1"]


def test_killed_and_continued_on_another_machine_nothing_is_lost(
    tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pdf(tmp_path / "in/a.pdf", 60)
    make_pdf(tmp_path / "in/b.pdf", 3)
    upload(bucket, tmp_path / "in")
    words = command("s3://bucket/in", "--output", "s3://bucket/out")
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    segments: list[str] = []
    while not segments and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
        bucket.invalidate_cache()
        segments = bucket.find("bucket/out/journal")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert segments, "it ended before it could be killed: the test proves nothing"
    done = {line for name in bucket.find("bucket/out/journal") for line in bucket.cat_file(name).splitlines()}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert run.returncode == ExitCode.OK, run.stderr
    assert there(bucket) == local(tmp_path / "in", tmp_path / "out")
    journal = bucket.cat_file("bucket/out/journal.jsonl").splitlines()
    assert done <= set(journal) and len(journal) == 63


def test_a_bucket_that_is_not_there_is_one_line(tmp_path: Path, bucket: Any) -> None:
    run = subprocess.run(
        command("samples", "--output", "s3://no-such-bucket/out"),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert run.returncode == ExitCode.USAGE and "Traceback" not in run.stderr
    assert "s3://no-such-bucket/out" in run.stderr
    run = subprocess.run(
        command("s3://no-such-bucket/in", "--output", str(tmp_path / "o")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == ExitCode.NO_INPUT and "Traceback" not in run.stderr
    (row,) = (tmp_path / "o/journal.jsonl").read_text().splitlines()
    assert "s3://no-such-bucket/in" in row and '"failed"' in row


def test_a_dry_run_writes_nothing_there(tmp_path: Path, bucket: Any) -> None:
    make_pdf(tmp_path / "in/b.pdf", 2)
    upload(bucket, tmp_path / "in")
    words = command("s3://bucket/in", "--output", "s3://bucket/out", "--dry-run")
    run = subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert run.returncode == ExitCode.OK and "2 pages to read" in run.stdout
    bucket.invalidate_cache()
    assert not bucket.find("bucket/out")


def test_drivers_share_a_store_and_a_merge_makes_one_output(tmp_path: Path, bucket: Any) -> None:
    for number in range(3):
        make_pdf(tmp_path / f"in/{number}.pdf", 2, f"{number}:")
    upload(bucket, tmp_path / "in")
    out = ("s3://bucket/in", "--output", "s3://bucket/out", "--set", "drivers.lease_s=1")
    claim = (*out, "--set", "drivers.claim=true")
    board = StoreBoard("s3://bucket/out/.drivers/claims")
    check(board, "s3://bucket/out")
    assert run_pdf(*claim, "--set", "drivers.name=heir", "--set", "output.sync_s=0.2") == ExitCode.OK
    assert len(who_finished(board)) == 3 and set(who_finished(board).values()) == {"heir"}
    assert run_pdf(*claim, "--set", "drivers.name=late") == ExitCode.OK
    assert main(["merge", "--output", "s3://bucket/out", *REPLAY]) == ExitCode.OK
    files = {name: data for name, data in there(bucket).items() if not name.startswith(".drivers/")}
    assert files == local(tmp_path / "in", tmp_path / "out")
    assert bucket.cat_file("bucket/out/journal.jsonl").count(b"\n") == 6
