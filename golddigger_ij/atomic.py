"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from golddigger_ij.errors import GoldDiggerError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder and rename it to `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
        The file to make or to replace. Its folder is made where it is missing.

    Yields
    ------
    Path
        A path with the same suffix, to write to. After an error or Ctrl-C it is removed and `path` is as it was.

    Raises
    ------
    GoldDiggerError
        If the folder cannot be made or written to, or the disk is full.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(0o666 & ~_umask())
        yield temporary
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise GoldDiggerError(
            f"{path}: cannot be written ({error.strerror or error}); "
            "choose a folder that can be written to, with free space"
        ) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def refuse_unwritable(folder: Path) -> None:
    """Refuse a folder that could not be written to, before hours are spent on what should go into it. Makes nothing.

    Raises
    ------
    GoldDiggerError
        If the folder, or the nearest one above it that exists, takes no files.
    """
    nearest = folder.resolve()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise GoldDiggerError(
            f"{folder}: cannot be written to ({error.strerror or error}); choose another folder with -o"
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
