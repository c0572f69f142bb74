"""Files that are not what they should be: every one is an array or one line that names the file and the remedy."""

import io
import logging
import os
import struct
from functools import cache
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.montage import open_montage, plane_count

IMAGE = np.random.default_rng(0).integers(0, 255, (64, 80), dtype=np.uint8)
LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strips": {"rowsperstrip": 9},
    "tiles": {"tile": (16, 32)},
    "deflate": {"rowsperstrip": 16, "compression": "zlib", "predictor": True},
    "lzw": {"tile": (32, 32), "compression": "lzw"},
    "zstd": {"rowsperstrip": 64, "compression": "zstd"},
    "jpeg": {"tile": (32, 32), "compression": "jpeg"},
    "packbits": {"rowsperstrip": 5, "compression": "packbits"},
    "big": {"bigtiff": True, "byteorder": ">", "tile": (32, 32), "compression": "zlib"},
    "imagej": {"imagej": True, "resolution": (1, 1), "metadata": {"unit": "nm"}},
    "ome": {"ome": True, "compression": "zlib", "metadata": {"axes": "YX", "PhysicalSizeX": 0.001}},
}


@cache
def sound(kind: str) -> bytes:
    """Give a small, sound file of a kind."""
    buffer = io.BytesIO()
    if kind in ("PNG", "JPEG"):
        Image.fromarray(IMAGE).save(buffer, kind)
    elif kind == "mrc":
        header = mrcfile.utils.np.zeros(1, mrcfile.dtypes.HEADER_DTYPE)
        header["nx"], header["ny"], header["nz"], header["mode"] = 80, 64, 1, 1
        header["map"], header["machst"] = b"MAP ", [0x44, 0x44, 0, 0]
        buffer.write(header.tobytes() + IMAGE.astype("<i2").tobytes())
    else:
        tifffile.imwrite(buffer, IMAGE, **LAYOUTS[kind])
    return buffer.getvalue()


KINDS = [*LAYOUTS, "PNG", "JPEG", "mrc"]


def message(path: Path) -> str | None:
    """Open and read it whole; give the error's line, None if it went well. Any other exception is a failed test."""
    try:
        count = plane_count(path)
        assert count >= 1
        with open_montage(path, plane=count) as montage:
            height, width = montage.shape
            window = montage.read(0, 0, min(height, 4000), min(width, 4000))
            assert window.shape == (min(height, 4000), min(width, 4000))
            assert window.dtype == montage.dtype
            montage.read(height - 1, width - 1, 1, 1)
    except GoldDiggerError as error:
        line = str(error)
    else:
        return None
    assert "\n" not in line
    assert str(path) in line
    return line


def cuts_and_flips(size: int) -> st.SearchStrategy[list[tuple[str, int, bytes]]]:
    place = st.integers(0, size - 1) | st.integers(0, min(size - 1, 300))
    change = st.tuples(st.sampled_from(["flip", "cut", "insert", "end"]), place, st.binary(min_size=1, max_size=8))
    return st.lists(change, min_size=1, max_size=4)


