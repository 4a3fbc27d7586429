"""What a training does with a source that is too large to be read whole: stated limits, drawn by a seed."""

import dataclasses

import numpy as np
import pytest
import torch

from gear.config import TrainingConfig, TrialSpec
from gear.data import fewer
from gear.evaluation.evaluate import predict_held_out
from gear.testing.pairs import synthetic_pair
from gear.training import batching, fitted_run
from gear.training.batching import TrainingData, epoch_batches
from gear.training.fitted_run import FittedRun
from gear.training.loop import TrainingRun
from gear.training.together import Together

CPU = torch.device("cpu")


def test_at_most_so_many_molecules_of_a_source_are_validated(monkeypatch):
    pair = synthetic_pair()
    whole = TrainingData(pair, ["dmpnn"], CPU)
    monkeypatch.setattr(batching, "VALIDATED", 4)
    few, again = (TrainingData(pair, ["dmpnn"], CPU) for _ in range(2))
    other = TrainingData(dataclasses.replace(pair, seed=5), ["dmpnn"], CPU)
    assert torch.equal(few.validation[0].rows, whole.validation[0].rows)  # the target's are all validated
    assert len(few.validation[1].rows) == 4
    assert torch.equal(few.validation[1].rows, again.validation[1].rows)
    assert not torch.equal(few.validation[1].rows, other.validation[1].rows)
    labels = dict(zip(whole.validation[1].rows.tolist(), whole.validation[1].labels.tolist(), strict=True))
    assert few.validation[1].labels.tolist() == [labels[row] for row in few.validation[1].rows.tolist()]
    assert whole.notes == ()
    assert "4 of its 10 validation molecules" in few.notes[0]


