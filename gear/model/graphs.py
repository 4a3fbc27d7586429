"""Batches of molecular graphs, gathered from packed arrays without a Python loop over molecules."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gear.data.molecules.pack import PackedGraphs, spans
from gear.model.environments import Environments, Kinds, gather_environments
from gear.model.levels import Levels

__all__ = ["GraphBatch", "GraphStore", "PlainGraphs"]


class PlainGraphs(NamedTuple):
    """B molecules with A atoms and E directed bonds in all, as chemprop has them; indices count within the batch."""

    atoms: Tensor  # (A, d_v)
    bonds: Tensor  # (E, d_e)
    bond_source: Tensor  # (E,) atom a directed bond leaves
    bond_target: Tensor  # (E,) atom it enters
    reverse: Tensor  # (E,) the same bond the other way
    molecule: Tensor  # (A,) molecule of an atom
    atom_counts: Tensor  # (B,) atoms of each molecule


class GraphStore:
    """Packed graphs from which batches are gathered: numbers on the host, features on the device."""

    def __init__(self, graphs: PackedGraphs, device: torch.device) -> None:
        self.graphs, self.device = graphs, device
        self.levels = Levels(graphs)
        # copies, for the arrays are read-only views of a memory map
        atoms, bonds = torch.tensor(graphs.atom_kinds), torch.tensor(graphs.bond_kinds)
        pairs = torch.cat([atoms[torch.tensor(self.levels.kind_source)], bonds[torch.tensor(self.levels.kind_bond)]], 1)
        self.kinds = Kinds(atoms.to(device), pairs.to(device))

    def __len__(self) -> int:
        return len(self.graphs)

    def batch(self, *rows: Tensor) -> "GraphBatch":
        """The molecules `rows` (B,), in that order. The host waits for rows that are on a GPU: keep them on the CPU.

        Several are the batches of the members of an array of models.
        """
        return GraphBatch(self, [part.cpu().numpy() for part in rows])

    @cached_property
    def separate(self) -> Levels | None:
        """Levels with a state for every single bond and atom; None where those of a batch are found for itself.

        They are in memory, so they are for graphs that are in memory too.
        """
        return None if self.graphs.key else self.levels.apart()


class GraphBatch:
    """B molecules of a store, or those of each member of an array of models."""

    def __init__(self, store: GraphStore, members: Sequence[np.ndarray]) -> None:
        self.store, self.members, self.device = store, members, store.device
        self._environments: dict[tuple[int, bool, int | None], Environments] = {}

    @property
    def size(self) -> int:
        """Number of molecules B, of the member with the most."""
        return max(map(len, self.members))

    def environments(self, depth: int, *, merged: bool = True, groups: int | None = None) -> Environments:
        """The batch as a D-MPNN of that depth computes it; found once for all networks that read the batch.

        Args:
            depth: of the network.
            merged: equal surroundings computed once.
            groups: how many networks are computed as one; None for a single one, whose values have no such dimension.
        """
        key = depth, merged, groups
        if key not in self._environments:
            levels, members = (self.store.levels, self.members) if merged else self._apart
            self._environments[key] = gather_environments(levels, members, depth, self.store.kinds, groups)
        return self._environments[key]

    @cached_property
    def _apart(self) -> tuple[Levels, list[np.ndarray]]:
        """Levels with a state for every single bond and atom, and the rows of the batch among their molecules."""
        if (separate := self.store.separate) is not None:
            return separate, list(self.members)
        molecules = np.unique(np.concatenate(self.members))
        return self.store.levels.apart(molecules), [np.searchsorted(molecules, rows) for rows in self.members]

    @cached_property
    def plain(self) -> PlainGraphs:
        """The batch as chemprop has it, which training never needs."""
        (levels, (rows,)), kinds = self._apart, self.store.kinds
        source, target = levels.ends
        atoms, start = spans(levels.atom_offset, rows)
        bonds, bond_start = spans(levels.bond_offset, rows)
        counts, bond_counts = np.diff(start), np.diff(bond_start)
        # atoms are numbered by the levels: count them within the batch
        shift = (start[:-1] - levels.atom_offset[rows]).repeat(bond_counts)

        def on_device(numbers: np.ndarray) -> Tensor:
            return torch.from_numpy(numbers).to(self.device)

        return PlainGraphs(
            atoms=kinds.atoms[on_device(levels.atom_kind[atoms].astype(np.int64))],
            bonds=kinds.bonds[on_device(levels.bond_kind[bonds]), kinds.atoms.shape[1] :],
            bond_source=on_device(source[bonds] + shift),
            bond_target=on_device(target[bonds] + shift),
            reverse=on_device(np.arange(len(bonds)) ^ 1),
            molecule=on_device(np.arange(self.size).repeat(counts)),
            atom_counts=on_device(counts),
        )
