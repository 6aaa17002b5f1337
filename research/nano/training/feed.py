"""Keeps a GPU fed: worker processes draw batches, and each batch is used a few times."""

import os
import queue
import random
import threading
from collections import Counter
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import torch
from tokenizers import Tokenizer

from research.nano.pages.assets import FOLDER
from research.nano.training.batches import Batch, draw_pair
from research.nano.training.mixture import Mixture

POOL = 120
"""Batches that are kept for another use."""


class Pages(torch.utils.data.IterableDataset[Batch]):
    """An endless stream of batches at the shared progress."""

    def __init__(self, seed: int, progress: "Synchronized[float]", mixture: Mixture, share: float) -> None:
        self.seed, self.progress, self.mixture, self.share = seed, progress, mixture, share

    def __iter__(self) -> Iterator[Batch]:
        """Draw batches; every worker has its own stream of random numbers."""
        info = torch.utils.data.get_worker_info()
        rng = random.Random(self.seed * 1000 + (info.id if info else 0))
        torch.set_num_threads(1)
        if info:
            # The process that drives the GPU goes first.
            os.nice(10)
        tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
        while True:
            progress = self.progress.value
            shares = self.mixture.modes(progress)
            mode = rng.choices(list(shares), list(shares.values()))[0]
            yield from draw_pair(rng, tokenizer, mode, progress, self.mixture, self.share)


class Feed:
    """Batches on a device: new ones as soon as they are drawn, else ones used less than `uses`."""

    def __init__(self, pages: Pages, workers: int, uses: int) -> None:
        loader = torch.utils.data.DataLoader(
            pages, batch_size=None, num_workers=workers, prefetch_factor=2 if workers else None
        )
        self._stream, self._uses, self._mixture = iter(loader), uses, pages.mixture
        self._queue: queue.Queue[Batch] = queue.Queue(6)
        self._pool: list[tuple[Batch, int]] = []
        self._rng = random.Random(pages.seed)
        self.drawn: Counter[str] = Counter()
        self.fed: Counter[str] = Counter()

    def start(self, device: torch.device) -> None:
        """Begin to collect batches; workers must have been forked before, since this touches a GPU."""
        threading.Thread(target=self._pull, args=(device,), daemon=True).start()

    def _pull(self, device: torch.device) -> None:
        cuda = device.type == "cuda"
        if cuda:
            # Or pinning would open the first GPU in every process.
            torch.cuda.set_device(device)
        for batch in self._stream:
            self._queue.put(batch.pinned() if cuda else batch)

    def _fresh(self, device: torch.device, *, wait: bool) -> Batch | None:
        try:
            batch = self._queue.get(block=wait)
        except queue.Empty:
            return None
        batch = batch.to(device)
        self.drawn[batch.mode] += batch.overview.shape[0]
        self._pool = [*self._pool[-POOL:], (batch, 1)]
        return batch

    def next(self, device: torch.device, progress: float) -> Batch:
        """Return a batch that suits the progress."""
        batch = self._fresh(device, wait=not self._pool)
        allowed = self._mixture.modes(progress)
        old = [i for i, (b, used) in enumerate(self._pool) if used < self._uses and b.mode in allowed]
        if batch is None and old:
            index = self._rng.choice(old)
            batch, used = self._pool[index]
            self._pool[index] = (batch, used + 1)
        batch = batch or self._fresh(device, wait=True)
        assert batch is not None
        self.fed[batch.mode] += batch.overview.shape[0]
        return batch


def counts(values: Counter[str], world: int) -> dict[str, Any]:
    """Return pages by mode over all processes, estimated from this one."""
    return {mode: number * world for mode, number in values.items()}
