"""Contradictions between the properties of a molecule, and which values are dropped for them.

Of two values that cannot both be right, the one that fewer sources agreed on is dropped. If the numbers are equal, a
value that only suspect sources have is dropped, otherwise both.

    melts above its boiling point           the boiling point is the highest that any source states
    solid, with a property of the liquid    refractive index, permittivity, surface tension or viscosity at room
                                            temperature of what melts above 323 K: the value of a solution, or the
                                            melting point of a salt
    boils above its critical temperature
    flashes above its boiling point         a liquid flashes far below its boiling point
    vaporization against boiling point      enthalpy over R times boiling point beyond 10 + T/30 K (Trouton's rule gives
                                            about 11 to 13 for small molecules), or below 6 for what is liquid at 298 K
    refraction                              molar refraction from index and density (Lorentz-Lorenz) more than 17 %
                                            off the additive one of Wildman and Crippen: a wrong decimal point,
                                            swapped columns

One rule needs no second property:

    boils too low for its size              below 110 K times the square root of the number of heavy atoms: measured in
                                            vacuum, and copied from one source to the next. Compounds of fluorine and
                                            silicon are exempt, since they attract each other little
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from rdkit.Chem import rdMolDescriptors

from gear.data.builtin.chemicals_tables import T0
from gear.data.builtin.properties import PROPERTIES
from gear.data.builtin.voting import Entry
from gear.data.molecules.molecule import parse

__all__ = ["Ceiling", "drop_contradictions"]

GAS_CONSTANT = 8.314e-3  # kJ/mol/K
SOLID = 323.15  # K; supercooled liquids are measured too, but not so far below their melting point
BOILING_FLOOR = 110.0  # K; the lowest correct value is that of tetranitromethane, 110.7
REFRACTION = 0.16  # of the logarithm of the ratio; 99 % of the molecules are within 0.09
REFRACTED = frozenset({"H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I"})  # elements the additive rule knows

Tables = dict[str, dict[str, Entry]]  # code -> SMILES -> entry
Side = tuple[str, Entry]


class Ceiling(NamedTuple):
    """The highest boiling point that any source states, trusted or not, and the number of sources that state one."""

    value: float
    n_sources: int


class Contradiction(NamedTuple):
    """Two values of a molecule that cannot both be right, or one that cannot be right."""

    rule: str
    one: Side
    other: Side | None = None


def drop_contradictions(tables: Tables, boiling: Mapping[str, Ceiling]) -> tuple[Tables, dict[str, Counter[str]]]:
    """The tables without the dropped values, and how many values each rule dropped from each property."""
    lost: dict[str, dict[str, str]] = {code: {} for code in tables}
    for found in _contradictions(tables, boiling):
        for code, entry in _losers(found.one, found.other):
            lost[code].setdefault(entry.smiles, found.rule)
    derived = tables["pol"].keys() & (lost["ri"].keys() | lost["ds"].keys())
    lost["pol"] |= dict.fromkeys(derived, "derived from a dropped value")
    kept = {code: {s: e for s, e in table.items() if s not in lost[code]} for code, table in tables.items()}
    taken = {code: Counter(lost[code][s] for s in tables[code].keys() & lost[code].keys()) for code in tables}
    return kept, taken


def _losers(one: Side, other: Side | None) -> list[Side]:
    if other is None:
        return [one]
    if one[1].n_sources != other[1].n_sources:
        return [min(one, other, key=lambda side: side[1].n_sources)]
    suspects = [s for s in (one, other) if set(s[1].sources.split(", ")) <= set(PROPERTIES[s[0]].suspect)]
    return suspects if len(suspects) == 1 else [one, other]


def _contradictions(tables: Tables, boiling: Mapping[str, Ceiling]) -> Iterator[Contradiction]:
    for smiles, ceiling in boiling.items():
        if (melting := tables["mp"].get(smiles)) is not None and melting.value >= ceiling.value:
            other = Entry(smiles, ceiling.value, "experimental", "", ceiling.n_sources, 0.0)
            yield Contradiction("melts above its boiling point", ("mp", melting), ("bp", other))
    for code in ("ri", "dk", "st", "vs"):
        yield from _both(tables, "solid, with a property of the liquid", code, "mp", lambda _, mp: mp > SOLID)
    yield from _both(tables, "boils above its critical temperature", "bp", "ct", lambda bp, ct: bp >= ct)
    yield from _both(tables, "flashes above its boiling point", "fp", "bp", lambda fp, bp: fp >= bp)
    yield from _both(tables, "vaporization against boiling point", "hv", "bp", _not_trouton)
    for smiles, entry in tables["bp"].items():
        if _below_floor(smiles, entry.value):
            yield Contradiction("boils too low for its size", ("bp", entry))
    for smiles in tables["ri"].keys() & tables["ds"].keys():
        index, density = tables["ri"][smiles], tables["ds"][smiles]
        if _wrong_refraction(smiles, index.value, density.value):
            yield Contradiction("refraction", ("ri", index), ("ds", density))


def _both(
    tables: Tables, rule: str, one: str, other: str, wrong: Callable[[float, float], bool]
) -> Iterator[Contradiction]:
    for smiles in tables[one].keys() & tables[other].keys():
        a, b = tables[one][smiles], tables[other][smiles]
        if wrong(a.value, b.value):
            yield Contradiction(rule, (one, a), (other, b))


def _not_trouton(enthalpy: float, boiling: float) -> bool:
    ratio = enthalpy / (GAS_CONSTANT * boiling)
    return ratio > 10 + boiling / 30 or (boiling > T0 and ratio < 6)


def _below_floor(smiles: str, boiling: float) -> bool:
    mol = parse(smiles)
    assert mol is not None, smiles  # identities parse
    light = any(atom.GetSymbol() in ("F", "Si") for atom in mol.GetAtoms())
    return not light and boiling < BOILING_FLOOR * math.sqrt(mol.GetNumHeavyAtoms())


def _wrong_refraction(smiles: str, index: float, density: float) -> bool:
    mol = parse(smiles)
    assert mol is not None, smiles  # identities parse
    if not {atom.GetSymbol() for atom in mol.GetAtoms()} <= REFRACTED:
        return False
    refraction = (index**2 - 1) / (index**2 + 2) * rdMolDescriptors._CalcMolWt(mol) / density * 1e3  # cm3/mol
    return abs(math.log(refraction / rdMolDescriptors.CalcCrippenDescriptors(mol)[1])) > REFRACTION
