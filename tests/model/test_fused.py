"""Each kernel against the plain steps it stands for, and the plain steps against PyTorch's own layers."""

import torch
import torch.nn.functional as F

from ocr_engine.model import fused
from tests.kernels import run_interpreted


def draw(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype)


def test_kernels_equal_the_plain_steps():
    run_interpreted(__name__)


def checks():
    from ocr_engine.model import fused_kernels as kernels

    for dtype, close in ((torch.float32, {}), (torch.bfloat16, {"atol": 2e-2, "rtol": 1e-2})):
        x, weight = draw(5, 48, dtype=dtype), draw(48, dtype=dtype)
        y, bias = x.flip(0), weight.flip(0)
        for other in (None, y):
            layer = kernels.add_norm(x, other, weight, bias, 1e-6)
            rms = kernels.add_norm(x, other, weight, None, 1e-6)
            for found, expected in (
                (layer, fused.add_layer_norm(x, other, weight, bias, 1e-6)),
                (rms, fused.add_rms_norm(x, other, weight, 1e-6)),
            ):
                torch.testing.assert_close(found[0], expected[0], **close)
                torch.testing.assert_close(found[1], expected[1], **close)
        torch.testing.assert_close(kernels.gate(x, None, fused.QUICK), fused.quick_gelu(x), **close)
        torch.testing.assert_close(kernels.gate(x, y, 1.0), fused.silu_mul(x, y), **close)
        torch.testing.assert_close(kernels.gelu_(4 * x), F.gelu(4 * x), **close)
        angles = draw(3, 8)
        turned = draw(2, 3, 6, 8, dtype=dtype), angles.cos().to(dtype), angles.sin().to(dtype)
        torch.testing.assert_close(kernels.rotate(*turned), fused.rotate(*turned), **close)
        levels = torch.arange(256, dtype=torch.uint8).repeat(20)
        table = fused.normalize(levels[:256], dtype)
        assert torch.equal(kernels.look_up(levels, table), table.repeat(20))


def test_sum_is_rounded_before_its_norm():
    x, y, weight = draw(3, 16).bfloat16(), draw(3, 16).flip(0).bfloat16(), torch.ones(16).bfloat16()
    bias = torch.zeros(16).bfloat16()
    total, normed = fused.add_layer_norm(x, y, weight, bias, 1e-6)
    assert torch.equal(total, x + y)
    assert torch.equal(normed, F.layer_norm(x + y, (16,), weight, bias, 1e-6))


def test_rms_norm_rounds_before_the_weight():
    x, weight = draw(3, 16).bfloat16(), draw(16).bfloat16()
    total, normed = fused.add_rms_norm(x, None, weight, 1e-6)
    wide = x.float() / (x.float().pow(2).mean(-1, keepdim=True) + 1e-6).sqrt()
    assert total is x
    torch.testing.assert_close(normed, weight * wide.bfloat16())


def test_gates_are_those_of_the_official_encoders():
    x, y = draw(4, 8), draw(4, 8).flip(0)
    torch.testing.assert_close(fused.quick_gelu(x), x / (1 + torch.exp(-1.702 * x)))
    torch.testing.assert_close(fused.silu_mul(x, y), x / (1 + torch.exp(-x)) * y)
