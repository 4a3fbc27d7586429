"""Descriptors of molecules."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from gear.data.molecules import descriptors as module
from gear.data.molecules.descriptors import descriptor_names, descriptors, packed_descriptors
from gear.errors import InputDataError
from gear.testing.pairs import molecules


def test_they_are_rdkits_own():
    found = dict(zip(descriptor_names(), descriptors(["CC(=O)Nc1ccccc1"])[0], strict=True))
    expected = Descriptors.CalcMolDescriptors(Chem.MolFromSmiles("CC(=O)Nc1ccccc1"))
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_what_rdkit_cannot_compute_is_missing_and_the_rest_is_there():
    found = dict(zip(descriptor_names(), descriptors(["[Na+].[Cl-]"])[0], strict=True))
    assert found["HeavyAtomCount"] == 2
    assert not np.isinf(list(found.values())).any()


def test_a_smiles_that_is_none_is_named():
    with pytest.raises(InputDataError, match="cannot parse SMILES 'C1CC'"):
        descriptors(["CC", "C1CC"])


def test_they_are_computed_once(tmp_path, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))
    smiles = np.array(molecules()[:5], dtype=object)
    first = packed_descriptors(smiles)
    monkeypatch.setattr(module, "descriptors", None)
    np.testing.assert_array_equal(packed_descriptors(smiles), first)
