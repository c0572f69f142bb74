"""The engine as Java sees it, in a real JVM."""

import pytest

ENGINE = """
from jpype import JArray, JByte, JClass, JDouble, JInt, JShort
from golddigger_ij.imagej import bridge
objects = imagej.service("org.scijava.object.ObjectService")
Function = JClass("java.util.function.Function")
engine = [f for f in objects.getObjects(Function) if str(objects.getName(f)) == "golddigger-ij"]
"""


def test_the_engine_is_found_by_its_name_once(headless_imagej):
    assert headless_imagej(ENGINE + "bridge.register(imagej.context); result = len(engine)") == 1


def test_a_map_gets_a_map_back(headless_imagej):
    told = headless_imagej(
        ENGINE
        + """
        request = JClass("java.util.HashMap")()
        request.put("op", "describe")
        answer = engine[0].apply(request)
        result = [bool(answer.get("ok")), str(answer.get("ops").get("detect").get("command"))]
        """.replace("\n        ", "\n")
    )
    assert told == [True, "Detect Gold Particles"]


def test_what_is_wrong_comes_back_as_text(headless_imagej):
    told = headless_imagej(
        ENGINE
        + """
answer = engine[0].apply(JClass("java.util.HashMap")())
result = [bool(answer.get("ok")), str(answer.get("error"))]
"""
    )
    assert told[0] is False
    assert "there is no operation" in told[1]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("JArray(JByte)([-1, 0, 5])", ["uint8", [255, 0, 5]]),
        ('JClass("java.nio.ByteBuffer").allocate(0).array()', ["uint8", []]),
        ("JArray(JShort)([-1, 7])", ["uint16", [65535, 7]]),
        ("JArray(JInt)([-1, 7])", ["int32", [-1, 7]]),
        ("JArray(JDouble)([0.1])", ["float64", [0.1]]),
    ],
)
def test_arrays_of_numbers_become_numpy_arrays_of_unsigned_pixels(headless_imagej, made, expected):
    got = headless_imagej(ENGINE + f"array = bridge.to_python({made}); result = [str(array.dtype), array.tolist()]")
    assert got == expected


def test_numbers_keep_all_their_digits_both_ways(headless_imagej):
    got = headless_imagej(
        ENGINE
        + """
there = bridge.to_java({"a": 0.9, "b": [1, 2.5, None], "c": ["x"], "d": True, "e": None, "f": 2**40})
kinds = [str(there.get(name).getClass().getSimpleName()) for name in ("a", "c")]
result = [bridge.to_python(there), *kinds]
"""
    )
    assert got == [
        {"a": 0.9, "b": [1, 2.5, None], "c": ["x"], "d": True, "e": None, "f": 2**40},
        "Double",
        "String[]",
    ]


def test_inside_fiji_the_engine_is_reached_through_its_python(headless_imagej):
    # Fiji's Python mode offers a runner of Python code in the ObjectService, and nothing of ours.
    headless_imagej(
        ENGINE
        + """
import scyjava
for one in engine:
    objects.removeObject(one)
scyjava.enable_python_scripting(imagej.context)
"""
    )
    assert headless_imagej.macro('run("Gold Digger Doctor"); return "done";') == "done"
    assert headless_imagej(ENGINE + "result = len(engine)") == 1
