"""Statements about the whole project: sizes, cycles of imports, the lock; directions of imports: `make check`."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import networkx as nx
import pytest

from benchmarks.structure import cycles, import_graph

ROOT = Path(__file__).parents[2]
ROOTS = ("gear", "search", "tracking")
MODULES = sorted(path for root in ROOTS for path in (ROOT / root).rglob("*.py"))
modules = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


@modules
def test_module_says_what_it_is_and_fits_on_a_few_screens(path):
    source = path.read_text()
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    assert source.count("\n") <= 400
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    too_long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno + 1 > 50]
    assert too_long == []


def test_no_module_is_in_an_import_cycle():
    assert cycles(nx.DiGraph([("a", "b"), ("b", "c"), ("c", "b")])) == [["b", "c"]]
    assert cycles(import_graph()) == []


def test_the_method_imports_neither_ray_nor_optuna_nor_mlflow():
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.is_relative_to(ROOT / "gear") and path.name != "__main__.py"
    ]
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        "print([m for m in ('ray', 'optuna', 'mlflow', 'search', 'tracking') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_lock_pins_every_declared_package_exactly():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    pinned = {normalised(line.split("==")[0]) for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    names = {normalised(re.match(r"[\w.-]+", requirement)[0]) for requirement in declared}
    assert names - {"gear-search"} <= pinned
    assert "torch==2.13.0" in lines
