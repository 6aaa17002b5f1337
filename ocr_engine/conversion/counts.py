"""Counts how a run's pages and documents ended."""

from dataclasses import dataclass, field

from ocr_engine.records import PageRecord, PageStatus


@dataclass(slots=True)
class Counts:
    """Pages by status, including those done by earlier runs, and the documents of this run."""

    pages: dict[PageStatus, int] = field(default_factory=lambda: dict.fromkeys(PageStatus, 0))
    unchanged: int = 0
    retried: int = 0
    suspect: int = 0
    from_text_layer: int = 0
    read_twice: int = 0
    added_to: int = 0
    """Of these, pages to which the second reading added text."""
    tables_again: int = 0
    """Tables that were read again alone."""
    tables_replaced: int = 0
    same_bytes: int = 0
    documents: int = 0
    unreadable: int = 0

    def add(self, record: PageRecord) -> None:
        """Count a page that was read or rewritten."""
        self.pages[record.status] += 1
        self.retried += record.attempts > 1
        self.suspect += record.suspect
        self.from_text_layer += record.from_text_layer
        self.read_twice += record.second is not None
        self.added_to += record.second is not None and record.second.pieces > 0
        self.tables_again += len(record.table_readings)
        self.tables_replaced += sum(table.replaced for table in record.table_readings)

    def add_unchanged(self, status: PageStatus) -> None:
        """Count a page that needed nothing."""
        self.unchanged += 1
        self.pages[status] += 1

    @property
    def all_well(self) -> bool:
        """Whether no page or document needs a second look."""
        return not self.unreadable and not any(self.pages[status] for status in PageStatus.poor())

    def as_dict(self) -> dict[str, int]:
        """The counts as `run.json` has them."""
        return {
            **{status.value: number for status, number in self.pages.items()},
            "unchanged": self.unchanged,
            "retried": self.retried,
            "suspect": self.suspect,
            "from_text_layer": self.from_text_layer,
            "read_twice": self.read_twice,
            "added_to": self.added_to,
            "tables_again": self.tables_again,
            "tables_replaced": self.tables_replaced,
            "same_bytes": self.same_bytes,
            "documents": self.documents,
            "documents_unreadable": self.unreadable,
        }