def mangle(data: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    for what, at, new in changes:
        if what == "flip":
            data = data[:at] + new + data[at + len(new) :]
        elif what == "cut":
            data = data[:at] + data[at + len(new) :]
        elif what == "insert":
            data = data[:at] + new + data[at:]
        else:
            data = data[: max(at, 1)]
    return data


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=4000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mangled_file_gives_an_image_or_one_line(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / f"m.{kind}"
    path.write_bytes(mangle(sound(kind), data.draw(cuts_and_flips(len(sound(kind))))))
    message(path)


@pytest.mark.parametrize("kind", KINDS)
def test_sound_files_are_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "m").write_bytes(sound(kind))
    assert message(tmp_path / "m") is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_short_is_an_error_not_half_an_image(tmp_path: Path, kind: str) -> None:
    data = sound(kind)
    (tmp_path / "m.x").write_bytes(data[: len(data) // 2])
    assert message(tmp_path / "m.x") is not None


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "empty"), (b"II*\0", "damaged"), (b"hello, world\n" * 50, "no TIFF, PNG, JPEG or MRC"),
     (b"\0" * 4096, "no TIFF"), (b"\x89PNG\r\n\x1a\n", "header is missing"), (b"\xff\xd8\xff\xe0", "header is damaged"),
     (b"MM\0*\0\0\0\x08", "damaged")],
)  # fmt: skip
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "m.tif").write_bytes(content)
    with pytest.raises(GoldDiggerError, match=why):
        open_montage(tmp_path / "m.tif")


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(GoldDiggerError, match=r"gone\.tif: .*no such file"):
        open_montage(tmp_path / "gone.tif")
    with pytest.raises(GoldDiggerError, match="folder"):
        open_montage(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.tif")
    with pytest.raises(GoldDiggerError, match="no regular file"):
        open_montage(tmp_path / "m.tif")


def claim(path: Path, width: int, height: int, rows: int, compression: int, counts: int, tag_count: int = 1) -> None:
    """Write a TIFF by hand that says what it likes about itself."""
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, tag_count, 8), (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, tag_count, counts),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path.write_bytes(b"II*\0" + struct.pack("<I", 1032) + bytes(1024) + directory + bytes(4))


@pytest.mark.parametrize("compression", [1, 5, 8, 50000])
@pytest.mark.parametrize("rows", [1, 64, 10**9])
@pytest.mark.parametrize("counts", [0, 1000, 2**32 - 1])
@pytest.mark.parametrize("tag_count", [1, 10**9])
def test_an_absurd_size_is_refused_before_memory_is_set_aside(
    tmp_path: Path, compression: int, rows: int, counts: int, tag_count: int
) -> None:
    claim(tmp_path / "m.tif", 10**9, 10**9, rows, compression, counts, tag_count)
    with pytest.raises(GoldDiggerError, match=r"m\.tif: cannot be read"):
        open_montage(tmp_path / "m.tif")


def test_an_absurd_png_and_jpeg_are_refused(tmp_path: Path) -> None:
    png = bytearray(sound("PNG"))
    png[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    jpeg = bytearray(sound("JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xdc\xff\xdc"
    for name, data in (("m.png", png), ("m.jpg", jpeg)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(GoldDiggerError, match="claims"):
            open_montage(tmp_path / name)


@pytest.mark.parametrize(("height", "width"), [(0, 10), (10, 0), (0, 0)])
def test_an_image_without_pixels_is_refused(tmp_path: Path, height: int, width: int) -> None:
    claim(tmp_path / "m.tif", width, height, 1, 1, 0)
    with pytest.raises(GoldDiggerError, match=r"m\.tif: cannot be read"):
        open_montage(tmp_path / "m.tif")


def test_a_strip_that_is_damaged_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, rowsperstrip=16, compression="zlib")
    with tifffile.TiffFile(tmp_path / "m.tif") as tiff:
        start = tiff.pages[0].dataoffsets[2]
    data = bytearray((tmp_path / "m.tif").read_bytes())
    data[start : start + 40] = bytes(40)
    (tmp_path / "m.tif").write_bytes(data)
    with open_montage(tmp_path / "m.tif") as montage:
        np.testing.assert_array_equal(montage.read(0, 0, 32, 80), IMAGE[:32])
        for _ in range(2):
            with pytest.raises(GoldDiggerError, match=r"m\.tif: cannot be read: damaged"):
                montage.read(30, 0, 10, 10)
        np.testing.assert_array_equal(montage.read(48, 0, 16, 80), IMAGE[48:])


def test_a_file_that_vanishes_after_it_was_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(sound("PNG"))
    montage = open_montage(tmp_path / "m.png")
    (tmp_path / "m.png").unlink()
    with pytest.raises(GoldDiggerError, match="no such file"):
        montage.read(0, 0, 5, 5)
    with pytest.raises(GoldDiggerError, match="no such file"):
        montage.sha256()


def test_damaged_files_do_not_fill_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for cut in range(20, len(sound("ome")), 40):
            (tmp_path / "m.tif").write_bytes(sound("ome")[:cut])
            message(tmp_path / "m.tif")
    assert not [record for record in caplog.records if record.name.startswith("tifffile")]
