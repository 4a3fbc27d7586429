"""Fine-tuning: a network is trained on the source first, then all of it, or its head only, on the target."""

from gear.methods.shared_space import NETWORK, SOURCE_EPOCHS
from gear.methods.spec import MethodSpec

__all__ = ["FINETUNE_ALL", "FINETUNE_HEAD"]

FINETUNE_ALL = MethodSpec(
    name="finetune_all",
    title="trained on the source, then every weight on the target with a new head",
    model="gear.methods.finetune.model:FinetuneAll",
    space=(SOURCE_EPOCHS, *NETWORK),
)
FINETUNE_HEAD = MethodSpec(
    name="finetune_head",
    title="trained on the source, then only a new head on the target",
    model="gear.methods.finetune.model:FinetuneHead",
    space=(SOURCE_EPOCHS, *NETWORK),
)
