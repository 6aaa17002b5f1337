"""Draw samples/: a five-page PDF, two images, and their ground truth, all from the text below.

Run: python -m research.make_samples. The ground truth is in the formats of the benchmarks.
The pages stay within what the embedded nano checkpoint reads: 13 pt and larger, short lines, plain type.
"""

import json
from pathlib import Path
from typing import Any

import pymupdf

SAMPLES = Path(__file__).parent.parent / "samples"
A4 = pymupdf.paper_rect("a4")
MARGIN_PT = 60
BODY_PT = 14
LEADING = 1.35
FONTS = {"regular": "tiro", "bold": "tibo", "sans": "helv"}

COVER = (
    "The quiet library",
    "A small town kept its papers in one tall room. There were letters, maps and old notes about "
    "the weather. Nobody had counted them, and nobody could find a page when it was needed.",
    "Then two clerks began to read. They took one box each morning and wrote down what every page "
    "said. By the end of the winter the whole room was known, and any page could be found in a minute.",
)
METHOD = (
    "How the work was done",
    "Every box was opened by the same rule. The clerks wrote the rule on the wall so that a new "
    "helper could follow it without asking.",
    ("Open the box and count the pages.", "Read each page from the top.", "Mark the pages that are empty.",
     "Put every page back in its place."),
    "When a page was hard to read, it was marked and read again the next day by the other clerk.",
)  # fmt: skip
RESULTS = (
    "What was found",
    "The table gives the count for each kind of paper after the first month.",
    (("Kind", "Boxes", "Pages"), ("Letters", "12", "840"), ("Maps", "3", "95"), ("Notes", "7", "410")),
    "Most of the pages were letters. The maps were few, but they were used more than anything else.",
)
GROWTH = (
    "The pace of reading",
    "Figure 1. Pages read in each of the first five weeks.",
    "The first week was slow because the rule was still new. After that the clerks read a little "
    "more each week, and the last week was the best of all.",
)
WEEKLY_PAGES = (110, 180, 260, 330, 420)
COLUMNS = (
    "Advice for others",
    "Start with the box that people ask for most. It is the best way to show that the work is worth "
    "the time. Do not wait until the room is tidy, because it never will be.",
    "Write down what you could not read. A page that is missing from the list is lost, but a page "
    "that is marked can be read again by someone with better eyes.",
)
NOTE = ("Market list", "Six fresh eggs, two loaves of bread, a bag of apples and some honey for the winter.")
LETTER = (
    "Dear Anna,",
    "The books came on Monday and they are all in good order. Please tell the others that the small "
    "room is open again and that there is a fire in the evening.",
    "With kind regards, Peter",
)


class Sheet:
    """One page being filled from the top; `column` narrows where text goes."""

    def __init__(self, page: pymupdf.Page, font_scale: float = 1.0) -> None:
        self.page = page
        self.scale = font_scale
        self.y_pt = float(MARGIN_PT)
        self.left_pt, self.right_pt = float(MARGIN_PT), page.rect.width - MARGIN_PT

    def column(self, left_pt: float, right_pt: float, top_pt: float) -> None:
        """Continue in a column of its own."""
        self.left_pt, self.right_pt, self.y_pt = left_pt, right_pt, top_pt

    def text(self, text: str, size_pt: float = BODY_PT, font: str = "regular", gap_pt: float = 12) -> None:
        """Set a paragraph and move down past it."""
        size_pt *= self.scale
        for line in self._lines(text, size_pt, FONTS[font]):
            self.y_pt += size_pt * LEADING
            self.page.insert_text((self.left_pt, self.y_pt), line, fontsize=size_pt, fontname=FONTS[font])
        self.y_pt += gap_pt

    def _lines(self, text: str, size_pt: float, font: str) -> list[str]:
        lines, line = [], ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if pymupdf.get_text_length(longer, font, size_pt) > self.right_pt - self.left_pt:
                lines.append(line)
                longer = word
            line = longer
        return [*lines, line]

    def title(self, text: str) -> None:
        """Set a heading."""
        self.text(text, 22, "bold", 14)

    def table(self, rows: tuple[tuple[str, ...], ...], width_pt: float = 320, row_pt: float = 28) -> None:
        """Set a ruled table."""
        cell_pt = width_pt / len(rows[0])
        for row_index, row in enumerate(rows):
            for column_index, cell in enumerate(row):
                left, top = self.left_pt + column_index * cell_pt, self.y_pt + row_index * row_pt
                self.page.draw_rect((left, top, left + cell_pt, top + row_pt), width=1)
                font = FONTS["bold" if row_index == 0 else "regular"]
                self.page.insert_text((left + 10, top + 19), cell, fontsize=BODY_PT, fontname=font)
        self.y_pt += len(rows) * row_pt + 12

    def bar_chart(self, values: tuple[int, ...], height_pt: float = 170) -> None:
        """Draw bars in a frame, without words."""
        frame = pymupdf.Rect(self.left_pt + 50, self.y_pt, self.right_pt - 50, self.y_pt + height_pt)
        self.page.draw_rect(frame, width=1, fill=(0.94, 0.94, 0.94))
        step = frame.width / (len(values) + 0.5)
        for index, value in enumerate(values):
            left = frame.x0 + step * (index + 0.5)
            top = frame.y1 - 10 - value / max(values) * (height_pt - 30)
            self.page.draw_rect((left, top, left + step * 0.5, frame.y1 - 10), fill=(0.3, 0.3, 0.3))
        self.y_pt = frame.y1 + 10


