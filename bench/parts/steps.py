"""What the steps of a run took, from the lines of `timed_executor`: by kind, decoding fitted to its batch."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_FIELDS = ("gpu_ms", "gap_ms", "host_execute_ms", "host_sample_ms", "period_ms")


def summary(path: Path) -> dict[str, Any]:
    """Medians by kind of step, each kind's share of the time, and decode steps as a + b * requests."""
    steps = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for step, after in zip(steps, steps[1:], strict=False):
        step["period_ms"] = 1000 * (after["at_s"] - step["at_s"])
    steps = [step for step in steps if step.get("period_ms", 1e9) < 1000]
    total = sum(step["period_ms"] for step in steps) or 1.0
    kinds: dict[str, list[dict[str, Any]]] = {}
    for step in steps:
        kinds.setdefault(kind_of(step), []).append(step)
    result: dict[str, Any] = {
        kind: _medians(members) | {"share": sum(step["period_ms"] for step in members) / total}
        for kind, members in kinds.items()
    }
    decoding = [step for step in kinds.get("decode", []) if "gpu_ms" in step]
    if len({step["requests"] for step in decoding}) > 1:
        slope, start = statistics.linear_regression(
            [step["requests"] for step in decoding], [step["gpu_ms"] for step in decoding]
        )
        result["decode_fit_ms"] = {"a": start, "b_a_request": slope}
    return result


def kind_of(step: dict[str, Any]) -> str:
    """With pages to encode, with prompts to read, or answers alone."""
    if step["pages"]:
        return "encode"
    return "decode" if step["tokens"] == step["requests"] else "prefill"


def _medians(steps: Sequence[dict[str, Any]]) -> dict[str, float]:
    found = {"steps": float(len(steps)), "pages": statistics.mean(step["pages"] for step in steps)}
    found["requests"] = statistics.mean(step["requests"] for step in steps)
    for name in _FIELDS:
        values = [step[name] for step in steps if name in step]
        if values:
            found[name] = statistics.median(values)
            found[f"{name}_mean"] = statistics.mean(values)
    return found
