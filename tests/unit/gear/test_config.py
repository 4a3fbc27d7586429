"""Configurations survive JSON, and a wrong one is named by its path."""

import json

import pytest

from gear.config import LossWeights, PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.errors import InputDataError
from gear.parsing import from_dict, to_dict

SPEC = TrialSpec(
    PairSpec(TaskSpec("hv"), (TaskSpec("mine", file="a.csv", column="x", unit="K", log10=True),)),
    "scaffold",
    config=TrialConfig(seed=2**60, weights=LossWeights(curv=0.0)),
)


def test_trial_survives_json():
    assert from_dict(TrialSpec, json.loads(json.dumps(to_dict(SPEC)))) == SPEC


def test_missing_keys_take_their_defaults():
    data = {"pair": {"target": {"property": "hv"}, "sources": [{"property": "ds"}]}, "split": "random"}
    assert from_dict(TrialSpec, data).config == TrialConfig()


def test_whole_number_serves_as_a_weight():
    assert from_dict(LossWeights, {"curv": 1}) == LossWeights(curv=1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"trainnig": {}}}, "unknown key config.trainnig"),
        ({"config": {"training": {"epochs": "ten"}}}, "config.training.epochs must be int, got 'ten'"),
        ({"config": {"training": {"epochs": True}}}, "config.training.epochs must be int"),
        ({"config": {"curvature": {"immersion": "torus"}}}, "must be one of slice, frame, graph, got 'torus'"),
        ({"config": {"transfer": {"frame": 0}}}, "transfer.frame must be positive, got 0"),
        ({"config": {"weights": {"curv": -1}}}, "weights.curv must be zero or positive"),
        ({"config": {"weights": {"curv": float("nan")}}}, "weights.curv must be zero or positive"),
        ({"config": {"encoder": {"depth": -1}}}, "encoder.depth must be from 0 to 1,000, got -1"),
        ({"config": {"training": {"source_molecules": -1}}}, "training.source_molecules must be from 0 to"),
        ({"config": {"training": {"clip": 0}}}, "training.clip must be positive, got 0"),
        ({"config": {"training": {"patience": -1}}}, "training.patience must be from 0 to"),
        ({"config": {"training": {"weight_decay": float("nan")}}}, "training.weight_decay must be zero or positive"),
        ({"threads": 0}, "threads must be from 1 to 1,000,000,000, got 0"),
        ({"folds": 0}, "folds must be from 1 to 1,000, got 0"),
        ({"fold": -1}, "fold must be from 0 to"),
        ({"gpu_share": -0.5}, "gpu_share must be from 0 to"),
        ({"gpu_share": float("nan")}, "gpu_share must be from 0 to"),
        ({"split_seed": -1}, "split_seed must be from 0 to"),
        ({"config": {"seed": -1}}, r"config\.seed must be from 0 to 9,223,372,036,854,775,807, got -1"),
        ({"config": {"seed": 2**63}}, r"config\.seed must be from 0 to"),
        ({"pair": {"target": {"property": "hv"}}}, "missing key pair.sources"),
        ({"pair": "hv_from_ds"}, "pair must be an object"),
    ],
)
def test_wrong_configuration_is_named_by_its_path(change, message):
    with pytest.raises(InputDataError, match=message):
        from_dict(TrialSpec, to_dict(SPEC) | change)


def test_a_trial_may_have_several_gpus():
    assert from_dict(TrialSpec, to_dict(SPEC) | {"gpu_share": 2}).gpu_share == 2


def test_epochs_must_be_positive():
    with pytest.raises(InputDataError, match=r"training\.epochs must be positive, got 0"):
        TrialConfig(training=TrainingConfig(epochs=0))
