"""An installed wheel has everything it needs, whatever files lie in the working folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PARTS = ("gear", "search", "tracking", "cluster", "cluster.yaml", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The scripts of an environment with the wheel, and with the other packages of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for part in PARTS:
        kind = shutil.copy if (ROOT / part).is_file() else shutil.copytree
        more = {} if (ROOT / part).is_file() else {"symlinks": True, "ignore": shutil.ignore_patterns("__pycache__")}
        kind(ROOT / part, source / part, **more)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    venv.create(folder / "env")
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    pip("--python", folder / "env" / "bin" / "python", "install", "--no-deps", *folder.glob("*.whl"))
    return folder / "env" / "bin"


@pytest.fixture
def call(installed, tmp_path):
    """Run `gear-search` in a folder with files that are called like the packages; gives exit code, stdout, stderr."""
    for name in ("search", "gear", "tracking"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong module')")

    def command(*words):
        bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        words = [installed / "gear-search", *words]
        done = subprocess.run(words, cwd=tmp_path, env=bare, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return command


def pip(*words):
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_it_knows_its_version_curves_and_cluster_files(call, installed, tmp_path):
    code, out, err = call("--version")
    assert (code, out.split()[0]) == (0, "gear-search"), err
    code, out, err = call("simulate", "--trials", "1", "--seeds", "1", "--jobs", "1", "--surrogate", "nearest")
    assert (code, "best validation RMSE" in out) == (0, True), err
    (tmp_path / "key").touch()
    code, out, err = call(*"cluster on-premises 10.0.0.1 10.0.0.2 --user me --key key --to ours.yaml".split())
    assert code == 0, err
    assert "head_ip: 10.0.0.1" in (tmp_path / "ours.yaml").read_text()
    (package,) = installed.parent.glob("lib/python*/site-packages/search")
    files = {path.name for path in (package / "cli" / "cluster" / "files" / "cluster").iterdir()}
    assert files == {path.name for path in (ROOT / "cluster").iterdir()}
    assert all((package.parent / name / "py.typed").exists() for name in ("gear", "search", "tracking"))


@pytest.mark.slow
@pytest.mark.ray
def test_it_searches_and_predicts(call, tmp_path):
    code, out, err = call(
        *"run --pairs ef_from_hv --splits random --methods stl --trials 1 --epochs 1 --name x".split()
    )
    assert (code, "campaign folder: campaigns/x" in out) == (0, True), out + err
    code, out, err = call("status", "x")
    assert (code, "finished" in out) == (0, True), err
    (tmp_path / "in.csv").write_text("smiles\nCCO\n")
    code, _, err = call("predict", "campaigns/x/exports/ef_from_hv.random.stl", "in.csv", "--out", "out.csv")
    assert code == 0, err
