"""The cleaning rules on hand-made values, and the known traps of the real tables."""

import pytest

from gear.data import PROPERTIES, load_property
from gear.data.builtin.chemicals_tables import Source
from gear.data.builtin.properties import Property
from gear.data.builtin.voting import Entry, merge_molecules, vote

KELVIN = Property("t", "temperature", "K", 100, 1000, 10, weak=("weak",))

# molecules after the vote, as counted independently of this code; contradictions take at most a few per cent more
EXPECTED_SIZES = {
    "mp": 21981, "bp": 6037, "ds": 5651, "lp": 4610, "ri": 3897, "pol": 3177, "hv": 2769, "st": 1330, "vp": 1200,
    "ct": 1022, "dk": 946, "fp": 913, "vs": 545, "ef": 500, "hs": 1451, "hl": 1740, "cp": 901, "cv": 855, "dm": 498,
    "ai": 338, "cn": 292,
}  # fmt: skip


def agreed(*values, spec=KELVIN, mixed=()):
    """What one substance keeps when sources a, b, ... report the values."""
    sources = [Source(name, "experimental", {1: value}) for name, value in zip("abcdef", values, strict=False)]
    sources += [Source(f"m{i}", "mixed", {1: value}) for i, value in enumerate(mixed)]
    found = vote(spec, sources)
    return found[1].value if found else None


def test_one_source_stands_alone():
    assert agreed(300) == 300


def test_weak_source_does_not():
    assert vote(KELVIN, [Source("weak", "experimental", {1: 300.0})]) == {}


def test_two_sources_must_agree():
    assert agreed(300, 309) == 300
    assert agreed(300, 320) is None


def test_mixed_source_settles_a_disagreement():
    assert agreed(300, 320, mixed=[321]) == 320
    assert agreed(300, 315, mixed=[307]) is None


def test_two_mixed_sources_overrule_a_single_one():
    assert agreed(300, mixed=[400, 401]) is None
    assert agreed(300, mixed=[400]) == 300


def test_three_sources_give_the_median_if_most_lie_near_it():
    assert agreed(300, 304, 900) == 304
    assert agreed(300, 400, 500) is None


def test_values_out_of_range_do_not_vote():
    assert agreed(300, 1e6) == 300
    assert agreed(20) is None


def test_mixed_sources_count_only_where_no_experiment_is():
    assert agreed(mixed=[300, 302]) == 300
    strict = Property("t", "temperature", "K", 100, 1000, 10, experimental_only=True)
    assert agreed(mixed=[300, 302], spec=strict) is None


def test_stereoisomers_are_merged_by_median_with_their_spread():
    votes = vote(KELVIN, [Source("a", "experimental", {1: 300.0, 2: 320.0}), Source("b", "experimental", {1: 304.0})])
    assert merge_molecules(votes, {1: "CC", 2: "CC"}) == [Entry("CC", 310.0, "experimental", "a, b", 2, 20.0)]


def test_molecules_without_an_identity_are_left_out():
    assert merge_molecules(vote(KELVIN, [Source("a", "experimental", {1: 300.0})]), {}) == []


@pytest.mark.parametrize("code", EXPECTED_SIZES)
def test_sizes_of_the_built_in_tables(code):
    assert 0.92 * EXPECTED_SIZES[code] < len(load_property(code)) < 1.03 * EXPECTED_SIZES[code]


@pytest.mark.parametrize("code", PROPERTIES)
def test_values_are_in_range_and_molecules_distinct(code):
    spec, table = PROPERTIES[code], load_property(code).to_pydict()
    assert len(set(table["smiles"])) == len(table["smiles"])
    assert min(table["value"]) >= spec.minimum
    assert max(table["value"]) <= spec.maximum
    assert min(table["n_sources"]) >= 1


@pytest.mark.parametrize(
    ("code", "smiles", "value", "tolerance"),
    [
        ("hv", "c1ccccc1", 33.9, 0.5),
        ("hv", "CC(=O)O", 51, 2),  # the monomer's, not the dimerising vapour's 23
        ("vs", "c1ccccc1", 0.60, 0.03),  # mPa s
        ("vs", "CCO", 1.08, 0.06),
        ("ds", "CCO", 786, 6),
        ("st", "c1ccccc1", 28.2, 0.6),  # one table says 34
        ("st", "NC=O", 57, 2),
        ("bp", "CCO", 351.4, 1),
        ("vp", "CCO", 3.9, 0.05),
        ("dk", "CNC=O", 182, 8),
        ("ri", "c1ccccc1", 1.501, 0.002),
        ("pol", "c1ccccc1", 10.4, 0.2),
        ("ef", "c1ccccc1", 9.87, 0.2),
        ("ct", "c1ccccc1", 562, 2),
    ],
)
def test_well_known_values(code, smiles, value, tolerance):
    table = load_property(code).to_pydict()
    assert dict(zip(table["smiles"], table["value"], strict=True))[smiles] == pytest.approx(value, abs=tolerance)
