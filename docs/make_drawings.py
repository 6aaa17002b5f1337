"""`python docs/make_drawings.py`: draws the three pictures of docs/how-it-works.md as SVG."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent / "drawings"
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1f2933}.s{font-size:12px;fill:#52606d}"
    "rect{fill:#f5f7fa;stroke:#9aa5b1;rx:6}.m{fill:#e3f1ea;stroke:#4a8c6a}.l{stroke:#52606d;fill:none;marker-end:url(#a)}"
    "@media(prefers-color-scheme:dark){text{fill:#e4e7eb}.s{fill:#9aa5b1}rect{fill:#1f2933;stroke:#616e7c}"
    ".m{fill:#16362a;stroke:#5fa583}.l{stroke:#9aa5b1}}"
)
ARROW = (
    '<marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L10 5L0 10z" fill="#52606d"/></marker>'
)


@dataclass(frozen=True)
class Node:
    """A box with a title and a second line, in pixels; `main` ones are green."""

    x_px: int
    y_px: int
    title: str
    words: str
    main: bool = False
    width_px: int = 190

    @property
    def svg(self) -> str:
        kind = ' class="m"' if self.main else ""
        middle = self.x_px + self.width_px // 2
        return (
            f'<rect{kind} x="{self.x_px}" y="{self.y_px}" width="{self.width_px}" height="54"/>'
            f'<text x="{middle}" y="{self.y_px + 23}" text-anchor="middle">{escape(self.title)}</text>'
            f'<text class="s" x="{middle}" y="{self.y_px + 42}" text-anchor="middle">{escape(self.words)}</text>'
        )


def line(path: str, words: str = "", x_px: int = 0, y_px: int = 0) -> str:
    """An arrow along an SVG path, with words beside it."""
    label = f'<text class="s" x="{x_px}" y="{y_px}">{escape(words)}</text>' if words else ""
    return f'<path class="l" d="{path}"/>{label}'


def drawing(title: str, width_px: int, height_px: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px} {height_px}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title><style>{STYLE}</style><defs>{ARROW}</defs>'
        + "".join(parts)
        + "</svg>\n"
    )


def flow() -> str:
    """The way of a page."""
    rows = [
        [("folders, URLs", "found, opened, hashed"), ("page", "drawn at 144 dpi"), ("views", "one overview, tiles")],
        [("answer", "raw text with boxes"), ("blocks", "parsed, boxes in place"), ("text", "cleaned, mended, joined")],
        [("files", ".md, figures, record"), ("journal", "one line, last"), ("report, exports", "made at the end")],
    ]  # fmt: skip
    parts = []
    for r, row in enumerate(rows):
        y = 20 + 110 * r
        parts += [
            Node(20 + 250 * c, y, *words, main=(r, c) in {(1, 0), (2, 1)}).svg for c, words in enumerate(row)
        ]
        parts += [line(f"M{210 + 250 * c} {y + 27}H{268 + 250 * c}") for c in range(2)]
    parts += [line(f"M615 {74 + 110 * r}V{100 + 110 * r}H115V{128 + 110 * r}") for r in range(2)]
    parts.append(line("M365 128V76", "read badly: again, in another way", 374, 122))
    return drawing("The way of a page: from files to files", 740, 300, parts)


def processes() -> str:
    """Who does what, in which process."""
    parts = [
        Node(270, 20, "main process", "decides, journals", main=True).svg,
        Node(20, 130, "render workers", "draw, cut, parse, write text").svg,
        Node(270, 130, "vLLM's process", "schedules, one a GPU").svg,
        Node(520, 130, "writing process", "files of a group, synced").svg,
        Node(270, 240, "GPU", "encoder, decoder, guard").svg,
        line("M270 60C160 70 115 90 115 128", "pages, answers", 60, 84),
        line("M210 150C240 110 250 100 300 76", "views", 262, 118),
        line("M365 74V128", "views", 372, 105),
        line("M365 184V238", "steps", 372, 216),
        line("M460 50C570 60 615 90 615 128", "pages to write", 590, 84),
    ]
    return drawing("The processes of a run", 740, 310, parts)


def journal() -> str:
    """The order in which a page becomes done."""
    steps = [
        ("1. files", "temporary name, synced"),
        ("2. rename", "whole, or not there"),
        ("3. folder synced", "the name is on disk"),
        ("4. journal line", "only now is it done"),
    ]
    parts = [Node(10 + 185 * n, 30, *step, main=n == 3, width_px=165).svg for n, step in enumerate(steps)]
    parts += [line(f"M{175 + 185 * n} 57H{193 + 185 * n}") for n in range(3)]
    words = "killed before 4: the page has no line, so the next run reads it again. Killed after 4: nothing is missing."
    parts.append(f'<text class="s" x="375" y="120" text-anchor="middle">{words}</text>')
    return drawing("How a page becomes done", 750, 140, parts)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, made in (("flow", flow()), ("processes", processes()), ("journal", journal())):
        (FOLDER / f"{name}.svg").write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
