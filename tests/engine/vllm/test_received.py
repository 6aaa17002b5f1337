"""What a client may send as views: numpy's files, no larger than a page; the rest is refused."""

import base64
import io
import pickle
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("vllm", reason="needs vllm")

import torch

from ocr_engine.engine.vllm import received
from ocr_engine.engine.vllm.internals import BaseMultiModalItemTracker
from ocr_engine.engine.vllm.processor import PageViewsParser
from ocr_engine.engine.vllm.received import MAX_BYTES, RefusedPageError, array_of
from ocr_engine.families import OCR


def encoded(data):
    return base64.b64encode(data).decode()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def saved(tensor):
    file = io.BytesIO()
    torch.save(tensor, file)
    return file.getvalue()


def with_header(text, values=b""):
    header = text.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values


@pytest.mark.parametrize(
    "array",
    [
        np.arange(48, dtype=np.uint8).reshape(4, 4, 3),
        np.empty((0, 640, 640, 3), np.uint8),
        np.asarray((2, 3), dtype=np.int64),
    ],
)
def test_views_arrive_as_they_were(array):
    found = array_of(encoded(npy(array)))
    assert found.dtype == torch.from_numpy(array).dtype and np.array_equal(found.numpy(), array)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected numpy's .npy format"),
        (b"hello", "expected numpy's .npy format"),
        (saved(torch.zeros(2)), "expected numpy's .npy format"),
        (saved(torch.zeros(2, device="meta")), "expected numpy's .npy format"),
        (saved(torch.zeros(9, 9).to_sparse()), "expected numpy's .npy format"),
        (pickle.dumps([1]), "expected numpy's .npy format"),
        (with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1" + "," * 900), ".npy format"),
        (with_header("-" * 900 + "1"), ".npy format"),
        (npy(np.zeros((2, 2), np.float32)), "uint8 or int64"),
        (npy(np.array(["a"])), "uint8 or int64"),
        (npy(np.zeros((2, 3), np.uint8, order="F")), "C order"),
        (npy(np.zeros((1,) * 6, np.uint8)), "5 dimensions"),
        (npy(np.zeros(2, np.uint8))[:-1], "not as long as its header says"),
        (with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -2)}", b"ab"), "no more than"),
        (with_header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({1 << 62}, 0)}}"), "no more than"),
        (
            with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (30000, 30000)}", b"a"),
            "as long as",
        ),
    ],
)
def test_anything_else_is_refused(data, words):
    with pytest.raises(RefusedPageError, match=words):
        array_of(encoded(data))


def test_size_and_alphabet_are_checked_first():
    with pytest.raises(RefusedPageError, match=f"over {MAX_BYTES:,} bytes, which no page needs"):
        array_of("A" * (MAX_BYTES * 4 // 3 + 8))
    with pytest.raises(RefusedPageError, match="not in base64"):
        array_of("§")


@settings(max_examples=150)
@given(st.text(max_size=120) | st.binary(max_size=60).map(lambda rest: with_header("", rest)[:-2] + rest))
def test_noise_is_refused(data):
    text = data if isinstance(data, str) else encoded(b"\x93NUMPY\x01\x00" + data)
    with pytest.raises(RefusedPageError):
        array_of(text)


@pytest.mark.parametrize("name", ["global_views", "tiles", "grids"])
@pytest.mark.parametrize("change", [lambda t: t.to("meta"), lambda t: t.to_sparse()])
def test_tensors_without_values_are_refused(name, change):
    views = {
        "global_views": torch.zeros(1, 512, 512, 3, dtype=torch.uint8),
        "tiles": torch.zeros(1, 0, 512, 512, 3, dtype=torch.uint8),
        "grids": torch.ones(1, 2, dtype=torch.int64),
    }
    parser = PageViewsParser(OCR)
    assert parser.parse_mm_data({"image": views})
    with pytest.raises(RefusedPageError, match=f"{name}: expected a plain tensor on the CPU"):
        parser.parse_mm_data({"image": views | {name: change(views[name])}})


def test_vllm_itself_calls_the_check_of_what_is_no_array(monkeypatch):
    module = sys.modules[BaseMultiModalItemTracker.__module__]
    monkeypatch.setattr(module, "_merge_embeds", module._merge_embeds)
    parser = SimpleNamespace(placeholder_metadata_fields=lambda modality: set())
    processor = SimpleNamespace(info=SimpleNamespace(data_parser=parser))
    received._refuse_what_is_no_array()
    with pytest.raises(RefusedPageError, match="expected a string, got int"):
        module._get_embeds_data("image", [{"tiles": 3}], processor)
