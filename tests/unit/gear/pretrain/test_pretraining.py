"""Pretrained weights are kept in the cache by what they depend on."""

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from gear.pretrain import pretraining, training
from gear.pretrain.pretraining import pretrained, save_copy
from gear.pretrain.recipe import Recipe, Shape
from gear.pretrain.weights import read_own

RECIPE = Recipe(Shape(8, 2), passes=1, environments=10)


@pytest.fixture
def trainings(few_molecules, monkeypatch):
    """The number of molecules of every training."""
    counts = []
    train = training.train

    def counted(recipe, graphs, targets):
        counts.append(len(graphs))
        return train(recipe, graphs, targets)

    monkeypatch.setattr(training, "train", counted)
    return counts


def test_equal_requests_train_once_and_others_again(trainings, few_molecules, monkeypatch):
    told = []
    first, path = pretrained(RECIPE, say=told.append)
    assert len(told) == 2
    assert "120 molecules, width 8, depth 2, aggregation norm 10" in told[0]
    assert told[1].endswith("molecules/s")
    again, same_path = pretrained(RECIPE, own=[few_molecules[0]], say=told.append)  # at hand already
    assert (trainings, path, len(told)) == ([120], same_path, 2)
    assert all(torch.equal(tensor, again.tensors[name]) for name, tensor in first.tensors.items())
    pretrained(dataclasses.replace(RECIPE, seed=1))
    pretrained(dataclasses.replace(RECIPE, shape=Shape(8, 3)))
    pretrained(RECIPE, own=["CCCCCCCCCCBr"])
    monkeypatch.setattr(pretraining, "VERSION", 2)
    pretrained(RECIPE)
    assert trainings == [120, 120, 120, 121, 120]


def test_a_damaged_file_is_trained_again(trainings, capsys):
    _, path = pretrained(RECIPE)
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    pretrained(RECIPE)
    assert trainings == [120, 120]
    assert path.read_bytes() == content
    assert "building it again" in capsys.readouterr().err


def test_a_file_whose_metadata_are_damaged_is_trained_again(trainings, capsys):
    weights, path = pretrained(RECIPE)
    content = path.read_bytes()
    save_file(dict(weights.tensors), path, {"gear-pretrained": '{"shape": {}}'})
    pretrained(RECIPE)
    assert trainings == [120, 120]
    assert path.read_bytes() == content
    assert "building it again" in capsys.readouterr().err


def test_a_copy_is_a_file_like_any(trainings, tmp_path):
    weights, path = pretrained(RECIPE)
    save_copy(path, tmp_path / "mine" / "w.safetensors")
    assert read_own(tmp_path / "mine" / "w.safetensors").shape == weights.shape
