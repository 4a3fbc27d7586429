"""From raw values to a table: range checks, a vote across sources, molecules instead of substances.

1. A value outside the property's range takes no part.
2. For each substance the experimental sources vote. Three or more give their median if more than half of them are near
   it. Two must agree, or a mixed source decides which is right. The value of a single source is kept unless the source
   is weak or two mixed sources contradict it. Where no experimental source has a value, mixed sources vote by the same
   rules.
3. Substances that are the same molecule (without stereo) are merged by their median.

`gear.data.builtin.consistency` then drops values that contradict other properties.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from gear.data.builtin.chemicals_tables import Source
from gear.data.builtin.properties import Property

__all__ = ["Entry", "Vote", "in_range", "merge_molecules", "vote"]


class Ballot(NamedTuple):
    """One source's value for a substance."""

    source: str
    value: float


class Vote(NamedTuple):
    """The value that a substance keeps, and the values of the sources that voted."""

    value: float
    kind: str
    ballots: tuple[Ballot, ...]


class Entry(NamedTuple):
    """One molecule of a property's table."""

    smiles: str
    value: float
    kind: str
    sources: str  # names, comma separated
    n_sources: int
    spread: float  # of all values that voted, in the property's unit


def in_range(spec: Property, sources: Iterable[Source]) -> set[int]:
    """CAS numbers with at least one value in the property's range."""
    return {cas for source in sources for cas, value in source.values.items() if spec.minimum <= value <= spec.maximum}


def vote(spec: Property, sources: Iterable[Source]) -> dict[int, Vote]:
    """The agreed value of every substance (by CAS number); those whose sources disagree are left out."""
    trusted: dict[int, list[Ballot]] = defaultdict(list)
    mixed: dict[int, list[Ballot]] = defaultdict(list)
    kinds: dict[int, str] = {}
    for source in sources:
        side = mixed if source.kind == "mixed" else trusted
        for cas, value in source.values.items():
            if spec.minimum <= value <= spec.maximum:
                side[cas].append(Ballot(source.name, value))
                kinds.setdefault(cas, source.kind)
    found = {}
    for cas in trusted.keys() | mixed.keys():
        ballots = trusted[cas] or mixed[cas]
        witnesses = mixed[cas] if trusted[cas] else []
        kind = "mixed" if not trusted[cas] else ("derived" if kinds[cas] == "derived" else "experimental")
        agreed = _decide(spec, ballots, witnesses)
        if agreed is not None and not (spec.experimental_only and kind == "mixed"):
            found[cas] = Vote(agreed, kind, tuple(ballots))
    return found


def _decide(spec: Property, ballots: Sequence[Ballot], witnesses: Sequence[Ballot]) -> float | None:
    """The agreed value, or None where there is none."""
    values = [ballot.value for ballot in ballots]
    if len(values) == 1:
        contradicted = len(witnesses) >= 2 and not any(spec.agree(values[0], w.value) for w in witnesses)
        return None if ballots[0].source in spec.weak or contradicted else values[0]
    if len(values) == 2:
        if spec.agree(*values):
            return values[0]
        confirmed = [value for value in values if any(spec.agree(value, w.value) for w in witnesses)]
        return confirmed[0] if len(confirmed) == 1 else None
    middle = median(values)
    near = sum(spec.agree(value, middle) for value in values)
    return middle if 2 * near > len(values) else None


def merge_molecules(votes: Mapping[int, Vote], molecules: Mapping[int, str]) -> list[Entry]:
    """One entry for each molecule, sorted by SMILES. `molecules` has the SMILES of the substances that are kept."""
    grouped: dict[str, list[Vote]] = defaultdict(list)
    for cas in sorted(votes):
        if cas in molecules:
            grouped[molecules[cas]].append(votes[cas])
    return [_entry(smiles, grouped[smiles]) for smiles in sorted(grouped)]


def _entry(smiles: str, votes: Sequence[Vote]) -> Entry:
    kept = [v for v in votes if v.kind != "mixed"] or list(votes)
    ballots = [ballot for v in kept for ballot in v.ballots]
    values = [ballot.value for ballot in ballots]
    names = list(dict.fromkeys(ballot.source for ballot in ballots))
    spread = max(values) - min(values)
    return Entry(smiles, median(v.value for v in kept), kept[0].kind, ", ".join(names), len(names), spread)
