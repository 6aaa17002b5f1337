import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

import pytest

from ocr_engine.config import RenderConfig
from ocr_engine.errors import DocumentError, PageError
from ocr_engine.families.views import make_views
from ocr_engine.pages.pool import MAX_WORKERS, RenderPool
from ocr_engine.processes import worker as worker_module
from ocr_engine.records import PageImage, PageRef, PageViews
from tests.pages import bad_tasks
from tests.pages.documents import document, pdf

LIMIT_S = 60
"""Longest any single wait in this file may take before the test fails instead of hanging."""


@pytest.fixture(scope="module", autouse=True)
def quick_workers() -> None:
    """Workers start as the product starts them: they are what is tested."""


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    with RenderPool(RenderConfig(workers=1, timeout_s=20), "", 100) as shared:
        yield shared


def ref_of(tmp_path: Path, index: int = 0, pages: int = 1) -> PageRef:
    path = pdf(tmp_path / "a.pdf", *["text"] * pages)
    return PageRef(document(path), "", index, pages, "pymupdf")


def views_of(page: PageImage, mode: str) -> PageViews:
    return make_views(page.image, mode)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_documents_and_pages(pool: RenderPool, tmp_path: Path) -> None:
    ref = ref_of(tmp_path, pages=3)
    opened = pool.open(ref.document).result(LIMIT_S)
    assert (opened.page_count, opened.backend) == (3, "pymupdf")
    assert pool.run(ref, bad_tasks.size).result(LIMIT_S) == (400, 200)
    views = pool.run(ref, partial(views_of, mode="base")).result(LIMIT_S)
    assert views.global_view.shape == (1024, 1024, 1)


def test_errors_are_ours_and_one_line(pool: RenderPool, tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"<html>")
    with pytest.raises(DocumentError, match="not a PDF: the file is HTML"):
        pool.open(document(tmp_path / "bad.pdf")).result(LIMIT_S)
    ref = ref_of(tmp_path)
    with pytest.raises(PageError, match="RuntimeError: the task is at fault second line"):
        pool.run(ref, bad_tasks.fail).result(LIMIT_S)
    with pytest.raises(PageError, match="lambda"):
        pool.run(ref, bad_tasks.unpicklable).result(LIMIT_S)
    with pytest.raises(PageError, match="pickle"):
        pool.run(ref, lambda page: None).result(LIMIT_S)
    assert pool.run(ref, bad_tasks.backend).result(LIMIT_S) == "pymupdf"


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (bad_tasks.crash, "killed by SIGSEGV; then .*SIGSEGV"),
        (bad_tasks.leave, "ended with exit code 3"),
        (bad_tasks.die_in_the_middle_of_a_result, "killed by SIGKILL"),
    ],
)
def test_a_dying_worker_is_a_page_error_and_the_next_page_is_fine(
    pool: RenderPool, tmp_path: Path, task: object, reason: str
) -> None:
    ref = ref_of(tmp_path)
    with pytest.raises(PageError, match=reason):
        pool.run(ref, task).result(LIMIT_S)  # type: ignore[arg-type]
    assert pool.run(ref, bad_tasks.backend).result(LIMIT_S) == "pymupdf"


def test_a_crash_in_pymupdf_is_retried_with_pdfium(pool: RenderPool, tmp_path: Path) -> None:
    assert pool.run(ref_of(tmp_path), bad_tasks.crash_in_pymupdf).result(LIMIT_S) == "pdfium"


def test_a_hanging_page_is_killed_and_retried_with_pdfium(tmp_path: Path) -> None:
    ref = ref_of(tmp_path)
    with RenderPool(RenderConfig(workers=1, timeout_s=1.5), "", 100) as pool:
        hanging, rescued, next_page = (
            pool.run(ref, task) for task in (bad_tasks.sleep, bad_tasks.sleep_in_pymupdf, bad_tasks.size)
        )
        with pytest.raises(PageError, match=r"rendering took longer than 1\.5 s \(render\.timeout_s\); then"):
            hanging.result(LIMIT_S)
        assert rescued.result(LIMIT_S) == "pdfium"
        assert next_page.result(LIMIT_S) == (400, 200)


def test_one_backend_alone_is_not_retried(tmp_path: Path) -> None:
    with RenderPool(RenderConfig(workers=1, backend="pymupdf"), "", 100) as pool:
        future = pool.run(ref_of(tmp_path), bad_tasks.crash_in_pymupdf)
        with pytest.raises(PageError, match="^the renderer was killed by SIGABRT$"):
            future.result(LIMIT_S)


def test_memory_is_limited(tmp_path: Path) -> None:
    with RenderPool(RenderConfig(workers=1, worker_memory_mb=400), "", 100) as pool:
        future = pool.run(ref_of(tmp_path), bad_tasks.eat_memory)
        with pytest.raises(PageError, match=r"more memory than render\.worker_memory_mb \(400\)"):
            future.result(LIMIT_S)


