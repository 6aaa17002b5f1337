"""What the model should answer to each prompt, and where on the page each character is read."""

import random
from dataclasses import dataclass, field

from research.nano.pages.blocks import Block, Box
from research.nano.pages.pages import Page
from research.nano.pages.text import load_corpus, words
from research.nano.pages.typeset import Row

PROMPTS = {
    "markdown": "\n<|grounding|>Convert the document to markdown.",
    "free": "\nFree OCR.",
    "lines": "\n<|grounding|>OCR this image.",
    "figure": "\nParse the figure.",
    "describe": "\nDescribe this image in detail.",
    "locate": "\nLocate <|ref|>{phrase}<|/ref|> in the image.",
}
"""The official prompts, without the `<image>` that precedes them."""
NO_FIGURE = "No chart found."
NO_PHRASE = "Not found."
NUMBER_NAMES = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass
class Answer:
    """Text being written: per character the (x, y) in px that it is read from."""

    prompt: str
    text: list[str] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)
    sought: dict[int, tuple[float, float]] = field(default_factory=dict)
    """For characters of the prompt, by number: where what is asked for is printed, px."""

    def mark(self, text: str, place: tuple[float, float]) -> None:
        """Write markup read from one place."""
        self.text.append(text)
        self.places += [place] * len(text)

    def row(self, row: Row, *, spaced: bool) -> None:
        """Write the words of one printed line; spaced puts a space before the first."""
        for index, word in enumerate(row.words):
            if (index or spaced) and not word.glued and word.xs:
                self.mark(" ", (word.xs[0], row.y))
            self.text.append(word.text)
            self.places += [(x, row.y) for x in word.xs]

    def finish(self) -> tuple[str, list[tuple[float, float]]]:
        """Return the text without trailing white space, and its places."""
        text = "".join(self.text).rstrip()
        return text, self.places[: len(text)]


def units(box: Box, page: Page) -> tuple[int, int, int, int]:
    """Return a box in thousandths as the model writes them: 0..999."""
    height, width = page.pixels.shape
    scale = (width, height, width, height)
    x0, y0, x1, y1 = (max(0, min(999, round(v * 999 / s))) for v, s in zip(box, scale, strict=True))
    return x0, y0, x1, y1


def _box(answer: Answer, box: Box, page: Page, first: tuple[float, float], end: str) -> None:
    height, width = page.pixels.shape
    x0, y0, x1, y1 = units(box, page)
    last = (min(box[2], width - 1.0), min(box[3], height - 1.0))
    answer.mark(f"{x0}, {y0}, ", first)
    answer.mark(f"{x1}, {y1}", last)
    answer.mark(f"]]<|/det|>{end}", first)


def _first_place(block: Block) -> tuple[float, float]:
    rows = [part for part in block.content if isinstance(part, Row) and part.words[0].xs]
    if rows:
        return rows[0].words[0].xs[0], rows[0].y
    return (block.box[0] + block.box[2]) / 2, (block.box[1] + block.box[3]) / 2


def _content(answer: Answer, block: Block) -> None:
    place, after_row = _first_place(block), False
    for index, part in enumerate(block.content):
        if isinstance(part, Row):
            answer.row(part, spaced=after_row)
            place = (part.words[-1].xs[-1], part.y) if part.words[-1].xs else place
            after_row = True
            continue
        following = block.content[index + 1] if index + 1 < len(block.content) else None
        if isinstance(following, Row) and following.words[0].xs:
            place = (following.words[0].xs[0], following.y)
        answer.mark(part, place)
        after_row = False


def _displayed(answer: Answer, block: Block) -> None:
    row = block.content[0]
    assert isinstance(row, Row)
    word, *number = row.words
    answer.text.append("\\[" + word.text[2:-2])
    answer.places += [(x, row.y) for x in word.xs[:-2]]
    for printed in number:
        answer.mark(f"\\tag{{{printed.text[1:-1]}}}", (printed.xs[0], row.y))
    answer.mark("\\]", answer.places[-1])


def document(page: Page, *, grounded: bool) -> Answer:
    """Write the page in reading order, each block under its box when grounded."""
    answer = Answer(PROMPTS["markdown" if grounded else "free"])
    for block in page.blocks:
        if block.kind == "image" and not grounded:
            continue
        first = _first_place(block)
        if grounded:
            hashes = {"title": "# ", "sub_title": "## "}.get(block.kind, "")
            answer.mark(f"<|ref|>{block.kind}<|/ref|><|det|>[[", first)
            _box(answer, block.box, page, first, "\n" + hashes)
        if block.kind == "equation":
            _displayed(answer, block)
        else:
            _content(answer, block)
        answer.mark("\n\n", answer.places[-1] if answer.places else first)
    return answer


