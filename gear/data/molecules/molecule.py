"""Molecules: parsing, identity, the groups that a split does not divide, and which molecules the built-in tables keep.

A molecule's identity is its canonical SMILES without stereo and isotopes. Its parent is its largest organic fragment,
neutralised: a salt, an ion and the neutral molecule have one parent, and a split never separates them. Its organics are
all its organic fragments, neutralised: two salts of one acid with different organic bases share one. Its key and keys
are those of its parent and its organics in any of their forms (`gear.data.molecules.forms`).
"""

import functools
from typing import NamedTuple

from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize
from rdkit.Chem.Scaffolds import MurckoScaffold

from gear.data.molecules.forms import form_keys

__all__ = [
    "MAX_ATOMS",
    "Molecule",
    "MoleculeError",
    "canonical_smiles",
    "cell_text",
    "identify",
    "identity",
    "is_organic",
    "parse",
]

ORGANIC = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})
MAX_ATOMS = 1000  # polymers and proteins are not what a molecular graph network is for
MAX_TEXT = 20_000  # characters
REMEMBERED = 1000  # molecules: a file often has several rows of one


class MoleculeError(ValueError):
    """A SMILES cannot be used; the message is the reason."""


class Molecule(NamedTuple):
    """The identity and the groups of a molecule. `notes`: which of `fragments`, `charged`, `isotopes` apply."""

    smiles: str
    parent: str
    organics: str  # SMILES, sorted, joined by dots; equal to the parent if there is only one
    scaffold: str
    key: str  # shared by all forms of the parent
    keys: str  # of all organic fragments, sorted, joined by dots
    notes: tuple[str, ...]


def parse(smiles: str) -> Chem.Mol | None:
    """The molecule, or None if RDKit cannot parse it or it has no atom; messages of RDKit are suppressed."""
    with rdBase.BlockLogs():
        return _parsed(smiles)


def cell_text(cell: object) -> str:
    """The SMILES in a cell of a table.

    Raises:
        MoleculeError: the cell holds something other than text.
    """
    if cell is not None and not isinstance(cell, str):
        raise MoleculeError(f"{cell!r} is not a SMILES")
    return (cell or "").strip()


@functools.lru_cache(maxsize=REMEMBERED)
def identify(text: str) -> Molecule:
    """The molecule of a SMILES.

    Raises:
        MoleculeError: it cannot be parsed, has a placeholder, no atom heavier than hydrogen or more than `MAX_ATOMS`.
    """
    with rdBase.BlockLogs():
        return _identified(_readable(text), text)


def identity(text: str) -> str:
    """The `smiles` of `identify`, which takes less time than all of it.

    Raises:
        MoleculeError: as `identify`.
    """
    with rdBase.BlockLogs():
        return _stable(_unlabelled(_readable(text), text)[0], text)


def canonical_smiles(text: str) -> str | None:
    """Identity of a molecule, or None if `identify` raises."""
    try:
        return identity(text)
    except MoleculeError:
        return None


def is_organic(molecule: Molecule) -> bool:
    """Whether the built-in tables keep a molecule.

    Kept: one fragment with carbon, of common organic elements, neutral, no radical, no isotope, at least two heavy
    atoms.
    """
    mol = parse(molecule.smiles)
    assert mol is not None, molecule  # identities parse
    symbols = {atom.GetSymbol() for atom in mol.GetAtoms()}
    return (
        not molecule.notes
        and "C" in symbols
        and symbols <= ORGANIC
        and not any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())
        and mol.GetNumHeavyAtoms() >= 2
    )


def _parsed(smiles: str) -> Chem.Mol | None:
    """`parse` for callers that suppress messages of RDKit themselves, which takes a fifth of the time of parsing."""
    mol = Chem.MolFromSmiles(smiles)
    return mol if mol is not None and mol.GetNumAtoms() else None


def _readable(text: str) -> Chem.Mol:
    if len(text) > MAX_TEXT:
        raise MoleculeError(f"SMILES of {len(text)} characters, the maximum is {MAX_TEXT}")
    if any(sign.isspace() for sign in text):  # RDKit reads what follows as a name
        raise MoleculeError(f"'{text}' contains a space")
    mol = _parsed(text)
    if mol is None:
        raise MoleculeError(f"cannot parse SMILES '{text}'" if text else "no SMILES")
    if mol.GetNumHeavyAtoms() == 0:
        raise MoleculeError(f"'{text}' has no atom heavier than hydrogen")
    if mol.GetNumAtoms() > MAX_ATOMS:
        raise MoleculeError(f"{mol.GetNumAtoms()} atoms, the maximum is {MAX_ATOMS}")
    if ("*" in text or "[" in text) and any(atom.GetAtomicNum() == 0 for atom in list(mol.GetAtoms())):
        raise MoleculeError(f"'{text}' has a placeholder atom (*)")
    return mol


