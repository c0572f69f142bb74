"""The pipeline: montage -> tiles -> network -> owned particles -> size groups."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from golddigger_ij.burned_in import BurnedIn, find_burned_in
from golddigger_ij.candidates import Progress, find_candidates
from golddigger_ij.config import DEFAULT, DetectionConfig
from golddigger_ij.contrast import Contrast, estimate_contrast
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.models import Model
from golddigger_ij.montage import Montage, refuse_tiny
from golddigger_ij.particles import Particles, diameter_of_area
from golddigger_ij.regions import Region, label_regions
from golddigger_ij.runtime import choose_device
from golddigger_ij.scores import relative_darkness
from golddigger_ij.sizes import SizeGroup, assign_groups, parse_sizes

SMALLEST_NM = 2.5
"""What measures less is noise: the smallest gold that is seen without enhancement is sold as 4 or 5 nm."""

SURE_SCORE = 0.8
"""Size groups are found among particles of this score and more."""


@dataclass(frozen=True)
class Detection:
    """The result of one montage.

    Attributes
    ----------
    particles : Particles
    groups : list of SizeGroup
    burned_in : BurnedIn
        What was left out.
    contrast : Contrast
    nm_per_px : float
    pixel_size_source : str
    threshold : float
    device : str
    seconds : dict of str to float
        Wall time of each stage.
    """

    particles: Particles
    groups: list[SizeGroup]
    burned_in: BurnedIn
    contrast: Contrast
    nm_per_px: float
    pixel_size_source: str
    threshold: float
    device: str
    seconds: dict[str, float] = field(default_factory=dict)


def detect(
    montage: Montage,
    model: Model,
    config: DetectionConfig = DEFAULT,
    *,
    regions: Sequence[Region] = (),
    progress: Progress | None = None,
) -> Detection:
    """Find the gold in a montage.

    Parameters
    ----------
    montage : Montage
    model : Model
    config : DetectionConfig
    regions : sequence of Region
        Look only inside these, and say in which one each particle lies.
    progress : callable, optional
        Called with tiles done and tiles in all; may raise to stop.

    Returns
    -------
    Detection

    Raises
    ------
    GoldDiggerError
        If there is no pixel size, the montage is too small or has no contrast, or cannot be read.
    """
    refuse_tiny(montage)
    started = time.perf_counter()
    burned_in = find_burned_in(montage)
    nm_per_px, source = pixel_size_of(montage, burned_in, config)
    polarity = None if config.polarity == "auto" else config.polarity == "light"
    contrast = estimate_contrast(montage, burned_in.boxes, polarity)
    if config.keep_burned_in:
        burned_in = BurnedIn((), burned_in.scale_bar)
    prepared = time.perf_counter()
    device = choose_device(config.device)
    candidates = find_candidates(montage, model, contrast, burned_in, nm_per_px, config, device, regions, progress)
    painted = time.perf_counter()
    threshold = model.threshold if config.threshold is None else config.threshold
    relative = relative_darkness(candidates.darkness, candidates.area, candidates.confidence)
    score = model.calibration.score(candidates.confidence, relative)
    diameter = diameter_of_area(candidates.area, nm_per_px)
    sure = (score >= threshold) & (diameter >= SMALLEST_NM)
    candidates, score, diameter = candidates.select(sure), score[sure], diameter[sure]
    names = None
    if regions:
        names = label_regions(candidates.x, candidates.y, regions)
        inside = names != ""
        candidates, score, diameter = candidates.select(inside), score[inside], diameter[inside]
        names = names[inside]
    labels, groups = assign_groups(diameter, parse_sizes(config.sizes), score >= SURE_SCORE)
    particles = Particles.build(
        candidates.x,
        candidates.y,
        area_px=candidates.area,
        nm_per_px=nm_per_px,
        score=score,
        group=labels,
        region=names,
        plane=montage.plane,
    )
    seconds = {"prepare": prepared - started, "tiles": painted - prepared, "groups": time.perf_counter() - painted}
    return Detection(particles, groups, burned_in, contrast, nm_per_px, source, threshold, device, seconds)


def pixel_size_of(montage: Montage, burned_in: BurnedIn, config: DetectionConfig) -> tuple[float, str]:
    """Decide on the pixel size in nm, and say where it comes from.

    Raises
    ------
    GoldDiggerError
        If neither the option nor the file gives one; where a scale bar could be read, its value is offered.
    """
    if config.pixel_size is not None:
        return config.pixel_size, "given"
    if montage.pixel_size is not None:
        return montage.pixel_size.nm, montage.pixel_size.source
    bar = burned_in.scale_bar
    if bar is not None and bar.nm_per_px is not None:
        found = f"the burned-in scale bar of {bar.length_nm:g} nm is {bar.length_px:.0f} px long"
        offer = f"--pixel-size {bar.nm_per_px:.4g} ({found})"
    else:
        offer = "--pixel-size NM"
    raise GoldDiggerError(f"{montage.name}: the file has no pixel size; give nanometres for each pixel with {offer}")
