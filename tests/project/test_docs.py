"""Every command in the docs works."""

import dataclasses
import io
import itertools
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from gear.config import EmbeddingConfig
from gear.pretrain.recipe import Shape
from gear.pretrain.weights import Weights, new_network, write
from gear.testing.pairs import molecules
from search.cli import main as cli
from search.cli.main import COMMANDS
from search.cli.run_options import make_parser
from search.launch.timing import TrialTime
from search.plan.plan_file import plan_to_toml
from search.plan.presets import PRESETS
from tests.support.s3_server import Server
from tests.support.settings_table import settings_table
from tests.support.space_table import space_table

ROOT = Path(__file__).parents[2]
# joblib has one pool a process, which another command may have made smaller; MLflow keeps the database that a relative
# path was first opened at
ALONE = ("simulate", "export", "report", "models")
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(path):
    """Every line of the bash blocks of a page."""
    for block in re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL):
        for line in block.splitlines():
            command = line.split("  #")[0].split("# or:")[0].strip()
            if command:
                yield command


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder where the smallest possible search has run; two files of molecules and the examples lie there."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(ROOT / "examples/plugins", folder, dirs_exist_ok=True)
    shutil.copytree(ROOT / "benchmarks/plans", folder / "benchmarks/plans")
    training = dataclasses.replace(PRESETS["quick"].config.training, source_epochs=5)
    config = dataclasses.replace(PRESETS["quick"].config, training=training)
    (folder / "small.toml").write_text(plan_to_toml(dataclasses.replace(PRESETS["quick"], config=config)))
    done = run(["-m", "search.run", "--plan", "small.toml", "--trials", "1", "--epochs", "1"], folder)
    assert done.returncode == 0, done.stderr
    (folder / "molecules.csv").write_text("smiles\nCCO\nc1ccccc1\n")
    parts = itertools.cycle(("train", "train", "train", "validation", "test"))
    values = [f"{smiles},{90 + 7 * len(smiles)},{part}" for smiles, part in zip(molecules(), parts, strict=False)]
    (folder / "mine.csv").write_text("\n".join(["smiles,tg,part", *values]))
    (folder / "other.csv").write_text("\n".join(["smiles,tm", *(f"{s},{50 + 9 * len(s)}" for s in molecules())]))
    shape = Shape.of(EmbeddingConfig())
    write(folder / "weights.safetensors", Weights(shape, new_network(shape).state_dict(), {}))
    points = [f"{smiles},{100 * len(smiles) / t},{t}" for smiles in molecules() for t in (298, 323)]
    (folder / "visc.csv").write_text("\n".join(["smiles,viscosity,temperature", *points]))
    return folder


@pytest.fixture(scope="module")
def bucket(workplace):
    """What reaches the docs' bucket, in which the same search lies."""
    server, files = Server(), workplace / "campaigns"
    server.client.create_bucket(Bucket="my-bucket")
    for path in files.rglob("*"):
        if path.is_file():
            server.client.upload_file(str(path), "my-bucket", f"campaigns/{path.relative_to(files)}")
    yield server.environment
    server.close()


def run_here(words, folder, monkeypatch):
    """A command of `gear-search` in this process, which has imported nearly everything: exit code, standard error."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as told:
        try:
            code = cli.main()
        except SystemExit as end:
            code = end.code or 0
    return code, told.getvalue()


def run_alone(words, folder):
    """The same in a process of its own."""
    done = run(["-m", "search.cli.main", *words[1:]], folder)
    return done.returncode, done.stderr


def run(words, folder):
    """Python with these words."""
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True)


@pytest.mark.ray
@pytest.mark.parametrize("path", [path for path in DOCS if [*commands(path)]], ids=lambda path: path.name)
def test_commands_work(path, workplace, bucket, monkeypatch):
    """One after the other, since some need what an earlier one made."""
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    # what a search takes: nobody asks here
    second = TrialTime(1.0, 1.0)
    monkeypatch.setattr("search.launch.estimate.trial_times", lambda _, cells: dict.fromkeys(cells, second))
    monkeypatch.setattr("gear.pretrain.pretraining.known_molecules", lambda: tuple(sorted(molecules())))  # all: minutes
    for command in commands(path):
        check(command, workplace, monkeypatch, bucket)


def check(command, workplace, monkeypatch, bucket):
    """Those of gear-search are run as they stand, searches with --dry-run; of others it is checked what they call."""
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif "--cluster" in words:  # needs one: its flags must be there
        assert words[:2] == ["gear-search", "run"]
        make_parser().parse_args(words[2:])
    elif words[0] == "gear-search":
        words += ["--dry-run"] * (words[1] == "run")
        words += ["--key", "mine.csv"] * ("on-premises" in words)  # any file: only that it is there is looked at
        code, told = run_alone(words, workplace) if words[1] in ALONE else run_here(words, workplace, monkeypatch)
        assert code == 0 or "is not empty" in told, f"{command}: {told}"  # two pages export to one folder
    elif words[0] == "python":
        assert (ROOT / words[1]).exists()
    elif words[0] == "ray":
        assert (Path(sys.executable).with_name("ray")).exists()
        assert words[1] in ("up", "exec", "down", "dashboard", "get-auth-token")
        assert {*re.findall(r"gear-search (\S+)", command.replace("'", " "))} <= {*COMMANDS}
    elif words[0] == "mlflow":
        told = run(["-m", "mlflow", words[1], "--help"], workplace).stdout
        assert all(word in told for word in words if word.startswith("--")), command
    elif words[0] == "export":
        assert {word.partition("=")[0] for word in words[1:]} <= set(bucket)
    elif words[0] == "git":
        assert words[1] == "worktree"
    elif words[0] == "aws":
        assert words[1:3] in (["cloudformation", "deploy"], ["cloudformation", "describe-stacks"])
        assert "--template-file" not in words or (ROOT / words[words.index("--template-file") + 1]).exists()
    else:
        assert words[:2] == ["pip", "install"]


@pytest.mark.parametrize("path", [path for path in DOCS if "```python" in path.read_text()], ids=lambda path: path.name)
def test_python_in_the_docs_works(path, workplace, monkeypatch):
    if "hv-model" in path.read_text() and not (workplace / "hv-model").exists():
        done = run("-m tracking.export --pair hv_from_bp --split random-n60 --to hv-model".split(), workplace)
        assert done.returncode == 0, done.stderr
    monkeypatch.chdir(workplace)
    for block in re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL):
        exec(block, {})


def test_counts_in_the_docs_are_those_of_the_installed_packages():
    printed, text = run(["-m", "gear.data", "counts"], ROOT).stdout, (ROOT / "docs" / "data.md").read_text()
    tables = printed.strip().split("\n\n")
    assert len(tables) == 3
    assert all(table in text for table in tables)


def test_the_table_of_settings_is_that_of_the_program():
    assert settings_table() in (ROOT / "docs" / "operations.md").read_text()


def test_the_table_of_what_is_searched_is_that_of_the_methods():
    assert space_table() in (ROOT / "docs" / "method.md").read_text()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert target.startswith("https://arxiv.org/") or (path.parent / target).exists()
