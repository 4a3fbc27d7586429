"""The command that `gear-search data sources` prints: a search reads the target and the source as the probe did."""

import dataclasses
import shlex
import sys

import numpy as np
import pytest

from gear.data import __main__ as data
from gear.data.splits.split_name import with_modifiers
from gear.evaluation import source_ranking
from gear.evaluation.source_ranking import RankedSource
from gear.evaluation.uncertainty import difference
from search.cli.own_data_options import own_pair
from search.cli.run_options import make_parser
from search.plan.campaign_plan import expand_pairs

OWN = ["--target-data", "my table.csv", "--target-column", "Tg"]
SOURCE = ["--source-data", "other.csv", "--source-column", "Tm"]
READ = ["--smiles-column", "SMI", "--drop-bad-rows", "--censored", "learn"]


@pytest.fixture
def advice(monkeypatch, capsys):
    """Lets the probe find the first candidate to halve the error; what it was asked for, and the last line."""

    def given(*words):
        asked = []

        def ranked(target, candidates, split, seed, say):
            asked.append((target, candidates[0], split, seed))
            errors = np.random.default_rng(0).normal(size=60)
            return [RankedSource(candidates[0], 900, 20, 0.8, difference(errors / 2, errors))]

        monkeypatch.setattr(source_ranking, "rank_sources", ranked)
        monkeypatch.setattr(sys, "argv", ["gear-search data", "sources", *words])
        code = data.main()
        out = capsys.readouterr()
        assert code == 0, out.err
        return asked[0], out.out.splitlines()[-1]

    return given


def as_read(task):
    """How a task's table is read; a search names it by letters, and by its whole path."""
    return dataclasses.replace(task, property="", file=task.file and task.file.rpartition("/")[2])


@pytest.mark.parametrize(
    "words",
    [
        OWN,
        [*OWN, *SOURCE],
        [*OWN, "--target-log", *READ],
        [*OWN, *SOURCE, *READ, "--labels", "60", "--split", "scaffold", "--seed", "3"],
        [*OWN, "--split", "file", "--split-column", "the part"],
        ["ct", "--split", "random-n60", "--seed", "2"],
        ["ct", "--labels", "60"],
    ],
    ids=" ".join,
)
def test_the_search_that_is_printed_reads_what_was_probed(words, advice):
    (target, source, split, seed), last = advice(*words)
    _, command = last.split(": ", 1)
    script, name, *flags = shlex.split(command)
    args = make_parser().parse_args(flags)
    (pair,) = own_pair(args) or expand_pairs(args.pairs)
    assert (script, name) == ("gear-search", "run")
    assert as_read(pair.target) == as_read(target)
    assert [as_read(one) for one in pair.sources] == [as_read(source)]
    (searched,) = args.splits or ["random"]  # the one that is probed without a flag
    (labels,) = args.labels or [None]
    assert with_modifiers(searched, labels=labels) == split
    assert (args.split_seed or 0) == seed


def test_no_search_is_printed_that_takes_no_such_pair(advice):
    _, last = advice("ct", *SOURCE)
    assert last == "the first is Tm of other.csv, but a built-in target is searched with built-in sources only"
