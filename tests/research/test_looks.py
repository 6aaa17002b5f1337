import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from research.nano.model.views import Turn
from research.nano.pages import answers, blocks, canvas, drawings, listings, pages, tables, text
from research.nano.pages.blocks import Column
from research.nano.pages.canvas import Canvas
from research.nano.pages.charset import CLASS_OF
from research.nano.pages.families import FAMILIES, Face
from research.nano.pages.formulas import displayed, inline
from research.nano.pages.mathset import draw_formula, formula_width
from research.nano.pages.pages import A4, Brief, Page, draw_style, make_chart_page, make_page
from research.nano.pages.typeset import Row
from research.nano.tools.real import normal
from research.nano.training import samples
from research.nano.training.batches import draw_pair
from research.nano.training.mixture import MIXTURES

pytestmark = pytest.mark.usefixtures("assets")
FAMILY = next(f for f in FAMILIES if f.name == "DejaVuSans")
BUILDERS = (
    blocks.quote, blocks.equation, blocks.bullets, listings.code, listings.references, listings.fields,
    listings.letterhead, listings.short_lines, tables.table, tables.long_table, drawings.picture,
)  # fmt: skip


def column(seed: int, *, numbered: bool = True) -> Column:
    rng, brief = random.Random(seed), Brief(A4, 22, 1, 400, 0.09, True)
    style = draw_style(rng, brief)
    style = type(style)(**{**vars(style), "numbered": numbered, "coloured": seed % 2 == 0})
    return Column(Canvas(*A4), rng, style, text.load_corpus(), 120, 150, 900, 1500)


def rows(found: Column) -> list[Row]:
    return [part for block in found.blocks for part in block.content if isinstance(part, Row)]


def page_of(found: Column) -> Page:
    return Page(found.canvas.pixels, found.canvas.centres, tuple(found.blocks))


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_a_block_lies_in_its_column_and_below_the_one_before(build: Callable[[Column], None]) -> None:
    made = 0
    for seed in range(5):
        found = column(seed)
        build(found)
        build(found)
        made += len(found.blocks)
        boxes = [b.box for b in found.blocks]
        assert all(118 <= x0 < x1 <= 1024 and 146 <= y0 < y1 <= 1502 for x0, y0, x1, y1 in boxes)
        assert found.y >= max((b[3] for b in boxes), default=0) - 0.6 * found.style.size_px
        places = [(x, row.y) for row in rows(found) for word in row.words for x in word.xs]
        assert all(found.canvas.pixels[int(y) - 14 : int(y) + 16, int(x) - 9 : int(x) + 10].min() < 200
                   for x, y in places)  # fmt: skip
    assert made >= 5


def test_the_answer_has_the_printed_words_and_every_line_of_a_listing() -> None:
    for seed in range(6):
        found = column(seed)
        listings.code(found)
        text_, places = answers.document(page_of(found), grounded=False).finish()
        printed = [" ".join(word.text for word in row.words) for row in rows(found)]
        assert text_.split("\n") == printed and len(text_) == len(places)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_what_does_not_fit_is_left_out_or_cut(build: Callable[[Column], None]) -> None:
    for seed in range(4):
        found = column(seed)
        found.y = 1440
        build(found)
        printed = np.nonzero(found.canvas.pixels.min(1) < 200)[0]
        assert not len(printed) or printed.max() <= 1502


def test_long_cells_run_over_lines_and_rows_have_equal_cells() -> None:
    longest = 0
    for seed in range(6):
        found = column(seed)
        tables.long_table(found)
        content = found.blocks[-1].content
        text_ = answers.document(page_of(found), grounded=False).finish()[0]
        assert max(row.box[3] for row in rows(found)) <= found.blocks[-1].box[3] + 1
        cells = {row.count("<td>") for row in text_.split("</tr>")[:-1]}
        assert len(cells) == 1 and cells <= {2, 3, 4}
        longest = max(longest, sum(isinstance(a, Row) and isinstance(b, Row)
                                   for a, b in zip(content, content[1:], strict=False)))  # fmt: skip
    assert longest >= 3


