"""The table of `bench.run`: pages a second of every conversion, and how often the recipe's."""

import statistics
from typing import Any


def table(results: dict[str, Any]) -> str:
    """Pages a second of every conversion, and how often the recipe's."""
    results = _by_reading(results)
    rates = {name: _rate(result) for name, result in results.items()}
    lines = [
        "| what | pages/s | steady pages/s | tokens/s | GPU busy | GPU GB | GPU W, MHz | times the recipe |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rate in rates.items():
        median = {
            key: statistics.median(run.get(key, 0.0) for run in results[name]["runs"])
            for key in ("steady_pages_per_s", "tokens_per_s", "gpu_busy", "gpu_gb", "gpu_w", "gpu_mhz")
        }
        recipe = rates.get(recipe_of(name))
        ratio = f"{rate / recipe:.2f}" if recipe else ""
        lines.append(
            f"| {name} | {rate:.2f} | {median['steady_pages_per_s']:.2f} | {median['tokens_per_s']:.0f} |"
            f" {median['gpu_busy']:.0%} | {median['gpu_gb']:.0f} |"
            f" {median['gpu_w']:.0f}, {median['gpu_mhz']:.0f} | {ratio} |"
        )
    return "\n".join(lines)


def _by_reading(results: dict[str, Any]) -> dict[str, Any]:
    """The runs of each result, those of each kind of reading apart."""
    found: dict[str, Any] = {}
    for name, result in results.items():
        kinds = {run.get("reading", "plain") for run in result.get("runs", ())}
        for run in result.get("runs", ()):
            whole = f"{name}, {run['reading']}" if kinds != {"plain"} else name
            found.setdefault(whole, {"runs": []})["runs"].append(run)
    return found


def recipe_of(name: str) -> str:
    """The recipe's run with the same mode and model."""
    mode = "base" if " base" in name or "base:" in name else "gundam"
    return f"recipe {mode}" + (" OCR-2" if "OCR-2" in name else "")


def _rate(result: dict[str, Any]) -> float:
    return statistics.median(run["pages_per_s"] for run in result["runs"])
