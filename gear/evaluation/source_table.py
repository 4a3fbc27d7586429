"""Ranked sources as lines of text, and the command that searches with the best."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from gear.command_line import SCRIPT
from gear.config import TaskSpec
from gear.data.builtin.properties import PROPERTIES
from gear.evaluation.source_ranking import RankedSource, expectation

__all__ = ["Asked", "search_command", "source_lines"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What sources were ranked for.

    Attributes:
        target: a built-in property, or a column of a user's file.
        split: of the target as it was given, None if none was.
        seed: of the split.
        labels: as they were given beside the split, None for all.
    """

    target: TaskSpec
    split: str | None = None
    seed: int = 0
    labels: int | None = None


def source_lines(asked: Asked, ranked: Sequence[RankedSource]) -> list[str]:
    """A table of sources, the most helpful first, and what to do next."""
    width = max(len(one.source.property) for one in ranked)
    lines = [f"{'source':{max(width, 6)}} {'molecules':>9} {'shared':>6} {'r':>6}  expected of a search with it"]
    for one in ranked:
        r = "" if math.isnan(one.correlation) else f"{one.correlation:.2f}"
        lines.append(
            f"{one.source.property:{max(width, 6)}} {one.molecules:9,} {one.shared:6,} {r:>6}  {expectation(one)}"
        )
    known = [
        f"{one.source.property}: {PROPERTIES[one.source.property].name}" for one in ranked if one.source.file is None
    ]
    return [*lines, "", "; ".join(known), "", _advice(asked, ranked[0])]


def search_command(asked: Asked, source: TaskSpec) -> str | None:
    """The search with a source, for a shell; None where no search takes it: a user's own for a built-in target."""
    target = asked.target
    words = [SCRIPT, "run"]
    if target.file is not None:
        words += _own_data(target, source)
    elif source.file is None:
        words += ["--pairs", f"{target.property}_from_{source.property}"]
    else:
        return None
    words += ["--splits", asked.split] if asked.split else []
    words += ["--split-seed", str(asked.seed)] if asked.seed else []
    words += ["--labels", str(asked.labels)] if asked.labels else []
    return shlex.join(words)


def _own_data(target: TaskSpec, source: TaskSpec) -> list[str]:
    """The flags of a target of a user's own with a source."""
    words = ["--target-data", str(target.file), "--target-column", str(target.column)]
    words += ["--target-log"] if target.log10 else []
    words += [] if target.smiles_column == "smiles" else ["--smiles-column", target.smiles_column]
    words += ["--split-column", target.split_column] if target.split_column else []
    words += ["--drop-bad-rows"] if target.drop_bad_rows else []
    words += [] if target.censored == "refuse" else ["--censored", target.censored]
    own = ["--source-data", str(source.file), "--source-column", str(source.column)]
    return words + (own if source.file is not None else ["--source-property", source.property])


def _advice(asked: Asked, best: RankedSource) -> str:
    command = search_command(asked, best.source)
    if command is None:
        name, file = best.source.property, best.source.file
        sure = "" if best.helps else "no source is sure to help; "
        return f"{sure}the first is {name} of {file}, but a built-in target is searched with built-in sources only"
    if best.helps:
        return f"search with the best one: {command}"
    return f"no source is sure to help; a search that compares the first with methods that use none: {command}"
