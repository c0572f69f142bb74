"""Large synthetic montages for the benchmarks of speed and memory, made once and kept in ``build/benchmarks``.

A few fields of replica with gold everywhere are made with `golddigger_ij.synthetic` and laid side by side, every other
one turned over, so that 432 megapixels take a minute rather than an hour and still hold nothing that could be skipped.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from golddigger_ij.atomic import replacing
from golddigger_ij.synthetic import Scene, micrograph

BUILD = Path(__file__).resolve().parents[1] / "build" / "benchmarks"
NM_PER_PX = 0.56
FIELD = 2000
DENSE_REPLICA = Scene(nm_per_px=NM_PER_PX, per_um2=(80.0, 40.0), clustered=0.1)
"""About ten particles in each 256 × 256 pixels of the working grid."""

LAYOUTS = ("striped", "tiled", "striped-lzw", "tiled-deflate", "striped-deflate", "tiled-lzw")


def montage_file(height: int, width: int, layout: str = "striped", field_count: int = 4) -> Path:
    """Give an 8-bit TIFF of dense synthetic replica at 0.56 nm per pixel; it is made where it is not there yet.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    layout : str
        One of `LAYOUTS`: strips of 64 rows, or tiles of 512 × 512 pixels; uncompressed, LZW or deflate.
    field_count : int
        How many different fields of 2000 × 2000 pixels it is made of.

    Returns
    -------
    Path
    """
    path = BUILD / f"replica-{width}x{height}-{field_count}-{layout}.tif"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    kind, _, compression = layout.partition("-")
    tiled = kind == "tiled"
    pieces: Iterator[NDArray[np.uint8] | bytes] = _pieces(height, width, tiled, field_count)
    if compression and not tiled:
        pieces = (_compressed(strip, compression) for strip in _pieces(height, width, tiled, field_count))
    with replacing(path) as temporary, tifffile.TiffWriter(temporary) as writer:
        writer.write(
            pieces,
            shape=(height, width),
            dtype="uint8",
            tile=(512, 512) if tiled else None,
            rowsperstrip=None if tiled else 64,
            compression={"": None, "lzw": "lzw", "deflate": "zlib"}[compression],
            predictor=bool(compression),
            resolution=(1e7 / NM_PER_PX, 1e7 / NM_PER_PX),
            resolutionunit="CENTIMETER",
        )
    return path


def _pieces(height: int, width: int, tiled: bool, field_count: int) -> Iterator[NDArray[np.uint8]]:
    """Give the strips or tiles of the montage in the order of the file, with one band of rows in memory."""
    step = 512 if tiled else 64
    for y in range(0, height, step):
        band = np.stack([_row(y, width, field_count) for y in range(y, min(y + step, height))])
        if not tiled:
            yield band
            continue
        for x in range(0, width, step):
            yield np.ascontiguousarray(band[:, x : x + step])


def _compressed(strip: NDArray[np.uint8], compression: str) -> bytes:
    """Encode a strip, which tifffile does only for a whole image at once."""
    encode = imagecodecs.lzw_encode if compression == "lzw" else imagecodecs.zlib_encode
    return bytes(encode(imagecodecs.delta_encode(strip, axis=1)))


def _row(row: int, width: int, field_count: int) -> NDArray[np.uint8]:
    line = np.empty(width, np.uint8)
    for x in range(0, width, FIELD):
        field = _turned(row // FIELD, x // FIELD, field_count)
        line[x : x + FIELD] = field[row % FIELD, : width - x]
    return line


def _turned(row: int, column: int, field_count: int) -> NDArray[np.uint8]:
    field = _field((row * 7 + column * 3) % field_count)
    return field[:: 1 - 2 * (row % 2), :: 1 - 2 * (column % 2)]


@lru_cache(maxsize=8)
def _field(number: int) -> NDArray[np.uint8]:
    path = BUILD / f"field-{number}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        image = micrograph(FIELD, FIELD, DENSE_REPLICA, seed=900_000 + number).image
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, image)
    return np.asarray(np.load(path))
