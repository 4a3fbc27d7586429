"""Single-task learning: the baseline that every transfer method is compared with."""

from gear.methods.shared_space import NETWORK
from gear.methods.spec import MethodSpec

__all__ = ["STL"]

STL = MethodSpec(
    name="stl",
    title="the target by itself",
    model="gear.methods.stl.model:SingleTask",
    joins=True,
    colour="muted",
    uses_sources=False,
    space=NETWORK,
)
