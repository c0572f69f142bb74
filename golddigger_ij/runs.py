"""A run's particles with what must be known of its image: from the run's files, or from where it was remembered."""

import hashlib
import json
import os
import re
import zipfile
from contextlib import suppress
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from golddigger_ij.atomic import replacing
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.palette import with_present
from golddigger_ij.particles import Particles, read_particles_csv
from golddigger_ij.position_tables import read_positions

MOST_REMEMBERED = 200
"""Runs that are remembered; those that were used longest ago go first."""

_RECORD = "_run.json"


@dataclass(frozen=True, eq=False)
class Run:
    """What a run found, and in which image.

    Attributes
    ----------
    id : str
        The run's name in its record and in the property `gd_run` of its ROIs; empty for no run at all.
    particles : Particles
    groups : tuple of str
        Labels of its size groups in order.
    nm_per_px : float
    image_name : str
        The image's file name or title.
    image_path : Path, optional
        Where the image was.
    image_sha256 : str, optional
        Of the file, or of the pixels if there was no file.
    shape : tuple of int, optional
        Height and width.
    plane : int, optional
        Plane of a stack, counted from 1.
    regions : tuple of str
        Names of the regions that it was limited to; none for the whole image.
    """

    id: str
    particles: Particles
    groups: tuple[str, ...]
    nm_per_px: float
    image_name: str = ""
    image_path: Path | None = None
    image_sha256: str | None = None
    shape: tuple[int, int] | None = None
    plane: int | None = None
    regions: tuple[str, ...] = ()


def load_run(path: Path | str, nm_per_px: float | None = None, group: str | None = None) -> Run:
    """Read a finished run.

    Parameters
    ----------
    path : Path or str
        ``STEM_run.json`` or any other file of the run, beside which it lies; a folder with one run; or a CSV file of
        positions without any run, see `golddigger_ij.position_tables.read_positions`.
    nm_per_px, group
        For a CSV file without a run: its pixel size, and the group of particles whose size is not given.

    Returns
    -------
    Run
        Of a CSV file without a run the id is made from its content.

    Raises
    ------
    GoldDiggerError
        If there is no such file, it belongs to no run, or a file of the run is missing or damaged.
    """
    path = Path(path)
    record = _record_of(path)
    if record is not None:
        return _run_of_record(record)
    if path.suffix.lower() != ".csv":
        raise GoldDiggerError(
            f"{path}: there is no STEM{_RECORD} beside it; open a run's files, or a CSV of x, y, area"
        )
    return _run_of_table(path, nm_per_px, group)


def no_run(
    nm_per_px: float, image_name: str = "", shape: tuple[int, int] | None = None, plane: int | None = None
) -> Run:
    """Give the run of an image that people marked from scratch: it found nothing, and its id is empty."""
    return Run("", Particles.empty(), (), nm_per_px, image_name, shape=shape, plane=plane)


def remember(run: Run) -> Path:
    """Keep a run, so that its ROIs can be compared with it after ImageJ was closed.

    Parameters
    ----------
    run : Run
        It takes the place of one with the same id. Of more than `MOST_REMEMBERED` those used longest ago are removed.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    GoldDiggerError
        If it cannot be written.
    ValueError
        If the id cannot be part of a file name.
    """
    path = _place(run.id)
    if path is None:
        raise ValueError(f"run id {run.id!r} cannot be in a file name")
    facts = {
        "groups": run.groups,
        "nm_per_px": run.nm_per_px,
        "image_name": run.image_name,
        "image_path": None if run.image_path is None else str(run.image_path),
        "image_sha256": run.image_sha256,
        "shape": run.shape,
        "plane": run.plane,
        "regions": run.regions,
    }
    columns = {field.name: getattr(run.particles, field.name) for field in fields(Particles)}
    # As text of fixed width: objects would be pickled, and a pickle runs code when it is read.
    arrays = {k: v.astype(str) if v.dtype == object else v for k, v in columns.items() if v is not None}
    with replacing(path) as temporary:
        np.savez(temporary, facts=np.array(json.dumps(facts)), **arrays)
    kept = [(_last_use(other), other) for other in path.parent.glob("*.npz") if not other.name.startswith(".")]
    for _, other in sorted(kept, reverse=True)[MOST_REMEMBERED:]:
        with suppress(OSError):
            other.unlink()
    return path