def page_rows(page: Page) -> list[Row]:
    """Return the printed lines of a page in reading order."""
    return [p for b in page.blocks for p in b.content if isinstance(p, Row) and p.words[0].xs]


def lines(page: Page) -> Answer:
    """Write every printed line with its box."""
    answer = Answer(PROMPTS["lines"])
    for row in page_rows(page):
        first = (row.words[0].xs[0], row.y)
        answer.mark("<|ref|>", first)
        answer.row(row, spaced=False)
        answer.mark("<|/ref|><|det|>[[", first)
        _box(answer, row.box, page, first, "\n")
    return answer


def _phrase(row: Row, rng: random.Random) -> tuple[str, Box, list[tuple[float, float]]]:
    """Choose one to four words of a printed line; return them, their box, and each character's place."""
    start = rng.randrange(len(row.words))
    found = row.words[start : start + rng.randint(1, 4)]
    places: list[tuple[float, float]] = []
    for word in found:
        xs = (*word.xs[:1], *word.xs) if places else word.xs
        places += [(x, row.y) for x in xs]
    return " ".join(word.text for word in found), (found[0].x0, row.box[1], found[-1].x1, row.box[3]), places


def _absent_phrase(everything: str, rng: random.Random) -> str:
    """Return words that are not on the page: of another text, a dictionary, or the page's, changed."""
    corpus, printed = load_corpus(), everything.lower()
    while True:
        kind, own = rng.random(), everything.split()
        found = words(rng, rng.randint(1, 4), corpus, 0.1 if kind < 0.6 else 0.85)
        if kind > 0.85 and own:
            found = [rng.choice(own), *found[:1]]
        phrase = " ".join(found).strip(".,;:")
        if phrase and phrase.lower() not in printed:
            return phrase


def locate(page: Page, rng: random.Random) -> Answer:
    """Ask for a phrase and answer with its box, or for one that is not there, with NO_PHRASE."""
    rows = page_rows(page)
    everything = " ".join(word.text for r in rows for word in r.words)
    for _ in range(4 if rows and rng.random() < 0.62 else 0):
        row = rng.choice(rows)
        phrase, box, places = _phrase(row, rng)
        if phrase and everything.count(phrase) == 1 and "\\" not in phrase:
            answer = Answer(PROMPTS["locate"].format(phrase=phrase))
            answer.sought = dict(enumerate(places, PROMPTS["locate"].index("{")))
            first = (box[0], row.y)
            answer.mark(f"<|ref|>{phrase}<|/ref|><|det|>[[", first)
            _box(answer, box, page, first, "")
            return answer
    height, width = page.pixels.shape
    answer = Answer(PROMPTS["locate"].format(phrase=_absent_phrase(everything, rng)))
    answer.mark(NO_PHRASE, (width / 2, height / 2))
    return answer


def figure(page: Page) -> Answer:
    """Answer a chart as a table of its labels and values, anything else with NO_FIGURE."""
    answer = Answer(PROMPTS["figure"])
    height, width = page.pixels.shape
    middle = (width / 2, height / 2)
    if page.chart is None:
        answer.mark(NO_FIGURE, middle)
        return answer
    cells = "".join(f"<tr><td>{a}</td><td>{b}</td></tr>" for a, b in page.chart.rows)
    answer.mark(f"<table>{cells}</table>", middle)
    return answer


def _count(number: int, noun: str) -> str:
    name = NUMBER_NAMES[number] if number < len(NUMBER_NAMES) else "many"
    return f"{name} {noun}{'' if number == 1 else 's'}"


def describe(page: Page) -> Answer:
    """Answer with one sentence of a fixed form."""
    answer = Answer(PROMPTS["describe"])
    height, width = page.pixels.shape
    kinds = [block.kind for block in page.blocks]
    if page.chart is not None:
        text = f"A {page.chart.kind} chart with {_count(len(page.chart.rows), 'value')}."
    elif not kinds:
        text = "A blank page."
    else:
        parts = (_count(page.columns, "column"), _count(kinds.count("table"), "table"))
        text = f"A page of text in {parts[0]}, with {parts[1]} and {_count(kinds.count('image'), 'figure')}."
    answer.mark(text, (width / 2, height / 2))
    return answer