def _unlabelled(mol: Chem.Mol, text: str) -> tuple[Chem.Mol, bool]:
    """The molecule without isotopes and atom numbers, and whether it had isotopes."""
    if "[" not in text:  # both are written only in brackets
        return mol, False
    atoms = list(mol.GetAtoms())
    isotopes = any(atom.GetIsotope() for atom in atoms)
    for atom in atoms:
        atom.SetIsotope(0)
        atom.SetAtomMapNum(0)
    return Chem.RemoveHs(mol), isotopes


def _stable(mol: Chem.Mol, text: str) -> str:
    """SMILES without stereo, written twice, since the first result may still change when it is read again."""
    again = _parsed(Chem.MolToSmiles(mol, isomericSmiles=False))
    if again is None or again.GetNumHeavyAtoms() == 0:
        raise MoleculeError(f"RDKit cannot write '{text}' without its stereo and isotopes")
    return str(Chem.MolToSmiles(again, isomericSmiles=False))


def _identified(mol: Chem.Mol, text: str) -> Molecule:
    mol, isotopes = _unlabelled(mol, text)
    notes = ["isotopes"] if isotopes else []
    smiles = _stable(mol, text)
    if "." in smiles:
        notes.append("fragments")
    if Chem.GetFormalCharge(mol):
        notes.append("charged")
    parent = _parent(smiles) if "." in smiles or "+" in smiles or "-" in smiles else smiles
    organics = _organics(smiles, parent) if "." in smiles else parent
    keys = sorted({key for fragment in {parent, *organics.split(".")} for key in form_keys(fragment)})
    return Molecule(
        smiles, parent, organics, scaffold_group(parent), form_keys(parent)[0], ".".join(keys), tuple(notes)
    )


def _parent(smiles: str) -> str:
    """Largest organic fragment, neutralised; the molecule itself if RDKit finds none."""
    mol = parse(smiles)
    assert mol is not None, smiles
    choose, uncharge = _standardizers()
    neutral = uncharge.uncharge(choose.choose(mol))
    written = Chem.MolToSmiles(neutral, isomericSmiles=False)
    again = parse(written)
    return smiles if again is None else str(Chem.MolToSmiles(again, isomericSmiles=False))


def _organics(smiles: str, parent: str) -> str:
    """All fragments with a carbon atom, neutralised, and the parent."""
    fragments = Chem.GetMolFrags(Chem.MolFromSmiles(smiles), asMols=True)
    organic = (f for f in fragments if any(atom.GetAtomicNum() == 6 for atom in list(f.GetAtoms())))
    return ".".join(sorted({parent, *(_parent(Chem.MolToSmiles(fragment)) for fragment in organic)}))


@functools.cache
def _standardizers() -> tuple[rdMolStandardize.LargestFragmentChooser, rdMolStandardize.Uncharger]:
    return rdMolStandardize.LargestFragmentChooser(preferOrganic=True), rdMolStandardize.Uncharger()


def scaffold_group(smiles: str) -> str:
    """The group that a scaffold split does not divide: the Bemis-Murcko scaffold, or an acyclic molecule's skeleton.

    Half of the molecules with a liquid's property are acyclic and share the empty scaffold. As one group they would all
    be training molecules, so they are grouped by their largest fragment of carbons joined by single bonds: butanol with
    butylamine, but not with 2-methylpropanol.
    """
    mol = parse(smiles)
    assert mol is not None, smiles  # identities parse
    scaffold: str = MurckoScaffold.MurckoScaffoldSmiles(mol=mol)
    return scaffold or f"acyclic:{_carbon_skeleton(mol)}"


def _carbon_skeleton(mol: Chem.Mol) -> str:
    """Largest carbon-only fragment with only single bonds, as SMILES; of equally large ones the first in order."""
    edited = Chem.RWMol(mol)
    for bond in list(mol.GetBonds()):
        ends = bond.GetBeginAtom().GetAtomicNum(), bond.GetEndAtom().GetAtomicNum()
        if ends != (6, 6) or bond.GetBondType() != Chem.BondType.SINGLE:
            edited.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    fragments = [f for f in Chem.GetMolFrags(edited) if mol.GetAtomWithIdx(f[0]).GetAtomicNum() == 6]
    alkanes = sorted(str(Chem.MolToSmiles(_saturated(edited, fragment))) for fragment in fragments)
    return max(alkanes, key=lambda smiles: smiles.count("C"), default="")


def _saturated(mol: Chem.Mol, atoms: tuple[int, ...]) -> Chem.Mol:
    """The alkane with the carbon skeleton of a fragment."""
    alkane = Chem.RWMol()
    index = {atom: alkane.AddAtom(Chem.Atom(6)) for atom in atoms}
    for bond in mol.GetBonds():
        if bond.GetBeginAtomIdx() in index:
            alkane.AddBond(index[bond.GetBeginAtomIdx()], index[bond.GetEndAtomIdx()], Chem.BondType.SINGLE)
    Chem.SanitizeMol(alkane)
    return alkane.GetMol()
