"""What a text layer changed, as review pages show it."""

from dataclasses import replace

from ocr_engine.outputs.exports.review_changes import agreements_of, changes_of, confidences_of
from ocr_engine.records import (
    Block,
    BlockAgreement,
    Box,
    Confidence,
    LayerVerdict,
    PageAgreement,
    PageConfidence,
    PageRecord,
    PageStatus,
    TextRepair,
)

BOX = (Box(1, 1, 9, 9),)


def record() -> PageRecord:
    blocks = (
        Block("text", BOX, "on 2025-02-18 GetItem"),
        Block("text_layer", BOX, "missed"),
        Block("", (), "x"),
    )
    repairs = (
        TextRepair(0, 8, " ", "", "no blank"),
        TextRepair(0, 15, "Getltem", "GetItem", "letters"),
        TextRepair(1, 0, "", "missed", "text missed", BOX),
        TextRepair(9, 0, "", "of no block", "odd"),
    )
    agreed = (BlockAgreement.FEW, BlockAgreement.NO_LAYER)
    agreement = PageAgreement(LayerVerdict.BORN_DIGITAL, "", agreed)
    return PageRecord(
        1, PageStatus.DONE, "", "r.w", "base", "markdown", blocks, agreement=agreement, text_repairs=repairs
    )


def test_changes_stand_between_the_text_around_them() -> None:
    changes = changes_of(record())
    assert [(one.left, one.before, one.after, one.right) for one in changes[0]] == [
        ("on 2025-", "\u2423", "", "02-18 GetItem"),
        ("on 2025-02-18 ", "Getltem", "GetItem", ""),
    ]
    assert changes[1][0].after == "missed" and set(changes) == {0, 1}


def test_confidence_is_of_the_blocks_that_were_read() -> None:
    one, two = Confidence(0.9, 0.5), Confidence(0.8, 0.1)
    assert confidences_of(record()) == {}
    known = PageConfidence(one, (one, two))
    assert confidences_of(replace(record(), confidence=known)) == {0: one, 2: two}
    assert confidences_of(replace(record(), confidence=PageConfidence(one, (None, two)))) == {2: two}
    assert confidences_of(replace(record(), confidence=PageConfidence(one))) == {}


def test_agreement_is_of_the_blocks_that_were_read() -> None:
    assert agreements_of(record()) == {0: "few", 2: "no layer"}