def test_more_sources_than_target_molecules_have_steps_too():
    sources = [torch.arange(10 * index, 10 * index + 5) for index in range(1, 5)]
    steps = list(epoch_batches(torch.arange(3), sources, 2, torch.Generator().manual_seed(0), 1))
    rows = torch.cat(steps)
    assert {0, 1, 2} <= set(rows.tolist())
    assert [(rows // 10 == index).sum() for index in range(1, 5)] == [0, 1, 1, 1]


@pytest.mark.parametrize(("method", "noted"), [("mtl", True), ("stl", False)])
def test_the_result_says_what_was_validated(method, noted, monkeypatch, quick_config):
    monkeypatch.setattr(batching, "VALIDATED", 4)
    row = next(TrainingRun(quick_config(method), synthetic_pair(), "cpu").epochs())
    assert any("4 of its 10 validation molecules" in note for note in row.notes) == noted


def drawn(seed, **options):
    generator = torch.Generator().manual_seed(seed)
    return list(epoch_batches(torch.arange(20), [torch.arange(20, 500)], 10, generator, **options))


def test_of_a_large_source_each_pass_draws_only_what_it_reads(monkeypatch):
    shuffled = drawn(0)
    monkeypatch.setattr(batching, "SHUFFLED", 100)
    monkeypatch.setattr(torch, "randperm", lambda count, **options: small(count, **options))
    some, again, other = drawn(0, least_steps=4), drawn(0, least_steps=4), drawn(1, least_steps=4)
    assert all(torch.equal(a, b) for a, b in zip(some, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(some, other, strict=True))
    assert [len(rows) for rows in some[:2]] == [len(rows) for rows in shuffled] == [20, 20]
    sources = [set(rows[rows >= 20].tolist()) for rows in some]
    assert len(sources[0] | sources[1]) == 20  # a pass has no row twice
    assert sources[0] != sources[2]


permutation = torch.randperm


def small(count, **options):
    assert count <= 100
    return permutation(count, **options)


def test_inputs_are_scaled_by_a_limited_number_of_molecules(monkeypatch):
    data = TrainingData(synthetic_pair(), ["dmpnn"], CPU)
    assert torch.equal(data.scaling_rows(with_sources=True), data.learnt_rows(with_sources=True))
    monkeypatch.setattr(batching, "SCALED_BY", 30)
    rows = data.scaling_rows(with_sources=True)
    assert len(rows) == 30
    assert set(rows.tolist()) < set(data.learnt_rows(with_sources=True).tolist())


def test_passes_over_the_sources_have_a_limit():
    training = TrainingConfig(source_epochs=20, source_molecules=2_000_000)
    assert training.source_passes(20_000) == 20
    assert training.source_passes(1_000_000) == 2
    assert training.source_passes(8_000_000) == 0.25
    assert dataclasses.replace(training, source_molecules=0).source_passes(8_000_000) == 20


def steps_of(run):
    """The rates of the steps before the first epoch."""
    array = Together([run])
    found, step = [], array._step

    def noted(terms, batch, rates, tally, **options):
        found.append((rates[0].learning_rate, len(batch.labels)))
        step(terms, batch, rates, tally, **options)

    array._step = noted
    array._train_sources()
    return found


@pytest.mark.parametrize(("limit", "steps"), [(0, 9), (270, 9), (170, 6), (45, 2), (1, 1)])
def test_the_training_of_the_sources_ends_where_the_limit_is_reached(limit, steps, quick_config):
    """90 molecules in steps of 30 at three passes."""
    config = quick_config("gate", batch_size=15, source_epochs=3, source_molecules=limit)
    pair = synthetic_pair()
    assert len(pair.sources[0].train.rows) == 90
    run = TrainingRun(config, pair, "cpu")
    rates = [rate for rate, _ in steps_of(run)]
    assert len(rates) == steps
    assert rates == sorted(rates, reverse=True)  # the cosine is that of the shorter training
    assert any("training.source_molecules" in note for note in run.notes) == (0 < limit < 270)
    if steps > 3:
        assert rates[-1] < 0.4 * rates[0]


def test_an_array_ends_each_members_training_where_its_limit_is_reached(quick_config):
    pairs = [synthetic_pair(60, 100, seed=0), synthetic_pair(60, 50, seed=1)]
    config = quick_config("gate", batch_size=15, source_epochs=4, source_molecules=150)
    runs = [TrainingRun(config, pairs[0], "cpu")]
    runs.append(TrainingRun(config, pairs[1], "cpu", runs[0].data.store))
    array = Together(runs)
    found, step = [], array._step

    def noted(terms, batch, rates, tally, **options):
        found.append([rate is not None for rate in rates])
        step(terms, batch, rates, tally, **options)

    array._step = noted
    array._train_sources()
    # 90 and 40 molecules: one and two thirds of a pass of three steps, three and three quarters of one of two steps
    assert [sum(member) for member in zip(*found, strict=True)] == [5, 8]


def test_a_method_that_is_fitted_at_once_learns_from_few_molecules_of_a_source(monkeypatch, quick_config, tmp_path):
    monkeypatch.setattr(fewer.for_fitted, "__defaults__", (20,))
    monkeypatch.setattr(fitted_run, "FITTED_MOST", 20)
    pair, config = synthetic_pair(30, 90), quick_config("delta")
    run = FittedRun(config, pair, "cpu")
    (row,) = run.epochs()
    assert any("20 of its 80 molecules" in note for note in row.notes)
    assert len(run.data.train_rows[1]) == 20
    assert len(run.data.labels) < len(pair.smiles)
    run.save(tmp_path / "checkpoint")
    spec = TrialSpec(None, "random", config=config)
    spec = dataclasses.replace(
        spec, pair=dataclasses.make_dataclass("P", ["sources", "target"])(pair.sources, FEATURES)
    )
    found = predict_held_out(tmp_path / "checkpoint", spec, pair)
    truth = found.of_part("validation")
    error = found.scaler.standardise(truth.prediction) - found.scaler.standardise(truth.value)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(row.validation_rmse)


FEATURES = dataclasses.make_dataclass("T", ["features"])(())
