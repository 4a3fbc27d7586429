"""What every method must do, as test classes: derive one, name a method, and pytest runs them all over it.

from gear.testing.method_conformance import MethodConformance

class TestMine(MethodConformance):  # FittedConformance for a method that is fitted at once
method = "my_method:Corrected"
"""

import dataclasses
import functools
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch

from gear.config import LossWeights, PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec, Value
from gear.data.pairs import PairData
from gear.device import peak_memory_mb
from gear.errors import InputDataError
from gear.evaluation.diagnostics import MEMORY_RATIO, expected_memory_mb
from gear.export import Member, export_model
from gear.methods import base_of, build_method, find_method
from gear.methods.base import Method
from gear.methods.pair_batch import PairBatch
from gear.methods.spec import MethodSpec
from gear.predict import load_predictor
from gear.results import EpochResult
from gear.space import Choice
from gear.testing.pairs import synthetic_pair, with_temperatures
from gear.training.batching import TrainingData
from gear.training.fitted_run import FittedRun
from gear.training.folds import single_run
from gear.training.loop import TrainingRun, fit
from gear.training.validation import predict_rows
from gear.variants import get_value, method_of, with_values

__all__ = ["Case", "FittedConformance", "FittedRunConformance", "MethodConformance", "RunConformance"]

MACHINE_DEPENDENT = {"seconds", "molecules_per_second", "peak_memory_mb"}
CPU = torch.device("cpu")
DRAWS = 6  # from a space
NO_STEP = 1e-30  # a learning rate with which no weight changes

_pair = functools.cache(synthetic_pair)
_trained: dict[str, tuple[TrialConfig, PairData, list[EpochResult]]] = {}  # by case, which cannot be hashed


class Case(NamedTuple):
    """What is tested: a method or variant, with so many sources, with some settings changed by their paths.

    `overfits_below`: training RMSE, standardised, that is reached on a hundred molecules.
    """

    method: str
    sources: int = 1
    settings: Mapping[str, Value] = {}
    overfits_below: float = 0.1


class _Case:
    """What is tested, and what holds however a method learns and is configured."""

    method: ClassVar[str]

    @pytest.fixture
    def case(self) -> Case:
        """What is tested: the method as it is. Parametrise `case` to test it in other configurations too."""
        return Case(self.method)

    @pytest.fixture(autouse=True)
    def _own_cache(self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GEAR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))

    def test_exported_model_predicts_as_the_trained_one(self, case: Case, tmp_path: Path) -> None:
        """What is exported is what was trained."""
        config, pair = _configured(case), _data(case)
        run = _exported(config, pair, TaskSpec("target"), tmp_path)
        test = pair.target.test
        best = build_method(config, len(pair.sources))
        best.load_state_dict(run.best)
        expected = run.data.scalers[0].to_units(predict_rows(best, run.data, run.data.rows(test)).numpy())
        found = load_predictor(tmp_path / "export").predict(list(test.smiles))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


class _Specified(_Case):
    """What holds beside that of every method as it is."""

    def test_finished_run_yields_its_last_row_again(self, case: Case, tmp_path: Path) -> None:
        """A trial whose last row was lost is not trained again."""
        config, pair = _configured(case), _data(case)
        run, again = single_run(config, pair), single_run(config, pair)
        *_, last = run.epochs()
        run.save(tmp_path / "checkpoint")
        again.restore(tmp_path / "checkpoint")
        assert list(again.epochs()) == [last]
        assert last.status == "complete"

    def test_reads_the_feature_columns_of_a_users_table(self, case: Case, tmp_path: Path) -> None:
        """What is trained on two temperatures predicts, exported, another value at each; the sources have none."""
        config, pair = _configured(case), with_temperatures(_data(case))
        try:
            build_method(config, case.sources, columns=1)
        except InputDataError:
            pytest.skip("the method says that it reads none")
        run = _exported(config, pair, TaskSpec("target", file="t.csv", features=("temperature",)), tmp_path)
        assert run.last is not None
        assert run.last.status == "complete"
        found = load_predictor(tmp_path / "export").predict(
            list(pair.target.test.smiles), pair.features_of(pair.target.test)["temperature"][:, None]
        )
        assert np.isfinite(found).all()
        assert (found[::2] != found[1::2]).any()

    def test_told_seconds_are_those_that_passed(self, case: Case) -> None:
        """The speed of a trial decides what runs next. A busy machine holds up what is not training, but not always."""
        shares = []
        for _ in range(5):
            run = single_run(_configured(case), _data(case))
            started = time.perf_counter()
            told = sum(row.seconds for row in run.epochs())
            shares.append(told / (time.perf_counter() - started))
            if shares[-1] > 0.5:
                break
        assert 0.5 < shares[-1]
        assert max(shares) <= 1

    def test_sees_only_labels_of_training_parts(self, case: Case) -> None:
        """A held-out label may change what is measured, not what is learnt."""
        pair, config = _data(case), _configured(case)
        validation = dataclasses.replace(pair.target.validation, value=pair.target.validation.value + 100)
        test = dataclasses.replace(pair.target.test, value=pair.target.test.value - 100)
        spoilt = dataclasses.replace(pair, target=dataclasses.replace(pair.target, validation=validation, test=test))
        assert [r.train_loss for r in _epochs(config, pair)] == [r.train_loss for r in _epochs(config, spoilt)]

    def test_defaults_lie_in_the_space(self, case: Case) -> None:
        """The first trial of a study is the defaults."""
        config = base_of(case.method, TrialConfig())
        for dimension in (*_spec(case).space, *_spec(case).optional):
            value = get_value(config, dimension.path)
            assert dimension.holds(value), f"{dimension.path} is {value} by default"

    def test_every_draw_from_the_space_can_be_built(self, case: Case) -> None:
        """No configuration that a sampler may propose is refused."""
        spec, base = _spec(case), base_of(case.method, TrialConfig())
        for seed in range(DRAWS):
            drawn = {dimension.path: dimension.suggest(_Draw(seed)) for dimension in spec.space}
            build_method(with_values(base, drawn), case.sources)


