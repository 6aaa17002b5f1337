"""Products on oneDNN are those of plain PyTorch, and are taken only where they apply."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ocr_engine.model import onednn, positions


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    torch.manual_seed(1)
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_linear_layer_is_pytorchs(gelu: bool, bias: bool) -> None:
    x, layer = torch.randn(2, 5, 7, 48), onednn.Linear(48, 33, bias=bias)
    expected = F.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x, gelu=gelu), F.gelu(expected) if gelu else expected)


def test_strided_rows_and_transposed_weights_are_taken_as_they_are_meant() -> None:
    wide, weight = torch.randn(9, 96), torch.randn(32, 17)
    x = wide[:, 32:64]
    torch.testing.assert_close(onednn.linear(x, weight.t(), None), x @ weight)


def test_other_tensors_and_training_stay_with_pytorch() -> None:
    assert onednn.applies(torch.zeros(1)) == onednn._X86
    assert not onednn.applies(torch.zeros(1, dtype=torch.bfloat16))
    assert not onednn.applies(torch.zeros(1, device="meta"))
    with torch.inference_mode(False), torch.enable_grad():
        layer = onednn.Linear(4, 4)
        assert not onednn.applies(torch.zeros(1))
        layer(torch.randn(3, 4), gelu=True).sum().backward()
        assert layer.weight.grad is not None


def _attention(views: int, side: int) -> tuple[Tensor, ...]:
    qkv = torch.randn(views, side * side, 3, 2, 16).permute(2, 0, 3, 1, 4)
    return (*qkv.unbind(0), *torch.randn(2, views, 2, side * side, side).unbind(0))


def test_attention_in_parts_is_attention() -> None:
    query, key, value, rows, columns = _attention(2, 12)
    bias = (rows.unsqueeze(-1) + columns.unsqueeze(-2)).flatten(-2)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    for queries in (50, 144, 200):
        found = onednn.biased_attention(query, key, value, rows, columns, queries)
        torch.testing.assert_close(found, expected)


@pytest.mark.skipif(not onednn._X86, reason="needs an x86 CPU")
def test_global_attention_goes_there_and_windows_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    plain = onednn.biased_attention

    def noted(query: Tensor, *others: Tensor, queries: int) -> Tensor:
        taken.append(query.shape[2])
        return plain(query, *others, queries=queries)

    monkeypatch.setattr(onednn, "biased_attention", lambda *args: noted(*args[:-1], queries=args[-1]))
    for side, dtype in ((14, torch.float32), (24, torch.float32), (24, torch.bfloat16)):
        tensors = [tensor.to(dtype) for tensor in _attention(1, side)]
        query, key, value, rows, columns = tensors
        bias = (rows.unsqueeze(-1) + columns.unsqueeze(-2)).flatten(-2)
        torch.testing.assert_close(
            positions.biased_attention(query, key, value, rows, columns),
            F.scaled_dot_product_attention(query, key, value, attn_mask=bias),
        )
    assert taken == [24 * 24]
