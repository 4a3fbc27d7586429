"""A search whose embeddings begin with the weights of a file, and what it leaves, which needs the file no more."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gear.predict import load_predictor
from gear.pretrain.recipe import Shape
from gear.pretrain.weights import Weights, new_network, write

ROOT = Path(__file__).parents[3]
SEARCH = (
    "search.run --pairs hv_from_ds --splits random-n60 --methods stl --validation-folds 1 --trials 1 --epochs 1 "
    "--name mine --yes --pretrained w.safetensors"
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a module's command in a folder with a file of weights; gives what came of it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    torch.manual_seed(0)
    shape = Shape(24, 2, "mean", 1.0)
    write(tmp_path / "w.safetensors", Weights(shape, new_network(shape).state_dict(), {}))

    def command(text):
        return subprocess.run([sys.executable, "-m", *text.split()], cwd=tmp_path, capture_output=True, text=True)

    return command


@pytest.mark.ray
@pytest.mark.usefixtures("uri")
def test_trials_begin_with_the_weights_and_the_export_has_its_own(run, tmp_path):
    done = run(SEARCH)
    assert done.returncode == 0, done.stderr
    assert "embeddings begin with pretrained weights" in done.stdout
    folder, study = tmp_path / "campaigns" / "mine", "hv_from_ds.random-n60.stl"
    head = json.loads((folder / "campaign.json").read_text())["plan"]["config"]["embedding"]
    assert (head["width"], head["depth"], head["aggregation"]) == (24, 2, "mean")
    assert head["pretrained"] == str(tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").unlink()
    (member,) = json.loads((folder / "exports" / study / "config.json").read_text())["members"]
    embedding = member["trial"]["config"]["embedding"]
    assert {name: embedding[name] for name in ("width", "depth", "pretrained_hash")} == {
        name: head[name] for name in ("width", "depth", "pretrained_hash")
    }
    assert np.isfinite(load_predictor(folder / "exports" / study).predict(["CCO"])).all()
    missing = run(f"search.run --resume --name mine --trials 2 --storage {tmp_path / 'campaigns'}")
    assert missing.returncode == 2
    assert f"cannot read pretrained weights {tmp_path / 'w.safetensors'}: No such file or directory" in missing.stderr
