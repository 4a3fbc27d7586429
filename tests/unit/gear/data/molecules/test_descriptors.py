"""Descriptors of molecules and their scaling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rdkit import Chem
from rdkit.Chem import Descriptors

from gear.data.molecules import descriptors as module
from gear.data.molecules.descriptors import CLIP, DescriptorScaler, descriptor_names, descriptors, packed_descriptors
from gear.errors import InputDataError
from gear.testing.pairs import molecules

VALUES = hnp.arrays(np.float32, (8, 5), elements=st.floats(-(2.0**99), 2.0**99, width=32) | st.just(np.nan))


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


@given(VALUES, VALUES)
def test_inputs_of_a_model_are_finite_and_bounded(train, test):
    scaler = DescriptorScaler.fit(train)
    for values in (train, test):
        inputs = scaler.transform(values)
        assert inputs.shape == (8, len(scaler.kept))
        assert np.isfinite(inputs).all()
        assert (np.abs(inputs) <= CLIP).all()


def test_scaling_is_that_of_the_training_part_and_drops_what_is_constant_there():
    train = np.column_stack([np.full(4, 3.0), [0.0, 9.0, 99.0, 999.0], [np.nan] * 4]).astype(np.float32)
    scaler = DescriptorScaler.fit(train)
    assert scaler.kept.tolist() == [1]
    inputs = scaler.transform(train)[:, 0]
    assert (inputs.mean(), inputs.std()) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert scaler.transform(np.array([[0.0, -9.0, 0.0]], np.float32)) < scaler.transform(train[:1])
    assert scaler.transform(np.array([[0.0, np.nan, 0.0]], np.float32)) == 0
