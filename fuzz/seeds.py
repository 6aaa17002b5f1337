"""What a run starts with: strings of the tests, words to put together, and what earlier runs kept."""

import ast
import hashlib
import re
import zipfile
from pathlib import Path

_TESTS = Path(__file__).parents[1] / "tests"
_CORPUS = Path(__file__).with_name("corpus.zip")
_SOURCES = {
    "sanitizer": ("hostile.py", "text/test_clean.py", "text/test_markdown.py", "text/test_official.py"),
    "grounding": ("hostile.py", "text/test_grounding.py", "text/test_remap.py", "text/test_markdown.py"),
    "tables": ("text/test_tables.py", "text/test_table_rows.py", "text/test_table_csv.py"),
    "journal": ("outputs/test_journal.py", "outputs/test_run_files.py"),
    "server": ("engine/test_server.py", "engine/test_servers.py", "engine/fake_server.py"),
}
_WORDS = {
    "sanitizer": (
        "<script>", "</script>", "<style>", "<img src=http://x/>", "<svg", "<math>",
        "<p y=\"<\" onfocus=\"a\">",
        "onerror=", "style=", "javascript:", "java&#115;cript:", "&colon;", "![", "](", "[a]:", "> [a]: ",
        "- [a]: ", "\"t\"", "http://x/t.png", "<http://a>", "```", "~~~", "`", "\n\n", "\n", "    ",
        "- a\n  ",
        "> ", "1. ", "\\", "\\(", "\\)", "$$", "<!--", "-->", "<?", "<![CDATA[", "]]>", "</", "&lt;", "&#60;",
        "<table>", "<td>", "</td>", "<tr>", "<b>", "</b>", "<sub>", "|", "| --- |", "<|", "|>", "<｜", "｜>",
        "<div", "<a href=", "<iframe", "\x00", "\u200b", "\x0c", "\r", "<smiles>", "</smiles>", "===", "# ",
    ),
    "grounding": (
        "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "[[", "]]", "[[1, 2, 300, 400]]", "image", "title",
        ", ",
        "999", "1000", "-1", "1.5", "\n", "\n\n", "[", "]", "(", ")", "<|", "|>", "9999999", "s ",
    ),
    "tables": (
        "<table>", "</table>", "<tr>", "</tr>", "<td>", "</td>", "<th>", "<td colspan=\"2\">",
        " rowspan=\"3\"",
        "colspan=999", "<thead>", "<tbody>", "<caption>", "<br>", "<b>", "|", "\\|", "=1+1", "@x", "+", "-",
        "&#13;", "&#9;", "&nbsp;", "&#10;", "\uff1d", ";", "\n", "\n\n", "<", ">", "\"", "'", "\t", "<li>",
    ),
    "journal": (
        '{"document": "a.pdf", "page": 1, "status": "done", "reason": "", "fingerprint": "a.b", "outputs": '
        '["a/pages/0001.md"], "attempts": 1, "seconds": {"render": 0.1}}\n',
        '"document": ', '"page": ', '"status": ', '"reason": ', '"fingerprint": ', '"outputs": ',
        '"attempts": ', '"seconds": ', "null", "Infinity", "NaN", "-1", "1e308", "1" + "0" * 400, "\n",
        "{", "}",
        '["a/b/c"]', '"done"', '"failed"', '"\\ud800"', "\x00", "true", "[", "]", '"../x"', "1.5",
        '"ended": ',
    ),
    "server": (
        '{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": {}}',
        'data: {"choices": [{"delta": {"content": "a"}, "token_ids": [1, 2]}]}\n\n', "data: [DONE]\n\n",
        '{"data": [{"id": "nano", "root": "nano", "max_model_len": 4096}]}', '{"tokens": [1, 2, 3]}',
        '{"prompt": "text"}', '{"error": {"message": "no"}}', '"finish_reason": ', '"length"', '"usage": ',
        '"prompt_tokens": ', '"token_ids": ', "Infinity", "NaN", "1" + "0" * 400, '"\\ud800"', "null",
        "[", "{",
        "vllm:num_requests_running 1.0\n", "vllm:num_requests_waiting{a=\"b\"} 2\n", "\n", "\r\n", "\x1b[2J",
    ),
}  # fmt: skip


def write(target: str, corpus: Path, max_len: int) -> list[str]:
    """Write the seeds of a target as files, those there are stay; the words of its dictionary."""
    corpus.mkdir(parents=True, exist_ok=True)
    for data in (*seeds(target, max_len), *corpus_of(target)):
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    return list(_WORDS[target])


def seeds(target: str, max_len: int) -> list[bytes]:
    """Every string in the tests of a target, and its words, one each and in rows."""
    texts = [text for name in _SOURCES[target] for text in _strings(_TESTS / name)] + list(_WORDS[target])
    found = {text.encode("utf-8", "replace")[:max_len] for text in texts if len(text) > 2}
    return sorted(found | {"".join(_WORDS[target]).encode()[:max_len]})


def corpus_of(target: str) -> list[bytes]:
    """The inputs that cover what earlier runs of a target reached, the shortest first."""
    with zipfile.ZipFile(_CORPUS) as archive:
        return [archive.read(name) for name in archive.namelist() if name.startswith(f"{target}/")]


def _strings(path: Path) -> list[str]:
    if not path.is_file():
        return []
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def dictionary(words: list[str]) -> str:
    """The words as libFuzzer reads them: one a line, in quotes, other bytes as `\\xNN`."""
    return "".join(f'"{_escaped(word.encode())}"\n' for word in words if len(word.encode()) < 64)


def _escaped(data: bytes) -> str:
    plain = re.compile(rb"[A-Za-z0-9 <>/=:.,;|#&!*()\[\]{}_+-]")
    return "".join(chr(byte) if plain.match(bytes([byte])) else f"\\x{byte:02x}" for byte in data)
