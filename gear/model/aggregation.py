"""From the states of atoms to one vector a molecule; each way equals chemprop's aggregation of that name."""

from torch import Tensor, nn

from gear.config import Aggregation
from gear.grouped import Linear
from gear.model.incidence import Incidence

__all__ = ["AtomAggregation"]

SMALLEST = -80.0  # logarithm of the smallest attention weight beside the largest of a batch; float32 holds e^-80


class AtomAggregation(nn.Module):
    """Aggregates atoms that share states: a molecule counts a state as often as it has atoms in it.

    Args:
        width: d_h, of the states.
        kind: `mean`; `sum`; `norm`, the sum divided by `norm`; or `attentive`, a mean weighted by the softmax, over the
            atoms of a molecule, of a learned linear score.
        norm: the constant of `norm`.
    """

    def __init__(self, width: int, kind: Aggregation, norm: float) -> None:
        super().__init__()
        self.kind = kind
        self.scale = 1 / norm if kind == "norm" else 1.0
        if kind == "attentive":
            self.W = Linear(width, 1)

    def forward(self, states: Tensor, molecules: Incidence, atom_counts: Tensor) -> Tensor:
        """Vectors (B, d_h) of molecules, of a grouped network (G, B, d_h).

        Args:
            states: (N, d_h) or (G, N, d_h) that atoms have.
            molecules: (B x N) which states the atoms of a molecule have.
            atom_counts: (B,) or (G, B).
        """
        if self.kind == "attentive":
            scores: Tensor = self.W(states)  # a softmax does not change with a constant, here the batch's largest score
            weights = (scores - scores.detach().amax(-2, keepdim=True)).clamp(min=SMALLEST).exp()
            # a molecule that only fills up a batch has no atoms
            return molecules @ (weights * states) / (molecules @ weights).clamp(min=1e-37)
        total = molecules @ states
        return total / atom_counts[..., None] if self.kind == "mean" else total * self.scale
