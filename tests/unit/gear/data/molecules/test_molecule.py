"""Identity, parents, scaffold groups, and what is refused."""

import pytest

from gear.data import canonical_smiles, load_property
from gear.data.molecules.molecule import (
    MAX_ATOMS,
    MoleculeError,
    cell_text,
    identify,
    identity,
    is_organic,
    scaffold_group,
)


def test_identity_ignores_notation_stereo_isotopes_and_atom_numbers():
    assert canonical_smiles("OCC") == canonical_smiles("C(O)C") == canonical_smiles("[CH3:1][CH2:2]O") == "CCO"
    assert canonical_smiles("C[C@H](N)O") == canonical_smiles("C[C@@H](N)O")
    assert canonical_smiles("[2H]C([2H])([2H])O") == canonical_smiles("[13CH3]O") == "CO"


def test_identity_of_an_identity_is_itself():
    for smiles in load_property("lp")["smiles"].to_pylist()[::7]:
        assert canonical_smiles(smiles) == smiles


@pytest.mark.parametrize("smiles", ["", "nonsense(", "C1CC", "c1cccc1C(", "CC C C(", "C" * 30_000])
def test_what_cannot_be_parsed_has_no_identity(smiles, capfd):
    assert canonical_smiles(smiles) is None
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("[H][H]", "no atom heavier than hydrogen"),
        ("[H+]", "no atom heavier than hydrogen"),
        ("C" * (2 * MAX_ATOMS), f"{2 * MAX_ATOMS} atoms, the maximum is {MAX_ATOMS}"),
        ("*CC", "placeholder"),
        ("", "no SMILES"),
    ],
)
def test_what_is_no_molecule_is_refused_with_the_reason(smiles, reason):
    with pytest.raises(MoleculeError, match=reason):
        identify(smiles)


@pytest.mark.parametrize(
    ("smiles", "parent", "notes"),
    [
        ("CCN", "CCN", ()),
        ("CCN.Cl", "CCN", ("fragments",)),
        ("CC[NH3+].[Cl-]", "CCN", ("fragments",)),
        ("CC[NH3+]", "CCN", ("charged",)),
        ("CC(=O)[O-].[Na+]", "CC(=O)O", ("fragments",)),
        ("[NH3+]CC(=O)[O-]", "NCC(=O)O", ()),  # a zwitterion is neutral
        ("[2H]OC", "CO", ("isotopes",)),
        ("C[N+](=O)[O-]", "C[N+](=O)[O-]", ()),
        ("[Na+].[Cl-]", "[Cl-].[Na+]", ("fragments",)),
    ],
)
def test_salts_ions_and_isotopologues_have_the_parent_of_the_neutral_molecule(smiles, parent, notes):
    molecule = identify(smiles)
    assert molecule.notes == notes
    if notes != ("fragments",) or "Na" not in parent:
        assert molecule.parent == canonical_smiles(parent)
    assert molecule.scaffold == scaffold_group(molecule.parent)


@pytest.mark.parametrize("smiles", ["C", "O", "[Na+].[Cl-]", "CC.O", "[2H]CC", "C[CH2]", "CC[NH3+]", "C[Hg]C"])
def test_built_in_tables_keep_neutral_organic_molecules_only(smiles):
    assert not is_organic(identify(smiles))


def test_cyclic_molecules_are_grouped_by_their_scaffold():
    assert scaffold_group("Cc1ccccc1O") == scaffold_group("c1ccccc1CCN") == "c1ccccc1"


@pytest.mark.parametrize(
    ("a", "b", "together"),
    [
        ("CCCCO", "CCCCN", True),  # butyl
        ("CCCCO", "CC(C)CO", False),  # butyl, isobutyl
        ("CCCCOC", "CCCCC(=O)O", False),  # the acid's carbon counts
        ("CCOCCCC", "CCCCO", True),  # the larger side
        ("O=S", "N=O", True),  # no carbon at all
    ],
)
def test_acyclic_molecules_are_grouped_by_their_carbon_skeleton(a, b, together):
    assert (scaffold_group(a) == scaffold_group(b)) is together


@pytest.mark.parametrize("smiles", ["OCC", "C[C@H](N)O", "[13CH3]O", "CC[NH3+].[Cl-]", "[CH3:1]C"])
def test_identity_alone_is_the_same(smiles):
    assert identity(smiles) == identify(smiles).smiles


def test_cell_that_is_no_text_is_no_molecule():
    assert (cell_text(" CC "), cell_text(None)) == ("CC", "")
    with pytest.raises(MoleculeError, match=r"7\.5 is not a SMILES"):
        cell_text(7.5)
