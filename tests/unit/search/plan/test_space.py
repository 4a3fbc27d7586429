"""Every suggestion is a configuration that can be built, within the bounds of its dimension."""

import dataclasses
import itertools
import math

import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gear.config import EmbeddingConfig, TrainingConfig, TrialConfig
from gear.methods import METHODS, base_of, build_method
from gear.parsing import from_dict, to_dict
from gear.space import Choice
from gear.training.batching import TrainingData
from gear.variants import VARIANTS, get_value, method_of
from search.plan.space import OPTIONAL, defaults, held, space, suggest

BASE = TrialConfig(training=TrainingConfig(epochs=7))


def asked(seed):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()


NAMES = (*METHODS, *VARIANTS)
TRAINED = [name for name, spec in METHODS.items() if not spec.fits_at_once]


@pytest.mark.parametrize("method", NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_every_suggestion_is_valid_and_within_bounds(method, seed):
    trial = asked(seed)
    config = suggest(trial, method, BASE)
    assert from_dict(TrialConfig, to_dict(config)) == config
    assert config.method == method_of(method).method
    for dimension in space(method):
        value = get_value(config, dimension.path)
        drawn = trial.params[dimension.path]
        assert value == (drawn if isinstance(dimension, Choice) else max(drawn, dimension.low))
        assert dimension.holds(value)


@pytest.mark.parametrize("method", NAMES)
def test_the_defaults_lie_in_the_space_and_give_the_base_back(method):
    study = optuna.create_study()
    study.enqueue_trial(defaults(method, BASE))
    assert suggest(study.ask(), method, BASE) == base_of(method, BASE)


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_fixes_what_it_says_and_searches_the_rest_of_its_method(name):
    variant = VARIANTS[name]
    assert {d.path for d in space(name)} == {d.path for d in space(variant.method)} - variant.fixed.keys()
    config = suggest(asked(0), name, BASE)
    assert {path: get_value(config, path) for path in variant.fixed} == variant.fixed
    assert base_of(name, BASE) != base_of(variant.method, BASE) or space(name) != space(variant.method)
    build_method(config)


@pytest.mark.parametrize("method", TRAINED)
def test_every_weight_in_a_space_is_of_a_term_that_the_method_has(method, pair):
    batch = TrainingData(pair, {"dmpnn"}, torch.device("cpu")).batch(torch.arange(20))
    terms = build_method(TrialConfig(method=method)).loss_terms(batch, 0, torch.Generator()).terms
    searched = {d.path.removeprefix("weights.") for d in space(method) if d.path.startswith("weights.")}
    assert searched == terms.keys() - {"reg"}


def test_what_is_not_in_the_space_stays_the_bases():
    base = dataclasses.replace(BASE, curvature=dataclasses.replace(BASE.curvature, immersion="frame"), seed=5)
    config = suggest(asked(0), "gear", base)
    assert (config.curvature, config.seed, config.training.epochs) == (base.curvature, 5, 7)


def test_single_task_learning_has_no_dimension_of_transfer():
    assert not [d.path for d in space("stl") if d.path.startswith(("weights.", "transfer.", "curvature."))]
    assert all({d.path for d in space("stl")} <= {d.path for d in space(method)} for method in TRAINED)


@pytest.mark.parametrize("method", METHODS)
def test_values_have_a_place_in_the_unit_cube(method):
    for dimension in space(method, OPTIONAL):
        if isinstance(dimension, Choice):
            corners = [dimension.place(choice) for choice in dimension.choices]
            assert all(math.dist(*two) == pytest.approx(1) for two in itertools.combinations(corners, 2))
        else:
            assert [*dimension.place(dimension.low), *dimension.place(dimension.high)] == [0, 1]


def test_half_of_all_random_configurations_have_no_dropout():
    rates = [suggest(asked(seed), "stl", BASE).embedding.dropout for seed in range(200)]
    assert 70 < rates.count(0.0) < 130
    assert 0.25 < max(rates) <= 0.3


def test_settings_of_a_configuration_that_the_space_does_not_have_are_not_held():
    network = dataclasses.replace(BASE.embedding, width=57, dropout=0.25)
    found = held(dataclasses.replace(BASE, embedding=network), "stl", BASE)
    assert {d.path for d in space("stl")} - found.keys() == {"embedding.width"}
    assert found["embedding.dropout"] == 0.25


def test_optional_settings_are_searched_on_request():
    vary = ("curvature.every", "training.ema")
    paths = {d.path for d in space("gear", vary)}
    assert paths - {d.path for d in space("gear")} == set(vary)
    assert {d.path for d in space("stl", vary)} - {d.path for d in space("stl")} == {"training.ema"}
    assert {1, 8} <= {suggest(asked(seed), "gear", BASE, vary).curvature.every for seed in range(20)}


def test_search_decides_whether_curvature_is_matched_and_on_request_what_is():
    assert {suggest(asked(seed), "gear", BASE).curvature.matching for seed in range(20)} == {"ricci", "none"}
    vary = ("curvature.matching",)
    assert len(space("gear", vary)) == len(space("gear"))
    assert "distance" in {suggest(asked(seed), "gear", BASE, vary).curvature.matching for seed in range(20)}
    assert "curvature.matching" not in {d.path for d in space("gear-hessian", vary)}


@pytest.mark.parametrize("method", TRAINED)
def test_the_shape_of_pretrained_weights_is_not_searched(method):
    base = dataclasses.replace(BASE, embedding=EmbeddingConfig(width=24, depth=2, pretrained="descriptors"))
    without = {d.path for d in space(method)} - {d.path for d in space(method, base=base)}
    assert without == {"embedding.width", "embedding.depth"}
    found = suggest(asked(0), method, base).embedding
    assert (found.width, found.depth, found.pretrained) == (24, 2, "descriptors")
    assert not without & defaults(method, base).keys()


@pytest.mark.parametrize("path", OPTIONAL)
def test_every_optional_setting_gives_a_model_that_builds(path):
    having = [method for method in METHODS if path in {d.path for d in space(method, (path,))}]
    assert having
    for method in having:
        for seed in range(6):
            build_method(suggest(asked(seed), method, BASE, (path,)))
