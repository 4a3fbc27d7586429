"""Models trained as one array give what each gives by itself, whatever happens to another."""

import copy
import dataclasses
import math

import pytest
import torch

from gear.config import TrialConfig
from gear.testing.pairs import synthetic_pair
from gear.training.checkpoint import read_state, write_state
from gear.training.fusing import can_be_fused, runs_with_one_store
from gear.training.loop import TrainingRun
from gear.training.together import Together
from gear.variants import with_values

# numbers of labels whose batches, and whose numbers of steps at 20 molecules each, differ
LABELS = (60, 61, 53)
# an array sums in another order, which training magnifies: relative differences in the first epoch and after it
FIRST, TOLERANCE = 3e-3, 1e-2


@pytest.fixture(scope="module")
def pairs():
    return [synthetic_pair(labels, 40 + seed, seed=seed) for seed, labels in enumerate(LABELS)]


def configs_of(config, **training):
    each = [dataclasses.replace(config, seed=seed) for seed in range(len(LABELS))]
    return [dataclasses.replace(one, training=dataclasses.replace(one.training, **training)) for one in each]


def trained_together(configs, pairs):
    """The rows of every run."""
    assert can_be_fused(configs, pairs)
    rows = [[] for _ in configs]
    for results in Together(runs_with_one_store(configs, pairs, "cpu")).epochs():
        for member, row in results.items():
            rows[member].append(row)
    return rows


def trained_apart(configs, pairs):
    return [list(TrainingRun(*one, "cpu").epochs()) for one in zip(configs, pairs, strict=True)]


def assert_same(together, apart):
    for ours, theirs in zip(together, apart, strict=True):
        assert [row.epoch for row in ours] == [row.epoch for row in theirs]
        assert [(row.status, row.reason) for row in ours] == [(row.status, row.reason) for row in theirs]
        for row, expected in zip(ours, theirs, strict=True):
            assert row.validation_rmse == pytest.approx(expected.validation_rmse, rel=TOLERANCE)
            close = FIRST if row.epoch == 1 else TOLERANCE
            assert row.train_loss == pytest.approx(expected.train_loss, rel=close, abs=1e-4)
            assert row.validation_loss == pytest.approx(expected.validation_loss, rel=TOLERANCE)
            assert row.skipped_steps == expected.skipped_steps


# more directions than an untrained latent space has would be those of rounding errors
GEAR = {"curvature.slice_rank": 3, "curvature.molecules": 8, "curvature.every": 1}
CASES = {
    "stl": {},
    "stl, dropout": {"embedding.dropout": 0.3, "embedding.aggregation": "mean"},
    "stl, dropout of every atom": {"embedding.dropout": 0.3, "embedding.dropout_place": "atoms"},
    "stl, attentive": {"embedding.aggregation": "attentive", "embedding.dropout": 0.2},
    "gear": GEAR,
    "gear, direct": GEAR | {"transfer.prediction": "direct", "training.warm_start": False},
    "gear, dropout": GEAR | {"curvature.matching": "distance", "embedding.dropout": 0.2},
    "gear, every second step": GEAR | {"curvature.every": 2, "training.batch_size": 25},
    "gate": {},
}


@pytest.mark.parametrize("method", ["stl", "gear", "gate"])
def test_a_step_has_the_terms_and_gradients_of_each_model(method, pairs, quick_config):
    configs = configs_of(with_values(quick_config(method), GEAR | {"weights.dist": 0.0}))
    runs = runs_with_one_store(configs, pairs, "cpu")
    rows = [torch.arange(20 + member) for member in range(len(runs))]
    each = [copy.deepcopy(run.model).train() for run in runs]
    apart = []
    for run, model, chosen in zip(runs, each, rows, strict=True):
        apart.append(model.loss_terms(run.data.batch(chosen), 0, torch.Generator().manual_seed(1)).terms)
        model.total(apart[-1]).backward()
    array = Together(runs)
    array.model.train()
    found = array.model.joint_terms(array._batch(rows), 0, [torch.Generator().manual_seed(1) for _ in runs]).terms
    array._total(found).sum().backward()
    for name, term in found.items():
        torch.testing.assert_close(term, torch.stack([terms[name] for terms in apart]), rtol=1e-5, atol=1e-5)
    for member, model in enumerate(each):
        theirs = dict(model.named_parameters())
        for name, parameter in array.model.named_parameters():
            if parameter.grad is not None and not name.endswith("encoder.body.2.bias"):  # rounding: a norm follows it
                mine = parameter.grad.unflatten(0, (-1, len(each)))[:, member].reshape(theirs[name].shape)
                largest = float(theirs[name].grad.abs().max())
                torch.testing.assert_close(mine, theirs[name].grad, rtol=1e-3, atol=5e-4 * largest + 1e-6)


@pytest.mark.parametrize("case", CASES)
def test_an_array_gives_what_each_run_gives_by_itself(case, pairs, quick_config):
    configs = configs_of(with_values(quick_config(case.split(",")[0], source_epochs=1), CASES[case]))
    assert_same(trained_together(configs, pairs), trained_apart(configs, pairs))


@pytest.mark.parametrize("method", ["gear", "gate"])
def test_each_begins_with_the_sources_as_long_as_it_is_to(method, pairs, quick_config):
    configs = configs_of(with_values(quick_config(method), GEAR))
    starts = [(True, 3), (False, 3), (True, 1)]
    configs = [
        with_values(config, {"training.warm_start": warm, "training.source_epochs": passes})
        for config, (warm, passes) in zip(configs, starts, strict=True)
    ]
    assert_same(trained_together(configs, pairs), trained_apart(configs, pairs))


