"""Equal surroundings computed once: the message passing of a batch as products with sparse matrices.

The state of a directed bond after t steps depends on nothing but what lies within t bonds behind it, and molecules are
made of few different pieces: of the directed bonds of 64 molecules one in five differs after the first step, one in
three after the second. Bonds, and atoms, that no step can tell apart form a class (the colours of Weisfeiler and
Lehman), and the network computes one state a class. That changes no value and no gradient, only how often a number is
computed.

`gear.model.levels` finds the classes of all molecules, once. `Environments` are those that a batch needs; or several
batches, one for each member of an array of models, whose numbers of states are filled up to the largest.
"""

import functools
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gear.data.molecules.pack import spans, starts
from gear.device import send
from gear.model.incidence import Incidence
from gear.model.levels import Level, Levels

__all__ = ["Environments", "Kinds", "gather_environments"]

Numbers = NDArray[np.int64]


class Environments(NamedTuple):
    """A batch of B molecules as the network computes it: K kinds of atoms, P kinds of directed bonds.

    For G networks computed as one, which read one batch or in turn M, all tensors have a leading dimension G, and the
    matrices have rows and columns for every group; the kinds of all groups come before the states. Counts are by
    member.
    """

    atom_kinds: Tensor  # (K, d_v) features
    bond_kinds: Tensor  # (P, d_v + d_e) features, of the atom that a bond leaves and of the bond
    bonds: tuple[Incidence, ...]  # depth - 1 steps: states of bonds from the P kinds and the states before
    atoms: Incidence  # states of atoms from the K kinds and the last states of bonds
    molecules: Incidence  # from the states of atoms
    atom_counts: Tensor  # (B,)
    bond_counts: tuple[tuple[int, ...], ...]  # states of bonds after each step
    state_counts: tuple[int, ...]  # states of atoms
    molecule_counts: tuple[int, ...]


class Kinds(NamedTuple):
    """Features of all kinds, on a device."""

    atoms: Tensor  # (kinds, d_v)
    bonds: Tensor  # (kinds, d_v + d_e)


def gather_environments(
    levels: Levels, members: Sequence[Numbers], depth: int, kinds: Kinds, groups: int | None = None
) -> Environments:
    """What the molecules of a batch need of every level, from the atoms down; copied to the device in one piece.

    Args:
        levels: of the graphs.
        members: molecules (B,) of the batch, or of the batches of several models.
        depth: of the network.
        kinds: their features, on the device.
        groups: how many networks are computed as one, a multiple of the number of batches; None for a single one.
    """
    sizes, copies = [len(rows) for rows in members], (groups or 1) // len(members)
    molecules = _Rows.side_by_side(members)
    atoms, atom_start = spans(levels.atom_offset, molecules.number)
    bonds, bond_start = spans(levels.bond_offset, molecules.number)
    of_atom, of_bond = molecules.member_of(atom_start), molecules.member_of(bond_start)
    own = atom_kinds = _Rows.distinct(_taken(levels.atom_kind, atoms), of_atom, sizes)
    bond_kinds = _Rows.distinct(_taken(levels.bond_kind, bonds), of_bond, sizes)
    levels_down = [levels.atoms(depth), *reversed(levels.bonds(depth))]
    of_atoms = _taken(levels_down[0].state, atoms)
    states = _Rows.distinct(of_atoms, of_atom, sizes)
    matrices, counts = [_matrix([(states, 0)], of_atoms, atom_start, molecules, copies)], []
    for level in levels_down:
        counts.append(states.counts)
        items, start = spans(level.start, states.number)
        wanted, of_item = _taken(level.summed, items), states.member_of(start)
        below = bond_kinds if level is levels_down[-1] else _states_below(level, wanted, of_item, sizes)
        matrices.append(_matrix([(own, 0), (below, level.kinds)], wanted, start, states, copies))
        own, states = bond_kinds, below
    arrays = [
        atom_kinds.filled(atom_kinds.number),
        bond_kinds.filled(bond_kinds.number),
        molecules.filled(atom_start[1:] - atom_start[:-1], filling=1),
        *chain.from_iterable(matrices),
    ]
    atom_kind, bond_kind, atom_counts, *rest = _to_device(arrays, kinds.atoms.device)
    last, above, *steps = (Incidence(*rest[i : i + 4]) for i in range(0, len(rest), 4))
    grouped = functools.partial(_grouped, members=len(members), groups=groups)
    return Environments(
        grouped(kinds.atoms.index_select(0, atom_kind)),
        grouped(kinds.bonds.index_select(0, bond_kind)),
        tuple(reversed(steps)),
        above,
        last,
        grouped(atom_counts),
        tuple(reversed(counts[1:])),
        counts[0],
        tuple(sizes),
    )


