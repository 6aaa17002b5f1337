"""A PDF of strangers in, the same PDF that cannot act out: no scripts, programs, or files in it or around it.

Every dictionary of the file is looked at, wherever it hangs. What is allowed of actions is a list; kinds of
keys and annotations are taken out. Pages, text, pictures, layers, forms' looks, bookmarks and links stay.
"""

import re
from typing import Any

MAX_DEPTH = 64
"""Direct objects within each other; what is deeper is cut off."""
_GOES = frozenset({"GoTo", "SetOCGState"})
_STEPS = frozenset({"NextPage", "PrevPage", "FirstPage", "LastPage"})
_WEB = re.compile(r"(?:https?://|mailto:)[^\x00-\x1f]+", re.IGNORECASE)
_ACTS = frozenset({
    "JavaScript", "Launch", "GoToR", "GoToE", "ImportData", "SubmitForm", "ResetForm", "Rendition", "Movie",
    "Sound", "RichMediaExecute", "GoTo3DView", "GoToDp", "Thread", "Hide", "Trans",
})  # fmt: skip
_KEYS = frozenset({
    "AA", "AF", "AlternatePresentations", "Collection", "CO", "EF", "EmbeddedFiles", "JS", "JavaScript",
    "OPI", "OpenAction", "Perms", "PieceInfo", "Ref", "Renditions", "Requirements", "RichMediaContent",
    "RichMediaSettings", "SigFlags", "SpiderInfo", "XFA",
})  # fmt: skip
"""They lead to what acts, to files, or to a signature, which no longer holds; `Ref` is a page elsewhere."""
_ACTION_KEYS = ("A", "PA", "Next")
_ANNOTATIONS = frozenset({
    "3D", "FileAttachment", "Movie", "Projection", "RichMedia", "Screen", "Sound", "TrapNet",
})  # fmt: skip
_OF_OTHER_FILES = ("F", "FFilter", "FDecodeParms")
"""Of a stream: its bytes are those of another file."""


def scrub(document: Any) -> None:
    """Take out of a `pymupdf.Document` what acts. What MuPDF raises on broken objects is the caller's."""
    import pymupdf

    mupdf, pdf = pymupdf.mupdf, pymupdf.mupdf.pdf_specifics(document.this)
    walk = _Walk(mupdf)
    walk.clean(mupdf.pdf_trailer(pdf), 0)
    for number in range(1, document.xref_length()):
        try:
            found = mupdf.pdf_load_object(pdf, number)
            if mupdf.pdf_is_stream(found):
                walk.keep_bytes(found)
            walk.clean(found, 0)
        except mupdf.FzErrorFormat:
            continue  # it is not there, and so is not written


class _Walk:
    """Cleans one object after the other; references are not followed, as each object has its turn."""

    def __init__(self, mupdf: Any) -> None:
        self._mupdf = mupdf

    def clean(self, found: Any, depth: int) -> None:
        """Clean an object and what is directly in it."""
        mupdf = self._mupdf
        if mupdf.pdf_is_dict(found):
            self._clean_dictionary(found, depth)
        elif mupdf.pdf_is_array(found):
            for at in reversed(range(mupdf.pdf_array_len(found))):
                value = mupdf.pdf_array_get(found, at)
                if depth >= MAX_DEPTH and self._is_holder(value):
                    mupdf.pdf_array_delete(found, at)
                elif not mupdf.pdf_is_indirect(value):
                    self.clean(value, depth + 1)

    def keep_bytes(self, found: Any) -> None:
        """A stream has the bytes that are in the file, and no program of a printer's."""
        for key in _OF_OTHER_FILES:
            self._mupdf.pdf_dict_dels(found, key)
        if self._name(found, "Subtype") == "PS":
            self._mupdf.pdf_dict_dels(found, "Subtype")

    def _clean_dictionary(self, found: Any, depth: int) -> None:
        mupdf = self._mupdf
        is_action = self._name(found, "S") in _ACTS and self._name(found, "Type") != "StructElem"
        if is_action or self._name(found, "Subtype") in _ANNOTATIONS:
            for key, _ in self._entries(found):
                mupdf.pdf_dict_dels(found, key)
            return
        is_signature = self._name(found, "FT") == "Sig"
        for key, value in self._entries(found):
            if (
                (
                    key in _KEYS
                    or (key == "V" and is_signature)
                    or (depth >= MAX_DEPTH and self._is_holder(value))
                )
                or key in _ACTION_KEYS
                and not self._is_allowed(value)
            ):
                mupdf.pdf_dict_dels(found, key)
            elif key == "Annots":
                self._clean_annotations(value)
        for _, value in self._entries(found):
            if not mupdf.pdf_is_indirect(value):
                self.clean(value, depth + 1)

    def _is_allowed(self, action: Any) -> bool:
        """Whether what stands under an action's key goes to a place here or to the web, or is no action."""
        mupdf = self._mupdf
        if mupdf.pdf_is_array(action):
            return all(
                self._is_allowed(mupdf.pdf_array_get(action, at)) for at in range(mupdf.pdf_array_len(action))
            ) if mupdf.pdf_array_len(action) <= 1000 else False  # fmt: skip
        kind = self._name(action, "S")
        if kind == "URI":
            return _WEB.fullmatch(self._string(action, "URI")) is not None
        if kind == "Named":
            return self._name(action, "N") in _STEPS
        return not kind or kind in _GOES

    def _clean_annotations(self, annotations: Any) -> None:
        mupdf = self._mupdf
        for at in reversed(range(mupdf.pdf_array_len(annotations) if mupdf.pdf_is_array(annotations) else 0)):
            kind = self._name(mupdf.pdf_array_get(annotations, at), "Subtype")
            if not kind or kind in _ANNOTATIONS:
                mupdf.pdf_array_delete(annotations, at)

    def _entries(self, found: Any) -> list[tuple[str, Any]]:
        mupdf = self._mupdf
        return [
            (mupdf.pdf_to_name(mupdf.pdf_dict_get_key(found, at)), mupdf.pdf_dict_get_val(found, at))
            for at in range(mupdf.pdf_dict_len(found))
        ]

    def _is_holder(self, value: Any) -> bool:
        mupdf = self._mupdf
        is_direct = not mupdf.pdf_is_indirect(value)
        return bool(is_direct and (mupdf.pdf_is_dict(value) or mupdf.pdf_is_array(value)))

    def _name(self, found: Any, key: str) -> str:
        if not self._mupdf.pdf_is_dict(found):
            return ""
        return str(self._mupdf.pdf_to_name(self._mupdf.pdf_dict_gets(found, key)))

    def _string(self, found: Any, key: str) -> str:
        return str(self._mupdf.pdf_to_text_string(self._mupdf.pdf_dict_gets(found, key)))
