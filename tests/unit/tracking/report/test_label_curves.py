"""The report: errors by number of labels, and the labels that the champions save."""

import pytest

from tests.support.fake_records import Study, record_reference
from tests.support.report_page import NOW, page_of, words
from tracking.report.label_curves import label_views
from tracking.report.page import make_page
from tracking.report.reading import read_campaigns

SIZES = {"random-n30": 30, "random-n120": 120, "random": 480}


def errors(size):
    return tuple(size * (-1) ** k for k in range(50))


def studies(**more):
    """GEAR has half the error of single-task training, which falls with the root of the number of labels."""
    return [
        Study(split=split, method=method, errors=errors(scale * labels**-0.5), hash=split, labels=labels, **more)
        for split, labels in SIZES.items()
        for method, scale, more in (("gear", 10, {"validation": 0.3}), ("stl", 20, {"validation": 0.5}))
    ]


@pytest.fixture
def campaign(recorded, client, uri):
    recorded(*studies())
    for split, labels in SIZES.items():
        svr = Study(split=split, errors=errors(14 * labels**-0.5), hash=split, labels=labels)
        record_reference(uri, "quick-1", svr, "svr")
    (found,) = read_campaigns(client, [])
    return found


def test_a_view_for_each_pair_has_all_methods_by_number_of_labels(campaign):
    (view,) = label_views([campaign])
    assert (view.title, view.what) == ("hv_from_ds, random", "test RMSE, kJ/mol")
    assert set(view.methods) == {"gear", "stl", "untuned SVR"}
    assert [labels for labels, _ in view.rows] == [30, 120, 480]
    first = dict(zip(view.methods, view.rows[0][1], strict=True))
    assert first["gear"][0].value == pytest.approx(10 * 30**-0.5)
    assert [name for name, (_, chosen) in first.items() if chosen] == ["gear"]


def test_the_page_says_how_many_labels_are_saved(campaign):
    page = make_page([campaign], NOW)
    text = words(page.html)
    assert "How many labels does transfer save?" in text
    assert "30 gear stl 120 120 to 120 90" in text
    assert "120 gear stl 480 480 to 480 360" in text
    assert "30 gear untuned SVR 59 59 to 59 29" in text
    assert "480 gear stl more than 480 more than 480 more than 0" in text
    (chart,) = [drawing for drawing in page.drawings if drawing.name.startswith("labels-")]
    assert "gear: 1.826 with 30 labels" in chart.description
    assert chart.name == "labels-hv_from_ds-random"


def test_several_campaigns_have_a_curve_each(recorded):
    recorded(*studies(), campaign="one")
    campaigns = recorded(*studies(), campaign="two")
    assert [view.title for view in label_views(campaigns)] == ["hv_from_ds, random (one)", "hv_from_ds, random (two)"]


def test_without_several_numbers_of_labels_there_is_no_section(recorded):
    campaigns = recorded(*(study for study in studies() if study.split == "random"))
    assert label_views(campaigns) == []
    page = page_of(campaigns)
    assert "How many labels" not in page
    assert "#labels" not in page


def test_all_labels_of_an_earlier_version_are_left_out(recorded):
    unknown = [Study(split=split, errors=errors(1.0), hash=split) for split in SIZES]
    (view,) = label_views(recorded(*unknown))
    assert view.curve.labels == [30, 120]
