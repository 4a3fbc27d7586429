"""Values at room temperature of properties whose tables hold correlations or values of several states.

Where a formula or a unit here differs from the one that the package uses, a comment says why.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import thermo
from chemicals import (
    dippr,
    interface,
    miscdata,
    permittivity,
    phase_change,
    refractivity,
    vapor_pressure,
    viscosity,
    volume,
)

from gear.data.builtin.chemicals_tables import T0, Row, Source, Values, column, covers, evaluate, rows

__all__ = [
    "density",
    "liquid_at_room_temperature",
    "polarizability",
    "refractive_index",
    "relative_permittivity",
    "surface_tension",
    "vaporization",
    "vapour_pressure",
    "viscosities",
]

LiquidTest = Callable[[int], bool]


def liquid_at_room_temperature(melting: Values, boiling: Values) -> LiquidTest:
    """A function that tests whether a substance may be liquid at 298 K; an unknown temperature does not exclude it."""
    return lambda cas: melting.get(cas, 0.0) <= T0 <= boiling.get(cas, math.inf)


def density(masses: Mapping[int, float], liquid: LiquidTest, melting: Values, boiling: Values) -> list[Source]:
    """Liquid density, kg/m3. CRC's column mixes solids and liquids without saying which."""
    crc = column("CRC", miscdata.CRC_organic_data, "rho")
    molar = column("Common Chemistry", miscdata.common_chemistry_data, "Vml")
    kept = {c: v for c, v in crc.values.items() if melting.get(c, 0.0) <= T0 and boiling.get(c, math.inf) >= 293.0}
    return [
        crc._replace(values=kept),
        molar._replace(values={c: masses[c] / 1e3 / v for c, v in molar.values.items() if c in masses and v > 0}),
        _with_mass(
            "Perry",
            volume.rho_data_Perry_8E_105_l,
            lambda r: dippr.EQ105(T0, r["C1"], r["C2"], r["C3"], r["C4"]),
            lambda c, r: covers(r) and liquid(c),
            masses,
        ),
        evaluate(
            "VDI",
            volume.rho_data_VDI_PPDS_2,
            lambda r: dippr.EQ116(T0, r["Tc"], r["rhoc"], r["A"], r["B"], r["C"], r["D"]),
            lambda c, r: T0 < r["Tc"] and liquid(c),
            kind="mixed",
        ),
    ]


def _with_mass(
    name: str,
    table: pd.DataFrame,
    formula: Callable[[Row], float],
    valid: Callable[[int, Row], bool],
    masses: Mapping[int, float],
) -> Source:
    """A molar density (mol/m3) as a density (kg/m3)."""
    molar = evaluate(name, table, formula, lambda c, r: c in masses and valid(c, r), kind="mixed")
    return molar._replace(values={c: v * masses[c] / 1e3 for c, v in molar.values.items()})


def refractive_index() -> Source:
    """CRC's values at 288 to 303 K, or without a stated temperature."""
    table = refractivity.RI_data_CRC_organic
    near = {c: r["RI"] for c, r in rows(table) if math.isfinite(r["RI"]) and not (r["RIT"] < 288 or r["RIT"] > 303.2)}
    return Source("CRC", "experimental", near)


def polarizability(index: Values, densities: Values, masses: Mapping[int, float]) -> Source:
    """Lorentz-Lorenz from refractive index and density, A^3: derived, so a pair of it with either one would leak."""
    shared = (c for c in index if c in densities and c in masses)
    plausible = (c for c in shared if 300 < densities[c] < 5000 and 1.2 < index[c] < 2)
    molar_volume = {c: masses[c] / 1e3 / densities[c] for c in plausible}
    values = {c: refractivity.polarizability_from_RI(index[c], v) * 1e30 for c, v in molar_volume.items()}
    return Source("Lorentz-Lorenz", "derived", values)


