"""The built-in properties: what each is, its unit, and the rules that its raw values must pass."""

from dataclasses import dataclass

from gear.errors import UnknownNameError

__all__ = ["PROPERTIES", "Property", "get_property"]


@dataclass(frozen=True, slots=True)
class Property:
    """A built-in property.

    Args:
        code: short name, `[a-z][a-z0-9]*`.
        name: for people.
        unit: of every value.
        minimum: values below are typing errors or another quantity, and take no part in the vote.
        maximum: likewise.
        tolerance: most that two sources may differ and still agree, in `unit`, or as a share if `relative`.
        relative: how to read `tolerance`.
        log10: models see the logarithm.
        weak: sources that are not trusted alone: a fifth to two thirds of their unconfirmed values are far off.
        experimental_only: keep no value that only sources with unmarked estimates know.
    """

    code: str
    name: str
    unit: str
    minimum: float
    maximum: float
    tolerance: float
    relative: bool = False
    log10: bool = False
    weak: tuple[str, ...] = ()
    experimental_only: bool = False

    def agree(self, a: float, b: float) -> bool:
        """Whether two sources' values are the same measurement, as far as the tolerance tells."""
        limit = self.tolerance * max(abs(a), abs(b), 1e-12) if self.relative else self.tolerance
        return abs(a - b) <= limit


_BOILING_WEAK = ("Common Chemistry", "Wikidata", "Yaws", "CRC")  # pressures below normal got lost

PROPERTIES: dict[str, Property] = {
    p.code: p
    for p in (
        Property("mp", "melting point", "K", 70, 900, 15),
        Property("bp", "normal boiling point", "K", 100, 1100, 12, weak=_BOILING_WEAK),
        Property("ds", "liquid density at 298 K", "kg/m3", 400, 4500, 0.04, relative=True),
        Property("lp", "logP octanol/water", "-", -8, 13, 0.4),
        Property("ri", "refractive index at 293 K", "-", 1.2, 2.0, 0.01),
        Property("pol", "polarizability (Lorentz-Lorenz)", "A^3", 2, 120, 0.05, relative=True),
        Property("hv", "enthalpy of vaporization at 298 K", "kJ/mol", 5, 250, 4, weak=("Wikidata",)),
        # below 8 mN/m: refrigerants near their critical point
        Property("st", "surface tension at 298 K", "mN/m", 8, 100, 2),
        Property("vp", "log10 vapour pressure at 298 K", "log10 Pa", -12, 8, 0.15),
        Property("ct", "critical temperature", "K", 150, 1300, 10, experimental_only=True),
        Property("dk", "relative permittivity at 298 K", "-", 1, 250, 0.25, relative=True, log10=True),
        Property("fp", "flash point", "K", 120, 700, 12, weak=("Wikidata",)),
        Property(
            "vs", "liquid viscosity at 298 K", "mPa s", 0.05, 1e5, 0.25, relative=True, log10=True, weak=("VN2E",)
        ),
        Property("ef", "enthalpy of fusion", "kJ/mol", 0.1, 250, 2, log10=True),
    )
}


def get_property(code: str) -> Property:
    """The property of a code.

    Raises:
        UnknownNameError: there is none.
    """
    if code not in PROPERTIES:
        raise UnknownNameError("property", code, list(PROPERTIES))
    return PROPERTIES[code]
