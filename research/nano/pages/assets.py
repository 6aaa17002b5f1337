"""Collects fonts and text from installed Debian packages into one folder that training carries along.

Run once where packages can be installed: `apt-get install $(python -m research.nano.pages.assets
--packages)`, then `python -m research.nano.pages.assets`. Nothing is fetched here or at
training time; sources and licences are below.
"""

import argparse
import gzip
import json
import logging
import lzma
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from research.nano.pages.charset import CHARACTERS, is_readable
from research.nano.pages.families import HELD_FAMILIES, TRAINED

FOLDER = Path(__file__).parent / "assets_build"

FONT_PACKAGES = {
    "fonts-liberation": "SIL OFL 1.1",
    "fonts-dejavu": "Bitstream Vera licence",
    "fonts-freefont-ttf": "GPL 3 with font exception",
    "fonts-crosextra-carlito": "SIL OFL 1.1",
    "fonts-crosextra-caladea": "Apache 2.0",
    "fonts-roboto-unhinted": "Apache 2.0",
    "fonts-noto-core": "SIL OFL 1.1",
    "fonts-linuxlibertine": "SIL OFL 1.1 or GPL 2 with font exception",
    "fonts-open-sans": "Apache 2.0",
    "fonts-lato": "SIL OFL 1.1",
    "fonts-lmodern": "GUST Font License",
    "fonts-texgyre": "GUST Font License",
    "fonts-cmu": "SIL OFL 1.1",
    "fonts-ebgaramond": "SIL OFL 1.1",
    "fonts-stix": "SIL OFL 1.1",
    "fonts-quicksand": "SIL OFL 1.1",
    "fonts-manrope": "SIL OFL 1.1",
    "fonts-league-spartan": "SIL OFL 1.1",
    "fonts-cantarell": "SIL OFL 1.1",
    "fonts-inter": "SIL OFL 1.1",
    "fonts-cabin": "SIL OFL 1.1",
    "fonts-paratype": "ParaType Free Font Licence",
    "fonts-vollkorn": "SIL OFL 1.1",
    "fonts-oldstandard": "SIL OFL 1.1",
    "fonts-sil-gentiumplus": "SIL OFL 1.1",
    "fonts-courier-prime": "SIL OFL 1.1",
    "fonts-firacode": "SIL OFL 1.1",
    "fonts-adf-accanthis": "GPL 2+ with font exception",
    "fonts-adf-baskervald": "GPL 2+ with font exception",
    "fonts-adf-berenis": "GPL 2+ with font exception",
    "fonts-adf-gillius": "GPL 2+ with font exception",
    "fonts-adf-libris": "GPL 2+ with font exception",
    "fonts-adf-romande": "GPL 2+ with font exception",
    "fonts-adf-switzera": "GPL 2+ with font exception",
    "fonts-adf-tribun": "GPL 2+ with font exception",
    "fonts-adf-universalis": "GPL 2+ with font exception",
    "fonts-adf-verana": "GPL 2+ with font exception",
    "fonts-tlwg-garuda-otf": "GPL 2+ with font exception",
    "fonts-tlwg-kinnari-otf": "GPL 2+ with font exception",
    "fonts-tlwg-laksaman-otf": "GPL 2+ with font exception",
    "fonts-tlwg-loma-otf": "GPL 2+ with font exception",
    "fonts-tlwg-norasi-otf": "GPL 2+ with font exception",
    "fonts-arapey": "SIL OFL 1.1",
    "fonts-averia-sans-gwf": "SIL OFL 1.1",
    "fonts-averia-serif-gwf": "SIL OFL 1.1",
    "fonts-b612": "SIL OFL 1.1",
    "fonts-cardo": "SIL OFL 1.1",
    "fonts-comic-neue": "SIL OFL 1.1",
    "fonts-dosis": "SIL OFL 1.1",
    "fonts-elstob": "SIL OFL 1.1",
    "fonts-junction": "SIL OFL 1.1",
    "fonts-junicode": "SIL OFL 1.1",
    "fonts-karla": "SIL OFL 1.1",
    "fonts-nanum": "SIL OFL 1.1",
    "fonts-mplus": "SIL OFL 1.1",
    "fonts-play": "SIL OFL 1.1",
    "fonts-quattrocento": "SIL OFL 1.1",
    "fonts-sil-andika": "SIL OFL 1.1",
    "fonts-sil-charis": "SIL OFL 1.1",
    "fonts-sil-gentium-basic": "SIL OFL 1.1",
    "fonts-smc-manjari": "SIL OFL 1.1",
    "fonts-sora": "SIL OFL 1.1",
    "fonts-hosny-amiri": "SIL OFL 1.1",
    "fonts-yrsa-rasa": "SIL OFL 1.1",
    "fonts-morisawa-bizud-gothic": "SIL OFL 1.1",
    "fonts-clear-sans": "Apache 2.0",
    "fonts-roboto-slab": "Apache 2.0",
    "fonts-jetbrains-mono": "Apache 2.0",
    "fonts-dejavu-extra": "Bitstream Vera licence",
    "fonts-fanwood": "MIT",
    "fonts-lindenhill": "MIT",
    "fonts-go": "BSD 3-clause",
    "fonts-goudybookletter": "public domain",
    "fonts-prociono": "public domain",
    "fonts-tuffy": "public domain",
    "fonts-hack": "MIT and Bitstream Vera licence",
    "fonts-oxygen": "SIL OFL 1.1 or GPL 3+ with font exception",
    "fonts-tiresias": "GPL 3+ with font exception",
    "fonts-opendyslexic": "CC BY 3.0 and Bitstream Vera licence",
    "fonts-urw-base35": "AGPL 3 with font exception",
    "fonts-gfs-artemisia": "SIL OFL 1.1",
    "fonts-gfs-neohellenic": "SIL OFL 1.1",
    "fonts-jura": "SIL OFL 1.1",
}
TEXT_PACKAGES = {
    "debian-handbook": "GPL 2+ or CC BY-SA 3.0",
    "postgresql-doc-15": "PostgreSQL licence",
    "anarchism": "GFDL 1.1+ or GPL 2+",
    "python3-doc": "PSF licence",
    "debian-policy": "GPL 2+",
    "installation-guide-amd64": "GPL 2",
    "gnome-user-docs": "CC BY 3.0",
    "wordnet-base": "WordNet licence",
    "dict-devil": "public domain",
    "dict-jargon": "public domain",
}
WORD_PACKAGES = {
    "wamerican": "public domain and SCOWL licence",
    "wfrench": "GPL 2",
    "wngerman": "GPL 2+",
    "wspanish": "GPL 2+",
    "witalian": "GPL 2+",
    "wportuguese": "GPL 2",
}
ENGLISH = (
    ("/usr/share/doc/debian-handbook/html/en-US", 4000),
    ("/usr/share/doc/postgresql-doc-15/html", 14000),
    ("/usr/share/doc/anarchism/html", 22000),
    ("/usr/share/doc/python3.11/html", 9000),
    ("/usr/share/doc/debian-policy", 2500),
    ("/usr/share/doc/installation-guide-amd64/en", 2500),
    ("/usr/share/help/C", 5000),
)
FOREIGN = tuple(
    (f"/usr/share/doc/{folder}", 1200)
    for folder in (
        "debian-handbook/html/fr-FR",
        "debian-handbook/html/de-DE",
        "debian-handbook/html/es-ES",
        "debian-handbook/html/it-IT",
        "debian-handbook/html/pt-BR",
        "installation-guide-amd64/fr",
        "installation-guide-amd64/de",
        "installation-guide-amd64/es",
    )
)
FONT_ROOTS = ("/usr/share/fonts", "/usr/share/texmf/fonts/opentype")


