"""Messages of the package in Fiji's words: macro keys in the place of the command line's options."""

import re

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.commands import OPERATIONS
from golddigger_ij.imagej.options import PREFIX

_PHRASES = (
    (r"choose another --start or recipe", "start from another model with gd_start"),
    (r"give the nanometres for each pixel", f"give the nanometres for each pixel as {PREFIX}pixel_size"),
    (r"use --set learning_rate=… with less", "start from another model, or train with less on the command line"),
    (r"--tensorboard needs an extra package", "TensorBoard needs an extra package"),
    (r"--(plane|pixel-size) ([A-Z]+|all|[\d.]+(?:e-?\d+)?)", r"--\1=\2"),
    (r"--device (\S+):", r"--device=\1:"),
)


def in_fiji(text: str, op: str) -> str:
    """Put a message of the command line into Fiji's words.

    Parameters
    ----------
    text : str
        The message; line breaks become spaces.
    op : str
        The operation that failed, which decides what its output folder is called.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> in_fiji("a.tif: no pixel size; give it with --pixel-size NM", "detect")
    'a.tif: no pixel size; give it with gd_pixel_size=NM'
    """
    line = " ".join(text.split())
    for pattern, words in _PHRASES:
        line = re.sub(pattern, words, line)
    names = {option.name for option in OPERATIONS[op].options} if op in OPERATIONS else set()
    folder = "output" if "output" in names or "folder" not in names else "folder"
    line = re.sub(r"(?<=\s)-o\b", f"{PREFIX}{folder}", line)
    return re.sub(r"--([a-z][a-z-]*)", lambda match: PREFIX + match[1].replace("-", "_"), line)


def said(error: BaseException, op: str) -> str:
    """Say in one line what went wrong, with the remedy."""
    if isinstance(error, GoldDiggerError):
        return in_fiji(str(error), op)
    name = type(error).__name__
    if isinstance(error, MemoryError) or "OutOfMemory" in name:
        return (
            "there is not enough memory; close other images and programs, or select a part of the image "
            "and look only inside it"
        )
    if isinstance(error, KeyboardInterrupt):
        return "the engine was interrupted; run the command again"
    return f"an error of golddigger-ij itself ({' '.join(f'{name}: {error}'.split())}); please report it"
