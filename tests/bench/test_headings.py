"""What the measurement of headings calls right, and what it says of the real answers."""

from pathlib import Path

import pytest

from bench.headings import letters, measure, score

ANSWERS = Path(__file__).parents[3] / "shared/data/real_answers/avrcp.pdf"
PAPER = ANSWERS.parents[1] / "corpus/pdf_real/dsocr2__DeepSeek_OCR2_paper.pdf"
MIN_RIGHT = 0.95


def test_levels_are_right_up_to_one_shift() -> None:
    truth = {(1, letters("1 A")): 1, (1, letters("B")): 2, (2, letters("C")): 2}
    found = score([(1, "A", 2), (1, "1.1 B", 3), (2, "C", 2), (2, "D", 1)], truth)
    assert (found.right, found.known) == (2, 3)


@pytest.mark.parametrize("pdf", [ANSWERS, PAPER], ids=lambda path: path.stem)
def test_real_documents(pdf: Path) -> None:
    if not pdf.is_file():
        pytest.skip("needs the shared data")
    scores = measure(pdf)
    assert scores is not None
    before, after = scores[0], scores[-1]
    assert after.right >= MIN_RIGHT * after.known > before.right and after.known >= 20
