"""Units of measurement as a user or an export folder names them."""

import unicodedata

from gear.errors import InputDataError

__all__ = ["check_unit"]

LONGEST = 60
SIGNS = " %‰°'/*·×^()[]{}-.,:_#~&+"  # beside letters, digits, currencies and raised or lowered signs
NEVER_FIRST = "+*/,.:#~&'"


def check_unit(unit: str) -> None:
    """Check that a unit can be written into every row of a table. An empty one is none.

    What a spreadsheet would run as a formula, and what does not show, is no unit.

    Raises:
        InputDataError: it is too long, or has characters that no unit has.
    """
    if len(unit) > LONGEST:
        raise InputDataError(f"the unit '{unit[:LONGEST]}...' has {len(unit)} characters: use at most {LONGEST}")
    odd = next((sign for sign in unit if not _allowed(sign)), unit[:1] if unit[:1] in NEVER_FIRST else "")
    if odd:
        raise InputDataError(f"the unit '{unit}' has the character '{odd}', which no unit has there: name it otherwise")


def _allowed(sign: str) -> bool:
    superscript = unicodedata.decomposition(sign).startswith(("<super>", "<sub>"))
    return sign.isalnum() or sign in SIGNS or superscript or unicodedata.category(sign) == "Sc"
