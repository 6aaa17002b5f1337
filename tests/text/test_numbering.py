"""What headings are numbered with, in several languages, and what only looks like a number."""

import pytest

from ocr_engine.text.numbering import Counter, number_of, without_number


@pytest.mark.parametrize(
    ("title", "counter", "depth"),
    [
        ("1 Scope", Counter.DECIMAL, 1),
        ("1. Aussagen über Funktionen", Counter.DECIMAL, 1),
        ("4.2.1.1 Controller", Counter.DECIMAL, 4),
        ("4.1.3", Counter.DECIMAL, 3),
        ("**2.1** References", Counter.DECIMAL, 2),
        ("Annex A", Counter.ANNEX, 1),
        ("Anhang B – Tabellen", Counter.ANNEX, 1),
        ("B.2 Tables", Counter.LETTER, 2),
        ("A. Proofs", Counter.LETTER, 1),
        ("Chapter IV: The sea", Counter.CHAPTER, 1),
        ("KAPITEL 3", Counter.CHAPTER, 1),
        ("Article 3", Counter.ARTICLE, 1),
        ("§ 12 Kündigung", Counter.ARTICLE, 1),
        ("Part II", Counter.PART, 1),
        ("III. METHOD", Counter.ROMAN, 1),
        ("第三章 方法", Counter.CHAPTER, 1),
        ("第12条", Counter.ARTICLE, 1),
    ],
)
def test_numbers(title: str, counter: Counter, depth: int) -> None:
    found = number_of(title)
    assert found is not None and (found.counter, found.depth) == (counter, depth)


@pytest.mark.parametrize(
    "title",
    ["Scope", "2025 Annual report", "12.05.2024 Minutes", "3rd place", "Particles in 2 phases", "A method",
     "Chapters and verses", "I am here", "", "1.5kg flour"],
)  # fmt: skip
def test_no_numbers(title: str) -> None:
    assert number_of(title) is None
    assert without_number(title) == title


def test_titles_without_their_numbers() -> None:
    assert without_number("4.2.1 Server tests") == without_number("B.1. Server tests") == "Server tests"
    assert without_number("Chapter IV: The sea") == "The sea"


def test_long_titles_take_no_time() -> None:
    for title in ("1." * 200_000, "chapter " * 100_000, "I" * 1_000_000, "§ " * 200_000):
        number_of(title)
        without_number(title)
