"""Token probabilities on the short way: the numbers are vLLM's own."""

import numpy as np
import pytest
import torch

from tests.kernels import run_interpreted

ROWS, VOCABULARY = 5, 9000


def test_the_kernel_gives_the_logarithm_of_the_softmax():
    run_interpreted(__name__)


def checks():
    from ocr_engine.engine.vllm.score_kernel import token_scores

    generator = torch.Generator().manual_seed(0)
    for dtype in (torch.float32, torch.bfloat16):
        wide = 40 * torch.randn(ROWS, VOCABULARY + 7, generator=generator)
        wide[1, :VOCABULARY] = -float("inf")
        wide[1, VOCABULARY - 1] = 3.0
        logits = wide.to(dtype)[:, :VOCABULARY]
        token_ids = torch.tensor([0, VOCABULARY - 1, 8192, 17, 8191])
        expected = torch.log_softmax(logits.double(), -1)[torch.arange(ROWS), token_ids]
        found = token_scores(logits, token_ids)
        assert found.shape == (ROWS, 1) and torch.allclose(found[:, 0].double(), expected, atol=1e-4)
    none = token_scores(logits, torch.full((ROWS,), -1))
    assert torch.isinf(none).all() and not torch.isnan(none).any()
    assert token_scores(logits[:0], token_ids[:0]).shape == (0, 1)


def messages(*counts):
    from ocr_engine.engine.vllm.scores import as_message

    chance = np.random.default_rng(0)
    return [as_message(chance.integers(0, 99, n).tolist(), (-chance.random(n)).tolist()) for n in counts]


def test_the_front_end_takes_in_a_message_as_vllm_does(monkeypatch):
    engine_logprobs = pytest.importorskip("vllm.v1.engine.logprobs", reason="needs vllm")
    from vllm.logprobs import FlatLogprobs

    from ocr_engine.engine.vllm.scores import install_in_front_end

    processor = engine_logprobs.LogprobsProcessor
    theirs = processor._update_sample_logprobs
    monkeypatch.setattr(processor, "_update_sample_logprobs", theirs)
    install_in_front_end()
    ours = processor._update_sample_logprobs
    install_in_front_end()
    assert ours is processor._update_sample_logprobs is not theirs
    for flat, count in ((True, 0), (False, 0), (True, 1)):
        found = []
        for update in (theirs, ours):
            made = processor(None, FlatLogprobs() if flat else [], None, 0.0, count, None)
            for message in messages(64, 1, 0, 7):
                update(made, message)
            found.append((made.logprobs, pytest.approx(made.cumulative_logprob)))
        assert found[0] == found[1] and len(found[0][0]) == 72


def test_what_is_asked_beyond_the_sampled_token_goes_to_vllms_own(monkeypatch):
    pytest.importorskip("vllm", reason="needs vllm")
    from ocr_engine.engine.vllm import score_kernel, scores

    monkeypatch.setattr(score_kernel, "token_scores", lambda logits, ids: torch.zeros(len(ids), 1))
    compute = scores._with_ours(lambda *args: args)
    logits, ids = torch.zeros(3, 5), torch.tensor([4, 2, 0])
    found = compute(logits, 0, ids, [0, 1, 3], logprob_token_ids_state=object(), expanded_idx_mapping=ids)
    lists = found.tolists()
    assert lists.logprob_token_ids.tolist() == [[4], [2], [0]] and lists.logprobs.shape == (3, 1)
    assert lists.slice_request(1, 2).logprob_token_ids.tolist() == [[2], [0]]
    for more in (
        {"num_logprobs": 1},
        {"max_per_req_token_ids": 2},
        {"logits_mode": True},
        {"cu_num_logits": ids},
    ):
        given = {"logits": logits, "num_logprobs": 0, "sampled_token_ids": ids} | more
        assert len(compute(**given)) == 8, more
