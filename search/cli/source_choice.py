"""The source that a search takes where none is named: the built-in property that a quick probe finds most helpful."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import get_args

from gear.config import PairSpec, TaskSpec
from gear.data import parse_split
from gear.data.splits.split_name import Modifier, without
from gear.methods import find_method
from gear.variants import method_of
from search.cli.own_data_options import AUTO

__all__ = ["choose_sources", "chosen_for"]

SHOWN = 3  # of the candidates


def choose_sources(target: TaskSpec, args: argparse.Namespace, splits: Sequence[str]) -> tuple[TaskSpec, ...]:
    """The most helpful built-in source of a target, told on the terminal; none where no method asked for needs one.

    Args:
        target: the user's.
        args: the flags of the search.
        splits: that will be searched. No label that they test on is looked at, except under cross-validation, which
            tests on every label; that is told.

    Raises:
        UnknownNameError: a method that does not exist.
        InputDataError, StorageError: the target's file cannot be used.
    """
    if args.methods and not any(_uses_sources(name) for name in args.methods):
        return ()
    from gear.evaluation.source_ranking import built_in_candidates, expectation, rank_sources  # torch, seconds

    labels = [count for split in splits if (count := parse_split(split).labels) is not None]
    split = f"random-n{min(labels)}" if labels else "random"
    tested = [without(other, get_args(Modifier)) for other in splits if parse_split(other).test_fold is None]
    print(f"choosing a source for {target.property}, a minute at the first time ...", file=sys.stderr)
    ranked = rank_sources(
        target, built_in_candidates(target), split, args.split_seed or 0, tested=list(dict.fromkeys(tested))
    )
    for one in ranked[:SHOWN]:
        print(f"  {one.source.property}: {expectation(one)}", file=sys.stderr)
    if not ranked[0].helps:
        print("  no source is sure to help: the search compares with methods that use none", file=sys.stderr)
    if any(parse_split(split).test_fold is not None for split in splits):
        print(
            "  chosen by labels that the folds are tested on, so their gain is stated somewhat too high: name a source "
            "by --source-property for a strict answer",
            file=sys.stderr,
        )
    return (ranked[0].source,)


def chosen_for(pairs: Iterable[PairSpec], args: argparse.Namespace) -> tuple[str, ...]:
    """Ids of the pairs whose sources `choose_sources` chose for these flags."""
    if args.target_data is None or args.source_data or any(code != AUTO for code in args.source_property or ()):
        return ()
    return tuple(pair.id for pair in pairs if pair.target.file is not None)


def _uses_sources(name: str) -> bool:
    return name == "all" or find_method(method_of(name).method).uses_sources
