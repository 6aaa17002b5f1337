"""The n-gram guard as a logits processor of vLLM's V1 runner: one `NgramIndex` a guarded request.

Size, window and whitelist come with each request in `SamplingParams.extra_args` (`guard_args`).
"""

from dataclasses import dataclass, field
from typing import Any

import torch

from ocr_engine.engine.guard_args import read_guard_args, settings_in_engine
from ocr_engine.engine.ngram import NgramIndex
from ocr_engine.engine.vllm.internals import BatchUpdate, LogitsProcessor, MoveDirectionality, SamplingParams


@dataclass(slots=True)
class _Guarded:
    """A request in the batch: vLLM keeps appending to `output_ids`, `read` of them are in the index."""

    index: NgramIndex
    output_ids: list[int]
    read: int = field(default=0)

    def banned(self) -> set[int]:
        for token in self.output_ids[self.read :]:
            self.index.append(token)
        self.read = len(self.output_ids)
        return self.index.banned()


class NgramGuard(LogitsProcessor):
    """Sets the logits of banned tokens to minus infinity before sampling, greedy sampling included."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self._device = device
        self._requests: dict[int, _Guarded] = {}

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Raises ValueError for settings that are none, before the request enters the batch."""
        read_guard_args(sampling_params.extra_args)

    def is_argmax_invariant(self) -> bool:
        """False: with True, vLLM skips the guard under greedy sampling."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow requests as they enter, leave and change places, in the order vLLM prescribes."""
        if batch_update is None:
            return
        for place in batch_update.removed:
            self._requests.pop(place, None)
        for place, params, _, output_ids in batch_update.added:
            self._requests.pop(place, None)
            if found := settings_in_engine(params.extra_args):
                index = NgramIndex(found.size, found.window, found.whitelist)
                self._requests[place] = _Guarded(index, output_ids)
        for source, target, direction in batch_update.moved:
            self._move(source, target, swap=direction is MoveDirectionality.SWAP)

    def _move(self, source: int, target: int, *, swap: bool) -> None:
        moved = self._requests.pop(source, None)
        replaced = self._requests.pop(target, None)
        if moved is not None:
            self._requests[target] = moved
        if swap and replaced is not None:
            self._requests[source] = replaced

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Ban in place.

        Args:
            logits: (requests, vocabulary).

        Raises:
            ValueError: vLLM's output ids hold placeholders, so the guard cannot know the last tokens.
        """
        rows, columns = [], []
        for place, request in self._requests.items():
            for token in request.banned():
                rows.append(place)
                columns.append(token)
        if rows:
            places = torch.tensor([rows, columns]).to(self._device, non_blocking=True)
            logits[places[0], places[1]] = float("-inf")
        return logits
