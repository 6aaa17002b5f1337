"""config.yaml is the reference of every key; a wrong config is one line: what, where and what to do."""

from pathlib import Path

import pytest
import yaml

from ocr_engine import config
from ocr_engine.config import Config
from ocr_engine.errors import UsageError

ROOT = Path(__file__).parents[2]
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
        ({"render.dpi": "high"}, ["render.dpi", "a whole number, got text"]),
        ({"render.dpi": 5}, ["render.dpi", "at least 18"]),
        ({"engine": 3}, ["engine", "expected keys below it"]),
        ({"engine.ngram.size": 1}, ["engine.ngram", "never ban"]),
        ({"engine.ngram.window": 3}, ["engine.ngram", "never ban"]),
        ({"max_tiles": 33}, ["max_tiles", "at most 32"]),
        (
            {"quality.retries": [{"ngram_windo": 9}]},
            ["ngram_windo: unknown key", "did you mean", "ngram_window"],
        ),
        ({"quality.retries": [{"mode": "gundan"}]}, ["quality.retries", "did you mean gundam?"]),
        ({"quality.retries": [{"prompt": "locate"}]}, ["quality.retries", "locate", "unknown"]),
        ({"quality.retries": [{"turn": 45}]}, ["quality.retries", "45 is unknown", "0, 90, 180, 270"]),
        ({"quality.retries": [{}]}, ["quality.retries", "changes nothing"]),
        (
            {"quality.retries": [{"ngram_window": 5}]},
            ["quality.retries", "ngram_window must be at least ngram_size"],
        ),
        ({"quality.retries": 3}, ["quality.retries", "a list, got a whole number"]),
        ({"engine.quantization": "int4"}, ["engine.quantization", "'int4'", "one of:", "fp8, int8, mxfp4"]),
        ({"engine.revision": "../x"}, ["engine.revision", "not the name of a commit, tag or branch"]),
        ({"engine.dtype": "bf16"}, ["engine.dtype", "did you mean bfloat16?"]),
        ({"engine.attention_backend": "flash_attn"}, ["did you mean FLASH_ATTN?"]),
        ({"engine.replicas": "all"}, ["engine.replicas", "one of: auto, a whole number"]),
        ({"input.pages": 3}, ["input.pages", "expected text, got a whole number; put it in quotes"]),
        ({"output.path": None}, ["output.path", "got nothing"]),
        ({"output.path": " "}, ["output.path", "empty; name a folder"]),
        ({"output.page_separator": "<!-- {page:04d} -->"}, ["page_separator", "{page:04d}", "{page}"]),
        ({"output.page_separator": "<!-- {Page} -->"}, ["page_separator", "{Page}"]),
        ({"find": "Total"}, ["find", "prompt: locate", "'markdown'"]),
        ({"prompt": "locate", "find": "a <|ref|>"}, ["find", "contains a special token"]),
        ({"INPUT_PATH": "x"}, ["INPUT_PATH: unknown key (here it is input.path)"]),
        ({"quality.blank_ink": 2}, ["quality.blank_ink", "at most 1"]),
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
    [
        (b"mode: [", "line 1: not valid YAML"),
        (b"- a\n", "expected keys"),
        (b"\xff\xfe\x00", "cannot be read: it is not UTF-8 text"),
        (b"mode: base\n\nmode: large\n", "line 3: mode: stands twice"),
        (b"output: {html: true}\nmode: base\noutput: {zip: true}\n", "line 3: output: stands twice"),
        (b"output: {html: true, html: false}\n", "html: stands twice"),
        (b"output:\n\tpath: x\n", "line 2: not valid YAML: .* indent with spaces"),
    ],
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("input.password=0123", "0123"),
        ("input.password='0123'", "0123"),
        ("input.pages=3", "3"),
        ("input.path=[a, b]", ["a", "b"]),
        ("input.path=2024", "2024"),
        ("output.page_separator=# Page {page}", "# Page {page}"),
        ("prompt=a: b", "a: b"),
        ("render.dpi=96", 96),
        ("output.html=true", True),
        ("engine.replicas=2", 2),
        ("output.mirror=", ""),
    ],
)
def test_an_override_of_text_is_text(text: str, value: object) -> None:
    assert config.parse_override(text)[1] == value


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("<image>\n<|grounding|>Convert the document to markdown.", "markdown"),
        ("<image>\\n<|grounding|>OCR this image.", "ocr"),
        ("<image>\nFree OCR. ", "free"),
        ("Free OCR", "free"),
        ("free ocr", "free"),
        ("grounding", "markdown"),
        ("describe this image in detail.", "describe"),
        ("markdown", "markdown"),
    ],
)
@pytest.mark.parametrize("custom", [False, True])
def test_an_official_prompt_is_known_by_its_text(given: str, name: str, custom: bool) -> None:
    assert config.load(None, {"prompt": given, "allow_custom_prompt": custom}).prompt == name


