"""The files of a run: the particle table, a list for each size group, the ROI set, the picture, the record."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from golddigger_ij import __version__
from golddigger_ij.config import DetectionConfig
from golddigger_ij.crops import Crop, crop_picture
from golddigger_ij.detect import Detection
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.models import Model
from golddigger_ij.montage import Montage
from golddigger_ij.overlay import write_overlay
from golddigger_ij.particles import write_group_csvs, write_particles_csv
from golddigger_ij.regions import Region, write_regions_csv
from golddigger_ij.roi_set import write_roi_set


def write_results(
    folder: Path,
    stem: str,
    montage: Montage,
    detection: Detection,
    model: Model,
    config: DetectionConfig,
    regions: Sequence[Region] = (),
    crop: Crop | None = None,
) -> list[Path]:
    """Write all files of one montage: into a hidden folder first, then renamed, the record last.

    Parameters
    ----------
    folder : Path
        The output folder; it is made where it is missing.
    stem : str
        First part of the names.
    montage, detection, model, config, regions
        What was detected, where and how.
    crop : Crop, optional
        The part of the montage that was looked at: the picture shows it alone.

    Returns
    -------
    list of Path
        The files. Those of an earlier run of the same stem that are not among them are removed.

    Raises
    ------
    GoldDiggerError
        If the folder cannot be written to, or the disk is full; what was there stays.
    """
    work: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{stem[:40]}-", dir=folder))
        names = _write_all(work, stem, montage, detection, model, config, regions, crop)
        _exchange(work, folder, names, _listed(folder, stem))
    except OSError as error:
        place = folder / Path(error.filename).name if work is not None and error.filename else folder
        raise GoldDiggerError(
            f"{place}: cannot be written ({error.strerror or error}); close it where it is open, free some space, "
            "or choose another folder with -o"
        ) from error
    except GoldDiggerError as error:
        # The hidden folder will be gone when this is read.
        raise GoldDiggerError(str(error).replace(str(work), str(folder))) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
    return [folder / name for name in names]


def _exchange(work: Path, folder: Path, names: Sequence[str], earlier: Sequence[str]) -> None:
    """Put the new files in the place of the earlier ones: all of them or, after an error or Ctrl-C, none.

    The record goes first and comes last, so that it is there only where everything that it lists is.
    """
    put_by = work / "earlier"
    put_by.mkdir()
    leaving = [name for name in dict.fromkeys([*reversed(names), *earlier]) if (folder / name).is_file()]
    try:
        for name in leaving:
            (folder / name).replace(put_by / name)
        for name in names:
            (work / name).replace(folder / name)
    except BaseException:
        for name in names:
            if not (work / name).exists():
                (folder / name).unlink(missing_ok=True)
        for name in reversed(leaving):
            if (put_by / name).exists():
                (put_by / name).replace(folder / name)
        raise


def _write_all(
    work: Path,
    stem: str,
    montage: Montage,
    detection: Detection,
    model: Model,
    config: DetectionConfig,
    regions: Sequence[Region],
    crop: Crop | None,
) -> list[str]:
    particles, boxes = detection.particles, detection.burned_in.boxes
    labels = [group.label for group in detection.groups]
    image_hash = montage.sha256()
    run_id = run_identity(image_hash, model, config, montage.plane, regions, crop)
    table, rois, picture = (work / f"{stem}_{end}" for end in ("particles.csv", "RoiSet.zip", "overlay.png"))
    write_particles_csv(table, particles)
    files = [table, *write_group_csvs(work, stem, particles, labels)]
    write_roi_set(rois, particles, run_id, labels)
    shown = (montage, particles, boxes) if crop is None else crop_picture(montage, particles, boxes, crop)
    write_overlay(picture, shown[0], detection.contrast, shown[1], detection.nm_per_px, labels, shown[2], stem)
    files += [rois, picture]
    if regions:
        write_regions_csv(work / f"{stem}_regions.csv", particles, regions, detection.nm_per_px, labels)
        files.append(work / f"{stem}_regions.csv")
    record = work / f"{stem}_run.json"
    names = [path.name for path in (*files, record)]
    content = {"run": run_id, **_record(montage, image_hash, detection, model, config, regions, crop), "files": names}
    # A path of bytes that are no text becomes JSON's own escapes.
    record.write_text(
        json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", errors="backslashreplace"
    )
    return names


def run_identity(
    image_hash: str,
    model: Model,
    config: DetectionConfig,
    plane: int | None = None,
    regions: Sequence[Region] = (),
    crop: Crop | None = None,
) -> str:
    """Name a run by what decides its result, so that the same run has the same name.

    Parameters
    ----------
    image_hash : str
        As `Montage.sha256` gives it.
    model, config, plane, regions, crop
        With what, in which plane and where.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    decides = {k: v for k, v in config.record().items() if k not in ("tile_size", "batch_size", "device", "model")}
    named = [(r.name, r.bounds, r.area_px) for r in regions]
    decides["crop"] = None if crop is None else vars(crop)
    text = json.dumps([__version__, image_hash, plane, model.sha256, decides, named], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _record(
    montage: Montage,
    image_hash: str,
    detection: Detection,
    model: Model,
    config: DetectionConfig,
    regions: Sequence[Region],
    crop: Crop | None,
) -> dict[str, Any]:
    import torch

    particles, bar = detection.particles, detection.burned_in.scale_bar
    counts = {label: int((particles.group == label).sum()) for label in particles.groups}
    return {
        "golddigger_ij": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "image": {
            "path": str(montage.path.resolve()) if montage.path else None,
            "sha256": image_hash,
            "shape": list(montage.shape),
            "dtype": str(montage.dtype),
            "plane": montage.plane,
            "nm_per_px": detection.nm_per_px,
            "pixel_size_source": detection.pixel_size_source,
        },
        "model": {"name": model.name, "folder": model.folder.name, "sha256": model.sha256},
        "config": config.record(),
        "threshold": detection.threshold,
        "contrast": vars(detection.contrast),
        "burned_in": {
            "left_out": [vars(box) for box in detection.burned_in.boxes],
            "scale_bar": None
            if bar is None
            else {"length_px": bar.length_px, "length_nm": bar.length_nm, "nm_per_px": bar.nm_per_px},
        },
        "regions": [region.name for region in regions],
        "preview": None if crop is None else vars(crop),
        "device": detection.device,
        "engine": f"torch {torch.__version__}",
        "seconds": {stage: round(seconds, 3) for stage, seconds in detection.seconds.items()},
        "groups": [vars(group) for group in detection.groups],
        "counts": {"total": len(particles), **counts},
    }


def finished_files(folder: Path, stem: str, run: str) -> list[Path]:
    """Give the files of a run, the particle table first; none where it is another run's, or where one is missing."""
    record = _read_record(folder, stem)
    files = [folder / name for name in _listed(folder, stem)]
    return files if record.get("run") == run and all(path.is_file() for path in files) else []


def _listed(folder: Path, stem: str) -> list[str]:
    """File names in the predecessor's record; only names of this stem, so that nothing else is ever removed."""
    names = _read_record(folder, stem).get("files")
    if not isinstance(names, list):
        return []
    return [str(name) for name in names if Path(str(name)).name == name and str(name).startswith(f"{stem}_")]


def _read_record(folder: Path, stem: str) -> dict[str, Any]:
    """Read a run's record; empty where there is none or it is damaged."""
    try:
        record = json.loads((folder / f"{stem}_run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
