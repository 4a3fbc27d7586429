"""Small synthetic pairs: real molecules, labels that their structure decides."""

import os

import numpy as np
import pytest
import torch

from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.data import canonical_smiles, featurize
from gear.data.pairs import PairData, Part, TaskData
from gear.export import Member, export_model
from gear.training.loop import TrainingRun

for variable in ("GEAR_STORAGE", "MLFLOW_TRACKING_URI"):  # of whoever runs the tests
    os.environ.pop(variable, None)

torch.set_num_threads(1)  # as a trial has; the models here are too small to share

TAILS = ["C", "O", "N", "Cl", "C=O", "C#N", "c1ccccc1", "C(=O)O", "SC", "F"]
HEADS = ["C", "CC", "CCC", "CCCC", "CC(C)C", "CCOC", "C1CCCC1", "CC=C", "COC", "CCCCC", "CCN(C)C", "CCCCCC"]


def molecules():
    """120 different molecules, in canonical SMILES."""
    return [canonical_smiles(f"C({tail})C{head}") for tail in TAILS for head in HEADS]


def synthetic_pair(n_target=100, n_source=100, seed=0, sources=1):
    """A pair whose target is linear in the composition and whose sources are correlated with it."""
    smiles = np.array(molecules(), dtype=object)
    graphs = featurize(list(smiles))
    size = np.array([sum(c.isalpha() for c in s) for s in smiles], float)
    hetero = np.array([sum(c in "ONFS" for c in s) for s in smiles], float)
    values = [20 + 4 * size + 9 * hetero, 300 + 15 * size - 20 * hetero, 5 + 2 * size + 30 * hetero]
    order = np.random.default_rng(seed).permutation(len(smiles))

    def task(index, name, *parts):
        parts = (Part(smiles[rows], values[index][rows], rows.astype(np.int64)) for rows in parts)
        return TaskData(name, f"synthetic {name}", "kJ/mol", False, *parts)

    held, train = order[:20], order[20:]
    target = task(0, "target", train[:n_target], held[:10], held[10:])
    trained = train[-n_source:-10] if n_source > 10 else train[-n_source:]
    names = ["source", "other"][:sources]
    found = [task(1 + k, name, trained, train[-10:], held[:0]) for k, name in enumerate(names)]
    pair = f"target_from_{'+'.join(names)}"
    return PairData(pair, "random", 0, target, tuple(found), smiles, graphs, "hash", "data")


@pytest.fixture(scope="session")
def pair():
    return synthetic_pair()


def trained_member(folder, pair, seed=0, epochs=30, **config):
    """A single-task model of a synthetic pair, and where its checkpoint is."""
    training = TrainingConfig(epochs=epochs, epoch_steps=1, batch_size=20, ema=0.0)
    config = TrialConfig(method="stl", seed=seed, training=training, **config)
    run = TrainingRun(config, pair, "cpu")
    list(run.epochs())
    run.save(folder)
    return Member(folder, TrialSpec(PairSpec(TaskSpec("target"), (TaskSpec("source"),)), "random", config=config), pair)


@pytest.fixture(scope="session")
def member(tmp_path_factory, pair):
    """A trained model."""
    return trained_member(tmp_path_factory.mktemp("trained") / "checkpoint", pair)


@pytest.fixture(scope="session")
def ensemble(tmp_path_factory, member):
    """Two more, which learnt other molecules and from another seed."""
    folder = tmp_path_factory.mktemp("ensemble")
    others = [trained_member(folder / str(n), synthetic_pair(n_target=n), seed=n, epochs=10) for n in (60, 80)]
    return [member, *others]


@pytest.fixture
def export(member, tmp_path):
    """The export folder of one model."""
    export_model([member], member.pair, tmp_path / "export", {"validation RMSE": 0.5})
    return tmp_path / "export"


@pytest.fixture
def ensemble_export(ensemble, tmp_path):
    """The export folder of three."""
    export_model(ensemble, ensemble[0].pair, tmp_path / "ensemble", {})
    return tmp_path / "ensemble"


@pytest.fixture
def quick_config():
    """A small trial of a method by name."""

    def build(method, **training):
        settings = {"epochs": 3, "epoch_steps": 1, "batch_size": 20, "source_epochs": 2} | training
        return TrialConfig(method=method, training=TrainingConfig(**settings))

    return build