class RunConformance(_Case):
    """What a method that is trained step by step must do however it is configured."""

    def test_continued_run_equals_uninterrupted_run_and_another_seed_does_not(self, case: Case, tmp_path: Path) -> None:
        """A resumed trial gives the numbers of one that was never interrupted."""
        config, pair, rows = _uninterrupted(case)
        whole = _numbers(rows)
        first = TrainingRun(config, pair)
        started = first.epochs()
        next(started)
        first.save(tmp_path / "checkpoint")
        torch.manual_seed(99)  # whatever else happened in the process
        assert _numbers(fit(config, pair, tmp_path / "checkpoint")) == whole[1:]
        assert _numbers(fit(dataclasses.replace(config, seed=1), pair)) != whole
        assert all(row["skipped_steps"] == 0 for row in whole)
        assert whole[-1]["status"] == "complete"

    def test_survives_a_batch_without_labels_of_one_task(self, case: Case) -> None:
        """A batch may hold no label of a task."""
        model, batch = _built(case, molecules=12)
        for task in range(batch.labels.shape[1]):
            labels = batch.labels.clone()
            labels[:, task] = torch.nan
            total = model.total(model.loss_terms(batch._replace(labels=labels), 0, torch.Generator()).terms)
            total.backward() if total.requires_grad else None
            assert total.isfinite()
            assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())

    def test_takes_the_epochs_it_was_given_and_the_memory_that_was_estimated(self, case: Case) -> None:
        """Whoever plans a search relies on both."""
        config, _, rows = _uninterrupted(case)
        assert [row.epoch for row in rows] == [1, 2, 3]
        assert peak_memory_mb(CPU) < MEMORY_RATIO * expected_memory_mb(config)


class MethodConformance(RunConformance, _Specified):
    """What a method must do beside that, once."""

    def test_overfits_a_hundred_molecules(self, case: Case) -> None:
        """A model that cannot learn what it sees has a mistake in its loss."""
        weights = LossWeights(
            auto=0.05, cons=0.05, map=0.05, metric=0.003, curv=0.1, dist=0.05, source=0.1, distil=0.01
        )
        training = TrainingConfig(epochs=120, epoch_steps=1, batch_size=32, ema=0.0, patience=0, source_epochs=20)
        config = base_of(case.method, TrialConfig(weights=weights, training=training))
        run = TrainingRun(config, _data(case), device="cpu")
        list(run.epochs())
        rows = run.data.train_rows[0]
        error = predict_rows(run.model, run.data, rows) - run.data.labels[rows, 0]
        assert error.square().mean().sqrt() < case.overfits_below

    def test_early_stopping_ends_a_run_that_no_longer_improves(self, case: Case) -> None:
        """Patience counts whatever the method does in an epoch."""
        config = _configured(case, epochs=60, learning_rate=NO_STEP, ema=0.0, patience=2)
        *_, last = fit(config, _data(case))
        assert last.status == "complete"
        assert last.reason == "early stopping"
        assert last.epoch - last.best_epoch == 2

    def test_diverging_run_ends_as_failed_with_a_reason(self, case: Case) -> None:
        """Weights that are no numbers are not trained on."""
        run = TrainingRun(_configured(case), _data(case))
        with torch.no_grad():
            for weight in run.model.parameters():
                weight.fill_(torch.nan)
        *_, last = run.epochs()
        assert last.status == "failed"
        assert "diverged" in last.reason

    def test_every_term_has_a_weight_which_at_zero_switches_it_off(self, case: Case) -> None:
        """A weight is a setting of the same name, `weights.TERM` or, of a plug-in's own term, `settings.TERM`."""
        model, batch = _built(case, molecules=20)
        terms = model.loss_terms(batch, 0, torch.Generator()).terms
        for term in terms.keys() - {"reg"}:
            path = f"settings.{term}" if term in model.config.settings else f"weights.{term}"
            off = build_method(with_values(model.config, {path: 0.0}), case.sources)
            assert isinstance(off, Method)
            assert off.loss_terms(batch, 0, torch.Generator()).terms.keys() == terms.keys() - {term}

    def test_every_weight_that_is_searched_is_of_a_term(self, case: Case) -> None:
        """Or trials would differ in what changes nothing."""
        model, batch = _built(case, molecules=20)
        terms = model.loss_terms(batch, 0, torch.Generator()).terms
        paths = (dimension.path for dimension in _spec(case).space)
        assert {path.removeprefix("weights.") for path in paths if path.startswith("weights.")} <= terms.keys()


