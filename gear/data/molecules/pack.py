"""Molecular graphs packed in flat arrays: featurised once, memory-mapped by every trial.

The atoms of a hundred thousand molecules have only a few hundred different feature vectors, and so have their bonds.
A pack holds each vector once, and for every atom and bond the number of its vector: the same data at a hundredth of
the size.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gear.data.array_file import open_arrays, write_arrays
from gear.data.cache import DamagedFileError

__all__ = ["ATOM_FEATURES", "BOND_FEATURES", "PackedGraphs", "empty_pack", "join", "open_pack", "take", "write_pack"]

ATOM_FEATURES, BOND_FEATURES = 72, 14  # of chemprop's default featurizer
FORMAT = "2"


@dataclass(frozen=True, slots=True, eq=False)
class PackedGraphs:
    """M molecules with A atoms and U bonds in all, one after the other; atoms are counted within a molecule.

    `key` names them where they are those of a file of the cache, so that what is computed of them can be kept there.
    """

    atom_kinds: np.ndarray  # (K, 72) float32, feature vectors of atoms, each once
    bond_kinds: np.ndarray  # (L, 14) float32, of bonds
    atoms: np.ndarray  # (A,) uint16, kind of each atom
    bonds: np.ndarray  # (U,) uint16, kind of each bond
    ends: np.ndarray  # (U, 2) uint16, the two atoms of each bond
    atom_offset: np.ndarray  # (M + 1,) int64, molecule i has atoms atom_offset[i] to atom_offset[i + 1]
    bond_offset: np.ndarray  # (M + 1,) int64
    key: str = field(default="", kw_only=True)

    def __len__(self) -> int:
        return len(self.atom_offset) - 1


_FIELDS: dict[str, tuple[type[np.generic], int]] = {
    "atom_kinds": (np.float32, ATOM_FEATURES),
    "bond_kinds": (np.float32, BOND_FEATURES),
    "atoms": (np.uint16, 1),
    "bonds": (np.uint16, 1),
    "ends": (np.uint16, 2),
    "atom_offset": (np.int64, 1),
    "bond_offset": (np.int64, 1),
}


def empty_pack() -> PackedGraphs:
    """A pack without molecules."""
    arrays = {name: np.zeros((0, width) if width > 1 else 0, dtype) for name, (dtype, width) in _FIELDS.items()}
    arrays |= {"atom_offset": np.zeros(1, np.int64), "bond_offset": np.zeros(1, np.int64)}
    return PackedGraphs(*arrays.values())


def distinct(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of a float32 array (N, D), and the number of each row's kind (N,), uint16."""
    rows = np.ascontiguousarray(features).view(np.dtype((np.void, features.shape[1] * 4)))[:, 0]
    _, first, kind = np.unique(rows, return_index=True, return_inverse=True)
    if len(first) > np.iinfo(np.uint16).max:
        raise OverflowError(f"{len(first)} different feature vectors do not fit a pack")
    return features[first], kind.astype(np.uint16)


def join(packs: Sequence[PackedGraphs]) -> PackedGraphs:
    """The molecules of several packs, one pack after the other."""
    packs = packs or [empty_pack()]
    atom_kinds, atoms = _joined_kinds([(pack.atom_kinds, pack.atoms) for pack in packs])
    bond_kinds, bonds = _joined_kinds([(pack.bond_kinds, pack.bonds) for pack in packs])
    return PackedGraphs(
        atom_kinds,
        bond_kinds,
        atoms,
        bonds,
        np.concatenate([pack.ends for pack in packs]),
        _joined_offsets([pack.atom_offset for pack in packs]),
        _joined_offsets([pack.bond_offset for pack in packs]),
    )


def _joined_kinds(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    kinds, number = distinct(np.concatenate([kinds for kinds, _ in parts]))
    starts = np.cumsum([0, *(len(kinds) for kinds, _ in parts)])
    return kinds, np.concatenate([number[start:][items] for start, (_, items) in zip(starts, parts, strict=False)])


def _joined_offsets(parts: Sequence[np.ndarray]) -> np.ndarray:
    return starts(np.concatenate([np.diff(part) for part in parts]))


def take(pack: PackedGraphs, molecules: np.ndarray) -> PackedGraphs:
    """The given molecules (N,) of a pack, in the order given."""
    atoms, atom_offset = spans(pack.atom_offset, molecules)
    bonds, bond_offset = spans(pack.bond_offset, molecules)
    return dataclasses.replace(
        pack,
        atoms=pack.atoms[atoms],
        bonds=pack.bonds[bonds],
        ends=pack.ends[bonds],
        atom_offset=atom_offset,
        bond_offset=bond_offset,
        key="",
    )


def spans(offset: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the items of the given rows, one row after the other, and the offset of each row among them."""
    first = offset[rows]
    counts = offset[rows + 1] - first
    start = starts(counts)
    return np.arange(start[-1]) + (first - start[:-1]).repeat(counts), start


def starts(counts: np.ndarray) -> np.ndarray:
    """Offsets (N + 1,) of rows from their numbers of items (N,); the last offset is the total."""
    start = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=start[1:])
    return start


def write_pack(path: Path, graphs: PackedGraphs) -> None:
    """Write a pack as a file of arrays (`gear.data.array_file`).

    Raises:
        StorageError: the file cannot be written.
    """
    write_arrays(path, {name: getattr(graphs, name) for name in _FIELDS}, FORMAT)


def open_pack(path: Path) -> PackedGraphs:
    """Open a pack by memory map: its arrays are read-only views of the file, without a copy.

    Raises:
        DamagedFileError: the file is not a pack of this format, or was changed.
    """
    arrays, _ = open_arrays(path, {name: dtype for name, (dtype, _) in _FIELDS.items()}, FORMAT)
    try:
        shaped = [
            arrays[name].reshape(-1, width) if width > 1 else arrays[name] for name, (_, width) in _FIELDS.items()
        ]
    except ValueError as error:
        raise DamagedFileError(str(error)) from error
    return PackedGraphs(*shaped, key=path.stem)
