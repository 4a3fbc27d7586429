"""Knowledge distillation: a model trained on the source teaches the target's model its latent space."""

from gear.methods.shared_space import NETWORK, OPTIONAL, SOURCE_EMBEDDING, SOURCE_EPOCHS
from gear.methods.spec import MethodSpec
from gear.space import Float

__all__ = ["GSP_KD", "KD"]

_SPACE = (Float("weights.distil", 0.03, 3.0), SOURCE_EPOCHS, *NETWORK)

KD = MethodSpec(
    name="kd",
    title="the source's trained model teaches its latent points",
    model="gear.methods.distil.model:Distilled",
    colour="brown",
    space=_SPACE,
    optional=(SOURCE_EMBEDDING, *OPTIONAL),
)
GSP_KD = MethodSpec(
    name="gsp_kd",
    title="the source's trained model teaches all pairwise similarities",
    model="gear.methods.distil.model:GlobalStructureDistilled",
    colour="olive",
    space=_SPACE,
    optional=(SOURCE_EMBEDDING, *OPTIONAL),
)
