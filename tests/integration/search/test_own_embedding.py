"""An embedding in a file of the working folder: searched on Ray, exported, and predicted with where the file is."""

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gear.config import EmbeddingConfig
from search.cli import run as search_command
from search.cli.run_options import make_parser, new_plan

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "plugins" / "my_embedding.py"
GUIDE = (ROOT / "docs" / "plugins" / "embedding.md").read_text()
KIND = "my_embedding:FunctionalGroups"
SEARCH = "search.run --pairs hv_from_ds --splits random --methods gear --trials 1 --epochs 1 --name mine --yes"
STUDY = "hv_from_ds.random.gear"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, in which the example lies."""
    shutil.copy(EXAMPLE, tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("my_embedding", None)


@pytest.fixture
def run(folder, monkeypatch):
    """Run a module's command in a process of its own; gives what came of it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def command(text, where="."):
        return subprocess.run([sys.executable, "-m", *text.split()], cwd=folder / where, capture_output=True, text=True)

    return command


@pytest.mark.ray
def test_own_embedding_is_searched_exported_and_predicted_with(run, folder):
    done = run(f"{SEARCH} --embedding {KIND} --source-embedding dmpnn")
    assert done.returncode == 0, done.stderr
    export = folder / "campaigns" / "mine" / "exports" / STUDY
    (member,) = json.loads((export / "config.json").read_text())["members"]
    assert member["trial"]["config"]["embedding"]["kind"] == KIND
    assert [path.name for path in export.rglob("*.py")] == ["usage.py"]
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
    ("embedding", "says"),
    [
        ("graph", "unknown embedding 'graph'; known: dmpnn, fingerprint, text, my_module:MyEmbedding"),
        ("my_embedding:Nothing", "has no 'Nothing'"),
        ("my_embedding:GROUPS", "is no subclass of gear.embeddings.Embedding"),
        (f"{KIND} --vary embedding.kind", "--vary embedding.kind chooses among dmpnn, fingerprint, text"),
    ],
)
def test_what_is_no_embedding_is_refused_before_anything_is_written(embedding, says, folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [*SEARCH.split(), "--embedding", *embedding.split()])
    assert search_command.main() == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
    assert not (folder / "campaigns").exists()


@pytest.mark.parametrize("command", re.findall(r"^python -m search\.run (.*)$", GUIDE, re.MULTILINE))
def test_commands_of_the_guide_make_a_plan(command):
    plan, _ = new_plan(make_parser().parse_args(shlex.split(command)), gpu=False)
    assert KIND in plan.embedding_kinds


def test_class_of_the_guide_is_an_embedding():
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names = {}
    exec(block, names)
    embedding = names["AtomCounts"]()
    assert embedding.features(["CCO", "N"]).tolist() == [[2, 0, 1], [0, 1, 0]]
    assert embedding.network(EmbeddingConfig(width=8))[0].out_features == 8
