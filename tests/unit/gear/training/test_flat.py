"""Clipping, AdamW and averaging in flat arrays give what PyTorch's own give, parameter by parameter."""

import copy

import pytest
import torch
from torch import nn

from gear.config import TrialConfig
from gear.grouped import merge
from gear.methods import build_method
from gear.training.flat import FlatWeights, Moments, Rates

RATES = Rates(0.01, 0.1, clip=0.5, averaged=0.3)


def network():
    return nn.Sequential(nn.Linear(5, 7), nn.SiLU(), nn.Linear(7, 3))


def flat_of(models):
    averages = [copy.deepcopy(model) for model in models]
    whole, average = (models[0], averages[0]) if len(models) == 1 else (merge(models), merge(averages))
    return whole, averages, FlatWeights(whole, average, models, averages, [Moments.none_yet(m) for m in models])


class Reference:
    """The same by PyTorch."""

    def __init__(self, model, rates=RATES):
        self.model, self.average, self.rates = model, copy.deepcopy(model), rates
        self.optimizer = torch.optim.AdamW(model.parameters(), rates.learning_rate, weight_decay=rates.weight_decay)

    def step(self):
        nn.utils.clip_grad_norm_(self.model.parameters(), self.rates.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            for ours, theirs in zip(self.average.parameters(), self.model.parameters(), strict=True):
                ours.lerp_(theirs, self.rates.averaged)


def assert_equal(one, other):
    for ours, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("used", [3, 1])
def test_one_model_is_stepped_as_by_pytorch_and_what_has_no_gradient_is_left_alone(used):
    model = network()
    reference = Reference(copy.deepcopy(model))
    whole, averages, flat = flat_of([model])
    for step in range(5):
        x = torch.randn(20, 5)
        for one in (model, reference.model):
            (one[:used](x) * (step + 1)).square().sum().backward()
        flat.step([RATES])
        reference.step()
    assert whole is model
    assert_equal(model, reference.model)
    assert_equal(averages[0], reference.average)


def test_members_have_rates_of_their_own_and_one_without_is_left_as_it_is():
    models = [build_method(TrialConfig()) for _ in range(3)]
    rates = [RATES, Rates(0.02, 0.0, clip=5.0, averaged=0.1), None]
    references = [Reference(copy.deepcopy(model), rate) for model, rate in zip(models, rates, strict=True) if rate]
    kept = copy.deepcopy(models[2])
    whole, averages, flat = flat_of(models)
    for _ in range(3):
        gradients = [torch.randn_like(parameter) for parameter in whole.parameters()]
        for parameter, gradient in zip(whole.parameters(), gradients, strict=True):
            parameter.grad = gradient.clone()
        for member, reference in enumerate(references):
            for parameter, gradient in zip(reference.model.parameters(), gradients, strict=True):
                parameter.grad = gradient.unflatten(0, (2, 3))[:, member].clone()
            reference.step()
        assert flat.step(rates).all()
    for member, reference in enumerate(references):
        assert_equal(models[member], reference.model)
        assert_equal(averages[member], reference.average)
    assert_equal(models[2], kept)


def test_a_gradient_that_is_not_finite_changes_neither_its_model_nor_another():
    models = [build_method(TrialConfig(method="stl")) for _ in range(2)]
    before = copy.deepcopy(models[1])
    reference = Reference(copy.deepcopy(models[0]))
    whole, _, flat = flat_of(models)
    for parameter in whole.parameters():
        parameter.grad = torch.ones_like(parameter)
        parameter.grad[1, ...] = torch.nan
    for parameter in reference.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    assert flat.step([RATES, RATES]).tolist() == [True, False]
    reference.step()
    assert_equal(models[0], reference.model)
    assert_equal(models[1], before)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_after_a_gradient_that_is_not_finite_the_next_one_trains(wrong):
    model = build_method(TrialConfig(method="stl"))
    reference = Reference(copy.deepcopy(model))
    whole, _, flat = flat_of([model])
    for value, finite in ((wrong, False), (1.0, True)):
        for parameter in whole.parameters():
            parameter.grad = torch.full_like(parameter, value)
        assert flat.step([RATES]).tolist() == [finite]
    for parameter in reference.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    reference.step()
    assert_equal(model, reference.model)


def test_only_the_sources_part_of_what_every_task_has_is_trained_with_the_sources():
    model = build_method(TrialConfig())
    before = copy.deepcopy(model)
    *_, flat = flat_of([model])
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    flat.step([RATES], only_sources=True)
    for ours, theirs in zip(model.parameters(), before.parameters(), strict=True):
        assert torch.equal(ours[0], theirs[0])
        assert (ours[1] != theirs[1]).all()
