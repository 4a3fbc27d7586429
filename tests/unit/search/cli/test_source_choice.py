"""The source that a search takes where none is named."""

import argparse

import numpy as np
import pytest

from gear.config import TaskSpec
from gear.evaluation import source_ranking
from gear.evaluation.source_ranking import RankedSource
from gear.evaluation.uncertainty import difference
from search.cli.source_choice import choose_sources

MINE = TaskSpec("tg", "mine.csv", "tg")


@pytest.fixture
def probed(monkeypatch):
    """Lets the probe find `hv` to halve the error; keeps the split and the seed that it was asked for."""
    asked = []

    def ranked(target, candidates, split, seed, *, tested):
        asked.append((split, seed, tested))
        errors = np.random.default_rng(0).normal(size=60)
        return [RankedSource(TaskSpec("hv"), 900, 20, 0.8, difference(errors / 2, errors))]

    monkeypatch.setattr(source_ranking, "rank_sources", ranked)
    return asked


def flags(**given):
    return argparse.Namespace(**{"methods": None, "split_seed": None, **given})


def test_the_first_of_the_ranking_is_taken_and_told(probed, capsys):
    splits = ("random", "random-n120", "random-n60", "scaffold-n60", "random-overlap-outliers10")
    assert choose_sources(MINE, flags(split_seed=3), splits) == (TaskSpec("hv"),)
    assert probed == [("random-n60", 3, ["random", "scaffold"])]
    told = capsys.readouterr().err
    assert "hv: about 50 % lower error than without a source" in told
    assert "folds" not in told


def test_none_is_looked_for_where_no_method_uses_one(probed):
    assert choose_sources(MINE, flags(methods=["stl", "svr"]), ["random"]) == ()
    assert probed == []


@pytest.mark.parametrize(
    ("splits", "told"), [(["random-cv1"], True), (["random", "scaffold-cv2"], True), (["random-fold1"], False)]
)
def test_a_choice_by_labels_that_folds_are_tested_on_is_told(probed, splits, told, capsys):
    choose_sources(MINE, flags(), splits)
    assert probed == [("random", 0, [split for split in splits if "cv" not in split])]
    assert ("name a source by --source-property for a strict answer" in capsys.readouterr().err) is told
