"""The states of all directed bonds and atoms of packed graphs, level by level: the tables of `gear.model.environments`.

They are found block by block, so that the memory which that takes beyond the tables does not grow with the number of
molecules. Tables of graphs that lie in a file of the cache are kept in files too: built once, mapped by every process.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gear.data.array_file import cached_arrays
from gear.data.cache import cache_folder
from gear.data.molecules.pack import PackedGraphs, spans, starts, take
from gear.machine import usable_cpus

__all__ = ["Level", "Levels"]

FORMAT = "1"  # of the files; raised when the content of tables changes
BLOCK = 1 << 20  # directed bonds that are looked at together
MOST = 1 << 29  # directed bonds, whose sums 32 bits can count
KINDS, SUMS, STATES = ("bond_kind", "kind_source", "kind_bond"), ("summed", "start"), ("state",)

Numbers = NDArray[np.int64]
Short = NDArray[np.int32]
Arrays = dict[str, np.ndarray]
Result = TypeVar("Result")


class Level(NamedTuple):
    """The N states that directed bonds or atoms have at one level, each a sum over a kind and states below.

    The number of a state below is counted on from the kinds. All arrays are int32.
    """

    kinds: int
    summed: Short  # one state after the other
    start: Short  # (N + 1,) where those of each state begin
    state: Short  # of each atom; empty at a level of bonds, where only building the next level needs it


class Levels:
    """The levels of packed graphs, each found, or opened, when first asked for.

    Args:
        graphs: M molecules. A bond (u, v) is two directed ones, (v, u) after it.
        kinds: arrays `KINDS`, if they are known, of all directed bonds and of the kinds that these are of.
        merged: one state for all that no step can tell apart; or one each, as some dropout needs it.

    Raises:
        OverflowError: the molecules have more bonds than 32 bits can count.
    """

    def __init__(self, graphs: PackedGraphs, kinds: Arrays | None = None, *, merged: bool = True) -> None:
        self.graphs, self.merged = graphs, merged
        self.atom_offset, self.bond_offset = graphs.atom_offset, 2 * graphs.bond_offset
        if self.bond_offset[-1] > MOST:
            raise OverflowError(f"{len(graphs):,} molecules have more than {MOST // 2:,} bonds, too many for one table")
        self.atom_kind, self.atom_kinds = graphs.atoms, len(graphs.atom_kinds)
        self._whole: _Block | None = None  # where one block is enough
        found = kinds or self._kept("kinds", KINDS, self._find_kinds)
        self.bond_kind, self.kind_source, self.kind_bond = (found[name] for name in KINDS)
        self.bond_kinds = len(self.kind_source)
        self._bonds: dict[int, Level] = {}
        self._atoms: dict[int, Level] = {}
        self._states: dict[int, Short] = {0: self.bond_kind}  # of directed bonds, by step

    def bonds(self, depth: int) -> list[Level]:
        """The depth - 1 levels of directed bonds above their kinds."""
        return [self._bond_level(step) for step in range(1, depth)]

    def atoms(self, depth: int) -> Level:
        """The level of the atoms, above depth - 1 levels of bonds."""
        if depth not in self._atoms:
            found = self._kept(f"atoms-{depth}", SUMS + STATES, lambda: self._atoms_above(depth - 1))
            self._atoms[depth] = Level(self.atom_kinds, **found)
        return self._atoms[depth]

    def apart(self, molecules: Numbers | None = None) -> "Levels":
        """The levels of some or all molecules, of the same kinds, where every bond and atom has a state of its own."""
        kinds = {"bond_kind": self.bond_kind, "kind_source": self.kind_source, "kind_bond": self.kind_bond}
        if molecules is None:
            return Levels(dataclasses.replace(self.graphs, key=""), kinds, merged=False)
        bonds, _ = spans(self.bond_offset, molecules)
        return Levels(take(self.graphs, molecules), kinds | {"bond_kind": self.bond_kind[bonds]}, merged=False)

    @functools.cached_property
    def ends(self) -> tuple[Numbers, Numbers]:
        """The atoms that each directed bond leaves and enters."""
        block = _Block.of(self.graphs, 0, len(self.graphs))
        return block.source, block.target

    def _bond_level(self, step: int) -> Level:
        if step not in self._bonds:
            found = self._kept(f"bonds-{step}", SUMS, lambda: self._bonds_above(step - 1))
            self._bonds[step] = Level(self.bond_kinds, found["summed"], found["start"], np.empty(0, np.int32))
        return self._bonds[step]

    def _bond_states(self, step: int) -> Short:
        """The state of each directed bond after a step."""
        for below in range(1, step + 1):  # one after the other, for a depth may be large
            if below not in self._states:
                self._bond_level(below)  # which notes the states if it had to be built
        if step not in self._states:
            name = f"bond-states-{step}"
            self._states[step] = self._kept(name, STATES, lambda: self._bonds_above(step - 1))["state"]
        return self._states[step]

    def _bonds_above(self, step: int) -> Arrays:
        found = self._level(self._bond_states(step), of_bonds=True)
        self._states[step + 1] = self._kept(f"bond-states-{step + 1}", STATES, lambda: found)["state"]
        return found

    def _atoms_above(self, step: int) -> Arrays:
        return self._level(self._bond_states(step), of_bonds=False)

    def _kept(self, name: str, wanted: Sequence[str], build: Callable[[], Arrays]) -> Arrays:
        """Some arrays, from a file if the graphs lie in one."""
        if not self.graphs.key:
            return build()
        key = self.graphs.key
        path, version = cache_folder() / "environments" / key / f"{name}.arrow", f"{FORMAT} {key} {name}"
        return cached_arrays(path, dict.fromkeys(wanted, np.int32), version, build)

    def _find_kinds(self) -> Arrays:
        """A kind of directed bond: the kinds of its bond and of the atom that it leaves."""
        values = len(self.graphs.bond_kinds) + 1

        def pairs(block: _Block) -> Numbers:
            of_bond = np.repeat(self.graphs.bonds[block.bonds.start // 2 : block.bonds.stop // 2].astype(np.int64), 2)
            return self.atom_kind[block.atoms].astype(np.int64)[block.source] * values + of_bond

        different = [np.unique(pairs(self._block(ends))) for ends in self._blocks]
        known = np.unique(np.concatenate([np.empty(0, np.int64), *different]))
        kind = np.empty(self.bond_offset[-1], np.int32)
        for ends in self._blocks:
            block = self._block(ends)
            kind[block.bonds] = np.searchsorted(known, pairs(block))
        source, bond = np.divmod(known, values)
        return dict(zip(KINDS, (kind, source.astype(np.int32), bond.astype(np.int32)), strict=True))

    def _level(self, below: Short, *, of_bonds: bool) -> Arrays:
        """The level of the directed bonds or of the atoms above states of directed bonds."""
        kind, kinds = (self.bond_kind, self.bond_kinds) if of_bonds else (self.atom_kind, self.atom_kinds)
        of_below = _random(int(below.max(initial=-1)) + 1, seed=0) if self.merged else np.empty(0, np.int64)
        of_kind = _random(kinds, seed=1)
        state = np.empty(len(kind), np.int32)
        states = _Merged() if self.merged else _Each()
        summed, counts = [np.empty(0, np.int32)], [np.empty(0, np.int64)]

        def different(ends: tuple[int, int]) -> tuple[_Block, _Found]:
            block = self._block(ends)
            items = block.bonds if of_bonds else block.atoms
            if not self.merged:
                each = np.arange(items.stop - items.start)
                return block, _Found(each, each, each)
            label = block.labels(of_below[below[block.bonds]], of_bonds=of_bonds) + of_kind[kind[items]]
            return block, _Found(*np.unique(label, return_index=True, return_inverse=True))

        for block, found in _ahead(different, self._blocks):
            items = block.bonds if of_bonds else block.atoms
            state[items], first = states.numbered(found)
            sums, count = block.sums(first, kinds + below[block.bonds].astype(np.int64), kind[items], of_bonds=of_bonds)
            summed.append(sums.astype(np.int32))
            counts.append(count)
        start = starts(np.concatenate(counts))
        level = {"summed": np.concatenate(summed), "start": start.astype(np.int32), "state": state}
        return states.ordered(level)

    @functools.cached_property
    def _blocks(self) -> list[tuple[int, int]]:
        """First molecule of each block, and the first after it."""
        inner = np.searchsorted(self.bond_offset, np.arange(BLOCK, self.bond_offset[-1], BLOCK))
        ends = np.unique([0, *inner, len(self.graphs)]).tolist()
        return list(itertools.pairwise(ends))

    def _block(self, ends: tuple[int, int]) -> "_Block":
        if len(self._blocks) > 1:
            return _Block.of(self.graphs, *ends)
        if self._whole is None:
            self._whole = _Block.of(self.graphs, *ends)
        return self._whole


class _Block(NamedTuple):
    """Molecules of the graphs, one after the other; their atoms and directed bonds are counted from the first."""

    atoms: slice  # of those of all molecules
    bonds: slice
    source: Numbers  # (D,) the atom that each directed bond leaves
    target: Numbers  # (D,) and the one that it enters
    entering: Numbers  # (D,) directed bonds by the atom that they enter
    entering_start: Numbers  # (A + 1,)

    @classmethod
    def of(cls, graphs: PackedGraphs, first: int, stop: int) -> "_Block":
        """The molecules from `first` to `stop`."""
        atom_offset, bond_offset = graphs.atom_offset[first : stop + 1], graphs.bond_offset[first : stop + 1]
        ends = graphs.ends[bond_offset[0] : bond_offset[-1]] + np.repeat(
            atom_offset[:-1] - atom_offset[0], np.diff(bond_offset)
        ).reshape(-1, 1)
        source, target = ends.ravel(), ends[:, ::-1].ravel()
        return cls(
            slice(atom_offset[0], atom_offset[-1]),
            slice(2 * bond_offset[0], 2 * bond_offset[-1]),
            source,
            target,
            np.argsort(target, kind="stable"),
            starts(np.bincount(target, minlength=atom_offset[-1] - atom_offset[0])),
        )

    def labels(self, label: Numbers, *, of_bonds: bool) -> Numbers:
        """Of each bond or atom the sum of the labels (D,) of the bonds that come in, not itself backwards."""
        total = np.zeros(self.atoms.stop - self.atoms.start, np.int64)
        np.add.at(total, self.target, label)
        return total[self.source] - label[np.arange(len(label)) ^ 1] if of_bonds else total

    def sums(self, which: Numbers, below: Numbers, kind: np.ndarray, *, of_bonds: bool) -> tuple[Numbers, Numbers]:
        """What the states of some bonds or atoms (N,) are sums of, one after the other, and of how many numbers each.

        Args:
            which: of the bonds or atoms of the block.
            below: number of the state below of each bond.
            kind: of each bond or atom.
            of_bonds: whether bonds are meant.
        """
        items, start = spans(self.entering_start, self.source[which] if of_bonds else which)
        entering = self.entering[items]
        summed, counts = below[entering], np.diff(start)
        if not of_bonds:
            return np.insert(summed, start[:-1], kind[which]), counts + 1
        # the place of the bond itself is taken by its kind
        summed[entering == np.repeat(which ^ 1, counts)] = kind[which]
        return summed, counts


class _Found(NamedTuple):
    """The states of a block: their labels, the first bond or atom of each, and the state of every one."""

    label: Numbers
    first: Numbers
    state: Numbers


class _Each:
    """A state for every bond or atom."""

    def __init__(self) -> None:
        self.count = 0

    def numbered(self, found: _Found) -> tuple[Numbers, Numbers]:
        """Number of the state of each, counted over all blocks, and the first bond or atom of those that are new."""
        before, self.count = self.count, self.count + len(found.label)
        return before + found.state, found.first

    def ordered(self, level: Arrays) -> Arrays:
        """The level with its states in their final order."""
        return level


class _Merged(_Each):
    """A state for all bonds or atoms with one label; in the end in the order of their labels."""

    def __init__(self) -> None:
        super().__init__()
        self.label, self.number = np.empty(0, np.int64), np.empty(0, np.int64)  # (N,) by label

    def numbered(self, found: _Found) -> tuple[Numbers, Numbers]:
        """See `_Each`."""
        place = np.searchsorted(self.label, found.label)
        is_new = np.append(self.label, 0)[place] != found.label
        is_new |= place == len(self.label)
        numbers = np.append(self.number, 0)[place]
        numbers[is_new] = self.count + np.arange(is_new.sum())
        self.label = np.insert(self.label, place[is_new], found.label[is_new])
        self.number = np.insert(self.number, place[is_new], numbers[is_new])
        self.count = len(self.label)
        return numbers[found.state], found.first[is_new]

    def ordered(self, level: Arrays) -> Arrays:
        """See `_Each`."""
        rank = np.empty(self.count, np.int32)
        rank[self.number] = np.arange(self.count)
        items, start = spans(level["start"], self.number)
        np.take(rank, level["state"], out=level["state"], mode="clip")  # which is in range; `raise` would copy
        return {"summed": level["summed"][items], "start": start.astype(np.int32), "state": level["state"]}


def _ahead(work: Callable[[tuple[int, int]], Result], blocks: Sequence[tuple[int, int]]) -> Iterator[Result]:
    """The results of all blocks in order, computed on all cores; as many are in memory as there are cores."""
    cores = usable_cpus() if len(blocks) > 1 else 1
    if cores == 1:
        yield from map(work, blocks)
        return
    with ThreadPoolExecutor(cores) as pool:
        for first in range(0, len(blocks), cores):
            yield from pool.map(work, blocks[first : first + cores])


def _random(count: int, seed: int) -> Numbers:
    """A number for each state: sums of them are equal if the states are, else with a chance of 2^-64 a pair."""
    return np.random.default_rng(seed).integers(-(2**63), 2**63, count)
