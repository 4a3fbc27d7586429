"""A setting is described once: ranges are checked, and flags and documentation follow from the description."""

from dataclasses import dataclass

import pytest

from gear.errors import InputDataError
from search.plan.setting import check_ranges, setting, settings_of
from search.plan.settings import SearchSettings


@dataclass(frozen=True)
class Example:
    count: int = setting(3, "how many", minimum=1, resume="grows")
    ratio: float = setting(2.0, "how much", above=1)
    long_name: str = setting("a", "which", flag="--other")


def test_a_setting_knows_its_field_and_its_flag():
    count, ratio, name = settings_of(Example)
    assert (count.name, count.kind, count.default, count.flag, count.resume) == ("count", int, 3, "--count", "grows")
    assert (ratio.above, ratio.resume) == (1, "fixed")
    assert name.flag == "--other"
    assert Example() == Example(3, 2.0, "a")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"count": 0}, "x.count must be at least 1, got 0"),
        ({"ratio": 1.0}, "x.ratio must be greater than 1, got 1.0"),
        ({"ratio": float("nan")}, "x.ratio must be a finite number, got nan"),
    ],
)
def test_a_value_out_of_range_is_refused(values, says):
    with pytest.raises(InputDataError, match=says):
        check_ranges(Example(**values), "x")


def test_the_border_is_in_range():
    check_ranges(Example(count=1, ratio=1.001), "x")


def test_every_setting_of_a_search_says_what_it_is_and_what_range_its_numbers_have():
    for found in settings_of(SearchSettings):
        assert found.help
        assert not found.help.endswith(".")
        numeric = found.kind in (int, float)
        assert numeric == (found.minimum is not None or found.above is not None), found.name
