"""Every command in the docs names what exists, with flags that exist; the cheap ones are run."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands():
    """(file, command) of every line in a bash block."""
    for path in DOCS:
        for block in re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL):
            for line in block.splitlines():
                command = line.split("  #")[0].split("# or:")[0].strip()
                if command:
                    yield pytest.param(command, id=f"{path.name}: {command}")


@cache
def help_of(module):
    done = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", commands())
def test_command_exists_with_its_flags(command):
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif words[:2] == ["python", "-m"]:
        flags = [word for word in words[3:] if word.startswith("--")]
        missing = [flag for flag in flags if not re.search(rf"{flag}\b", help_of(words[2]))]
        assert missing == []
    elif words[0] == "python":
        assert (ROOT / words[1]).exists()
    elif words[0] == "ray":
        assert (Path(sys.executable).with_name("ray")).exists()
        assert words[1] in ("up", "exec", "down", "get-auth-token")
    else:
        assert words[:2] == ["pip", "install"]


def test_dry_run_prints_the_plan_and_writes_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "search.run", "--dry-run"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "hv_from_ds" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert target.startswith("https://arxiv.org/") or (path.parent / target).exists()