def vaporization() -> list[Source]:
    """Enthalpy of vaporization, kJ/mol."""
    return [
        column("CRC", phase_change.Hvap_data_CRC, "Hvap298", 1e-3),
        column("Gharagheizi", phase_change.Hvap_data_Gharagheizi, "Hvap298", 1e-3),
        column("WebBook", miscdata.webbook_data, "Hvap", 1e-3),
        evaluate(
            "Perry",
            phase_change.phase_change_data_Perrys2_150,
            lambda r: dippr.EQ106(T0, r["Tc"], r["C1"], r["C2"], r["C3"], r["C4"]),
            lambda _, r: covers(r),
            1e-3,
            "mixed",
        ),
        evaluate(
            "VDI",
            phase_change.phase_change_data_VDI_PPDS_4,
            lambda r: phase_change.PPDS12(T0, r["Tc"], r["A"], r["B"], r["C"], r["D"], r["E"]),
            lambda _, r: T0 < r["Tc"],
            1e-3,
            "mixed",
        ),
        column("Wikidata", miscdata.wikidata_data, "Hvap", 1e-3, "mixed"),
    ]


def surface_tension() -> list[Source]:
    """Surface tension, mN/m. The fits of `thermo` to literature data more than double the number of molecules."""
    return [
        evaluate(
            "Somayajulu",
            interface.sigma_data_Somayajulu2,
            lambda r: interface.Somayajulu(T0, r["Tc"], r["A"], r["B"], r["C"]),
            lambda _, r: r["Tt"] <= T0 < r["Tc"],
            1e3,
        ),
        evaluate("Mulero", interface.sigma_data_Mulero_Cachadina, _refprop, lambda _, r: covers(r), 1e3),
        evaluate(
            "Jasper",
            interface.sigma_data_Jasper_Lange,
            lambda r: interface.Jasper(T0, r["a"], r["b"]),
            lambda _, r: covers(r),
            1e3,
        ),
        evaluate(
            "VDI",
            interface.sigma_data_VDI_PPDS_11,
            lambda r: dippr.EQ106(T0, r["Tc"], r["A"], r["B"], r["C"], r["D"], r["E"]),
            lambda _, r: r["Tm"] <= T0 < r["Tc"],
            1e3,
            "mixed",
        ),
        _thermo_fits("SurfaceTension", 1e3),
    ]


def _refprop(r: Row) -> float:
    pairs = (r["sigma0"], r["n0"], r["sigma1"], r["n1"], r["sigma2"], r["n2"])
    return float(interface.REFPROP_sigma(T0, r["Tc"], *pairs))


def _thermo_fits(quantity: str, scale: float) -> Source:
    """Fits of `thermo` to literature data (2023)."""
    formulas: dict[str, Callable[[Row], float]] = {
        "REFPROP_sigma_parameters": _refprop,
        "DIPPR100_parameters": lambda q: dippr.EQ100(T0, *(q[name] for name in "ABCDEFG")),
        "DIPPR101_parameters": lambda q: dippr.EQ101(T0, *(q[name] for name in "ABCDE")),
    }
    fits = json.loads((Path(thermo.__file__).parent / "Misc" / "organic_correlations.json").read_text())
    values: Values = {}
    for cas, quantities in fits.items():
        for model, named in quantities.get(quantity, {}).items():
            for q in named.values():
                if model in formulas and q["Tmin"] <= T0 <= q["Tmax"]:
                    values.setdefault(int(cas.replace("-", "")), formulas[model](q) * scale)
    return Source("thermo", "experimental", values)


