"""Columns of CSV files, with errors that name the line."""

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.atomic import replacing
from golddigger_ij.errors import GoldDiggerError


def write_columns(path: Path | str, columns: Sequence[tuple[str, str, NDArray[Any]]]) -> None:
    """Write a CSV file: UTF-8, a header, lines that end in a line feed, texts in quotation marks where they need them.

    Parameters
    ----------
    path : Path or str
        The file to make or replace.
    columns : sequence of (name, format, values)
        The format is a printf one, such as ``%.3f``; with ``%s`` the values are texts.

    Raises
    ------
    GoldDiggerError
        If the file cannot be written.
    """
    values = [_quoted(column.tolist()) if form == "%s" else column.tolist() for _, form, column in columns]
    line = ",".join(form for _, form, _ in columns) + "\n"
    header = ",".join(quote_field(name) for name, _, _ in columns) + "\n"
    text = header + "".join([line % row for row in zip(*values, strict=True)])
    with replacing(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def quote_field(text: str) -> str:
    """Give a text as a field of a CSV file, in quotation marks where it needs them."""
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text


def read_fields(path: Path | str, required: Sequence[str] = ()) -> tuple[dict[str, list[str]], list[int]]:
    """Read a CSV file as texts.

    Parameters
    ----------
    path : Path or str
        A file in UTF-8 with a header.
    required : sequence of str
        Columns that it must have.

    Returns
    -------
    columns : dict of str to list of str
        The fields of each column.
    lines : list of int
        The line of the file that each row ends on.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read, lacks a column or has one twice, or a row is too short.
    """
    path = Path(path)
    try:
        # utf-8-sig: spreadsheets put a byte-order mark in front when they save.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            rows = [(row, reader.line_num) for row in reader if row]
    except OSError as error:
        raise GoldDiggerError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise GoldDiggerError(f"{path}: is not a CSV file in UTF-8 ({error}); save it as one") from error
    for name in required:
        if header.count(name) != 1:
            problem = "has no column" if name not in header else "has more than one column"
            raise GoldDiggerError(f"{path}: {problem} {name!r}; it needs the columns {', '.join(required)}")
    for row, line in rows:
        if len(row) < len(header):
            raise GoldDiggerError(f"{path}: line {line} has {len(row)} fields where the header has {len(header)}")
    columns = zip(*(row for row, _ in rows), strict=False) if rows else [()] * len(header)
    return {name: list(column) for name, column in zip(header, columns, strict=False)}, [line for _, line in rows]


def parse_numbers(path: Path | str, name: str, texts: Sequence[str], lines: Sequence[int]) -> NDArray[np.float64]:
    """Turn a column into finite numbers, or say which line holds none.

    Parameters
    ----------
    path, name
        The file and the column, for the error.
    texts, lines
        The fields, and the line of each.

    Raises
    ------
    GoldDiggerError
        If a field is not a finite number.
    """
    try:
        numbers = np.array(list(map(float, texts)), np.float64)
        if np.isfinite(numbers).all():
            return numbers
    except ValueError:
        pass
    raise _not_a_number(path, name, texts, lines, float)


def parse_integers(path: Path | str, name: str, texts: Sequence[str], lines: Sequence[int]) -> NDArray[np.int64]:
    """Turn a column into whole numbers, or say which line holds none. Parameters and errors as `parse_numbers`."""
    try:
        return np.array(list(map(int, texts)), np.int64)
    except (ValueError, OverflowError):
        raise _not_a_number(path, name, texts, lines, int) from None


def _quoted(texts: list[str]) -> list[str]:
    quoted = {text: quote_field(text) for text in set(texts)}
    return [quoted[text] for text in texts]


def _not_a_number(
    path: Path | str, name: str, texts: Sequence[str], lines: Sequence[int], convert: Callable[[str], float]
) -> GoldDiggerError:
    kind = "whole number" if convert is int else "number"
    for text, line in zip(texts, lines, strict=True):
        try:
            if abs(convert(text)) < 2**63:
                continue
        except ValueError:
            pass
        return GoldDiggerError(f"{path}: line {line}, column {name!r}: {text!r} is not a {kind}; correct the file")
    return GoldDiggerError(f"{path}: column {name!r} holds something that is not a {kind}; correct the file")
