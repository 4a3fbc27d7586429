"""Raw values of every built-in property, source by source, from the tables in `chemicals` and `thermo`.

No value that a group-contribution method predicts is used.
"""

from collections.abc import Mapping
from pathlib import Path

import chemicals
from chemicals import (
    critical,
    dipole,
    dippr,
    environment,
    heat_capacity,
    miscdata,
    phase_change,
    reaction,
    safety,
)

from gear.data.builtin import correlations
from gear.data.builtin.chemicals_tables import T0, Source, cas_number, column, covers, evaluate, first_of, raw_table

__all__ = ["identifiers", "property_sources"]


def identifiers() -> dict[int, tuple[str, float]]:
    """SMILES and molar mass (g/mol) by CAS number; later files were checked by hand and take precedence."""
    folder = Path(chemicals.__file__).parent / "Identifiers"
    found = {}
    for name in ("pubchem large", "pubchem small", "example user db"):
        with (folder / f"chemical identifiers {name}.tsv").open(encoding="utf-8") as file:
            for line in file:
                fields = line.split("\t", 7)
                found[cas_number(fields[1])] = (fields[4], float(fields[3]))
    return found


def property_sources(masses: Mapping[int, float]) -> dict[str, list[Source]]:
    """Sources of every property, the most trusted first. `masses` (g/mol) turn molar volumes into densities."""
    melting, boiling = _melting_points(), _boiling_points()
    melts, boils = first_of(melting), first_of(boiling)
    liquid = correlations.liquid_at_room_temperature(melts, boils)
    density = correlations.density(masses, liquid, melts, boils)
    index = correlations.refractive_index()
    return {
        "mp": melting,
        "bp": boiling,
        "ds": density,
        "lp": [
            column("CRC", environment.logP_data_CRC, "logP"),
            column("Syrres", environment.logP_data_Syrres, "logP"),
            column("Wikidata", miscdata.wikidata_data, "logP"),
        ],
        "ri": [index],
        "pol": [correlations.polarizability(index.values, first_of(density), masses)],
        "hv": correlations.vaporization(),
        "st": correlations.surface_tension(),
        "vp": correlations.vapour_pressure(),
        "ct": _critical("Tc"),
        "dk": [correlations.relative_permittivity()],
        "fp": [
            column("IEC", safety.IEC_2010_data, "T_flash"),
            column("NFPA", raw_table("Safety/NFPA 497 2008.tsv"), "T_flash"),
            column("Serat", raw_table("Safety/DIPPR T_flash Serat.csv"), "T_flash"),
            column("Wikidata", miscdata.wikidata_data, "T_flash"),
        ],
        "vs": correlations.viscosities(liquid),
        "ef": [
            column("CRC", phase_change.Hfus_data_CRC, "Hfus", 1e-3),
            column("WebBook", miscdata.webbook_data, "Hfus", 1e-3),
            column("Wikidata", miscdata.wikidata_data, "Hfus", 1e-3),
        ],
        **_spare(),
    }


def _spare() -> dict[str, list[Source]]:
    """Properties that no built-in pair uses, from the same tables."""
    web, crc = miscdata.webbook_data, heat_capacity.CRC_standard_data
    return {
        "hs": [
            column("Gharagheizi", phase_change.Hsub_data_Gharagheizi, "Hsub", 1e-3),
            column("WebBook", web, "Hsub", 1e-3),
        ],
        "hl": [
            column("ATcT", reaction.Hfl_ATcT_data, "Hfl", 1e-3),
            column("CRC", crc, "Hfl", 1e-3),
            column("WebBook", web, "Hfl", 1e-3),
        ],
        # API's table has errors of sign and typing, TRC's differs from CRC's in four of five
        "hg": [
            column("ATcT", reaction.Hfg_ATcT_data, "Hfg", 1e-3),
            column("CRC", crc, "Hfg", 1e-3),
            column("WebBook", web, "Hfg", 1e-3),
        ],
        "cp": _critical("Pc", 1e-6),
        "cv": [source for source in _critical("Vc", 1e6) if source.name != "Passut-Danner"],
        "cl": [
            column("CRC", crc, "Cpl"),
            column("Poling", heat_capacity.Cp_data_Poling, "Cpl"),
            evaluate(
                "Perry",
                heat_capacity.Cp_data_Perry_Table_153_100,
                lambda r: dippr.EQ100(T0, r["A"], r["B"], r["C"], r["D"], r["E"]),
                lambda _, r: covers(r),
                1e-3,
                "mixed",
            ),
        ],
        "dm": [
            column("CCCBDB", dipole.dipole_data_CCDB, "dipole_moment"),
            column("Muller", dipole.dipole_data_Muller, "dipole_moment"),
            column("Poling", dipole.dipole_data_Poling, "dipole_moment"),
        ],
        "ai": [
            column("IEC", safety.IEC_2010_data, "T_autoignition"),
            column("NFPA", raw_table("Safety/NFPA 497 2008.tsv"), "T_autoignition"),
            column("Wikidata", miscdata.wikidata_data, "T_autoignition"),
        ],
        "cn": [
            column("Florian", raw_table("Misc/Florian_Liming_CETANE_experimental.tsv"), "CETANE"),
            column("CombustDB", raw_table("Misc/Travis_Kessler_Combustdb_CETANE.tsv"), "CETANE"),
        ],
    }


def _melting_points() -> list[Source]:
    return [
        column("Open Notebook", phase_change.Tm_ON_data, "Tm"),
        column("CRC", miscdata.CRC_organic_data, "Tm"),
        column("Common Chemistry", miscdata.common_chemistry_data, "Tm"),
        column("WebBook", miscdata.webbook_data, "Tm"),
        column("Wikidata", miscdata.wikidata_data, "Tm"),
    ]


def _boiling_points() -> list[Source]:
    return [
        column("HEOS", miscdata.heos_data, "Tb"),
        column("CRC", miscdata.CRC_organic_data, "Tb"),
        column("Common Chemistry", miscdata.common_chemistry_data, "Tb"),
        column("WebBook", miscdata.webbook_data, "Tb"),
        column("Wikidata", miscdata.wikidata_data, "Tb"),
        column("Yaws", phase_change.Tb_data_Yaws, "Tb", kind="mixed"),
    ]


def _critical(field: str, scale: float = 1.0) -> list[Source]:
    """Critical temperature, pressure or volume."""
    experimental = {
        "HEOS": miscdata.heos_data,
        "IUPAC": critical.critical_data_IUPAC,
        "CRC": critical.critical_data_CRC,
        "Passut-Danner": critical.critical_data_PassutDanner,
        "WebBook": miscdata.webbook_data,
    }
    mixed = {
        "PSRK": critical.critical_data_PSRKR4,
        "Pina-Martinez": critical.critical_data_PinaMartines,
        "Yaws": critical.critical_data_Yaws,
    }
    found = [column(name, table, field, scale) for name, table in experimental.items() if field in table]
    return found + [column(name, table, field, scale, "mixed") for name, table in mixed.items() if field in table]
