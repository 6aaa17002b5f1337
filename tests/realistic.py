"""A document as the model writes it, well and badly: spans, formulas, figures, broken tags, other scripts.

The text is drawn where its boxes say, so that a test can compare places.
"""

# ruff: noqa: E501 - a paragraph of the model is one line

from pathlib import Path

import pymupdf

NAME = "survey"
WIDTH_PT, HEIGHT_PT = 595.0, 842.0

PAPER = r"""<|ref|>title<|/ref|><|det|>[[120, 60, 880, 95]]<|/det|>
# Counting birds with borrowed ears

<|ref|>text<|/ref|><|det|>[[120, 120, 880, 215]]<|/det|>
A microphone that is left in a field hears more than a person who walks through it once. If \( p \) is the chance that a bird sings within an hour, then \( 1 - (1 - p)^{n} \) is the chance to hear it in \( n \) hours, and with \( p = 0.2 \) ten hours are enough for nine birds of ten.

<|ref|>equation<|/ref|><|det|>[[320, 235, 680, 290]]<|/det|>
\[ \hat{N} = \frac{\sum_{i=1}^{k} s_{i}}{1 - (1 - p)^{n}} \tag{1} \]

<|ref|>sub_title<|/ref|><|det|>[[120, 315, 420, 338]]<|/det|>
## What was heard

<|ref|>image<|/ref|><|det|>[[200, 360, 800, 640]]<|/det|>

<|ref|>image_caption<|/ref|><|det|>[[200, 650, 800, 672]]<|/det|>
<center>Figure 1. Songs an hour in May, by time of day.</center>

<|ref|>text<|/ref|><|det|>[[120, 700, 880, 760]]<|/det|>
Most songs came in the two hours after sunrise. **Wind above 5 m/s** hid half of them; costs were $5 a day and $30 a week.
"""
TABLE = r"""<|ref|>table_caption<|/ref|><|det|>[[120, 60, 880, 82]]<|/det|>
Table 1. Songs by month and place, with the estimate \( \hat{N} \).

<|ref|>table<|/ref|><|det|>[[120, 95, 880, 300]]<|/det|>
<table><tr><td rowspan="2">Place</td><td colspan="2">Songs</td><td rowspan="2">\( \hat{N} \)</td></tr><tr><td>April</td><td>May</td></tr><tr><td>Meadow</td><td>412</td><td>655</td><td>\( 31 \pm 4 \)</td></tr><tr><td>Orchard</td><td>208</td><td>390</td><td>\( 19 \pm 3 \)</td></tr><tr><td>Reed bed</td><td>97</td><td>143</td><td>\( &lt; 10 \)</td></tr></table>

<|ref|>table_footnote<|/ref|><|det|>[[120, 305, 880, 322]]<|/det|>
Songs were counted by two listeners; see `count.py`.

<|ref|>list<|/ref|><|det|>[[120, 350, 880, 470]]<|/det|>
1. Leave the recorder for ten hours.
2. Count songs, not birds.
3. Correct with equation (1).

<|ref|>code<|/ref|><|det|>[[120, 500, 880, 600]]<|/det|>
```
def estimate(songs, p, n):
    return sum(songs) / (1 - (1 - p) ** n)
```
"""
OTHER_SCRIPTS = r"""<|ref|>title<|/ref|><|det|>[[120, 60, 880, 95]]<|/det|>
# 用借来的耳朵数鸟

<|ref|>text<|/ref|><|det|>[[120, 120, 880, 200]]<|/det|>
留在田野里的麦克风比走过一次的人听到的更多。日出后的两小时鸟鸣最多，风速超过五米每秒时会漏掉一半。

<|ref|>text<|/ref|><|det|>[[120, 230, 880, 300]]<|/det|>
الميكروفون الذي يترك في الحقل يسمع أكثر من شخص يمر مرة واحدة.
"""
BROKEN = r"""<|ref|>text<|/ref|><|det|>[[120, 60, 880, 130]]<|/det|>
Before a tag that never ends. <|ref|>text<|/ref|><|det|>[[120, 150, 880
<|ref|>table<|/ref|><|det|>[[120, 200, 880, 400]]<|/det|>
<table><tr><td>open<td>cell <b>bold</tr><tr><td colspan=900000>wide
<|ref|>text<|/ref|><|det|>[[120, 420, 880, 500], [120, 520, 880, 560]]<|/det|>
\( \frac{1}{ \) and \[ \begin{matrix} a & b \] and $$ unclosed
"""
HOSTILE = r"""<|ref|><script>document.title='hacked'</script><|/ref|><|det|>[[1, 1, 990, 90]]<|/det|>
<script>document.title='hacked'</script><img src=x onerror="document.title='hacked'">
<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>
[link](javascript:document.title='hacked') <svg onload="document.title='hacked'"></svg> </section></style>
<|ref|>text<|/ref|><|det|>[[100, 210, 900, 300]]<|/det|>
\( \text{<img src=x onerror="document.title='hacked'">} \) \( \href{javascript:document.title='hacked'}{x} \)
<|ref|>table<|/ref|><|det|>[[100, 310, 900, 400]]<|/det|>
<table onmouseover="document.title='hacked'"><tr><td style="background:url(http://a.b/c)" onclick="1">cell</td></tr></table>
<|ref|>text<|/ref|><|det|>[[100, 410, 900, 500]]<|/det|>
![\( \text{" onerror=document.title='hacked' x="} \)](figures/0001-1.jpg) ![](http://tracker.example/x.png)
"""
PAGES = (PAPER, TABLE, OTHER_SCRIPTS, BROKEN, HOSTILE)
_SONGS = (3, 9, 14, 11, 6, 4, 3, 2, 3, 5, 8, 4)


