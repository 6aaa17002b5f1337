"""The config's keys of the engine: the model, how vLLM runs it, the n-gram guard, a retry's changes."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from ocr_engine.families import NGRAM_MAX_SIZE, NGRAM_MAX_WHITELIST, NGRAM_MAX_WINDOW, NGRAM_WHITELIST

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
NgramSize = Annotated[int, msgspec.Meta(ge=0, le=NGRAM_MAX_SIZE)]
NgramWindow = Annotated[int, msgspec.Meta(ge=0, le=NGRAM_MAX_WINDOW)]


@dataclass(frozen=True, slots=True)
class NgramConfig:
    """The n-gram guard: no n-gram of `size` tokens twice within `window` output tokens. 0 turns it off.

    `auto` is what the official script of the model family has.
    """

    size: Literal["auto"] | NgramSize = "auto"
    window: Literal["auto"] | NgramWindow = "auto"
    whitelist: Annotated[tuple[str, ...], msgspec.Meta(max_length=NGRAM_MAX_WHITELIST)] = NGRAM_WHITELIST


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Running vLLM servers that answer instead of an engine of our own."""

    endpoints: tuple[str, ...] = ()
    model: str = ""
    images: Literal["views", "png"] = "views"
    in_flight: Positive = 64
    timeout_s: Seconds = 600.0
    answer_timeout_s: Seconds = 3600.0
    patience_s: Seconds = 600.0


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The model and how vLLM runs it."""

    backend: Literal["vllm", "server", "replay"] = "vllm"
    model: str = "auto"
    revision: str = ""
    lora: str = ""
    replay_from: str = ""
    replay_delay_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    replicas: Literal["auto"] | Positive = "auto"
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    quantization: Literal["", "fp8", "int8", "mxfp4"] = ""
    kv_cache_dtype: Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2"] = "auto"
    attention_backend: Literal["", "FLASH_ATTN", "FLASHINFER", "TRITON_ATTN"] = ""
    max_num_seqs: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_num_batched_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_model_len: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    gpu_memory_utilization: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.85
    kv_cache_gb: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    enforce_eager: bool = False
    drafts: Literal["auto", "always", "off"] = "auto"
    in_flight: Annotated[int, msgspec.Meta(ge=0)] = 0
    start_timeout_s: Seconds = 1800.0
    hang_timeout_s: Seconds = 300.0
    max_deaths: Positive = 8
    ngram: NgramConfig = field(default_factory=NgramConfig)
    server: ServerConfig = field(default_factory=ServerConfig)


@dataclass(frozen=True, slots=True)
class RetryStep:
    """One more attempt at a page: what differs from the config. `halves` reads its top and bottom apart.

    `turn` is clockwise; 90 and 270 are tried only where the page's lines run down it.
    """

    mode: str | None = None
    prompt: str | None = None
    ngram_size: NgramSize | None = None
    ngram_window: NgramWindow | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    halves: bool = False
    turn: Literal[0, 90, 180, 270] = 0


def step_ngram(ngram: NgramConfig, step: RetryStep) -> NgramConfig:
    """The n-gram guard of an attempt."""
    size = ngram.size if step.ngram_size is None else step.ngram_size
    window = ngram.window if step.ngram_window is None else step.ngram_window
    return dataclasses.replace(ngram, size=size, window=window)
