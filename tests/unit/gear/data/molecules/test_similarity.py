"""Similarity to the nearest molecule: RDKit's numbers, from packed bits."""

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from gear.data.molecules.featurize import featurize_chunk
from gear.data.molecules.query import Asked, make_query, save_neighbours
from gear.data.molecules.similarity import BITS, Neighbours, bit_fingerprints
from gear.errors import InputDataError
from gear.testing.pairs import molecules

OTHERS = ["CCO", "c1ccccc1CCN", "CC(C)C(=O)OCC1CCCCC1", "[Na+].[Cl-]", "Br", "C" * 60]


def test_bits_take_256_bytes_a_molecule():
    found = bit_fingerprints(OTHERS)
    assert (found.shape, found.dtype) == ((len(OTHERS), BITS // 8), np.uint8)


def test_nearest_is_the_largest_tanimoto_similarity_that_rdkit_computes():
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=BITS)
    trained, asked = (
        [generator.GetFingerprint(Chem.MolFromSmiles(s)) for s in smiles] for smiles in (molecules(), OTHERS)
    )
    expected = [max(DataStructs.BulkTanimotoSimilarity(one, trained)) for one in asked]
    found = Neighbours(bit_fingerprints(molecules())).nearest(bit_fingerprints(OTHERS))
    np.testing.assert_allclose(found, expected)


def test_what_cannot_be_parsed_is_named():
    with pytest.raises(InputDataError, match="cannot parse SMILES 'C1CC'"):
        bit_fingerprints(["CC", "C1CC"])


def test_prepared_molecules_are_compared_with_those_of_the_file(tmp_path):
    save_neighbours(tmp_path / "bits.safetensors", ["CCO", "CCCC"])
    rows = [Asked(cell) for cell in ("OCC", "nonsense", 7, None, " CCCC ")]
    query = make_query({"dmpnn": featurize_chunk}, tmp_path / "bits.safetensors", rows)
    np.testing.assert_array_equal(query.similarity, [1, 1])
    assert query.smiles == ["CCO", "CCCC"]
    assert len(query.features["dmpnn"]) == 2
    assert set(query.features) == {"dmpnn"}
    assert query.reasons == ["", "cannot parse SMILES 'nonsense'", "7 is not a SMILES", "no SMILES", ""]


def test_another_file_in_its_place_is_seen(tmp_path):
    path = tmp_path / "bits.safetensors"
    for smiles in ("CCO", "c1ccccc1"):
        path.unlink(missing_ok=True)
        save_neighbours(path, [smiles])
        np.testing.assert_array_equal(make_query({}, path, [Asked(smiles)]).similarity, [1])