def viscosities(liquid: LiquidTest) -> list[Source]:
    """Liquid viscosity, mPa s."""
    v = viscosity

    def three_constants(r: Row) -> float:
        # the tables of both three-constant forms give mPa s, not Pa s
        return float(v.Viswanath_Natarajan_3(T0, r["A"] - 3.0, r["B"], r["C"]))

    def in_range(_: int, r: Row) -> bool:
        return covers(r)

    return [
        evaluate("Dutt-Prasad", v.mu_data_Dutt_Prasad, three_constants, in_range, 1e3),
        evaluate("VN3", v.mu_data_VN3, three_constants, in_range, 1e3),
        # the formula of the package is off by 0.13 decades; this one agrees with the values of Perry
        evaluate("VN2", v.mu_data_VN2, lambda r: 10.0 ** (r["A"] + r["B"] / T0), in_range, 1e3),
        evaluate(
            "VN2E", v.mu_data_VN2E, lambda r: v.Viswanath_Natarajan_2_exponential(T0, r["C"], r["D"]), in_range, 1e3
        ),
        evaluate(
            "Perry",
            v.mu_data_Perrys_8E_2_313,
            lambda r: dippr.EQ101(T0, r["C1"], r["C2"], r["C3"], r["C4"], r["C5"]),
            in_range,
            1e3,
            "mixed",
        ),
        evaluate(
            "VDI",
            v.mu_data_VDI_PPDS_7,
            lambda r: v.PPDS9(T0, r["A"], r["B"], r["C"], r["D"], r["E"]),
            lambda c, _: liquid(c),
            1e3,
            "mixed",
        ),
        _thermo_fits("ViscosityLiquid", 1e3),
    ]


def relative_permittivity() -> Source:
    """CRC's polynomial at 298 K if its range includes that, else the single value if measured at 288 to 303 K."""
    values: Values = {}
    for cas, row in rows(permittivity.permittivity_data_CRC):
        if math.isfinite(row["A"]) and row["Tmin"] <= T0 <= row["Tmax"]:
            terms = (0.0 if math.isnan(row[name]) else row[name] for name in "ABCD")
            values.setdefault(cas, float(permittivity.permittivity_CRC(T0, *terms)))
        elif 288 <= row["T"] <= 303.2 and math.isfinite(row["Permittivity"]):
            values.setdefault(cas, float(row["Permittivity"]))
    return Source("CRC", "experimental", values)


def vapour_pressure() -> list[Source]:
    """Logarithm (base 10) of the vapour pressure in Pa."""
    vp = vapor_pressure
    web = miscdata.webbook_data

    def in_range(_: int, r: Row) -> bool:
        return covers(r)

    def log_of(formula: Callable[[Row], float]) -> Callable[[Row], float]:
        return lambda r: math.log10(formula(r))

    def wagner(r: Row) -> float:
        return float(vp.Wagner(T0, r["Tc"], r["Pc"], r["A"], r["B"], r["C"], r["D"]))

    def original_wagner(r: Row) -> float:
        return float(vp.Wagner_original(T0, r["Tc"], r["Pc"], r["A"], r["B"], r["C"], r["D"]))

    return [
        evaluate(
            "McGarry", vp.Psat_data_WagnerMcGarry, log_of(original_wagner), lambda _, r: r["Tmin"] <= T0 < r["Tc"]
        ),
        evaluate("Poling Wagner", vp.Psat_data_WagnerPoling, log_of(wagner), in_range),
        evaluate(
            "Poling Antoine",
            vp.Psat_data_AntoinePoling,
            log_of(lambda r: vp.Antoine(T0, r["A"], r["B"], r["C"])),
            in_range,
        ),
        evaluate(
            "Landolt-Boernstein",
            vp.Psat_data_Landolt_Antoine,
            lambda r: (r["A"] - r["B"] / (T0 + r["C"])) / math.log(10),
            in_range,
        ),
        evaluate(
            "WebBook",
            web,
            lambda r: (r["AntoineA"] - r["AntoineB"] / (T0 + r["AntoineC"])) / math.log(10),
            lambda _, r: covers(r, "AntoineTmin", "AntoineTmax"),
        ),
        evaluate(
            "Perry",
            vp.Psat_data_Perrys2_8,
            log_of(lambda r: dippr.EQ101(T0, r["C1"], r["C2"], r["C3"], r["C4"], r["C5"])),
            in_range,
            kind="mixed",
        ),
        evaluate("VDI", vp.Psat_data_VDI_PPDS_3, log_of(wagner), lambda _, r: r["Tm"] <= T0 < r["Tc"], kind="mixed"),
    ]
