"""config.yaml is the reference of every key; a wrong config is one line: what, where and what to do."""

from pathlib import Path

import pytest
import yaml

from ocr_engine import config
from ocr_engine.config import Config
from ocr_engine.errors import UsageError

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "config.yaml"


def test_shipped_config_equals_the_defaults() -> None:
    assert config.load(SHIPPED) == Config()


def test_shipped_config_lists_every_key_with_a_comment() -> None:
    shipped = yaml.safe_load(SHIPPED.read_text())
    for key in config.all_keys():
        value = shipped
        for name in key.split("."):
            assert name in value, f"config.yaml lacks {key}"
            value = value[name]
    uncommented = [
        line
        for line in SHIPPED.read_text().splitlines()
        if ": " in line and " # " not in line and line[0] != "#"
    ]
    assert uncommented == []


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"engine.max_num_seq": 5}, ["engine.max_num_seq: unknown key", "did you mean engine.max_num_seqs?"]),
        ({"dpi": 100}, ["dpi: unknown key", "render.dpi"]),
        ({"mode": "gundan"}, ["mode", "'gundan'", "did you mean gundam?"]),
        ({"prompt": "<image>\nhi"}, ["prompt", "allow_custom_prompt"]),
        ({"prompt": "locate"}, ["--find"]),
        ({"render.dpi": "high"}, ["render.dpi", "int"]),
        ({"render.dpi": 5}, ["render.dpi", ">= 18"]),
        ({"engine": 3}, ["engine", "expected keys below it"]),
        ({"engine.ngram.size": 1}, ["engine.ngram", "never ban"]),
        ({"engine.ngram.window": 3}, ["engine.ngram", "never ban"]),
        ({"max_tiles": 10}, ["max_tiles", "<= 9"]),
        (
            {"quality.retries": [{"ngram_windo": 9}]},
            ["ngram_windo: unknown key", "did you mean", "ngram_window"],
        ),
        ({"quality.retries": [{"mode": "gundan"}]}, ["quality.retries", "did you mean gundam?"]),
        ({"quality.retries": [{"prompt": "locate"}]}, ["quality.retries", "locate", "unknown"]),
        ({"quality.retries": [{"turn": 45}]}, ["quality.retries", "45"]),
        ({"quality.retries": [{}]}, ["quality.retries", "changes nothing"]),
        ({"quality.retries": [{"ngram_window": 5}]}, ["quality.retries", "ngram_window below ngram_size"]),
        ({"quality.retries": 3}, ["quality.retries", "array"]),
        ({"quality.blank_ink": 2}, ["quality.blank_ink", "<= 1"]),
    ],
)
def test_a_wrong_value_is_named(overrides: dict[str, object], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        config.load(None, overrides)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"mode: [", "not valid YAML"), (b"- a\n", "expected keys"), (b"\xff\xfe\x00", "cannot be read")],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=word):
        config.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such config file"):
        config.load(tmp_path / "none.yaml")


def test_overrides_win_and_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("mode: base\nrender: {dpi: 200}\n")
    loaded = config.load(path, dict([config.parse_override("render.dpi=96"), ("input.path", ["a", "b"])]))
    assert (loaded.mode, loaded.render.dpi, loaded.input.path) == ("base", 96, ("a", "b"))


@pytest.mark.parametrize("text", ["mode", "=3", "mode=[", "a.b=}{"])
def test_a_wrong_override_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        config.load(None, dict([config.parse_override(text)]))


def test_fingerprint_changes_with_what_it_covers_and_only_that() -> None:
    def page(overrides: dict[str, object], index: str = "0") -> str:
        return config.fingerprint(config.load(None, overrides), config.READ_KEYS, "content", index)

    same = page({})
    assert page({"output.path": "elsewhere", "render.workers": 3}) == same
    changed = [
        page({"mode": "base"}),
        page({"render.dpi": 96}),
        page({"engine.ngram.window": 90}),
        page({}, "1"),
    ]
    assert len({same, *changed}) == 5


def test_every_read_and_write_key_exists() -> None:
    for key in (*config.READ_KEYS, *config.WRITE_KEYS):
        config.fingerprint(Config(), [key])


def test_password_never_leaves_the_config() -> None:
    assert "secret" not in str(config.as_dict(config.load(None, {"input.password": "secret"})))


def test_a_mistake_is_looked_for_where_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("mode: huge\n")
    with pytest.raises(UsageError, match="c.yaml: mode"):
        config.load(path, {"render.dpi": 96})
    with pytest.raises(UsageError, match="command line: mode"):
        config.load(path, {"mode": "vast"})
