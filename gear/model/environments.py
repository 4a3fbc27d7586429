"""Equal surroundings computed once: the message passing of a batch as products with sparse matrices.

The state of a directed bond after t steps depends on nothing but what lies within t bonds behind it, and molecules are
made of few different pieces: of the directed bonds of 64 molecules one in five differs after the first step, one in
three after the second. Bonds, and atoms, that no step can tell apart form a class (the colours of Weisfeiler and
Lehman), and the network computes one state a class. That changes no value and no gradient, only how often a number is
computed.

`Levels` finds the classes of all molecules, once. `Environments` are those that a batch needs.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gear.data.molecules.pack import PackedGraphs, spans, starts
from gear.device import send
from gear.model.incidence import Incidence

__all__ = ["Environments", "Kinds", "Levels", "gather_environments"]

Numbers = NDArray[np.int64]


class Environments(NamedTuple):
    """A batch of B molecules as the network computes it: K kinds of atoms, P kinds of directed bonds."""

    atom_kinds: Tensor  # (K, d_v) features
    bond_kinds: Tensor  # (P, d_v + d_e) features, of the atom that a bond leaves and of the bond
    bonds: tuple[Incidence, ...]  # depth - 1 steps: states of bonds from the P kinds and the states before
    atoms: Incidence  # states of atoms from the K kinds and the last states of bonds
    molecules: Incidence  # from the states of atoms
    atom_counts: Tensor  # (B,)


class Kinds(NamedTuple):
    """Features of all kinds, on a device."""

    atoms: Tensor  # (kinds, d_v)
    bonds: Tensor  # (kinds, d_v + d_e)


class Level(NamedTuple):
    """The N states that directed bonds or atoms have at one level, each a sum over a kind and states below.

    The number of a state below is counted on from the kinds.
    """

    state: Numbers  # of each directed bond or atom
    kinds: int
    summed: Numbers  # one state after the other
    start: Numbers  # (N + 1,) where those of each state begin


class Levels:
    """The states of all directed bonds and atoms of packed graphs, level by level, each found when first asked for.

    Args:
        graphs: M molecules. A bond (u, v) is two directed ones, (v, u) after it.
        merged: one state for all that no step can tell apart; or one each, as dropout needs it.
    """

    def __init__(self, graphs: PackedGraphs, *, merged: bool) -> None:
        self.merged = merged
        self.atom_offset, self.bond_offset = graphs.atom_offset, 2 * graphs.bond_offset
        self.atom_kind = graphs.atoms.astype(np.int64)
        ends = graphs.ends + np.repeat(graphs.atom_offset[:-1], np.diff(graphs.bond_offset))[:, None]
        self.source, self.target = ends.ravel(), ends[:, ::-1].ravel()
        self.by_target = np.argsort(self.target, kind="stable")
        self.by_target_start = starts(np.bincount(self.target, minlength=len(self.atom_kind)))
        # a kind of directed bond: the kinds of its bond and of the atom that it leaves
        bond_kind = np.repeat(graphs.bonds.astype(np.int64), 2)
        pair = self.atom_kind[self.source] * (len(graphs.bond_kinds) + 1) + bond_kind
        _, first, self.bond_kind = np.unique(pair, return_index=True, return_inverse=True)
        self.kind_source, self.kind_bond = self.atom_kind[self.source[first]], bond_kind[first]
        self.atom_kinds, self.bond_kinds = len(graphs.atom_kinds), len(first)
        self._bonds: list[Level] = []
        self._atoms: dict[int, Level] = {}

    def bonds(self, depth: int) -> list[Level]:
        """The depth - 1 levels of directed bonds above their kinds."""
        while len(self._bonds) < depth - 1:
            self._bonds.append(self._bond_level(self._below(len(self._bonds) + 1)))
        return self._bonds[: depth - 1]

    def atoms(self, depth: int) -> Level:
        """The level of the atoms, above depth - 1 levels of bonds."""
        if depth not in self._atoms:
            self.bonds(depth)
            self._atoms[depth] = self._atom_level(self._below(depth))
        return self._atoms[depth]

    def _below(self, depth: int) -> Numbers:
        return self._bonds[depth - 2].state if depth > 1 else self.bond_kind

    def _bond_level(self, below: Numbers) -> Level:
        """A bond sums what enters the atom that it leaves, but not itself backwards."""
        label, backwards = _labels(below), np.arange(len(below)) ^ 1
        state, first = self._merge(self._sum_entering(label)[self.source] - label[backwards], self.bond_kind)
        entering, start = self._entering(self.source[first])
        summed = self.bond_kinds + below[entering]
        # the place of the bond itself is taken by its kind
        summed[entering == np.repeat(backwards[first], np.diff(start))] = self.bond_kind[first]
        return Level(state, self.bond_kinds, summed, start)

    def _atom_level(self, below: Numbers) -> Level:
        state, first = self._merge(self._sum_entering(_labels(below)), self.atom_kind)
        entering, start = self._entering(first)
        summed = np.insert(self.atom_kinds + below[entering], start[:-1], self.atom_kind[first])
        return Level(state, self.atom_kinds, summed, start + np.arange(len(start)))

    def _entering(self, atoms: Numbers) -> tuple[Numbers, Numbers]:
        """Directed bonds that enter the atoms, one atom after the other, and where those of each begin."""
        items, start = spans(self.by_target_start, atoms)
        return self.by_target[items], start

    def _sum_entering(self, label: Numbers) -> Numbers:
        total = np.zeros(len(self.atom_kind), np.int64)
        np.add.at(total, self.target, label)
        return total

    def _merge(self, label: Numbers, kind: Numbers) -> tuple[Numbers, Numbers]:
        """State of each bond or atom, and the first bond or atom of each state."""
        if not self.merged:
            each = np.arange(len(kind))
            return each, each
        _, first, state = np.unique(label + _labels(kind, seed=1), return_index=True, return_inverse=True)
        return state, first


def gather_environments(levels: Levels, rows: Numbers, depth: int, kinds: Kinds) -> Environments:
    """What the molecules `rows` (B,) need of every level, from the atoms down; copied to the device in one piece.

    Args:
        levels: of the graphs.
        rows: molecules.
        depth: of the network.
        kinds: their features, on the device.
    """
    atoms, start = spans(levels.atom_offset, rows)
    counts = start[1:] - start[:-1]
    bonds, _ = spans(levels.bond_offset, rows)
    atom_kinds, bond_kinds = _distinct(levels.atom_kind[atoms]), _distinct(levels.bond_kind[bonds])
    top = levels.atoms(depth)
    wanted, states = top.state[atoms], _distinct(top.state[atoms])
    matrices = [_matrix(states, wanted, start)]
    own, levels_down = atom_kinds, [top, *reversed(levels.bonds(depth))]
    for level in levels_down:
        items, start = spans(level.start, states)
        wanted = level.summed[items]
        is_lowest = level is levels_down[-1]
        states = bond_kinds if is_lowest else _distinct(wanted[wanted >= level.kinds]) - level.kinds
        matrices.append(_matrix(np.concatenate([own, level.kinds + states]), wanted, start))
        own = bond_kinds
    arrays = [atom_kinds, bond_kinds, counts, *chain.from_iterable(matrices)]
    atom_kind, bond_kind, atom_counts, *rest = _to_device(arrays, kinds.atoms.device)
    molecules, last, *steps = (Incidence(*rest[i : i + 4]) for i in range(0, len(rest), 4))
    atom_features, bond_features = kinds.atoms.index_select(0, atom_kind), kinds.bonds.index_select(0, bond_kind)
    return Environments(atom_features, bond_features, tuple(reversed(steps)), last, molecules, atom_counts)


def _labels(state: Numbers, seed: int = 0) -> Numbers:
    """A random number for each state: sums of them are equal if the states are, else with a chance of 2^-64 a pair."""
    random = np.random.default_rng(seed).integers(-(2**63), 2**63, state.max(initial=0) + 1)
    labels: Numbers = random[state]
    return labels


def _distinct(numbers: Numbers) -> Numbers:
    """The different ones, sorted; `numpy.unique` is several times slower at these sizes."""
    ordered = np.sort(numbers)
    is_first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


def _matrix(known: Numbers, wanted: Numbers, start: Numbers) -> tuple[Numbers, ...]:
    """The arrays of an `Incidence` with columns `known`, whose row i sums wanted[start[i] : start[i + 1]]."""
    position = np.empty(known.max(initial=0) + 1, np.min_scalar_type(len(known)))  # 16 bits are sorted in linear time
    position[known] = np.arange(len(known))
    columns = position[wanted]
    rows = np.arange(len(start) - 1).repeat(start[1:] - start[:-1])[columns.argsort(kind="stable")]
    return columns, start, rows, starts(np.bincount(columns, minlength=len(known)))


def _to_device(arrays: Sequence[Numbers], device: torch.device) -> tuple[Tensor, ...]:
    """The arrays as int32 tensors, by a single copy that a GPU does not wait for."""
    flat = torch.from_numpy(np.concatenate(arrays, dtype=np.int32, casting="same_kind"))
    parts: tuple[Tensor, ...] = send(flat, device).split([len(array) for array in arrays])
    return parts