def _clean(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u00a0", " ")).strip()


def _is_prose(text: str) -> bool:
    letters = sum(c.isalpha() or c == " " for c in text)
    return 50 <= len(text) <= 1500 and letters > 0.85 * len(text) and is_readable(text)


def _page_paragraphs(path: Path) -> Iterator[str]:
    from lxml import etree, html

    try:
        tree = html.fromstring(path.read_bytes())
    except (etree.ParserError, ValueError):
        return
    for node in tree.iter("p", "li", "dd", "h1", "h2", "h3", "title"):
        yield _clean(str(node.text_content()))


def _paragraphs(root: str, limit: int, rng: random.Random) -> list[str]:
    files = [f for f in Path(root).rglob("*") if f.suffix in (".html", ".page") and f.is_file()]
    rng.shuffle(files)
    found: dict[str, None] = {}
    for path in files:
        for text in _page_paragraphs(path):
            if _is_prose(text):
                found.setdefault(text)
        if len(found) >= limit:
            break
    return list(found)[:limit]


def _dictionary_glosses() -> list[str]:
    found = []
    for part in ("noun", "verb", "adj", "adv"):
        path = Path(f"/usr/share/wordnet/data.{part}")
        for line in path.read_text("latin-1").splitlines() if path.exists() else []:
            gloss = _clean(line.partition("|")[2])
            if _is_prose(gloss):
                found.append(gloss[:1].upper() + gloss[1:])
    return found


def _public_domain_dictionaries() -> list[str]:
    found = []
    for name in ("devil", "jargon"):
        raw = gzip.decompress(Path(f"/usr/share/dictd/{name}.dict.dz").read_bytes())
        parts = re.split(r"\n\s*\n|\n(?=\S)", raw.decode("utf-8", "replace"))
        found += [p for p in map(_clean, parts) if _is_prose(p)]
    return found


def _words(language: str) -> list[str]:
    lines = Path(f"/usr/share/dict/{language}").read_text("utf-8", "ignore").split("\n")
    return [w for w in lines if 1 < len(w) < 16 and "'" not in w and is_readable(w)]


def collect_text(folder: Path) -> None:
    """Write train, held (5 % of the paragraphs), foreign and words as .txt.xz into folder."""
    rng = random.Random(0)
    prose = [p for root, limit in ENGLISH for p in _paragraphs(root, limit, rng)]
    glosses = _dictionary_glosses()
    prose += rng.sample(glosses, min(20000, len(glosses))) + _public_domain_dictionaries()
    rng.shuffle(prose)
    cut = len(prose) // 20
    foreign = [p for root, limit in FOREIGN for p in _paragraphs(root, limit, rng)]
    rng.shuffle(foreign)
    words = _words("american-english")
    for language in ("french", "ngerman", "spanish", "italian", "portuguese"):
        other = _words(language)
        words += rng.sample(other, min(7000, len(other)))
    lists = {"held": prose[:cut], "train": prose[cut:], "foreign": foreign, "words": words}
    for name, lines in lists.items():
        packed = lzma.compress("\n".join(lines).encode(), preset=9)
        (folder / f"{name}.txt.xz").write_bytes(packed)


def _subset(source: Path, target: Path) -> None:
    from fontTools import subset

    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True)
    font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=CHARACTERS + " ﬁﬂ")
    subsetter.subset(font)
    subset.save_font(font, str(target), options)