@pytest.mark.parametrize("make", [inline, displayed])
def test_latex_says_what_a_formula_prints(make: Callable[[random.Random], object]) -> None:
    face, seen = Face(FAMILY, 24), set()
    for seed in range(120):
        parts = make(random.Random(seed))
        sheet = Canvas(1600, 120)
        latex, xs, end = draw_formula(sheet, face, parts, 20, 60, 0)  # type: ignore[arg-type]
        assert len(latex) == len(xs) and abs(end - 20 - formula_width(face, parts)) < 0.01  # type: ignore[arg-type]
        assert all(20 <= x <= end for x in xs) and latex.count("{") == latex.count("}") and latex.isascii()
        printed = normal("".join(part for part, _ in parts)).replace(" ", "")  # type: ignore[attr-defined]
        assert normal(f"\\({latex}\\)").replace(" ", "") == printed
        seen.add(re.sub(r"[A-Za-z0-9]", "a", latex))
    assert len(seen) > 25


def test_an_equation_is_numbered_at_the_edge() -> None:
    found = [column(seed) for seed in range(12)]
    for one in found:
        blocks.equation(one)
    numbered = [(one, b) for one in found for b in one.blocks if len(b.content[0].words) > 1]  # type: ignore[union-attr]
    assert numbered
    for one, block in numbered:
        assert abs(block.box[2] - 1020) < 12
        assert re.search(r"\\tag\{\d+\.\d\}\\\]$", answers.document(
            Page(one.canvas.pixels, [], (block,)), grounded=False).finish()[0])  # fmt: skip


def test_a_sign_that_a_font_lacks_comes_from_one_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = {"a.ttf": "α≥", "STIX-Regular.otf": "≥"}
    monkeypatch.setattr(canvas, "_missing", lambda: lacking)
    canvas.source.cache_clear()
    assert [canvas.source("a.ttf", c) for c in "xα≥"] == ["a.ttf", "STIX-Regular.otf", "DejaVuSans.ttf"]


@pytest.mark.parametrize(("size", "steps"), [(20, 4), (30, 2), (60, 1)])
def test_small_type_stands_at_quarter_pixels_and_large_at_whole(size: int, steps: int) -> None:
    found = set()
    for quarter in range(4):
        sheet = Canvas(100, 100)
        sheet.word(FAMILY.files[0], size, "x", 20 + quarter / 4, 80)
        found.add(sheet.pixels.tobytes())
    # Between whole pixels a glyph may come to stand on the next one.
    assert steps <= len(found) <= steps + (steps < 4)


def test_coloured_letters_are_paler() -> None:
    black, blue = Canvas(100, 60), Canvas(100, 60)
    black.word(FAMILY.files[0], 40, "H", 20, 50)
    blue.word(FAMILY.files[0], 40, "H", 20, 50, 76)
    assert black.pixels.min() == 0 and blue.pixels.min() == 76
    assert np.array_equal(black.pixels == 255, blue.pixels == 255)


def test_text_keeps_to_the_margins_that_are_asked() -> None:
    edges = (0.22, 0.15, 0.28, 0.1)
    page = make_page(random.Random(2), Brief(A4, 22, 1, 500, 0.09, False, edges=edges))
    y, x = np.nonzero(page.pixels < 200)
    assert x.min() >= 0.22 * A4[0] - 3 and x.max() <= 0.72 * A4[0] + 3
    assert y.min() >= 0.15 * A4[1] - 3 and y.max() <= 0.9 * A4[1] + 3


