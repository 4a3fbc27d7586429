"""The built-in properties: names, units, and the rules for their raw values."""

from dataclasses import dataclass

from gear.errors import UnknownNameError

__all__ = ["PROPERTIES", "Property", "get_property"]


@dataclass(frozen=True, slots=True)
class Property:
    """A built-in property.

    Args:
        code: short name, `[a-z][a-z0-9]*`.
        name: full name.
        unit: unit of every value.
        minimum: lower values are typing errors or another quantity, and take no part in the vote.
        maximum: higher values likewise.
        tolerance: maximum difference of two sources that agree, in `unit`, or as a share of the value if `relative`.
        relative: whether `tolerance` is a share.
        log10: whether models learn the logarithm.
        weak: sources that need confirmation by another one: a fifth to two thirds of their other values are far off.
        experimental_only: whether a value is dropped if all its sources contain unmarked estimates.
        suspect: sources whose value is dropped if another property with as many sources contradicts it.
        spare: whether no built-in pair uses the property.
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
    suspect: tuple[str, ...] = ()
    spare: bool = False

    def agree(self, a: float, b: float) -> bool:
        """Whether the values of two sources agree within the tolerance."""
        limit = self.tolerance * max(abs(a), abs(b), 1e-12) if self.relative else self.tolerance
        return abs(a - b) <= limit


# some of their boiling points were measured at a reduced pressure that the table does not state
_BOILING_WEAK = ("Common Chemistry", "Wikidata", "Yaws", "CRC")

PROPERTIES: dict[str, Property] = {
    p.code: p
    for p in (
        # four fifths of the melting points that only Common Chemistry has are wrong where the substance is a liquid
        Property("mp", "melting point", "K", 70, 900, 15, suspect=("Common Chemistry",)),
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
        Property("hs", "enthalpy of sublimation", "kJ/mol", 10, 400, 8, spare=True),
        Property("hl", "enthalpy of formation, liquid", "kJ/mol", -7000, 1500, 12, spare=True),
        Property("hg", "enthalpy of formation, gas", "kJ/mol", -7000, 1500, 15, spare=True),
        Property("cp", "critical pressure", "MPa", 0.2, 15, 0.08, relative=True, experimental_only=True, spare=True),
        Property("cv", "critical volume", "cm3/mol", 60, 3000, 0.06, relative=True, experimental_only=True, spare=True),
        Property("cl", "heat capacity of the liquid at 298 K", "J/mol/K", 40, 2000, 12, spare=True),
        Property("dm", "dipole moment", "D", 0, 15, 0.35, spare=True),
        Property("ai", "autoignition temperature", "K", 300, 1100, 40, weak=("Wikidata",), spare=True),
        Property("cn", "cetane number", "-", -30, 150, 8, spare=True),
    )
}


def get_property(code: str) -> Property:
    """The property of a code.

    Raises:
        UnknownNameError: no property has this code.
    """
    if code not in PROPERTIES:
        raise UnknownNameError("property", code, list(PROPERTIES))
    return PROPERTIES[code]
