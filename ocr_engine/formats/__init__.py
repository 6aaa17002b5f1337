"""What a run can write: a record a layout, a record an export.

The config, the writers, the texts and the drawings read these.
Strings alone: a record names its functions as `module:function`, and who needs one imports it then.
"""

from ocr_engine.formats.exports import EXPORTS, REVIEW, Export, MadeOf, exports_of
from ocr_engine.formats.layouts import LAYOUTS, Layout, Overlay

__all__ = ["EXPORTS", "LAYOUTS", "REVIEW", "Export", "Layout", "MadeOf", "Overlay", "exports_of"]
