"""Drawings of the page."""

from results import figures
from results.rows import CellChange, Loss

from gear.methods import METHODS
from tests.support.result_rows import row
from tracking.report.drawing import Line, Text


def words(drawing):
    return [mark.text for mark in drawing.marks if isinstance(mark, Text)]


def test_every_method_is_shown_against_single_task_training_lowest_first(rows):
    drawing = figures.ratios_figure(rows)
    found = words(drawing)
    first, second = found.index("random, 60 labels"), found.index("random, 240 labels")
    names = [word for word in found[first:second] if word in METHODS or word in ("blend", "untuned SVR")]
    assert names == ["blend", "gear", "delta", "mtl", "gp", "svr", "untuned SVR"]
    assert "random, 60 labels: blend −2" in drawing.description
    assert figures.ratios_figure([r for r in rows if r.method == "stl"]) is None


def test_every_pair_is_shown_with_an_interval_for_each_number_of_labels_most_helped_first():
    changes = [
        CellChange("benchmark", pair, "random", labels, 1, method, other, value, value - 0.1, value + 0.1, 0.01, 99)
        for pair, value in (("hv_from_bp", -0.1), ("ct_from_bp", -0.4), ("bp_from_mp", 0.2))
        for labels in (240, 60)
        for method, other in (("gear", "stl"), ("gear", "gp"), ("blend", "gear"))
    ]
    drawing = figures.pairs_figure(changes, "random")
    assert words(drawing)[-5:] == ["60 labels", "240 labels", "ct_from_bp", "hv_from_bp", "bp_from_mp"]
    lines = [mark for mark in drawing.marks if isinstance(mark, Line) and mark.label]
    assert [line.label for line in lines][:2] == ["ct_from_bp, 60 labels: −40.0 %", "ct_from_bp, 240 labels: −40.0 %"]
    assert len(lines) == 6
    assert len({line.colour for line in lines}) == 2
    assert figures.pairs_figure(changes, "scaffold") is None
    assert figures.pairs_figure([change for change in changes if change.other != "stl"], "random") is None


def test_curves_by_labels_are_of_the_pairs_that_all_numbers_have(rows):
    more = [row(name, 1.0, "ri_from_ds", labels=60) for name in ("gear", "stl")]  # with 240 labels not run
    drawing = figures.labels_figure([*rows, *more], "random")
    assert drawing.title.startswith("Random split, 6 pairs:")
    assert drawing == figures.labels_figure(rows, "random")
    assert figures.labels_figure(rows, "scaffold") is None
    assert figures.labels_figure([r for r in rows if r.labels == 60], "random") is None


def test_variants_have_lines_of_their_own_colours():
    losses = [
        Loss("ablation", pair, "random", 0, method, epoch, "train/curv", 1 / epoch)
        for pair in ("p", "q")
        for method in ("gear", "gear-no-map", "gear-no-cons", "gear-no-curv")
        for epoch in (1, 2, 3)
    ]
    drawing = figures.losses_figure(losses, "train/curv", "Curvature")
    lines = [mark for mark in drawing.marks if isinstance(mark, Line) and mark.label]
    assert len({mark.colour for mark in lines}) == 4
    assert lines[0].colour == METHODS["gear"].colour
    assert figures.losses_figure(losses, "train/map", "Mapping") is None
