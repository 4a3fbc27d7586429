"""An embedding and a split in files of the working folder: searched on Ray, exported, and predicted with."""

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from gear.config import EmbeddingConfig
from gear.data import load_pair
from search.cli import run as search_command
from search.cli.run_options import make_parser, new_plan

ROOT = Path(__file__).parents[3]
EXAMPLES = [ROOT / "examples" / "plugins" / name for name in ("my_embedding.py", "my_split.py")]
GUIDES = [(ROOT / "docs" / "plugins" / name).read_text() for name in ("embedding.md", "split.md")]
KIND = "my_embedding:FunctionalGroups"
SEARCH = (
    "search.run --pairs hv_from_ds --splits my_split:by_weight --methods gear --trials 1 --epochs 1 --name mine --yes"
)
STUDY = "hv_from_ds.my_split+by_weight.gear"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, in which the examples lie."""
    for example in EXAMPLES:
        shutil.copy(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for example in EXAMPLES:
        sys.modules.pop(example.stem, None)


@pytest.fixture
def run(folder, monkeypatch):
    """Run a module's command in a process of its own; gives what came of it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def command(text, where="."):
        return subprocess.run([sys.executable, "-m", *text.split()], cwd=folder / where, capture_output=True, text=True)

    return command


@pytest.mark.ray
@pytest.mark.usefixtures("uri")
def test_own_embedding_and_split_are_searched_exported_and_predicted_with(run, folder):
    done = run(f"{SEARCH} --embedding {KIND} --source-embedding dmpnn")
    assert done.returncode == 0, done.stderr
    export = folder / "campaigns" / "mine" / "exports" / STUDY
    (member,) = json.loads((export / "config.json").read_text())["members"]
    assert member["trial"]["config"]["embedding"]["kind"] == KIND
    assert [path.name for path in export.rglob("*.py")] == ["usage.py"]
    assert (folder / "campaigns" / "mine" / "splits" / "hv_from_ds.my_split+by_weight.parquet").exists()
    (folder / "molecules.csv").write_text("smiles\nCCO\nbad(\nCCN\n")
    predicted = run(f"gear.predict {export} molecules.csv --out out.csv")
    assert predicted.returncode == 0, predicted.stderr
    with (folder / "out.csv").open() as file:
        assert [bool(row["prediction"]) for row in csv.DictReader(file)] == [True, False, True]
    (folder / "elsewhere").mkdir()
    refused = run(f"gear.predict {export} ../molecules.csv --out out.csv", "elsewhere")
    assert refused.returncode == 2
    assert refused.stderr == (
        f"error: embedding '{KIND}': there is no module my_embedding: run in the folder that holds my_embedding.py, "
        "or install it\n"
    )


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (
            "--embedding graph",
            "unknown embedding 'graph'; known: dmpnn, descriptors, fingerprint, text, my_module:MyEmbedding",
        ),
        ("--embedding my_embedding:Nothing", "has no 'Nothing'"),
        ("--embedding my_embedding:GROUPS", "is not a subclass of gear.embeddings.Embedding"),
        (
            f"--embedding {KIND} --vary embedding.kind",
            "--vary embedding.kind chooses among dmpnn, descriptors, fingerprint, text",
        ),
        ("--splits my_split:by_height", "has no 'by_height'"),
        ("--splits elsewhere:by_weight", "there is no module elsewhere"),
        ("--validation-folds 2", "split my_split+by_weight says which molecules validate: use --validation-folds 1"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(flags, says, folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [*SEARCH.split(), *flags.split()])
    assert search_command.main() == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
    assert not (folder / "campaigns").exists()


@pytest.mark.parametrize("command", re.findall(r"^gear-search run (.*)$", "\n".join(GUIDES), re.MULTILINE))
def test_commands_of_the_guides_make_a_plan(command):
    plan, _ = new_plan(make_parser().parse_args(shlex.split(command)), gpu=False)
    assert KIND in plan.embedding_kinds or "my_split+by_weight" in plan.studies[0].name


def code_of(guide):
    """What the Python of a guide defines."""
    names = {}
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(block, names)
    return names


def test_class_of_the_guide_is_an_embedding():
    embedding = code_of(GUIDES[0])["AtomCounts"]()
    assert embedding.features(["CCO", "N"]).tolist() == [[2, 0, 1], [0, 1, 0]]
    assert embedding.network(EmbeddingConfig(width=8))[0].out_features == 8


@pytest.mark.parametrize("name", ["by_size", "by_elements"])
def test_functions_of_the_guide_are_splits(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "own_splits", types.SimpleNamespace(**code_of(GUIDES[1])))
    pair = load_pair("hv_from_ds", f"own_splits:{name}")
    target = pair.target
    assert min(map(len, (target.train.smiles, target.validation.smiles, target.test.smiles))) > 20
    judged = {*target.validation.smiles, *target.test.smiles}
    assert not judged & {*pair.sources[0].train.smiles, *pair.sources[0].validation.smiles}
