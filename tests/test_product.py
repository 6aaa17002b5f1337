"""The project as a product: it declares what it imports, and its wheel works where nothing else is."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ocr_engine import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS_OF_ROOMS = {
    "evaluation": {"eval"},
    "cluster": {"ray"},
    "model": {"gpu"},
    "engine": {"gpu"},
    "outputs": {"parquet", "office"},
}
"""Rooms that import what an extra brings, each only when it is asked for."""
BROUGHT_BY_VLLM = {"torch", "triton", "transformers", "nvidia-ml-py", "pybase64", "pynvml", "safetensors"}
TESTS_ALONE = {"playwright"}
"""Formulas are drawn in a browser where one is; docs/benchmarks.md says how to get it."""


def requirement_name(requirement: str) -> str:
    """`ray[data]>=2` -> `ray`."""
    return requirement.split("[")[0].split("=")[0].split("<")[0].split(">")[0].strip().lower()


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_every_import_is_declared() -> None:
    distributions = packages_distributions()
    always = set(map(requirement_name, PROJECT["dependencies"]))
    extras = {
        name: set(map(requirement_name, some)) for name, some in PROJECT["optional-dependencies"].items()
    }
    missing = []
    for path in sorted((ROOT / "ocr_engine").rglob("*.py")):
        room = path.relative_to(ROOT / "ocr_engine").parts[0]
        allowed = always.union(*(extras[extra] for extra in EXTRAS_OF_ROOMS.get(room, ())))
        allowed |= (BROUGHT_BY_VLLM if "gpu" in EXTRAS_OF_ROOMS.get(room, ()) else set()) | TESTS_ALONE
        for name in set(imported(path)) - {"ocr_engine"} - sys.stdlib_module_names:
            found = {one.lower() for one in distributions.get(name, [name])} | {name}
            found |= {one.removesuffix("-cpu").replace("_", "-") for one in found}
            if not found & allowed:
                missing.append(f"{path.relative_to(ROOT)}: {name}")
    assert not missing


def test_the_version_has_one_place() -> None:
    assert "version" in PROJECT["dynamic"]
    assert __version__.count(".") == 2


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the project's wheel in it and what the wheel asks for."""
    folder = tmp_path_factory.mktemp("product")
    checkout = folder / "checkout"
    shutil.copytree(
        ROOT,
        checkout,
        ignore=shutil.ignore_patterns(".git", ".venv", "tests", "nano/*.py", "docs", "__pycache__"),
    )
    wheel = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(checkout)]
    subprocess.run([sys.executable, "-m", *wheel], check=True)
    venv.create(folder / "venv")
    bin_folder = folder / "venv/bin"
    (made,) = folder.glob("*.whl")
    uv = Path(sys.executable).with_name("uv")
    fast = [str(uv), "pip", "install", "--quiet", "--python", str(bin_folder / "python"), str(made)]
    slow = [str(bin_folder / "python"), "-m", "pip", "install", "--quiet", str(made)]
    if not uv.is_file() or subprocess.run(fast, check=False).returncode:
        subprocess.run([str(bin_folder / "python"), "-m", "ensurepip"], check=True)
        subprocess.run(slow, check=True)
    return bin_folder


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The console command in a folder with nothing of the checkout in it."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(installed / "deepseek-ocr"), *words]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)


def test_the_wheel_says_what_it_can(installed: Path, tmp_path: Path) -> None:
    shown = run(installed, tmp_path, "--help")
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in ("pdf", "images", "eval", "plan", "doctor", "config"))
    assert run(installed, tmp_path, "pdf", "--version").stdout.strip() == __version__


def test_the_wheel_brings_its_config(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "config").stdout == (ROOT / "config.yaml").read_text()


def test_the_wheel_converts(installed: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "samples/handbook.pdf", tmp_path / "handbook.pdf")
    words = (
        "--output",
        "out",
        "--set",
        "engine.backend=replay",
        "--mode",
        "tiny",
        "--set",
        "output.html=true",
    )
    done = run(installed, tmp_path, "pdf", "handbook.pdf", *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/handbook/handbook.md").is_file() and (tmp_path / "out/report.html").is_file()


def test_the_wheel_checks_its_machine(installed: Path, tmp_path: Path) -> None:
    checked = run(installed, tmp_path, "doctor")
    assert "vllm" in checked.stdout.lower() and "Traceback" not in checked.stderr
