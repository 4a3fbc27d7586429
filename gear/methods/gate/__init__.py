"""GATE: branches on one embedding, aligned by the distances from a molecule to points near it (arXiv 2310.06369)."""

from gear.methods.shared_space import ALIGNMENT, NETWORK, OPTIONAL, PATHS, TRANSFER
from gear.methods.spec import MethodSpec
from gear.space import Float

__all__ = ["GATE"]

GATE = MethodSpec(
    name="gate",
    title="branches on one embedding, one frame, equal distances to perturbed points",
    model="gear.methods.gate.model:Gate",
    joins=True,
    colour="orange",
    space=(*ALIGNMENT, Float("weights.dist", 0.03, 3.0), *TRANSFER, *NETWORK),
    optional=(PATHS, *OPTIONAL),
)
