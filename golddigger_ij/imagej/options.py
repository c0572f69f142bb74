"""An option of an operation, described once: for dialogs, for macro keys and for the reading of its values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from golddigger_ij.errors import GoldDiggerError

PREFIX = "gd_"
"""What the name of an option begins with in a macro, so that no other plugin's key is meant."""

AUTO = "auto"
"""The default of a number that the image or the model decides; it is read as None."""

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Option:
    """One option of an operation.

    Attributes
    ----------
    name : str
        Without the `gd_` of the macro key.
    label : str
        What the dialog calls it.
    help : str
        One line for people.
    type : {"text", "number", "whole number", "yes or no", "choice", "file", "folder"}
    default : str, float, int or bool
        The value where none is given; an empty text where that is decided by the image or the model.
    choices : tuple of str
        Of a choice.
    limits : (float, float)
        Of a number.
    """

    name: str
    label: str
    help: str
    type: str = "text"
    default: str | float | bool = ""
    choices: tuple[str, ...] = ()
    limits: tuple[float, float] = (-math.inf, math.inf)

    @property
    def key(self) -> str:
        """Its key in a macro."""
        return PREFIX + self.name

    def record(self) -> dict[str, Any]:
        """Give what a dialog needs, as plain values."""
        content = {"name": self.name, "label": self.label, "help": self.help, "type": self.type}
        return {**content, "default": self.default, **({"choices": list(self.choices)} if self.choices else {})}

    def read(self, value: Any) -> Any:
        """Read a value as a dialog, a macro or a script gives it; None and "" mean the default.

        Raises
        ------
        GoldDiggerError
            If it does not fit; the message names the macro key.
        """
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            value = self.default
        if self.type in ("number", "whole number"):
            return None if value in ("", AUTO) and value == self.default else self._number(value)
        if self.type == "yes or no":
            return self._yes_or_no(value)
        text = str(value)
        if self.type == "choice":
            matching = [choice for choice in self.choices if choice.casefold() == text.casefold()]
            if not matching:
                listed = ", ".join(map(_bracketed, self.choices[:-1]))
                raise self._wrong(text, f"choose {listed} or {_bracketed(self.choices[-1])}")
            return matching[0]
        return text

    def _number(self, value: Any) -> float | int:
        low, high = self.limits
        kind = "a whole number" if self.type == "whole number" else "a number"
        if high < math.inf:
            wanted = f"give {kind} from {low:g} to {high:g}"
        else:
            wanted = f"give {kind}" if low == -math.inf else f"give {kind}, {low:g} or more"
        wanted += f" or {AUTO}" if self.default == AUTO else ""
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._wrong(value, wanted) from None
        if isinstance(value, bool) or not low <= number <= high or not math.isfinite(number):
            raise self._wrong(value, wanted)
        if self.type == "number":
            return number
        if number != int(number):
            raise self._wrong(value, wanted)
        return int(number)

    def _yes_or_no(self, value: Any) -> bool:
        text = str(value).casefold()
        if text not in _TRUE + _FALSE:
            raise self._wrong(value, "give true or false")
        return text in _TRUE

    def _wrong(self, value: Any, wanted: str) -> GoldDiggerError:
        return GoldDiggerError(f"{self.key}={_bracketed(str(value))}: {wanted}")


@dataclass(frozen=True)
class Operation:
    """What a menu command asks the engine for.

    Attributes
    ----------
    command : str
        The menu command, without its dots.
    options : tuple of Option
        In the order of the dialog. Those that only the scripts use are among them.
    """

    command: str
    options: tuple[Option, ...] = ()

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Read all options, with or without the `gd_` of their keys; those that are not given have their defaults.

        Raises
        ------
        GoldDiggerError
            If there is no option of a name (the nearest is named), or a value does not fit.
        """
        by_name = {option.name: option for option in self.options}
        given = {name.removeprefix(PREFIX): value for name, value in values.items()}
        for name in given:
            if name not in by_name:
                keys = [option.key for option in self.options]
                near = get_close_matches(PREFIX + name, keys, 1)
                listed = f"it has {', '.join(keys)}" if keys else "it has none"
                hint = f"did you mean {near[0]}?" if near else listed
                raise GoldDiggerError(f"{PREFIX}{name}: {self.command} has no such option; {hint}")
        return {name: option.read(given.get(name)) for name, option in by_name.items()}


def _bracketed(text: str) -> str:
    """Write a value as it stands in a macro: in brackets where it holds a space."""
    return f"[{text}]" if " " in text else text
