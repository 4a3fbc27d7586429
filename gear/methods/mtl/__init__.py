"""Multi-task learning with hard parameter sharing."""

from gear.methods.shared_space import NETWORK
from gear.methods.spec import MethodSpec
from gear.space import Float

__all__ = ["MTL"]

MTL = MethodSpec(
    name="mtl",
    title="one embedding and encoder, a head a task",
    model="gear.methods.mtl.model:MultiTask",
    colour="green",
    space=(Float("weights.source", 0.03, 3.0), *NETWORK),
)
