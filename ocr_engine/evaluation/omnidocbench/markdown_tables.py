"""Pipe tables to the HTML the evaluator turns them into, with its losses. Strings in, strings out.

Follows `utils/table_utils.py` (`convert_markdown_to_html`): every row becomes a table of its own, then
tables on neighbouring lines are merged, and rows that look like a separator are dropped on the way.
"""

import re

# Equal to upstream's `\|\s*.*?\s*\|\n`, without its quadratic run over white space.
_ROW = re.compile(r"\|.*?\|\n", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_FRAME = re.compile(r"</?t(able|head|body)>")


def has_table(content: str) -> bool:
    """At least two rows."""
    return len(_ROW.findall(content + "\n")) >= 2


def to_html(content: str) -> str:
    """`content` with its pipe tables as HTML; also loses carriage returns and gains a final newline.

    A cell holding ":" or "---" is dropped as if it were part of the separator row, and so is the line
    of text right before a table.
    """
    content = content.replace("\r", "") + "\n"
    for rows in _ROW.findall(content):
        content = content.replace(rows, _rows_to_html(rows), 1)
    merged = "\n".join(_merge_neighbours(content.split("\n")))
    merged = merged.replace("<table>", '<table border="1" >')
    return merged.replace("<td>", '<td colspan="1" rowspan="1">')


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")[1:-1]]


def _rows_to_html(markdown: str) -> str:
    """First row as head, second skipped, the rest as body: one cell a line."""
    rows = [row.strip() for row in markdown.strip().split("\n")]
    head = "".join(f"      <th>{cell}</th>\n" for cell in _cells(rows[0]))
    body = ""
    for row in rows[2:]:
        cells = "".join(f"      <td>{cell}</td>\n" for cell in _cells(row))
        body += f"    <tr>\n{cells}    </tr>\n"
    return (
        f"<table>\n  <thead>\n    <tr>\n{head}    </tr>\n  </thead>\n  <tbody>\n{body}  </tbody>\n</table>\n"
    )


def _merge_neighbours(lines: list[str]) -> list[str]:
    """Lines with each run of tables replaced by one table. Works one line behind, as upstream does."""
    output: list[str] = []
    block, previous, in_table = "", "", False
    for line in lines:
        if "<table>" in line:
            in_table = True
            block += previous
        elif in_table:
            if not _looks_like_separator(previous) and "</thead>" not in previous:
                block += "\n" + previous
            if "</table>" in previous:
                in_table = False
                output.append(_merged_table(block))
                block = ""
        else:
            output.append(previous)
        previous = line
    if previous and (in_table or "</table>" in previous):
        output.append(_merged_table(block + "\n" + previous))
    elif previous:
        output.append(previous)
    return output


def _looks_like_separator(line: str) -> bool:
    return ":" in line or "---" in line


def _merged_table(block: str) -> str:
    """Rows of all tables in `block` in one; tables of two lines or fewer are dropped."""
    kept: list[str] = []
    for table in _TABLE.findall(_COMMENT.sub("", block)):
        lines = [_as_data_cell(line) for line in table.split("\n")]
        rows = [line for line in lines if not _FRAME.search(line)]
        if len(rows) > 2:
            kept.extend(rows)
    return "\n\n<table>\n" + "\n".join(kept) + "\n</table>\n\n"


def _as_data_cell(line: str) -> str:
    return line.replace("<th>", "<td>").replace("</th>", "</td>") if "<th>" in line else line
