from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from research.nano.model.tokenizer import BOS, EOS, IMAGE, MARKUP, PAD, VOCABULARY, answer_text, token_id
from tests.research.conftest import TOKENIZER

SHIPPED = Tokenizer.from_file(str(TOKENIZER))


def ids(text: str) -> list[int]:
    return list(SHIPPED.encode(text, add_special_tokens=False).ids)


def test_the_special_tokens_are_where_the_config_says() -> None:
    assert [token_id(SHIPPED, t) for t in (BOS, EOS, PAD, IMAGE)] == [0, 1, 2, 3]
    assert SHIPPED.get_vocab_size() == VOCABULARY


def test_numbers_and_markup_are_one_token_each() -> None:
    assert all(len(ids(str(n))) == 1 for n in range(1000))
    assert all(len(ids(f"{n:02d}")) == 1 for n in range(100))
    assert all(len(ids(mark)) == 1 for mark in MARKUP)


def test_a_box_takes_nine_tokens() -> None:
    assert len(ids("<|ref|>text<|/ref|><|det|>[[104, 88, 520, 113]]<|/det|>\n")) == 9


@given(st.text(max_size=60))
def test_any_text_survives(text: str) -> None:
    assert SHIPPED.decode(ids(text), skip_special_tokens=False) == text


@given(st.text(max_size=30), st.lists(st.integers(4, VOCABULARY - 1), max_size=5))
def test_an_answer_ends_with_its_end(text: str, rest: list[int]) -> None:
    assert answer_text(SHIPPED, [*ids(text), 1, *rest]) == text
