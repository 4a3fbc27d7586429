"""Which molecules are pretrained on: those of chemicals, and a user's."""

import pytest

from gear.data.builtin import sources
from gear.errors import InputDataError
from gear.pretrain.molecules import known_molecules, own_molecules

COMPOUNDS = {1: ("OCC", 46.0), 2: ("CCO", 46.0), 3: ("[Na+].[Cl-]", 58.0), 4: ("C[C@H](N)O", 61.0), 5: ("x", 1.0)}


@pytest.fixture
def compounds(tmp_path, monkeypatch):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))
    monkeypatch.setattr(sources, "identifiers", lambda: COMPOUNDS)
    known_molecules.cache_clear()
    yield
    known_molecules.cache_clear()


def test_compounds_are_canonical_organic_each_once_and_computed_once(compounds, monkeypatch):
    assert known_molecules() == ("CC(N)O", "CCO")
    known_molecules.cache_clear()
    monkeypatch.setattr(sources, "identifiers", None)
    assert known_molecules() == ("CC(N)O", "CCO")


def test_own_molecules_of_several_files_are_each_once_and_bad_rows_counted(tmp_path):
    (tmp_path / "one.csv").write_text("smiles,x\nOCC,1\nnonsense,2\n,3\nc1ccccc1,4,5\n")
    (tmp_path / "two.csv").write_text("smiles\nC(C)O\n[NH4+].[Cl-]\n")
    found = own_molecules([tmp_path / "one.csv", tmp_path / "two.csv"])
    assert found.smiles == ["CCO", "[Cl-].[NH4+]"]
    assert found.bad_rows == 3


def test_without_files_there_are_none():
    assert own_molecules([]) == ([], 0)


def test_a_file_that_cannot_be_used_is_refused(tmp_path):
    file = tmp_path / "one.csv"
    with pytest.raises(InputDataError, match="cannot read"):
        own_molecules([file])
    file.write_text("structure\nCCO\n")
    with pytest.raises(InputDataError, match="has no column 'smiles'"):
        own_molecules([file])
    assert own_molecules([file], "structure").smiles == ["CCO"]
    file.write_text("smiles\nnonsense\n")
    with pytest.raises(InputDataError, match=r"no row of .* holds a usable SMILES"):
        own_molecules([file])
