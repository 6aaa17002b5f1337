"""The plug-in vLLM calls in each of its processes: our classes replace its own for our architectures."""

from dataclasses import dataclass
from typing import Any

CLASSES = {"DeepseekOCRForCausalLM": "ocr_engine.model.deepseek_ocr"}
"""Architecture, which is also the class name, and its module."""


def register() -> None:
    """Put our classes into vLLM's registry. Cheap: the model code is imported when vLLM asks for it.

    vLLM's own lazy registration would inspect the class in a process of its own, which costs seconds.
    """
    from vllm.model_executor.models.registry import ModelRegistry, _BaseRegisteredModel, _ModelInfo

    @dataclass(frozen=True)
    class ImportedWhenAsked(_BaseRegisteredModel):
        module: str
        name: str

        def load_model_cls(self) -> Any:
            import importlib

            return getattr(importlib.import_module(self.module), self.name)

        def inspect_model_cls(self) -> Any:
            return _ModelInfo.from_model_cls(self.load_model_cls())

    for name, module in CLASSES.items():
        ModelRegistry.models[name] = ImportedWhenAsked(module, name)
