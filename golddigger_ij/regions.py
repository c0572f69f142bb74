"""Regions of a montage, such as the profiles of an axon: which particles they hold, and how many per µm²."""

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golddigger_ij.atomic import replacing
from golddigger_ij.csv_columns import quote_field
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.outlines import Outline, as_ring
from golddigger_ij.palette import with_present
from golddigger_ij.particles import Particles
from golddigger_ij.roi_format import bounding_box, roi_kind, tilted_axis
from golddigger_ij.roi_set import open_rois

if TYPE_CHECKING:
    from roifile import ImagejRoi

_OVAL_CORNERS = 360
_SPLINE_FIT = 1


@dataclass(frozen=True, eq=False)
class MaskArea:
    """The pixels of one label of a mask image.

    Attributes
    ----------
    packed : (height, ceil(width / 8)) uint8
        One bit a pixel, by rows: a montage-sized mask is too large to keep as bytes.
    y0, x0 : int
        Its first pixel in the image.
    width : int
        Its width in pixels.
    """

    packed: NDArray[np.uint8]
    y0: int
    x0: int
    width: int

    def contains(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Say which points lie in a pixel of the mask."""
        # Half up, not to even, so that each pixel owns the points from -0.5 to +0.5 about its centre.
        column = np.floor(np.atleast_1d(np.asarray(x, np.float64)) + 0.5).astype(np.int64) - self.x0
        row = np.floor(np.atleast_1d(np.asarray(y, np.float64)) + 0.5).astype(np.int64) - self.y0
        inside = (row >= 0) & (row < len(self.packed)) & (column >= 0) & (column < self.width)
        bits = self.packed[row[inside], column[inside] >> 3] >> (7 - (column[inside] & 7)).astype(np.uint8)
        inside[inside] = (bits & 1).astype(bool)
        return inside


@dataclass(frozen=True, eq=False)
class Region:
    """A named part of a montage.

    Attributes
    ----------
    name : str
        Unique among the regions of a file.
    bounds : tuple of int
        y0, x0, y1, x1 (half-open): the pixels of the image that it touches.
    area_px : float
        Its area within the image in px².
    shape : Outline or MaskArea
        Where it is, in pixels with a pixel's centre at whole numbers.
    """

    name: str
    bounds: tuple[int, int, int, int]
    area_px: float
    shape: Outline | MaskArea

    def contains(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Say which points lie in the region.

        Parameters
        ----------
        x, y : (n,) array-like
            Points in pixels, a pixel's centre at whole numbers.

        Returns
        -------
        (n,) bool
        """
        return self.shape.contains(x, y)


def load_regions(path: Path | str, shape: tuple[int, int]) -> list[Region]:
    """Read the regions of a montage.

    Parameters
    ----------
    path : Path or str
        An ImageJ ROI set (`.zip`) or ROI (`.roi`) of area selections; polygons as JSON (`.json`), either
        ``{"name": [[x, y], ...], ...}`` or ``[{"name": ..., "polygon": [[x, y], ...], "holes": [[[x, y], ...], ...]}]``
        (holes may be left out) in pixels with a pixel's centre at whole numbers; or a mask image (`.png`, `.tif`) of
        the montage's size, where each value but 0 is a region of its own, ``region-<value>``.
    shape : (height, width)
        Size of the montage.

    Returns
    -------
    list of Region
        In the order of the file. A part outside the image is cut off.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read, holds no region, or a region is empty, crosses itself, lies outside the image or has
        another one's name.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".zip", ".roi"):
        regions = [region_of_rings(name, _rings_of_roi(path, name, roi), shape, path) for name, roi in open_rois(path)]
    elif suffix == ".json":
        regions = [region_of_rings(name, rings, shape, path) for name, rings in _rings_of_json(path)]
    elif suffix in (".png", ".tif", ".tiff"):
        regions = _mask_regions(path, shape)
    else:
        raise GoldDiggerError(f"{path}: regions are read from .zip, .roi, .json, .png and .tif files")
    if not regions:
        raise GoldDiggerError(f"{path}: holds no region")
    names = [region.name for region in regions]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise GoldDiggerError(f"{path}: two regions are called {min(twice)!r}; give each its own name")
    return regions


def label_regions(x: ArrayLike, y: ArrayLike, regions: Sequence[Region]) -> NDArray[np.object_]:
    """Name the region that holds each point.

    Parameters
    ----------
    x, y : (n,) array-like
        Points in pixels.
    regions : sequence of Region
        Where regions overlap, the first one counts.

    Returns
    -------
    (n,) object array of str
        Empty for points in no region.
    """
    px, py = np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64))
    labels = np.full(px.size, "", object)
    for region in reversed(regions):
        labels[region.contains(px, py)] = region.name
    return labels


def write_regions_csv(
    path: Path | str,
    particles: Particles,
    regions: Sequence[Region],
    nm_per_px: float,
    groups: Sequence[str] | None = None,
) -> None:
    """Write what each region holds: `region, area_um2`, a count for each size group, `total, particles_per_um2`.

    Parameters
    ----------
    path : Path or str
        The file to make or replace.
    particles : Particles
        The table; by its column `region` where it has one, else by position.
    regions : sequence of Region
        One row each, in this order, those without a particle too.
    nm_per_px : float
        Pixel size.
    groups : sequence of str, optional
        The groups of the run. Without it, those that occur.

    Raises
    ------
    GoldDiggerError
        If the file cannot be written.
    """
    own = label_regions(particles.x, particles.y, regions) if particles.region is None else particles.region
    labels = with_present(groups, particles.groups)
    lines = [",".join(["region", "area_um2", *map(quote_field, labels), "total", "particles_per_um2"])]
    for region in regions:
        inside = own == region.name
        counts = [int(np.count_nonzero(inside & (particles.group == label))) for label in labels]
        area = region.area_px * (nm_per_px / 1000.0) ** 2
        total = int(np.count_nonzero(inside))
        numbers = [f"{area:.6f}", *map(str, counts), str(total), f"{total / area:.4f}"]
        lines.append(",".join([quote_field(region.name), *numbers]))
    with replacing(Path(path)) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def region_of_rings(
    name: str, rings: Iterable[Any], shape: tuple[int, int], source: Path | str, *, may_cross: bool = False
) -> Region:
    """Make a region of closed lines: a point is inside where it is inside an odd number of them.

    Parameters
    ----------
    name : str
    rings : iterable of (n, 2) array-like
        Corners as x, y in pixels, a pixel's centre at whole numbers. A part outside the image is cut off.
    shape : (height, width)
        Size of the montage.
    source : Path or str
        Where it comes from, for messages.
    may_cross : bool
        Take lines that cross themselves, as a freehand selection often does.

    Raises
    ------
    GoldDiggerError
        If it has no name, is empty, crosses itself (unless it may), or lies outside the image.
    """
    height, width = shape
    where = f"{source}: region {name!r}"
    if not name.strip():
        raise GoldDiggerError(f"{source}: a region has no name; give it one")
    try:
        outline = Outline(tuple(as_ring(ring) for ring in rings))
    except ValueError as error:
        raise GoldDiggerError(f"{where} {error}; draw it anew") from None
    crossing = outline.crossing()
    if crossing and not may_cross:
        raise GoldDiggerError(f"{where} crosses itself near ({crossing[0]:.0f}, {crossing[1]:.0f}); draw it anew")
    inside = outline.clipped(-0.5, -0.5, width - 0.5, height - 0.5)
    whole, area = (part.area_though_crossing if crossing else part.area for part in (outline, inside))
    if not outline.rings or whole == 0:
        raise GoldDiggerError(f"{where} is empty; draw it anew")
    if area == 0:
        raise GoldDiggerError(f"{where} lies outside the image of {width} x {height} px; is it for another image?")
    x0, y0, x1, y1 = inside.box
    low = (int(np.floor(y0 + 0.5)), int(np.floor(x0 + 0.5)))
    return Region(name, (*low, int(np.ceil(y1 + 0.5)), int(np.ceil(x1 + 0.5))), area, outline)


def _rings_of_roi(path: Path, name: str, roi: "ImagejRoi") -> list[NDArray[np.float64]]:
    """Corners of an area ROI, shifted so that a pixel's centre is at whole numbers."""
    kind = roi_kind(roi)
    if kind in ("polygon", "freehand") and int(roi.options) & _SPLINE_FIT:
        raise GoldDiggerError(f"{path}: region {name!r} is a fitted spline; use Edit > Selection > Interpolate first")
    if kind in ("polygon", "freehand", "traced", "composite"):
        rings = [np.asarray(part, np.float64) for part in roi.coordinates(multi=True)]
    elif kind in ("rectangle", "oval"):
        left, top, width, height = bounding_box(roi)
        if kind == "rectangle":
            rings = [np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [width, height] + [left, top]]
        else:
            rings = [_ellipse(left + width / 2, top + height / 2, width / 2, height / 2, 0.0)]
    elif kind in ("ellipse", "rotated rectangle"):
        rings = [_tilted(roi, kind)]
    else:
        raise GoldDiggerError(f"{path}: region {name!r} is a {kind} selection; a region must be an area")
    return [ring - 0.5 for ring in rings]


def _tilted(roi: "ImagejRoi", kind: str) -> NDArray[np.float64]:
    *ends, width = tilted_axis(roi)
    start, end = np.array(ends[:2]), np.array(ends[2:])
    length = float(np.hypot(*(end - start)))
    if kind == "ellipse":
        centre, angle = (start + end) / 2, float(np.arctan2(*(end - start)[::-1]))
        return _ellipse(centre[0], centre[1], length / 2, width / 2, angle)
    across = np.array([start[1] - end[1], end[0] - start[0]]) / max(length, 1e-12) * width / 2
    return np.array([start + across, end + across, end - across, start - across])


def _ellipse(x: float, y: float, half_long: float, half_short: float, angle: float) -> NDArray[np.float64]:
    turn = np.arange(_OVAL_CORNERS) * (2 * np.pi / _OVAL_CORNERS)
    # A polygon within an ellipse is too small; this factor makes its area that of the ellipse.
    factor = np.sqrt(2 * np.pi / _OVAL_CORNERS / np.sin(2 * np.pi / _OVAL_CORNERS))
    along, across = half_long * factor * np.cos(turn), half_short * factor * np.sin(turn)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([x + along * cos - across * sin, y + along * sin + across * cos], axis=1)


def _rings_of_json(path: Path) -> list[tuple[str, list[Any]]]:
    try:
        # Pairs, not a dict: a dict would keep only the last of two regions with one name.
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=tuple)
    except OSError as error:
        raise GoldDiggerError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except ValueError as error:
        raise GoldDiggerError(f"{path}: is not JSON ({error}); correct it") from error
    if isinstance(content, tuple):
        return [(name, [corners]) for name, corners in content]
    if not isinstance(content, list):
        raise GoldDiggerError(f"{path}: must be an object of polygons by name, or a list of them")
    rings = []
    for number, pairs in enumerate(content, 1):
        entry = dict(pairs) if isinstance(pairs, tuple) else {}
        if not isinstance(entry.get("name"), str) or "polygon" not in entry:
            raise GoldDiggerError(f'{path}: entry {number} must have a "name" and a "polygon"')
        unknown = set(entry) - {"name", "polygon", "holes"}
        if unknown:
            raise GoldDiggerError(f"{path}: entry {number}: unknown key {min(unknown)!r}; use name, polygon, holes")
        holes = entry.get("holes", [])
        if not isinstance(holes, list):
            raise GoldDiggerError(f"{path}: region {entry['name']!r}: holes must be a list of polygons")
        rings.append((entry["name"], [entry["polygon"], *holes]))
    return rings


