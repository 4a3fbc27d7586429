"""Forms of one molecule share a key, so that no split separates them.

A source that knows a ketone's value knows that of its enol: in a flask they are one substance. RDKit and InChI do the
work: covalent bonds to metals are cut, charge-separated groups are normalised, charges removed, the forms of `REWRITES`
written as the usual one of the two, and the rest (mobile hydrogen atoms, keto and enol, 1,5 shifts) is left to the
first block of an InChIKey. docs/data.md states what that does not find.
"""

import functools

from rdkit import Chem
from rdkit.Chem import rdChemReactions
from rdkit.Chem.MolStandardize import rdMolStandardize

__all__ = ["form_keys"]

LARGEST = 200  # heavy atoms; a larger molecule has only its own SMILES as key, since InChI can take seconds
MOST_SITES = 100  # that one rewrite changes in a molecule
INCHI = "-KET -15T"  # keto and enol, and 1,5 shifts of hydrogen, beside what InChI always finds
BLOCK = 14  # letters of an InChIKey that stand for atoms, bonds and hydrogen

# what InChI takes for two molecules, as reactions of one atom-mapped molecule
REWRITES = (
    "[C;R:1]([OX2H1:2])@[OX2;R:3][#6:4]>>([C:1]=[OX1H0:2].[OX2H1:3][#6:4])",  # cyclic hemiacetal, sugars: open chain
    "[CX3:1]=[CX3:2]-[OX2H1:3]>>[C:1]-[C:2]=[OX1H0:3]",  # enol: carbonyl compound
    "[CX3:1]=[CX3:2]-[NX3;H1,H2;+0:3]>>[C:1]-[C:2]=[N:3]",  # enamine: imine
    "[CX4;!H0:1]-[NX2:2]=[OX1:3]>>[C:1]=[N:2]-[OX2H1:3]",  # nitroso compound: oxime
    "[C:1]=[N+:2](-[O-:3])-[OX2H1:4]>>[C:1]-[N+:2](-[O-:3])=[OX1H0+0:4]",  # aci-nitro: nitro compound
    "[P+:1]-[O-:2]>>[P+0:1]=[O+0:2]",  # ylide-like phosphine oxide
)


def form_keys(smiles: str) -> tuple[str, ...]:
    """The keys of the organic fragments of a molecule, the largest first; of the largest if none is organic.

    Args:
        smiles: of a molecule or of several, joined by dots.

    Returns:
        Blocks of letters, or the SMILES of a fragment that is too large or that InChI cannot read.
    """
    mol = Chem.MolFromSmiles(smiles)
    tools = _tools()
    try:
        mol = tools.metals.Disconnect(mol)
    except (ValueError, RuntimeError):  # RDKit cannot write what is left
        pass
    largest = _key(_written(tools.largest.choose(mol)))
    fragments = Chem.GetMolFrags(mol, asMols=True, sanitizeFrags=False)
    organic = [f for f in fragments if any(atom.GetAtomicNum() == 6 for atom in f.GetAtoms())]
    return (largest, *sorted({_key(_written(fragment)) for fragment in organic} - {largest}))


def _written(mol: Chem.Mol) -> str:
    return str(Chem.MolToSmiles(mol, isomericSmiles=False))


@functools.lru_cache(maxsize=1000)
def _key(fragment: str) -> str:
    """The key of a fragment. It is read from SMILES, so that equal ones are treated equally."""
    mol = Chem.MolFromSmiles(fragment)
    if mol is None or mol.GetNumHeavyAtoms() > LARGEST:
        return fragment
    try:
        inchi = Chem.MolToInchi(_rewritten(mol), options=INCHI, logLevel=None)
    except (ValueError, RuntimeError):  # a valence that only the fragment as it was written may have
        return fragment
    return str(Chem.InchiToInchiKey(inchi))[:BLOCK] if inchi else fragment


def _rewritten(mol: Chem.Mol) -> Chem.Mol:
    """The usual form of a fragment."""
    tools = _tools()
    mol = Chem.RWMol(tools.charges.uncharge(tools.groups.normalize(mol)))
    for reaction in tools.reactions:
        for _ in range(MOST_SITES):
            if not reaction.RunReactantInPlace(mol):
                break
            for atom in mol.GetAtoms():
                atom.SetNoImplicit(False)
                if not (atom.GetIsAromatic() or atom.GetFormalCharge()):
                    atom.SetNumExplicitHs(0)
            Chem.SanitizeMol(mol)
    return mol


class _Tools:
    """RDKit's, made once in a process."""

    def __init__(self) -> None:
        self.metals = rdMolStandardize.MetalDisconnector()
        self.largest = rdMolStandardize.LargestFragmentChooser(preferOrganic=True)
        self.groups = rdMolStandardize.Normalizer()
        self.charges = rdMolStandardize.Uncharger()
        self.reactions = [rdChemReactions.ReactionFromSmarts(rewrite) for rewrite in REWRITES]
        for reaction in self.reactions:
            reaction.Initialize()


@functools.cache
def _tools() -> _Tools:
    return _Tools()
