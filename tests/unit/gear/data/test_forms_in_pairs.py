"""What one task knows of a molecule in one form, no split lets the other be judged on in another form."""

import dataclasses

import numpy as np
import pytest

from gear.config import PairSpec, TaskSpec
from gear.data import load_pair, parse_pair
from gear.data.molecules.molecule import identify
from gear.testing.pairs import molecules

SPLITS = ["random", "scaffold", "random-fold2", "scaffold-n60", "extrapolation-high"]
RINGS = ["c1ccccc1", "c1ccncc1", "C1CCCCC1", "C1CCOC1", "c1ccsc1", "c1ccc2ccccc2c1", "C1CCNCC1", "c1cncnc1"]
ENDS = ["", "C", "CC", "CCC", "C(C)C", "Cl", "Br", "F", "OC", "C#N"]
KETO = [f"CC(=O)C{ring[0]}{ring[1:]}{end}" for ring in RINGS for end in ENDS]
ENOL = [f"CC(O)=C{ring[0]}{ring[1:]}{end}" for ring in RINGS for end in ENDS]
ACIDS = [f"{'C' * n}C(=O)O" for n in range(1, 40)]
SALTS = [f"{'C' * n}C(=O)O[Na]" for n in range(1, 40)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gear.data.user_files.task_file.cache_folder", lambda: tmp_path / "cache")


def task(name, smiles):
    with open(f"{name}.csv", "w") as file:
        file.write("smiles,value\n" + "".join(f"{text},{index % 37}\n" for index, text in enumerate(smiles)))
    return TaskSpec(name, file=f"{name}.csv", column="value")


def keys(part):
    return {identify(smiles).key for smiles in part.smiles}


@pytest.mark.parametrize("split", SPLITS)
def test_no_form_of_what_the_target_is_judged_on_is_in_a_source(split):
    pair = load_pair(PairSpec(task("keto", KETO + ACIDS), (task("enol", ENOL + SALTS + molecules()),)), split)
    judged = keys(pair.target.validation) | keys(pair.target.test)
    assert judged
    assert not judged & (keys(pair.sources[0].train) | keys(pair.sources[0].validation))


@pytest.mark.parametrize("split", SPLITS)
def test_forms_of_one_molecule_are_in_one_part_of_a_task(split):
    pair = load_pair(PairSpec(task("both", KETO + ENOL), (TaskSpec("hv"),)), split)
    parts = [keys(part) for part in pair.target.parts()]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts))


def test_version_1_of_the_keys_separates_forms_but_not_salts():
    """As versions did that did not know forms; campaigns that they began go on with it."""
    spec = PairSpec(task("both", KETO + ENOL), (TaskSpec("hv"),), key_version=1)
    parts = [keys(part) for part in load_pair(spec, "random").target.parts()]
    assert sum(map(len, parts)) > len(set.union(*parts))


HASHES_BEFORE_KEYS = {  # of the version before forms were known, with chemicals 1.5, thermo 0.6, RDKit 2026.3
    ("hv_from_ds", "random"): "7fff31dab25bcaa1",
    ("dk_from_lp", "scaffold"): "d88f0ecd8ff86734",
    ("dk_from_lp", "random-n60"): "21ec8652f51825d3",
    ("ef_from_mp", "scaffold"): "2dc86b511721b046",
    ("bp_from_mp", "random"): "7d09cfec775761ff",
}


@pytest.mark.parametrize(("pair", "split"), HASHES_BEFORE_KEYS)
def test_keys_of_version_1_give_the_splits_of_their_time(pair, split):
    spec = dataclasses.replace(parse_pair(pair), key_version=1)
    assert load_pair(spec, split).split_hash == HASHES_BEFORE_KEYS[pair, split]


def test_a_split_changes_only_where_molecules_are_grouped_otherwise():
    for (pair, split), before in HASHES_BEFORE_KEYS.items():
        assert (load_pair(pair, split).split_hash == before) is ("mp" not in pair)


def test_values_do_not_depend_on_the_keys():
    old, new = (load_pair(dataclasses.replace(parse_pair("ef_from_mp"), key_version=v), "random") for v in (1, 2))
    assert old.data_hash == new.data_hash
    assert np.array_equal(old.target.test.smiles, new.target.test.smiles)
