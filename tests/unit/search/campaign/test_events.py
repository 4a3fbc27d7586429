"""Events as they are written and read."""

import json

import pytest

from search.campaign.events import (
    BlendFinished,
    BlendMember,
    EvaluationBegun,
    Launched,
    StudyFinished,
    decode,
    encode,
)

BLEND = BlendFinished(
    pair="hv_from_ds",
    split="random",
    members=[BlendMember("hv_from_ds.random.gear", 3, 2), BlendMember("hv_from_ds.random.stl", 0, 1)],
    candidates={"hv_from_ds.random.gear": [1, 3], "hv_from_ds.random.stl": [0]},
    selected_rmse=0.3,
    expected_rmse=0.4,
    single_rmse=0.5,
    validation_rmse=0.36,
    test_evaluations=1,
    scores={"rmse": 0.45, "rmse_low": 0.4, "n": 50},
)


LAUNCHED = Launched("2026-11-27T12:00:00+00:00", {"torch": "2.13.0", "commit": "1a2b3c"})


@pytest.mark.parametrize("event", [BLEND, LAUNCHED, EvaluationBegun("hv_from_ds.random.gear")])
def test_an_event_is_read_as_it_was_written(event):
    assert decode(json.loads(json.dumps(encode(event)))) == event


def test_the_numbers_of_a_blend_say_which_part_they_are_of():
    assert BLEND.name == "hv_from_ds.random.blend"
    assert BLEND.better
    assert BLEND.numbers == {
        "validation_rmse": 0.36,
        "selected_rmse": 0.3,
        "expected_rmse": 0.4,
        "single_rmse": 0.5,
        "test_rmse": 0.45,
        "test_rmse_low": 0.4,
        "test_n": 50.0,
    }


def test_a_models_own_validation_error_is_left_out_where_a_mean_chose_it():
    scores = {"rmse": 0.5, "validation_rmse": 0.3, "validation_mae": 0.2}
    assert StudyFinished("s", 0, 0.3, 1, scores).numbers["validation_mae"] == 0.2
    assert "validation_mae" not in StudyFinished("s", 0, 0.4, 1, scores).numbers
