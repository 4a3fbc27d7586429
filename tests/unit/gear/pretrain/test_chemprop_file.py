"""Checkpoints of chemprop: read without running code, computed as chemprop does, refused where they do not fit."""

import os
import pickle
import warnings

import pytest
import torch
from chemprop.data import BatchMolGraph
from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer
from chemprop.models import MPNN
from chemprop.models.utils import save_model
from chemprop.nn import (
    AtomMessagePassing,
    AttentiveAggregation,
    BondMessagePassing,
    MeanAggregation,
    NormAggregation,
    RegressionFFN,
    SumAggregation,
)
from lightning.pytorch import Trainer
from rdkit import Chem

from gear.config import EmbeddingConfig
from gear.data import featurize
from gear.embeddings import get_embedding
from gear.errors import InputDataError
from gear.model import GraphStore
from gear.pretrain.recipe import SHAPE
from gear.pretrain.start import read_weights
from gear.testing.pairs import molecules


def model(block=None, aggregation=None):
    block = BondMessagePassing(d_h=24, depth=4) if block is None else block
    return MPNN(block, aggregation or NormAggregation(norm=50.0), RegressionFFN(input_dim=24))


def foundation(path, **hyper):
    """Bare message passing, laid out as CheMeleon is."""
    settings = {"d_v": 72, "d_e": 14, "d_h": 24, "depth": 6, "bias": False, "activation": "relu", "dropout": 0.0}
    block = BondMessagePassing(**settings)
    content = {"hyper_parameters": settings | {"undirected": False, "d_vd": None} | hyper}
    torch.save(content | {"state_dict": block.state_dict()}, path)
    return block


def embedded(weights):
    """What the D-MPNN here makes of some molecules with these weights."""
    shape = {name: getattr(weights.shape, name) for name in SHAPE}
    network = get_embedding("dmpnn").network(EmbeddingConfig(**shape))
    network.load_state_dict(weights.tensors)
    smiles = molecules()[:20]
    return network(GraphStore(featurize(smiles), torch.device("cpu")).batch(torch.arange(20)))


def of_chemprop(block, aggregation):
    featurizer = SimpleMoleculeMolGraphFeaturizer()
    batch = BatchMolGraph([featurizer(Chem.MolFromSmiles(text)) for text in molecules()[:20]])
    return aggregation(block(batch), batch.batch)


@pytest.mark.parametrize(
    "aggregation",
    [NormAggregation(norm=50.0), SumAggregation(), MeanAggregation(), AttentiveAggregation(output_size=24)],
)
def test_a_whole_model_is_computed_as_chemprop_does(aggregation, tmp_path):
    whole = model(aggregation=aggregation)
    save_model(tmp_path / "model.pt", whole)
    weights = read_weights(tmp_path / "model.pt")
    assert (weights.shape.width, weights.shape.depth) == (24, 4)
    torch.testing.assert_close(embedded(weights), of_chemprop(whole.message_passing, aggregation), rtol=1e-5, atol=1e-5)


def test_a_checkpoint_of_its_training_is_read(tmp_path):
    whole = model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = Trainer(max_epochs=0, logger=False, enable_checkpointing=False, accelerator="cpu")
        trainer.strategy.connect(whole)
        trainer.save_checkpoint(tmp_path / "best.ckpt")
    found = embedded(read_weights(tmp_path / "best.ckpt"))
    torch.testing.assert_close(
        found, of_chemprop(whole.message_passing, NormAggregation(norm=50.0)), rtol=1e-5, atol=1e-5
    )


def test_bare_message_passing_is_aggregated_by_the_mean_as_chemprop_does_it(tmp_path):
    block = foundation(tmp_path / "chemeleon_mp.pt")
    weights = read_weights(tmp_path / "chemeleon_mp.pt")
    assert (weights.shape.width, weights.shape.depth, weights.shape.aggregation) == (24, 6, "mean")
    torch.testing.assert_close(embedded(weights), of_chemprop(block, MeanAggregation()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (lambda: BondMessagePassing(d_v=80, d_h=24), "its message passing has d_v 80, here it is 72"),
        (lambda: BondMessagePassing(d_e=20, d_h=24), "has d_e 20, here it is 14"),
        (lambda: BondMessagePassing(d_h=24, bias=True), "has bias True, here it is False"),
        (lambda: BondMessagePassing(d_h=24, activation="tanh"), "has activation tanh, here it is relu"),
        (lambda: BondMessagePassing(d_h=24, activation=torch.nn.ELU()), "has activation ELU, here it is relu"),
        (lambda: BondMessagePassing(d_h=24, undirected=True), "has undirected True, here it is False"),
        (lambda: BondMessagePassing(d_h=24, d_vd=3), "has d_vd 3, here it is None"),
        (lambda: AtomMessagePassing(d_h=24), r"is a AtomMessagePassing, here messages go along bonds"),
    ],
)
def test_message_passing_that_does_not_fit_is_refused(block, says, tmp_path):
    block = block()
    whole = MPNN(block, MeanAggregation(), RegressionFFN(input_dim=block.output_dim))
    save_model(tmp_path / "model.pt", whole)
    with pytest.raises(InputDataError, match=says):
        read_weights(tmp_path / "model.pt")


