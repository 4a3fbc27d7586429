"""Forms of one molecule share a key; molecules that are not forms of one another do not."""

import time

import pytest
from rdkit import Chem

from gear.data import load_property
from gear.data.molecules.forms import form_keys
from gear.data.molecules.molecule import identify

FORMS = {
    "keto and enol": "CC(=O)CC(C)=O CC(O)=CC(C)=O",
    "enol of an aldehyde": "CC=O C=CO",
    "enol in a ring": "O=C1CCCCC1 OC1=CCCCC1",
    "phenol": "Oc1ccccc1 O=C1C=CC=CC1",
    "pyridone": "Oc1ccccn1 O=c1cccc[nH]1",
    "amide and imidic acid": "CC(N)=O CC(O)=N",
    "imine and enamine": "CC=NC C=CNC",
    "amidine, guanidine": "NC(=N)NC N=C(N)NC NC(N)=NC",
    "azole": "Cc1ccn[nH]1 Cc1cc[nH]n1",
    "pyrazolone": "CC1=NN(c2ccccc2)C(=O)C1 Cc1cc(=O)n(-c2ccccc2)[nH]1",
    "nitroso and oxime": "CN=O C=NO",
    "nitro, written in three ways": "CC[N+](=O)[O-] CCN(=O)=O CC=[N+](O)[O-]",
    "sulfoxide": "C[S+](C)[O-] CS(C)=O",
    "phosphine oxide": "CP(C)(C)=O C[P+](C)(C)[O-]",
    "N-oxide": "[O-][n+]1ccccc1 O=n1ccccc1",
    "azide": "CN=[N+]=[N-] CN=N#N",
    "covalent salt": "CC(=O)O[Na] CC(=O)O CC(=O)[O-] CC(=O)[O-].[K+]",
    "alkoxide": "CCO[Li] CCO CC[O-]",
    "zwitterion": "NCC(=O)O [NH3+]CC(=O)[O-]",
    "hydrochloride": "CCN CC[NH3+] CCN.Cl",
    "sugar, open and ring": "OCC1OC(O)C(O)C(O)C1O O=CC(O)C(O)C(O)C(O)CO OCC(O)C1OC(O)C(O)C1O",
    "lactol": "OC1CCCO1 O=CCCCO",
    "stereo": "C[C@H](N)O C[C@@H](N)O",
}


def key(smiles):
    return identify(smiles).key


@pytest.mark.parametrize("kind", FORMS)
def test_all_forms_of_a_molecule_share_one_key(kind):
    assert len({key(smiles) for smiles in FORMS[kind].split()}) == 1


def test_different_molecules_have_different_keys():
    molecules = [smiles for forms in FORMS.values() for smiles in forms.split()[:1]]
    molecules += [
        "COC",
        "CC(C)=O",
        "CCC=O",
        "Cc1ccccn1",
        "c1ccccc1",
        "C1=CCC=CC1",
        "CC#N",
        "C[N+]#[C-]",
        "OCCCCO",
        "C1CCOC1",
    ]
    assert len({key(smiles) for smiles in molecules}) == len(molecules)


def test_a_key_does_not_depend_on_how_the_molecule_is_written():
    for smiles in load_property("mp")["smiles"].to_pylist()[::400]:
        mol = Chem.MolFromSmiles(smiles)
        written = {Chem.MolToSmiles(mol, rootedAtAtom=atom, canonical=False) for atom in range(mol.GetNumAtoms())}
        assert {key(text) for text in list(written)[:4]} == {key(smiles)}


def test_molecules_of_one_parent_have_one_key():
    for smiles in load_property("lp")["smiles"].to_pylist()[::100]:
        molecule = identify(smiles)
        assert molecule.key == identify(molecule.parent).key


def test_every_organic_fragment_has_a_key_however_it_is_bound():
    acid, amine, tosylate = "CC(=O)O", "CCN", "Cc1ccc(S(=O)(=O)O)cc1"
    assert set(identify(f"{amine}.{tosylate}").keys.split(".")) == {key(amine), key(tosylate)}
    assert key(acid) in identify("CC(=O)O[Zn]OC(=O)c1ccccc1").keys.split(".")


@pytest.mark.parametrize(
    "smiles",
    ["C=C(O)C" * 250, "C=C(O)C" * 50, "C(O)=C(O)" * 40, "CC(=O)" * 300 + "C", "CC(N=O)" * 45, "NC(C)C(=O)" * 60],
)
def test_time_is_bounded(smiles):
    begin = time.process_time()
    assert form_keys(smiles)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize(
    "smiles", ["[Na+].[Cl-]", "[U]", "O", "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1", "[CH3]", "F[P-](F)(F)(F)(F)F"]
)
def test_whatever_can_be_parsed_has_a_key(smiles):
    keys = form_keys(smiles)
    assert keys
    assert all(keys)