def test_running_heads_are_printed_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw() -> list[Page]:
        return [make_page(random.Random(s), Brief(A4, 22, 1, 60, 0.12, True)) for s in range(6)]

    whole = draw()
    monkeypatch.setattr(pages, "margins", lambda *_: None)
    bare = draw()
    assert [p.blocks for p in whole] == [p.blocks for p in bare]
    above = [(p.pixels[: int(0.1 * A4[1])].min(), b.pixels[: int(0.1 * A4[1])].min())
             for p, b in zip(whole, bare, strict=True)]  # fmt: skip
    assert any(a < 100 for a, _ in above) and sum(a < b for a, b in above) >= 2


def test_phrases_that_are_not_there_are_ordinary_words() -> None:
    page = make_page(random.Random(3), Brief(A4, 24, 1, 80, 0.09, True))
    printed = " ".join(w.text for row in answers.page_rows(page) for w in row.words).lower()
    absent = []
    for seed in range(60):
        answer = answers.locate(page, random.Random(seed))
        phrase = answer.prompt.split("<|ref|>")[1].split("<|/ref|>")[0]
        if answer.finish()[0] == answers.NO_PHRASE:
            absent.append(phrase)
            assert phrase.lower() not in printed
    known = {w.strip(".,;").lower() for p in text.load_corpus().prose for w in p.split()}
    ordinary = sum(set(phrase.lower().replace(",", "").split()) <= known for phrase in absent)
    assert 15 <= len(absent) <= 45 and ordinary > len(absent) / 3


def test_a_blank_page_and_a_chart_hold_no_phrase() -> None:
    chart = make_chart_page(random.Random(1), Brief(A4, 28, 1, 100, 0.09, False))
    for page in (pages.make_blank(A4), chart):
        assert answers.locate(page, random.Random(0)).finish()[0] == answers.NO_PHRASE


def test_charts_are_also_described() -> None:
    chart = make_chart_page(random.Random(1), Brief(A4, 28, 1, 100, 0.09, True))
    asked = [samples._ask(random.Random(seed), chart).prompt for seed in range(60)]
    kinds = {prompt.split()[0] for prompt in asked}
    assert kinds == {"Parse", "Describe", "Locate"} and sum("Parse" in p for p in asked) > 30


def test_a_page_is_asked_for_all_that_has_a_short_answer_and_mostly_for_phrases() -> None:
    chart = make_chart_page(random.Random(1), Brief(A4, 28, 1, 100, 0.09, True))
    text_page = make_page(random.Random(3), Brief(A4, 24, 1, 150, 0.09, True))
    for page in (chart, text_page):
        asked = [answer.prompt.split()[0] for answer in samples._ask_briefly(random.Random(0), page)]
        assert asked == ["Describe", "Parse", *["Locate"] * (samples.QUESTIONS - 2)]
    found = [samples._ask_briefly(random.Random(seed), text_page)[-1].finish()[0] for seed in range(40)]
    assert 10 < sum(text.startswith("<|ref|>") for text in found) < 35


def test_questions_to_a_page_share_its_picture(assets: Path) -> None:
    tokenizer = Tokenizer.from_file(str(assets / "tokenizer.json"))
    mixture = replace(MIXTURES["base"], asked_share=1.0)
    for mode in ("base", "gundam"):
        batch = draw_pair(random.Random(2), tokenizer, mode, 0.5, mixture, share=0.1)[0]
        pages = batch.overview.shape[0]
        assert batch.ids.shape[0] == batch.cells.shape[0] == samples.QUESTIONS * pages
        assert batch.raster.shape[0] == pages
        prompts = [
            tokenizer.decode(row[:20].tolist(), skip_special_tokens=False)
            for row in batch.ids[: samples.QUESTIONS]
        ]
        assert "Describe this image" in prompts[0] and all("Locate" in prompt for prompt in prompts[2:])
        found = tokenizer.token_to_id("<|ref|>")
        sought = torch.full_like(batch.ids, -1) if batch.sought is None else batch.sought
        assert mode == "gundam" or sought.max() >= 0
        for asked, answered in zip(sought >= 0, batch.targets, strict=True):
            start = int((answered >= 0).nonzero()[0])
            assert bool(asked.any()) is (int(answered[start]) == found)
            assert not asked[start + 1 :].any()


