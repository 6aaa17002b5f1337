"""Every row of a step knows where its prompt ends, when it is padded and when its graph is captured."""

from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.engine.vllm.internals import DefaultModelState
from ocr_engine.engine.vllm.unlimited_ocr import UnlimitedOCRForCausalLM
from ocr_engine.engine.vllm.window_gpu import WindowState


@pytest.mark.parametrize(
    ("prompts", "rows", "expected"),
    [
        ([908, 300, 7], 3, [908, 300, 7]),
        ([908, 300, 7], 4, [908, 300, 7, 0]),
        (None, 4, [0, 0, 0, 0]),
    ],
)
def test_a_row_without_a_request_has_no_prompt(monkeypatch, prompts, rows, expected):
    seen = []
    monkeypatch.setattr(
        DefaultModelState,
        "prepare_attn",
        lambda _, batch, *args, **more: seen.append((batch.prompt_lens, args, more)) or {"layer": 1},
    )
    batch = SimpleNamespace(
        prompt_lens=None if prompts is None else torch.tensor(prompts, dtype=torch.int32),
        num_reqs_after_padding=rows,
        seq_lens=torch.ones(rows, dtype=torch.int32),
    )
    state = WindowState.__new__(WindowState)
    assert state.prepare_attn(batch, "mode", for_capture=True) == {"layer": 1}
    ((lengths, args, more),) = seen
    assert lengths.tolist() == expected and lengths.dtype == torch.int32
    assert (args, more) == (("mode",), {"for_capture": True})


def test_the_runner_is_told_of_it():
    model = UnlimitedOCRForCausalLM.__new__(UnlimitedOCRForCausalLM)
    assert model.get_model_state_cls() is WindowState
