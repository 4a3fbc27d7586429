"""Units are written into every row of a table, so they are harmless there."""

import pytest

from gear.data.builtin.properties import PROPERTIES
from gear.errors import InputDataError
from gear.units import check_unit

UNITS = [
    "",
    "-",
    "K",
    "°C",
    "kJ/mol",
    "mol·L⁻¹",
    "µg/mL",
    "Å²",
    "%",
    "g/(100 mL)",
    "mN m^-1",
    "log10(mol/L)",
    "€/kg",
    "-log M",
]
NONE = [
    "=1+1",
    '=HYPERLINK("a")',
    "@SUM(A1)",
    "+1",
    "-2+3+cmd|' /C calc'!A0",
    "K\n",
    "\tK",
    "K\x1b[2J",
    "K;L",
    "K" * 61,
    '"K"',
]


@pytest.mark.parametrize("unit", [*UNITS, *sorted({spec.unit for spec in PROPERTIES.values()})])
def test_what_people_measure_in_is_a_unit(unit):
    check_unit(unit)


@pytest.mark.parametrize("unit", NONE)
def test_what_a_table_would_suffer_from_is_none(unit):
    with pytest.raises(InputDataError, match=r"^[^\n]*$"):
        check_unit(unit)
