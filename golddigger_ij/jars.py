"""The Java libraries by which a Fiji without Python reaches the engine: which it lacks, and where to get those."""

import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from golddigger_ij.atomic import replacing
from golddigger_ij.errors import GoldDiggerError

CENTRAL = "https://repo.maven.apache.org/maven2"

_OLDEST_APPOSE = (0, 5, 1)
_TIMEOUT_S = 60


@dataclass(frozen=True)
class Jar:
    """One library on Maven Central.

    Attributes
    ----------
    group, artifact, version : str
        Its coordinates.
    sha256 : str
        Of the file. Empty for a version that follows from what a Fiji has: Maven Central's own SHA-1 is then held
        against the file.
    """

    group: str
    artifact: str
    version: str
    sha256: str = ""

    @property
    def name(self) -> str:
        """Name of the file."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def url(self) -> str:
        """Where it lies."""
        return f"{CENTRAL}/{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.name}"


APPOSE = Jar("org.apposed", "appose", "0.9.0", "b09ce4ff9d7a29518bba7ec7903c63d0504159637376506d9b2a3a70ed37b1bc")
JNA = Jar("net.java.dev.jna", "jna", "5.14.0", "34ed1e1f27fa896bca50dbc4e99cf3732967cec387a7a0d5e3486c09673fe8c6")
JNA_PLATFORM = Jar(
    "net.java.dev.jna", "jna-platform", "5.14.0", "ae4caceb3840730c2537f9b7fb55a01baba580286b4122951488bcee558c2449"
)


def missing_jars(fiji: Path, names: Iterable[str]) -> list[Jar]:
    """List what has to be added, so that Appose works; never a second version of a library that is there.

    Appose needs Ivy and Commons Compress, too, but only to make environments and Groovy workers, which we do not.

    Parameters
    ----------
    fiji : Path
        For messages.
    names : iterable of str
        Names of the jar files that are there.

    Raises
    ------
    GoldDiggerError
        If there is no Groovy, or an Appose that is too old.
    """
    found: dict[str, str] = {}
    for name in sorted(names):
        named = re.fullmatch(r"(.+?)-(\d.*)\.jar", name)
        found[named[1] if named else name.removesuffix(".jar")] = named[2] if named else ""
    groovy = found.get("groovy", found.get("groovy-all"))
    if groovy is None:
        raise GoldDiggerError(f"{fiji}: there is no Groovy in its jars; run Help > Update in it, then install again")
    missing = []
    if "appose" not in found:
        missing.append(APPOSE)
    elif found["appose"] and _numbers(found["appose"]) < _OLDEST_APPOSE:
        oldest = ".".join(map(str, _OLDEST_APPOSE))
        raise GoldDiggerError(
            f"{fiji}: its Appose is {found['appose']}, and {oldest} or later is needed; "
            "run Help > Update in it, then install again"
        )
    if "groovy-json" not in found and "groovy-all" not in found:
        group = "org.apache.groovy" if _numbers(groovy) >= (4,) else "org.codehaus.groovy"
        missing.append(Jar(group, "groovy-json", groovy))
    if "jna" not in found:
        missing.append(JNA)
    if "jna-platform" not in found:
        known = found.get("jna", JNA.version)
        missing.append(JNA_PLATFORM if known == JNA_PLATFORM.version else Jar(JNA.group, "jna-platform", known))
    for jar in missing:
        if not jar.version:
            raise GoldDiggerError(
                f"{fiji}: it lacks {jar.artifact}, and the names of its jars do not say of which version it must be; "
                f"put {jar.artifact} into its jars folder, then install again"
            )
    return missing


def fetch(jar: Jar, cache: Path) -> bytes:
    """Give a library's content, from the cache or else from Maven Central, and keep it in the cache.

    Raises
    ------
    GoldDiggerError
        If it cannot be had, or if it is not what it should be.
    """
    kept = cache / jar.name
    try:
        content = kept.read_bytes() if jar.sha256 else b""
    except OSError:
        content = b""
    if not content or hashlib.sha256(content).hexdigest() != jar.sha256:
        content = _download(jar.url)
        if jar.sha256:
            whole = hashlib.sha256(content).hexdigest() == jar.sha256
        else:
            told = _download(jar.url + ".sha1").decode("ascii", "replace").split()
            whole = hashlib.sha1(content, usedforsecurity=False).hexdigest() in told[:1]
        if not whole:
            raise GoldDiggerError(f"{jar.url}: this is not the library that it should be; try again on another network")
        with replacing(kept) as temporary:
            temporary.write_bytes(content)
    return content


def _download(url: str) -> bytes:
    try:
        with urllib.request.build_opener().open(url, timeout=_TIMEOUT_S) as answer:
            content: bytes = answer.read()
    except (OSError, urllib.error.URLError) as error:
        raise GoldDiggerError(
            f"{url} cannot be had ({error}); look to the network, or to HTTPS_PROXY; "
            "without a network, put the file into the jars folder of Fiji, then install again"
        ) from error
    return content


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
