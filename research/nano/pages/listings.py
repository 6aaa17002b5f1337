"""What stands between the paragraphs of papers, manuals and forms: code, references, fields, letterheads."""

from research.nano.pages.blocks import Column, rows_box, styled
from research.nano.pages.families import CODE, Face
from research.nano.pages.text import code_lines, number, reference
from research.nano.pages.typeset import Row, Word, draw_line, draw_lines, word_width


def code(column: Column) -> None:
    """Set a listing, perhaps on grey, in a frame or with numbered lines; every line is one of the answer."""
    rng, style = column.rng, column.style
    face = Face(rng.choice(CODE), style.size_px * rng.uniform(0.8, 1.0))
    lead, step = face.size_px * rng.uniform(1.12, 1.35), word_width(face, Word("0000"))
    top, pad = column.y + 0.4 * style.size_px, rng.choice((0.0, 0.6)) * style.size_px
    rows: list[Row] = []
    for depth, text in code_lines(rng, rng.randint(3, 16), column.corpus):
        y = top + pad + len(rows) * lead
        line = [Word(part) for part in text.split()]
        width = word_width(face, Word(text)) + depth * step
        if y + 2 * lead > column.bottom or width > column.width - 2 * pad:
            continue
        rows.append(draw_line(column.canvas, face, line, column.x + pad + depth * step, y + face.size_px))
    if not rows:
        return
    column.left_words -= sum(len(row.words) for row in rows)
    bottom = top + 2 * pad + len(rows) * lead
    if pad:
        _frame(column, top, bottom)
    content = [part for row in rows for part in ("\n", row)][1:]
    column.add("text", rows_box(rows), *content)
    column.y = bottom + 0.4 * style.size_px + style.gap


def _frame(column: Column, top: float, bottom: float) -> None:
    if column.rng.random() < 0.5:
        column.canvas.fill(column.x, top, column.x + column.width, bottom, column.rng.randint(222, 248))
        return
    for y in (top, bottom):
        column.canvas.line(column.x, y, column.x + column.width, y, 1)
    for x in (column.x, column.x + column.width):
        column.canvas.line(x, top, x, bottom, 1)


def references(column: Column) -> None:
    """Set a list of references with hanging indents."""
    rng, style = column.rng, column.style
    face = Face(style.family, style.size_px * rng.uniform(0.85, 1.0))
    lead, start = face.size_px * 1.2, rng.randint(1, 60)
    content: list[str | Row] = []
    everything: list[Row] = []
    for index in range(rng.randint(2, 9)):
        marker = f"[{start + index}]"
        inset = word_width(face, Word("[00]")) + 0.5 * face.size_px
        text = [Word(t) for t in reference(rng, column.corpus)]
        lines = column.lines(text, face, column.width - inset)
        if not lines or column.room < lead * (len(lines) + 1):
            break
        mark = draw_line(column.canvas, face, [Word(marker)], column.x, column.y + face.size_px)
        rows = draw_lines(
            column.canvas, face, lines, column.x + inset, column.y, column.width - inset, lead, style.align
        )
        content += [("\n" if index else ""), mark, *rows]
        everything += [mark, *rows]
        column.left_words -= len(text)
        column.y += len(lines) * lead + 0.25 * face.size_px
    if everything:
        column.add("list", rows_box(everything), *content)
    column.y += style.gap


def fields(column: Column) -> None:
    """Set the lines of a form: a label, and a rule, a box or a filled-in value."""
    rng, style, face = column.rng, column.style, column.face
    bold, space = rng.choice((0, 1)), style.lead * rng.uniform(1.2, 2.0)
    for _ in range(rng.randint(2, 6)):
        if column.room < 2 * space:
            break
        label = " ".join(column.words(rng.randint(1, 4), 0.85)).strip(".,").capitalize() + ":"
        words = [Word(part, bold) for part in label.split()]
        y = column.y + style.size_px
        end = column.x + sum(word_width(face, word) for word in words) + len(words) * style.size_px * 0.35
        if end > column.x + 0.6 * column.width:
            continue
        kind = rng.random()
        if kind < 0.5:
            column.canvas.line(end, y + 0.2 * style.size_px, column.x + column.width * 0.9, 0, 1)
        elif kind < 0.8:
            words.append(Word(number(rng)))
        row = draw_line(column.canvas, face, words, column.x, y)
        column.add("text", row.box, row)
        column.y += space
    column.y += style.gap


def letterhead(column: Column) -> None:
    """Set an address at the right or left edge, perhaps beside a mark of the firm."""
    rng, style = column.rng, column.style
    face = Face(style.family, style.size_px * rng.uniform(0.8, 1.0))
    lines = [[Word(t, int(i == 0)) for t in column.words(rng.randint(2, 4), 0.85)]
             for i in range(rng.randint(2, 5))]  # fmt: skip
    lead, align = face.size_px * 1.3, rng.choice(("right", "right", "left"))
    if column.room < (len(lines) + 4) * lead:
        return
    if align == "right" and rng.random() < 0.6:
        side = lead * len(lines) * 0.8
        column.canvas.fill(column.x, column.y, column.x + side, column.y + side, rng.randint(30, 190))
        column.add("image", (column.x, column.y, column.x + side, column.y + side))
    rows = draw_lines(
        column.canvas, face, lines, column.x, column.y, column.width, lead, align
    )  # fmt: skip
    content = [part for row in rows for part in ("\n", row)][1:]
    column.add("text", rows_box(rows), *content)
    column.y += len(rows) * lead + rng.uniform(1, 3) * style.size_px
    if rng.random() < 0.3:
        column.canvas.line(column.x, column.y, column.x + column.width, column.y, 1)
        column.y += style.size_px


def short_lines(column: Column) -> None:
    """Set a block of short lines flush right, centred or left: a verse, a signature, an address."""
    rng, style = column.rng, column.style
    align = rng.choice(("right", "right", "centre", "left"))
    lines = [styled(column, column.words(rng.randint(2, 6))) for _ in range(rng.randint(2, 5))]
    lines = [column.lines(line, column.face, column.width)[0] for line in lines]
    if column.room < (len(lines) + 1) * style.lead:
        return
    rows = draw_lines(
        column.canvas, column.face, lines, column.x, column.y, column.width, style.lead, align
    )  # fmt: skip
    content = [part for row in rows for part in ("\n", row)][1:]
    column.add("text", rows_box(rows), *content)
    column.y += len(rows) * style.lead + style.gap
