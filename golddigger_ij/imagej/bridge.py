"""The engine as Java sees it: a Function from a map to a map, in SciJava's ObjectService."""

import atexit
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from golddigger_ij.imagej.service import answer

NAME = "golddigger-ij"
"""By this name the scripts find the engine."""

_ENDS_WITHIN_S = 10.0

_ARRAYS = {"byte[]": np.uint8, "short[]": np.uint16, "int[]": np.int32, "float[]": np.float32, "double[]": np.float64}


def register(context: Any) -> None:
    """Put the engine into the ObjectService of a SciJava context, once.

    Parameters
    ----------
    context : org.scijava.Context
    """
    from jpype import JClass

    objects = context.getService(JClass("org.scijava.object.ObjectService"))
    function = JClass("java.util.function.Function")
    if not any(str(objects.getName(known)) == NAME for known in objects.getObjects(function)):
        objects.addObject(_engine(), NAME)
        # After the JVM's own, and so before it.
        atexit.register(_calls.end)


class _Calls:
    """The calls that are at work. When Python ends under one, the process is aborted; so they are stopped first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self.ending = False

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def end(self) -> None:
        """Stop them, and wait for that."""
        with self._changed:
            self.ending = True
            self._changed.wait_for(lambda: self._count == 0, _ENDS_WITHIN_S)


_calls = _Calls()


def _engine() -> Any:
    from jpype import JImplements, JOverride

    @JImplements("java.util.function.Function")
    class Engine:
        """Answers a script's map with a map, on whatever thread Java calls."""

        @JOverride  # type: ignore[untyped-decorator]
        def apply(self, request: Any) -> Any:
            # An exception would reach Java without its name and message; the service answers them as text.
            try:
                with _calls:
                    callback = request.get("callback")
                    given = [str(key) for key in request.keySet() if str(key) != "callback"]
                    known = {key: to_python(request.get(key)) for key in given}
                    return to_java(answer(known, None if callback is None else _Callback(callback)))
            except BaseException as error:
                return to_java({"ok": False, "error": f"the engine failed ({type(error).__name__}: {error})"})

    return Engine()


class _Callback:
    """A script's progress object, with Python's types."""

    def __init__(self, callback: Any) -> None:
        self._callback = callback

    def update(self, done: int, total: int, message: str = "") -> None:
        """Show how far it is."""
        from jpype import JLong

        self._callback.update(JLong(int(done)), JLong(int(total)), message)

    def cancelled(self) -> bool:
        """Say whether the user has had enough, or Python is about to end."""
        return _calls.ending or bool(self._callback.cancelled())


def to_python(value: Any) -> Any:
    """Turn what a script sends into Python's types; arrays of numbers into NumPy's.

    Parameters
    ----------
    value : Java object
        Maps, lists, strings, numbers, arrays of numbers or of strings, and null.

    Returns
    -------
    dict, list, str, int, float, bool, ndarray or None
        Bytes and shorts are unsigned, as pixels are.
    """
    from jpype import JClass, JObject

    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, JObject)):
        return value
    kind = type(value).__name__ if isinstance(value, JObject) else ""
    if kind in _ARRAYS:
        # An empty array has no buffer.
        return np.frombuffer(memoryview(value), _ARRAYS[kind]) if len(value) else np.zeros(0, _ARRAYS[kind])
    if kind == "java.lang.String[]":
        # One text crosses a hundred times faster than its parts.
        return str(JClass("java.lang.String").join("\0", value)).split("\0") if len(value) else []
    if isinstance(value, JClass("java.util.Map")):
        return {str(entry.getKey()): to_python(entry.getValue()) for entry in value.entrySet()}
    if kind.endswith("[]") or isinstance(value, JClass("java.util.Collection")):
        return [to_python(item) for item in value]
    if isinstance(value, JClass("java.lang.Boolean")):
        return bool(value)
    if isinstance(value, JClass("java.lang.Number")):
        return float(value) if kind in ("java.lang.Double", "java.lang.Float", "java.math.BigDecimal") else int(value)
    return str(value)


def to_java(value: Any) -> Any:
    """Turn an answer into Java's types: maps, lists, strings, numbers, ``double[]`` and ``String[]``."""
    from jpype import JArray, JBoolean, JClass, JDouble, JLong, JString

    if value is None:
        return None
    if isinstance(value, Mapping):
        table = JClass("java.util.LinkedHashMap")()
        for key, item in value.items():
            table.put(JString(str(key)), to_java(item))
        return table
    if isinstance(value, np.ndarray) and value.dtype != object:
        return JArray(JDouble)(np.ascontiguousarray(value, np.float64).ravel())
    if isinstance(value, (list, tuple, np.ndarray)):
        if all(isinstance(item, str) for item in value):
            return JArray(JString)(list(value))
        listed = JClass("java.util.ArrayList")()
        for item in value:
            listed.add(to_java(item))
        return listed
    # JPype would choose Float for a number that goes into a map, which has 7 digits.
    if isinstance(value, (bool, np.bool_)):
        return JClass("java.lang.Boolean").valueOf(JBoolean(bool(value)))
    if isinstance(value, (int, np.integer)):
        return JClass("java.lang.Long").valueOf(JLong(int(value)))
    if isinstance(value, (float, np.floating)):
        return JClass("java.lang.Double").valueOf(JDouble(float(value)))
    return JString(str(value))