def _lacking(path: Path) -> str:
    """Return the characters that a font has no drawing of."""
    from fontTools.ttLib import TTFont

    with TTFont(path) as font:
        drawn = font.getBestCmap()
    return "".join(c for c in CHARACTERS + "ﬁﬂ" if ord(c) not in drawn)


def collect_fonts(folder: Path) -> None:
    """Write every named font file, reduced to CHARACTERS, into folder, and what each lacks of them."""
    # Tables that only editors of fonts want are left out; nobody needs to hear of each.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    where = {p.name: p for root in FONT_ROOTS for p in Path(root).rglob("*.[ot]tf")}
    folder.mkdir(parents=True, exist_ok=True)
    for family in (*TRAINED, *HELD_FAMILIES):
        for name in family.files:
            if not (folder / name).exists():
                _subset(where[name], folder / name)
    lacking = {path.name: _lacking(path) for path in sorted(folder.glob("*.[ot]tf"))}
    (folder / "missing.json").write_text(json.dumps({k: v for k, v in lacking.items() if v}), "utf-8")


def main() -> None:
    """Collect everything, or list the packages that it comes from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", action="store_true", help="list the Debian packages")
    if parser.parse_args().packages:
        print(*FONT_PACKAGES, *TEXT_PACKAGES, *WORD_PACKAGES)
        return
    FOLDER.mkdir(exist_ok=True)
    collect_text(FOLDER)
    collect_fonts(FOLDER / "fonts")
    shutil.copy(__file__, FOLDER / "SOURCES.py.txt")


if __name__ == "__main__":
    main()
