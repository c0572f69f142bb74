"""The files of a run: the particle table, a list for each size group, the ROI set, the picture, the record."""

import contextlib
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

    Returns
    -------
    list of Path
        The files. Those of an earlier run of the same stem that are not among them are removed.

    Raises
    ------
    GoldDiggerError
        If the folder cannot be written to, or the disk is full; what was there stays.
    """
    earlier = _listed(folder / f"{stem}_run.json")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{stem[:40]}-", dir=folder))
    except OSError as error:
        raise GoldDiggerError(
            f"{folder}: cannot be written to ({error.strerror or error}); choose another folder with -o"
        ) from error
    try:
        names = _write_all(work, stem, montage, detection, model, config, regions)
        for name in names:
            (work / name).replace(folder / name)
        for name in set(earlier) - set(names):
            with contextlib.suppress(OSError):
                (folder / name).unlink()
    except OSError as error:
        raise GoldDiggerError(
            f"{folder}: cannot be written to ({error.strerror or error}); free some space or choose another folder with -o"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return [folder / name for name in names]


def _write_all(
    work: Path,
    stem: str,
    montage: Montage,
    detection: Detection,
    model: Model,
    config: DetectionConfig,
    regions: Sequence[Region],
) -> list[str]:
    particles = detection.particles
    labels = [group.label for group in detection.groups]
    image_hash = montage.sha256()
    run_id = _run_id(image_hash, model, config, montage.plane, regions)
    table, rois, picture = (work / f"{stem}_{end}" for end in ("particles.csv", "RoiSet.zip", "overlay.png"))
    write_particles_csv(table, particles)
    files = [table, *write_group_csvs(work, stem, particles, labels)]
    write_roi_set(rois, particles, run_id, labels)
    write_overlay(
        picture, montage, detection.contrast, particles, detection.nm_per_px, labels, detection.burned_in.boxes, stem
    )
    files += [rois, picture]
    if regions:
        write_regions_csv(work / f"{stem}_regions.csv", particles, regions, detection.nm_per_px, labels)
        files.append(work / f"{stem}_regions.csv")
    record = work / f"{stem}_run.json"
    names = [path.name for path in (*files, record)]
    content = {"run": run_id, **_record(montage, image_hash, detection, model, config, regions), "files": names}
    record.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return names


def _run_id(
    image_hash: str, model: Model, config: DetectionConfig, plane: int | None, regions: Sequence[Region]
) -> str:
    """Name a run by what decides its result, so that the same run has the same name."""
    decides = {k: v for k, v in config.record().items() if k not in ("tile_size", "batch_size", "device", "model")}
    named = [(r.name, r.bounds, r.area_px) for r in regions]
    text = json.dumps([__version__, image_hash, plane, model.sha256, decides, named], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _record(
    montage: Montage,
    image_hash: str,
    detection: Detection,
    model: Model,
    config: DetectionConfig,
    regions: Sequence[Region],
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
        "device": detection.device,
        "engine": f"torch {torch.__version__}",
        "seconds": {stage: round(seconds, 3) for stage, seconds in detection.seconds.items()},
        "groups": [vars(group) for group in detection.groups],
        "counts": {"total": len(particles), **counts},
    }


def _listed(record: Path) -> list[str]:
    """File names in a predecessor's record; only plain names, so that nothing outside the folder is ever removed."""
    try:
        names = json.loads(record.read_text(encoding="utf-8"))["files"]
        return [str(name) for name in names if Path(str(name)).name == name]
    except (OSError, ValueError, KeyError, TypeError):
        return []