def _grouped(values: Tensor, members: int, groups: int | None) -> Tensor:
    """The values of all members (M N, ...), repeated for every group (G, N, ...); as they are for a single network."""
    if groups is None:
        return values
    by_member = values.unflatten(0, (members, -1))
    repeated: Tensor = by_member.expand(groups // members, *by_member.shape).flatten(0, 1)
    return repeated


def _states_below(level: Level, wanted: Numbers, of_item: Numbers | None, sizes: Sequence[int]) -> "_Rows":
    """The states that are summed at a level, beside the kinds."""
    is_state = wanted >= level.kinds
    return _Rows.distinct(wanted[is_state] - level.kinds, None if of_item is None else of_item[is_state], sizes)


class _Rows(NamedTuple):
    """What one or several members of an array have, a member's after the other's: kinds, states or molecules."""

    number: Numbers  # (N,)
    member: Numbers | None  # (N,) of the array; None where there is only one
    counts: tuple[int, ...]  # of each member

    @classmethod
    def side_by_side(cls, members: Sequence[Numbers]) -> "_Rows":
        """Those of each member, in this order."""
        counts = [len(numbers) for numbers in members]
        if len(members) == 1:
            return cls(members[0], None, tuple(counts))
        return cls(np.concatenate(members), np.arange(len(counts)).repeat(counts), tuple(counts))

    @classmethod
    def distinct(cls, number: Numbers, member: Numbers | None, sizes: Sequence[int]) -> "_Rows":
        """The different ones of each member, sorted."""
        if member is None:
            found = _distinct(number)
            return cls(found, None, (len(found),))
        span = number.max(initial=0) + 1
        of_member, found = np.divmod(_distinct(member * span + number), span)
        return cls(found, of_member, tuple(np.bincount(of_member, minlength=len(sizes)).tolist()))

    @property
    def longest(self) -> int:
        """How many the member with the most has; the others are filled up to that."""
        return max(self.counts)

    def places(self, width: int, first: int = 0) -> Numbers:
        """Place of each where every member has `width` places, from its place `first` on."""
        place = np.arange(len(self.number))
        if self.member is None:
            return place + first if first else place
        shift = np.arange(len(self.counts)) * width + first - starts(np.array(self.counts))[:-1]
        shifted: Numbers = place + shift[self.member]
        return shifted

    def member_of(self, start: Numbers) -> Numbers | None:
        """The member of each item, where the items of the i-th of these begin at start[i]."""
        return None if self.member is None else self.member.repeat(start[1:] - start[:-1])

    def filled(self, values: Numbers, filling: int = 0) -> Numbers:
        """Values of these, those of every member filled up to the longest."""
        if self.member is None:
            return values
        found = np.full(len(self.counts) * self.longest, filling, np.int64)
        found[self.places(self.longest)] = values
        return found


def _matrix(
    known: Sequence[tuple[_Rows, int]], wanted: Numbers, start: Numbers, rows: _Rows, copies: int
) -> tuple[Numbers, ...]:
    """The arrays of an `Incidence` whose row i sums wanted[start[i] : start[i + 1]], for so many copies of the rows.

    Args:
        known: what the columns are, one part after the other, and from what its numbers are counted on in `wanted`. A
            part has columns for all copies.
        wanted: numbers, one row after the other.
        start: where those of each row begin.
        rows: of the matrix.
        copies: how many.
    """
    members = len(rows.counts)
    sizes = [members * part.longest for part, _ in known]
    span = max(int(part.number.max(initial=0)) + shift for part, shift in known) + 1
    # 16 bits are sorted in linear time
    position = np.empty(span * members, np.min_scalar_type(copies * sum(sizes)))
    first = 0
    for (part, shift), size in zip(known, sizes, strict=True):
        key = part.number + shift if part.member is None else part.member * span + part.number + shift
        position[key] = part.places(part.longest, first)
        first += copies * size
    lengths, of_item = start[1:] - start[:-1], rows.member_of(start)
    columns = position[wanted if of_item is None else of_item * span + wanted]
    summing = rows.places(rows.longest).repeat(lengths)[columns.argsort(kind="stable")]
    row_start = start if rows.member is None else starts(rows.filled(lengths))
    counts = np.bincount(columns, minlength=first)
    if copies == 1:
        return columns, row_start, summing, starts(counts)
    edge = copies * sizes[0]
    by_part = counts[: sizes[0]], counts[edge : edge + sum(sizes[1:])]
    cut = int(by_part[0].sum())
    step = np.where(columns < edge, sizes[0], sum(sizes[1:]))
    height, ones = rows.longest * members, len(columns)
    each = range(copies)
    return (
        np.concatenate([columns + copy * step for copy in each]),
        np.concatenate([*(row_start[:-1] + copy * ones for copy in each), [copies * ones]]),
        np.concatenate([part + copy * height for part in (summing[:cut], summing[cut:]) for copy in each]),
        starts(np.concatenate([part for part in by_part for _ in each])),
    )


def _taken(numbers: np.ndarray, places: Numbers) -> Numbers:
    """Some numbers of a table, whose type is as small as it can be."""
    taken: Numbers = numbers[places].astype(np.int64)
    return taken


def _distinct(numbers: Numbers) -> Numbers:
    """The different ones, sorted; `numpy.unique` is several times slower at these sizes."""
    ordered = np.sort(numbers)
    is_first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def _to_device(arrays: Sequence[Numbers], device: torch.device) -> tuple[Tensor, ...]:
    """The arrays as int32 tensors, by a single copy that a GPU does not wait for."""
    flat = torch.from_numpy(np.concatenate(arrays, dtype=np.int32, casting="same_kind"))
    parts: tuple[Tensor, ...] = send(flat, device).split([len(array) for array in arrays])
    return parts
