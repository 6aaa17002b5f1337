"""Where the GPU's time went, from the trace of vLLM's profiler: milliseconds by kernel, and idle."""

import gzip
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

_KINDS = {
    "attention of the decoder": r"flash_fwd|FlashAttn|fmha|paged|unified_attention|cutlass.*[Ff]lash",
    "experts": r"fused_moe|moe_align|topk|moe_sum|silu_and_mul|act_and_mul|count_and_sort",
    "encoder attention": r"^_attend",
    "guard and sampling": r"^_ban|gumbel|argmax|sample|_temperature|penalt|bad_words|ArgMax",
    "matrix products": r"gemm|cublas|nvjet|cutlass|gemv|splitK",
    "copies": r"[Mm]emcpy|[Mm]emset",
    "norms, elementwise": r"elementwise|norm|triton_|vectorized|reduce|Cat|copy|rotary|cache|_gate|_look_up",
}


def summary(folder: Path) -> dict[str, Any]:
    """Of the largest trace in the folder: milliseconds by kind, the 25 longest kernels, the busy time."""
    path = max(folder.glob("*.json*"), key=lambda one: one.stat().st_size)
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    events = json.loads(text)["traceEvents"]
    kernels = [event for event in events if event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")]
    names: dict[str, list[float]] = defaultdict(list)
    for event in kernels:
        names[event["name"]].append(event["dur"] / 1000)
    start = min(event["ts"] for event in kernels)
    end = max(event["ts"] + event["dur"] for event in kernels)
    kinds: dict[str, float] = defaultdict(float)
    for name, times in names.items():
        kinds[_kind(name)] += sum(times)
    longest = sorted(names.items(), key=lambda item: -sum(item[1]))[:25]
    return {
        "span_ms": (end - start) / 1000,
        "busy_ms": _union(kernels) / 1000,
        "kinds_ms": dict(sorted(kinds.items(), key=lambda item: -item[1])),
        "longest": [{"name": name[:120], "ms": sum(times), "calls": len(times)} for name, times in longest],
    }


def _kind(name: str) -> str:
    return next((kind for kind, pattern in _KINDS.items() if re.search(pattern, name)), "other")


def _union(events: list[dict[str, Any]]) -> float:
    busy, end = 0.0, 0.0
    for event in sorted(events, key=lambda event: event["ts"]):
        first, last = max(event["ts"], end), event["ts"] + event["dur"]
        busy, end = busy + max(0.0, last - first), max(end, last)
    return busy
