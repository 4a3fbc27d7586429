"""The curvature term of GEAR: live where it can be, named and skipped where it cannot."""

import copy
import dataclasses

import pytest
import torch
from torch.func import functional_call, jacfwd, vmap

from gear.config import CurvatureConfig, TransferConfig, TrialConfig
from gear.errors import InputDataError
from gear.geometry import principal_directions, scalar_curvature
from gear.grouped import apart
from gear.methods import build_method
from gear.methods.gear.curvature_matching import curvature_at, discrepancy, immersed_dimensions, matched_quantity
from gear.results import EpochResult
from gear.training.batching import TrainingData
from gear.training.loop import fit


def batch_of(pair, size):
    return TrainingData(pair, {"dmpnn"}, torch.device("cpu")).batch(torch.arange(size))


def cold_start(pair, config, seed):
    """An untrained model in training mode and the latent batches of both branches."""
    torch.manual_seed(seed)
    model = build_method(config)
    with torch.no_grad():
        latents = model.latents(batch_of(pair, 100).molecules)
    return model, latents


def autodiff_curvature(transfer, z, directions):
    """Ricci scalars by nested forward-mode autodiff, with gradients for the module's parameters."""
    parameters = dict(transfer.named_parameters())
    origin = torch.zeros(directions.shape[1], dtype=z.dtype)

    def at(point):
        def phi(x):
            return functional_call(transfer, parameters, (point + directions @ x,))

        return jacfwd(phi)(origin), jacfwd(jacfwd(phi))(origin)

    return scalar_curvature(*vmap(at)(z))


CONFIGS = {
    "slice": TrialConfig(),
    "frame": TrialConfig(curvature=CurvatureConfig(immersion="frame"), transfer=TransferConfig(frame=64)),
}


@pytest.mark.parametrize("immersion", CONFIGS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_curvature_is_live_from_a_cold_start_and_right_in_value_and_gradient(immersion, seed, pair):
    config = CONFIGS[immersion]
    model, latents = cold_start(pair, config, seed)
    few = torch.arange(16)
    found = curvature_at(model.branches, latents, few.repeat(2, 1), config.curvature)
    found.scalar.square().mean(1).sum().backward()
    for task, (branch, z) in enumerate(zip(apart(model.branches), latents, strict=True)):
        scalar = found.scalar[task]
        assert (scalar / immersed_dimensions(config)).abs().mean() > 1e-2
        reference = copy.deepcopy(branch.transfer).double()
        rank = config.curvature.slice_rank
        directions = principal_directions(latents, rank)[task] if immersion == "slice" else torch.eye(z.shape[1])
        expected = autodiff_curvature(reference, z[few].double(), directions.double())
        torch.testing.assert_close(scalar.double(), expected, rtol=1e-2, atol=0)
        expected.square().mean().backward()
        for mine, theirs in zip(model.branches.transfer.parameters(), reference.parameters(), strict=True):
            if theirs.grad is not None:
                distance = (mine.grad[task].double() - theirs.grad).norm()
                assert distance <= 1e-2 * theirs.grad.norm()


def test_equal_widths_are_reported_as_flat_and_skipped(pair):
    config = TrialConfig(curvature=CurvatureConfig(immersion="frame"), transfer=TransferConfig(frame=50))
    model = build_method(config)
    assert "identically zero" in model.notes[0]
    batch = batch_of(pair, 30)
    terms = model.loss_terms(batch, 0, torch.Generator()).terms
    assert terms["curv"] == 0
    assert not terms["curv"].requires_grad


def test_slice_keeps_its_curvature_at_the_published_widths():
    assert build_method(TrialConfig()).notes == ()


def test_frame_too_narrow_for_the_latent_space_is_refused():
    config = TrialConfig(curvature=CurvatureConfig(immersion="frame"), transfer=TransferConfig(frame=40))
    with pytest.raises(InputDataError, match=r"widen transfer\.frame"):
        build_method(config)


def test_weights_at_zero_switch_their_term_off(pair):
    config = TrialConfig()
    batch = batch_of(pair, 30)
    for term in ("auto", "cons", "map", "metric", "curv"):
        without = dataclasses.replace(config, weights=dataclasses.replace(config.weights, **{term: 0.0}))
        terms = build_method(without).loss_terms(batch, 0, torch.Generator()).terms
        assert set(terms) == {"reg", "auto", "cons", "map", "metric", "curv"} - {term}


def test_matching_trains_both_transfer_modules(pair):
    model = build_method(TrialConfig())
    batch = batch_of(pair, 60)
    model.loss_terms(batch, 0, torch.Generator()).terms["curv"].backward()
    assert (model.branches.transfer.layers[0].weight.grad.abs().amax((1, 2)) > 0).all()


MATCHINGS = ("ricci", "mean_curvature", "hessian", "distance")


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("by", ["mse", "concordance"])
def test_every_matching_trains_both_transfer_modules(matching, by, pair):
    curvature = CurvatureConfig(matching=matching, discrepancy=by)
    model = build_method(TrialConfig(curvature=curvature))
    batch = batch_of(pair, 100)
    loss = model.loss_terms(batch, 0, torch.Generator()).terms["curv"]
    assert loss > 0
    loss.backward()
    assert (model.branches.transfer.layers[0].weight.grad.abs().amax((1, 2)) > 0).all()


@pytest.mark.parametrize("matching", MATCHINGS)
def test_equal_branches_match(matching, pair):
    model, latents = cold_start(pair, TrialConfig(curvature=CurvatureConfig(matching=matching)), 0)
    few = torch.arange(20).repeat(2, 1)
    same = matched_quantity(model.branches, latents, few, model.config.curvature)
    assert (discrepancy(same, same, model.config.curvature) == 0).all()


@pytest.mark.parametrize("matching", ["hessian", "distance"])
def test_matchings_that_need_no_curvature_live_at_equal_widths(matching, pair):
    curvature = CurvatureConfig(immersion="frame", matching=matching)
    model = build_method(TrialConfig(curvature=curvature, transfer=TransferConfig(frame=50)))
    assert model.notes == ()
    batch = batch_of(pair, 30)
    assert model.loss_terms(batch, 0, torch.Generator()).terms["curv"] > 0


def test_lazy_terms_come_every_kth_step_and_count_k_times(pair):
    config = TrialConfig(curvature=CurvatureConfig(every=3))
    model = build_method(config)
    batch = batch_of(pair, 30)
    steps = [set(model.loss_terms(batch, step, torch.Generator()).terms) for step in range(4)]
    assert [("curv" in terms, "metric" in terms) for terms in steps] == [(s, s) for s in (True, False, False, True)]
    assert model.weight("curv") == 3 * config.weights.curv
    assert model.weight("auto") == config.weights.auto


def test_lazy_terms_are_averaged_over_the_steps_that_had_them(pair, quick_config):
    losses = []
    for every in (1, 5):
        config = quick_config("gear", epochs=1, learning_rate=1e-9)
        config = dataclasses.replace(config, curvature=CurvatureConfig(every=every))
        (row,) = fit(config, pair)
        losses.append(row.train_loss["metric"])
    assert losses[0] == pytest.approx(losses[1], rel=0.2)


def test_epochs_describe_the_latent_spaces(pair, quick_config):
    *_, last = fit(quick_config("gear"), pair)
    assert set(last.geometry) == {
        "participation_ratio", "rho_source", "rho_target", "rho_spread", "rho_correlation"
    }  # fmt: skip
    assert 1 <= last.geometry["participation_ratio"] <= 50
    assert EpochResult.from_metrics(last.epoch, last.metrics()).geometry == last.geometry
