"""How methods use their sources: warm starts, frozen features, teachers, several sources, different forms of input."""

import re

import pytest
import torch

from gear.config import TrialConfig
from gear.errors import InputDataError
from gear.grouped import apart
from gear.methods import METHODS, build_method, method_class
from gear.testing.pairs import synthetic_pair
from gear.training.batching import TrainingData, epoch_batches
from gear.training.loop import TrainingRun
from gear.training.together import Together
from gear.variants import with_values


def same_weights(one, other):
    theirs = other.state_dict()
    return {name for name, tensor in one.state_dict().items() if torch.equal(tensor, theirs[name])}


def batch_of(pair, size=40, kinds=("dmpnn",)):
    return TrainingData(pair, kinds, torch.device("cpu")).batch(torch.arange(size))


def test_labels_of_held_out_molecules_are_unknown_to_training(pair):
    data = TrainingData(pair, {"dmpnn"}, torch.device("cpu"))
    assert data.labels[data.rows(pair.target.test)].isnan().all()
    assert data.labels[data.rows(pair.target.validation), 0].isnan().all()


@pytest.mark.parametrize("method", ["gear", "gate"])
def test_warm_start_gives_the_target_what_the_source_has_learnt_but_not_its_transfer(method, pair, quick_config):
    run = TrainingRun(quick_config(method, warm_start=True), pair)
    before = apart(build_method(run.config).branches)[0].state_dict()
    Together([run])._begin_with_sources()
    target, source = apart(run.model.branches)
    assert "body.0.weight" in same_weights(target.encoder, source.encoder)
    assert "layers.0.weight" not in same_weights(target.transfer, source.transfer)
    assert not torch.equal(before["encoder.body.0.weight"], target.encoder.body[0].weight)


def test_warm_start_hands_over_all_parts_of_a_joined_embedding_with_their_scaling(pair, quick_config):
    config = with_values(quick_config("gear", warm_start=True), {"embedding.kind": "dmpnn+descriptors"})
    run = TrainingRun(config, pair)
    assert run.model.embeddings[0].network.networks[1].scaler.varying.any()
    Together([run])._begin_with_sources()
    target, source = (embedding.state_dict() for embedding in run.model.embeddings)
    assert all(torch.equal(tensor, source[name]) for name, tensor in target.items())


def test_warm_start_leaves_an_embedding_alone_that_reads_something_else(pair, quick_config):
    config = with_values(quick_config("gear", warm_start=True), {"embedding.source_kind": "text"})
    run = TrainingRun(config, pair)
    before = {name: tensor.clone() for name, tensor in run.model.embeddings[0].state_dict().items()}
    Together([run])._begin_with_sources()
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.model.embeddings[0].state_dict().items())


@pytest.mark.parametrize("method", ["gear", "gate"])
@pytest.mark.parametrize("sources", [1, 2])
def test_target_is_predicted_by_both_ways(method, sources, quick_config):
    pair = synthetic_pair(sources=sources)

    def predicted(changes):
        torch.manual_seed(0)
        model = build_method(with_values(quick_config(method), changes), sources).eval()
        molecules = batch_of(pair).molecules
        with torch.no_grad():
            return model, molecules, model.predict(molecules)

    model, molecules, direct = predicted({"transfer.prediction": "direct"})
    *_, mapped = predicted({"transfer.prediction": "mapped"})
    *_, mean = predicted({})
    with torch.no_grad():
        target, *others = apart(model.branches)
        latents = model.latents(molecules)
        ways = [target.head(target.inverse(b.transfer(z))) for b, z in zip(others, latents[1:], strict=True)]
    torch.testing.assert_close(mapped, sum(ways) / len(ways))
    torch.testing.assert_close(mean, (direct + mapped) / 2)
    assert not torch.allclose(direct, mapped)
    torch.testing.assert_close(predicted({"weights.map": 0.0})[-1], direct)


