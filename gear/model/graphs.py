"""Batches of molecular graphs, gathered from packed arrays without a Python loop over molecules."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gear.data.pack import PackedGraphs

__all__ = ["GraphBatch", "GraphStore"]


class GraphBatch(NamedTuple):
    """B molecules with A atoms and E directed bonds in all; indices count within the batch."""

    atoms: Tensor  # (A, d_v)
    bonds: Tensor  # (E, d_e)
    bond_source: Tensor  # (E,) atom a directed bond leaves
    bond_target: Tensor  # (E,) atom it enters
    reverse: Tensor  # (E,) the same bond the other way
    molecule: Tensor  # (A,) molecule of an atom
    atom_counts: Tensor  # (B,) atoms of each molecule

    @property
    def size(self) -> int:
        """Number of molecules B."""
        return len(self.atom_counts)


class GraphStore:
    """Packed graphs as tensors on a device, from which batches are gathered."""

    def __init__(self, graphs: PackedGraphs, device: torch.device) -> None:
        def on_device(array: np.ndarray, dtype: torch.dtype) -> Tensor:
            # a copy, for the arrays are read-only views of a memory map
            return torch.tensor(np.asarray(array), device=device).to(dtype)

        self.atom_kinds = on_device(graphs.atom_kinds, torch.float32)
        self.bond_kinds = on_device(graphs.bond_kinds, torch.float32)
        self.atoms = on_device(graphs.atoms, torch.int32)
        self.bonds = on_device(graphs.bonds, torch.int32)
        self.ends = on_device(graphs.ends, torch.int32)
        self.atom_offset = on_device(graphs.atom_offset, torch.int64)
        self.bond_offset = on_device(graphs.bond_offset, torch.int64)
        self.device = device

    def __len__(self) -> int:
        return len(self.atom_offset) - 1

    def batch(self, rows: Tensor) -> GraphBatch:
        """Gather the molecules `rows` (B,), in that order. A bond (u, v) becomes two directed ones, (v, u) after it."""
        atoms, atom_counts, atom_start = _spans(self.atom_offset, rows)
        bonds, bond_counts, _ = _spans(self.bond_offset, rows)
        first_atom = atom_start.repeat_interleave(bond_counts)
        ends = self.ends[bonds] + first_atom[:, None]
        directed = torch.arange(2 * len(bonds), device=rows.device)
        return GraphBatch(
            atoms=self.atom_kinds[self.atoms[atoms]],
            bonds=self.bond_kinds[self.bonds[bonds].repeat_interleave(2)],
            bond_source=ends.flatten(),
            bond_target=ends.flip(1).flatten(),
            reverse=directed ^ 1,
            molecule=torch.arange(len(rows), device=rows.device).repeat_interleave(atom_counts),
            atom_counts=atom_counts,
        )


def _spans(offset: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Items of the given rows, one row after the other; how many each has; where each starts in the result."""
    counts = offset[rows + 1] - offset[rows]
    start = counts.cumsum(0) - counts
    items = torch.arange(int(counts.sum()), device=rows.device) + (offset[rows] - start).repeat_interleave(counts)
    return items, counts, start
