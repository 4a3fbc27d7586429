"""The API reference that `make docs` builds."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gear

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for root in ("gear", "search", "tracking") for path in (ROOT / root).rglob("*.py"))


def documented():
    """The modules that the Makefile names."""
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    return re.search(r"^API := (.*)$", makefile, re.MULTILINE)[1].split()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The folder of the reference, and what building it wrote to standard error."""
    folder = tmp_path_factory.mktemp("api")
    command = [sys.executable, "-m", "pdoc", "--docformat", "google", "--output-directory", str(folder), *documented()]
    environment = {**os.environ, "PDOC_ALLOW_EXEC": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


def test_is_built_without_a_warning(pages):
    folder, messages = pages
    assert "warn" not in messages.lower()
    assert (folder / "index.html").exists()


def test_names_of_the_package_are_described(pages):
    text = (pages[0] / "gear.html").read_text()
    assert [name for name in gear.__all__ if f'id="{name}"' not in text] == []
    assert "called with each epoch" in text  # from the docstring of train_trial


@pytest.mark.parametrize("module", documented())
def test_every_module_that_the_makefile_names_has_a_page(module, pages):
    assert (pages[0] / module.replace(".", "/")).with_suffix(".html").exists()


def test_a_page_loads_nothing_from_elsewhere(pages):
    for page in pages[0].rglob("*.html"):
        assert not re.search(r'(src|href)="(https?:)?//(?!pdoc\.dev")', page.read_text()), page


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_with_definitions_says_what_is_public(path):
    body = ast.parse(path.read_text()).body
    definitions = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if definitions and path.name != "__main__.py":
        assigned = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
        assert "__all__" in [target.id for target in assigned if isinstance(target, ast.Name)]
