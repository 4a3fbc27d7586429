"""Raw values of every built-in property, source by source, from the tables that `chemicals` and `thermo` ship.

Nothing predicted by a group contribution is used.
"""

from collections.abc import Mapping
from pathlib import Path

import chemicals
from chemicals import critical, environment, miscdata, phase_change, safety

from gear.data import correlations
from gear.data.raw import Source, cas_number, column, first_of, raw_table

__all__ = ["identifiers", "property_sources"]


def identifiers() -> dict[int, tuple[str, float]]:
    """SMILES and molar mass (g/mol) by CAS number; later files are the hand-checked ones and win."""
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
        "ct": _critical_temperatures(),
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


def _critical_temperatures() -> list[Source]:
    return [
        column("HEOS", miscdata.heos_data, "Tc"),
        column("IUPAC", critical.critical_data_IUPAC, "Tc"),
        column("CRC", critical.critical_data_CRC, "Tc"),
        column("Passut-Danner", critical.critical_data_PassutDanner, "Tc"),
        column("WebBook", miscdata.webbook_data, "Tc"),
        column("PSRK", critical.critical_data_PSRKR4, "Tc", kind="mixed"),
        column("Pina-Martinez", critical.critical_data_PinaMartines, "Tc", kind="mixed"),
        column("Yaws", critical.critical_data_Yaws, "Tc", kind="mixed"),
    ]
