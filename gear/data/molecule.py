"""Molecules: parsing, identity, which ones the built-in tables keep, and the group a scaffold split moves whole."""

from rdkit import Chem, rdBase
from rdkit.Chem.Scaffolds import MurckoScaffold

__all__ = ["canonical_smiles", "organic_identity", "parse", "scaffold_group"]

ORGANIC = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})


def parse(smiles: str) -> Chem.Mol | None:
    """The molecule, or None where RDKit cannot parse it or it has no atom; RDKit's own messages are kept quiet."""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    return mol if mol is not None and mol.GetNumAtoms() else None


def canonical_smiles(smiles: str) -> str | None:
    """A molecule's identity: canonical SMILES without stereo, since a graph network without chirality sees no more.

    None where the SMILES cannot be parsed.
    """
    mol = parse(smiles)
    return None if mol is None else str(Chem.MolToSmiles(mol, isomericSmiles=False))


def organic_identity(smiles: str) -> str | None:
    """Identity of a molecule that the built-in tables keep, else None.

    Kept: one fragment with carbon, of common organic elements, neutral, no radical, no isotope, at least two heavy
    atoms.
    """
    mol = parse(smiles)
    if mol is None:
        return None
    symbols = {atom.GetSymbol() for atom in mol.GetAtoms()}
    kept = (
        "C" in symbols
        and symbols <= ORGANIC
        and len(Chem.GetMolFrags(mol)) == 1
        and Chem.GetFormalCharge(mol) == 0
        and not any(atom.GetNumRadicalElectrons() or atom.GetIsotope() for atom in mol.GetAtoms())
        and mol.GetNumHeavyAtoms() >= 2
    )
    return str(Chem.MolToSmiles(mol, isomericSmiles=False)) if kept else None


def scaffold_group(smiles: str) -> str:
    """What a scaffold split keeps together: the Bemis-Murcko scaffold; for acyclic molecules their carbon skeleton.

    Half of the molecules of a liquid's property are acyclic and share the empty scaffold; as one group they would all
    land in training. They are grouped by their largest fragment of carbons joined by single bonds instead: butanol with
    butylamine, but not with 2-methylpropanol.
    """
    mol = parse(smiles)
    assert mol is not None, smiles  # identities parse
    scaffold: str = MurckoScaffold.MurckoScaffoldSmiles(mol=mol)
    return scaffold or f"acyclic:{_carbon_skeleton(mol)}"


def _carbon_skeleton(mol: Chem.Mol) -> str:
    """Largest carbon-only fragment with single bonds alone, as SMILES; ties go to the first in canonical order."""
    edited = Chem.RWMol(mol)
    for bond in list(mol.GetBonds()):
        ends = bond.GetBeginAtom().GetAtomicNum(), bond.GetEndAtom().GetAtomicNum()
        if ends != (6, 6) or bond.GetBondType() != Chem.BondType.SINGLE:
            edited.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    fragments = [f for f in Chem.GetMolFrags(edited) if mol.GetAtomWithIdx(f[0]).GetAtomicNum() == 6]
    alkanes = sorted(str(Chem.MolToSmiles(_saturated(edited, fragment))) for fragment in fragments)
    return max(alkanes, key=lambda smiles: smiles.count("C"), default="")


def _saturated(mol: Chem.Mol, atoms: tuple[int, ...]) -> Chem.Mol:
    """The fragment as an alkane, whatever its carbons were bound to."""
    alkane = Chem.RWMol()
    index = {atom: alkane.AddAtom(Chem.Atom(6)) for atom in atoms}
    for bond in mol.GetBonds():
        if bond.GetBeginAtomIdx() in index:
            alkane.AddBond(index[bond.GetBeginAtomIdx()], index[bond.GetEndAtomIdx()], Chem.BondType.SINGLE)
    Chem.SanitizeMol(alkane)
    return alkane.GetMol()
