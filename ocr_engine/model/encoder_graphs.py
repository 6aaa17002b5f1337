"""Passes of an encoder replayed from CUDA graphs: one launch for a batch of views, not some 800.

The process that encodes also launches the decoder's steps, and a GPU waits where launches come late.
"""

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from ocr_engine.log import logger

Encode = Callable[[Tensor], Tensor]
_OFTEN, _MOST = 4, 16
"""Batches of one size before it is captured, which takes a third of a second; sizes that are kept."""


class EncoderGraphs:
    """The graphs of one encoder, by the size of the batch; batches of sizes that are rare run as ever.

    All share the memory of the largest. What a graph holds is fixed, so weights must stay where they are.
    """

    def __init__(self) -> None:
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._graphs: dict[tuple[int, ...], _Graph] = {}
        self._most = _MOST
        self._pool: tuple[int, int] | None = None

    def run(self, encode: Encode, views: Tensor) -> Tensor:
        """encode(views); `encode` computes the same at every call."""
        if not views.is_cuda:
            return encode(views)
        shape = tuple(views.shape)
        self._seen[shape] += 1
        if shape not in self._graphs and self._seen[shape] >= _OFTEN and len(self._graphs) < self._most:
            self._capture(encode, views)
        return self._graphs.get(shape, encode)(views)

    def _capture(self, encode: Encode, views: Tensor) -> None:
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        try:
            self._graphs[tuple(views.shape)] = _Graph(encode, views, self._pool)
        except RuntimeError as error:  # torch's OutOfMemoryError is one
            self._most = 0
            logger.warning("encoder: no more CUDA graphs, which is a little slower: %s", error)


class _Graph:
    """A pass of one size."""

    def __init__(self, encode: Encode, views: Tensor, pool: tuple[int, int]) -> None:
        self._views = views.clone()
        self._graph = torch.cuda.CUDAGraph()
        # vLLM waits for copies in other threads meanwhile.
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._features = encode(self._views)

    def __call__(self, views: Tensor) -> Tensor:
        self._views.copy_(views)
        self._graph.replay()
        return self._features.clone()
