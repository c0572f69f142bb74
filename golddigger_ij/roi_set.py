"""Particles as a set of ImageJ ROIs, and ROIs read back from sets, single files and the overlays of TIFFs."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from golddigger_ij.atomic import replacing
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.palette import group_colours, with_present
from golddigger_ij.particles import Particles
from golddigger_ij.roi_format import decode_roi, decode_rows, encode_oval
from golddigger_ij.roi_table import POINT_KIND, RoiRow, RoiTable, roi_table, table_of_rows

if TYPE_CHECKING:
    from roifile import ImagejRoi

__all__ = [
    "RoiTable",
    "open_rois",
    "read_overlay",
    "read_readable_rois",
    "read_roi_set",
    "roi_table",
    "write_roi_set",
]

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip file can hold: the same table gives the same bytes on any day."""

_BROKEN_ENTRY = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
_IMAGEJ_METADATA_TAG = 50839


def write_roi_set(path: Path | str, particles: Particles, run_id: str, groups: Sequence[str] | None = None) -> None:
    """Write particles as an ImageJ ROI set: ovals at their true diameter, coloured and numbered by size group.

    ImageJ's area ROIs put a pixel's corner at whole numbers, so the oval of a particle at x begins at x + 0.5 - r.
    The same table gives the same bytes.

    Parameters
    ----------
    path : Path or str
        The zip file to make or replace.
    particles : Particles
        The table. ROI names are ``GROUP-ID``, the properties `gd_id`, `gd_score`, `gd_group` and `gd_run`.
    run_id : str
        Which run the particles come from, one line of text.
    groups : sequence of str, optional
        The groups of the run, so that numbers and colours are the same in each image. Without it, those that occur.

    Raises
    ------
    GoldDiggerError
        If the file cannot be written.
    ValueError
        If `run_id` holds a line break, or there are more than 255 groups, the most that ImageJ has.
    """
    if len(run_id.splitlines()) > 1:
        raise ValueError("run_id holds a line break")
    labels = with_present(groups, particles.groups)
    if len(labels) > 255:
        raise ValueError("ImageJ has 255 ROI groups")
    number = {label: index + 1 for index, label in enumerate(labels)}
    colour = {label: 0xFF000000 | r << 16 | g << 8 | b for label, (r, g, b) in group_colours(labels).items()}
    radius = np.sqrt(particles.area / np.pi)
    lefts, tops = particles.x + 0.5 - radius, particles.y + 0.5 - radius
    planes = np.zeros(len(particles), np.int64) if particles.plane is None else particles.plane
    columns = (particles.id, lefts, tops, 2.0 * radius, particles.score, particles.group, planes)
    with replacing(Path(path)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for identity, left, top, size, score, label, plane in zip(*(c.tolist() for c in columns), strict=True):
            name = f"{label}-{identity:06d}"
            # In order of key, as ImageJ itself stores them.
            properties = f"gd_group: {label}\ngd_id: {identity}\ngd_run: {run_id}\ngd_score: {score:.4f}\n"
            data = encode_oval(left, top, size, name, number[label], colour[label], properties, plane)
            entry = zipfile.ZipInfo(f"{name}.roi", _FIXED_TIME)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            # Level 1: at 300 bytes a ROI, more effort saves nothing.
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 1)


def read_roi_set(path: Path | str) -> RoiTable:
    """Read a ROI set (`.zip`) or a single ROI (`.roi`) as a table of positions.

    Area ROIs are shifted by half a pixel, points and lines are not, so that a pixel's centre is at whole numbers.

    Parameters
    ----------
    path : Path or str
        A file from ImageJ's ROI Manager or from `write_roi_set`.

    Returns
    -------
    RoiTable

    Raises
    ------
    GoldDiggerError
        If the file cannot be read or is not a ROI set, or one of its ROIs cannot be read.
    """
    path = Path(path)
    rows: list[RoiRow] = []
    for entry, content in _entries(path):
        try:
            rows += decode_rows(_whole(content), _stem(entry))
        except (ValueError, *_BROKEN_ENTRY) as error:
            raise _not_a_roi(path, entry, error) from error
    return table_of_rows(rows)


def read_readable_rois(path: Path | str) -> RoiTable:
    """Read what can be read of a ROI set, some of whose entries are damaged; otherwise as `read_roi_set`.

    Returns
    -------
    RoiTable
        Its `unreadable` names the other entries, without ``.roi``.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read or is not a ROI set, or not one of its ROIs can be read.
    """
    path = Path(path)
    rows: list[RoiRow] = []
    unreadable: list[str] = []
    for entry, content in _entries(path):
        try:
            rows += decode_rows(_whole(content), _stem(entry))
        except (ValueError, *_BROKEN_ENTRY) as error:
            unreadable.append(_stem(entry))
            reason: tuple[str, Exception] = entry, error
    if unreadable and not rows:
        raise _not_a_roi(path, *reason) from reason[1]
    return table_of_rows(rows, unreadable)