def test_what_a_prompt_names_is_sought_where_it_is_printed(assets: Path) -> None:
    """The letter that begins a token of the phrase is printed in the visual token that is sought."""
    tokenizer, rng = Tokenizer.from_file(str(assets / "tokenizer.json")), random.Random(4)
    turn, checked = Turn(0.0, *A4), 0
    for mode, widened in (("base", 1.0), ("base", 0.9), ("gundam", 1.0)):
        page = make_page(rng, Brief(A4, 26, 1, 150, 0.09, False))
        asked = [answers.locate(page, rng) for _ in range(12)]
        for sample in samples._build(page, mode, asked, turn, tokenizer, rng, widened):
            columns = sample.view.cells[0] + 1
            letters = np.array([(x, y) for x, y, _ in page.centres], np.float32)
            at = samples._to_view(letters, sample.view, turn) // 64
            printed = {(int(y * columns + x), c) for (x, y), (_, _, c) in zip(at, page.centres, strict=True)}
            assert len(sample.sought) == len(sample.prompt)
            assert (max(sample.sought) < 0) is (sample.text == answers.NO_PHRASE)
            for token, cell in zip(sample.prompt, sample.sought, strict=True):
                first = tokenizer.decode([token]).strip()[:1]
                if cell >= 0 and first in CLASS_OF:
                    assert (cell, CLASS_OF[first]) in printed
                    checked += 1
    assert checked > 40


def test_a_batch_is_of_short_answers_alone_or_of_all_kinds(assets: Path) -> None:
    tokenizer = Tokenizer.from_file(str(assets / "tokenizer.json"))
    for share, brief in ((1.0, True), (0.0, False)):
        mixture = replace(MIXTURES["base"], asked_share=share)
        pair = draw_pair(random.Random(1), tokenizer, "base", 0.5, mixture, share=0.15)
        longest = max(int((batch.targets >= 0).sum(1).max()) for batch in pair)
        assert (longest < 100) is brief


def test_the_mixture_for_base_has_wide_margins_books_and_sizes_that_base_resolves() -> None:
    mixture, rng = MIXTURES["base"], random.Random(0)
    found = [mixture.brief(rng, "base", 0.0, None) for _ in range(400)]
    full = [b for b in found if 17 <= b.text_px <= 29 and b.columns == 1]
    assert len(full) > 300 and sum(b.edges is not None for b in full) > 120
    assert sum(20 <= b.text_px <= 28 for b in found) > 200
    left, top, right, bottom = next(b for b in full if b.edges).frame()
    assert 0 < left < right and 0 < top < bottom


def test_prose_alone_is_of_the_text_it_was_taken_from(assets: Path) -> None:
    corpus = text.load_corpus(held=True)
    known = {word for line in corpus.prose for word in line.split()}
    plain = replace(corpus, invented=False)
    shares = []
    for source in (plain, corpus):
        drawn = [word for seed in range(60) for word in text.words(random.Random(seed), 30, source)]
        shares.append(sum(word in known for word in drawn) / len(drawn))
    assert shares[0] > 0.985 and shares[1] < 0.95


def test_small_type_is_usual_and_large_type_is_not_forgotten() -> None:
    rng = random.Random(4)
    found = [MIXTURES["base"].brief(rng, "gundam", 0.0, A4).text_px / 2 for _ in range(500)]
    assert sum(points < 14 for points in found) > 300 and 10 < sum(points > 20 for points in found) < 60


def test_code_looks_like_code(assets: Path) -> None:
    lines = text.code_lines(random.Random(0), 60, text.load_corpus())
    assert {depth for depth, _ in lines} >= {0, 1} and any("(" in line for _, line in lines)
    assert all(line.isprintable() and line == line.strip() for _, line in lines)