def test_two_sources_too(quick_config):
    pairs = [synthetic_pair(60 + seed, 40, seed=seed, sources=2) for seed in range(3)]
    configs = configs_of(with_values(quick_config("gear"), GEAR))
    assert_same(trained_together(configs, pairs), trained_apart(configs, pairs))


def test_a_source_may_have_more_steps_than_another(quick_config):
    pairs = [synthetic_pair(60, 50 + 40 * seed, seed=seed) for seed in range(2)]
    assert [len(pair.sources[0].train.rows) for pair in pairs] == [40, 80]  # one step and two, of 40 molecules each
    configs = configs_of(with_values(quick_config("gear"), GEAR))[:2]
    assert_same(trained_together(configs, pairs), trained_apart(configs, pairs))


def test_rates_and_weights_may_differ(pairs, quick_config):
    config = with_values(quick_config("gate"), {"weights.dist": 1.0})
    configs = configs_of(config)
    configs[1] = with_values(configs[1], {"training.learning_rate": 0.001, "training.ema": 0.5, "weights.auto": 1.0})
    assert_same(trained_together(configs, pairs), trained_apart(configs, pairs))


def test_a_run_that_fails_leaves_and_does_not_touch_the_others(pairs, quick_config):
    configs = configs_of(quick_config("stl", epochs=4))
    healthy = trained_together(configs, pairs)
    runs = runs_with_one_store(configs, pairs, "cpu")
    runs[1].data.labels.fill_(math.inf)
    rows = [[] for _ in configs]
    for results in Together(runs).epochs():
        for member, row in results.items():
            rows[member].append(row)
    assert [row.status for row in rows[1]] == ["failed"]
    assert "diverged" in rows[1][0].reason
    assert torch.equal(next(runs[1].model.parameters()), next(TrainingRun(configs[1], pairs[1]).model.parameters()))
    for member in (0, 2):
        assert rows[member][0].validation_rmse == healthy[member][0].validation_rmse  # the same array, the same bits
        assert [row.validation_rmse for row in rows[member]] == pytest.approx(
            [row.validation_rmse for row in healthy[member]], rel=TOLERANCE
        )


def test_a_run_that_stops_early_leaves(pairs, quick_config):
    configs = configs_of(quick_config("gate", epochs=5, patience=1, ema=0.0))
    configs[0] = with_values(configs[0], {"training.learning_rate": 1e-9})
    together = trained_together(configs, pairs)
    assert together[0][-1].reason == "early stopping"
    assert len(together[0]) < max(map(len, together))
    assert_same(together, trained_apart(configs, pairs))


@pytest.mark.parametrize("method", ["stl", "gate"])
def test_an_array_goes_on_from_checkpoints_with_the_same_numbers(method, pairs, quick_config, tmp_path):
    configs = configs_of(with_values(quick_config(method, epochs=4), {"embedding.dropout": 0.2}))
    whole = trained_together(configs, pairs)
    runs = runs_with_one_store(configs, pairs, "cpu")
    epochs = Together(runs).epochs()
    next(epochs), next(epochs)
    again = runs_with_one_store(configs, pairs, "cpu")
    for member, (run, other) in enumerate(zip(runs, again, strict=True)):
        run.save(tmp_path / str(member))
        other.restore(tmp_path / str(member))
    alone = TrainingRun(configs[0], pairs[0], "cpu")
    alone.restore(tmp_path / "0")
    for epoch, results in enumerate(Together(again).epochs(), start=2):
        for member, row in results.items():
            assert row.validation_rmse == whole[member][epoch].validation_rmse
            assert row.train_loss == whole[member][epoch].train_loss
    # a run may also go on by itself
    rest = [row.validation_rmse for row in alone.epochs()]
    assert rest == pytest.approx([row.validation_rmse for row in whole[0][2:]], rel=TOLERANCE)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("mtl", {}),
        ("svr", {}),
        ("stl", {"embedding.kind": "descriptors"}),
        ("gear", {"embedding.source_kind": "text"}),
        ("gear", {"curvature.molecules": 32}),
        ("gear", GEAR | {"curvature.every": 2}),
    ],
)
def test_what_cannot_be_fused(method, changes, pairs, quick_config):
    assert not can_be_fused(configs_of(with_values(quick_config(method), changes)), pairs)


def test_other_shapes_cannot_be_fused(pairs):
    one, other = TrialConfig(method="stl"), with_values(TrialConfig(method="stl"), {"embedding.width": 32})
    assert can_be_fused([one, one], pairs[:2])
    assert not can_be_fused([one, other], pairs[:2])
    assert not can_be_fused([one], pairs[:1])


def test_moments_are_saved_by_the_names_that_branches_have_by_themselves(pairs, quick_config, tmp_path):
    """As an earlier version did, whose checkpoints lack those of what it had not trained yet."""
    run = TrainingRun(quick_config("gear"), pairs[0], "cpu")
    next(run.epochs())
    run.save(tmp_path / "new")
    tensors, state = read_state(tmp_path / "new")
    weights = [tensor for tensor in run.model.state_dict(keep_vars=True).values() if tensor.requires_grad]
    for index, weight in enumerate(weights):
        assert tensors[f"optimizer.{index}.exp_avg"].shape == weight.shape
    assert f"optimizer.{len(weights)}.exp_avg" not in tensors
    write_state(tmp_path / "old", {n: t for n, t in tensors.items() if not n.startswith("optimizer.3.")}, state)
    again = TrainingRun(quick_config("gear"), pairs[0], "cpu")
    again.restore(tmp_path / "old")
    (first, _), *_ = again._own_moments()
    assert torch.equal(first, tensors["optimizer.0.exp_avg"])
    assert again.moments.steps == run.moments.steps > 0
