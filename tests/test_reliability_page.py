"""Every row of docs/reliability.md names a test that exists."""

import ast
import re

import pytest

from tests.conversion.test_pipeline import ROOT

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/reliability.md").read_text())


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 25


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_each_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, FUNCTIONS)}
