"""What every method must do, run over all of them, over several sources and over every kind of embedding."""

import dataclasses
import time

import numpy as np
import pytest
import torch

from gear.config import LossWeights, PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.device import peak_memory_mb
from gear.evaluation.diagnostics import MEMORY_RATIO, expected_memory_mb
from gear.export import Member, export_model
from gear.methods import METHODS, base_of, build_method
from gear.predict import load_predictor
from gear.training.batching import TrainingData
from gear.training.loop import TrainingRun, fit, predict_rows
from gear.variants import VARIANTS, with_values
from tests.conftest import synthetic_pair

MACHINE_DEPENDENT = {"seconds", "molecules_per_second", "peak_memory_mb"}
CPU = torch.device("cpu")

# method or variant, number of sources, settings
CASES = {
    **{name: (name, 1, {}) for name in (*METHODS, *VARIANTS)},
    **{f"{name}, two sources": (name, 2, {}) for name in METHODS if name != "stl"},
    **{
        f"{name}, {kind}": (name, 1, {"embedding.kind": kind})
        for name in ("gear", "stl", "mtl", "finetune_head")
        for kind in ("fingerprint", "text")
    },
    **{
        f"{name}, text from {kind}": (name, 1, {"embedding.kind": "text", "embedding.source_kind": kind})
        for name in ("gear", "kd")
        for kind in ("dmpnn", "fingerprint")
    },
}
methods = pytest.mark.parametrize("method", METHODS)
every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def pairs(pair):
    return {1: pair, 2: synthetic_pair(sources=2)}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def configured(case, quick_config, **training):
    name, _, settings = CASES[case]
    return with_values(base_of(name, quick_config("gear", **training)), settings)


def of_case(case, pairs):
    return pairs[CASES[case][1]]


def numbers(rows):
    """Epoch results without what depends on the machine."""
    return [{k: v for k, v in dataclasses.asdict(row).items() if k not in MACHINE_DEPENDENT} for row in rows]


@methods
def test_overfits_a_hundred_molecules(method, pair):
    config = TrialConfig(
        method=method,
        weights=LossWeights(auto=0.05, cons=0.05, map=0.05, metric=0.003, curv=0.1, dist=0.05, source=0.1, distil=0.01),
        training=TrainingConfig(epochs=120, epoch_steps=1, batch_size=32, ema=0.0, patience=0, source_epochs=20),
    )
    run = TrainingRun(config, pair, device="cpu")
    list(run.epochs())
    rows = run.data.train_rows[0]
    error = predict_rows(run.model, run.data, rows) - run.data.labels[rows, 0]
    # on frozen features of another property there are few weights to overfit with
    assert error.square().mean().sqrt() < (0.5 if method == "finetune_head" else 0.1)


@every_case
def test_continued_run_equals_uninterrupted_run_and_another_seed_does_not(case, pairs, quick_config, tmp_path):
    config, pair = configured(case, quick_config), of_case(case, pairs)
    config = with_values(config, {"embedding.dropout": 0.2})
    whole = numbers(fit(config, pair))
    first = TrainingRun(config, pair)
    rows = first.epochs()
    next(rows)
    first.save(tmp_path / "checkpoint")
    torch.manual_seed(99)  # whatever else happened in the process
    assert numbers(fit(config, pair, tmp_path / "checkpoint")) == whole[1:]
    assert numbers(fit(dataclasses.replace(config, seed=1), pair)) != whole
    assert all(row["skipped_steps"] == 0 for row in whole)
    assert whole[-1]["status"] == "complete"


@methods
def test_finished_run_yields_its_last_row_again(method, pair, quick_config, tmp_path):
    run = TrainingRun(quick_config(method), pair)
    *_, last = run.epochs()
    run.save(tmp_path / "checkpoint")
    assert list(fit(quick_config(method), pair, tmp_path / "checkpoint")) == [last]
    assert (last.status, last.reason) == ("complete", "last epoch")


@every_case
def test_survives_a_batch_without_labels_of_one_task(case, pairs, quick_config):
    config, pair = configured(case, quick_config), of_case(case, pairs)
    model = build_method(config, len(pair.sources))
    batch = TrainingData(pair, model.embedding_kinds, CPU).batch(torch.arange(12))
    for task in range(batch.labels.shape[1]):
        labels = batch.labels.clone()
        labels[:, task] = torch.nan
        total = model.total(model.loss_terms(batch._replace(labels=labels), 0, torch.Generator()).terms)
        total.backward() if total.requires_grad else None
        assert total.isfinite()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@every_case
def test_exported_model_predicts_as_the_trained_one(case, pairs, quick_config, tmp_path):
    config, pair = configured(case, quick_config), of_case(case, pairs)
    run = TrainingRun(config, pair)
    list(run.epochs())
    run.save(tmp_path / "checkpoint")
    spec = PairSpec(TaskSpec("target"), tuple(TaskSpec(source.property) for source in pair.sources))
    member = Member(tmp_path / "checkpoint", TrialSpec(spec, "random", config=config), pair)
    export_model([member], pair, tmp_path / "export", {})
    test = pair.target.test
    best = build_method(config, len(pair.sources))
    best.load_state_dict(run.best)
    expected = run.data.scalers[0].to_units(predict_rows(best, run.data, run.data.rows(test)).numpy())
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
        for weight in run.model.parameters():
            weight.fill_(torch.nan)
    *_, last = run.epochs()
    assert last.status == "failed"
    assert "diverged" in last.reason


@methods
def test_weight_at_zero_switches_a_term_off(method, pair, quick_config):
    config = quick_config(method)
    batch = TrainingData(pair, {"dmpnn"}, CPU).batch(torch.arange(20))
    terms = build_method(config).loss_terms(batch, 0, torch.Generator()).terms
    for term in terms.keys() - {"reg"}:
        model = build_method(with_values(config, {f"weights.{term}": 0.0}))
        assert model.loss_terms(batch, 0, torch.Generator()).terms.keys() == terms.keys() - {term}


@every_case
def test_takes_the_epochs_it_was_given_and_the_memory_that_was_estimated(case, pairs, quick_config):
    config, pair = configured(case, quick_config), of_case(case, pairs)
    rows = list(fit(config, pair))
    assert [row.epoch for row in rows] == [1, 2, 3]
    assert peak_memory_mb(CPU) < MEMORY_RATIO * expected_memory_mb(config)


@methods
def test_told_seconds_are_those_that_passed(method, pair, quick_config):
    run = TrainingRun(quick_config(method), pair)
    started = time.perf_counter()
    told = sum(row.seconds for row in run.epochs())
    assert 0.5 * (time.perf_counter() - started) < told <= time.perf_counter() - started


@methods
def test_sees_only_labels_of_training_parts(method, pair, quick_config):
    """A held-out label may change what is measured, not what is learnt."""
    spoilt = dataclasses.replace(
        pair,
        target=dataclasses.replace(
            pair.target,
            validation=dataclasses.replace(pair.target.validation, value=pair.target.validation.value + 100),
            test=dataclasses.replace(pair.target.test, value=pair.target.test.value - 100),
        ),
    )
    config = quick_config(method)
    assert [r.train_loss for r in fit(config, pair)] == [r.train_loss for r in fit(config, spoilt)]
