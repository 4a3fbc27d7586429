"""Properties held against each other: who loses, and what became of values known to be wrong."""

import pytest

from gear.data import PROPERTIES, canonical_smiles, load_property
from gear.data.builtin.consistency import Ceiling, drop_contradictions
from gear.data.builtin.sources import identifiers, property_sources
from gear.data.builtin.tables import cleaning_steps
from gear.data.builtin.voting import Entry


def entry(smiles, value, *sources):
    return Entry(smiles, value, "experimental", ", ".join(sources), len(sources), 0.0)


def judged(boiling=None, **tables):
    """Codes that keep the one molecule there is, and the rules that took it from the others."""
    full = {code: {e.smiles: e for e in tables.get(code, [])} for code in PROPERTIES}
    kept, taken = drop_contradictions(full, boiling or {})
    return {code for code in kept if kept[code]}, {code: list(rules) for code, rules in taken.items() if rules}


def test_fewer_sources_lose():
    mp, bp = [entry("CCO", 500, "a")], [entry("CCO", 400, "a", "b")]
    assert judged({"CCO": Ceiling(400, 2)}, mp=mp, bp=bp) == ({"bp"}, {"mp": ["melts above its boiling point"]})
    mp = [entry("CCO", 500, "a", "b", "c")]
    assert judged({"CCO": Ceiling(400, 2)}, mp=mp, bp=bp) == ({"mp"}, {"bp": ["melts above its boiling point"]})


def test_of_equals_a_suspect_source_loses_and_otherwise_both():
    ceiling, bp = {"CCO": Ceiling(400, 1)}, [entry("CCO", 400, "WebBook")]
    assert judged(ceiling, mp=[entry("CCO", 500, "Common Chemistry")], bp=bp)[0] == {"bp"}
    assert judged(ceiling, mp=[entry("CCO", 500, "CRC")], bp=bp)[0] == set()


def test_untrusted_boiling_points_still_contradict_a_melting_point():
    assert judged({"CCO": Ceiling(400, 2)}, mp=[entry("CCO", 500, "a")])[0] == set()
    assert judged({"CCO": Ceiling(600, 2)}, mp=[entry("CCO", 500, "a")])[0] == {"mp"}


@pytest.mark.parametrize(
    ("tables", "rule"),
    [
        ({"ri": [entry("CCO", 1.36, "CRC")], "mp": [entry("CCO", 430, "a", "b")]}, "solid, with a property"),
        ({"fp": [entry("CCO", 400, "a")], "bp": [entry("CCO", 351, "a", "b")]}, "flashes above"),
        ({"ct": [entry("CCO", 300, "a")], "bp": [entry("CCO", 351, "a", "b")]}, "boils above its critical"),
        ({"hv": [entry("CCO", 120, "a")], "bp": [entry("CCO", 351, "a", "b")]}, "vaporization against"),
        ({"hv": [entry("CCO", 6, "a")], "bp": [entry("CCO", 351, "a", "b")]}, "vaporization against"),
        ({"ri": [entry("CCO", 1.36, "CRC")], "ds": [entry("CCO", 1360, "a", "b")]}, "refraction"),
        ({"bp": [entry("C" * 20, 400, "a", "b", "c")]}, "boils too low for its size"),
    ],
)
def test_every_rule_catches_its_case(tables, rule):
    _, taken = judged(**tables)
    ((found,),) = taken.values()
    assert found.startswith(rule)


@pytest.mark.parametrize(
    "tables",
    [
        {"ri": [entry("CCO", 1.361, "CRC")], "ds": [entry("CCO", 786, "a")], "mp": [entry("CCO", 159, "a")]},
        {"hv": [entry("CCO", 42.3, "a")], "bp": [entry("CCO", 351.4, "a")], "ct": [entry("CCO", 514, "a")]},
        {"bp": [entry("FC(F)(F)C(F)(F)C(F)(F)F", 236, "a")]},  # fluorine attracts little
        {"hv": [entry("CC", 5.2, "a")], "bp": [entry("CC", 184.6, "a")]},  # near its critical point at 298 K
    ],
)
def test_right_values_stay(tables):
    assert judged(**tables) == (set(tables), {})


