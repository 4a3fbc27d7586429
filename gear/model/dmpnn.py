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
from gear.model.aggregation import AtomAggregation
from gear.model.dropout import Dropout
from gear.model.graphs import GraphBatch

__all__ = ["DMPNN"]


class DMPNN(nn.Module):
    """Embeds molecules: directed bond messages, summed to atoms, aggregated to the molecule.

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
        self.W_i = nn.Linear(atom_features + bond_features, width, bias=False)
        self.W_h = nn.Linear(width, width, bias=False)
        self.W_o = nn.Linear(atom_features + width, width)
        self.aggregation = AtomAggregation(width, aggregation, norm)
        at_molecule = dropout if dropout_place == "molecule" else 0.0
        self.at_states, self.at_molecule = Dropout(dropout - at_molecule), Dropout(at_molecule)
        self.each_apart = dropout_place == "atoms"
        self.atom_features, self.width, self.depth = atom_features, width, depth

    def forward(self, graph: GraphBatch) -> Tensor:
        """Embeddings (B, d_h)."""
        independent = self.training and self.each_apart and self.at_states.p > 0
        batch = graph.environments(self.depth, merged=not independent)
        start = self.W_i(batch.bond_kinds)
        h = functional.relu(start)
        for step in batch.bonds:
            h = self.at_states(functional.relu(step @ torch.cat([start, self.W_h(h)])))
        out_own, out_below = self.W_o.weight[:, : self.atom_features], self.W_o.weight[:, self.atom_features :]
        own = functional.linear(batch.atom_kinds, out_own, self.W_o.bias)
        h_atom = self.at_states(functional.relu(batch.atoms @ torch.cat([own, functional.linear(h, out_below)])))
        embedded: Tensor = self.at_molecule(self.aggregation(h_atom, batch.molecules, batch.atom_counts))
        return embedded
