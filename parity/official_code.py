"""Runs the official DeepSeek-OCR and DeepSeek-OCR-2 modules from a checkout, as they are.

What they import and this project lacks (an old vLLM, torchvision, easydict, addict, flash_attn) is replaced
while they are imported: by nothing where only a name is needed, by the documented behaviour otherwise.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import torch
from PIL import Image
from torch import Tensor, nn

from fixtures.torchvision import TRANSFORMS
from ocr_engine.families import OCR2, Mode
from ocr_engine.model.deep_encoder import UNUSED_WEIGHTS

ABSENT = ("vllm", "torchvision", "easydict", "addict", "flash_attn")


class _Values(dict):  # type: ignore[type-arg]
    """Stands for EasyDict and addict.Dict."""

    __getattr__ = dict.__getitem__


KNOWN = {
    "EasyDict": _Values,
    "Dict": _Values,
    **TRANSFORMS,
}


class _Float32Torch:
    """`torch` whose bfloat16 is float32: the official code casts tiles to bfloat16 by that name."""

    bfloat16 = torch.float32

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def _stand_in(name: str) -> Any:
    members = {
        "__init__": lambda self, *_, **__: None,
        "__class_getitem__": classmethod(lambda cls, _: cls),
        "register": staticmethod(lambda *_, **__: None),
        "register_processor": staticmethod(lambda *_, **__: lambda cls: cls),
    }
    return KNOWN.get(name) or type(name, (), members)


def _stub(name: str) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(__path__=[], __getattr__=_stand_in)
    return module


def _stubs(source: Path, roots: tuple[str, ...]) -> dict[str, ModuleType]:
    found: dict[str, ModuleType] = {}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in (name for name in names if name.partition(".")[0] in roots):
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                found.setdefault(".".join(parts[:end]), _stub(".".join(parts[:end])))
    for name, module in found.items():
        parent, _, leaf = name.rpartition(".")
        if parent:
            setattr(found[parent], leaf, module)
    return found


class Official:
    """One checkout of an official repository."""

    def __init__(self, checkout: Path, tokenizer: Any) -> None:
        self.root = next(checkout.glob("DeepSeek-OCR*-master/DeepSeek-OCR*-vllm"))
        self._tokenizer = tokenizer

    def load(self, path: str, mode: Mode, prompt: str, extra: tuple[str, ...] = ()) -> ModuleType:
        """A fresh copy of one of its modules, imported with the settings of `mode` in its `config.py`."""
        with self._imports(self.root / path, mode, prompt, (*ABSENT, *extra)):
            spec = importlib.util.spec_from_file_location(f"official_{Path(path).stem}", self.root / path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        return module

    @contextmanager
    def _imports(self, source: Path, mode: Mode, prompt: str, roots: tuple[str, ...]) -> Iterator[None]:
        config = ModuleType("config")
        config.__dict__.update(
            BASE_SIZE=mode.base_size_px,
            IMAGE_SIZE=mode.tile_size_px,
            CROP_MODE=mode.crop,
            MIN_CROPS=mode.min_tiles,
            MAX_CROPS=mode.max_tiles,
            PROMPT=prompt,
            PRINT_NUM_VIS_TOKENS=False,
            TOKENIZER=self._tokenizer,
        )
        own = {file.parent.name for file in self.root.glob("*/__init__.py")}
        sources = [source, *(self.root.glob("deepencoder*/*.py"))]
        with mock.patch.dict(sys.modules), mock.patch.object(sys, "path", [str(self.root), *sys.path]):
            for name in [name for name in sys.modules if name.partition(".")[0] in (*own, *roots)]:
                del sys.modules[name]
            sys.modules["config"] = config
            if "transformers" in roots:
                # The processor subclasses a class of another transformers; only its own methods are run.
                sys.modules["process"] = package = _stub("process")
                package.__dict__["__path__"] = [str(self.root / "process")]
            for file in sources:
                sys.modules.update(_stubs(file, roots))
            yield

    def process(self, page: Image.Image, mode: Mode, prompt: str) -> tuple[list[int], Tensor, Tensor, Tensor]:
        """Official prompt ids, global view (1, 3, S, S), tiles (1, n, 3, T, T) and grid (1, 2)."""
        module = self.load("process/image_process.py", mode, prompt, ("transformers",))
        processor = getattr(module, f"DeepseekOCR{'2' if mode.family == OCR2 else ''}Processor")()
        ((ids, pixels, tiles, _, grid, _, _),) = processor.tokenize_with_images([page], cropping=mode.crop)
        return ids[0].tolist(), pixels, tiles, grid

    def tower(self, mode: Mode, ours: nn.Module, config: Any) -> SimpleNamespace:
        """The official encoder and projector with our module's weights, and their layout function."""
        name = "deepseek_ocr2.py" if mode.family == OCR2 else "deepseek_ocr.py"
        module = self.load(name, mode, "<image>", ("transformers", "process", "einops"))
        weights = {key: value.detach().clone() for key, value in ours.state_dict().items()}
        dtype = weights["view_seperator"].dtype
        parts = SimpleNamespace(
            sam_model=_loaded(self._sam(mode, config), weights, "sam_model.", dtype),
            projector=_loaded(
                module.MlpProjector(
                    _Values(
                        projector_type="linear",
                        input_dim=config.width,
                        n_embed=len(weights["view_seperator"]),
                    )
                ),
                weights,
                "projector.",
                dtype,
            ),
            view_seperator=weights["view_seperator"],
            image_newline=weights.get("image_newline"),
        )
        second, build = ("qwen2_model", self._query) if mode.family == OCR2 else ("vision_model", self._clip)
        setattr(parts, second, _loaded(build(mode, config), weights, f"{second}.", dtype))
        if dtype == torch.float32:
            module.__dict__["torch"] = _Float32Torch()
        model_class = getattr(module, f"DeepseekOCR{'2' if mode.family == OCR2 else ''}ForCausalLM")
        parts.lay_out = lambda *page: model_class._pixel_values_to_embedding(parts, *page)
        parts.second = getattr(parts, second)
        return parts

    def _folder(self, mode: Mode) -> str:
        return "deepencoderv2" if mode.family == OCR2 else "deepencoder"

    def _sam(self, mode: Mode, config: Any) -> nn.Module:
        module = self.load(f"{self._folder(mode)}/sam_vary_sdpa.py", mode, "<image>")
        sam = config.sam
        return module.ImageEncoderViT(
            depth=sam.layers,
            embed_dim=sam.width,
            img_size=1024,
            mlp_ratio=4,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_heads=sam.heads,
            patch_size=16,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=sam.global_layers,
            window_size=14,
            out_chans=256,
        )

    def _clip(self, mode: Mode, config: Any) -> nn.Module:
        module = self.load("deepencoder/clip_sdpa.py", mode, "<image>")
        clip = config.clip
        values = _Values(module.vit_model_cfg)
        values.update(num_layers=clip.layers, ffn_hidden_size=clip.ffn, hidden_size=clip.width)
        return module.VitModel(cfg=values)

    def _query(self, mode: Mode, config: Any) -> nn.Module:
        """The official query encoder. Its mask goes in by hand: transformers no longer asks for it."""
        importlib.import_module("transformers.models.qwen2.modeling_qwen2")
        module = self.load("deepencoderv2/qwen2_d2e.py", mode, "<image>")
        query = config.query
        encoder = module.build_qwen2_decoder_as_encoder(
            decoder_layer=query.layers,
            hidden_dimension=query.width,
            num_attention_heads=query.heads,
            num_key_value_heads=query.kv_heads,
            intermediate_size=query.ffn,
        )
        inner = encoder.model.model

        def run(inputs_embeds: Tensor, token_type_ids: Tensor, **_: object) -> tuple[Tensor]:
            count, length, _channels = inputs_embeds.shape
            mask = inner._create_custom_4d_mask(
                length, inputs_embeds.dtype, inputs_embeds.device, count, token_type_ids
            )
            base = type(inner).__mro__[1]
            return (base.forward(inner, inputs_embeds=inputs_embeds, attention_mask=mask)[0],)

        encoder.model.forward = lambda embeds, types, *_: run(embeds, types)
        return encoder


def _loaded(module: nn.Module, weights: dict[str, Tensor], prefix: str, dtype: torch.dtype) -> nn.Module:
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    missing, unexpected = module.load_state_dict(own, strict=False)
    assert not unexpected and set(missing) <= set(UNUSED_WEIGHTS), (missing, unexpected)
    return module.to(dtype).eval()