def test_what_is_derived_from_a_dropped_value_goes_with_it():
    kept, _ = judged(ri=[entry("CCO", 1.9, "CRC")], ds=[entry("CCO", 786, "a", "b")], pol=[entry("CCO", 9, "x")])
    assert kept == {"ds"}


WRONG = [
    ("bp", "CC(=O)SC1CC2=CC(=O)CCC2(C)C2CCC3(C)C(CCC34CCC(=O)O4)C12", 407, "spironolactone, above its melting point"),
    ("bp", "c1ccc(cc1)N1CN(CN(C1)c1ccccc1)c1ccccc1", 458, "in vacuum, in two sources"),
    ("bp", "CC(C)(c1cc(Cl)c(O)c(Cl)c1)c1cc(Cl)c(O)c(Cl)c1", 393, "in vacuum"),
    ("bp", "O=C1CCC1", 767, "cyclobutanone"),
    ("bp", "CC(C)CC(=O)OC(C)C", 142, "isopropyl isovalerate"),
    ("mp", "COc1ccccc1I", 862, "2-iodoanisole, a liquid"),
    ("mp", "ClC1CCCC1", 616, "chlorocyclopentane"),
    ("mp", "c1cocn1", 513, "oxazole"),
    ("mp", "CN(C)C(C)(C)C", 556, "an amine with the melting point of its salt"),
    ("mp", "CN(C)CCN", 453, "likewise"),
    ("ri", "CC(O)C=C(C)C", 1.9377, "4-methylpent-3-en-2-ol, a typing error"),
    ("ri", "OCC(O)C(O)C(O)C(O)CO", 1.333, "sorbitol in water"),
    ("dk", "O=[N+]([O-])c1cc([N+](=O)[O-])c(O)c([N+](=O)[O-])c1", 4.0, "solid picric acid"),
    ("ds", "CCC(C)c1ccccc1O", 98038, "a factor of a hundred"),
    ("ds", "O=[N+]([O-])c1ccccc1Cl", 1.368, "a factor of a thousand"),
    ("hv", "C1=CCCNC1", 107.7, "another species"),
    ("hv", "CC1CCC(C)CC1", 1149, "an average with an outlier"),
    ("hv", "COC(=O)C(C)(C)C", 500, "likewise"),
    ("hv", "CC(=O)O", 23.4, "the enthalpy of a dimerising vapour"),
    ("ct", "CC1CCC(C)CC1", 3645, "likewise"),
    ("ct", "c1ccc2c(c1)ccc1ccccc12", 0.869, "phenanthrene"),
    ("st", "c1ccccc1", 33.96, "benzene of one table"),
    ("st", "CCCCCCCC", 25.1, "octane of one table"),
    ("fp", "CCCCC=O", 553, "pentanal"),
    ("fp", "CC", 425, "ethane"),
    ("vs", "CCC(C)=O", 7.471e6, "a misprinted coefficient"),
]


@pytest.fixture(scope="module")
def states():
    """Whether a source has a value of a property for a molecule, given in canonical SMILES."""
    known = identifiers()
    found = property_sources({cas: mass for cas, (_, mass) in known.items()})

    def asked(code, smiles, value):
        near = {cas for source in found[code] for cas, one in source.values.items() if abs(one / value - 1) < 0.005}
        return any(canonical_smiles(known[cas][0]) == smiles for cas in near & known.keys())

    return asked


@pytest.mark.parametrize(("code", "smiles", "wrong", "why"), WRONG)
def test_known_wrong_values_are_gone(code, smiles, wrong, why, states):
    assert states(code, canonical_smiles(smiles), wrong)
    table = load_property(code).to_pydict()
    value = dict(zip(table["smiles"], table["value"], strict=True)).get(canonical_smiles(smiles))
    assert value is None or abs(value - wrong) > 0.05 * wrong, why


@pytest.mark.parametrize("code", PROPERTIES)
def test_steps_of_cleaning_only_ever_lose_and_end_at_the_table(code):
    left = [step.left for step in cleaning_steps(code)]
    assert left == sorted(left, reverse=True)
    assert left[-1] == len(load_property(code))
