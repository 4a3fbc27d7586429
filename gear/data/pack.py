"""Molecular graphs packed in flat arrays: featurised once with chemprop's featurizer, memory-mapped by every trial."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gear.data.cache import replace_file
from gear.data.molecule import parse
from gear.errors import InputDataError

__all__ = ["ATOM_FEATURES", "BOND_FEATURES", "PackedGraphs", "featurize", "open_pack", "write_pack"]

ATOM_FEATURES, BOND_FEATURES = 72, 14  # of chemprop's default featurizer


@dataclass(frozen=True, slots=True, eq=False)
class PackedGraphs:
    """M molecules with A atoms and E directed bonds in all, one after the other; indices count within a molecule."""

    atoms: np.ndarray  # (A, 72) float32
    bonds: np.ndarray  # (E, 14) float32
    bond_source: np.ndarray  # (E,) int32, atom a directed bond leaves
    bond_target: np.ndarray  # (E,) int32, atom it enters
    reverse: np.ndarray  # (E,) int32, the same bond the other way
    atom_offset: np.ndarray  # (M + 1,) int64, molecule i has atoms atom_offset[i] to atom_offset[i + 1]
    bond_offset: np.ndarray  # (M + 1,) int64

    def __len__(self) -> int:
        return len(self.atom_offset) - 1


_FIELDS: dict[str, tuple[type[np.generic], int]] = {
    "atoms": (np.float32, ATOM_FEATURES),
    "bonds": (np.float32, BOND_FEATURES),
    "bond_source": (np.int32, 1),
    "bond_target": (np.int32, 1),
    "reverse": (np.int32, 1),
    "atom_offset": (np.int64, 1),
    "bond_offset": (np.int64, 1),
}


def featurize(smiles: Sequence[str], progress: Callable[[int], None] = lambda _: None) -> PackedGraphs:
    """Pack molecules in the order given; `progress` is told how many are done.

    Raises:
        InputDataError: a SMILES cannot be parsed.
    """
    from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer  # imports Lightning: seconds

    featurizer = SimpleMoleculeMolGraphFeaturizer()
    parts: dict[str, list[np.ndarray]] = {name: [np.empty((0, width))] for name, (_, width) in _FIELDS.items()}
    atoms, bonds = [0], [0]
    for index, text in enumerate(smiles):
        mol = parse(text)
        if mol is None:
            raise InputDataError(f"cannot parse SMILES '{text}' (molecule {index + 1})")
        graph = featurizer(mol)
        parts["atoms"].append(graph.V)
        parts["bonds"].append(graph.E)
        for name, local in zip(("bond_source", "bond_target"), graph.edge_index, strict=True):
            parts[name].append(local[:, None])
        parts["reverse"].append(graph.rev_edge_index[:, None])
        atoms.append(atoms[-1] + len(graph.V))
        bonds.append(bonds[-1] + len(graph.E))
        progress(index + 1)
    arrays = {name: np.concatenate(parts[name]).astype(_FIELDS[name][0]) for name in list(_FIELDS)[:5]}
    flat = {name: array if array.shape[1] > 1 else array[:, 0] for name, array in arrays.items()}
    return PackedGraphs(**flat, atom_offset=np.array(atoms), bond_offset=np.array(bonds))


def write_pack(path: Path, graphs: PackedGraphs) -> None:
    """Write a pack as an Arrow IPC file of one row: a list column for each array."""
    arrays = [
        pa.LargeListArray.from_arrays(
            pa.array([0, getattr(graphs, name).size], pa.int64()), pa.array(getattr(graphs, name).reshape(-1))
        )
        for name in _FIELDS
    ]
    table = pa.table(arrays, names=list(_FIELDS))

    def write(draft: Path) -> None:
        with pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    replace_file(path, write)


def open_pack(path: Path) -> PackedGraphs:
    """Open a pack by memory map: its arrays are read-only views of the file, copied nowhere."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    arrays = {}
    for name, (_, width) in _FIELDS.items():
        (cell,) = table[name].chunks
        flat = pc.list_flatten(cell).to_numpy(zero_copy_only=True)
        arrays[name] = flat.reshape(-1, width) if width > 1 else flat
    return PackedGraphs(**arrays)


def pack_key(smiles: Sequence[str]) -> str:
    """Content address of the pack of these molecules, in this order."""
    return hashlib.sha256("\n".join(smiles).encode()).hexdigest()[:20]
