"""Prints what `text.headers_footers: drop` takes for running heads and feet that were read as text.

    python -m bench.running_heads FOLDER [--layers]

FOLDER as in `bench.footnotes`. With `--layers` every block of a PDF's own text is one that was read as text.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

from bench.footnotes import answers, layers
from ocr_engine.records import PageRecord
from ocr_engine.text.running_heads import running_heads


def main() -> None:
    """Print a line a text: on how many pages of how many, and its first occurrence."""
    parser = argparse.ArgumentParser(prog="python -m bench.running_heads", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", action="store_true", help="made from the PDFs' own text")
    args = parser.parse_args()
    documents: defaultdict[str, list[PageRecord]] = defaultdict(list)
    for name, record in (layers if args.layers else answers)(args.folder, 500):
        documents[name].append(record)
    blocks = 0
    for name, records in documents.items():
        texts: Counter[str] = Counter()
        first: dict[str, str] = {}
        for page, here in running_heads(records).items():
            record = next(one for one in records if one.page == page)
            for at, edge in here.items():
                text = " ".join(record.blocks[at].content.split())
                kind = f"{edge} {''.join('#' if char.isdigit() else char for char in text)[:30]}"
                texts[kind] += 1
                first.setdefault(kind, f"page {page}: {text[:70]}")
        blocks += texts.total()
        for kind, count in texts.most_common():
            print(f"{name[:34]}: {count} of {len(records)} pages, {kind.partition(' ')[0]}, {first[kind]}")
    pages = sum(map(len, documents.values()))
    print(f"{blocks} blocks taken on {pages} pages of {len(documents)} documents")


if __name__ == "__main__":
    main()
