"""The font families of the synthetic pages: file names, how often each is used, what it looks like."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Four files of one typeface (regular, bold, italic, bold italic) and its share of the pages."""

    name: str
    files: tuple[str, str, str, str]
    weight: float
    look: str
    """'serif', 'sans', 'mono' or 'tex' (serif with fi/fl ligatures and hyphenated lines)."""


def _family(name: str, look: str, weight: float, *endings: str, stem: str = "") -> Family:
    regular, bold, italic, both = (f"{stem or name}{ending}" for ending in endings)
    return Family(name, (regular, bold, italic, both), weight, look)


_TTF = ("-Regular.ttf", "-Bold.ttf", "-Italic.ttf", "-BoldItalic.ttf")
_OBLIQUE = (".ttf", "-Bold.ttf", "-Oblique.ttf", "-BoldOblique.ttf")
_FREE = (".ttf", "Bold.ttf", "Oblique.ttf", "BoldOblique.ttf")
_GYRE = ("-regular.otf", "-bold.otf", "-italic.otf", "-bolditalic.otf")
_OTF = ("-Regular.otf", "-Bold.otf", "-Italic.otf", "-BoldItalic.otf")
_UPRIGHT = ("-Regular", "-Bold", "-Regular", "-Bold")
_LIBERTINE = ("_R.otf", "_RB.otf", "_RI.otf", "_RBI.otf")

FAMILIES = (
    _family("LiberationSerif", "serif", 3.0, *_TTF),
    _family("LiberationSans", "sans", 3.0, *_TTF),
    _family("LiberationSansNarrow", "sans", 0.5, *_TTF),
    _family("LiberationMono", "mono", 0.6, *_TTF),
    _family("DejaVuSans", "sans", 1.3, *_OBLIQUE),
    _family("DejaVuSansMono", "mono", 0.3, *_OBLIQUE),
    _family("DejaVuSerif", "serif", 0.8, ".ttf", "-Bold.ttf", "-Italic.ttf", "-BoldItalic.ttf"),
    _family("FreeSerif", "serif", 1.0, ".ttf", "Bold.ttf", "Italic.ttf", "BoldItalic.ttf"),
    _family("FreeSans", "sans", 1.0, *_FREE),
    _family("Carlito", "sans", 1.7, *_TTF),
    _family("Roboto", "sans", 1.2, *_TTF),
    _family("NotoSans", "sans", 1.2, *_TTF),
    _family("NotoSerif", "serif", 1.2, *_TTF),
    _family("OpenSans", "sans", 1.2, *_TTF),
    _family("LinLibertine", "tex", 1.2, *_LIBERTINE),
    _family("latin-modern", "tex", 3.0, *_GYRE, stem="lmroman10"),
    _family(
        "latin-modern-sans", "sans", 0.4, *_GYRE[:2], "-oblique.otf", "-boldoblique.otf", stem="lmsans10"
    ),
    _family("cmu-serif", "tex", 1.5, "rm.ttf", "bx.ttf", "ti.ttf", "bi.ttf", stem="cmun"),
    _family("termes", "tex", 2.5, *_GYRE, stem="texgyretermes"),
    _family("heros", "sans", 1.5, *_GYRE, stem="texgyreheros"),
    _family("schola", "tex", 0.6, *_GYRE, stem="texgyreschola"),
    _family("bonum", "serif", 0.4, *_GYRE, stem="texgyrebonum"),
    _family("cursor", "mono", 0.3, *_GYRE, stem="texgyrecursor"),
    _family("stix", "tex", 0.8, *_OTF, stem="STIX"),
    _family("adventor", "sans", 2.4, *_GYRE, stem="texgyreadventor"),
    _family("Quicksand", "sans", 0.5, *(f"{e}.ttf" for e in _UPRIGHT)),
    _family("Manrope", "sans", 0.5, *(f"{e}.ttf" for e in _UPRIGHT)),
    _family("LeagueSpartan", "sans", 0.4, *(f"{e}.otf" for e in _UPRIGHT)),
    _family("Cantarell", "sans", 0.5, *(f"{e}.otf" for e in _UPRIGHT)),
    _family("Inter", "sans", 0.8, *_OTF),
    _family("Cabin", "sans", 0.4, *_OTF),
    _family("pt-sans", "sans", 0.7, "55F.ttf", "75F.ttf", "56F.ttf", "76F.ttf", stem="PTS"),
    _family("pt-serif", "serif", 0.7, "55F.ttf", "75F.ttf", "56F.ttf", "76F.ttf", stem="PTF"),
    _family("Vollkorn", "tex", 0.4, *_TTF),
    _family("OldStandard", "tex", 0.4, *_TTF[:3], _TTF[1]),
    _family("GentiumPlus", "serif", 0.5, *_TTF),
    _family("EBGaramond12", "tex", 0.6, *_OTF[:3], _OTF[1]),
    _family("LinBiolinum", "sans", 0.5, *_LIBERTINE[:3], _LIBERTINE[1]),
    _family("courier-prime", "mono", 0.3, ".otf", " Bold.otf", " Italic.otf", " Bold Italic.otf",
            stem="Courier Prime"),
    _family("FiraCode", "mono", 0.2, *(f"{e}.ttf" for e in _UPRIGHT)),
    _family("latin-modern-mono", "mono", 0.3, "10-regular.otf", "lt10-bold.otf", "10-italic.otf",
            "lt10-boldoblique.otf", stem="lmmono"),
)  # fmt: skip
"""Used for training."""
CODE = tuple(family for family in FAMILIES if family.look == "mono")
"""Families of listings, and of code within prose."""
MATH = ("lmroman10-regular.otf", "lmroman10-italic.otf")
"""Upright and slanted letters of formulas on pages that are set without serifs."""
FALLBACK = ("STIX-Regular.otf", "DejaVuSans.ttf")
"""Where a sign comes from that a font lacks."""

