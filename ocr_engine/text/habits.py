"""What the model habitually writes otherwise than the page has it, as far as its text alone gives that away.

Named rules for running text and table cells; `text.habits` names those that are applied. How often each is
right, on real answers whose PDFs are known, is measured by `python -m bench.habits`.
"""

import re
from collections.abc import Collection, Iterator
from itertools import islice

from ocr_engine.config import HabitName
from ocr_engine.text.clean import Rule
from ocr_engine.text.notation import TOKEN, closing_tokens

_SMALL, _CAPITAL = "a-z\xdf-\xf6\xf8-\xff", "A-Z\xc0-\xd6\xd8-\xde"
_AND = (
    "and|or|nor|to|versus|vs|but|than|as|und|oder|bzw|sowie|bis|als|wie|noch|statt|mit|et|ou|y|e|o|u|en|of|tot"
    "|och|eller|og|ja|tai|i|in|ili|lub|a"
)
"""What follows a hyphen that stands for the rest of a word: `Start- und Endwert`, `two- to threefold`."""
_NO_AND = rf"(?=[{_SMALL}])(?!(?:{_AND})\b)"
_FIRST_PARTS = "non well self pre post multi semi anti inter sub co third high low long short full half real"
_FIRST_PART = "|".join(rf"(?<=\b{word}- )|(?<=\b{word.capitalize()}- )" for word in _FIRST_PARTS.split())
_IN_NAME = "|".join(f"(?<=[a-z](?!Item)[A-Z][a-z]{{{length}}}ltem)" for length in range(1, 16))
"""After a capital within a word and small letters; not one that this rule made."""
_GLUED = "The|This|These|That|If|In|It|An|All|For|When|Each|On|No"


def _habit(name: HabitName, pattern: str, replacement: str, reason: str) -> Rule:
    return Rule(name, re.compile(pattern), replacement, reason)


HABITS = (
    _habit(
        "glued_words",
        rf"(?<=[a-z][a-z])(?=(?:{_GLUED}) )",
        " ",
        "`verdictThe IUT`: lines of the page put together without a blank",
    ),
    _habit(
        "item_names",
        rf"ltem(?:(?<=\bltem)|{_IN_NAME}|(?<=ltemltem))(?=s?\b|[A-Z]|ltem)",
        "Item",
        "`GetFolderltems`: the capital I inside a name read as l",
    ),
    _habit(
        "hyphens",
        # A word with a capital after it starts an item of a list, or a thought.
        rf"- (?:(?<=[0-9{_CAPITAL}]- )(?=[0-9{_CAPITAL}])(?![{_CAPITAL}][{_SMALL}])"
        rf"|(?:{_FIRST_PART}){_NO_AND})",
        "-",
        "`2025- 02- 18`, `BV- 03- C`, `non- empty`: a blank after the hyphen that no page has",
    ),
    _habit(
        "word_hyphens",
        rf"- (?<=[{_SMALL}]- ){_NO_AND}",
        "-",
        "`image- properties`: the same between any words; some write `closet- you have to` for a dash",
    ),
    _habit(
        "bullets",
        rf"- (?<=[^\W_][.;:]- )(?=[{_CAPITAL}])",
        "\n- ",
        "`... is done.- The next`: the next item of a list, in the line of the one before",
    ),
)
"""In the order in which they are applied: what a word is comes before what its first letter decides.

A pattern begins with the characters that it needs, and looks back from behind them: only there it is tried.
"""

_KEPT = re.compile(r"(<[^<>]*+>|!?\[[^\[\]\n]*+\]\([^()\n]*+\)|(?:\b[A-Za-z][a-z]{1,8}://|\bwww\.)[^\s<>]++)")
"""Tags, links and addresses, which are not text."""
_LATEX = re.compile(r"\\[A-Za-z]|[\^_]\{")
"""A line with such is a formula, delimiters or not."""
_NO_TEXT = frozenset({"equation", "interline_equation", "formula", "code", "algorithm"})


def mend(text: str, names: Collection[str], *, label: str = "", cell: bool = False) -> str:
    """Clean prose or, as `cell`, the HTML of a table with the named habits undone. Linear time.

    No formula, code, tag or address is touched, and no line is cut within a cell. `label` is the block's.
    """
    rules = [rule for rule in HABITS if rule.name in names and not (cell and "\n" in rule.replacement)]
    if not rules or label in _NO_TEXT:
        return text
    return "".join(_mended(piece, rules) if is_text else piece for is_text, piece in stretches(text))


def _mended(piece: str, rules: list[Rule]) -> str:
    for rule in rules:
        piece = rule.pattern.sub(rule.replacement, piece)
    return piece


def stretches(text: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces, each with whether it is plain text: no formula, code, tag, link or address."""
    for is_text, piece in _outside_formulas(text):
        if not is_text:
            yield False, piece
            continue
        for line in piece.splitlines(keepends=True):
            if _LATEX.search(line):
                yield False, line
            else:
                yield from ((not index % 2, part) for index, part in enumerate(_KEPT.split(line)) if part)


def _outside_formulas(text: str) -> Iterator[tuple[bool, str]]:
    """Formulas and code in one line, from opener to closer; one that is never closed goes on to the end."""
    tokens = list(TOKEN.finditer(text))
    ends = closing_tokens(tokens)
    position = 0
    for index, token in enumerate(tokens):
        if token.start() < position or token[0] in ("\\\\", "\\)", "\\]", "\\$") or token[0][0] == "\n":
            continue
        yield True, text[position : token.start()]
        position = tokens[ends[index]].end() if index in ends else _paragraph_end(tokens, index, len(text))
        yield False, text[token.start() : position]
    yield True, text[position:]


def _paragraph_end(tokens: list[re.Match[str]], index: int, end: int) -> int:
    return next((token.start() for token in islice(tokens, index, None) if token[0][0] == "\n"), end)
