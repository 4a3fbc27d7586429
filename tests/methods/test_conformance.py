"""What every method must do, run over all of them."""

import dataclasses

import numpy as np
import pytest
import torch

from gear.batching import TrainingData
from gear.config import (
    CurvatureConfig,
    LossWeights,
    PairSpec,
    TaskSpec,
    TrainingConfig,
    TransferConfig,
    TrialConfig,
    TrialSpec,
)
from gear.errors import InputDataError
from gear.export import export_model
from gear.methods import METHODS, build_method
from gear.predict import load_predictor
from gear.training import TrainingRun, fit, predict_rows
from tests.conftest import synthetic_pair

SPEC = PairSpec(TaskSpec("target"), TaskSpec("source"))
MACHINE_DEPENDENT = {"seconds", "molecules_per_second", "peak_memory_mb"}

methods = pytest.mark.parametrize("method", METHODS)


def numbers(rows):
    """Epoch results without what depends on the machine."""
    return [{k: v for k, v in dataclasses.asdict(row).items() if k not in MACHINE_DEPENDENT} for row in rows]


@methods
def test_overfits_a_hundred_molecules(method, pair):
    config = TrialConfig(
        method=method,
        weights=LossWeights(auto=0.05, cons=0.05, map=0.05, metric=0.003, curv=0.1),
        training=TrainingConfig(epochs=120, batch_size=32, ema=0.0, patience=0),
    )
    run = TrainingRun(config, pair, device="cpu")
    list(run.epochs())
    labels = run.data.target_labels[run.data.target_rows].numpy()
    error = predict_rows(run.model, run.data, run.data.target_rows) - labels
    assert np.sqrt((error**2).mean()) < 0.1


@methods
def test_same_seed_same_numbers_other_seed_other_numbers(method, pair, quick_config):
    config = quick_config(method)
    assert numbers(fit(config, pair)) == numbers(fit(config, pair))
    assert numbers(fit(dataclasses.replace(config, seed=1), pair)) != numbers(fit(config, pair))


@methods
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_continued_run_equals_uninterrupted_run(method, dropout, pair, quick_config, tmp_path):
    config = quick_config(method, epochs=4)
    config = dataclasses.replace(config, embedding=dataclasses.replace(config.embedding, dropout=dropout))
    whole = numbers(fit(config, pair))
    first = TrainingRun(config, pair)
    rows = first.epochs()
    next(rows), next(rows)
    first.save(tmp_path / "checkpoint")
    torch.manual_seed(99)  # whatever else happened in the process
    assert numbers(fit(config, pair, tmp_path / "checkpoint")) == whole[2:]


@methods
def test_finished_run_yields_its_last_row_again(method, pair, quick_config, tmp_path):
    run = TrainingRun(quick_config(method), pair)
    *_, last = run.epochs()
    run.save(tmp_path / "checkpoint")
    assert list(fit(quick_config(method), pair, tmp_path / "checkpoint")) == [last]
    assert (last.status, last.reason) == ("complete", "last epoch")


@methods
def test_survives_a_batch_without_labels_of_one_task(method, pair, quick_config):
    data = TrainingData(pair, torch.device("cpu"))
    model = build_method(quick_config(method))
    for labels in ("target", "source"):
        batch = data.batch(torch.arange(12))
        empty = torch.full_like(batch.target, torch.nan)
        found = model.loss_terms(batch._replace(**{labels: empty}), 0, torch.Generator())
        total = model.total(found.terms)
        total.backward()
        assert total.isfinite()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@methods
def test_exported_model_predicts_as_the_trained_one(method, pair, quick_config, tmp_path):
    config = quick_config(method)
    run = TrainingRun(config, pair)
    list(run.epochs())
    run.save(tmp_path / "checkpoint")
    export_model(tmp_path / "checkpoint", TrialSpec(SPEC, "random", config=config), pair, tmp_path / "export", {})
    test = pair.target.test
    best = build_method(config)
    best.load_state_dict(run.best)
    expected = run.data.target_scaler.to_units(predict_rows(best, run.data, run.data.rows(test)))
    found = load_predictor(tmp_path / "export").predict(list(test.smiles))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@methods
def test_early_stopping_ends_a_run_that_no_longer_improves(method, pair, quick_config):
    config = quick_config(method, epochs=60, learning_rate=1e-7, ema=0.0, patience=2)
    *_, last = fit(config, pair)
    assert last.status == "complete"
    assert last.reason == "early stopping" or last.epoch == 60


@methods
def test_diverging_run_ends_as_failed_with_a_reason(method, pair, quick_config):
    run = TrainingRun(quick_config(method), pair)
    with torch.no_grad():
        next(run.model.parameters()).fill_(torch.nan)
    *_, last = run.epochs()
    assert last.status == "failed"
    assert "diverged" in last.reason
    assert last.skipped_steps > 0


def test_warm_start_needs_a_source(pair, quick_config):
    with pytest.raises(InputDataError, match="no source"):
        TrainingRun(quick_config("stl", warm_start_epochs=1), pair)


def test_warm_start_gives_the_target_the_sources_embedding_but_not_its_transfer(pair, quick_config):
    run = TrainingRun(quick_config("gear", warm_start_epochs=2), pair)
    run._warm_start()
    ours, theirs = run.model.target.state_dict(), run.model.source.state_dict()
    same = {name for name in ours if torch.equal(ours[name], theirs[name])}
    assert {"embedding.W_i.weight", "encoder.body.0.weight"} <= same
    assert "transfer.layers.0.weight" not in same


def test_source_labels_of_held_out_molecules_are_unknown_to_training():
    pair = synthetic_pair()
    data = TrainingData(pair, torch.device("cpu"))
    assert data.source_labels[data.rows(pair.target.test)].isnan().all()
    assert data.target_labels[data.rows(pair.target.validation)].isnan().all()


@pytest.mark.parametrize("immersion", ["slice", "frame", "graph"])
def test_every_immersion_trains(immersion, pair, quick_config):
    config = dataclasses.replace(
        quick_config("gear"), curvature=CurvatureConfig(immersion=immersion), transfer=TransferConfig(frame=60)
    )
    *_, last = fit(config, pair)
    assert last.status == "complete"
    assert last.train_loss["curv"] > 0
    assert last.skipped_steps == 0
