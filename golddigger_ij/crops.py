"""A part of a montage as a montage of its own, for a quick look."""

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.montage import Montage, open_montage


def crop_of(montage: Montage, crop: tuple[int, int, int, int]) -> Montage:
    """Cut a window out of a montage.

    Parameters
    ----------
    montage : Montage
    crop : tuple of int
        x, y, width and height in pixels; what lies outside the montage is cut off.

    Returns
    -------
    Montage
        In memory, with the same pixel size; its coordinates start at the window's corner.

    Raises
    ------
    GoldDiggerError
        If the window lies outside the montage.
    """
    x, y, width, height = crop
    width, height = min(width, montage.shape[1] - x), min(height, montage.shape[0] - y)
    if width < 1 or height < 1:
        raise GoldDiggerError(
            f"{montage.name}: the crop at {x},{y} lies outside its {montage.shape[1]} x {montage.shape[0]} px; choose another"
        )
    nm_per_px = montage.pixel_size.nm if montage.pixel_size else None
    return open_montage(montage.read(y, x, height, width), nm_per_px=nm_per_px)
