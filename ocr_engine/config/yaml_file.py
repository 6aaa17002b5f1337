"""The text of a config file to plain values: YAML, read strictly, with errors for people."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from ocr_engine.errors import UsageError


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys and values of a config file; an empty one has none.

    Raises:
        UsageError: no such file, unreadable, not UTF-8, not YAML, or a key that stands twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such config file; give one with --config") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: cannot be read: it is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        values = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: {_words(error)}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected keys and values, such as `mode: gundam`")
    return values


class _StrictLoader(yaml.SafeLoader):
    """YAML keeps the last of two equal keys: of two `output:` sections the first would be lost unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key}: stands twice on one level; put both together", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _words(error: yaml.YAMLError) -> str:
    """What is wrong and in which line."""
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(str(getattr(error, "problem", "") or error).split())
    line = f"line {mark.line + 1}: " if mark is not None else ""
    if isinstance(error, yaml.constructor.ConstructorError):
        return f"{line}{problem}"
    hint = "; indent with spaces, not with tabs" if "'\\t'" in problem else ""
    return f"{line}not valid YAML: {problem}{hint}"
