"""Launches that are made one by one the first time, and by one CUDA graph from then on."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch

from ocr_engine.log import logger

T = TypeVar("T")


class _Shared:
    """What all graphs of a process share: their memory, a stream to capture on, and whether it works."""

    pool: tuple[int, int] | None = None
    stream: torch.cuda.Stream | None = None
    works = True


class Replayed(Generic[T]):
    """One function of this kind; its tensors must stay where they are.

    The first call is as ever, so that all kernels are compiled; the second is captured, and what it returned
    is returned from then on, written anew. Without a GPU, or after a capture that failed, all are as ever.
    """

    def __init__(self) -> None:
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: T | None = None
        self._calls = 0

    def __call__(self, launch: Callable[[], T]) -> T:
        """What `launch` gives, which must launch the same at every call."""
        self._calls += 1
        if self._calls == 2 and torch.cuda.is_available() and _Shared.works:
            self._capture(launch)
        if self._graph is None:
            return launch()
        self._graph.replay()
        return self._result  # type: ignore[return-value]

    def _capture(self, launch: Callable[[], T]) -> None:
        graph = torch.cuda.CUDAGraph()
        if _Shared.stream is None:
            _Shared.pool, _Shared.stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream()
        try:
            # `torch.cuda.graph` would wait for the card and empty torch's cache each time.
            with torch.cuda.stream(_Shared.stream):
                graph.capture_begin(pool=_Shared.pool, capture_error_mode="thread_local")
                try:
                    self._result = launch()
                finally:
                    graph.capture_end()
        except RuntimeError as error:  # torch's OutOfMemoryError is one
            _Shared.works, self._result = False, None
            logger.warning("decoder: no CUDA graphs of small steps, which are slower: %s", error)
            return
        self._graph = graph
