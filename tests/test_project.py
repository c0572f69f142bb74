import ast
import graphlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import golddigger_ij
from golddigger_ij.fiji_scripts import fiji_scripts_folder

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "golddigger_ij"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# From the top down: a module imports from its own row and from those below, never from above.
LAYERS = """
cli
imagej doctor
install
jars fiji_folders
batch
results
proofreading
runs position_tables
detect
training
detectors candidates
refine components
runtime
models
networks
scores
evaluation matching
annotations
sizes size_mixture
synthetic synthetic_scenes synthetic_texture
overlay
crops
regions outlines
roi_set roi_format roi_table
particles csv_columns
palette
contrast
burned_in
tiles working_grid
montage
reading
file_names
config
fiji_scripts
atomic
errors
"""
DEPTH = {name: depth for depth, row in enumerate(LAYERS.split("\n")) for name in row.split()}

CONDA_NAMES = {"torch": "pytorch"}
ONLY_CONDA = {"python", "pip", "openjdk"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if dotted:
            yield dotted, path


def imports(module: str, path: Path, tree: ast.AST) -> Iterator[str]:
    """Dotted names, below the package, of the modules of the package that `tree` imports anywhere in it."""
    package = ["golddigger_ij", *module.split(".")]
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] != "golddigger_ij":
                continue
            # `from package.module import thing` names the thing, too.
            while len(parts) > 1 and not any(
                PACKAGE.joinpath(*parts[1:-1], parts[-1] + end).exists() for end in (".py", "/__init__.py")
            ):
                parts.pop()
            if len(parts) > 1:
                yield ".".join(parts[1:])


def without_typing_only(tree: ast.Module) -> ast.Module:
    """The statements that run when the module is imported: not those for type checkers or inside functions."""

    class Strip(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

    return ast.fix_missing_locations(Strip().visit(tree))


def test_every_module_has_its_layer():
    found = {name.split(".")[0] for name, _ in modules()}
    missing = sorted(found - set(DEPTH))
    assert not missing, "add these to LAYERS, where they belong"


def test_imports_go_downwards_only():
    upward = [
        f"{module} imports {target}"
        for module, path in modules()
        for target in imports(module, path, ast.parse(path.read_text(encoding="utf-8")))
        if DEPTH.get(target.split(".")[0], 0) < DEPTH.get(module.split(".")[0], 0)
    ]
    assert not upward


def test_no_module_needs_itself_to_be_imported():
    graph = {
        module: {
            target
            for target in imports(module, path, without_typing_only(ast.parse(path.read_text(encoding="utf-8"))))
            if target != module
        }
        for module, path in modules()
    }
    # A cycle raises, and is named.
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_importing_the_package_is_quick_and_takes_no_heavy_library_along():
    code = (
        "import json, sys, time; before = time.perf_counter(); import golddigger_ij; "
        "print(json.dumps([time.perf_counter() - before, sorted(sys.modules)]))"
    )
    ran = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True) for _ in range(3)]
    results = [json.loads(one.stdout) for one in ran]
    assert min(seconds for seconds, _ in results) < 0.3
    heavy = {"torch", "jpype", "scyjava", "imagej", "skimage", "sklearn", "scipy", "matplotlib", "PIL", "pandas"}
    assert not heavy & set(results[0][1])


def test_the_version_is_the_same_everywhere():
    assert golddigger_ij.__version__ == PROJECT["version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE).group(1) == PROJECT["version"]


def requirement(text: str) -> tuple[str, str]:
    name, bound = re.fullmatch(r"([A-Za-z0-9_.-]+?)\s*((?:[<>=!~].*)?)", text).groups()
    return name.lower(), bound


def test_environment_yml_has_the_names_and_bounds_of_pyproject():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    listed = [line.strip().removeprefix("- ") for line in lines[lines.index("dependencies:") + 1 :]]
    conda = dict(requirement(text) for text in listed)
    assert len(conda) == len(listed)
    wanted = dict(requirement(text) for text in PROJECT["dependencies"])
    assert conda["python"] == PROJECT["requires-python"]
    assert {name: bound for name, bound in conda.items() if name not in ONLY_CONDA} == {
        CONDA_NAMES.get(name, name): bound for name, bound in wanted.items()
    }


def test_every_dependency_has_a_lower_bound():
    assert all(requirement(text)[1].startswith(">=") for text in PROJECT["dependencies"])


def test_the_readme_gives_the_command_that_runs_the_tests():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = re.search(r'^readonly TEST_COMMAND="(.+)"$', script, re.MULTILINE)
    assert command
    assert 'eval "$TEST_COMMAND"' in script
    assert command.group(1) in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def test_the_scripts_for_fiji_are_found():
    folder = fiji_scripts_folder()
    assert (folder / "macros" / "show-gold-particles.ijm").is_file()


def test_a_wheel_carries_the_scripts_for_fiji(tmp_path):
    installed = tmp_path / "golddigger_ij"
    installed.mkdir()
    sources = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    target = tmp_path / sources["wheel"]["sources"]["fiji_scripts"]
    (target / "macros").mkdir(parents=True)
    for name in ("__init__.py", "fiji_scripts.py", "errors.py"):
        (installed / name).write_bytes((PACKAGE / name).read_bytes())
    code = "from golddigger_ij.fiji_scripts import fiji_scripts_folder as f; print(f())"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True, text=True)
    assert Path(ran.stdout.strip()) == target


def test_nothing_tells_where_it_was_made():
    """The repository says nothing about one machine's folders."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    for name in filter(None, tracked.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml", ".cff", ".ijm", ".groovy"} and path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "/work" + "/" not in text, name
