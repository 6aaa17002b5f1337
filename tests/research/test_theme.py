"""What pages come back to: names, phrases from before, footnotes and the marks that lead to them."""

import random
from dataclasses import replace

import pytest

from research.nano.pages import pages
from research.nano.pages.canvas import Canvas
from research.nano.pages.families import FAMILIES, Face
from research.nano.pages.pages import A4, Brief, make_page
from research.nano.pages.theme import LEAST_LETTERS, Theme, draw_theme, made_up_name
from research.nano.pages.typeset import Word, break_lines, draw_word, word_width
from research.nano.tools.evaluate import TRIALS, trial_brief
from research.nano.tools.real import normal
from research.nano.training.mixture import MIXTURES

draws = pytest.mark.usefixtures("assets")
FACE = Face(next(f for f in FAMILIES if f.name == "DejaVuSans"), 22)
PROSE = [f"word{i}" for i in range(400)]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 300])
def test_the_number_of_words_stays(count: int) -> None:
    theme = Theme(("Jacc",), 0.3, 1.0)
    for seed in range(20):
        assert len(theme.weave(random.Random(seed), PROSE[:count])) == count


def test_phrases_come_again_word_for_word_where_asked() -> None:
    theme, rng = Theme(echo_share=1.0), random.Random(0)
    found = theme.weave(rng, PROSE)
    again = [i for i, word in enumerate(found) if word in found[:i]]
    assert 30 < len(again) < 200
    runs = [i for i in again if i + 1 in again and found.index(found[i]) + 1 == found.index(found[i + 1])]
    assert len(runs) > len(again) / 2
    assert Theme().weave(rng, PROSE) == PROSE


def test_what_is_remembered_is_bounded() -> None:
    theme, rng = Theme(echo_share=1.0), random.Random(0)
    for _ in range(20):
        theme.weave(rng, PROSE)
    assert set(theme._said) <= set(PROSE) and len(theme._said) == 600


def test_names_take_the_place_of_longer_words_and_leave_their_marks() -> None:
    theme = Theme(("Jacc", "VGG"), 1.0)
    found = theme.weave(random.Random(1), ["of", "parsers,", "the", "grammar."])
    assert found[0] == "of" and found[2] == "the"
    assert found[1] in ("Jacc,", "VGG,") and found[3] in ("Jacc.", "VGG.")
    assert all(theme.is_name(word) == (len(word) >= LEAST_LETTERS) for word in found)
    assert not Theme().is_name("Jacc")


def test_names_are_words_of_their_own() -> None:
    found = {made_up_name(random.Random(seed)) for seed in range(200)}
    assert len(found) > 150 and all(name.split() == [name] and name.isprintable() for name in found)


@draws
def test_a_noted_word_is_read_with_its_raised_number() -> None:
    sheet = Canvas(400, 100)
    word = Word("document.", note="12")
    placed = draw_word(sheet, FACE, word, 20, 60)
    assert placed.text == "document.\\(^{12}\\)" and len(placed.xs) == len(placed.text)
    assert normal(placed.text) == "document.12"
    assert abs(placed.x1 - 20 - word_width(FACE, word)) < 0.01
    assert word_width(FACE, word) > word_width(FACE, Word("document.")) + 5
    bare = Canvas(400, 100)
    end = draw_word(bare, FACE, Word("document."), 20, 60).x1
    assert (sheet.pixels != bare.pixels)[:, : int(end)].sum() == 0
    raised = sheet.pixels[:, int(end) :] < 128
    assert raised.any() and raised.nonzero()[0].max() < 60 - 0.2 * FACE.size_px


@draws
def test_the_number_goes_with_the_end_of_a_broken_word() -> None:
    words = [Word("incomprehensibilities", note="3")] * 4
    lines = break_lines(words, FACE, 400, 0, 1.0, random.Random(0))
    whole = [word for line in lines for word in line]
    assert any(word.hyphen for word in whole)
    assert all(bool(word.note) != word.hyphen for word in whole)


@draws
def test_some_pages_have_several_footnotes_with_raised_or_plain_numbers() -> None:
    starts, most = set(), 0
    for seed in range(60):
        page = make_page(random.Random(seed), Brief(A4, 22, 1, 200, 0.09, True, varied=True))
        notes = [block for block in page.blocks if block.kind == "footnote"]
        most = max(most, len(notes))
        boxes = [block.box for block in notes]
        assert boxes == sorted(boxes, key=lambda box: box[1]) and all(box[3] < A4[1] for box in boxes)
        starts |= {block.content[0].words[0].text[:2] == "\\(" for block in notes}  # type: ignore[union-attr]
    assert most >= 2 and starts == {True, False}


def test_pages_differ_in_what_fills_them() -> None:
    drawn = [pages._shares(random.Random(seed), varied=True) for seed in range(50)]
    tables = [shares[5] / sum(shares) for shares in drawn]
    assert max(tables) > 4 * min(tables) and all(min(shares) > 0 for shares in drawn)
    assert pages._shares(random.Random(0), varied=False) == [share for _, share, _ in pages._MIX]


@draws
def test_pages_of_trials_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Theme:
        raise AssertionError

    monkeypatch.setattr(pages, "draw_theme", fail)
    for trial in TRIALS[:2]:
        make_page(random.Random(0), trial_brief(random.Random(0), trial))
    with pytest.raises(AssertionError):
        make_page(random.Random(0), trial_brief(random.Random(0), replace(TRIALS[0], varied=True)))
    assert all(mixture.brief(random.Random(0), "base", 1.0, None).varied for mixture in MIXTURES.values())


def test_most_pages_come_back_to_little() -> None:
    drawn = [draw_theme(random.Random(seed)) for seed in range(300)]
    assert 60 < sum(bool(theme.names) for theme in drawn) < 150
    assert 80 < sum(theme.echo_share > 0 for theme in drawn) < 170
    assert 15 < sum(theme.noted for theme in drawn) < 70


def test_notes_are_numbered_as_they_come() -> None:
    theme, rng = Theme(noted=True), random.Random(0)
    found = [note for _ in range(500) if (note := theme.note(rng))]
    assert found == [str(i + 1) for i in range(len(found))] and 3 < len(found) < 30
    assert not Theme().note(rng)