def recall(run_id: str) -> Run | None:
    """Give a run that was remembered.

    Parameters
    ----------
    run_id : str
        Its id, such as the property `gd_run` of a ROI.

    Returns
    -------
    Run or None
        None for a run that is not known, not any more, or whose file is damaged.
    """
    path = _place(run_id)
    try:
        if path is None or not path.is_file():
            return None
        # From memory: NumPy leaves a damaged file open.
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as content:
            facts = json.loads(str(content["facts"]))
            names = [field.name for field in fields(Particles) if field.name in content]
            arrays = {name: content[name] for name in names}
        columns: dict[str, Any] = {k: v.astype(object) if v.dtype.kind == "U" else v for k, v in arrays.items()}
        image_path, shape = facts["image_path"], facts["shape"]
        run = Run(
            id=run_id,
            particles=Particles(**columns),
            groups=tuple(facts["groups"]),
            nm_per_px=float(facts["nm_per_px"]),
            image_name=facts["image_name"],
            image_path=None if image_path is None else Path(image_path),
            image_sha256=facts["image_sha256"],
            shape=None if shape is None else (int(shape[0]), int(shape[1])),
            plane=facts["plane"],
            regions=tuple(facts["regions"]),
        )
        with suppress(OSError):
            os.utime(path)
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile):
        return None
    return run


def user_folder() -> Path:
    """Give the folder for what is kept from day to day: `GOLDDIGGER_IJ_HOME`, else `.golddigger-ij` at home."""
    given = os.environ.get("GOLDDIGGER_IJ_HOME")
    return Path(given) if given else Path.home() / ".golddigger-ij"


def _place(run_id: str) -> Path | None:
    """The file of a run; None for an id, which may come from anyone's ROI, that would lead out of the folder."""
    usable = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", run_id)
    return user_folder() / "runs" / f"{run_id}.npz" if usable else None


def _last_use(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _record_of(path: Path) -> Path | None:
    """The record of the run that a file belongs to."""
    if path.is_dir():
        records = sorted(path.glob(f"*{_RECORD}"))
        if len(records) != 1:
            raise GoldDiggerError(f"{path}: holds {len(records) or 'no'} runs; choose a file STEM{_RECORD}")
        return records[0]
    if not path.is_file():
        raise GoldDiggerError(f"{path}: no such file; check the path")
    if path.name.endswith(_RECORD):
        return path
    parts = path.name.split("_")
    # The longest stem first: results of a_1.tif and of a.tif may lie side by side.
    for count in range(len(parts) - 1, 0, -1):
        record = path.with_name("_".join(parts[:count]) + _RECORD)
        files = _content(record).get("files") if record.is_file() else None
        if isinstance(files, list) and path.name in files:
            return record
    return None


def _content(record: Path) -> dict[str, Any]:
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except OSError as error:
        raise GoldDiggerError(f"{record}: cannot be read ({error.strerror or error}); check the path") from error
    except ValueError as error:
        raise GoldDiggerError(f"{record}: is not a run's record ({error}); run the detection again") from error
    if not isinstance(content, dict):
        raise GoldDiggerError(f"{record}: is not a run's record; run the detection again")
    return content


def _run_of_record(record: Path) -> Run:
    content = _content(record)
    stem = record.name.removesuffix(_RECORD)
    particles = read_particles_csv(record.with_name(f"{stem}_particles.csv"))
    try:
        image = content["image"]
        labels = [str(group["label"]) for group in content["groups"]]
        height, width = (int(side) for side in image["shape"])
        plane = image.get("plane")
        image_path = None if image.get("path") is None else Path(image["path"])
        return Run(
            id=str(content["run"]),
            particles=particles,
            groups=tuple(with_present(labels, particles.groups)),
            nm_per_px=float(image["nm_per_px"]),
            image_name=stem if image_path is None else image_path.name,
            image_path=image_path,
            image_sha256=image.get("sha256"),
            shape=(height, width),
            plane=None if plane is None else int(plane),
            regions=tuple(str(name) for name in content.get("regions", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GoldDiggerError(f"{record}: is not a run's record ({error!r}); run the detection again") from error


def _run_of_table(path: Path, nm_per_px: float | None, group: str | None) -> Run:
    particles = read_positions(path, nm_per_px, group)
    assert nm_per_px is not None
    decides = path.read_bytes() + repr((path.name, nm_per_px, group)).encode()
    digest = hashlib.sha256(decides).hexdigest()[:12]
    return Run(f"csv-{digest}", particles, tuple(particles.groups), nm_per_px, path.stem)
