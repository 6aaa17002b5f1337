"""What a config may not say: unknown keys, names that do not exist, values that contradict each other.

Types and ranges are msgspec's to check (`loading`). Every refusal is a UsageError that says where the value
was given, which key it is, and what would be right.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ocr_engine.config.addresses import refuse_credentials
from ocr_engine.config.engine_schema import RetryStep, step_ngram
from ocr_engine.config.keys import all_keys
from ocr_engine.config.of_family import can_ban, guard_of, no_guard
from ocr_engine.config.schema import Config, OutputConfig
from ocr_engine.config.suggestions import closest, one_of
from ocr_engine.errors import UsageError
from ocr_engine.families import AUTO, READING_PROMPTS, TOKENS, mode_names, prompt_names
from ocr_engine.formats import EXPORTS, LAYOUTS

Where = Callable[[str], str]
"""Where the value of a dotted key was given: the config file's path, or `command line`."""


_OFFICIAL_NAMES = {
    "INPUT_PATH": "input.path",
    "OUTPUT_PATH": "output.path",
    "MODEL_PATH": "engine.model",
    "PROMPT": "prompt",
    "BASE_SIZE": "mode",
    "IMAGE_SIZE": "mode",
    "CROP_MODE": "mode",
    "MAX_CROPS": "max_tiles",
    "MAX_CONCURRENCY": "engine.max_num_seqs",
    "NUM_WORKERS": "render.workers",
}
"""What the official `config.py` calls our keys."""
_REVISION = re.compile(r"(?!.*\.\.)[\w./-]{0,200}")
_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_DRIVER = re.compile(r"[A-Za-z0-9_-]{0,64}")
_NOT_THE_PAGE = re.compile(r"\{(?!page\})\s*(?i:page)[^{}]*\}")


def refuse_unknown_keys(values: Mapping[str, Any], where: Where) -> None:
    """Raises UsageError, with the key that was probably meant."""
    _refuse_unknown(values, Config, where, ())
    _refuse_unknown_in_steps(values, where)


def _refuse_unknown(values: Mapping[str, Any], cls: type, where: Where, path: tuple[str, ...]) -> None:
    known = {item.name: item for item in dataclasses.fields(cls)}
    for key, value in values.items():
        dotted = ".".join((*path, str(key)))
        if key not in known:
            raise UsageError(f"{where(dotted)}: {dotted}: unknown key{_suggestion(str(key), path, known)}")
        factory = known[key].default_factory
        if isinstance(factory, type) and dataclasses.is_dataclass(factory):
            if not isinstance(value, Mapping):
                raise UsageError(f"{where(dotted)}: {dotted}: expected keys below it, got {value!r}")
            _refuse_unknown(value, factory, where, (*path, str(key)))


def _refuse_unknown_in_steps(values: Mapping[str, Any], where: Where) -> None:
    key = "quality.retries"
    steps = (values.get("quality") or {}).get("retries")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping):
            _refuse_unknown(step, RetryStep, where, (*key.split("."),))
        if not step:
            raise UsageError(
                f"{where(key)}: {key}: this step changes nothing; name a change, such as {{mode: gundam}}"
            )


def _suggestion(key: str, path: tuple[str, ...], here: Iterable[str]) -> str:
    if key in _OFFICIAL_NAMES:
        return f" (here it is {_OFFICIAL_NAMES[key]})"
    # A key of this very name in another group comes before one that is only spelt alike.
    elsewhere = (dotted for dotted in all_keys() if dotted.rpartition(".")[2] == key)
    if meant := next(elsewhere, None):
        return f" (did you mean {meant}?)"
    meant = closest(key, here)
    return f" (did you mean {'.'.join((*path, meant))}?)" if meant else ""


def check_meaning(config: Config, where: Where) -> None:
    """Raises UsageError for values that are well-formed, but name nothing or contradict each other."""
    refuse_credentials(config, where)
    _one_of(where, "mode", config.mode, (*mode_names(), AUTO))
    prompts = prompt_names()
    if config.prompt not in prompts and not config.allow_custom_prompt:
        _one_of(where, "prompt", config.prompt, prompts, "; for another one set allow_custom_prompt: true")
    if config.prompt not in prompts and config.prompt.count("<image>") != 1:
        raise UsageError(f"{where('prompt')}: prompt: a custom prompt must contain `<image>` exactly once")
    if not _REVISION.fullmatch(config.engine.revision):
        key = "engine.revision"
        raise UsageError(
            f"{where(key)}: {key}: {config.engine.revision!r} is not the name of a commit, tag or branch"
        )
    if config.engine.lora and config.engine.backend != "vllm":
        key = "engine.lora"
        raise UsageError(
            f"{where(key)}: {key}: works with engine.backend: vllm only; servers load their own weights"
        )
    _check_together(config, where)
    _check_find(config, where)
    _check_output(config.output, where)
    if config.prompt == "locate" and not config.find:
        raise UsageError(f'{where("prompt")}: prompt: locate needs the text to find: --find "text"')
    _check_endpoints(config, where)
    _check_exports(config.output, where)
    size, window = guard_of(config.engine.ngram)
    if not can_ban(size, window):
        raise UsageError(f"{where('engine.ngram')}: engine.ngram: {no_guard(size, window)}")
    _check_steps(config, where)
    _check_second(config, where)
    _check_drivers(config, where)
    if config.watch.webhook and not config.watch.webhook.startswith(("http://", "https://")):
        raise UsageError(f"{where('watch.webhook')}: watch.webhook: expected https://HOST/PATH")


