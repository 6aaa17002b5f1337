"""The executor without a model: no token before a prompt's end, in whatever parts it comes."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("vllm", reason="needs vllm")

from bench.parts.instant_executor import InstantExecutor


def sampled(executor: Any, prompt: int, parts: list[int]) -> list[int]:
    """Tokens that come of each part of a prompt."""
    executor._prefilled, found = {"page": prompt}, []
    for count in parts:
        tokens = [[7]]
        executor._hold_back(SimpleNamespace(num_scheduled_tokens={"page": count}), ["page"], tokens)
        found.append(len(tokens[0]))
    return found


@pytest.mark.parametrize(
    ("parts", "expected"),
    [([9, 1, 1], [1, 1, 1]), ([4, 5, 1], [0, 1, 1]), ([1, 8, 1], [0, 1, 1]), ([8, 1, 1], [0, 1, 1])],
)
def test_only_a_whole_prompt_has_an_answer(parts: list[int], expected: list[int]) -> None:
    assert sampled(InstantExecutor.__new__(InstantExecutor), 9, parts) == expected
