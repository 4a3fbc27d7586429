"""Classical regressors against their libraries, their inputs, and the honesty of the transfer form."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.svm import SVR as Machine

from gear.config import TrialConfig
from gear.errors import InputDataError
from gear.methods import base_of, build_method
from gear.methods.classical import BOOSTING
from gear.methods.classical.boosted_trees import BoostedTrees
from gear.methods.classical.gaussian_process import GaussianProcess
from gear.methods.classical.inputs import InputBlock, MoleculeInputs
from gear.methods.classical.regressor import drawn
from gear.methods.classical.support_vectors import SupportVectors
from gear.methods.classical.untuned import untuned_predictions
from gear.model.input_scaler import CLIP
from gear.training.fitted_run import FittedRun
from gear.variants import with_values

VALUES = hnp.arrays(np.float32, (8, 5), elements=st.floats(-(2.0**99), 2.0**99, width=32) | st.just(np.nan))
CPU = torch.device("cpu")


@pytest.fixture
def data():
    """Inputs and labels to learn from, and inputs to predict."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(60, 5, generator=generator, dtype=torch.float64)
    noise = 0.05 * torch.randn(60, generator=generator, dtype=torch.float64)
    return inputs, (3 * inputs.sum(1)).sin() + noise, torch.rand(9, 5, generator=generator, dtype=torch.float64)


def test_support_vectors_predict_as_scikit_learn_does(data):
    inputs, labels, asked = data
    mine, theirs = SupportVectors(10.0, 0.02, 0.3), Machine(C=10.0, epsilon=0.02, gamma=0.3)
    mine.fit(inputs, labels)
    np.testing.assert_allclose(mine(asked), theirs.fit(inputs, labels).predict(asked), rtol=1e-9)


@pytest.mark.parametrize("kernel", ["matern", "rbf"])
@pytest.mark.parametrize("linear", [False, True])
def test_a_process_predicts_as_scikit_learn_does(data, kernel, linear, monkeypatch):
    inputs, labels, asked = data
    fitted = []
    plain = GaussianProcessRegressor.fit
    monkeypatch.setattr(GaussianProcessRegressor, "fit", lambda self, *xy: fitted.append(plain(self, *xy)) or self)
    mine = GaussianProcess(kernel, linear, 1e-3)
    mine.fit(inputs, labels)
    np.testing.assert_allclose(mine(asked), fitted[0].predict(asked.numpy()), rtol=1e-6, atol=1e-8)


def test_a_process_without_the_points_of_a_group_is_the_process_of_the_others(data):
    inputs, labels, asked = data
    group = torch.arange(60) // 2
    whole = GaussianProcess("matern", True, 1e-3)
    whole.fit(inputs, labels)
    found = whole.predict_without_own(
        torch.cat([inputs[:4], asked]), torch.tensor([0, 0, 1, 1, *range(98, 107)]), group
    )
    apart = GaussianProcess("matern", True, 1e-3)
    apart.likeliest = whole.likeliest
    apart.condition(inputs[2:], labels[2:])
    torch.testing.assert_close(found[:2], apart(inputs[:2]))
    torch.testing.assert_close(found[4:], whole(asked))
    assert not torch.allclose(found[:4], whole(inputs[:4]))


def test_trees_are_read_again_from_their_bytes(data):
    inputs, labels, asked = data
    one, other = (BoostedTrees.of(BOOSTING.settings) for _ in range(2))
    one.fit(inputs, labels)
    other.trees = one.trees.clone()
    assert bytes(one.trees[:4].tolist()) == b"tree"
    torch.testing.assert_close(other(asked), one(asked), rtol=0, atol=0)
    assert (one(inputs) - labels).square().mean() < labels.var() / 4


@given(VALUES, VALUES)
def test_inputs_are_finite_bounded_and_only_those_that_vary(train, test):
    block = InputBlock(5, log_modulus=True)
    block.fit(torch.from_numpy(train))
    varying = int(block.scaler.varying.sum())
    for values in (train, test):
        inputs = block(torch.from_numpy(values))
        assert inputs.shape == (8, varying)
        assert (inputs.abs() <= CLIP).all()


