"""The encoder alone: milliseconds a page by batch and mode, both models, its stages, its memory."""

from functools import partial
from typing import Any

from bench.full_size import full_config
from ocr_engine.families import OCR, OCR2
from ocr_engine.model.encoder_config import DeepEncoderConfig, QueryDeepEncoderConfig
from ocr_engine.model.fused import normalize

VIEWS = {
    (OCR, "gundam"): ((1, 1024), (6, 640)),
    (OCR, "base"): ((1, 1024),),
    (OCR2, "gundam"): ((1, 1024), (6, 768)),
}
"""Views of a page: how many of which size."""


def run(batches: tuple[int, ...] = (1, 4, 16)) -> dict[str, Any]:
    """Median milliseconds a page."""
    import torch
    from triton.testing import do_bench

    result: dict[str, Any] = {}
    with torch.inference_mode():
        result |= agreement()
        for (family, mode), views in VIEWS.items():
            tower = _tower(family)
            for pages in batches:
                groups = [
                    torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, device="cuda")
                    for _ in range(pages)
                    for count, side in views
                ]
                grid = torch.tensor([2, 3])
                wholes = groups[:: len(views)]
                tiles = groups[1::2] if len(views) > 1 else [wholes[0][:0]] * pages
                call = partial(tower, [whole[0] for whole in wholes], tiles, [grid] * len(wholes))
                one = do_bench(call, warmup=50, rep=300, return_mode="median") / pages
                result[f"{family} {mode} {pages} pages"] = one
                print("encoder", family, mode, pages, round(one, 2), "ms a page", flush=True)
            if mode != "gundam":
                continue
            if family == OCR:
                result |= _stages(tower)
            result |= memory(family, tower)
    return result


def memory(family: str, tower: Any) -> dict[str, float]:
    """MiB that encoding takes beside the weights, by size of view and pixels encoded at once."""
    import torch

    result = {}
    for side in sorted({side for (known, _), views in VIEWS.items() if known == family for _, side in views}):
        views = torch.randint(0, 256, (32, side, side, 3), dtype=torch.uint8, device="cuda")
        for millions in (2, 8, 16):
            tower.batch_px = millions << 20
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            tower(list(views), [views[:0]] * len(views), [torch.tensor([1, 1])] * len(views))
            key = f"{family} {side} px, {millions} << 20 pixels at once, MiB"
            result[key] = (torch.cuda.max_memory_allocated() - before) / 2**20
            print("encoder", key, round(result[key]), flush=True)
    tower.batch_px = 0
    return result


def agreement() -> dict[str, float]:
    """Relative error of the GPU's path against the CPU's plain path in float32, by dtype."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    result = {}
    for family, tile in ((OCR, 640), (OCR2, 768)):
        tower = _tower(family).to("cpu", torch.float32)
        torch.manual_seed(1)
        views = [torch.randint(0, 256, (n, s, s, 3), dtype=torch.uint8) for n, s in ((1, 1024), (2, tile))]
        grid = torch.tensor([2, 1])
        expected = tower([views[0][0]], [views[1]], [grid])[0]
        for dtype in (torch.float32, torch.bfloat16):
            moved = tower.to("cuda", dtype)
            found = moved([views[0][0].cuda()], [views[1].cuda()], [grid])[0].float().cpu()
            error = ((found - expected).norm() / expected.norm()).item()
            result[f"{family} {dtype} relative error"] = error
            print("encoder", family, dtype, f"relative error {error:.1e}", flush=True)
    return result


def new_tower(family: str, widths: dict[str, Any], decoder_width: int) -> Any:
    """A model's vision tower as it is made, from `vision_config.width` of its config.json."""
    from ocr_engine.model.query_tower import QueryVisionTower
    from ocr_engine.model.vision_tower import VisionTower

    kinds = {OCR: (DeepEncoderConfig, VisionTower), OCR2: (QueryDeepEncoderConfig, QueryVisionTower)}
    sizes, tower = kinds[family]
    return tower(sizes.from_vision_config(widths), decoder_width)


def _tower(family: str) -> Any:
    import torch

    torch.manual_seed(0)
    made = new_tower(family, full_config(family)["vision_config"]["width"], 1280)
    for name, parameter in made.named_parameters():
        if "norm" not in name:
            parameter.data.normal_(0, 0.02)
    return made.to("cuda", torch.bfloat16).eval()


def _neck(sam: Any, x: Any) -> Any:
    return sam.net_3(sam.net_2(sam.neck(x.permute(0, 3, 1, 2))))


def _stages(tower: Any) -> dict[str, float]:
    """First and second stage, and one block of each kind, at 16 pages' worth of views."""
    import torch
    from triton.testing import do_bench

    result = {}
    for count, side in ((16, 1024), (96, 640)):
        views = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, device="cuda")
        pixels = normalize(views[:16], torch.bfloat16)
        sam = tower.sam_model
        grid = side // 16
        x = torch.randn(16, grid, grid, 768, device="cuda", dtype=torch.bfloat16)
        features = sam(pixels)
        parts = {
            "normalize": partial(normalize, views[:16], torch.bfloat16),
            "first stage": partial(sam, pixels),
            "windowed block": partial(sam.blocks[0], x, x),
            "windowed attention": partial(sam.blocks[0]._attend, x),
            "global block": partial(sam.blocks[2], x, x),
            "global attention": partial(sam.blocks[2]._attend, x),
            "mlp": partial(sam.blocks[0].mlp, x),
            "neck": partial(_neck, sam, x),
            "second stage": partial(tower.vision_model, features),
        }
        for name, call in parts.items():
            key = f"{side} px, {name}, ms a view"
            result[key] = do_bench(call, warmup=20, rep=100, return_mode="median") / 16
            print("encoder", key, round(result[key], 3), flush=True)
    return result
