"""What an earlier run of another mode or model read on a page: a draft of what will be read now."""

from dataclasses import dataclass

from ocr_engine.conversion.planning import PagePlanner, PlannedPage
from ocr_engine.conversion.saver import Saver
from ocr_engine.drafts.prediction import MAX_CHARS
from ocr_engine.errors import OutputError
from ocr_engine.outputs.page_writer import PageWriter
from ocr_engine.reading.draft import form_of


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """Finds the stored raw texts of pages that are read again."""

    planner: PagePlanner
    saver: Saver
    tokenizer: str | None
    """As in `form_of`: None where nobody wants drafts."""

    async def of(self, page: PlannedPage, writer: PageWriter) -> str:
        """The page's raw text of an earlier run; "" where none helps. `writer` is its document's."""
        config, row = self.planner.config, self.planner.row(page)
        if row is None or form_of(config, self.tokenizer) is None:
            return ""
        try:
            stored = await self.saver.call(writer.stored, page.ref.number, row.fingerprint)
        except OutputError:  # the page is read without: a draft saves time alone
            stored = None
        if stored is None:
            return ""
        record, raw = stored
        is_alike = record.prompt == config.prompt and not record.turned_deg
        return raw[:MAX_CHARS] if is_alike and not record.from_text_layer else ""
