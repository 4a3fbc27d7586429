"""What is said of the version, in every place."""

import re
import tomllib
from pathlib import Path

import yaml

import gear

ROOT = Path(__file__).parents[2]


def test_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "gear.__version__"}
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == gear.__version__


def test_changelog_begins_with_this_version_and_dates_it_once_it_is_released():
    version, date = re.findall(r"^## \[(.*?)\] - (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    released = ".dev" not in gear.__version__
    assert version == gear.__version__.partition(".dev")[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d" if released else "unreleased", date)


def test_every_package_says_that_it_has_types():
    assert [root for root in ("gear", "search", "tracking") if not (ROOT / root / "py.typed").exists()] == []


def test_hooks_are_the_checks_of_make_check_and_need_no_network():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    called = {" ".join(hook["entry"].split()[:1]) for repository in hooks for hook in repository["hooks"]}
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    assert called == {f".venv/bin/{tool}" for tool in re.findall(r"\$\(BIN\)/(\S+)", recipe)}