def test_fine_tuned_head_stands_on_frozen_features(pair, quick_config):
    run = TrainingRun(quick_config("finetune_head", epochs=2), pair)
    rows = run.epochs()
    next(rows)
    network = run.model.network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    next(rows)
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("heads.0.") for name in changed)


def test_fine_tuning_starts_from_the_source_and_moves_on(pair, quick_config):
    run = TrainingRun(quick_config("finetune_all", epochs=1), pair)
    Together([run])._begin_with_sources()
    start = {name: tensor.clone() for name, tensor in run.model.network.state_dict().items()}
    next(run.epochs())
    assert not torch.equal(start["embedding.network.W_h.weight"], run.model.network.embedding.network.W_h.weight)


@pytest.mark.parametrize("method", ["kd", "gsp_kd"])
def test_teacher_is_trained_on_the_source_and_then_left_alone(method, pair, quick_config):
    run = TrainingRun(quick_config(method, epochs=2, source_epochs=10), pair)
    untrained = TrainingRun(quick_config(method), pair).model.source_terms(batch_of(pair))["reg"]
    rows = run.epochs()
    next(rows)
    before = {name: tensor.clone() for name, tensor in run.model.teacher.state_dict().items()}
    next(rows)
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.model.teacher.state_dict().items())
    assert run.model.source_terms(batch_of(pair))["reg"] < untrained


@pytest.mark.parametrize("method", ["kd", "gsp_kd"])
def test_student_that_equals_its_teacher_has_nothing_to_learn_from_it(method, quick_config):
    model = build_method(quick_config(method))
    z = torch.randn(20, 50)
    assert model.unlikeness(z, z) == 0
    assert model.unlikeness(z, torch.randn(20, 50)) > 0


def test_global_structure_does_not_see_a_rotation_of_the_latent_space(quick_config):
    z, (rotation, _) = torch.randn(20, 50), torch.linalg.qr(torch.randn(50, 50))
    assert build_method(quick_config("gsp_kd")).unlikeness(z, z @ rotation) < 1e-10
    assert build_method(quick_config("kd")).unlikeness(z, z @ rotation) > 0.1


def test_distance_term_is_zero_for_equal_branches_and_trains_both(pair, quick_config):
    model = build_method(quick_config("gate"))
    model.loss_terms(batch_of(pair), 0, torch.Generator()).terms["dist"].backward()
    assert (model.branches.transfer.layers[0].weight.grad.abs().amax((1, 2)) > 0).all()
    with torch.no_grad():
        for parameter in model.branches.parameters():
            parameter[1] = parameter[0]
    assert model.loss_terms(batch_of(pair), 0, torch.Generator()).terms["dist"] == 0


SECOND_SOURCE = re.compile(r"(branches|embeddings|heads)\.2\.")


def test_two_equal_sources_weigh_as_much_as_one(pair, quick_config):
    """Terms are averaged over sources, so a weight means the same whatever their number."""
    twice = synthetic_pair(sources=2)
    for method in ("gear", "gate", "mtl"):
        # more directions than the untrained latent space has would be those of rounding errors
        config = with_values(quick_config(method), {"curvature.slice_rank": 4})
        one, two = build_method(config, 1), build_method(config, 2)
        weights = one.state_dict()
        two.load_state_dict({name: weights[SECOND_SOURCE.sub(r"\1.1.", name)] for name in two.state_dict()})
        batch, double = batch_of(pair), batch_of(twice)
        double = double._replace(labels=batch.labels[:, [0, 1, 1]])
        losses = []
        for model, labelled in ((one, batch), (two, double)):
            torch.manual_seed(0)
            losses.append(model.total(model.loss_terms(labelled, 0, torch.Generator().manual_seed(0)).terms))
        torch.testing.assert_close(losses[0], losses[1])


