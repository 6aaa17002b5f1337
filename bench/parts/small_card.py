"""A large GPU made to serve as a small one: another process holds the rest of its memory."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ocr_engine.config import EngineConfig
from ocr_engine.engine import sizes
from ocr_engine.engine.checkpoint import resolve
from ocr_engine.errors import EngineError

_GIB = 1 << 30
_HOLD = """
import sys, torch
free, total = torch.cuda.mem_get_info()
kept = torch.empty(free - int(float(sys.argv[1]) * 2**30), dtype=torch.uint8, device="cuda")
left, _ = torch.cuda.mem_get_info()
print(total, left, flush=True)
sys.stdin.read()
"""


class SmallCard:
    """A context manager: inside it, `free_gib` of the first visible GPU are left, and sizes are chosen so."""

    def __init__(self, gib: float) -> None:
        self._gib = gib
        self.free_gib = self.total_gib = 0.0

    def __enter__(self) -> Self:
        """Fill the card.

        Raises:
            EngineError: there is no card, or it has less than that free.
        """
        command = [sys.executable, "-c", _HOLD, str(self._gib)]
        self._holder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None and self._holder.stderr is not None
        numbers = self._holder.stdout.readline().split()
        if not numbers:
            why = self._holder.stderr.read().strip().splitlines()[-1:]
            raise EngineError(f"the card could not be filled: {' '.join(why)}")
        self.total_gib, self.free_gib = (int(number) / _GIB for number in numbers)
        # The engine's own choices are to be those of a small card, too.
        self._usual, sizes.card_bytes = sizes.card_bytes, self._bytes
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sizes.card_bytes = self._usual
        self._holder.kill()
        self._holder.wait()

    def options(self, folder: Path, quantization: str) -> dict[str, Any]:
        """`EngineConfig`'s values that the defaults would come to on a card of this size."""
        config = EngineConfig(model=str(folder), quantization=quantization)  # type: ignore[arg-type]
        chosen = sizes.choose_sizes(config, resolve(config.model, config.revision), gpu=True)
        return {
            "quantization": quantization,
            "max_num_seqs": chosen.max_num_seqs,
            "max_num_batched_tokens": chosen.max_num_batched_tokens,
            "gpu_memory_utilization": config.gpu_memory_utilization * self._gib / self.total_gib,
        }

    def _bytes(self) -> int:
        return int(self._gib * _GIB)
