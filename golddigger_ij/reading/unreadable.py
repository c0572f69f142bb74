"""Every way in which reading an image can fail, as one line that the user can act on."""

import logging
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from golddigger_ij.errors import GoldDiggerError

_REMEDY = "copy it again from its source, or open it in Fiji and save it as TIFF"

# A blank image compresses about 1000-fold as deflate and 30,000-fold as Zstandard; micrographs at most 100-fold.
_LARGEST_RATIO = 100_000
_ALWAYS_FINE_BYTES = 1 << 26

_quiet_threads = threading.local()


def _is_wanted(_: logging.LogRecord) -> bool:
    """Hold back the decoder's log in threads that turn its complaints into errors."""
    return not getattr(_quiet_threads, "on", False)


logging.getLogger("tifffile").addFilter(_is_wanted)


def unreadable(path: Path, why: str, remedy: str = _REMEDY) -> GoldDiggerError:
    """Make the error for an image file that cannot be read."""
    return GoldDiggerError(f"{path}: cannot be read: {why}; {remedy}")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong in the block into a `GoldDiggerError` that names the file.

    Decoders meet damaged files with almost any exception: struct, zlib, Unicode, index, memory and arithmetic
    errors, and their own. All of them mean the same to the user.

    Raises
    ------
    GoldDiggerError
        For every `Exception` in the block.
    """
    was_quiet = getattr(_quiet_threads, "on", False)
    _quiet_threads.on = True
    try:
        yield
    except GoldDiggerError:
        raise
    except FileNotFoundError as error:
        raise unreadable(path, "there is no such file", "check the name and the folder") from error
    except PermissionError as error:
        raise unreadable(path, "permission denied", "ask for the right to read it") from error
    except MemoryError as error:
        raise unreadable(path, "it does not fit into memory, or it is damaged", "save it as TIFF with tiles") from error
    except Exception as error:
        first_line = " ".join(str(error).split())[:160]
        why = f"damaged, cut short or of a kind that is not supported ({type(error).__name__}: {first_line})"
        raise unreadable(path, why) from error
    finally:
        _quiet_threads.on = was_quiet


def check_claimed_size(path: Path, claimed_bytes: int, file_bytes: int) -> None:
    """Refuse an image whose header claims more than its file can hold, before memory is set aside for it.

    Raises
    ------
    GoldDiggerError
        If `claimed_bytes` (decoded) is out of all proportion to `file_bytes`.
    """
    if claimed_bytes > max(_ALWAYS_FINE_BYTES, _LARGEST_RATIO * file_bytes):
        raise unreadable(path, f"it claims {claimed_bytes:.3g} bytes of image in a file of {file_bytes}")


def check_jpeg(path: Path, data: bytes, height: int, width: int) -> None:
    """Refuse a JPEG that is cut short or larger than it should be; the decoder would fill the rest with grey.

    Parameters
    ----------
    data : bytes
        A whole JPEG, or a strip or tile of a TIFF.
    height, width : int
        The most that it may measure.

    Raises
    ------
    GoldDiggerError
    """
    frame = jpeg_frame(data)
    if frame is not None and (frame[0] > height or frame[1] > width):
        raise unreadable(path, f"damaged: a JPEG of {frame[1]} x {frame[0]} px, not {width} x {height}")
    # In compressed data FF is always followed by 00 or a restart marker, so that neither marker is found by chance.
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise unreadable(path, "cut short: its JPEG data has no end")


def jpeg_frame(data: bytes) -> tuple[int, int, int, int] | None:
    """Give height, width, number of components and bits a sample of a JPEG; None if it has no frame header."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if at + 10 > len(data):
                return None
            bits, height, width, components = struct.unpack_from(">BHHB", data, at + 4)
            return height, width, components, bits
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None
