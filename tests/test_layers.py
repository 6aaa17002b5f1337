"""The import graph only points down, and the CPU modules never load the GPU stack."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "ocr_engine"
LAYERS = (
    ("start", "errors", "log", "records", "processes", "sheets", "marks", "delimiters", "compact"),
    ("families", "formats"),
    ("config",),
    ("urls", "drafts"),
    ("pages", "model", "text", "outputs", "evaluation", "layer"),
    ("engine",),
    ("reading",),
    ("conversion",),
    ("cluster", "sharing"),
    ("cli", "capacity"),
    ("benchmark",),
    ("__main__",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
HEAVY = ("torch", "vllm", "ray", "transformers")
FILES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py")


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def loads_gpu_stack_on_purpose(module: str) -> bool:
    return module.startswith(("model.", "engine.vllm."))


def imported(path: Path) -> set[str]:
    """First name below ocr_engine of every import in the file, nested ones included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("ocr_engine.")}


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_imports_point_down(path: Path) -> None:
    mine = dotted(path).split(".")[0]
    assert mine in RANK, f"{mine} has no place in LAYERS"
    for theirs in (imported(path) & RANK.keys()) - {mine}:
        assert RANK[theirs] < RANK[mine], f"{mine} must not import {theirs}"


def test_importing_the_cpu_modules_loads_no_gpu_stack() -> None:
    modules = [f"ocr_engine.{m}" for m in map(dotted, FILES) if not loads_gpu_stack_on_purpose(m)]
    code = f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\n" + (
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("room", ["ocr_engine", "bench", "parity", "proofs", "research", "fuzz", "fixtures"])
def test_nothing_but_tests_imports_tests(room: str) -> None:
    project = ROOT.parent
    for path in (project / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "tests"], path


def test_no_two_public_classes_share_a_name() -> None:
    places: dict[str, list[str]] = {}
    for path in ROOT.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(dotted(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
