import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.model import view_batches
from ocr_engine.model.view_batches import encode_by_size

CPU = torch.device("cpu")


def group(count, side, channels, first):
    """Views that are told apart by their colour."""
    levels = torch.arange(first, first + count, dtype=torch.uint8)
    return levels.view(-1, 1, 1, 1).expand(count, side, side, channels).contiguous()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([2, 4, 6]), st.sampled_from([1, 3])), max_size=6),
    st.sampled_from([1, 16, 40, 1 << 20]),
)
def test_each_group_gets_what_its_views_are_encoded_to(shapes, batch_px):
    views = [group(*shape, first=10 * number) for number, shape in enumerate(shapes)]
    batches = []

    def encode(batch):
        assert batch.shape[3] == 3
        batches.append(tuple(batch.shape[:2]))
        return batch[:, 0, 0].to(torch.int64)

    found = encode_by_size(views, encode, CPU, batch_px)
    for view, part in zip(views, found, strict=True):
        if len(view):
            assert torch.equal(part, view[:, 0, 0].expand(-1, 3).to(torch.int64))
        else:
            assert part is None
    assert all(count == 1 or count * side**2 <= batch_px for count, side in batches)
    sides = {side: sum(len(view) for view in views if view.shape[1] == side) for _, side in batches}
    for side, total in sides.items():
        assert sum(one == side for _, one in batches) == -(-total // max(1, batch_px // side**2))


@pytest.mark.parametrize("allowed", [True, False])
def test_views_are_sent_through_one_block_each_as_it_was(monkeypatch, allowed):
    blocks, empty = [], torch.empty

    def pinned(size, *, dtype, pin_memory=False):
        blocks.append((size, pin_memory))
        if pin_memory and not allowed:
            raise RuntimeError("no more memory can be pinned")
        return empty(size, dtype=dtype)

    monkeypatch.setattr(torch, "empty", pinned)
    views = [view for shape in [(2, 4, 3), (1, 4, 1)] for view in group(*shape, first=shape[0])]
    found = view_batches._sent(views, CPU)
    assert blocks == [(2 * 48 + 16, True)] + [(2 * 48 + 16, False)] * (not allowed)
    assert all(torch.equal(one, other) for one, other in zip(found, views, strict=True))


def test_views_that_are_on_the_device_stay_there(monkeypatch):
    monkeypatch.setattr(view_batches, "_sent", lambda *_: pytest.fail("sent"))
    assert len(encode_by_size([group(3, 4, 3, 0)], lambda batch: batch, CPU)[0]) == 3
