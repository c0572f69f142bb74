"""The image that is open in ImageJ, as a montage: from its file where what is shown still equals it, else by array."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.file_names import image_stem
from golddigger_ij.imagej.call import NeedsPixels
from golddigger_ij.imagej.options import PREFIX
from golddigger_ij.montage import Montage, open_montage
from golddigger_ij.reading.grey import luma
from golddigger_ij.reading.pixel_size import PLAUSIBLE_NM

_TYPES = {"uint8": np.uint8, "uint16": np.uint16, "float32": np.float32, "rgb": np.int32}
_SIGNED_ZERO = 32768
"""ImageJ shows signed 16-bit images as unsigned ones, moved by this."""

_AS_FLOAT32 = ("int32", "uint32", "float64", "float16", "int64", "uint64")
"""Types that ImageJ opens as 32-bit floats."""


class UncalibratedError(GoldDiggerError):
    """Nothing says how large a pixel is; the command may ask.

    Attributes
    ----------
    offer : float or None
        What the burned-in scale bar says, where it could be read.
    """

    def __init__(self, message: str, offer: float | None) -> None:
        super().__init__(message)
        self.offer = offer


class OpenImage:
    """What a script says about an image that is open.

    Parameters
    ----------
    entries : mapping
        The `image` of a request.

    Attributes
    ----------
    title : str
    path : Path or None
        The file that it was opened from.
    plane : int or None
        Of the open stack, from 1.
    shape : (height, width)
    nm_per_px : float or None
        ImageJ's calibration, where it could be that of an electron micrograph.
    run : str or None
        The run that was last shown on it.
    changed : bool
        Whether it was edited since it was opened.

    Raises
    ------
    GoldDiggerError
        If there is no image.
    """

    def __init__(self, entries: Mapping[str, Any] | None) -> None:
        if not entries:
            raise GoldDiggerError("there is no image open; open a montage first")
        self._entries = entries
        self.title = str(entries.get("title") or "image")
        self.path = Path(str(entries["path"])) if entries.get("path") else None
        plane = entries.get("plane")
        self.plane = None if plane is None else int(plane)
        self.shape = int(entries["height"]), int(entries["width"])
        self.type = str(entries["type"])
        if self.type not in _TYPES:
            raise GoldDiggerError(f"{self.title}: images of type {self.type!r} are not read; convert it to 8-bit")
        size = entries.get("nm_per_px")
        plausible = size is not None and PLAUSIBLE_NM[0] <= float(size) <= PLAUSIBLE_NM[1]
        self.nm_per_px = float(size) if size is not None and plausible else None
        self.run = str(entries["run"]) if entries.get("run") else None
        self.changed = bool(entries.get("changed"))

    @property
    def stem(self) -> str:
        """What its files are called by, without the plane."""
        if self.path is not None and not self.changed:
            return image_stem(self.path)
        # A title is free text; a file's name is not.
        name = "".join("_" if letter in '/\\:*?"<>|' or ord(letter) < 32 else letter for letter in self.title)
        return image_stem(Path(name.strip(" .") or "image"))

    def montage(self, check: Callable[[], None], known_nm_per_px: float | None = None) -> Montage:
        """Open it.

        Parameters
        ----------
        check : callable
            Called before each reading; may raise to stop.
        known_nm_per_px : float, optional
            A pixel size that makes the file's own needless, where that is of no use.

        Raises
        ------
        NeedsPixels
            If the file does not equal what is shown, or there is none, and the request has no pixels.
        GoldDiggerError
            If the file's pixels are not square and no size is known.
        """
        montage = self._from_file(check, known_nm_per_px or self.nm_per_px)
        return montage if montage is not None else self._from_pixels(check)

    def _from_file(self, check: Callable[[], None], known_nm_per_px: float | None) -> Montage | None:
        if self.path is None or self.changed or not self.path.is_file():
            return None
        try:
            montage = open_montage(self.path, plane=self.plane)
        except GoldDiggerError:
            try:
                # Either it cannot be read, and pixels will do, or its pixel size is of no use, and another will do.
                montage = open_montage(self.path, plane=self.plane, nm_per_px=known_nm_per_px or 1.0)
            except GoldDiggerError:
                return None
            if known_nm_per_px is None:
                montage.close()
                raise
            montage.pixel_size = None
        if not self._equals(montage):
            montage.close()
            return None
        return _Watched(montage, check)

    def _equals(self, montage: Montage) -> bool:
        """Whether the file is of the same size and type, and the sampled rows are alike."""
        rows, sample = self._entries.get("rows"), self._entries.get("sample")
        if montage.shape != self.shape or rows is None or sample is None or not len(rows):
            return False
        shown = self._grey(sample, len(rows))
        for row, values in zip(rows, shown, strict=True):
            try:
                filed = _as_imagej_shows(montage.read(int(row), 0, 1, self.shape[1])[0], values.dtype)
            except GoldDiggerError:
                return False
            if filed is None or not np.array_equal(filed, values, equal_nan=values.dtype.kind == "f"):
                return False
        return True

    def _from_pixels(self, check: Callable[[], None]) -> Montage:
        pixels = self._entries.get("pixels")
        if pixels is None:
            raise NeedsPixels
        montage = open_montage(self._grey(pixels, self.shape[0]))
        montage.name, montage.plane = self.title, self.plane
        return _Watched(montage, check)

    def _grey(self, flat: Any, height: int) -> NDArray[Any]:
        """Give rows of pixels as they come from ImageJ, grey and in their shape."""
        wanted = np.dtype(_TYPES[self.type])
        values = np.asarray(flat)
        # Java knows no unsigned numbers: the same bytes under another name.
        same_bytes = values.dtype.itemsize == wanted.itemsize and values.dtype.kind in "iu" and wanted.kind in "iu"
        values = values.view(wanted) if same_bytes else values.astype(wanted)
        values = values.reshape(height, self.shape[1])
        if self.type != "rgb":
            return values
        argb = np.ascontiguousarray(values).view(np.uint32)
        return luma(np.stack([(argb >> shift & 0xFF).astype(np.uint8) for shift in (16, 8, 0)], axis=-1))


def uncalibrated(image: OpenImage, montage: "Montage") -> UncalibratedError:
    """Say how to give the pixel size, and what the scale bar says, where there is one that can be read."""
    from golddigger_ij.burned_in import find_burned_in

    bar = find_burned_in(montage).scale_bar
    offer = None if bar is None else bar.nm_per_px
    if bar is not None and offer is not None:
        offer = float(f"{offer:.4g}")
        value = f"{offer:g} (the burned-in scale bar of {bar.length_nm:g} nm is {bar.length_px:.0f} px long)"
    else:
        value = "NM"
    return UncalibratedError(
        f"{image.title}: the image has no pixel size; set it with Image > Properties..., or give nanometres for each "
        f"pixel as {PREFIX}pixel_size={value}",
        offer,
    )


class _Watched(Montage):
    """A montage that asks before each reading whether to go on: stages that have no progress can be stopped, too."""

    def __init__(self, montage: Montage, check: Callable[[], None]) -> None:
        vars(self).update(vars(montage))
        self._check = check

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        self._check()
        return super().read(y0, x0, height, width)


def _as_imagej_shows(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """Give values of a file in the type in which ImageJ shows them; None if that is another one."""
    if values.dtype == dtype:
        return values
    if values.dtype == np.int16 and dtype == np.uint16:
        return (values.astype(np.int32) + _SIGNED_ZERO).astype(np.uint16)
    if values.dtype.name in _AS_FLOAT32 and dtype == np.float32:
        return values.astype(np.float32)
    return None
