"""What results are called: by the stem of their image."""

import re
from collections.abc import Sequence
from pathlib import Path

from golddigger_ij.errors import GoldDiggerError

IMAGE_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".png", ".jpg", ".jpeg", ".mrc", ".mrcs", ".rec", ".st")

_SUFFIX = re.compile(r"(\.ome)?(\.(tiff?|btf|tf2|tf8|png|jpe?g|mrcs?|map|rec|st|lsm|svs|gel|qptiff))$", re.IGNORECASE)


def image_stem(path: Path) -> str:
    """Give a file's name without the suffix of its format; `.ome.tif` and the like go whole, other dots stay."""
    return _SUFFIX.sub("", path.name) or path.name


def expand_images(paths: Sequence[Path]) -> list[Path]:
    """Put the images in a folder, sorted by name, in the place of each folder.

    Raises
    ------
    GoldDiggerError
        If a folder holds no image.
    """
    images: list[Path] = []
    for path in paths:
        if not path.is_dir():
            images.append(path)
            continue
        inside = [
            p for p in sorted(path.iterdir()) if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")
        ]
        if not inside:
            raise GoldDiggerError(f"{path}: the folder holds no image ({', '.join(IMAGE_SUFFIXES)})")
        images += inside
    return images


def output_folders(images: Sequence[Path], folder: Path, keep_tree: bool) -> list[Path]:
    """Give the folder that each image's results go into.

    Parameters
    ----------
    images : sequence of Path
    folder : Path
        The output folder.
    keep_tree : bool
        Repeat the images' own folders, from the one that they share, below `folder`.

    Raises
    ------
    GoldDiggerError
        If two images would have results of one name.
    """
    places = [folder] * len(images)
    if keep_tree and images:
        parents = [path.resolve().parent for path in images]
        shared = parents[0]
        while not all(parent.is_relative_to(shared) for parent in parents):
            shared = shared.parent
        places = [folder / parent.relative_to(shared) for parent in parents]
    seen: dict[tuple[Path, str], Path] = {}
    for place, image in zip(places, images, strict=True):
        other = seen.setdefault((place, image_stem(image)), image)
        if other is not image:
            hint = "rename one" if keep_tree else "use --keep-tree or rename one"
            raise GoldDiggerError(
                f"{other} and {image}: their results would have the same name, {image_stem(image)}_particles.csv; {hint}"
            )
    return places
