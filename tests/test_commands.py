"""The options of the menu commands: what a person types is understood, or refused in words that say what to type."""

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import golddigger_ij
from golddigger_ij.config import DEFAULT, HELP, DetectionConfig
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.commands import OPERATIONS
from golddigger_ij.imagej.options import Operation, Option
from golddigger_ij.imagej.wording import in_fiji, said

PACKAGE = Path(golddigger_ij.__file__).parent
DETECT = OPERATIONS["detect"]


def test_options_that_are_not_given_have_the_defaults_of_the_command_line() -> None:
    read = DETECT.read({})
    assert {name: read[name] for name in ("model", "threshold", "sizes", "polarity", "pixel_size", "device")} == {
        name: getattr(DEFAULT, name) for name in ("model", "threshold", "sizes", "polarity", "pixel_size", "device")
    }
    assert read["keep_burned_in"] is False
    assert read["region"] == "selection"


def test_every_option_of_detection_is_explained_once() -> None:
    assert set(HELP) == {field.name for field in fields(DetectionConfig)}
    for option in DETECT.options:
        if option.name in HELP:
            assert option.help.startswith(HELP[option.name])


@pytest.mark.parametrize("empty", ["", None, "  "])
def test_an_empty_field_of_a_dialog_means_the_default(empty: Any) -> None:
    assert DETECT.read({option.name: empty for option in DETECT.options}) == DETECT.read({})


def test_a_number_that_the_model_or_the_image_decides_is_auto() -> None:
    read = DETECT.read({"threshold": "auto", "pixel_size": "auto"})
    assert (read["threshold"], read["pixel_size"]) == (None, None)
    with pytest.raises(GoldDiggerError, match=r"gd_cutoff_nm=auto: give a number from 0\.01 to 1000$"):
        OPERATIONS["evaluate"].read({"cutoff_nm": "auto"})


def test_values_come_as_text_or_as_themselves() -> None:
    as_text = DETECT.read({"threshold": "0.25", "keep_burned_in": "True", "polarity": "LIGHT", "pixel_size": " 1e-1 "})
    as_values = DETECT.read({"threshold": 0.25, "keep_burned_in": True, "polarity": "light", "pixel_size": 0.1})
    assert as_text == as_values
    assert as_text["threshold"] == 0.25


def test_the_key_of_a_macro_is_known_with_and_without_its_prefix() -> None:
    assert DETECT.read({"gd_threshold": "0.3"}) == DETECT.read({"threshold": 0.3})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshold": "abc"}, "gd_threshold=abc: give a number from 0 to 1 or auto"),
        ({"threshold": "0,5"}, "gd_threshold=0,5: give a number from 0 to 1 or auto"),
        ({"threshold": "1.5"}, "gd_threshold=1.5: give a number from 0 to 1 or auto"),
        ({"threshold": "nan"}, "gd_threshold=nan: give a number from 0 to 1 or auto"),
        ({"threshold": True}, "gd_threshold=True: give a number from 0 to 1 or auto"),
        ({"pixel_size": 0}, "gd_pixel_size=0: give a number from 0.01 to 1000 or auto"),
        ({"polarity": "pink"}, "gd_polarity=pink: choose auto, dark or light"),
        ({"region": "a part"}, "gd_region=[a part]: choose selection or [whole image]"),
        ({"keep_burned_in": "perhaps"}, "gd_keep_burned_in=perhaps: give true or false"),
        ({"treshold": 1}, "gd_treshold: Detect Gold Particles has no such option; did you mean gd_threshold?"),
        ({"gd_modell": 1}, "gd_modell: Detect Gold Particles has no such option; did you mean gd_model?"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_the_key_of_the_macro(values: dict[str, Any], message: str) -> None:
    with pytest.raises(GoldDiggerError) as refused:
        DETECT.read(values)
    assert str(refused.value) == message


def test_half_an_epoch_is_refused() -> None:
    with pytest.raises(GoldDiggerError, match=r"gd_epochs=1.5: give a whole number from 1 to 10000"):
        OPERATIONS["retrain"].read({"epochs": "1.5"})
    assert OPERATIONS["retrain"].read({"epochs": "3.0"})["epochs"] == 3


def test_a_command_without_options_says_so() -> None:
    with pytest.raises(GoldDiggerError, match="gd_x: Gold Digger Doctor has no such option; it has none"):
        OPERATIONS["doctor"].read({"x": 1})


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_is_said_of_an_option_fits_a_dialog_and_the_header_of_a_script(operation: Operation) -> None:
    assert len({option.name for option in operation.options}) == len(operation.options)
    for option in operation.options:
        assert re.fullmatch(r"[a-z][a-z_]*", option.name)
        assert option.help.endswith(".")
        assert len(option.help) <= 120
        # A script's header has these in double quotes.
        assert '"' not in option.label + option.help
        assert option.read(option.default) == option.read(None)


def strings_of_the_package() -> list[tuple[str, str]]:
    """Every text in the package outside the command line and the docstrings that names one of its options."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.is_relative_to(PACKAGE / "cli") or path.is_relative_to(PACKAGE / "imagej"):
            continue
        # These send people to a terminal, from wherever they are.
        if path.name in ("install.py", "doctor.py"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        spoken = [node.value for node in texts if id(node) not in docstrings]
        found += [(path.name, text) for text in spoken if re.search(r"--[a-z]|\s-o\b", text)]
    return found


def test_no_message_names_an_option_of_the_command_line_in_fiji() -> None:
    texts = strings_of_the_package()
    assert len(texts) > 8
    keys = {option.key for operation in OPERATIONS.values() for option in operation.options}
    for name, text in texts:
        for op in OPERATIONS:
            said_in_fiji = in_fiji(f"x {text}", op)
            assert "--" not in said_in_fiji, name
            assert not re.search(r"\s-o\b", said_in_fiji), name
            assert set(re.findall(r"gd_[a-z_]+", said_in_fiji)) <= keys, (name, said_in_fiji)


def test_messages_of_the_command_line_become_those_of_a_macro() -> None:
    cases = {
        "a.tif: choose one with --plane N (the first is 1), or --plane all": (
            "a.tif: choose one with gd_plane=N (the first is 1), or gd_plane=all"
        ),
        "--device cuda: there is no such device here; use 'auto' or 'cpu'": (
            "gd_device=cuda: there is no such device here; use 'auto' or 'cpu'"
        ),
        "give it with --pixel-size 0.5587 (the bar)": "give it with gd_pixel_size=0.5587 (the bar)",
        "x: cannot be written to; choose another folder with -o": (
            "x: cannot be written to; choose another folder with gd_output"
        ),
        "two\n  lines": "two lines",
    }
    assert {text: in_fiji(text, "detect_folder") for text in cases} == cases
    assert in_fiji("another folder with -o", "save_truth") == "another folder with gd_folder"


def test_a_bug_is_owned_up_to_and_memory_gets_advice() -> None:
    assert said(ZeroDivisionError("by zero"), "detect") == (
        "an error of golddigger-ij itself (ZeroDivisionError: by zero); please report it"
    )
    assert "not enough memory; close other images" in said(MemoryError(), "detect")


def test_an_option_reads_its_own_record() -> None:
    option = Option("shape", "Shape", "What.", "choice", "a", ("a", "b"))
    assert option.record() == {
        "name": "shape",
        "label": "Shape",
        "help": "What.",
        "type": "choice",
        "default": "a",
        "choices": ["a", "b"],
    }
