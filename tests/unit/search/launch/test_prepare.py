"""Data that a campaign needs are looked at before its first trial."""

import dataclasses
from types import SimpleNamespace

import pytest

from gear.config import PairSpec, TaskSpec
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
        parts = [SimpleNamespace(rows=range(rows), value=range(rows)) for rows in (80, 10, 10)]
        target = SimpleNamespace(unit="K", train=parts[0], validation=parts[1], parts=lambda: parts)
        split_hash = f"{split} {seed}" + (f" {fold}" if fold else "")
        return SimpleNamespace(split_hash=split_hash, data_hash="d", target=target, sources=())

    monkeypatch.setattr(prepare, "load_pair", load_pair)
    monkeypatch.setattr(prepare, "prepare", lambda kinds, data: None)
    return found


def test_every_fold_that_trials_validate_on_is_divided_beforehand(divided):
    facts = prepare_data(small_plan(splits=("random-n60", "random")), lambda _: None)
    assert divided == {"random-n60": [0, 1, 2, 3, 4], "random": [0]}
    assert facts["hv_from_ds.random-n60"] == {
        "split_hash": "random-n60 0",
        "data_hash": "d",
        "unit": "K",
        "labels": "90",
        "folds_hash": facts["hv_from_ds.random-n60"]["folds_hash"],
    }
    assert "folds_hash" not in facts["hv_from_ds.random"]


def test_what_is_fitted_at_once_is_prepared_for_few_molecules_of_a_source(divided, monkeypatch):
    prepared = {}
    monkeypatch.setattr(prepare, "for_fitted", lambda data: "few")
    monkeypatch.setattr(prepare, "prepare", lambda kinds, data: prepared.update(dict.fromkeys(kinds, data)))
    prepare_data(small_plan(methods=["stl", "svr"]), lambda _: None)
    assert {kind: data == "few" for kind, data in prepared.items()} == {
        "dmpnn": False,
        "descriptors": True,
        "fingerprint": True,
    }


def test_a_fold_without_molecules_ends_the_search_before_its_first_trial(divided):
    with pytest.raises(InputDataError, match="too few groups"):
        prepare_data(small_plan(splits=("scaffold-n60",)), lambda _: None)
    prepare_data(small_plan(splits=("scaffold-n60",), validation_folds=3), lambda _: None)


@pytest.mark.parametrize(
    ("split", "folds", "advised"),
    [("random", 0, True), ("random", 1, False), ("random-n60", 0, False), ("extrapolation-low", 0, False)],
)
def test_a_small_target_whose_split_does_not_say_so_is_told_of_folds(divided, split, folds, advised):
    said = []
    prepare_data(small_plan(splits=(split,), validation_folds=folds), said.append)
    advice = f"hv_from_ds {split}: 10 of 90 labels judge a trial: --validation-folds 5 judges it by more of them"
    assert (advice in said) is advised
    said.clear()
    prepare_data(small_plan(splits=(split,), validation_folds=folds), said.append, new=False)
    assert advice not in said


@pytest.mark.parametrize(
    ("split", "advised"),
    [("random", True), ("scaffold-overlap", True), ("random-cv1", False), ("random-fold2", True), ("file", False)],
)
def test_where_few_molecules_are_tested_a_cross_validation_is_proposed(divided, split, advised):
    said = []
    pairs = (PairSpec(TaskSpec("tg", "mine.csv", "tg", split_column="part"), (TaskSpec("hv"),)),)
    plan = dataclasses.replace(small_plan(), pairs=pairs, splits=(split,))
    prepare_data(plan, said.append)
    (advice,) = [line for line in said if "test the winners" in line] or [""]
    base = split.split("-")[0]
    told = f"only 10 molecules test the winners: --splits {base}-cv tests every molecule once, by 5 searches"
    assert advice == (f"{plan.pairs[0].id} {split}: {told}" if advised else "")