def cover(sheet: Sheet) -> None:
    title, *paragraphs = COVER
    sheet.title(title)
    for paragraph in paragraphs:
        sheet.text(paragraph)


def method(sheet: Sheet) -> None:
    title, before, steps, after = METHOD
    sheet.title(title)
    sheet.text(before)
    for number, step in enumerate(steps, 1):
        sheet.text(f"{number}. {step}", gap_pt=3)
    sheet.y_pt += 10
    sheet.text(after)


def results(sheet: Sheet) -> None:
    title, before, rows, after = RESULTS
    sheet.title(title)
    sheet.text(before)
    sheet.table(rows)
    sheet.text(after)


def growth(sheet: Sheet) -> None:
    title, caption, paragraph = GROWTH
    sheet.title(title)
    sheet.bar_chart(WEEKLY_PAGES)
    sheet.text(caption, gap_pt=16)
    sheet.text(paragraph)


def columns(sheet: Sheet) -> None:
    title, left, right = COLUMNS
    sheet.title(title)
    top_pt, middle_pt = sheet.y_pt, sheet.page.rect.width / 2
    sheet.column(MARGIN_PT, middle_pt - 12, top_pt)
    sheet.text(left)
    sheet.column(middle_pt + 12, sheet.page.rect.width - MARGIN_PT, top_pt)
    sheet.text(right)


def draw_handbook(path: Path) -> None:
    """Write the PDF, the same bytes every time."""
    document = pymupdf.open()
    for draw in (cover, method, results, growth, columns):
        draw(Sheet(document.new_page(width=A4.width, height=A4.height)))
    document.set_metadata({})
    document.save(path, garbage=4, deflate=True, no_new_id=True)


def draw_image(path: Path, lines: tuple[str, ...], size_px: tuple[int, int], scale: float) -> None:
    """Write an image of a heading and paragraphs."""
    document = pymupdf.open()
    sheet = Sheet(document.new_page(width=size_px[0] / 2, height=size_px[1] / 2), scale)
    sheet.left_pt, sheet.right_pt, sheet.y_pt = 30.0, size_px[0] / 2 - 30, 24.0
    heading, *paragraphs = lines
    sheet.text(heading, 18, "bold")
    for paragraph in paragraphs:
        sheet.text(paragraph)
    pixmap = sheet.page.get_pixmap(matrix=pymupdf.Matrix(2, 2), alpha=False)
    pixmap.save(path, jpg_quality=92) if path.suffix == ".jpg" else pixmap.save(path)


def omnidocbench(name: str, lines: tuple[str, ...]) -> dict[str, Any]:
    """An image's page of OmniDocBench ground truth; the evaluator reads no boxes."""
    boxes = [
        {
            "anno_id": order,
            "order": order,
            "category_type": "text_block" if order > 1 else "title",
            "text": line,
        }
        for order, line in enumerate(lines, 1)
    ]
    attributes = {"data_source": "note", "language": "english", "layout": "single_column"}
    info = {"image_path": name, "page_no": 0, "page_attribute": attributes}
    return {"page_info": info, "layout_dets": boxes, "extra": {"relation": []}}


def fox(name: str, lines: tuple[str, ...]) -> dict[str, Any]:
    """An image's entry of Fox page OCR."""
    turns = [
        {"from": "human", "value": "<image>\nOCR this image: "},
        {"from": "gpt", "value": "\n".join(lines)},
    ]
    return {"image": name, "conversations": turns}


def olmocr() -> list[dict[str, Any]]:
    """Tests of the PDF's pages in the manner of olmOCR-bench."""
    present = (
        (1, COVER[1][:60]),
        (2, METHOD[2][2]),
        (3, RESULTS[3][:45]),
        (4, GROWTH[1]),
        (5, COLUMNS[2][:49]),
    )
    tests: list[dict[str, Any]] = [
        {"page": page, "type": "present", "text": text, "max_diffs": 3} for page, text in present
    ]
    first, second = COLUMNS[1].split(".")[0], COLUMNS[2].split(".")[0]
    tests.append({"page": 5, "type": "order", "before": first, "after": second, "max_diffs": 3})
    _, maps, notes = RESULTS[2][1:]
    around = {"cell": maps[1], "left": maps[0], "right": maps[2], "down": notes[1], "top_heading": "Boxes"}
    tests.append({"page": 3, "type": "table", **around})
    tests.append({"page": 4, "type": "absent", "text": "Nobody had counted them"})
    tests += [{"page": page, "type": "baseline"} for page in range(1, 6)]
    return [{"pdf": "handbook.pdf", "id": f"handbook_{n:02d}", **test} for n, test in enumerate(tests, 1)]


def write_ground_truth(folder: Path) -> None:
    """One file a benchmark."""
    folder.mkdir(exist_ok=True)
    images = (("letter.jpg", LETTER), ("note.png", NOTE))
    for name, make in (("omnidocbench.json", omnidocbench), ("fox.json", fox)):
        pages = [make(image, lines) for image, lines in images]
        (folder / name).write_text(json.dumps(pages, indent=1) + "\n")
    (folder / "olmocr.jsonl").write_text("".join(json.dumps(test) + "\n" for test in olmocr()))


def main() -> None:
    (SAMPLES / "images").mkdir(parents=True, exist_ok=True)
    draw_handbook(SAMPLES / "handbook.pdf")
    draw_image(SAMPLES / "images" / "note.png", NOTE, (640, 480), 1.2)
    draw_image(SAMPLES / "images" / "letter.jpg", LETTER, (1000, 760), 1.3)
    write_ground_truth(SAMPLES / "benchmarks")


if __name__ == "__main__":
    main()
