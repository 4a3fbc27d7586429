"""Several networks computed as one: what each gives by itself, and the names that each has by itself."""

import pytest
import torch
from torch import nn

from gear.config import TrialConfig
from gear.geometry import SiluMLP, jacobian, network_curvature
from gear.grouped import apart, load_each, merge, part, split_parameters, stack
from gear.methods import build_method
from gear.model.branch import Branch


def branches(count=3):
    return [Branch(TrialConfig()) for _ in range(count)]


def test_a_stack_gives_the_values_and_gradients_of_its_modules():
    each = branches()
    whole, points = stack(each), torch.randn(3, 20, 64)
    found = whole.head(whole.inverse(whole.transfer(whole.encoder(points))))
    expected = torch.stack([b.head(b.inverse(b.transfer(b.encoder(p)))) for b, p in zip(each, points, strict=True)])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    found.square().sum().backward()
    expected.square().sum().backward()
    for name, parameter in whole.named_parameters():
        theirs = torch.stack([branch.get_parameter(name).grad for branch in each])
        torch.testing.assert_close(parameter.grad, theirs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(whole.encoder.norm.running_var, torch.stack([b.encoder.norm.running_var for b in each]))


def test_its_state_has_the_names_and_the_order_of_a_list_of_modules():
    each = branches()
    whole, listed = nn.Module(), nn.Module()
    whole.branches, listed.branches = stack(each), nn.ModuleList(each)
    assert list(whole.state_dict()) == list(listed.state_dict())
    assert all(torch.equal(tensor, listed.state_dict()[name]) for name, tensor in whole.state_dict().items())
    names = [name for name, *_ in split_parameters(whole)]
    assert names == [name for name, _ in listed.named_parameters()]
    other = nn.ModuleList(branches()).state_dict()
    whole.load_state_dict({f"branches.{name}": tensor for name, tensor in other.items()})
    assert torch.equal(whole.branches.head[0].weight[2], other["2.head.0.weight"])
    with pytest.raises(RuntimeError, match=r"head\.0\.weight"):
        whole.load_state_dict({f"branches.{n}": t for n, t in other.items() if n != "2.head.0.weight"})


def test_parts_share_the_tensors_of_the_whole():
    whole, points = stack(branches()), torch.randn(2, 20, 64)
    part(whole, 1).encoder(points).square().sum().backward()
    gradient = whole.encoder.body[0].weight.grad
    assert (gradient[0] == 0).all()
    assert (gradient[1:] != 0).any()
    assert (whole.encoder.norm.running_mean[0] == 0).all()
    assert (whole.encoder.norm.running_mean[1:] != 0).any()
    with torch.no_grad():
        apart(whole)[2].head[0].weight.fill_(7.0)
    assert (whole.head[0].weight[2] == 7).all()
    assert (whole.head[0].weight[1] != 7).any()


def test_merged_models_have_the_groups_of_a_task_side_by_side():
    models = [build_method(TrialConfig(method="gear")) for _ in range(3)]
    whole = merge(models)
    weight = whole.branches.head[0].weight
    assert len(weight) == 6
    for member, model in enumerate(models):
        assert torch.equal(weight[member], model.branches.head[0].weight[0])
        assert torch.equal(weight[3 + member], model.branches.head[0].weight[1])


def test_the_state_of_one_network_is_given_to_every_group():
    one, whole = Branch(TrialConfig()), stack(branches())
    load_each(whole.head, one.head.state_dict())
    assert all(torch.equal(branch.head[0].weight, one.head[0].weight) for branch in apart(whole))


def test_geometry_of_grouped_networks_is_that_of_each():
    each = [SiluMLP(6, 8, (7, 9)).double() for _ in range(3)]
    whole, z = stack(each), torch.randn(3, 5, 6, dtype=torch.float64)
    directions = torch.linalg.qr(torch.randn(3, 6, 3, dtype=torch.float64))[0]
    found = network_curvature(whole, z, directions)
    for group, network in enumerate(each):
        expected = network_curvature(network, z[group], directions[group])
        torch.testing.assert_close(found.scalar[group], expected.scalar)
        torch.testing.assert_close(found.mean_curvature[group], expected.mean_curvature)
        torch.testing.assert_close(jacobian(whole, z)[group], jacobian(network, z[group]))
