"""What the tables of the page say of rows that are known."""

import dataclasses
import math

import pytest
from results import tables
from results.rows import CellChange, Effect, Expectation, LabelSaving, with_champions


def text(lines):
    return "\n".join(lines)


def test_the_headline_names_the_rivals(rows):
    found = text(tables.headline(rows))
    assert "| random, 60 labels | `stl` | −19." in found
    assert "| random, 240 labels | the best other transfer method, `delta` | −5." in found
    assert "| random, 60 and 240 labels together | the best classical method, `gp` | −15." in found
    assert "| 12 of 12 | 6 |" in found  # cells, pairs
    assert found.count("\n") == 1 + 3 * 3


def test_p_values_are_corrected_for_all_rows_of_the_table(rows):
    *_, last = tables.headline(rows)
    assert last.endswith("| 0.031 | 0.281 |")  # the least of six targets, 2 / 2^6; of nine comparisons


def test_methods_are_in_the_order_of_their_errors(rows):
    lines = text(tables.methods_table(rows)).split("**random, 240 labels**")[0].splitlines()
    names = [line.split(" | ")[0].strip("| `") for line in lines[4:] if line]
    assert names == ["blend", "gear", "delta", "mtl", "gp", "svr", "untuned SVR"]
    assert lines[0] == "**random, 60 labels**: 6 pairs, split seed 1"


def change(pair, value, p_value, other="stl"):
    return CellChange("benchmark", pair, "random", 60, 1, "gear", other, value, value - 0.1, value + 0.1, p_value, 99)


def test_wins_are_sure_after_the_correction_only(rows):
    changes = [change("a", -0.2, 0.001), change("b", -0.1, 0.03), change("c", 0.1, 0.02), change("d", -0.1, 0.9)]
    found = text(tables.wins_table([*changes, change("a", -0.3, 0.001, "kd")], rows))
    assert "| `stl` | random, 60 labels | 4 | 3 / 1 | 2 / 1 | 1 / 0 |" in found
    assert "kd" not in found  # no rival


def test_every_pair_has_its_change_with_its_interval(rows):
    changes = [change("a", -0.2, 0.001), change("a", -0.1, 0.03, "delta"), change("b", 0.1, 0.02)]
    found = text(tables.changes_tables(changes, rows))
    assert "|  | `stl` | the best other transfer method, `delta` | the best classical method, `gp` |" in found
    assert "| `a` | −20.0 % (−30.0 to −10.0) | −10.0 % (−20.0 to +0.0) |  |" in found
    assert "| `b` | +10.0 % (+0.0 to +20.0) |" in found
    assert "240 labels" not in found  # no changes there


def test_what_a_probe_expected_is_held_against_what_came():
    cells = {
        "hv_from_bp": (-0.2, -0.3),
        "ct_from_bp": (-0.5, -0.6),
        "bp_from_mp": (0.0, 0.1),
        "ri_from_ds": (-0.01, -0.02),
    }
    expected = [Expectation("benchmark", pair, "random", 60, 1, of, of < -0.05) for pair, (of, _) in cells.items()]
    more = Expectation("benchmark", "st_from_ri", "random", 60, 1, -0.3, True)  # not tested
    changes = [
        CellChange("benchmark", pair, "random", 60, 1, "gear", other, value, math.nan, math.nan, 0.5, 99)
        for pair, (_, value) in cells.items()
        for other in ("stl", "gp")
    ]
    found = text(tables.expectations_table([*expected, more], changes)).splitlines()[-1]
    assert found == "| random, 60 labels | 4 | lower in 2 of 2, −47.1 % | lower in 1 of 2, +3.8 % | 0.99 |"
    alone = text(tables.expectations_table(expected[:1], changes)).splitlines()[-1]
    assert alone == "| random, 60 labels | 1 | lower in 1 of 1, −30.0 % |  |  |"


def test_a_blend_is_held_against_what_validation_chooses(rows):
    """Validation may choose another method than the best."""
    worse = [dataclasses.replace(r, validation_rmse=0.01) if r.method == "svr" else r for r in rows]
    assert [r.rmse for r in with_champions(worse) if r.method == "champion"] == [
        r.rmse for r in worse if r.method == "svr"
    ]
    found = text(tables.blend_table(worse))
    assert "| random, 60 labels | the winner that validation chooses | −31." in found
    assert "| random, 60 labels | the best single method, `gear` | −6." in found
    assert "the untuned SVR" in found
    assert text(tables.blend_table([r for r in rows if r.kind != "blend"])).count("\n") == 1


def test_costs_are_of_all_studies(rows):
    assert "| `gear` | 12 | 0.10 | 30 | 30 |" in text(tables.cost_table(rows))  # 12 x 30 s


def test_a_setting_shows_its_levels_by_importance():
    def effect(setting, level, share, error=0.01):
        return Effect("benchmark", "gear", setting, level, math.log(1.05), error, 9, 3, share)

    found = [effect("a.b", "1", 0.1), effect("weights.map", "low third", 0.7, math.nan), effect("a.b", "2", 0.1)]
    lines = list(tables.sensitivity_table(found))
    assert lines[2] == "| `weights.map` | 0.700 | low third: +5.0 % |"
    assert lines[3] == "| `a.b` | 0.100 | 1: +5.0 ± 1.0 %; 2: +5.0 ± 1.0 % |"


def test_labels_that_a_rival_needs_are_a_median_and_may_be_more_than_were_measured():
    def saving(needed):
        return LabelSaving("benchmark", "p", "random", 1, 60, "gear", "stl", needed, needed, needed, 240)

    assert "| random | 60 | `gear` | stl | 130 | 2 of 3 |" in text(
        tables.savings_table(map(saving, (40, 130, math.inf)))
    )
    assert "more than were measured" in text(tables.savings_table([saving(math.inf)]))


def test_errors_of_all_pairs_have_their_spread(rows):
    found = text(tables.errors_tables(rows))
    assert "### random, 60 labels: RMSE" in found
    assert "| `hv_from_bp` | 0.800 (0.720 to 0.880) |" in found
    assert "| **0.750** (0.675 to 0.825) |" in found
    again = [dataclasses.replace(r, split_seed=2, rmse=r.rmse + 0.2, split_hash=f"{r.split_hash}2") for r in rows]
    assert "| `hv_from_bp` | 0.900 ± 0.141 |" in text(tables.errors_tables([*rows, *again]))


@pytest.mark.parametrize(("name", "shown"), [("mean", "mean of the labels"), ("gear-no-map", "`gear-no-map`")])
def test_names_are_shown_as_what_they_are(name, shown):
    assert tables.name_of(name) == shown
