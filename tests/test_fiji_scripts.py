"""The scripts that Fiji sees, held against the description of the engine's options."""

import re
from pathlib import Path

import pytest

from golddigger_ij.fiji_scripts import fiji_scripts_folder
from golddigger_ij.imagej.commands import OPERATIONS
from golddigger_ij.imagej.options import Option

COMMANDS = fiji_scripts_folder() / "Plugins" / "Gold_Digger"
SCRIPTS = sorted(path for path in COMMANDS.iterdir() if path.suffix in (".groovy", ".py"))
ASKING = {name: one for name, one in OPERATIONS.items() if name != "describe"}

# Only macros give these: they would crowd the dialog.
NOT_IN_DIALOG = ("image", "device")


def command_of(path: Path) -> str:
    """The menu command that Fiji makes of a script's name."""
    return path.stem.replace("_", " ")


def script_of(command: str) -> Path:
    return next(path for path in SCRIPTS if command_of(path).removesuffix("...") == command)


def header(option: Option) -> str:
    kind = {"yes or no": "Boolean", "file": "File", "folder": "File"}.get(option.type, "String")
    attributes = [f'label="{option.label}"']
    if option.type == "folder":
        attributes.append('style="directory"')
    if option.choices:
        attributes.append("choices={" + ", ".join(f'"{choice}"' for choice in option.choices) + "}")
    if option.type == "yes or no":
        attributes.append(f"value={str(option.default).lower()}")
    elif option.default != "":
        attributes.append(f'value="{option.default}"')
    if option.name in NOT_IN_DIALOG:
        attributes.append('visibility="INVISIBLE"')
    attributes += ["required=false", "persist=false", f'description="{option.help}"']
    return f"#@ {kind} ({', '.join(attributes)}) {option.key}"


@pytest.mark.parametrize("op", list(ASKING))
def test_a_command_asks_for_the_options_that_the_engine_describes(op):
    lines = script_of(ASKING[op].command).read_text(encoding="utf-8").splitlines()
    asked = [line for line in lines if re.match(r"#@ .* gd_(?!scripts\b)\w+$", line)]
    assert asked == [header(option) for option in ASKING[op].options]


def test_commands_that_ask_end_in_dots_and_the_others_do_not():
    for path in SCRIPTS:
        inputs = [line for line in path.read_text(encoding="utf-8").splitlines() if "label=" in line]
        asks = any("INVISIBLE" not in line for line in inputs)
        assert command_of(path).endswith("...") == asks, path.name


def test_every_script_has_a_name_that_makes_it_a_command_and_names_are_unique():
    assert all("_" in path.stem for path in SCRIPTS)
    names = [command_of(path) for path in SCRIPTS]
    assert len(set(names)) == len(names) == 10
    # In ImageJ's one table of commands a short name might be somebody else's.
    assert all("Gold" in name for name in names)


def test_macros_do_not_become_commands():
    # Where Fiji finds the scripts in this folder itself, a name with an underscore would be a command of its menu.
    assert all("_" not in path.name for path in (COMMANDS.parents[1] / "macros").iterdir())


def test_no_parameter_is_remembered_or_required():
    # Values are remembered by name for all scripts together; without a required one a script is skipped silently.
    for path in SCRIPTS:
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.match(r"#@ (String|File|Boolean|Double|Integer)\b", line):
                assert "persist=false" in line, (path.name, line)
                assert "required=false" in line, (path.name, line)
                assert re.search(r"\) gd_[a-z_]+$", line), (path.name, line)


def test_no_script_ends_with_a_value():
    # Fiji would open a window for it.
    for path in SCRIPTS:
        last = path.read_text(encoding="utf-8").rstrip().splitlines()[-1]
        assert last in ("null", "None"), path.name


def test_there_is_one_command_in_jython():
    assert [path.name for path in SCRIPTS if path.suffix == ".py"] == ["Gold_Digger_Doctor.py"]


def keys_table(path: Path) -> str:
    """The options of a command as the documentation lists them."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"#@ \w+ \((.*)\) (gd_\w+)$", line):
            told = dict(re.findall(r'(\w+)="([^"]*)"', match[1]))
            flag = re.search(r"value=(true|false)", match[1])
            default = flag[1] if flag else told.get("value", "")
            rows.append(f"| `{match[2]}` | {told['description']} | {default} |")
    if not rows:
        return ""
    return "\n".join([f"**{command_of(path)}**", "", "| key | | default |", "| --- | --- | --- |", *rows])


def test_the_documentation_lists_every_key_of_every_command():
    root = Path(__file__).resolve().parents[1]
    text = (root / "docs" / "fiji.md").read_text(encoding="utf-8")
    for path in SCRIPTS:
        assert keys_table(path) in text, path.name
        assert f"| {command_of(path)} |" in text
