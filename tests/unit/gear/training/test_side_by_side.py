"""Trials trained in one process: the same numbers, leaving, going on from checkpoints of different epochs."""

import dataclasses

import pytest

from gear.config import PairSpec, TaskSpec, TrialSpec
from gear.methods import METHODS, method_class
from gear.methods.joint import JointMethod
from gear.structure import is_own, structure
from gear.testing.pairs import synthetic_pair
from gear.training.folds import FoldedRun, make_run, make_runs
from gear.training.loop import TrainingRun
from gear.training.side_by_side import SideBySide
from gear.variants import with_values

PAIR = PairSpec(TaskSpec("hv"), (TaskSpec("ds"),))
TOLERANCE = 1e-2  # see docs/training.md
OWN = [
    {},
    {"training.learning_rate": 0.004, "embedding.dropout": 0.2},
    {"training.weight_decay": 0.1, "embedding.dropout": 0.05, "training.ema": 0.9},
]


def load(pair, split, seed, fold):
    return synthetic_pair(60, 40, seed=fold)


def specs_of(config, folds=1, **changed):
    configs = [with_values(dataclasses.replace(config, seed=10 * place), own) for place, own in enumerate(OWN)]
    return [TrialSpec(PAIR, "random", config=one, folds=folds, **changed) for one in configs]


def collected(runs, leave=()):
    """The results of every run; `leave`: epoch and place of those that are ended from outside."""
    rows = [[] for _ in runs.runs]
    for results in runs.epochs():
        for place, result in results.items():
            rows[place].append(result)
            if (result.epoch, place) in leave:
                runs.leave(place)
    return rows


def errors(rows):
    return [row.validation_rmse for row in rows]


@pytest.mark.parametrize("method", ["stl", "gate"])
@pytest.mark.parametrize("folds", [1, 2])
def test_trials_of_one_structure_are_an_array_with_the_numbers_of_each(method, folds, quick_config):
    specs = specs_of(quick_config(method, epochs=3, source_epochs=1), folds)
    runs = make_runs(specs, load)
    assert runs.fused
    for spec, found in zip(specs, collected(runs), strict=True):
        alone = list(make_run(spec, load).epochs())
        assert [(row.epoch, row.status) for row in found] == [(row.epoch, row.status) for row in alone]
        assert errors(found) == pytest.approx(errors(alone), rel=TOLERANCE)


def test_trials_of_different_shapes_are_trained_in_turn_with_the_same_numbers(quick_config):
    specs = specs_of(quick_config("stl", epochs=2))
    specs[1] = dataclasses.replace(specs[1], config=with_values(specs[1].config, {"encoder.width": 40}))
    runs = make_runs(specs, load)
    assert not runs.fused
    for spec, found in zip(specs, collected(runs), strict=True):
        assert errors(found) == errors(make_run(spec, load).epochs())


@pytest.mark.parametrize("folds", [1, 2])
def test_one_that_is_ended_from_outside_leaves_the_others_alone(folds, quick_config):
    specs = specs_of(quick_config("stl", epochs=4), folds)
    whole = collected(make_runs(specs, load))
    runs = make_runs(specs, load)
    rows = collected(runs, {(2, 1)})
    assert [len(found) for found in rows] == [4, 2, 4]
    for place in (0, 2):
        assert errors(rows[place]) == pytest.approx(errors(whole[place]), rel=TOLERANCE)


@pytest.mark.parametrize("fused", [True, False])
def test_all_may_leave(fused, quick_config):
    specs = specs_of(quick_config("stl", epochs=4))
    runs = make_runs(specs, load) if fused else SideBySide([make_run(spec, load) for spec in specs])
    assert [len(rows) for rows in collected(runs, {(1, 0), (2, 1), (2, 2)})] == [1, 2, 2]


def test_a_trial_on_folds_that_stops_by_its_patience_leaves(quick_config):
    specs = specs_of(quick_config("stl", epochs=8, patience=1, ema=0.0), folds=2)
    specs[0] = dataclasses.replace(specs[0], config=with_values(specs[0].config, {"training.learning_rate": 0.3}))
    rows = collected(make_runs(specs, load))
    assert rows[0][-1].reason == "early stopping"
    assert len(rows[0]) < max(map(len, rows))


@pytest.mark.parametrize("folds", [1, 2])
def test_they_go_on_from_checkpoints_of_different_epochs(folds, quick_config, tmp_path):
    specs = specs_of(quick_config("stl", epochs=4), folds)
    whole = [list(make_run(spec, load).epochs()) for spec in specs]
    had = (1, 1, 4)  # the last is over
    for place, epochs in enumerate(had):
        run = make_run(specs[place], load)
        rows = run.epochs()
        for _ in range(epochs):
            next(rows)
        run.save(tmp_path / str(place))
    runs = make_runs(specs, load)
    for place, run in enumerate(runs.runs):
        run.restore(tmp_path / str(place))
    for found, expected, epochs in zip(collected(runs), whole, had, strict=True):
        left = expected[epochs:] or expected[-1:]
        assert [(row.epoch, row.status) for row in found] == [(row.epoch, row.status) for row in left]
        assert errors(found) == pytest.approx(errors(left), rel=TOLERANCE)


def test_one_trial_is_what_it_is_by_itself(quick_config):
    spec = specs_of(quick_config("mtl", epochs=2))[0]
    runs = make_runs([spec], load)
    assert type(runs.runs[0]) is TrainingRun
    assert errors(collected(runs)[0]) == errors(make_run(spec, load).epochs())
    folded = make_runs([dataclasses.replace(spec, folds=2)], load)
    assert type(folded.runs[0]) is FoldedRun


def test_specifications_say_which_methods_have_models_that_join():
    assert {name for name, spec in METHODS.items() if spec.joins} == {
        name for name in METHODS if issubclass(method_class(name), JointMethod)
    }


@pytest.mark.parametrize(
    "changed",
    [{"embedding.width": 80}, {"training.batch_size": 32}, {"transfer.depth": 2}, {"weights.map": 0.0}],
)
def test_what_decides_the_shapes_is_part_of_the_structure(changed, quick_config):
    config = quick_config("gear")
    assert structure(with_values(config, changed)) != structure(config)


@pytest.mark.parametrize(
    "changed",
    [
        {"weights.map": 2.0},
        {"embedding.dropout": 0.3},
        {"training.weight_decay": 0.5},
        {"training.warm_start": False, "training.source_epochs": 3},
    ],
)
def test_what_a_model_has_for_itself_is_not(changed, quick_config):
    config = quick_config("gear")
    assert structure(with_values(config, changed)) == structure(config)
    assert all(is_own(path) for path in changed)


@pytest.mark.parametrize("changed", [{"embedding.kind": "fingerprint"}, {"embedding.source_kind": "fingerprint"}])
def test_models_that_read_other_forms_have_none(changed, quick_config):
    assert structure(with_values(quick_config("gear"), changed)) is None
    assert structure(quick_config("mtl")) is None