def read_overlay(path: Path | str) -> RoiTable:
    """Read the overlay that ImageJ saved with a TIFF, without its pixels.

    Parameters
    ----------
    path : Path or str
        A TIFF that ImageJ wrote.

    Returns
    -------
    RoiTable
        The ROIs of the overlay, and the points of the selection, if that is of points: people save their clicks so.
        Other selections are regions, not marks. Damaged ROIs are named as `unreadable`, by their number.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read, or holds neither an overlay nor points.
    """
    path = Path(path)
    overlay, selection = _saved_rois(path)
    rows: list[RoiRow] = []
    unreadable: list[str] = []
    for number, content in enumerate(overlay, 1):
        try:
            rows += decode_rows(content, f"{number}")
        except ValueError:
            unreadable.append(f"{number}")
    for content in selection:
        try:
            rows += [row for row in decode_rows(content, "selection") if row.kind == POINT_KIND]
        except ValueError:
            unreadable.append("selection")
    if not rows:
        why = f"none of its {len(unreadable)} ROIs can be read" if unreadable else "holds no overlay"
        raise GoldDiggerError(f"{path}: {why}; show the ROIs as an overlay in ImageJ and save the image as TIFF")
    return table_of_rows(rows, unreadable)


def open_rois(path: Path | str) -> list[tuple[str, "ImagejRoi"]]:
    """Read the ROIs of a file with their names.

    Parameters
    ----------
    path : Path or str
        A `.zip` or `.roi` file.

    Returns
    -------
    list of (str, roifile.ImagejRoi)
        In the order of the file. A ROI without a name takes that of its file.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read or is not a ROI set.
    """
    path = Path(path)
    rois = []
    for entry, content in _entries(path):
        try:
            roi = decode_roi(_whole(content))
        except (ValueError, *_BROKEN_ENTRY) as error:
            raise _not_a_roi(path, entry, error) from error
        rois.append((roi.name or _stem(entry), roi))
    return rois


def _entries(path: Path) -> Iterator[tuple[str, bytes | Exception]]:
    """The content of each ROI of a file, or why it cannot be unpacked."""
    try:
        if path.suffix.lower() != ".zip":
            yield path.name, path.read_bytes()
            return
        with zipfile.ZipFile(path) as archive:
            # macOS puts a shadow of each file under __MACOSX when it packs a folder.
            entries = [
                entry
                for entry in archive.infolist()
                if entry.filename.lower().endswith(".roi") and not entry.filename.startswith("__MACOSX/")
            ]
            if not entries and archive.infolist():
                raise GoldDiggerError(f"{path}: holds no .roi files; save the ROIs from ImageJ's ROI Manager")
            for entry in entries:
                try:
                    yield entry.filename, archive.read(entry)
                except _BROKEN_ENTRY as error:
                    yield entry.filename, error
    except OSError as error:
        raise GoldDiggerError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except _BROKEN_ENTRY as error:
        raise GoldDiggerError(f"{path}: is not a readable ROI set ({error}); save it anew from ImageJ") from error


def _stem(entry: str) -> str:
    """The name of an entry without folders and suffix; pathlib takes as long as the rest of the reading."""
    name = entry.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _whole(content: bytes | Exception) -> bytes:
    if isinstance(content, Exception):
        raise content
    return content


def _not_a_roi(path: Path, entry: str, error: Exception) -> GoldDiggerError:
    return GoldDiggerError(f"{path}: {entry} is not an ImageJ ROI ({error}); save it anew from ImageJ")


def _saved_rois(path: Path) -> tuple[list[bytes], list[bytes]]:
    """The bytes of the ROIs of a TIFF: those of the overlay and that of the selection."""
    from tifffile import TiffFile, TiffFileError

    try:
        with TiffFile(path) as tiff:
            tag = tiff.pages.first.tags.get(_IMAGEJ_METADATA_TAG)
            content = tag.value if tag is not None else {}
    except OSError as error:
        raise GoldDiggerError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except (ValueError, TypeError, IndexError, TiffFileError) as error:
        raise GoldDiggerError(f"{path}: is not a TIFF that can be read ({error}); save it anew from ImageJ") from error
    saved = content if isinstance(content, dict) else {}
    # One is given by itself, several as a list.
    overlay, selection = (
        [value] if isinstance(value, bytes) else list(value)
        for value in (saved.get(k, []) for k in ("Overlays", "ROI"))
    )
    return overlay, selection
