"""Folds that would read nearly the same source molecules begin with one model of them."""

import dataclasses
import math

import pytest
import torch

from gear.config import PairSpec, TaskSpec, TrialSpec
from gear.data.pairs import Part
from gear.testing.pairs import synthetic_pair
from gear.training.folds import FoldedRun, make_run, make_runs
from gear.training.loop import TrainingRun
from gear.training.one_source import share_sources
from gear.training.together import Together
from gear.variants import with_values

FOLDS = 3
METHODS = ["gear", "gate", "finetune_all", "kd"]


def without(part, place):
    kept = [row for row in range(len(part.rows)) if row != place]
    return Part(part.smiles[kept], part.value[kept], part.rows[kept])


def fold_of(pair, fold):
    """The pair as a fold that holds another molecule of the target out, and one of the source."""
    target, (source,) = pair.target, pair.sources
    return dataclasses.replace(
        pair,
        target=dataclasses.replace(target, train=without(target.train, fold)),
        sources=(dataclasses.replace(source, train=without(source.train, fold)),),
    )


@pytest.fixture(scope="module")
def pairs():
    whole = synthetic_pair(60, 40)
    return [fold_of(whole, fold) for fold in range(FOLDS)]


@pytest.fixture
def config(quick_config):
    return lambda method: with_values(quick_config(method, epochs=3, source_epochs=2), {"training.warm_start": True})


@pytest.fixture
def trained(monkeypatch):
    """The runs of every training on the sources."""
    found, train = [], Together._train_sources

    def noted(self):
        found.append(list(self.runs))
        return train(self)

    monkeypatch.setattr(Together, "_train_sources", noted)
    return found


def numbers(rows):
    return [dataclasses.replace(row, seconds=0.0, molecules_per_second=0.0, peak_memory_mb=0.0) for row in rows]


@pytest.mark.parametrize("method", METHODS)
def test_one_fold_trains_on_what_no_fold_holds_out(method, config, pairs, trained):
    run = FoldedRun(config(method), pairs, "cpu")
    next(run.epochs())
    first, *others = run.models
    assert trained == [[first]]
    assert all(other.source_run is first for other in others)
    read = set(first.source_rows.tolist())
    for pair in pairs:
        assert read < set(pair.sources[0].train.rows.tolist())
    assert len(read) == len(pairs[0].sources[0].train.rows) + 1 - FOLDS


@pytest.mark.parametrize("method", METHODS)
def test_the_others_begin_with_what_it_learnt_and_with_their_own_for_the_rest(method, config, pairs):
    run = FoldedRun(config(method), pairs, "cpu")
    before = [{name: t.clone() for name, t in one.model.state_dict().items()} for one in run.models]
    if run.is_fused:
        Together(run.models)._begin_with_sources()
    else:
        for one in run.models:
            Together([one])._begin_with_sources()
    first, *others = run.models
    assert first.learnt
    for other, untrained in zip(others, before[1:], strict=True):
        state, average = other.model.state_dict(), other.average.state_dict()
        taken = [name for name in state if torch.equal(state[name], first.model.state_dict()[name])]
        assert set(first.learnt) <= set(taken)
        own = set(state) - set(taken)
        assert own, "the parts that no source trains have their own random start"
        assert all(torch.equal(state[name], untrained[name]) for name in own)
        assert all(torch.equal(state[name], average[name]) for name in state)


def test_folds_as_one_array_are_those_one_after_the_other(config, pairs):
    together, apart = (list(FoldedRun(config("gear"), pairs, "cpu", fuse=fuse).epochs()) for fuse in (True, False))
    for ours, theirs in zip(together, apart, strict=True):
        assert ours.validation_rmse == pytest.approx(theirs.validation_rmse, rel=1e-2)
        assert ours.train_loss["total"] == pytest.approx(theirs.train_loss["total"], rel=1e-2)


def test_each_trial_of_an_array_has_its_own(config, pairs, trained):
    pair = PairSpec(TaskSpec("hv"), (TaskSpec("ds"),))
    configs = [dataclasses.replace(config("gear"), seed=seed) for seed in (0, 100)]
    specs = [TrialSpec(pair, "random", config=one, folds=FOLDS) for one in configs]
    array = make_runs(specs, lambda pair, split, seed, fold: pairs[fold])
    together = list(array.epochs())
    assert trained == [[run.models[0] for run in array.runs]]
    for place, spec in enumerate(specs):
        alone = list(make_run(spec, lambda pair, split, seed, fold: pairs[fold]).epochs())
        for ours, theirs in zip(together, alone, strict=True):
            assert ours[place].validation_rmse == pytest.approx(theirs.validation_rmse, rel=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_goes_on_from_its_checkpoint_with_the_same_numbers(method, config, pairs, trained, tmp_path):
    whole = list(FoldedRun(config(method), pairs, "cpu").epochs())
    first, again = FoldedRun(config(method), pairs, "cpu"), FoldedRun(config(method), pairs, "cpu")
    next(first.epochs())
    first.save(tmp_path / "epoch-1")
    again.restore(tmp_path / "epoch-1")
    trained.clear()
    assert numbers(again.epochs()) == numbers(whole[1:])
    assert not trained


@pytest.mark.parametrize("method", METHODS)
def test_where_it_fails_the_trial_fails(method, config, pairs):
    run = FoldedRun(config(method), pairs, "cpu")
    for parameter in run.models[0].model.parameters():
        parameter.data.fill_(math.nan)
    *_, last = run.epochs()
    assert last.status == "failed"
    assert last.reason.startswith("fold 0: the source's training diverged")


def test_folds_whose_sources_differ_train_on_them_each(config):
    runs = [TrainingRun(config("gear"), synthetic_pair(60, 40, seed=seed), "cpu") for seed in range(FOLDS)]
    share_sources(runs)
    assert [run.source_run for run in runs] == [None] * FOLDS
    for run in runs:
        assert torch.equal(run.source_rows, run.data.source_rows)


def test_a_method_that_begins_with_no_source_shares_none(config, pairs):
    for method in ("stl", "mtl"):
        assert all(run.source_run is None for run in FoldedRun(config(method), pairs, "cpu").models)
