"""The embedded ImageJ's libraries: fetched from Maven Central once, and kept in the user's cache."""

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from golddigger_ij.errors import GoldDiggerError


def is_cached(coordinates: Sequence[str]) -> bool:
    """Say whether these libraries are there without a network; as for `cached_jars`."""
    return _place(coordinates).is_dir()


def cached_jars(coordinates: Sequence[str]) -> list[Path]:
    """Give libraries and what they depend on, from the cache, or from Maven Central the first time.

    A folder for each list of libraries is there whole or not at all, and is never changed: several processes may
    start at once, and a download may be interrupted. jgo, which does the work, clears and fills the same folder at
    every start, and takes a half-filled one for whole.

    Parameters
    ----------
    coordinates : sequence of str
        ``group:artifact:version`` each.

    Returns
    -------
    list of Path

    Raises
    ------
    GoldDiggerError
        If they cannot be had, or kept.
    """
    place = _place(coordinates)
    if not place.is_dir():
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=place.parent) as unfinished:
                _fetch(coordinates, Path(unfinished))
                # Another process may have been quicker.
                with suppress(FileExistsError, PermissionError):
                    (Path(unfinished) / "whole").rename(place)
        except OSError as error:
            raise GoldDiggerError(
                f"{place.parent}: ImageJ cannot be kept there ({error.strerror or error}); "
                "look to who may write there and to free space, or set HOME to another folder"
            ) from error
    return sorted(place.glob("*.jar"))


def _fetch(coordinates: Sequence[str], folder: Path) -> None:
    import jgo
    import requests
    from jgo.maven import PythonResolver

    try:
        # Not scyjava's way, which goes on when a library is missing.
        built = jgo.build("+".join(coordinates), cache_dir=folder, resolver=PythonResolver())
    except (requests.RequestException, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise GoldDiggerError(
            f"ImageJ cannot be had from Maven Central ({reason}); look to the network, or to HTTPS_PROXY, and try again"
        ) from error
    jars = [jar for part in (built.jars_dir, built.modules_dir) for jar in part.glob("*.jar")]
    (folder / "whole").mkdir()
    for jar in jars:
        if not zipfile.is_zipfile(jar):
            # An interrupted download, which jgo has left where all that Maven fetches is kept.
            kept = next((Path.home() / ".m2" / "repository").rglob(jar.name), jar)
            raise GoldDiggerError(f"{kept}: was not fetched whole; delete this file and try again")
        try:
            os.link(jar, folder / "whole" / jar.name)
        except OSError:
            shutil.copyfile(jar, folder / "whole" / jar.name)


def _place(coordinates: Sequence[str]) -> Path:
    import scyjava.config

    key = hashlib.sha256("+".join(coordinates).encode()).hexdigest()[:16]
    return Path(scyjava.config.get_cache_dir()) / "golddigger-ij" / key