def test_several_sources_share_the_source_rows_of_a_step():
    target, sources = torch.arange(90), [torch.arange(100, 130), torch.arange(200, 500)]
    steps = list(epoch_batches(target, sources, 30, torch.Generator()))
    assert [len(rows) for rows in steps] == [60, 60, 60]
    rows = torch.cat(steps)
    assert sorted(rows[rows < 100].tolist()) == list(range(90))
    assert [int(((rows >= low) & (rows < high)).sum()) for low, high in ((100, 130), (200, 500))] == [45, 45]


@pytest.mark.parametrize(("least", "passes"), [(1, 1), (3, 1), (4, 2), (25, 9)])
def test_an_epoch_is_whole_passes_until_it_has_enough_steps(least, passes):
    target, source = torch.arange(90), torch.arange(100, 500)
    steps = list(epoch_batches(target, [source], 30, torch.Generator(), least))
    assert len(steps) == 3 * passes >= least
    rows = torch.cat(steps)
    assert torch.bincount(rows[rows < 100]).tolist() == [passes] * 90


@pytest.mark.parametrize(
    ("molecules", "size", "sizes"),
    [
        (5, 1, [2, 3]),
        (5, 2, [2, 3]),
        (6, 2, [2, 2, 2]),
        (7, 3, [3, 2, 2]),
        (1, 1, [1]),
    ],
)
def test_no_step_has_a_single_molecule_where_there_are_more(molecules, size, sizes):
    steps = list(epoch_batches(torch.arange(molecules), [], size, torch.Generator()))
    assert [len(rows) for rows in steps] == sizes
    assert sorted(torch.cat(steps).tolist()) == list(range(molecules))


def test_a_step_of_one_molecule_of_each_task_is_left_alone_unless_they_are_the_same():
    target, apart = torch.arange(5), torch.arange(100, 130)
    assert [len(rows) for rows in epoch_batches(target, [apart], 1, torch.Generator())] == [2] * 5
    steps = list(epoch_batches(target, [target], 1, torch.Generator()))
    assert min(map(len, steps)) > 1
    assert set(torch.cat(steps).tolist()) == set(range(5))


@pytest.mark.parametrize("method", ["stl", "finetune_head", "gear"])
@pytest.mark.parametrize("size", [1, 2])
def test_batches_of_one_or_two_molecules_can_be_trained_on(method, size, quick_config):
    config = quick_config(method, batch_size=size, epochs=1, source_epochs=1)
    (row,) = TrainingRun(config, synthetic_pair(9, 9), "cpu").epochs()
    assert row.status == "complete"


@pytest.mark.parametrize("method", [name for name in METHODS if getattr(method_class(name), "one_embedding", False)])
def test_method_with_one_embedding_refuses_two_forms_of_input(method):
    config = with_values(TrialConfig(method=method), {"embedding.source_kind": "text"})
    with pytest.raises(InputDataError, match=r"embedding\.source_kind must be 'same'"):
        build_method(config)


def test_forms_that_no_embedding_reads_are_not_prepared(pair, quick_config):
    config = with_values(quick_config("gear"), {"embedding.kind": "text", "embedding.source_kind": "fingerprint"})
    kinds = build_method(config).embedding_kinds
    assert kinds == {"text", "fingerprint"}
    molecules = batch_of(pair, kinds=kinds).molecules
    assert set(molecules.forms) == kinds
    assert build_method(with_values(config, {"weights.map": 0.0}))
    assert build_method(with_values(quick_config("stl"), {"embedding.source_kind": "text"})).embedding_kinds == {
        "dmpnn"
    }


@pytest.mark.parametrize("name", METHODS)
def test_what_needs_a_source_is_known_before_a_model_is_built(name):
    """A target without a source is refused for these methods, and only for them."""
    assert METHODS[name].uses_sources == build_method(TrialConfig(method=name)).learns_from_sources
    if METHODS[name].uses_sources:
        with pytest.raises(InputDataError, match=f"no source, which method {name} learns from: name one, or use"):
            build_method(TrialConfig(method=name), sources=0)
    else:
        assert build_method(TrialConfig(method=name), sources=0)
