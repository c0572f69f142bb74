"""What results are called and where they go: by the stem of their image."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from golddigger_ij.errors import GoldDiggerError

IMAGE_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".png", ".jpg", ".jpeg", ".mrc", ".mrcs", ".rec")
"""What counts as an image when a folder is given; a file that is named itself may be called anything."""

_SUFFIX = re.compile(r"(\.ome)?(\.(tiff?|btf|tf2|tf8|png|jpe?g|mrcs?|map|rec|st|lsm|svs|gel|qptiff))$", re.IGNORECASE)


def image_stem(path: Path) -> str:
    """Give a file's name without the suffix of its format; `.ome.tif` and the like go whole, other dots stay."""
    return _SUFFIX.sub("", path.name) or path.name


def expand_images(paths: Sequence[Path], *, deep: bool = False, leave_out: Path | None = None) -> list[Path]:
    """Put the images in a folder, sorted by name, in the place of each folder; each image counts once.

    Parameters
    ----------
    paths : sequence of Path
        Images, which need not exist, and folders.
    deep : bool
        Look in folders within folders too.
    leave_out : Path, optional
        A folder within them to pass over: that of the results.

    Raises
    ------
    GoldDiggerError
        If a folder cannot be read or holds no image.
    """
    images: dict[str, Path] = {}
    for path in paths:
        found = _images_in(path, deep, leave_out) if path.is_dir() else [path]
        for image in found:
            images.setdefault(os.path.normcase(image.resolve()), image)
    return list(images.values())


def _images_in(folder: Path, deep: bool, leave_out: Path | None) -> list[Path]:
    passed_over = None if leave_out is None else leave_out.resolve()
    found: list[Path] = []
    pending = [folder]
    while pending:
        place = pending.pop()
        try:
            # Sorted, as a folder's own order differs from one disk to the next.
            inside = [path for path in sorted(place.iterdir()) if not path.name.startswith(".")]
            folders = [path for path in inside if path.is_dir()]
        except OSError as error:
            raise GoldDiggerError(f"{place}: the folder cannot be read ({error.strerror or error})") from error
        found += [p for p in inside if p.suffix.lower() in IMAGE_SUFFIXES and p not in folders and not _is_result(p)]
        if deep:
            pending += [p for p in reversed(folders) if not p.is_symlink() and p.resolve() != passed_over]
    if not found:
        hint = "" if deep else "; the folders in it are searched with --keep-tree"
        raise GoldDiggerError(f"{folder}: the folder holds no image ({', '.join(IMAGE_SUFFIXES)}){hint}")
    return found


def _is_result(path: Path) -> bool:
    """Whether a picture was drawn by an earlier run into the folder of its images."""
    stem = path.name.removesuffix("_overlay.png")
    return stem != path.name and path.with_name(f"{stem}_run.json").exists()


def output_folders(
    images: Sequence[Path], folder: Path, keep_tree: bool, given: Sequence[Path] | None = None
) -> list[Path]:
    """Give the folder that each image's results go into.

    Parameters
    ----------
    images : sequence of Path
    folder : Path
        The output folder.
    keep_tree : bool
        Repeat the images' own folders, from the one that all of `given` share, below `folder`.
    given : sequence of Path, optional
        The images and folders that were asked for. By default the images.

    Raises
    ------
    GoldDiggerError
        If two images would have results of one name, or lie on different drives with `keep_tree`.
    """
    places = [folder] * len(images)
    if keep_tree and images:
        tops = [path.resolve() if path.is_dir() else path.resolve().parent for path in given or images]
        try:
            shared = os.path.commonpath(tops)
        except ValueError as error:
            raise GoldDiggerError(
                "--keep-tree: the images lie on different drives; give those of each drive separately"
            ) from error
        places = [folder / path.resolve().parent.relative_to(shared) for path in images]
    seen: dict[tuple[Path, str], Path] = {}
    for place, image in zip(places, images, strict=True):
        # Case does not tell files apart on Windows and macOS, and results travel.
        other = seen.setdefault((place, image_stem(image).casefold()), image)
        if other is not image:
            hint = "rename one" if keep_tree else "use --keep-tree or rename one"
            raise GoldDiggerError(
                f"{other} and {image}: their results would have the same name, "
                f"{image_stem(image)}_particles.csv; {hint}"
            )
    return places