def test_the_official_prompt_to_locate_holds_what_is_looked_for() -> None:
    pasted = config.load(None, {"prompt": "<image>\nLocate <|ref|>the total<|/ref|> in the image."})
    assert (pasted.prompt, pasted.find) == ("locate", "the total")
    unfilled = {"prompt": "<image>\nLocate <|ref|>xxxx<|/ref|> in the image.", "find": "Total"}
    assert (config.load(None, unfilled).prompt, config.load(None, unfilled).find) == ("locate", "Total")


def test_a_custom_prompt_stays_as_it_is() -> None:
    def custom(text: str) -> str:
        return config.load(None, {"prompt": text, "allow_custom_prompt": True}).prompt

    assert custom("<image>\nTables as CSV.") == "<image>\nTables as CSV."
    assert custom("<image>\\nTables as CSV.") == "<image>\nTables as CSV."
    # Without the tag it asks for text without boxes.
    assert custom("<image>\nConvert the document to markdown.").startswith("<image>")


def test_anchors_may_give_a_key_again(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("output: &o {html: true}\n", encoding="utf-8-sig")
    assert config.load(path).output.html
    path.write_text(
        "render: &r {dpi: 96, workers: 1}\nengine: {ngram: {<<: {size: 9}, size: 30, window: 90}}\n"
    )
    assert config.load(path).engine.ngram.size == 30


def test_fingerprint_changes_with_what_it_covers_and_only_that() -> None:
    def page(overrides: dict[str, object], index: str = "0") -> str:
        loaded = config.load(None, overrides)
        return config.fingerprint(loaded, config.read_keys(loaded), "content", index)

    same = page({})
    assert page({"output.path": "elsewhere", "render.workers": 3}) == same
    assert page({"auto_mode.min_type_px": 9}) == same, "no page's mode is chosen"
    assert page({"mode": "auto"}) != page({"mode": "auto", "auto_mode.min_type_px": 9})
    assert page({"quality.confidence": False}) == same != page({"quality.confidence": True})
    assert page({"pages_per_request": 8}) not in (same, page({"pages_per_request": "document"}))
    changed = [
        page({"mode": "base"}),
        page({"render.dpi": 96}),
        page({"engine.ngram.window": 90}),
        page({}, "1"),
    ]
    assert len({same, *changed}) == 5


def test_every_read_and_write_key_exists() -> None:
    more = (*config.AUTO_READ_KEYS, *config.CONFIDENCE_KEYS, "pages_per_request")
    for key in (*config.READ_KEYS, *more, *config.WRITE_KEYS):
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


@pytest.mark.parametrize("text", ["off", "'off'", "false"])
def test_off_without_quotes_is_off(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"engine: {{drafts: {text}}}")
    assert config.load(path).engine.drafts == "off"
    assert config.load(None, dict([config.parse_override("engine.drafts=off")])).engine.drafts == "off"
