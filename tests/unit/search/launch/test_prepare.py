"""Data that a campaign needs are looked at before its first trial."""

from types import SimpleNamespace

import pytest

from gear.errors import InputDataError
from search.launch import prepare
from search.launch.prepare import prepare_data
from tests.support.fake_training import small_plan


@pytest.fixture
def divided(monkeypatch):
    """The folds that were divided, by split; fold 3 of a scaffold split has no groups."""
    found = {}

    def load_pair(pair, split, seed, fold=0):
        if split.startswith("scaffold") and fold == 3:
            raise InputDataError("too few groups of molecules")
        found.setdefault(split, []).append(fold)
        return SimpleNamespace(split_hash=f"{split} {seed}", data_hash="d", target=SimpleNamespace(unit="K"))

    monkeypatch.setattr(prepare, "load_pair", load_pair)
    monkeypatch.setattr(prepare, "prepare", lambda kinds, data: None)
    return found


def test_every_fold_that_trials_validate_on_is_divided_beforehand(divided):
    facts = prepare_data(small_plan(splits=("random-n60", "random")), lambda _: None)
    assert divided == {"random-n60": [0, 1, 2, 3, 4], "random": [0]}
    assert facts["hv_from_ds.random-n60"] == {"split_hash": "random-n60 0", "data_hash": "d", "unit": "K"}


def test_a_fold_without_molecules_ends_the_search_before_its_first_trial(divided):
    with pytest.raises(InputDataError, match="too few groups"):
        prepare_data(small_plan(splits=("scaffold-n60",)), lambda _: None)
    prepare_data(small_plan(splits=("scaffold-n60",), validation_folds=3), lambda _: None)
