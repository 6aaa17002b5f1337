"""The drafter's kernel against the plain rule, along answers that leave their predictions and come back."""

import random

import numpy as np
import torch
import triton

from ocr_engine.drafts.memory import PieceTable
from ocr_engine.drafts.rule import END, Place, propose
from ocr_engine.engine.draft_args import DRAFT_TOK
from tests.kernels import run_interpreted

REQUESTS, MOST, ROWS = 5, 6, 64
SEEDS = (72, 267, 416)
"""Their answers differ under each rule that was tried with one constant, comparison or tie changed: 22."""


def test_kernel_proposes_what_the_rule_does():
    run_interpreted(__name__)


def test_the_kernel_compiles_for_a_gpu():
    """As far as that can be known without one: to machine code of the H100's generation."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from ocr_engine.engine.vllm import draft_kernel as kernel

    names, constants = kernel._propose.arg_names, kernel._constants(DRAFT_TOK)
    kinds = {"drafts": "*i64"} | dict.fromkeys(
        ("predictions_stride", "book_len", "memory_rows", "tokens_stride"), "i32"
    )
    source = ASTSource(
        fn=kernel._propose,
        signature={name: "constexpr" if name in constants else kinds.get(name, "*i32") for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
    )
    found = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": kernel._WARPS})
    assert len(found.asm["cubin"]) > 1000


def checks():
    for seed in SEEDS:
        check_answers(random.Random(seed))
    check_what_others_said()
    check_prompts_that_are_taken_in()


def check_what_others_said():
    """Three tokens of the memory go before two of the answer itself and one of the prediction."""
    from ocr_engine.engine.vllm import draft_kernel as kernel

    said, answer = [1, 2, 3, *range(20, 28)], [2, 3, 70, 71, 9, 1, 2, 3]
    tokens = torch.zeros(2, 20, dtype=torch.int32)
    tokens[0, : len(said)], tokens[1, : len(answer)] = torch.tensor(said), torch.tensor(answer)
    drafts, zeros = torch.full((2, MOST), -7), torch.zeros(2, dtype=torch.int32)
    memory = kernel.new_memory(torch.device("cpu"), ROWS)
    predictions = torch.tensor([[3, 50, 51]] * 2, dtype=torch.int32)
    total = torch.tensor([len(said), len(answer)], dtype=torch.int32)
    cursors, lost = kernel.states(2, torch.device("cpu"))
    state = (zeros, total, torch.arange(2), torch.ones(2, dtype=torch.int32), cursors, lost)
    kernel.propose(drafts, predictions, zeros + 3, torch.tensor([END]), memory, tokens, *state)
    assert drafts[1].tolist() == said[3 : 3 + MOST]


def near(rng, ids, share, vocabulary):
    """The ids with some left out, changed or added."""
    found = []
    for token in ids:
        if rng.random() < share:
            found += rng.choice([[], [rng.randrange(vocabulary)], [token, rng.randrange(vocabulary)]])
        else:
            found.append(token)
    return found or [0]


def check_answers(rng):
    from ocr_engine.engine.vllm import draft_kernel as kernel

    vocabulary = rng.choice([6, 40, 400])
    predictions = torch.zeros(REQUESTS, 400, dtype=torch.int32)
    answers, lengths = [], []
    for slot in range(REQUESTS):
        ids = [rng.randrange(vocabulary) for _ in range(rng.choice([0, 1, 60, 300]))]
        predictions[slot, : len(ids)] = torch.tensor(ids, dtype=torch.int32)
        lengths.append(len(ids))
        answers.append(near(rng, ids or [1] * 90, rng.choice([0.02, 0.3]), vocabulary)[:60])
    answers[-1] = answers[-1][:5] + list(
        range(vocabulary, vocabulary + 40)
    )  # says nothing predicted any more
    phrases = [[rng.randrange(vocabulary) for _ in range(rng.randrange(1, 5))] for _ in range(6)]
    book = torch.tensor([token for phrase in phrases for token in (*phrase, END)], dtype=torch.int32)
    prompt = [rng.randrange(1, 9) for _ in answers]
    tokens = torch.full((REQUESTS, 100), 3, dtype=torch.int32)
    # So few rows that pieces share them.
    memory, said = kernel.new_memory(torch.device("cpu"), ROWS), PieceTable(ROWS)
    cursors, lost = kernel.states(REQUESTS, torch.device("cpu"))
    cursors += 77  # of the requests that had these slots before
    lost += 5
    places = [Place() for _ in answers]
    written = [0] * REQUESTS
    while rows := [
        slot for slot in rng.sample(range(REQUESTS), REQUESTS) if written[slot] < len(answers[slot])
    ]:
        sampled = [
            min(rng.randrange(1, MOST + 2) if written[slot] else 1, len(answers[slot]) - written[slot])
            for slot in rows
        ]
        for slot, count in zip(rows, sampled, strict=True):
            begin = prompt[slot] + written[slot]
            new = answers[slot][written[slot] : written[slot] + count]
            tokens[slot, begin : begin + count] = torch.tensor(new, dtype=torch.int32)
            written[slot] += count
        drafts = torch.full((len(rows), MOST), -7)
        kernel.propose(
            drafts,
            predictions,
            torch.tensor(lengths, dtype=torch.int32),
            book,
            memory,
            tokens,
            torch.tensor(prompt, dtype=torch.int32),
            torch.tensor([p + w for p, w in zip(prompt, written, strict=True)], dtype=torch.int32),
            torch.tensor(rows),
            torch.tensor(sampled, dtype=torch.int32),
            cursors,
            lost,
        )
        for row, (slot, count) in enumerate(zip(rows, sampled, strict=True)):
            answer = np.array(answers[slot][: written[slot]], np.int32)
            prediction = predictions[slot, : lengths[slot]].numpy()
            expected = propose(*(prediction, book.numpy(), answer, count, places[slot], MOST, said)).tolist()
            expected += [int(answer[-1])] * (MOST - len(expected))
            assert drafts[row].tolist() == expected, (slot, written[slot])
            assert (cursors[slot], lost[slot]) == (places[slot].cursor, places[slot].lost)
        assert np.array_equal(memory.numpy(), said.table)


def check_prompts_that_are_taken_in():
    """No token was sampled: any draft will do, and the state stays."""
    from ocr_engine.engine.vllm import draft_kernel as kernel

    ones = torch.ones(1, dtype=torch.int32)
    cursors, lost = ones.clone(), ones.clone()
    drafts = torch.full((1, MOST), -7)
    table = torch.zeros(1, 8, dtype=torch.int32)
    kernel.propose(
        drafts,
        table,
        ones,
        ones,
        kernel.new_memory(torch.device("cpu"), ROWS),
        table,
        ones,
        ones * 4,
        torch.zeros(1, dtype=torch.int64),
        ones * 0,
        cursors,
        lost,
    )
    assert drafts.tolist() == [[0] * MOST] and cursors.item() == lost.item() == 1
