"""The report: what the settings do, and how that is drawn."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gear.methods import METHODS
from tests.support.fake_records import study, trial
from tracking.report.axes import span
from tracking.report.charts import method_colour
from tracking.report.drawing import COLOURS, Bar, Dots, Drawing, Line, Text, to_svg
from tracking.report.raster import to_png
from tracking.report.settings import relative_values, running_median, varied


def ten(**more):
    """Ten trials whose RMSE rises with one weight and has nothing to do with the depth."""
    depths = [1, 2, 3, 3, 2, 1, 1, 2, 3, 1]
    settings = [{"weights.curv": 0.1 * 2**k, "transfer.depth": depths[k], "seed": k, "gain": 2.0} for k in range(10)]
    return [trial(k, 0.3 + 0.05 * k, **(settings[k] | {n: v[k] for n, v in more.items()})) for k in range(10)]


def test_the_setting_that_orders_the_values_comes_first():
    first, second = varied(study(ten()))
    assert (first.name, round(first.weight, 6), round(first.direction, 6)) == ("weights.curv", 1, 1)
    assert second.name == "transfer.depth"
    assert second.weight < 0.5
    assert first.log
    assert not second.log


def test_words_count_by_how_far_they_part_the_values():
    kind, *_ = varied(study(ten(kind=["dmpnn"] * 5 + ["text"] * 5, other=["a", "b"] * 5)))
    assert kind.name == "weights.curv"
    by_name = {
        setting.name: setting for setting in varied(study(ten(kind=["x"] * 5 + ["y"] * 5, other=["a", "b"] * 5)))
    }
    assert by_name["kind"].weight > 0.8
    assert by_name["other"].weight < 0.3
    assert not by_name["kind"].numeric


def test_importance_that_the_search_recorded_is_taken_as_it_is():
    first, second = varied(study(ten(), **{"importance/transfer.depth": 0.7, "importance/weights.curv": 0.3}))
    assert (first.name, first.weight, first.recorded) == ("transfer.depth", 0.7, True)
    assert second.weight == 0.3


def test_few_trials_say_nothing_of_settings():
    assert varied(study(ten()[:5])) == []


def test_running_median_follows_a_trend_and_not_an_outlier():
    x = np.arange(30.0)
    y = 2 * x
    y[15] = 1000
    line = np.array(running_median(x, y))
    np.testing.assert_allclose(line[:, 1], 2 * line[:, 0], atol=3)
    assert running_median(x[:5], y[:5]) == []


def test_studies_are_laid_on_each_other_by_their_medians():
    assert relative_values([trial(k, v) for k, v in enumerate((0.2, 0.4, 0.8))]) == pytest.approx([0.5, 1, 2])


@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e6), st.booleans())
def test_ticks_lie_on_the_axis_in_order_and_tell_at_least_two_values(low, extent, log):
    scale = span([low, low + extent], 0, 100, log=log)
    for most in (3, 5, 8):
        ticks = scale.ticks(most)
        assert 2 <= len(ticks) <= most + 2
        assert ticks == sorted(set(ticks))
        assert all(scale.low - 1e-9 * extent <= tick <= scale.high + 1e-9 * extent for tick in ticks)


def test_values_are_placed_in_proportion_and_never_off_the_axis():
    scale = span([1, 100], 0, 100, log=True)
    assert scale(10) == pytest.approx(50)
    assert (scale(1e-9), scale(1e9)) == (0, 100)


MARKS = [
    Bar(10, 20, 30, 40, "blue", label='a "bar" & more'),
    Line(((0, 0), (90, 50)), "ink"),
    Dots(((80, 60),), "orange", 5),
    Dots(((20, 90),), "green", 5, hollow=True),
    Text(50, 90, "a < b", turned=True),
]


def test_a_drawing_is_well_formed_and_speaks_for_itself():
    drawing = Drawing("name", "a < b", "all & everything", 100, 100, MARKS)
    for inline in (True, False):
        root = ET.fromstring(to_svg(drawing, inline=inline))
        assert root.attrib["aria-label"] == "a < b. all & everything"
        assert root.attrib["role"] == "img"
        assert 'a "bar" & more' in [element.text for element in root.iter() if element.tag.endswith("title")]


def test_on_a_page_colours_follow_the_page_and_in_a_file_they_are_fixed():
    drawing = Drawing("name", "title", "", 100, 100, MARKS)
    assert "var(--blue)" in to_svg(drawing, inline=True)
    assert "#" not in to_svg(drawing, inline=True)
    assert "var(" not in to_svg(drawing)


def test_the_picture_shows_what_the_drawing_says():
    image = Image.open(io.BytesIO(to_png(Drawing("name", "title", "", 100, 100, MARKS)))).convert("RGB")
    assert image.size == (160, 160)

    def at(x, y):
        return "#{:02x}{:02x}{:02x}".format(*image.getpixel((int(x * 1.6), int(y * 1.6))))

    assert at(15, 55) == "#0072b2"  # the bar
    assert at(80, 60) == "#c65000"  # the disc
    assert at(20, 90) == "#ffffff"  # inside the ring
    assert at(5, 70) == "#ffffff"


def test_every_method_has_a_colour_of_the_page_and_variants_have_that_of_theirs():
    assert {spec.colour for spec in METHODS.values()} <= COLOURS.keys()
    assert method_colour("gear-no-curv") == method_colour("gear") == METHODS["gear"].colour != method_colour("stl")
    assert method_colour("somebodys") in COLOURS
