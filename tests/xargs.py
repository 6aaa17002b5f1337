"""`vllm_xargs` as clients send them, right and wrong, without any package: for GPU tests too."""

import random
from typing import Any

KEYS = ("ngram_size", "ngram_window", "ngram_whitelist")
WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1 << 16, (1 << 16) + 1, 1 << 31, -(1 << 31), 1 << 63, 10**30),
    *(0.0, 2.0, 2.5, 1e300, float("nan"), float("inf"), "", "2", "a", b"2", {}, {"a": 1}),
    *([], [[]], ["a"], [None], [1.0], [True], [-1], [1 << 31], [10**12], [[1]], [0] * 65, [[[[[1]]]]]),
)


def random_xargs(rng: random.Random, vocabulary: int = 100) -> dict[str, Any]:
    """A request's settings: right ones, with keys taken away or replaced by what is none."""
    size = rng.choice([1, 2, 3, 20])
    whitelist = [rng.randrange(vocabulary) for _ in range(rng.randrange(4))]
    args: dict[str, Any] = {KEYS[0]: size, KEYS[1]: size + rng.randrange(60), KEYS[2]: whitelist}
    for key in KEYS:
        match rng.randrange(6):
            case 0:
                del args[key]
            case 1:
                args[key] = rng.choice(WRONG)
    if rng.randrange(4) == 0:
        args[rng.choice(["window_size", "whitelist_token_ids", "x"])] = rng.choice(WRONG)
    return args
