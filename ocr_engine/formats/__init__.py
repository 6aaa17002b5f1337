"""What a run can write: a record an export. The config, the writers and the drawings read these.

Strings alone: a record names its functions as `module:function`, and who needs one imports it then.
"""

from ocr_engine.formats.exports import EXPORTS, REVIEW, Export, MadeOf, exports_of

__all__ = ["EXPORTS", "REVIEW", "Export", "MadeOf", "exports_of"]
