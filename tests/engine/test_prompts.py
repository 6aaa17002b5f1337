import pytest

from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.prompts import PromptEncoder
from ocr_engine.errors import EngineError, RequestError, UsageError
from ocr_engine.families import NGRAM_WHITELIST, PROMPTS


@pytest.fixture(scope="module")
def folder():
    return resolve("nano").folder


@pytest.fixture(scope="module")
def prompts(folder):
    return PromptEncoder(folder, NGRAM_WHITELIST)


@pytest.mark.parametrize("name", PROMPTS)
def test_layout_is_bos_image_text(prompts, name):
    ids = prompts.encode(PROMPTS[name])
    assert ids[:2] == [0, 3] and ids.count(3) == 1 and ids.count(0) == 1
    assert prompts.decode(ids[2:])[0] == PROMPTS[name].removeprefix("<image>")


def test_text_before_the_image_stays_before_it(prompts):
    ids = prompts.encode("see <image>\nhere")
    place = ids.index(3)
    assert prompts.decode(ids[1:place])[0].strip() == "see" and place > 1


@pytest.mark.parametrize("prompt", ["", "Free OCR.", "<image><image>"])
def test_exactly_one_image(prompts, prompt):
    with pytest.raises(RequestError, match="must contain"):
        prompts.encode(prompt)


def test_end_of_sequence_is_dropped_at_the_end_only(prompts):
    inside = prompts.encode("<image><|ref|>")[-1]
    text, count = prompts.decode([prompts.eos_id, 100, inside, prompts.eos_id])
    assert count == 3 and text.endswith("<|ref|>") and text.startswith("<｜end▁of▁sentence｜>")
    assert prompts.decode([]) == ("", 0)


def test_whitelist_comes_from_the_vocabulary(folder, prompts):
    assert len(prompts.whitelist_ids) == 2
    with pytest.raises(UsageError, match="<nothing>"):
        PromptEncoder(folder, ["<nothing>"])


def test_damaged_tokenizer(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineError, match=r"tokenizer\.json"):
        PromptEncoder(tmp_path, ())