class MedianAggregation(SumAggregation):
    """A user's own."""


def test_an_aggregation_that_does_not_fit_is_refused(tmp_path):
    save_model(tmp_path / "model.pt", model(aggregation=MedianAggregation()))
    with pytest.raises(InputDataError, match="its aggregation is MedianAggregation, known: Mean"):
        read_weights(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("hyper", "says"),
    [
        ({"d_h": 32}, r"its weights W_i.weight have size \(24, 86\) and should have \(32, 86\)"),
        ({"depth": 0}, "it lacks d_h or depth"),
        ({"d_h": "wide"}, "it lacks d_h or depth"),
    ],
)
def test_settings_that_contradict_the_weights_are_refused(hyper, says, tmp_path):
    foundation(tmp_path / "chemeleon_mp.pt", **hyper)
    with pytest.raises(InputDataError, match=says):
        read_weights(tmp_path / "chemeleon_mp.pt")


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], torch.zeros(3)])
def test_another_checkpoint_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(InputDataError, match="is no checkpoint of chemprop"):
        read_weights(tmp_path / "x.pt")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hyper_parameters": None}, "TypeError: hyper_parameters is no mapping"),
        ({"hyper_parameters": {"message_passing": None}}, "TypeError: message_passing is no mapping"),
        ({"hyper_parameters": {"message_passing": [1]}}, "TypeError: message_passing is no mapping"),
        ({"state_dict": None}, "TypeError: state_dict is no mapping"),
        ({"state_dict": {"W_i.weight": "text"}}, "TypeError: W_i.weight is no tensor"),
        ({"state_dict": {1: torch.zeros(1)}}, "AttributeError: "),
    ],
)
def test_a_malformed_checkpoint_is_refused_in_a_line(change, says, tmp_path):
    path = tmp_path / "chemeleon_mp.pt"
    foundation(path)
    torch.save(torch.load(path) | change, path)
    with pytest.raises(InputDataError, match=f"^{path} is damaged: {says}"):
        read_weights(path)


@pytest.mark.parametrize(
    ("hyper", "says"),
    [
        ({"agg": 5}, "is damaged: TypeError: agg is no mapping"),
        ({"d_h": 10**18}, "is damaged: RuntimeError"),
        ({"d_v": torch.zeros(2)}, "is damaged: RuntimeError"),
    ],
)
def test_settings_of_another_kind_are_refused_in_a_line(hyper, says, tmp_path):
    foundation(tmp_path / "chemeleon_mp.pt", **hyper)
    with pytest.raises(InputDataError, match=says):
        read_weights(tmp_path / "chemeleon_mp.pt")


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder, function=os.mkdir):
        self.folder, self.function = folder, function

    def __reduce__(self):
        return self.function, (str(self.folder),)


def make_folder(folder):
    os.mkdir(folder)


@pytest.mark.parametrize("function", [os.mkdir, make_folder])
def test_code_that_a_file_names_is_not_run(function, tmp_path):
    torch.save({"hyper_parameters": {}, "state_dict": Trap(tmp_path / "trapped", function)}, tmp_path / "x.pt")
    with pytest.raises(InputDataError):
        read_weights(tmp_path / "x.pt")
    assert not (tmp_path / "trapped").exists()
    with (tmp_path / "y.pt").open("wb") as file:
        pickle.dump(Trap(tmp_path / "trapped", function), file)
    with pytest.raises(InputDataError):
        read_weights(tmp_path / "y.pt")
    assert not (tmp_path / "trapped").exists()


def test_an_archive_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputDataError, match="cannot be read as a checkpoint of weights"):
        read_weights(tmp_path / "x.pt")
