"""The D-MPNN (Yang et al., J. Chem. Inf. Model. 2019, 59, 3370) on packed graphs.

A drop-in for chemprop's `BondMessagePassing` followed by its aggregation: same parameters under the same names, same
numbers. It is faster because it computes each state once, however many bonds of a batch share it
(`gear.model.environments`), and because products with weights are taken before states are spread over bonds: of a layer
on concatenated features, each part apart, and W_h before the sum over the entering bonds.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gear.config import Aggregation, DropoutPlace
from gear.grouped import Linear, linear
from gear.model.aggregation import AtomAggregation
from gear.model.dropout import Dropout
from gear.model.graphs import GraphBatch
from gear.model.incidence import Incidence

__all__ = ["DMPNN"]


class DMPNN(nn.Module):
    """Embeds molecules: directed bond messages, summed to atoms, aggregated to the molecule.

    Or G of them, grouped as `gear.grouped` describes, which read one batch of molecules or, in turn, several.

    Args:
        atom_features: d_v.
        bond_features: d_e.
        width: d_h, of messages and of the embedding.
        depth: message-passing steps, counted as chemprop does (depth 1 passes no message).
        dropout: rate.
        dropout_place: where it drops, see `EmbeddingConfig`.
        aggregation: of atoms to molecules, see `AtomAggregation`.
        norm: the constant of the aggregation `norm`.
    """

    def __init__(
        self,
        atom_features: int,
        bond_features: int,
        width: int,
        depth: int,
        dropout: float = 0.0,
        aggregation: Aggregation = "norm",
        norm: float = 100.0,
        dropout_place: DropoutPlace = "states",
    ) -> None:
        super().__init__()
        self.W_i = Linear(atom_features + bond_features, width, bias=False)
        self.W_h = Linear(width, width, bias=False)
        self.W_o = Linear(atom_features + width, width)
        self.aggregation = AtomAggregation(width, aggregation, norm)
        at_molecule = dropout if dropout_place == "molecule" else 0.0
        self.at_states, self.at_molecule = Dropout(dropout - at_molecule), Dropout(at_molecule)
        self.each_apart = dropout_place == "atoms"
        self.atom_features, self.width, self.depth = atom_features, width, depth

    def forward(self, graph: GraphBatch) -> Tensor:
        """Embeddings (B, d_h), of a grouped network (G, B, d_h)."""
        independent = self.training and self.each_apart and self.at_states.p > 0
        groups = len(self.W_i.weight) if self.W_i.weight.dim() == 3 else None
        batch = graph.environments(self.depth, merged=not independent, groups=groups)
        start = self.W_i(batch.bond_kinds)
        h = functional.relu(start)
        for step, counts in zip(batch.bonds, batch.bond_counts, strict=True):
            h = self.at_states(functional.relu_(_summed(step, start, self.W_h(h))), counts)
        weight, below = self.W_o.weight, [self.atom_features, self.width]
        out_own, out_below = weight.split(below, -1)
        own = linear(batch.atom_kinds, out_own, self.W_o.bias)
        h_atom = functional.relu_(_summed(batch.atoms, own, linear(h, out_below)))
        h_atom = self.at_states(h_atom, batch.state_counts)
        embedded = self.aggregation(h_atom, batch.molecules, batch.atom_counts)
        dropped: Tensor = self.at_molecule(embedded, batch.molecule_counts)
        return dropped


def _summed(sums: Incidence, kinds: Tensor, states: Tensor) -> Tensor:
    """Sums of values of kinds (K, d_h) and of states (N, d_h), or of those of groups (G, ..., d_h)."""
    values = torch.cat([kinds.flatten(0, -2), states.flatten(0, -2)])
    return (sums @ values).view(*kinds.shape[:-2], -1, kinds.shape[-1])
