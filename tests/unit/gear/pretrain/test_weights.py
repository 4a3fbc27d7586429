"""The file of pretrained weights: comes back whole, and says what is wrong with it."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gear.errors import InputDataError
from gear.pretrain import weights as module
from gear.pretrain.recipe import Shape
from gear.pretrain.weights import Weights, new_network, read_own, write


@pytest.fixture
def weights():
    return Weights(Shape(8, 3, "mean", 5.0), new_network(Shape(8, 3)).state_dict(), {"molecules": 7})


def test_weights_come_back_with_shape_and_facts_from_equal_bytes(weights, tmp_path):
    write(tmp_path / "one.safetensors", weights)
    write(tmp_path / "two.safetensors", weights)
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    found = read_own(tmp_path / "one.safetensors")
    assert (found.shape, found.facts) == (weights.shape, weights.facts)
    assert found.tensors.keys() == weights.tensors.keys()
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in weights.tensors.items())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is damaged"),
        (b"something else", "is damaged"),
        ({"a": torch.zeros(1)}, "no weights that gear-search"),
    ],
)
def test_another_file_is_refused(content, says, tmp_path):
    file = tmp_path / "w.safetensors"
    save_file(content, file) if isinstance(content, dict) else file.write_bytes(content)
    with pytest.raises(InputDataError, match=says):
        read_own(file)


def test_a_changed_value_is_noticed(weights, tmp_path):
    file = tmp_path / "w.safetensors"
    write(file, weights)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputDataError, match="is damaged: its checksum is wrong"):
        read_own(file)


WRONG_HEADS = [
    lambda head: [1, 2],
    lambda head: "text",
    lambda head: {name: value for name, value in head.items() if name != "format"},
    lambda head: {name: value for name, value in head.items() if name != "checksum"},
    lambda head: {name: value for name, value in head.items() if name != "facts"},
    lambda head: head | {"format": None},
    lambda head: head | {"facts": 5},
    lambda head: head | {"shape": None},
    lambda head: head | {"shape": {"width": 8}},
    lambda head: head | {"shape": head["shape"] | {"width": -1}},
    lambda head: head | {"shape": head["shape"] | {"width": 10**18}},
]


def with_head(file, change):
    """Change the metadata of a file, and nothing else."""
    with safe_open(file, "pt") as content:
        head = json.loads(content.metadata()["gear-pretrained"])
        tensors = {name: content.get_tensor(name) for name in content.keys()}
    save_file(tensors, file, {"gear-pretrained": json.dumps(change(head))})


@pytest.mark.parametrize("change", WRONG_HEADS)
def test_metadata_of_another_form_are_damage(change, weights, tmp_path):
    file = tmp_path / "w.safetensors"
    write(file, weights)
    with_head(file, lambda head: head)
    read_own(file)
    with_head(file, change)
    with pytest.raises(InputDataError, match=f"{file} is damaged: "):
        read_own(file)


def test_metadata_that_are_no_json_are_damage(weights, tmp_path):
    for text in ("{", "[" * 100_000):
        save_file(dict(weights.tensors), tmp_path / "w.safetensors", {"gear-pretrained": text})
        with pytest.raises(InputDataError, match=r"w\.safetensors is damaged: "):
            read_own(tmp_path / "w.safetensors")


def test_a_type_of_numbers_that_was_not_written_is_damage(weights, tmp_path):
    file = tmp_path / "w.safetensors"
    write(file, weights)
    with safe_open(file, "pt") as content:
        metadata = content.metadata()
    save_file({name: tensor.bfloat16() for name, tensor in weights.tensors.items()}, file, metadata)
    with pytest.raises(InputDataError, match=f"{file} is damaged: "):
        read_own(file)


def test_a_newer_format_is_refused(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FORMAT", 2)
    write(tmp_path / "w.safetensors", weights)
    monkeypatch.setattr(module, "FORMAT", 1)
    with pytest.raises(InputDataError, match="has format 2, a newer version's; this one reads up to 1"):
        read_own(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tensors: tensors.pop("W_h.weight"), "needs weights W_h.weight, which it does not have"),
        (lambda tensors: tensors.update({"W_h.weight": torch.zeros(4, 4)}), r"have size \(4, 4\) and should have"),
        (lambda tensors: tensors.update({"W_x": torch.zeros(1)}), "has no place for weights W_x"),
    ],
)
def test_tensors_that_do_not_fit_the_shape_are_named(change, says, weights, tmp_path):
    tensors = dict(weights.tensors)
    change(tensors)
    write(tmp_path / "w.safetensors", Weights(weights.shape, tensors, {}))
    with pytest.raises(InputDataError, match=says):
        read_own(tmp_path / "w.safetensors")


def test_the_metadata_is_json_that_others_can_read(weights, tmp_path):
    write(tmp_path / "w.safetensors", weights)
    with safe_open(tmp_path / "w.safetensors", "np") as file:
        head = json.loads(file.metadata()["gear-pretrained"])
    assert head["shape"] == {"width": 8, "depth": 3, "aggregation": "mean", "aggregation_norm": 5.0}