def test_a_worker_that_grew_is_replaced(tmp_path: Path) -> None:
    ref = ref_of(tmp_path)
    with RenderPool(RenderConfig(workers=1, worker_memory_mb=1000), "", 100) as pool:
        first = pool.run(ref, bad_tasks.worker_id).result(LIMIT_S)
        grown = pool.run(ref, bad_tasks.grow).result(LIMIT_S)
        assert grown == first
        assert pool.run(ref, bad_tasks.worker_id).result(LIMIT_S) != grown


def test_a_worker_whose_memory_is_free_again_stays(tmp_path: Path) -> None:
    ref = ref_of(tmp_path)
    with RenderPool(RenderConfig(workers=1, worker_memory_mb=400), "", 100) as pool:
        hoarder = pool.run(ref, bad_tasks.hoard).result(LIMIT_S)
        assert pool.run(ref, bad_tasks.worker_id).result(LIMIT_S) == hoarder


def test_closing_finishes_the_work_and_ends_the_workers(tmp_path: Path) -> None:
    ref = ref_of(tmp_path)
    with RenderPool(RenderConfig(workers=1), "", 100) as pool:
        futures = [pool.run(ref, bad_tasks.worker_id) for _ in range(5)]
    workers = {future.result(0) for future in futures}
    assert len(workers) == 1 and not any(alive(pid) for pid in workers)
    with pytest.raises(RuntimeError, match="closed"):
        pool.run(ref, bad_tasks.size)


def test_killing_ends_hanging_work_at_once(tmp_path: Path) -> None:
    ref = ref_of(tmp_path)
    pool = RenderPool(RenderConfig(workers=1), "", 100)
    worker = pool.run(ref, bad_tasks.worker_id).result(LIMIT_S)
    hanging, waiting = pool.run(ref, bad_tasks.sleep), pool.run(ref, bad_tasks.size)
    while not hanging.running():
        time.sleep(0.01)
    pool.close(kill=True)
    with pytest.raises(PageError, match="^the run was stopped$"):
        hanging.result(0)
    with pytest.raises(CancelledError):
        waiting.result(0)
    assert not alive(worker)


def test_cancel_drops_what_has_not_begun(tmp_path: Path) -> None:
    ref, flag = ref_of(tmp_path), tmp_path / "go"
    with RenderPool(RenderConfig(workers=1), "", 100) as pool:
        begun = pool.run(ref, partial(bad_tasks.wait_for, flag=flag))
        while not begun.running():
            time.sleep(0.01)
        waiting = [pool.run(ref, bad_tasks.size) for _ in range(3)]
        pool.cancel()
        flag.touch()
        assert begun.result(LIMIT_S) == "done"
        assert all(future.cancelled() for future in waiting)
        assert pool.run(ref, bad_tasks.size).result(LIMIT_S) == (400, 200)


def test_leaving_with_an_error_kills(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), RenderPool(RenderConfig(workers=1), "", 100) as pool:
        hanging = pool.run(ref_of(tmp_path), bad_tasks.sleep)
        raise KeyboardInterrupt
    assert hanging.done()


def test_workers_end_with_a_main_process_that_is_killed(tmp_path: Path) -> None:
    path = pdf(tmp_path / "a.pdf", "text")
    code = (
        "import sys, time; from pathlib import Path; from tests.pages import bad_tasks, documents\n"
        "from ocr_engine.config import RenderConfig; from ocr_engine.pages.pool import RenderPool\n"
        "from ocr_engine.records import PageRef\n"
        "pool = RenderPool(RenderConfig(workers=1), '', 9)\n"
        f"ref = PageRef(documents.document(Path({str(path)!r})), '', 0, 1, 'pymupdf')\n"
        "print(pool.run(ref, bad_tasks.worker_id).result(), flush=True); time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as main:
        assert main.stdout is not None
        worker = int(main.stdout.readline())
        main.kill()
    deadline = time.monotonic() + LIMIT_S
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(worker)


def test_the_kernel_ends_an_orphan_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_ORPHAN_GRACE_S", -59)
    worker = worker_module.Worker(400)
    with pytest.raises(worker_module.WorkerDiedError, match="SIGALRM"):
        worker.call(partial(time.sleep, 50), LIMIT_S)


def test_ctrl_c_does_not_reach_workers_and_they_stay_small(tmp_path: Path, pool: RenderPool) -> None:
    ref = ref_of(tmp_path)
    worker = pool.run(ref, bad_tasks.worker_id).result(LIMIT_S)
    assert os.getpgid(worker) != os.getpgid(0)
    heavy = {"torch", "vllm", "transformers", "ray", "scipy", "pandas"}
    assert not heavy & pool.run(ref, bad_tasks.modules).result(LIMIT_S)
    os.kill(worker, signal.SIGTERM)
    assert pool.run(ref, bad_tasks.size).result(LIMIT_S) == (400, 200)


def test_as_many_workers_as_cpus_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 9}, raising=False)
    assert RenderPool(RenderConfig(), "", 1).count == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(200)), raising=False)
    assert RenderPool(RenderConfig(), "", 1).count == MAX_WORKERS
    assert RenderPool(RenderConfig(workers=30), "", 1).count == 30
