"""Ranked sources as lines of text, and the command that searches with the best."""

import math
import shlex
from collections.abc import Sequence

from gear.command_line import SCRIPT
from gear.config import TaskSpec
from gear.data.builtin.properties import PROPERTIES
from gear.evaluation.source_ranking import RankedSource, expectation

__all__ = ["search_command", "source_lines"]


def source_lines(target: TaskSpec, ranked: Sequence[RankedSource], labels: int | None) -> list[str]:
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
    return [*lines, "", "; ".join(known), "", _advice(target, ranked[0], labels)]


def search_command(target: TaskSpec, source: TaskSpec, labels: int | None) -> str:
    """The search with a source, for a shell."""
    words = [SCRIPT, "run"]
    if target.file is None:
        words += ["--pairs", f"{target.property}_from_{source.property}"]
    else:
        words += ["--target-data", target.file, "--target-column", str(target.column)]
        words += ["--target-log"] if target.log10 else []
        words += [] if target.smiles_column == "smiles" else ["--smiles-column", target.smiles_column]
        own = ["--source-data", str(source.file), "--source-column", str(source.column)]
        words += own if source.file is not None else ["--source-property", source.property]
    return shlex.join([*words, *(["--labels", str(labels)] if labels else [])])


def _advice(target: TaskSpec, best: RankedSource, labels: int | None) -> str:
    command = search_command(target, best.source, labels)
    if best.helps:
        return f"search with the best one: {command}"
    return f"no source is sure to help; a search that compares the first with methods that use none: {command}"
