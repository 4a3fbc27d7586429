"""`embedding.pretrained`: which weights a model begins with, and what is said where they cannot be used."""

import dataclasses

import pytest
import torch

from gear.config import EmbeddingConfig, PairSpec, TaskSpec, TrialConfig, TrialSpec
from gear.data.pairs import PairData
from gear.errors import InputDataError
from gear.export import Member, export_model, load_export
from gear.methods import METHODS, build_method
from gear.model import DMPNN
from gear.pretrain.recipe import Recipe, Shape
from gear.pretrain.start import begin_with_pretrained, fit_to_file, starting_weights
from gear.pretrain.weights import Weights, new_network, write
from gear.training.loop import TrainingRun
from tests.unit.gear.pretrain.conftest import SHAPE


@pytest.fixture
def file(tmp_path):
    """Weights of shape `SHAPE`."""
    torch.manual_seed(5)
    write(tmp_path / "w.safetensors", Weights(Shape(**SHAPE), new_network(Shape(**SHAPE)).state_dict(), {}))
    return tmp_path / "w.safetensors"


def config(file, method="stl", **embedding):
    return TrialConfig(method=method, embedding=EmbeddingConfig(**SHAPE | {"pretrained": str(file)} | embedding))


def begins(model, file):
    """Whether each D-MPNN of a model has the weights of a file."""
    wanted = starting_weights(EmbeddingConfig(**SHAPE, pretrained=str(file))).tensors
    networks = [module for module in model.modules() if isinstance(module, DMPNN)]
    return [all((n.state_dict()[name] == tensor).all() for name, tensor in wanted.items()) for n in networks]


@pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if not spec.fits_at_once])
def test_every_dmpnn_of_every_method_begins_with_the_weights(method, file, pair: PairData):
    found = begins(TrainingRun(config(file, method), pair, "cpu").model, file)
    assert found
    assert all(found)
    assert not any(begins(TrainingRun(config("none", method), pair, "cpu").model, file))


def test_an_embedding_of_another_kind_is_left_as_it_is(file, pair):
    run = TrainingRun(config(file, "gear", source_kind="fingerprint"), pair, "cpu")
    assert begins(run.model, file) == [True]


def test_a_dmpnn_that_is_joined_with_other_inputs_begins_with_the_weights(file, pair):
    assert begins(TrainingRun(config(file, kind="dmpnn+fingerprint"), pair, "cpu").model, file) == [True]


def test_only_the_beginning_changes(file, pair):
    """The rest of the model is initialised as without pretrained weights."""
    one, other = (TrainingRun(config(where), pair, "cpu").model.state_dict() for where in (file, "none"))
    changed = {name for name, tensor in one.items() if not torch.equal(tensor, other[name])}
    assert changed
    assert all("embedding" in name for name in changed)


def test_the_plan_takes_shape_and_digest_of_the_file(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    found = fit_to_file(EmbeddingConfig(pretrained=file.name, dropout=0.1))
    assert (found.width, found.depth, found.dropout) == (16, 2, 0.1)
    assert found.pretrained == str(file)
    assert len(found.pretrained_hash) == 16
    assert starting_weights(found).shape == Shape(**SHAPE)
    file.unlink()
    assert fit_to_file(found) == found  # a recorded plan is read without it


@pytest.mark.parametrize("pretrained", ["none", "descriptors"])
def test_without_a_file_the_shape_is_the_configurations(pretrained):
    embedding = EmbeddingConfig(width=20, pretrained=pretrained)
    assert fit_to_file(embedding) == embedding


def test_a_shape_that_contradicts_the_file_is_refused(file):
    with pytest.raises(InputDataError, match=r"embedding.width is 32, but the pretrained weights have 16 \(.*w.safet"):
        fit_to_file(EmbeddingConfig(width=32, pretrained=str(file)))
    with pytest.raises(InputDataError, match=r"embedding\.depth is 3, but the pretrained weights have 2"):
        starting_weights(EmbeddingConfig(width=16, pretrained=str(file)))


def test_a_missing_file_and_a_changed_one_are_told(file, pair):
    settled = fit_to_file(EmbeddingConfig(pretrained=str(file)))
    write(file, Weights(Shape(**SHAPE), new_network(Shape(**SHAPE)).state_dict(), {}))
    with pytest.raises(InputDataError, match="have changed since the plan was made: put the file of then in its place"):
        TrainingRun(TrialConfig(method="stl", embedding=settled), pair, "cpu")
    file.unlink()
    with pytest.raises(InputDataError, match=r"cannot read pretrained weights .*: No such file or directory"):
        TrainingRun(TrialConfig(method="stl", embedding=settled), pair, "cpu")
    with pytest.raises(InputDataError, match=r"cannot read pretrained weights .*: Is a directory"):
        starting_weights(EmbeddingConfig(pretrained=str(file.parent)))


def test_descriptors_are_the_weights_of_the_default_pretraining(few_molecules, monkeypatch):
    asked = []

    def once(recipe, say):
        asked.append(recipe)
        return Weights(recipe.shape, new_network(recipe.shape).state_dict(), {}), None

    monkeypatch.setattr("gear.pretrain.start.pretrained", once)
    model = build_method(config("descriptors"))
    begin_with_pretrained(model, config("descriptors").embedding)
    assert asked == [Recipe(Shape(**SHAPE))]


def test_an_export_has_all_its_weights_and_needs_no_file(file, pair, tmp_path):
    trial = config(file)
    trial = dataclasses.replace(trial, training=dataclasses.replace(trial.training, epochs=1, epoch_steps=1))
    run = TrainingRun(trial, pair, "cpu")
    list(run.epochs())
    run.save(tmp_path / "checkpoint")
    file.unlink()
    spec = TrialSpec(PairSpec(TaskSpec("target"), (TaskSpec("source"),)), "random", config=trial)
    export_model([Member(tmp_path / "checkpoint", spec, pair)], pair, tmp_path / "export", {})
    (member,) = load_export(tmp_path / "export").members
    assert all(torch.equal(tensor, run.best[name]) for name, tensor in member.model.state_dict().items())


def test_the_default_is_random_weights():
    assert EmbeddingConfig().pretrained == "none"
    assert starting_weights(EmbeddingConfig()) is None
