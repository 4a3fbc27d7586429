"""What trials take: counted from a few steps, and measured once for all studies that are alike."""

import dataclasses
from types import SimpleNamespace

import pytest

from gear.variants import with_values
from search.launch import timing
from search.launch.timing import Cell, TrialTime, trial_times

HERE, THERE = ("a_from_b", "random"), ("c_from_d", "random")


def cell(pair, folds=1, target=None, sources=None):
    """A cell with the data of a pair, which may be said to have other sizes."""
    sizes = target or len(pair.target.train.rows), sources or sum(len(one.train.rows) for one in pair.sources)
    return Cell(*sizes, folds, lambda: [pair] * folds)


class TimedRun:
    """A step takes 0.1 s, an epoch 1 s beside its steps, and a source molecule 0.01 s; a fold takes as long as one."""

    def __init__(self, config, pairs):
        self.model = SimpleNamespace(begins_with_sources=config.method == "kd")
        self.config, (self.pair, *_) = config, pairs
        self.folds = len(pairs)

    def epochs(self):
        training, rows = self.config.training, len(self.pair.target.train.rows)
        batches = -(-rows // training.batch_size)
        epoch = 1 + 0.1 * batches * -(-training.epoch_steps // batches)
        passed = training.source_epochs * len(self.pair.sources[0].train.rows)
        before = self.model.begins_with_sources * 0.01 * passed
        slow = epoch + 1  # something else ran meanwhile
        return iter(SimpleNamespace(seconds=self.folds * found) for found in (before + epoch, slow, epoch))


@pytest.fixture
def clock(monkeypatch):
    """Runs whose time is known, and how many there were."""
    made = []

    def run(config, pairs):
        made.append(config)
        return TimedRun(config, pairs)

    monkeypatch.setattr("gear.training.folds.FoldedRun", run)
    monkeypatch.setattr("gear.training.folds.single_run", lambda config, pair: run(config, [pair]))
    return made


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize(("method", "sources"), [("stl", 0.0), ("kd", 4 * 0.01 * 5000)])
def test_a_trial_is_its_epochs_and_the_training_of_its_sources(pair, quick_config, clock, method, sources, folds):
    config = quick_config(method, epochs=8, batch_size=10, source_epochs=4, epoch_steps=25)
    found = trial_times([config], {HERE: cell(pair, folds, sources=5000)})[HERE]
    expected = 8 * (1 + 0.1 * 30) + sources  # 100 molecules, batches of 10: three passes
    assert found.by_default == pytest.approx(folds * expected)
    assert found.mean == found.by_default


def test_the_training_of_large_sources_counts_to_its_limit(pair, quick_config, clock):
    config = quick_config("kd", epochs=8, batch_size=10, source_epochs=4, epoch_steps=25)
    whole, limited = (
        trial_times([with_values(config, {"training.source_molecules": most})], {HERE: cell(pair, sources=5000)})[HERE]
        for most in (0, 5000)
    )
    assert whole.by_default - limited.by_default == pytest.approx(3 * 0.01 * 5000)  # one pass instead of four


def test_cells_that_are_alike_are_measured_once_and_counted_for_their_molecules(pair, quick_config, clock):
    config = quick_config("stl", epochs=2, batch_size=10, epoch_steps=5)
    found = trial_times([config], {HERE: cell(pair, target=100), THERE: cell(pair, target=1000)})
    assert len(clock) == 2  # of one measurement
    steps = {place: 2 * 0.1 * batches for place, batches in {HERE: 10, THERE: 100}.items()}
    assert found[HERE].by_default == pytest.approx(2 + steps[HERE])
    assert found[THERE].by_default == pytest.approx(20 + steps[THERE])  # ten times as many to validate
    trial_times([config], {HERE: cell(pair), THERE: cell(pair, folds=2)})
    assert len(clock) == 2 + 2 + 2  # other folds are another array


def test_others_of_the_space_are_timed_in_the_first_cell_until_that_has_taken_long_enough(
    pair, quick_config, clock, monkeypatch
):
    config = quick_config("stl", epochs=2, batch_size=10, epoch_steps=5)
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=6))
    both = {HERE: cell(pair), THERE: cell(pair, folds=2)}
    found = trial_times([config, longer, longer], both)
    assert found[HERE] == TrialTime(pytest.approx(4.0), pytest.approx((4 + 12 + 12) / 3))
    assert found[THERE].mean / found[THERE].by_default == pytest.approx(28 / 3 / 4)
    monkeypatch.setattr(timing, "ENOUGH", 0.0)
    assert trial_times([config, longer, longer], both)[HERE].mean == pytest.approx((4 + 12) / 2)


def test_what_is_fitted_at_once_is_fitted_for_every_size_whatever_the_epochs(pair, quick_config, monkeypatch):
    made = []

    def fit(config, data):
        made.append(config)
        return SimpleNamespace(epochs=lambda: iter([SimpleNamespace(seconds=3.0)]))

    monkeypatch.setattr("gear.training.folds.single_run", fit)
    sizes = [cell(pair, target=target, folds=2) for target in (100, 110, 1000)]
    found = trial_times([quick_config("svr", epochs=100_000)], dict(enumerate(sizes)))
    assert len(made) == 2
    assert [time.by_default for time in found.values()] == [6.0, 6.0, 6.0]


def test_real_runs_are_timed(pair, quick_config):
    for method in ("stl", "svr"):
        assert trial_times([quick_config(method, epochs=2)], {HERE: cell(pair, folds=2)})[HERE].by_default > 0