@pytest.mark.parametrize("standardised", [True, False])
def test_variances_of_a_block_sum_to_one(standardised):
    values = torch.rand(50, 7, generator=torch.Generator().manual_seed(0)) * torch.arange(7)
    block = InputBlock(7, standardised=standardised)
    block.fit(values)
    variances = block(values).var(0, correction=0)
    assert float(variances.sum()) == pytest.approx(1)
    assert bool(variances.max() < 1.01 * variances.min()) == standardised


def test_columns_of_small_numbers_are_read_by_classical_methods_and_by_the_reference():
    values = torch.rand(40, 1, generator=torch.Generator().manual_seed(0))
    inputs = MoleculeInputs("descriptors")
    inputs.read_columns(1)
    inputs.blocks["columns"].fit(1e-9 * values)
    assert inputs.blocks["columns"].scaler.varying.tolist() == [True]
    blocks = [torch.zeros(40, 2), 1e-9 * values]
    predicted = untuned_predictions(blocks, values[:, 0].double(), blocks)
    torch.testing.assert_close(predicted, values[:, 0].double(), rtol=0, atol=0.1)


def test_no_more_labels_are_drawn_than_wanted_and_none_twice():
    rows = torch.arange(10, 30)
    assert sorted(drawn(rows, 100, 0).tolist()) == rows.tolist()
    some = drawn(rows, 5, 0).tolist()
    assert len({*some}) == 5
    assert {*some} <= {*rows.tolist()}
    assert some == drawn(rows, 5, 0).tolist() != drawn(rows, 5, 1).tolist()


def told_of_source(pair, spoil):
    """What the target is told of its training molecules, and those among them that the source knows."""
    run = FittedRun(base_of("delta", TrialConfig()), pair, "cpu")
    rows, source = run.data.train_rows
    shared = rows[torch.isin(rows, source)]
    if spoil:
        run.data.labels[shared[0], 1] = 5.0
    batch = run.data.batch(torch.cat([rows, source]).unique())
    place = {row: index for index, row in enumerate(torch.cat([rows, source]).unique().tolist())}
    asked = torch.tensor([place[row] for row in shared.tolist()])
    model = run.model.of_sources[0]
    return model.fit(batch.molecules, batch.labels[:, 1], asked, 0), model.process.likeliest


def test_a_prediction_of_the_source_does_not_know_the_molecules_own_label(pair, monkeypatch):
    parameters = (0.9, 1.5, 0.0, 0.05)
    monkeypatch.setattr(GaussianProcess, "_most_likely", lambda *_: parameters)
    honest, _ = told_of_source(pair, spoil=False)
    other, _ = told_of_source(pair, spoil=True)
    assert other[0] == pytest.approx(float(honest[0]), abs=1e-9)
    assert (other[1:] != honest[1:]).all()


def test_a_source_that_is_the_target_is_believed(pair):
    twin = dataclasses.replace(pair, sources=(dataclasses.replace(pair.target, property="twin"),))
    few = dataclasses.replace(twin, target=_few(twin.target, 12))
    config = with_values(base_of("delta", TrialConfig()), {"settings.form": "residual"})
    run = FittedRun(config, few, "cpu")
    (row,) = run.epochs()
    alone = next(FittedRun(base_of("gp", TrialConfig()), few, "cpu").epochs())
    assert row.validation_rmse < 0.8 * alone.validation_rmse
    assert row.validation_loss.keys() == {"target", "source"}


def _few(task, count):
    part = task.train
    return dataclasses.replace(
        task,
        train=dataclasses.replace(part, smiles=part.smiles[:count], value=part.value[:count], rows=part.rows[:count]),
    )


def test_a_setting_outside_its_choices_is_one_line():
    for method, setting, value, message in (
        ("boosting", "leaves", 1, "must be at least 2, got 1"),
        ("boosting", "feature_share", 1.5, "must be at most 1, got 1.5"),
        ("gp", "least_noise", math.inf, "must be positive and finite, got inf"),
    ):
        with pytest.raises(InputDataError, match=rf"settings\.{setting} {message}"):
            build_method(with_values(base_of(method, TrialConfig()), {f"settings.{setting}": value}))
    config = with_values(base_of("svr", TrialConfig()), {"settings.inputs": "smell"})
    with pytest.raises(InputDataError, match=r"settings\.inputs must be one of descriptors, counts, both, got 'smell'"):
        build_method(config)
