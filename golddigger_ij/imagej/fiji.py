"""The user's Fiji or ImageJ2 in this process, through PyImageJ."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.fiji_scripts import fiji_scripts_folder
from golddigger_ij.imagej.java import Java, find_java, named_java
from golddigger_ij.imagej.jvm import Mode, keep_signals, prepare_scyjava, require_windows, stop_handing_back
from golddigger_ij.imagej.local_fiji import LocalFiji, find_local_fiji, is_fetched

SCIJAVA = "https://maven.scijava.org/content/groups/public"
"""Where ImageJ2 and Fiji are; Maven Central does not have them."""


def start_fiji(fiji: str, mode: Mode, options: Sequence[str] = ()) -> Any:
    """Start a Fiji or ImageJ2 in this process, with our menu commands, once in a process.

    Parameters
    ----------
    fiji : str
        Its folder; or what is fetched from SciJava's repository: a version of ImageJ2, or Maven coordinates.
    mode : {"headless", "interactive", "gui"}
        See `golddigger_ij.imagej.jvm.start_imagej`.
    options : sequence of str
        For the JVM.

    Returns
    -------
    net.imagej.ImageJ
        PyImageJ's gateway.

    Raises
    ------
    GoldDiggerError
        If the folder holds no ImageJ2, if it cannot be fetched, if there is no Java of use or no display for its
        windows, or if it does not start.
    """
    folder = None if is_fetched(fiji) else find_local_fiji(fiji)
    java = _java_for(folder)
    prepare_scyjava(java)
    # PyImageJ has to come before the settings: its import adds an endpoint, which would be fetched.
    import imagej
    import jpype
    import scyjava
    import scyjava.config

    # PyImageJ would fetch a Java of its own ("always"), and 1.8.0 fails to guess the version of the machine's own
    # ("never"). "auto" fetches none either, since JAVA_HOME has been set to one that runs.
    scyjava.config.set_java_constraints(fetch="auto", version="")
    if folder is not None:
        # With nothing to fetch, no repository is asked for anything.
        scyjava.config.endpoints.clear()
    else:
        scyjava.config.add_repositories({"scijava.public": SCIJAVA})
    _let_imglyb_fail()
    scyjava.config.add_options([*_scripts_option(folder), *options])
    what = fiji if folder is None else str(folder.path)
    with _kept_log() as said:
        try:
            # PyImageJ's mode "gui" keeps the thread until the window is closed, and so would keep our caller from its
            # work; "interactive" and then showing the window is the same, and comes back.
            gateway = imagej.init(what, mode="headless" if mode == "headless" else "interactive")
        except Exception as error:
            raise _cannot_start(what, folder, java, mode, f"{type(error).__name__}: {error}") from error
    keep_signals()
    # Plugins leave threads behind that the JVM would wait for when Python ends. Where it does not wait, its collector
    # of garbage must be kept from handing Python objects back to a Python that ends: that aborts the process.
    jpype.config.destroy_jvm = False
    scyjava.when_jvm_stops(stop_handing_back)
    # Where it finds no ImageJ2, PyImageJ says so in its log and gives False.
    if gateway is None or gateway is False:
        raise _cannot_start(what, folder, java, mode, " ".join(said))
    if mode != "headless":
        require_windows()
    _require_original_imagej(what, gateway)
    if mode != "headless":
        # Fiji ends the whole process when its window is closed, in the middle of whatever Python does.
        window = jpype.JClass("ij.IJ").getInstance()
        if window is not None:
            window.exitWhenQuitting(False)
    if mode == "gui":
        gateway.ui().showUI()
    return gateway


def _let_imglyb_fail() -> None:
    """Start a Fiji also where imglyb cannot work.

    PyImageJ brings it along for its conversions of arrays, which we do not use. It prepares itself when the JVM starts,
    and needs a library that not every Fiji has, or has in the version that it wants; its error would be the end of
    the start. Fetching the library, as PyImageJ does, needs a network and mixes versions.
    """
    from scyjava import _jvm

    def forgiving(callback: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            with suppress(TypeError, AttributeError):
                callback()

        return run

    # There is no public way to them. Where the list has another name, imglyb is left as it is.
    callbacks = getattr(_jvm, "_startup_callbacks", [])
    for i, callback in enumerate(callbacks):
        if str(getattr(callback, "__module__", "")).partition(".")[0] == "imglyb":
            callbacks[i] = forgiving(callback)


def _java_for(folder: LocalFiji | None) -> Java:
    """The Java that JAVA_HOME names, or the one that came with Fiji, for which its plugins are made, or another."""
    own = None if folder is None or named_java() else folder.java()
    return own or find_java()


def _scripts_option(folder: LocalFiji | None) -> list[str]:
    # Installed ones are found by Fiji itself, and all commands would be there twice.
    if folder is not None and folder.scripts.is_dir():
        return []
    return [f"-Dscijava.scripts.path={fiji_scripts_folder()}"]


def _require_original_imagej(what: str, gateway: Any) -> None:
    """Make sure that ImageJ2 has taken charge of the original ImageJ; where it fails to, it only logs that."""
    from jpype import JClass

    try:
        legacy = gateway.context().getService(JClass("net.imagej.legacy.LegacyService"))
    except TypeError:
        legacy = None
    if legacy is None or not legacy.isActive():
        raise GoldDiggerError(
            f"{what}: ImageJ2 runs without the original ImageJ (imagej-legacy), which shows the images; "
            "look at what Java said above, or give another Fiji"
        )


def _cannot_start(what: str, folder: LocalFiji | None, java: Java, mode: Mode, reason: str) -> GoldDiggerError:
    import jpype

    reason = " ".join(reason.split())[:300]
    if "UnsupportedClassVersionError" in reason:
        return GoldDiggerError(
            f"{what}: was made for a newer Java than version {java.version} in {java.home} ({reason}); "
            "install a newer JDK, and name it in JAVA_HOME"
        )
    if jpype.isJVMStarted():
        if mode != "headless":
            # The usual reason, and it has its own words.
            require_windows()
        remedy = "run its updater, or give another Fiji" if folder else "give sc.fiji:fiji or the folder of a Fiji"
        return GoldDiggerError(f"{what}: ImageJ2 does not start from it ({reason}); {remedy}")
    if folder is None:
        return GoldDiggerError(
            f"{what}: cannot be had from {SCIJAVA} ({reason}); look to the network, to HTTPS_PROXY and to how it "
            "is written, or give the folder of a Fiji on this machine"
        )
    return GoldDiggerError(
        f"{what}: the JVM in {java.home} does not start ({reason}); give Java less memory or another"
    )


@contextmanager
def _kept_log() -> Iterator[list[str]]:
    """Keep what PyImageJ and what it fetches with log, for the one message that is given."""
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    keep, loggers = Keep(logging.WARNING), [logging.getLogger(name) for name in ("imagej", "imglyb", "jgo", "scyjava")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(keep)
        logger.propagate = False
    try:
        yield said
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(keep)
            logger.propagate = propagate
