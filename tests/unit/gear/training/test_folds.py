"""A configuration on several validation folds: one run, whose numbers are the folds' means."""

import dataclasses
import math
from statistics import fmean

import pytest

from gear.config import PairSpec, TaskSpec, TrialSpec
from gear.testing.pairs import synthetic_pair
from gear.training.fitted_run import FittedRun
from gear.training.folds import FoldedRun, fold_checkpoints, make_run, single_folds, single_run
from gear.training.loop import TrainingRun

FOLDS = 3
PAIR = PairSpec(TaskSpec("hv"), (TaskSpec("ds"),))


@pytest.fixture(scope="module")
def pairs():
    return [synthetic_pair(60, 40, seed=fold) for fold in range(FOLDS)]


@pytest.fixture
def config(quick_config):
    return quick_config("stl", epochs=4)


def numbers(rows):
    return [dataclasses.replace(row, seconds=0.0, molecules_per_second=0.0, peak_memory_mb=0.0) for row in rows]


def test_a_row_is_the_mean_of_what_each_fold_alone_would_give(config, pairs):
    together = list(FoldedRun(config, pairs).epochs())
    specs = single_folds(TrialSpec(PAIR, "random", config=config, folds=FOLDS))
    alone = [list(TrainingRun(spec.config, pairs[spec.fold]).epochs()) for spec in specs]
    for name in ("validation_rmse", "best_validation_rmse"):
        means = [fmean(getattr(row, name) for row in rows) for rows in zip(*alone, strict=True)]
        assert [getattr(row, name) for row in together] == pytest.approx(means, rel=1e-4)
    assert [row.status for row in together] == ["running"] * 3 + ["complete"]


def test_a_run_goes_on_from_its_checkpoint_with_the_same_numbers(config, pairs, tmp_path):
    whole = list(FoldedRun(config, pairs).epochs())
    first, again = FoldedRun(config, pairs), FoldedRun(config, pairs)
    epochs = first.epochs()
    for _ in range(2):
        next(epochs)
    first.save(tmp_path / "epoch-2")
    again.restore(tmp_path / "epoch-2")
    assert numbers(again.epochs()) == numbers(whole[2:])
    assert all(path.is_dir() for path in fold_checkpoints(tmp_path / "epoch-2", FOLDS))


@pytest.mark.parametrize("patience", [0, 1])
def test_a_finished_run_yields_its_last_row_again(config, pairs, tmp_path, patience):
    training = dataclasses.replace(config.training, patience=patience, learning_rate=1e-9, ema=0.0)
    config = dataclasses.replace(config, training=training)
    run, again = FoldedRun(config, pairs), FoldedRun(config, pairs)
    *_, last = run.epochs()
    run.save(tmp_path / "end")
    again.restore(tmp_path / "end")
    assert numbers(again.epochs()) == numbers([last])
    assert last.reason == ("early stopping" if patience and last.epoch < 4 else "last epoch")


def test_a_fold_that_fails_fails_the_trial(config, pairs):
    run = FoldedRun(config, pairs)
    next(run.runs[1].model.parameters()).data.fill_(math.nan)
    *_, last = run.epochs()
    assert last.status == "failed"
    assert last.reason.startswith("fold 1: ")


def test_folds_of_a_method_that_is_fitted_at_once_are_one_epoch(quick_config, pairs, tmp_path):
    config = quick_config("svr", epochs=50)
    run, again = FoldedRun(config, pairs), FoldedRun(config, pairs)
    (row,) = run.epochs()
    assert (row.epoch, row.status, row.reason) == (1, "complete", "fitted at once")
    specs = single_folds(TrialSpec(PAIR, "random", config=config, folds=FOLDS))
    alone = [next(single_run(spec.config, pair).epochs()) for spec, pair in zip(specs, pairs, strict=True)]
    assert row.validation_rmse == pytest.approx(fmean(one.validation_rmse for one in alone))
    run.save(tmp_path / "end")
    again.restore(tmp_path / "end")
    assert numbers(again.epochs()) == numbers([row])
    assert isinstance(make_run(TrialSpec(PAIR, "random", config=config), lambda *_: pairs[0]), FittedRun)


def test_a_specification_says_how_many_folds_are_trained(config, pairs):
    asked = []

    def load(pair, split, seed, fold):
        asked.append((split, seed, fold))
        return pairs[fold]

    spec = TrialSpec(PAIR, "random", 7, config=config)
    assert isinstance(make_run(spec, load), TrainingRun)
    assert asked == [("random", 7, 0)]
    run = make_run(dataclasses.replace(spec, folds=2), load)
    assert [run.data.rows(pair.target.train).tolist() for run, pair in zip(run.runs, pairs, strict=False)] == [
        run.data.train_rows[0].tolist() for run in run.runs
    ]
    assert asked[1:] == [("random", 7, 0), ("random", 7, 1)]


def test_a_trial_on_all_labels_keeps_its_last_weights(config, pairs):
    training = dataclasses.replace(config.training, keep="last", patience=0)
    spec = TrialSpec(PAIR, "random", config=dataclasses.replace(config, training=training), labels="all")
    run = make_run(spec, lambda *_: pairs[0])
    rows = list(run.epochs())
    assert len(run.data.train_rows[0]) == sum(len(part.rows) for part in pairs[0].target.parts())
    assert rows[-1].best_epoch == rows[-1].epoch == 4
    assert all((run.best[name] == tensor).all() for name, tensor in run.average.state_dict().items())


def test_the_last_weights_are_kept_even_where_an_earlier_epoch_was_better(quick_config, pairs):
    def trained(keep):
        config = quick_config("stl", epochs=6, learning_rate=0.03, ema=0.0, keep=keep)
        return list(TrainingRun(dataclasses.replace(config, seed=2), pairs[0]).epochs())

    best, last = trained("best"), trained("last")
    assert best[-1].best_epoch < best[-1].epoch == last[-1].best_epoch
    assert last[-1].best_validation_rmse == last[-1].validation_rmse == best[-1].validation_rmse


def test_the_best_epoch_of_folds_is_the_mean_of_theirs(config, pairs):
    run = FoldedRun(config, pairs)
    row = list(run.epochs())[-1]
    assert row.best_epoch == round(fmean(single.best_epoch for single in run.runs))
