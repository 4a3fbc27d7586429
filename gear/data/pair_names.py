"""Names of pairs: `hv_from_ds`; several sources, `hv_from_bp+ds`; or none, `hv`."""

from gear.config import PairSpec, TaskSpec
from gear.data.builtin.properties import PROPERTIES, get_property
from gear.errors import UnknownNameError

__all__ = ["CONTROL_PAIRS", "PAIRS", "parse_pair"]

PAIRS = tuple(
    "hv_from_ds hv_from_bp hv_from_lp ct_from_bp ct_from_hv ct_from_ri vp_from_bp vp_from_hv fp_from_bp fp_from_hv "
    "vs_from_bp vs_from_hv vs_from_mp st_from_bp st_from_ri dk_from_lp dk_from_st ef_from_mp ef_from_bp ef_from_hv "
    "ri_from_ds bp_from_mp pol_from_lp".split()
)
CONTROL_PAIRS = ("dk_from_ri", "lp_from_mp")  # an unrelated source, and one that should do harm


def parse_pair(pair: str) -> PairSpec:
    """The specification of a pair of built-in properties by its id, `hv_from_ds`, `hv_from_bp+ds` or `hv`.

    Raises:
        UnknownNameError: the id has another form, or names an unknown property.
        InputDataError: a property is named twice.
    """
    target, found, sources = pair.partition("_from_")
    if not found:
        if pair not in PROPERTIES:
            raise UnknownNameError("pair", pair, PAIRS)
        return PairSpec(TaskSpec(pair), ())
    tasks = [TaskSpec(get_property(code).code) for code in (target, *sources.split("+"))]
    return PairSpec(tasks[0], tuple(tasks[1:]))
