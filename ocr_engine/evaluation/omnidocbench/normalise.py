"""Texts, formulas and tables to the strings that are compared (`utils/data_preprocess.py`)."""

import html
import logging
import re
import unicodedata
from functools import cache, lru_cache

from bs4 import BeautifulSoup
from pylatexenc.latex2text import LatexNodes2Text

from ocr_engine.evaluation.omnidocbench.protocol import Protocol

_INLINE_FORMULA = re.compile(r"\$(.*?)\$|\\\((.*?)\\\)")
_ESCAPE = re.compile(r"\\([\\_&%^])")
_WHITE_ESCAPES = ("\\t", "\\n", "\t", "\n", "/t", "/n")
_NOT_WORD = re.compile(r"[^\w\u4e00-\u9fff]")

_DISPLAY = re.compile(r"\\\[(.+?)(?<!\\)\\\]")
_FORMULA_DROPPED = tuple(
    re.compile(pattern)
    for pattern in (
        r"\\tag\{.*?\}",
        r"\\hspace\{.*?\}",
        r"\\begin\{.*?\}",
        r"\\end\{.*?\}",
        r"\\arraycolsep.*?\}",
    )
)
# Deleted as plain substrings in this order: `\text` takes the head of `\textit`, and so on.
_FORMULA_COMMANDS = re.findall(
    r"\w+",
    "mathbf mathrm mathnormal mathit mathbb mathcal mathscr mathfrak mathsf mathtt textbf text boldmath "
    "boldsymbol operatorname bm symbfit mathbfcal symbf scriptscriptstyle notag setlength coloneqq space "
    "thickspace thinspace medspace nobreakspace negmedspace quad qquad enspace substackw",
)
_FORMULA_LITERALS_V1_0 = (*("\\" + command for command in _FORMULA_COMMANDS), " ")
_FORMULA_LITERALS_V1_5 = (
    *_FORMULA_LITERALS_V1_0,
    "$$",
    "\\left",
    "\\right",
    "\\displaystyle",
    "\\text",
)

_TABLE_BODY = re.compile(r"<table\b[^>]*>(.*)</table>", re.DOTALL | re.IGNORECASE)
_TABLE_REWRITES = (
    *((re.compile(f' {name}=".*?"'), "") for name in ("style", "height", "width", "align", "class")),
    (re.compile(r"</?tbody>"), ""),
    (re.compile(r"\s+"), " "),
)
_COLGROUP = re.compile("<colgroup>.*?</colgroup>")
_BARE_TAGS = (
    *(f"<{slash}{tag}>" for tag in ("sup", "sub", "span", "div", "p") for slash in ("", "/")),
    '<spandata-span-identity="">',
)


@lru_cache(maxsize=4096)
def text(raw: str) -> str:
    """Only word characters: spaces, punctuation and markup signs go, case and width stay."""
    return clean(_inline_formulas_to_unicode(raw))


def clean(raw: str) -> str:
    r"""Word characters of `raw`, without `\t`, `\n`, `/t`, `/n` spelled out (`clean_string`)."""
    for escape in _WHITE_ESCAPES:
        raw = raw.replace(escape, "")
    return _NOT_WORD.sub("", raw)


def latex_to_text(latex: str) -> str:
    """LaTeX as Unicode text; as it is where the parser gives up.

    The parser never comes to an end where a backslash is the last character and escapes nothing.
    """
    is_open = (len(latex) - len(latex.rstrip("\\"))) % 2 == 1
    unicode_text = _to_unicode(latex + " " if is_open else latex)
    return latex if unicode_text is None else unicode_text


def _to_unicode(latex: str) -> str | None:
    _silence_parser()
    try:
        # A new converter each time: it remembers titles and authors.
        return str(LatexNodes2Text().latex_to_text(latex))
    except Exception:  # noqa: BLE001 - the parser meets arbitrary model output and raises what it likes
        return None


@cache
def _silence_parser() -> None:
    """What it complains of is in the documents, and each of its complaints stands amid the progress."""
    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)


def _inline_formulas_to_unicode(raw: str) -> str:
    r"""Replace formulas that hold any of `\`, `^`, `_` once escapes are taken out."""
    replaced: list[str] = []
    position = 0
    for match in _INLINE_FORMULA.finditer(raw):
        body = match.group(1) if match.group(1) is not None else match.group(2)
        body = _ESCAPE.sub("", body)
        if not any(sign in body for sign in "\\^_"):
            continue
        unicode_text = _to_unicode(body + " " if body.endswith("\\") else body)
        if unicode_text is None:
            continue
        replaced += [raw[position : match.start()], unicode_text.strip()]
        position = match.end()
    return "".join(replaced) + raw[position:]


@lru_cache(maxsize=4096)
def formula(raw: str, protocol: Protocol) -> str:
    """Lower-case LaTeX without fonts, spacing, environments, tags and (v1.5) sizing; braces stay."""
    if protocol.hybrid:
        raw = raw.strip().strip("$").strip("\n")
    display = _DISPLAY.search(raw)
    if display:
        raw = display.group(1).strip()
    for pattern in _FORMULA_DROPPED:
        raw = pattern.sub("", raw)
    raw = raw.strip(".")
    for literal in _FORMULA_LITERALS_V1_5 if protocol.hybrid else _FORMULA_LITERALS_V1_0:
        raw = raw.replace(literal, "")
    return raw.lower()


def table(raw: str) -> str:
    """One line of HTML: `td` cells only, NFKC, without style and bare inline tags; "" if no table."""
    if "<table" not in raw.replace(" ", ""):
        return ""
    unescaped = html.unescape(_simplified(raw)).replace("\n", "")
    # Greedy: two tables in one string become one.
    body = "".join(_TABLE_BODY.findall(unicodedata.normalize("NFKC", unescaped).strip()))
    for pattern, replacement in _TABLE_REWRITES:
        body = pattern.sub(replacement, body)
    result = f'<html><body><table border="1" >{body}</table></body></html>'
    for tag in _BARE_TAGS:
        result = result.replace(tag, "")
    return _COLGROUP.sub("", result)


def _simplified(raw: str) -> str:
    """Through `html.parser`: another parser repairs broken tables in another way."""
    soup = BeautifulSoup(raw, "html.parser")
    for cell in soup.find_all("th"):
        cell.name = "td"
    for head in soup.find_all("thead"):
        head.unwrap()
    for math in soup.find_all("math"):
        math.replace_with(f"${math.get('alttext', '')}$")
    for span in soup.find_all("span"):
        span.unwrap()
    return str(soup)


def cell_texts(raw: str) -> list[str]:
    r"""Texts of `td` cells that hold one string, without `$\cdot$` (`match_gt2pred_simple`)."""
    if "<td" not in raw.lower():
        return []
    soup = BeautifulSoup(raw, "html.parser")
    return [cell.string.replace(r"$\cdot$", "").strip() for cell in soup.find_all("td") if cell.string]
