"""Each fast form against the slow form it replaces, written out from the official code's definition."""

import pytest
import torch
import torch.nn.functional as F

from ocr_engine.model.positions import (
    biased_attention,
    relative_positions,
    resize_positions,
)


def plain_attention(query, key, value, bias_h, bias_w):
    height, width = bias_h.shape[-1], bias_w.shape[-1]
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    for row in range(height):
        for column in range(width):
            scores[..., row * width + column] += bias_h[..., row] + bias_w[..., column]
    return scores.softmax(-1) @ value


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize(("height", "width"), [(3, 5), (4, 4), (17, 19)])
def test_attention_adds_row_and_column_bias(height, width, gradients):
    torch.manual_seed(0)
    tokens = height * width
    query, key, value = (torch.randn(2, 3, tokens, 8) for _ in range(3))
    bias_h, bias_w = torch.randn(2, 3, tokens, height), torch.randn(2, 3, tokens, width)
    expected = plain_attention(query, key, value, bias_h, bias_w)
    with torch.set_grad_enabled(gradients):
        found = biased_attention(query, key, value, bias_h, bias_w)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_relative_positions_run_from_query_to_key():
    table = torch.arange(7.0)[:, None]
    found = relative_positions(table, 4)[..., 0]
    assert found.tolist() == [[3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2], [6, 5, 4, 3]]


@pytest.mark.parametrize("side", [2, 6])
def test_relative_positions_of_another_side_are_interpolated(side):
    table = torch.randn(7, 3)
    resized = F.interpolate(table.t()[None], size=2 * side - 1, mode="linear")[0].t()
    found = relative_positions(table, side)
    for query in range(side):
        for key in range(side):
            torch.testing.assert_close(found[query, key], resized[query - key + side - 1])


def test_absolute_positions_keep_their_dtype_and_are_antialiased():
    table = torch.randn(1, 8, 8, 3)
    assert resize_positions(table, 8) is table
    small = resize_positions(table.bfloat16(), 4)
    assert small.dtype is torch.bfloat16 and small.shape == (1, 4, 4, 3)
    channels = table.permute(0, 3, 1, 2)
    with_antialias = F.interpolate(channels, size=(4, 4), mode="bicubic", antialias=True)
    without = F.interpolate(channels, size=(4, 4), mode="bicubic")
    found = resize_positions(table, 4).permute(0, 3, 1, 2)
    assert torch.equal(found, with_antialias) and not torch.allclose(found, without, atol=1e-2)