def _check_drivers(config: Config, where: Where) -> None:
    drivers = config.drivers
    found = _SHARD.fullmatch(drivers.shard)
    if drivers.shard and not (found and 1 <= int(found[1]) <= int(found[2])):
        key = "drivers.shard"
        raise UsageError(
            f"{where(key)}: {key}: {drivers.shard!r}: expected I/N with I from 1 to N, such as 2/8"
        )
    if drivers.shard and drivers.claim:
        key = "drivers.claim"
        raise UsageError(f"{where(key)}: {key}: cannot be combined with drivers.shard; set one of the two")
    if not _DRIVER.fullmatch(drivers.name):
        key = "drivers.name"
        raise UsageError(f"{where(key)}: {key}: {drivers.name!r}: letters, digits, - and _ only, at most 64")
    if drivers.claim and config.cluster.backend == "ray":
        key = "drivers.claim"
        raise UsageError(
            f"{where(key)}: {key}: cannot be combined with cluster.backend:"
            " ray, which gives out documents itself"
        )


def _check_together(config: Config, where: Where) -> None:
    key = "pages_per_request"
    if config.pages_per_request == 1:
        return
    if config.prompt not in ("markdown", "pages"):
        raise UsageError(f"{where(key)}: {key}: needs prompt: markdown; the prompt is {config.prompt!r}")
    if config.quality.confidence:
        raise UsageError(
            f"{where(key)}: {key}: cannot be combined with quality.confidence; switch one of the two off"
        )
    if config.cluster.backend != "none":
        raise UsageError(
            f"{where(key)}: {key}: does not work on a cluster, which reads"
            " each page alone; leave it at 1, or use"
            " cluster.backend: none"
        )


def _check_find(config: Config, where: Where) -> None:
    if config.find and config.prompt != "locate":
        raise UsageError(f"{where('find')}: find: needs prompt: locate; the prompt is {config.prompt!r}")
    if any(tag in config.find for tag in (TOKENS.image, "<|", "|>")):
        raise UsageError(
            f"{where('find')}: find: {config.find!r} contains a special token of the model; give plain text"
        )


def _check_output(output: OutputConfig, where: Where) -> None:
    if not output.path.strip():
        raise UsageError(f"{where('output.path')}: output.path: empty; name a folder (`.` is this one)")
    _one_of(where, "output.layout", output.layout, LAYOUTS)
    if wrong := _NOT_THE_PAGE.search(output.page_separator):
        key = "output.page_separator"
        raise UsageError(
            f"{where(key)}: {key}: {wrong[0]} is unknown; {{page}}, the page number, is the only field"
        )


def _check_endpoints(config: Config, where: Where) -> None:
    key = "engine.server.endpoints"
    endpoints = config.engine.server.endpoints
    if config.engine.backend == "server" and not endpoints:
        raise UsageError(
            f"{where(key)}: {key}: engine.backend: server needs a list of addresses, such as [http://localhost:8000]"
        )
    for url in endpoints:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{where(key)}: {key}: {url.rpartition('@')[2]!r}: expected http://HOST:PORT")


def _check_steps(config: Config, where: Where) -> None:
    for step in config.quality.retries:
        if step.mode is not None:
            _one_of(where, "quality.retries", step.mode, mode_names())
        if step.prompt is not None:
            _one_of(
                where, "quality.retries", step.prompt, [name for name in prompt_names() if name != "locate"]
            )
        size, window = guard_of(step_ngram(config.engine.ngram, step))
        if size and window < size:
            raise UsageError(
                f"{where('quality.retries')}: quality.retries: ngram_window must be at least ngram_size"
            )


def _check_second(config: Config, where: Where) -> None:
    if config.quality.dense_tables != "off":
        _needs_mending(config, where, "quality.dense_tables")
    key, prompt = "quality.second_prompt", config.quality.second_prompt
    if prompt == "none":
        return
    _one_of(where, key, prompt, ["none", *(name for name in prompt_names() if name in READING_PROMPTS)])
    if prompt == config.prompt:
        raise UsageError(
            f"{where(key)}: {key}: {prompt!r} is the first prompt, too; choose another, such as free"
        )
    _needs_mending(config, where, key)


def _needs_mending(config: Config, where: Where, key: str) -> None:
    if not LAYOUTS[config.output.layout].mends:
        layouts = " or ".join(one.name for one in LAYOUTS.values() if one.mends)
        raise UsageError(
            f"{where(key)}: {key}: for output.layout: {layouts}; others hold the model's first answer alone"
        )


def _check_exports(output: OutputConfig, where: Where) -> None:
    for name in ("tables_csv", *(export.key for export in EXPORTS.values() if export.needs_records)):
        if getattr(output, name) and not LAYOUTS[output.layout].exports:
            key, layouts = f"output.{name}", " or ".join(one.name for one in LAYOUTS.values() if one.exports)
            raise UsageError(f"{where(key)}: {key}: needs output.layout: {layouts}")


def _one_of(where: Where, key: str, value: str, known: Iterable[str], otherwise: str = "") -> None:
    if value in known:
        return
    raise UsageError(f"{where(key)}: {key}: {value!r} is unknown {one_of(value, known, otherwise)}")
