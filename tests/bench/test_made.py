"""Stored text with errors is accepted as often as the benchmark says of it."""

import random

import numpy as np
import pytest

from bench.drafts import planted
from bench.parts import made, ours
from ocr_engine.drafts.memory import PieceTable
from ocr_engine.drafts.replayed import Acceptance, Replay, replayed_together
from ocr_engine.engine.draft_args import DRAFT_TOK

RING, PAGES, TOKENS = 12_000, 48, 300


@pytest.mark.parametrize(("errors", "rate"), [(0.175, 3.75), (made._SCAN_ERRORS, 1.82)])
def test_planted_errors_give_the_rate_of_real_answers_beside_the_benchmarks_memory(errors, rate):
    chance, memory = random.Random(0), PieceTable(ours._MEMORY_ROWS)
    answers = [[(page * 1619 + at) % RING for at in range(TOKENS)] for page in range(PAGES)]
    replays = [
        Replay(
            np.array(answer, np.int32),
            np.array(planted(answer, errors, chance), np.int32),
            np.array([-1], np.int32),
            DRAFT_TOK,
            adaptive=True,
            memory=memory,
        )
        for answer in answers
    ]
    found = sum(replayed_together(replays, PAGES), Acceptance(0, 0, 0))
    assert found.tokens_a_step == pytest.approx(rate, rel=0.05)