def _mask_regions(path: Path, shape: tuple[int, int]) -> list[Region]:
    from scipy.ndimage import find_objects

    labels = _read_mask(path, shape)
    regions = []
    for value, window in enumerate(find_objects(labels), 1):
        if window is None:
            continue
        rows, columns = window
        pixels = labels[window] == value
        area = MaskArea(np.packbits(pixels, axis=1), rows.start, columns.start, pixels.shape[1])
        bounds = (rows.start, columns.start, rows.stop, columns.stop)
        regions.append(Region(f"region-{value}", bounds, float(np.count_nonzero(pixels)), area))
    return regions


def _read_mask(path: Path, shape: tuple[int, int]) -> NDArray[Any]:
    from PIL import Image
    from tifffile import TiffFile, TiffFileError

    limit = Image.MAX_IMAGE_PIXELS
    try:
        if path.suffix.lower() == ".png":
            # A montage is larger than what Pillow takes for an attack; the size is checked before pixels are read.
            Image.MAX_IMAGE_PIXELS = None
            with Image.open(path) as image:
                _check_size(path, (image.height, image.width), shape)
                labels = np.asarray(image)
        else:
            with TiffFile(path) as tiff:
                series = tiff.series[0]
                _check_size(path, tuple(series.shape[:2]), shape)
                labels = series.asarray()
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, TiffFileError) as error:
        raise GoldDiggerError(f"{path}: is not a mask image that can be read ({error})") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    if labels.ndim == 3 and (labels[..., :1] == labels[..., :3]).all():
        labels = labels[..., 0]
    if labels.ndim != 2:
        raise GoldDiggerError(f"{path}: is a colour image; a mask is grey, one value for each region")
    if labels.dtype == bool:
        return labels.astype(np.uint8)
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.round(labels)):
        raise GoldDiggerError(f"{path}: holds values that are not whole; a mask has one whole value for each region")
    if labels.size and (labels.min() < 0 or labels.max() > 65535):
        raise GoldDiggerError(f"{path}: holds values outside 0 to 65535; number its regions from 1")
    return labels if labels.dtype.kind == "u" else labels.astype(np.uint16)


def _check_size(path: Path, found: tuple[int, ...], shape: tuple[int, int]) -> None:
    if tuple(found) != tuple(shape):
        size = " x ".join(map(str, found[::-1]))
        raise GoldDiggerError(f"{path}: is {size} px where the montage is {shape[1]} x {shape[0]} px")
