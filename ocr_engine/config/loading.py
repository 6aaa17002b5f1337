"""YAML file -> preset -> overrides -> a checked `Config`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ocr_engine.config.addresses import without_credentials
from ocr_engine.config.checks import check_meaning, refuse_unknown_keys
from ocr_engine.config.presets import PRESETS
from ocr_engine.config.prompts import understood
from ocr_engine.config.schema import Config
from ocr_engine.config.type_words import OFF_KEYS, in_words, takes_text
from ocr_engine.config.yaml_file import read_yaml
from ocr_engine.errors import UsageError


def load(path: Path | None, overrides: Mapping[str, Any] | None = None) -> Config:
    """The config of a YAML file (or the defaults), with `overrides` given as dotted keys.

    Raises:
        UsageError: unreadable file, unknown key, wrong type or value; the message names the key.
    """
    values = read_yaml(path) if path is not None else {}
    overrides = overrides or {}
    overridden = tuple(overrides)
    preset = overrides.get("preset", values.get("preset"))
    # Other types and unknown names are refused below, with the key's name.
    official = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    for key, value in (*official.items(), *overrides.items()):
        _put(values, key.split("."), value)
    _name_prompt(values)
    _spell_out(values)

    def where(key: str) -> str:
        """Where the value of a key was given."""
        from_command_line = any(other == key or other.startswith(f"{key}.") for other in overridden)
        return "command line" if from_command_line or path is None else str(path)

    refuse_unknown_keys(values, where)
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        key, reason = _place_and_reason(error)
        raise UsageError(f"{where(key)}: {key}: {in_words(key, reason)}") from None
    check_meaning(config, where)
    return config


_CHECKOUT = Path(__file__).parents[2] / "config.yaml"


def find_file(given: Path | None) -> Path | None:
    """The config file: as given, else `config.yaml` here or in the checkout, where there is one."""
    if given is not None:
        return given
    return next((path for path in (Path("config.yaml"), _CHECKOUT) if path.is_file()), None)


def default_file() -> Path:
    """The file that holds every key with its default: the checkout's, or the installed package's copy."""
    return _CHECKOUT if _CHECKOUT.is_file() else Path(__file__).with_name("config.yaml")


def parse_override(text: str) -> tuple[str, Any]:
    """`key.path=value` of `--set`; the value is read as YAML, so `true`, `5` and `[a, b]` have their types.

    The value of a key that takes any text is that text; in quotes it is read as YAML too.

    Raises:
        UsageError: no `=`, or a value that is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(
            f"--set {without_credentials(text)}: expected KEY=VALUE, such as --set engine.max_num_seqs=256"
        )
    key = key.strip()
    if takes_text(key) and value.strip()[:1] not in tuple("'\"["):
        return key, value  # as YAML the password 0123 would be the number 83
    try:
        return key, yaml.safe_load(value) if value else ""
    except yaml.YAMLError:
        raise UsageError(
            f"--set {without_credentials(text)}: the value is not valid YAML; quote it"
        ) from None


def _name_prompt(values: dict[str, Any]) -> None:
    """An official prompt that was pasted as text goes by its name from here on."""
    given = values.get("prompt")
    if isinstance(given, str):
        prompt, find = understood(given)
        values |= {"prompt": prompt} | ({"find": find} if find is not None else {})


def _spell_out(values: dict[str, Any]) -> None:
    """YAML reads `off` as false: where a key may be "off", that is what was meant."""
    for key in OFF_KEYS:
        *sections, name = key.split(".")
        section: Any = values
        for inner in sections:
            section = section.get(inner) if isinstance(section, dict) else None
        if isinstance(section, dict) and section.get(name) is False:
            section[name] = "off"


def _put(values: dict[str, Any], names: list[str], value: Any) -> None:
    for name in names[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            inner = values[name] = {}
        values = inner
    values[names[-1]] = value


def _place_and_reason(error: msgspec.ValidationError) -> tuple[str, str]:
    reason, _, place = str(error).partition(" - at `$")
    return place.strip(".`"), reason
