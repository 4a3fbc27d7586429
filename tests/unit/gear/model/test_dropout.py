"""Dropout from random bits."""

import pytest
import torch

from gear.model.dropout import Dropout


@pytest.mark.parametrize("p", [0.05, 0.3, 0.9])
def test_drops_its_share_and_keeps_the_mean(p):
    torch.manual_seed(0)
    x = torch.ones(1000, 401, requires_grad=True)
    found = Dropout(p)(x)
    kept = found != 0
    assert abs(1 - kept.float().mean() - p) < 0.003
    torch.testing.assert_close(found[kept], torch.full_like(found[kept], 1 / (1 - p)), rtol=2e-4, atol=0)
    found.sum().backward()
    assert torch.equal(x.grad, found)


def test_entries_are_dropped_independently():
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(20000, 8)) != 0).double()
    correlation = torch.corrcoef(kept.T) - torch.eye(8)
    assert correlation.abs().max() < 0.03


def test_same_seed_drops_the_same():
    masks = []
    for _ in range(2):
        torch.manual_seed(3)
        masks.append(Dropout(0.2)(torch.ones(30, 7)))
    assert torch.equal(*masks)


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_changes_nothing_at_zero_or_outside_training(p, training):
    x = torch.randn(5, 3)
    assert Dropout(p).train(training)(x) is x


def test_members_of_an_array_drop_with_their_own_chances_what_each_would_drop_by_itself():
    chances, rows = [0.0, 0.3, 0.6], [9, 12, 10]
    array = Dropout(0.0)
    array.chances = chances
    array.generators = [torch.Generator().manual_seed(member) for member in range(3)]
    found = array(torch.ones(2 * 3, 12, 8), rows).unflatten(0, (2, 3))
    for member, (chance, count) in enumerate(zip(chances, rows, strict=True)):
        torch.manual_seed(member)
        assert torch.equal(found[:, member, :count], Dropout(chance)(torch.ones(2, count, 8)))
    assert array.generators[0].initial_seed() == 0
    untouched = torch.Generator().manual_seed(0)
    assert torch.equal(array.generators[0].get_state(), untouched.get_state())
