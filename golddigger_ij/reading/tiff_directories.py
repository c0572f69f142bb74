"""The chain of a TIFF's directories, checked before anything walks along it."""

import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import tifffile

from golddigger_ij.reading.unreadable import unreadable

_SUB_IFDS = 330
_MOST_SUB_IFDS = 64  # levels of a pyramid: each halves the sides
_MOST_PLANES = 1_000_000


def check_directories(path: Path, tiff: tifffile.TiffFile) -> None:
    """Refuse directories that run in a circle, overlap or lead out of the file, and OME-XML with absurd stacks.

    Few bytes of damage can otherwise make a small file look like millions of pages with thousands of tags each,
    which takes minutes to find out.

    Raises
    ------
    GoldDiggerError
        If the chain is damaged.
    """
    file_bytes = left = tiff.filehandle.size
    order, big = tiff.byteorder, tiff.is_bigtiff
    entry = np.dtype(
        [("code", "u2"), ("type", "u2"), ("count", "u8" if big else "u4"), ("value", "V8" if big else "V4")]
    )
    entry = entry.newbyteorder(order)
    number, pointer = (f"{order}Q", f"{order}Q") if big else (f"{order}H", f"{order}I")
    with path.open("rb") as file:
        file.seek(8 if big else 4)
        offset = _unpack(pointer, file.read(struct.calcsize(pointer)))
        while offset:
            if offset >= file_bytes:
                raise unreadable(path, "cut short or damaged: a page lies behind its end")
            file.seek(offset)
            count = _unpack(number, file.read(struct.calcsize(number)))
            left -= struct.calcsize(number) + count * entry.itemsize + struct.calcsize(pointer)
            if left < 0:
                raise unreadable(path, "damaged: its pages run in a circle or are too large")
            entries = np.frombuffer(file.read(count * entry.itemsize), entry)
            if np.any((entries["code"] == _SUB_IFDS) & (entries["count"] > _MOST_SUB_IFDS)):
                raise unreadable(path, "damaged: a page has too many pages within")
            offset = _unpack(pointer, file.read(struct.calcsize(pointer)))
    if tiff.is_ome and tiff.ome_metadata:
        _check_ome(path, tiff.ome_metadata)


def _unpack(form: str, data: bytes) -> int:
    return int(struct.unpack(form, data)[0])


def _check_ome(path: Path, xml: str) -> None:
    try:
        root = ElementTree.fromstring(xml.encode())
    except ElementTree.ParseError as error:
        raise unreadable(path, f"its OME-XML is damaged ({error})") from error
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        planes = 1
        if tag == "Pixels":
            for axis in "ZCT":
                planes *= max(1, int(element.get(f"Size{axis}", "1")))
        elif tag == "TiffData":
            planes = max(int(element.get(key, "0")) for key in ("IFD", "NumPlanes", "PlaneCount"))
        if planes > _MOST_PLANES:
            raise unreadable(path, f"its OME-XML claims {planes} planes")
