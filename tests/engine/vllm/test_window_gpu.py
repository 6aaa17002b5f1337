"""Every row of a step knows where its prompt ends, and its kernel reads no block that nobody sees."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("vllm", reason="needs vllm")

from ocr_engine.engine.vllm.internals import DefaultModelState, TritonAttentionMetadata
from ocr_engine.engine.vllm.unlimited_ocr import UnlimitedOCRForCausalLM
from ocr_engine.engine.vllm.window_blocks import seen_blocks
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


def keys_of(table, length, query, prompt, window, block):
    """The places in the cache that vLLM's kernel lets a query see: its mask, over the table it is given."""
    seen = (key for key in range(length) if key <= query and (key < prompt or query - key < window))
    return {int(table[key // block]) * block + key % block for key in seen}


def step(rows, block, spare):
    """Tables, lengths and tokens of a step; blocks behind a row's own are those of nobody."""
    lengths = [prompt + answer + count for prompt, answer, count in rows]
    width = max(-(-length // block) for length in lengths) + spare
    table = torch.full((len(rows), width), -7, dtype=torch.int32)
    for row, length in enumerate(lengths):
        own = -(-length // block)
        table[row, :own] = torch.arange(own) + 1000 * row
    return table, *(torch.tensor(one, dtype=torch.int32) for one in (lengths, [row[2] for row in rows]))


ROWS = st.lists(st.tuples(st.integers(1, 70), st.integers(0, 300), st.integers(1, 9)), min_size=1, max_size=4)


@given(ROWS, st.integers(1, 40), st.sampled_from([1, 4, 16]), st.integers(0, 3))
def test_every_token_of_a_step_sees_what_it_saw_and_no_block_in_vain(rows, window, block, spare):
    table, lengths, counts = step(rows, block, spare)
    prompts = torch.tensor([row[0] for row in rows], dtype=torch.int32)
    shorter, seen = seen_blocks(table, lengths, counts, prompts, window, block)
    assert (shorter.shape, shorter.dtype, seen.dtype) == (table.shape, table.dtype, lengths.dtype)
    for row, (prompt, _, count) in enumerate(rows):
        whole, left = int(lengths[row]), int(seen[row])
        for back in range(1, count + 1):
            expected = keys_of(table[row], whole, whole - back, prompt, window, block)
            assert keys_of(shorter[row], left, left - back, prompt, window, block) == expected
        assert left <= prompt + window + count + 2 * block


def test_a_prompt_that_is_read_in_chunks_keeps_all_its_blocks():
    table, lengths, counts = step([(1, 39, 60), (1, 0, 16)], 16, 0)
    shorter, seen = seen_blocks(table, lengths, counts, torch.tensor([100, 0], dtype=torch.int32), 8, 16)
    assert shorter.equal(table) and seen.equal(lengths)


def test_a_step_is_put_where_a_captured_graph_looks_for_it(monkeypatch):
    """Two steps share their buffers, all layers a step's numbers; other kinds of attention are left alone."""
    state = WindowState.__new__(WindowState)
    state.max_num_reqs = 3
    state.vllm_config = SimpleNamespace(cache_config=SimpleNamespace(block_size=4))
    batch = SimpleNamespace(prompt_lens=None, num_reqs_after_padding=2, seq_lens=torch.ones(2).int())
    places = []
    for answer in (20, 40):
        table, lengths, counts = step([(6, answer, 1), (6, 0, 1)], 4, 2)
        told = TritonAttentionMetadata.__new__(TritonAttentionMetadata)
        told.block_table, told.seq_lens = table.new_zeros(3, 20), lengths
        told.block_table[:2, : table.shape[1]] = table
        told.query_start_loc = torch.tensor([0, 1, 2], dtype=torch.int32)
        told.rswa_prefix_lens, told.rswa_window = torch.tensor([6, 6], dtype=torch.int32), 5
        other = SimpleNamespace(seq_lens=lengths)
        layers = {"layer 1": told, "layer 2": told, "layer 3": other}
        monkeypatch.setattr(DefaultModelState, "prepare_attn", lambda *_, layers=layers: dict(layers))
        assert state.prepare_attn(batch) == layers and other.seq_lens is lengths
        expected = seen_blocks(table, lengths, counts, told.rswa_prefix_lens, 5, 4)
        assert told.seq_lens.equal(expected[1]) and int(told.seq_lens[0]) < 6 + 5 + 1 + 8
        used = -(-int(told.seq_lens[0]) // 4)
        assert told.block_table[0, :used].equal(expected[0][0, :used])
        places.append((told.block_table.data_ptr(), told.seq_lens.data_ptr()))
    assert places[0] == places[1]