_GO = ("-Regular.ttf", "-Bold.ttf", "-Italic.ttf", "-Bold-Italic.ttf")
_OTF_OBLIQUE = (".otf", "-Bold.otf", "-Oblique.otf", "-BoldOblique.otf")
_FEW = 0.45
"""How often each of FURTHER is used, so that they make up two pages in five."""


def _further(stem: str, look: str, *endings: str, weight: float = _FEW) -> Family:
    """Name a family by its files; where it lacks a style, the nearest is given twice."""
    return _family(stem, look, weight, *endings)


FURTHER = (
    _further("AccanthisADFStd", "serif", *_OTF),
    _further("AccanthisADFStdNo3", "serif", *_OTF, weight=0.3),
    _further("BaskervaldADFStd", "serif", ".otf", *_OTF[1:]),
    _further("BerenisADFPro", "tex", *_OTF),
    _further("RomandeADFStd", "serif", "-Regular.otf", "-DemiBold.otf", "-Italic.otf", "-DemiBoldItalic.otf"),
    _further("TribunADFStd", "serif", *_OTF),
    _further("TribunADFStd-Cond", "serif", ".otf", "Italic.otf", "Italic.otf", ".otf", weight=0.2),
    _further("Verana", "serif", *_OTF),
    _further("Arapey", "serif", "-Regular.otf", "-Black.otf", "-Regular.otf", "-Black.otf"),
    _further("AveriaSerifGWF", "serif", *_TTF),
    _further("Cardo", "tex", "104s.ttf", "b101.ttf", "i99.ttf", "b101.ttf"),
    _further("ElstobD", "tex", "-10pt.otf", "-10ptBold.otf", "-10ptItalic.otf", "-10ptBoldItalic.otf"),
    _further("Fanwood", "serif", ".otf", ".otf", "-Italic.otf", "-Italic.otf"),
    _further("GFSArtemisia", "serif", ".otf", "Bold.otf", "It.otf", "BoldIt.otf"),
    _further("GoudyBookletter1911", "serif", *(".otf",) * 4, weight=0.25),
    _further("JunicodeTwoBeta", "tex", *_OTF),
    _further("LindenHill", "serif", ".otf", ".otf", "-Italic.otf", "-Italic.otf"),
    _further("Prociono", "serif", *(".otf",) * 4, weight=0.25),
    _further("Quattrocento", "serif", *("-Regular.otf",) * 4),
    _further("RobotoSlab", "serif", "-Regular.otf", "-Bold.otf", "-Light.otf", "-Bold.otf", weight=0.7),
    _further("CharisSIL", "serif", *_TTF, weight=0.6),
    _further("GenBkBas", "serif", "R.ttf", "B.ttf", "I.ttf", "BI.ttf"),
    _further("C059", "tex", "-Roman.otf", "-Bold.otf", "-Italic.otf", "-BdIta.otf"),
    _further("Norasi", "serif", ".otf", "-Bold.otf", "-Italic.otf", "-BoldItalic.otf"),
    _further("Kinnari", "serif", ".otf", "-Bold.otf", "-Italic.otf", "-BoldItalic.otf"),
    _further("Yrsa", "serif", *_TTF),
    _further("DejaVuSerifCondensed", "serif", ".ttf", "-Bold.ttf", "-Italic.ttf", "-BoldItalic.ttf"),
    _further("NanumMyeongjo", "serif", ".ttf", "Bold.ttf", ".ttf", "Bold.ttf", weight=0.3),
    _further("Amiri", "serif", "-Regular.ttf", "-Bold.ttf", "-Slanted.ttf", "-BoldSlanted.ttf"),
    _further("ClearSans", "sans", *_TTF, weight=0.6),
    _further("GilliusADF", "sans", *_OTF),
    _further("LibrisADFStd", "sans", *_OTF),
    _further("SwitzeraADF", "sans", *_OTF),
    _further("SwitzeraADF-Ext", "sans", ".otf", "Italic.otf", "Italic.otf", ".otf", weight=0.2),
    _further("UniversalisADFStd", "sans", *_OTF),
    _further("VeranaSans", "sans", "-Regular.otf", "-Bold.otf", "-Oblique.otf", "-BoldOblique.otf"),
    _further("AveriaSansGWF", "sans", *_TTF, weight=0.3),
    _further("B612", "sans", *_OTF),
    _further("ComicNeue", "sans", *_OTF),
    _further("Go", "sans", *_GO),
    _further("Karla", "sans", *_OTF, weight=0.6),
    _further("Play", "sans", "-Regular.otf", "-Bold.otf", "-Regular.otf", "-Bold.otf", weight=0.3),
    _further("Sora", "sans", "-Regular.otf", "-Bold.otf", "-Light.otf", "-SemiBold.otf"),
    _further("Andika", "sans", *_TTF),
    _further("Tuffy", "sans", ".ttf", "_Bold.ttf", "_Italic.ttf", "_Bold_Italic.ttf"),
    _further("GFSNeohellenic", "sans", ".otf", "Bold.otf", "It.otf", "BoldIt.otf"),
    _further("Garuda", "sans", *_OTF_OBLIQUE, weight=0.3),
    _further("Loma", "sans", *_OTF_OBLIQUE),
    _further("Laksaman", "sans", ".otf", *_OTF[1:]),
    _further("Oxygen-Sans", "sans", ".ttf", "-Bold.ttf", ".ttf", "-Bold.ttf"),
    _further("tiresias_infofont", "sans", ".ttf", "_bold.ttf", "_italic.ttf", "_bold.ttf", weight=0.3),
    _further("Dosis", "sans", "-Book.otf", "-Bold.otf", "-Book.otf", "-Bold.otf", weight=0.3),
    _further("OpenDyslexic", "sans", *_OTF, weight=0.2),
    _further("NanumGothic", "sans", ".ttf", "Bold.ttf", ".ttf", "Bold.ttf", weight=0.3),
    _further("BIZUDPGothic", "sans", "-Regular.ttf", "-Bold.ttf", "-Regular.ttf", "-Bold.ttf", weight=0.3),
    _further("Mplus1", "sans", "-Regular.otf", "-Bold.otf", "-Light.otf", "-SemiBold.otf"),
    _further("Junction", "sans", *(".otf",) * 4, weight=0.3),
    _further("Jura", "sans", "-Medium.otf", "-Bold.otf", "-Regular.otf", "-SemiBold.otf", weight=0.25),
    _further("DejaVuSansCondensed", "sans", *_OBLIQUE),
    _further("Manjari", "sans", "-Regular.otf", "-Bold.otf", "-Regular.otf", "-Bold.otf", weight=0.3),
    _further("JetBrainsMono", "mono", *_TTF, weight=0.1),
    _further("Go-Mono", "mono", ".ttf", "-Bold.ttf", "-Italic.ttf", "-Bold-Italic.ttf", weight=0.1),
    _further("Hack", "mono", *_TTF, weight=0.1),
)
"""Used for training besides, from the sixth segment on; trials of held-out text keep to FAMILIES."""
TRAINED = FAMILIES + FURTHER

HELD_FAMILIES = (
    _family("Caladea", "serif", 1.0, *_TTF),
    _family("Lato", "sans", 1.0, *_TTF),
    _family("pagella", "tex", 1.0, *_GYRE, stem="texgyrepagella"),
)
"""Never seen in training: the held-out fonts."""


@dataclass(frozen=True)
class Face:
    """A family at a size in px."""

    family: Family
    size_px: float

    def file(self, style: int) -> str:
        """Return the font file of style 0 regular, 1 bold, 2 italic, 3 both."""
        return self.family.files[style]
