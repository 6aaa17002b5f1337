"""The guard's kernel against the plain rule, on random requests in random slots."""

import functools
import random

import torch

from ocr_engine.engine.ngram import banned_tokens
from tests.kernels import run_interpreted

REQUESTS, LENGTH, VOCABULARY, ALLOWED = 9, 300, 6, 3


def test_kernel_bans_what_the_rule_bans():
    run_interpreted(__name__)


def checks():
    for seed in range(4):
        check_batch(seed, drafts_most=(0,))
        check_batch(seed, drafts_most=range(9))
    check_ids_that_are_none()


def check_batch(seed, drafts_most):
    from ocr_engine.engine.vllm import guard_kernel as kernel

    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)

    def draw(high, *shape, low=0):
        return torch.randint(low, high, shape, generator=generator, dtype=torch.int32)

    tokens, prompt = draw(VOCABULARY, REQUESTS, LENGTH), draw(40, REQUESTS, low=1)
    total = prompt + draw(200, REQUESTS)
    sizes = torch.tensor([rng.choice([0, 1, 2, 3, 4, 20]) for _ in range(REQUESTS)], dtype=torch.int32)
    windows = torch.tensor([rng.choice([5, 50, 90, 150]) for _ in range(REQUESTS)], dtype=torch.int32)
    whitelist, allowed = draw(VOCABULARY, REQUESTS, ALLOWED), draw(ALLOWED + 1, REQUESTS)
    rows, expected = [], []
    for slot in rng.sample(range(REQUESTS), REQUESTS - 2):
        output = tokens[slot, prompt[slot] : total[slot]].tolist()
        never = whitelist[slot, : allowed[slot]].tolist()
        drafts = [rng.randrange(VOCABULARY) for _ in range(rng.choice(drafts_most))]
        for before in range(len(drafts) + 1):
            rows.append((slot, before, drafts[before - 1] if before else 0))
            history = output + drafts[:before]
            expected.append(banned_tokens(history, int(sizes[slot]), int(windows[slot]), never))
    slots, before, fed = (torch.tensor(column, dtype=torch.int32) for column in zip(*rows, strict=True))
    logits = torch.zeros(len(rows), VOCABULARY)
    # Fewer rows than there are: they are done in turns.
    recent = kernel.scratch(5, LENGTH + 8, torch.device("cpu"))
    kernel.ban_repeats(
        logits, slots, before, fed, tokens, prompt, total, sizes, windows, whitelist, allowed, recent
    )
    for row, banned in enumerate(expected):
        assert set(torch.isinf(logits[row]).nonzero()[:, 0].tolist()) == banned, (seed, rows[row])


def check_ids_that_are_none():
    """An id outside the vocabulary, a placeholder say, bans nothing and never writes into another row."""
    from ocr_engine.engine.vllm import guard_kernel as kernel

    ints = functools.partial(torch.tensor, dtype=torch.int32)
    tokens = ints([[0, 2, -1, 2, VOCABULARY, 2, 1 << 30, 2]] * 3)
    around = torch.zeros(5, VOCABULARY)
    kernel.ban_repeats(
        logits=around[1:4],
        slots=ints([0, 1, 2]),
        drafts_before=ints([0] * 3),
        input_ids=ints([0] * 3),
        tokens=tokens,
        prompt_len=ints([1] * 3),
        total_len=ints([8] * 3),
        sizes=ints([2] * 3),
        windows=ints([50] * 3),
        whitelist=ints([[0]] * 3),
        whitelist_len=ints([0] * 3),
        recent=kernel.scratch(3, 8, torch.device("cpu")),
    )
    assert not torch.isinf(around).any()
