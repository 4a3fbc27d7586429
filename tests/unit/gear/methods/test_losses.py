"""The loss terms on hand-made values."""

import pytest
import torch

from gear.methods.losses import concordance_loss, labelled_mse, matching_mse, metric_loss
from gear.methods.pair_batch import PairBatch
from gear.model.molecules import MoleculeBatch

NAN = float("nan")


def column(*values):
    return torch.tensor(values)[:, None]


def test_unlabelled_molecules_do_not_count():
    prediction = torch.tensor([1.0, 5.0, 3.0], requires_grad=True)
    loss = labelled_mse(prediction, torch.tensor([0.0, NAN, 1.0]))
    assert loss.item() == pytest.approx(2.5)
    loss.backward()
    assert prediction.grad.tolist() == [1.0, 0.0, 2.0]


def test_batch_without_labels_has_no_loss():
    assert labelled_mse(torch.ones(3), torch.full((3,), NAN)) == 0


def test_isometry_has_no_metric_loss():
    rotation, _ = torch.linalg.qr(torch.randn(2, 5, 3))
    assert metric_loss(rotation) < 1e-10
    assert metric_loss(2 * rotation) == pytest.approx(9.0, rel=1e-5)


def test_failed_molecules_are_left_out():
    failed = torch.tensor([False, True, False])
    source, target = column(1.0, NAN, 2.0), column(0.0, 7.0, 4.0)
    assert matching_mse(source, target, failed) == pytest.approx(2.5)
    assert matching_mse(source, target, torch.ones(3, dtype=torch.bool)) == 0


def test_concordance_rewards_agreement_that_varies_and_not_collapse():
    some = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
    none_failed = torch.zeros(200, dtype=torch.bool)
    assert concordance_loss(some, some, none_failed) < 1e-3
    assert concordance_loss(some, some + 3, none_failed) > 0.5
    assert concordance_loss(some, -some, none_failed) > 1.9
    constant = torch.ones(200, 1)
    assert concordance_loss(constant, constant, none_failed) == pytest.approx(1.0)
    assert matching_mse(constant, constant, none_failed) == 0


def test_concordance_leaves_failed_molecules_out():
    values = torch.randn(50, 1, generator=torch.Generator().manual_seed(0))
    failed = torch.arange(50) % 5 == 0
    poisoned = torch.where(failed[:, None], NAN, values)
    kept = values[~failed]
    expected = concordance_loss(kept, kept.flip(0), torch.zeros(40, dtype=torch.bool))
    mixed = torch.zeros(50, 1)
    mixed[~failed] = kept.flip(0)
    assert concordance_loss(poisoned, mixed, failed) == pytest.approx(float(expected), rel=1e-5)


def test_losses_of_several_tasks_and_models_are_those_of_each():
    labels, bounds = torch.randn(2, 10, 3), torch.randint(-1, 2, (2, 10, 3))
    labels[0, :4, 1] = torch.nan
    predictions = torch.randn(3, 2, 1, 10)
    joint = PairBatch(MoleculeBatch(10, {}), labels, bounds, (10, 10))
    for model in range(2):
        alone = PairBatch(MoleculeBatch(10, {}), labels[model], bounds[model])
        for task in range(3):
            expected = alone.mse(predictions[task, model, 0], task)
            torch.testing.assert_close(joint.joint_mse(predictions)[task, model, 0], expected)
            torch.testing.assert_close(joint.joint_mse(predictions[task:], task)[0, model, 0], expected)
