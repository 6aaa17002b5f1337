"""The characters that nano is taught to read, and their class numbers for the raster loss."""

LATIN = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœŒšŠžŽčČćąęłŁńśźżőűğışřěů"
GREEK = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
SIGNS = "–—‘’“”„«»•…·°©®™§¶†‡±×÷≤≥≠≈∞√∂∑∫∈→←⇒−€£¥¢%‰¡¿ªº¹²³½¼"

CHARACTERS = "".join(sorted({*map(chr, range(33, 127)), *LATIN, *GREEK, *SIGNS}))
CLASS_OF = {character: index + 1 for index, character in enumerate(CHARACTERS)}
CLASSES = 320
"""Size of the raster head: 0 is an empty slot, the rest is room for CHARACTERS."""


def is_readable(text: str) -> bool:
    """Say whether every character of text is a space or one that the model knows."""
    return all(character == " " or character in CLASS_OF for character in text)
