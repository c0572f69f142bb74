"""The options of detection, described once: the command line, dialogs, macros and the run's record come from here."""

from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")

VERSION = 1

HELP = {
    "model": "A bundled model, 'gold' or 'synthetic', or a model's folder.",
    "threshold": "Least score of a particle, 0 to 1.",
    "sizes": "'auto', nominal sizes '6,12,18' (nm), or limits '4-9,9-15'.",
    "polarity": "Gold is 'dark' or 'light'; 'auto' finds out.",
    "pixel_size": "Nanometres for each pixel; overrides what the image says.",
    "tile_size": "Largest side of a tile; it changes speed and memory, not the result.",
    "batch_size": "Tiles that go through the network together.",
    "device": "'auto', 'cpu', 'cuda' or 'mps'.",
    "keep_burned_in": "Look under scale bars, captions and frames too.",
}
"""What each option of `DetectionConfig` is, in the words of the command line and of Fiji's dialogs."""

POLARITIES = ("auto", "dark", "light")
PIXEL_SIZES_NM = (0.01, 1000.0)
"""What a pixel size that somebody gives may be."""


def changed(options: Options, noun: str, changes: dict[str, Any]) -> Options:
    """Change options of a frozen description.

    Raises
    ------
    GoldDiggerError
        If there is no option of a name; the message calls it a `noun` and names the nearest.
    """
    known = [f.name for f in fields(options)]
    for key in changes:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise GoldDiggerError(f"no {noun} is called {key!r}; {hint}")
    return replace(options, **changes)


@dataclass(frozen=True)
class DetectionConfig:
    """How particles are detected. None means: as the model or the montage says.

    Attributes
    ----------
    model : str
        Name of a bundled model, or a model's folder.
    threshold : float, optional
        Least score of a particle, 0 to 1.
    sizes : str
        "auto"; nominal sizes in nm such as "6,12,18"; or limits such as "4-9,9-15".
    polarity : {"auto", "dark", "light"}
        Whether gold is dark on light, as in bright field, or light on dark.
    pixel_size : float, optional
        nm per pixel; overrides what the file says.
    tile_size : int
        Largest side of a tile in working pixels. It changes speed and memory, not the result.
    batch_size : int
        Tiles that go through the network together.
    device : str
        "auto", "cpu", "cuda" or "mps".
    keep_burned_in : bool
        Look for gold under scale bars, captions and frames too.
    """

    model: str = "gold"
    threshold: float | None = None
    sizes: str = "auto"
    polarity: str = "auto"
    pixel_size: float | None = None
    tile_size: int = 1344
    batch_size: int = 1
    device: str = "auto"
    keep_burned_in: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise GoldDiggerError(f"threshold {self.threshold}: a score lies between 0 and 1")
        if self.polarity not in POLARITIES:
            raise GoldDiggerError(f"polarity {self.polarity!r}: choose 'auto', 'dark' or 'light'")
        if self.pixel_size is not None and not PIXEL_SIZES_NM[0] <= self.pixel_size <= PIXEL_SIZES_NM[1]:
            raise GoldDiggerError(f"pixel size {self.pixel_size}: give nanometres for each pixel, such as 0.56")
        if self.tile_size < 64:
            raise GoldDiggerError(f"tile size {self.tile_size}: give 64 or more")
        if self.batch_size < 1:
            raise GoldDiggerError(f"batch size {self.batch_size}: give 1 or more")

    def changed(self, **options: Any) -> "DetectionConfig":
        """Change some options.

        Raises
        ------
        GoldDiggerError
            If there is no option of that name (the nearest is named), or a value is out of range.
        """
        return changed(self, "option", options)

    def record(self) -> dict[str, Any]:
        """Give the options as a plain dictionary, with the version of their description."""
        return {"version": VERSION, **asdict(self)}


DEFAULT = DetectionConfig()
