"""Ground truth: marks, the region that they cover, and which image they belong to, by its hash.

A folder holds for each image ``STEM.json`` (image name, SHA-256, size, pixel size, annotated and excluded regions as
polygons, author, time, parent run) and ``STEM_marks.csv`` (x, y, and diameter_nm or group). No mark means "nothing
here" inside the annotated region only; outside it is unknown. A plane of a stack has files of its own, ``STEM_z003``.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from golddigger_ij.atomic import replacing
from golddigger_ij.csv_columns import parse_numbers, read_fields, write_columns
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.file_names import image_stem

FORMAT = 1
MARK_COLUMNS = ("x", "y", "diameter_nm")

Polygon = NDArray[np.float64]


@dataclass(frozen=True)
class Annotation:
    """The ground truth of one image.

    Attributes
    ----------
    image : Path
        The image file; relative paths are relative to the folder of the annotation. What is read back is absolute.
    nm_per_px : float
    x, y, diameter_nm : ndarray of float64, (n,)
        Marks: centres in pixels, diameters in nm.
    annotated, excluded : tuple of ndarray, (k, 2)
        Polygons of (x, y) corners in pixels. Nothing annotated means the whole image. Excluded places (debris, torn
        replica, marks that one cannot be sure of) are unknown.
    sha256 : str, optional
        Of the image file, at the time of the annotation.
    shape : tuple of int, optional
        Height and width.
    record : dict
        What else the file says, such as the author, the time and the parent run.
    group : ndarray of str, (n,), optional
        Size groups of the marks, empty where unknown.
    plane : int, optional
        Plane of a stack, counted from 1.
    """

    image: Path
    nm_per_px: float
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    diameter_nm: NDArray[np.float64]
    annotated: tuple[Polygon, ...] = ()
    excluded: tuple[Polygon, ...] = ()
    sha256: str | None = None
    shape: tuple[int, int] | None = None
    record: dict[str, Any] = field(default_factory=dict)
    group: NDArray[np.object_] | None = None
    plane: int | None = None

    @property
    def stem(self) -> str:
        """First part of the names of its files."""
        return image_stem(self.image) + ("" if self.plane is None else f"_z{self.plane:03d}")

    def known(self, shape: tuple[int, int], scale: float = 1.0) -> NDArray[np.bool_] | None:
        """Where no mark means no gold, as a mask of `shape`, whose pixels are 1 / `scale` of the image's.

        Returns
        -------
        ndarray of bool, or None
            None where the whole image is known.
        """
        if not self.annotated and not self.excluded:
            return None
        known = np.zeros(shape, bool) if self.annotated else np.ones(shape, bool)
        for polygons, value in ((self.annotated, True), (self.excluded, False)):
            for corners in polygons:
                rows, columns = ((corners[:, axis] + 0.5) * scale - 0.5 for axis in (1, 0))
                known[polygon(rows, columns, shape)] = value  # type: ignore[no-untyped-call]
        return known


def disc(x: float, y: float, radius: float) -> Polygon:
    """A circle as a polygon of 24 corners."""
    angle = np.arange(24) * (np.pi / 12)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


def write_annotation(folder: Path, annotation: Annotation) -> Path:
    """Write one image's ground truth; the JSON file last, so that it is never there without its marks.

    Returns
    -------
    Path
        The JSON file.
    """
    stem = annotation.stem
    columns = [(name, "%.3f", getattr(annotation, name)) for name in MARK_COLUMNS]
    if annotation.group is not None:
        columns.append(("group", "%s", annotation.group))
    write_columns(folder / f"{stem}_marks.csv", columns)
    path = folder / f"{stem}.json"
    content = {
        "format": FORMAT,
        "image": _portable(annotation.image, folder),
        "sha256": annotation.sha256,
        "shape": annotation.shape,
        **({} if annotation.plane is None else {"plane": annotation.plane}),
        "nm_per_px": annotation.nm_per_px,
        "annotated": [corners.tolist() for corners in annotation.annotated],
        "excluded": [corners.tolist() for corners in annotation.excluded],
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **annotation.record,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def read_annotations(folder: Path) -> list[Annotation]:
    """Read all ground truth of a folder, sorted by name.

    Raises
    ------
    GoldDiggerError
        If there is none, or a file of it cannot be read.
    """
    if not folder.is_dir():
        raise GoldDiggerError(f"{folder}: no such folder; give one with ground truth (NAME.json and NAME_marks.csv)")
    paths = [path for path in sorted(folder.glob("*.json")) if (folder / f"{path.stem}_marks.csv").exists()]
    if not paths:
        raise GoldDiggerError(
            f"{folder}: holds no ground truth (NAME.json and NAME_marks.csv); make some with 'synthesize' or in Fiji"
        )
    return [read_annotation(path) for path in paths]


def read_annotation(path: Path) -> Annotation:
    """Read the ground truth of one image.

    Parameters
    ----------
    path : Path
        Its JSON file; the marks lie beside it.

    Raises
    ------
    GoldDiggerError
        If a file is missing or cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        image = Path(content["image"])
        annotated, excluded = (
            tuple(np.array(p, float).reshape(-1, 2) for p in content.get(k, ())) for k in ("annotated", "excluded")
        )
        nm_per_px, shape = float(content["nm_per_px"]), content.get("shape")
        size = None if shape is None else (int(shape[0]), int(shape[1]))
        plane = None if content.get("plane") is None else int(content["plane"])
        if not 0 < nm_per_px < np.inf:
            raise ValueError(f"nm_per_px is {nm_per_px}")
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise GoldDiggerError(f"{path}: is not a ground-truth file ({error!r}); remove it or make it again") from error
    marks_path = path.with_name(f"{path.stem}_marks.csv")
    texts, lines = read_fields(marks_path, MARK_COLUMNS[:2])
    group = np.array(texts["group"], object) if "group" in texts else None
    if "diameter_nm" not in texts and "group" in texts:
        texts["diameter_nm"] = [label.removesuffix("nm") for label in texts["group"]]
    if "diameter_nm" not in texts:
        raise GoldDiggerError(f"{marks_path}: has neither a column 'diameter_nm' nor 'group'; marks need one of them")
    x, y, diameter_nm = (parse_numbers(marks_path, name, texts[name], lines) for name in MARK_COLUMNS)
    known = {"format", "image", "sha256", "shape", "plane", "nm_per_px", "annotated", "excluded"}
    return Annotation(
        image=path.parent.absolute() / image,
        nm_per_px=nm_per_px,
        x=x,
        y=y,
        diameter_nm=diameter_nm,
        annotated=annotated,
        excluded=excluded,
        sha256=content.get("sha256"),
        shape=size,
        record={key: value for key, value in content.items() if key not in known},
        group=group,
        plane=plane,
    )


def _portable(image: Path, folder: Path) -> str:
    """Give an image beside its annotation relative to it, so that the folder can be moved."""
    beside = image.is_absolute() and image.is_relative_to(folder.absolute())
    return (image.relative_to(folder.absolute()) if beside else image).as_posix()
