"""Peak memory of a run over one long document beside a short one: it must not grow with the pages.

    python -m bench.measure_memory --pages 100 10000      # generated PDFs, replay engine

Prints one line of JSON for each document and the growth from the first to the last.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pymupdf

ROOT = Path(__file__).parent.parent
OPTIONS = (
    "--config", str(ROOT / "config.yaml"), "--quiet", "--mode", "tiny", "--set", "engine.backend=replay",
    "--set", "render.dpi=36", "--set", "render.workers=1",
)  # fmt: skip


def make_pdf(path: Path, pages: int) -> Path:
    with pymupdf.open() as document:
        for number in range(pages):
            document.new_page(width=200, height=300).insert_text((20, 40), f"page {number + 1}")
        document.save(path)
    return path


def peaks_mb(source: Path, output: Path) -> tuple[float, float]:
    """Largest resident size of the main process and of its largest worker, as the kernel counted them."""
    command = [sys.executable, str(ROOT / "batch_pdf.py"), str(source), "--output", str(output), *OPTIONS]
    process = subprocess.Popen(command)
    main, worker = 0.0, 0.0
    while process.poll() is None:
        main = max(main, _peak_mb(process.pid))
        try:
            children = psutil.Process(process.pid).children(recursive=True)
        except psutil.Error:
            children = []
        worker = max([worker, *(_peak_mb(child.pid) for child in children)])
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}")
    return main, worker


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, nargs="+", default=[100, 10_000])
    args = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="measure-memory-") as name:
        for pages in args.pages:
            started = time.monotonic()
            source = make_pdf(Path(name) / f"{pages}.pdf", pages)
            main_mb, worker_mb = peaks_mb(source, Path(name) / f"out-{pages}")
            found.append((main_mb, worker_mb))
            values = {"pages": pages, "main_mb": main_mb, "worker_mb": worker_mb}
            print(json.dumps(values | {"seconds": round(time.monotonic() - started, 1)}), flush=True)
    growth = {
        name: last / first for name, first, last in zip(("main", "worker"), found[0], found[-1], strict=True)
    }
    print(json.dumps({"growth": growth}))


if __name__ == "__main__":
    main()
