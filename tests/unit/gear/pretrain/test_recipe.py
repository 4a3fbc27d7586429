"""Shapes of pretrained weights, and recipes out of range."""

import pytest

from gear.config import EmbeddingConfig
from gear.errors import InputDataError
from gear.pretrain.recipe import Recipe, Shape


def test_a_shape_is_a_part_of_the_configuration():
    shape = Shape.of(EmbeddingConfig(width=32, depth=5, aggregation="mean", dropout=0.2))
    assert (shape.width, shape.depth, shape.aggregation) == (32, 5, "mean")
    assert str(Shape(32, 5)) == "width 32, depth 5, aggregation norm 10"


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"width": 32}, "embedding.width is 32, but the pretrained weights have 64"),
        ({"depth": 4}, "embedding.depth is 4, but the pretrained weights have 3"),
        ({"aggregation": "sum"}, "embedding.aggregation is sum, but the pretrained weights have norm"),
        ({"aggregation_norm": 100.0}, r"embedding.aggregation_norm is 100.0, but the pretrained weights have 10.0"),
        ({"dropout": 0.2, "kind": "text"}, ""),
    ],
)
def test_a_misfit_names_the_setting(other, says):
    assert Shape(64, 3).misfit(EmbeddingConfig(**other)) == says


def test_the_constant_of_norm_means_nothing_for_other_aggregations():
    assert Shape(64, 3, "mean", 1.0).misfit(EmbeddingConfig(aggregation="mean")) == ""


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"shape": Shape(0, 3)}, "width of at least 1, got 0"),
        ({"shape": Shape(8, -1)}, "depth of at least 1, got -1"),
        ({"shape": Shape(8, 3, "norm", 0.0)}, "aggregation_norm must be positive"),
        ({"shape": Shape(8, 3), "passes": 0}, "passes of at least 1, got 0"),
        ({"shape": Shape(8, 3), "seed": -1}, "the seed of a pretraining must be zero or positive, got -1"),
        (
            {"shape": Shape(8, 3), "environments": -1},
            "number of environments of a pretraining must be zero",
        ),
    ],
)
def test_a_recipe_out_of_range_is_refused(wrong, says):
    with pytest.raises(InputDataError, match=says):
        Recipe(**wrong)
