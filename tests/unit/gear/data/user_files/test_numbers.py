"""Numbers as people write them are read as they are meant, or refused with what to do; never silently otherwise."""

import decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gear.data.user_files.numbers import commas_in, is_missing, measured_in, number_in

PLAIN = st.floats(0.001, 9_999_999, allow_nan=False).map(lambda value: round(value, 3))
US, EUROPEAN = "US", "European"


def written(value, style):
    """With thousands separators, as Excel writes it in that country."""
    text = f"{value:,.3f}".rstrip("0").rstrip(".")
    return text if style == US else text.translate(str.maketrans(",.", ".,"))


def read(cell, commas):
    """The number in a cell, or None where it is refused since it may be either of two."""
    try:
        return number_in(cell, commas)
    except ValueError as error:
        return None if "may be" in str(error) else error


@given(st.lists(PLAIN, min_size=1, max_size=8), st.sampled_from([US, EUROPEAN]))
def test_a_column_is_read_as_written_or_refused(values, style):
    cells = [written(value, style) for value in values]
    found = [read(cell, commas_in(cells, delimited=False)) for cell in cells]
    if any("," in cell for cell in cells):  # else there is no telling that 1.048 is a European thousand
        assert all(number in (value, None) for number, value in zip(found, values, strict=True))


@given(st.lists(PLAIN, min_size=1, max_size=8))
def test_one_number_that_is_plainly_written_settles_the_column(values):
    for style, plain in ((US, "0.5"), (EUROPEAN, "0,5")):
        cells = [plain, *(written(value, style) for value in values)]
        found = [read(cell, commas_in(cells, delimited=False)) for cell in cells]
        unclear = [style == EUROPEAN and "." in cell and "," not in cell for cell in cells]  # 1.048 beside 0,5
        assert all(
            number == value or (number is None and refused)
            for number, value, refused in zip(found, [0.5, *values], unclear, strict=True)
        )


@pytest.mark.parametrize(
    ("column", "delimited", "cell", "found"),
    [
        (["862", "924", "1,048"], False, "1,048", "'1,048' may be 1.048 or 1048: write it without the comma"),
        (["862.5", "924", "1,048"], False, "1,048", 1048.0),
        (["0,998", "1,048"], False, "1,048", 1.048),
        (["862", "1,048,576"], False, "1,048", 1048.0),
        (["1,048.5"], False, "1,048.5", 1048.5),
        (["1.048,5"], False, "1.048,5", 1048.5),
        (["0.5", "0,5"], False, "0,5", 0.5),
        (["0.5", "0,5", "1,048"], False, "1,048", "may be 1.048 or 1048"),
        (["862.5", "1,048"], True, "1,048", 1048.0),  # in quotes, among commas
        (["862", "1,048"], True, "1,048", "is not a number"),
        (["1,5"], True, "1,5", "is not a number"),
    ],
)
def test_what_a_comma_means_is_told_by_its_column(column, delimited, cell, found):
    commas = commas_in(column, delimited=delimited)
    if isinstance(found, float):
        assert number_in(cell, commas) == found
    else:
        with pytest.raises(ValueError, match=found):
            number_in(cell, commas)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("7.2 ± 0.3", "'7.2 ± 0.3' is a number with its uncertainty: write 7.2 by itself"),
        ("7.2+/-0.3", "write 7.2 by itself"),
        ("7.2(3)", "write 7.2 by itself"),
        ("12-14 °C", "'12-14 °C' is a range: write one number"),
        ("12 – 14", "is a range"),
        ("1e3 to 1e4", "is a range"),
        ("-5--3", "is a range"),
        ("~12", "'~12' is an approximate number: write 12 by itself"),
        ("ca. 12", "write 12 by itself"),
        ("298 K", "'298 K' is a number with more text: write 298 by itself"),
        ("25°C", "write 25 by itself"),
        ("1_000", "'1_000' is a number with separators of thousands: leave them out"),
        ("1 000", "leave them out"),
        ("1'000.5", "leave them out"),
        ("many", "'many' is not a number"),
        ("١٢", "is not a number"),
        ("0x10", "0x10"),
        ("nan", "'nan' is not a finite number"),
        ("-Infinity", "is not a finite number"),
        ("1e400", "is not a finite number"),
        ("1e31", r"1e31 is larger than 1e\+30"),
        (True, "'True'"),
    ],
)
def test_what_is_no_number_is_named_with_what_to_do(cell, reason):
    with pytest.raises(ValueError, match=reason.replace("(", r"\(").replace("'~", "'~")) as caught:
        number_in(cell)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (" 1.5 ", 1.5),
        ("-2e3", -2000),
        (".5", 0.5),
        ("5.", 5),
        ("+1", 1),
        ("−5", -5),
        (3, 3),
        (decimal.Decimal("1.50"), 1.5),
    ],
)
def test_a_number_is_read(cell, number):
    assert number_in(cell) == number


@pytest.mark.parametrize("cell", ["", " ", "-", "–", "NA", "n/a", "N/A", "#N/A", "null", "None", "n.d.", None])
def test_a_value_that_is_missing_is_no_bad_one(cell):
    assert is_missing(cell)


@pytest.mark.parametrize("cell", ["0", "-1", "nan", "x", 0.0])
def test_a_value_that_is_there_is_not_missing(cell):
    assert not is_missing(cell)


@pytest.mark.parametrize(
    ("cell", "number", "bound"),
    [
        ("<0.5", 0.5, -1),
        ("> 100", 100, 1),
        ("<=1e-3", 1e-3, -1),
        ("≥5", 5, 1),
        (">-3", -3, 1),
        ("7", 7, 0),
        (7.0, 7, 0),
    ],
)
def test_a_bound_is_told_from_a_value(cell, number, bound):
    assert measured_in(cell) == (number, bound)


@pytest.mark.parametrize("cell", ["<", "<x", ">>5", "< 5 K", "<nan"])
def test_a_bound_needs_a_number(cell):
    with pytest.raises(ValueError, match="number"):
        measured_in(cell)
