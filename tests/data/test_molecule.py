"""Identity and scaffold groups."""

import pytest

from gear.data import canonical_smiles
from gear.data.molecule import organic_identity, scaffold_group


def test_identity_ignores_notation_and_stereo():
    assert canonical_smiles("OCC") == canonical_smiles("C(O)C") == "CCO"
    assert canonical_smiles("C[C@H](N)O") == canonical_smiles("C[C@@H](N)O")


@pytest.mark.parametrize("smiles", ["", "nonsense(", "C1CC", "c1cccc1C("])
def test_what_cannot_be_parsed_has_no_identity(smiles, capfd):
    assert canonical_smiles(smiles) is None
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("smiles", ["C", "O", "[Na+].[Cl-]", "CC.O", "[2H]CC", "C[CH2]", "CC[NH3+]", "C[Hg]C"])
def test_built_in_tables_keep_neutral_organic_molecules_only(smiles):
    assert organic_identity(smiles) is None


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