class FittedRunConformance(_Case):
    """What a method that is fitted at once must do however it is configured."""

    def test_one_epoch_is_all_and_gives_the_same_numbers_again(self, case: Case) -> None:
        """Whatever `training.epochs` says; and the memory is what was estimated."""
        config = _configured(case)
        first, again = (_numbers(_epochs(config, _data(case))) for _ in range(2))
        assert first == again
        assert [(row["epoch"], row["status"]) for row in first] == [(1, "complete")]
        assert peak_memory_mb(CPU) < MEMORY_RATIO * expected_memory_mb(config)


class FittedConformance(FittedRunConformance, _Specified):
    """What a method that is fitted at once must do beside that, once."""

    def test_predicts_molecules_that_it_has_not_seen(self, case: Case) -> None:
        """A third of what the mean of the labels gets wrong, or it has learnt nothing."""
        (row,) = _epochs(_configured(case), _data(case))
        assert row.validation_rmse < 0.35

    def test_a_setting_of_no_meaning_is_refused(self, case: Case) -> None:
        """Every dimension of the space is read from the configuration."""
        base = base_of(case.method, TrialConfig())
        for dimension in _spec(case).space:
            wrong: Value = "nonsense" if isinstance(dimension, Choice) else -1
            if not isinstance(dimension, Choice) or isinstance(dimension.choices[0], str):
                with pytest.raises(InputDataError, match=dimension.path):
                    build_method(with_values(base, {dimension.path: wrong}), case.sources)


class _Draw:
    """Draws every dimension by chance."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self._random.uniform(low, high)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        return self._random.randrange(low, high + 1, step)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:  # noqa: ANN401 - one of the choices
        return self._random.choice(choices)


def _configured(case: Case, **training: Any) -> TrialConfig:  # noqa: ANN401 - fields of TrainingConfig
    small = {"epochs": 3, "epoch_steps": 1, "batch_size": 20, "source_epochs": 2} | training
    return with_values(base_of(case.method, TrialConfig(training=TrainingConfig(**small))), case.settings)


def _exported(config: TrialConfig, pair: PairData, target: TaskSpec, folder: Path) -> TrainingRun | FittedRun:
    """Train, and export to the folder `export` in a folder."""
    run = single_run(config, pair)
    list(run.epochs())
    run.save(folder / "checkpoint")
    spec = PairSpec(target, tuple(TaskSpec(source.property) for source in pair.sources))
    member = Member(folder / "checkpoint", TrialSpec(spec, "random", config=config), pair)
    export_model([member], pair, folder / "export", {})
    return run


def _data(case: Case) -> PairData:
    return _pair(sources=case.sources)


def _epochs(config: TrialConfig, pair: PairData) -> list[EpochResult]:
    return list(single_run(config, pair).epochs())


def _uninterrupted(case: Case) -> tuple[TrialConfig, PairData, list[EpochResult]]:
    """A configuration with dropout, its pair and its results; a case is trained once for all tests that ask."""
    key = repr(case)
    if key not in _trained:
        config, pair = with_values(_configured(case), {"embedding.dropout": 0.2}), _data(case)
        _trained[key] = config, pair, list(fit(config, pair))
    return _trained[key]


def _built(case: Case, molecules: int) -> tuple[Method, PairBatch]:
    """The untrained model, and a batch of its pair."""
    model = build_method(_configured(case), case.sources)
    assert isinstance(model, Method)
    batch = TrainingData(_data(case), model.embedding_kinds, CPU).batch(torch.arange(molecules))
    model.fit_inputs(batch.molecules)
    return model, batch


def _spec(case: Case) -> MethodSpec:
    return find_method(method_of(case.method).method)


def _numbers(rows: Iterable[EpochResult]) -> list[dict[str, Any]]:
    """Epoch results without what depends on the machine."""
    return [{k: v for k, v in dataclasses.asdict(row).items() if k not in MACHINE_DEPENDENT} for row in rows]
