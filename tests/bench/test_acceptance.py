"""What kind of page a stored answer is of."""

import pytest

from bench.acceptance import kind_of


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("A paragraph with (brackets) and [more].", "running text"),
        ("<table><tr>" + "<td>1</td>" * 9 + "</tr></table>", "pages with tables"),
        ("Let \\(x\\) be \\(y\\), so that \\[z\\] and \\(w\\).", "pages with formulas"),
        ("\n".join(f"{number}. Chapter ....... {number}" for number in range(1, 15)), "lists and contents"),
    ],
)
def test_a_page_is_of_the_kind_that_its_answer_shows(answer: str, kind: str) -> None:
    assert kind_of(answer) == kind