def make(folder: Path, pages: tuple[str, ...] = PAGES) -> tuple[Path, Path]:
    """Write `in/survey.pdf` and, for the replay engine, `stored/`; returns both paths."""
    stored = folder / "stored"
    (stored / NAME / "pages").mkdir(parents=True)
    for number, raw in enumerate(pages, 1):
        (stored / NAME / "pages" / f"{number:04d}.raw.md").write_text(raw)
    path = folder / "in" / f"{NAME}.pdf"
    path.parent.mkdir(parents=True)
    document = pymupdf.open()
    for raw in pages:
        _draw(document.new_page(width=WIDTH_PT, height=HEIGHT_PT), raw)
    document.save(path)
    return path, stored


def place(x1: int, y1: int, x2: int, y2: int) -> pymupdf.Rect:
    """A box of the model in points."""
    x, y = WIDTH_PT / 999, HEIGHT_PT / 999
    return pymupdf.Rect(x1 * x, y1 * y, x2 * x, y2 * y)


def _draw(page: pymupdf.Page, raw: str) -> None:
    if raw is PAPER:
        _draw_paper(page)
    elif raw is TABLE:
        _draw_table(page)
    elif raw is OTHER_SCRIPTS:
        page.insert_textbox(place(120, 60, 880, 110), "用借来的耳朵数鸟", fontname="china-s", fontsize=20)
        text = OTHER_SCRIPTS.split("\n")[4]
        page.insert_textbox(place(120, 120, 880, 210), text, fontname="china-s", fontsize=13)
    else:
        page.insert_textbox(place(120, 60, 880, 400), "A page that the model reads badly.", fontsize=13)


def _text(
    page: pymupdf.Page, box: tuple[int, int, int, int], text: str, size: float, font: str = "tiro"
) -> None:
    area = place(*box)
    page.insert_textbox(area + (0, 0, 4, 30), text, fontname=font, fontsize=size, lineheight=1.3)


def _draw_paper(page: pymupdf.Page) -> None:
    _text(page, (120, 60, 880, 95), "Counting birds with borrowed ears", 21, "tibo")
    _text(page, (120, 120, 880, 215), PAPER.split("\n")[4].replace("\\( ", "").replace(" \\)", ""), 11.5)
    _text(page, (320, 240, 680, 290), "N = sum of s / (1 - (1 - p)^n)          (1)", 13, "tiit")
    _text(page, (120, 315, 420, 338), "What was heard", 15, "tibo")
    frame = place(200, 360, 800, 640)
    page.draw_rect(frame, color=(0.6, 0.6, 0.6), fill=(0.97, 0.97, 0.97))
    step = frame.width / (len(_SONGS) + 1)
    for at, songs in enumerate(_SONGS):
        left, base = frame.x0 + step * (at + 0.6), frame.y1 - 12
        page.draw_rect((left, base - songs * 14, left + step * 0.7, base), color=None, fill=(0.25, 0.45, 0.6))
    _text(page, (200, 650, 800, 672), "Figure 1. Songs an hour in May, by time of day.", 10.5, "tiit")
    _text(page, (120, 700, 880, 760), PAPER.strip().split("\n")[-1].replace("**", ""), 11.5)


def _draw_table(page: pymupdf.Page) -> None:
    _text(page, (120, 60, 880, 82), "Table 1. Songs by month and place, with the estimate N.", 10.5, "tiit")
    rows = (
        ("Place", "April", "May", "N"),
        ("Meadow", "412", "655", "31 ± 4"),
        ("Orchard", "208", "390", "19 ± 3"),
    )
    rows += (("Reed bed", "97", "143", "< 10"),)
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            _text(page, (130 + 190 * column, 140 + 41 * at, 320 + 190 * column, 175 + 41 * at), cell, 11.5)
    for at in (95, 136, 300):
        page.draw_line(place(120, at, 121, at).tl, place(880, at, 881, at).tl, width=0.8)
    items = (
        "1. Leave the recorder for ten hours.",
        "2. Count songs, not birds.",
        "3. Correct with equation (1).",
    )
    _text(page, (120, 350, 880, 470), "\n".join(items), 12)
    _text(
        page,
        (120, 505, 880, 600),
        "def estimate(songs, p, n):\n    return sum(songs) / (1 - (1 - p) ** n)",
        11,
        "cour",
    )
