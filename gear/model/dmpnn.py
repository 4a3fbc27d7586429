"""The D-MPNN (Yang et al., J. Chem. Inf. Model. 2019, 59, 3370) on packed graphs.

A drop-in for chemprop's `BondMessagePassing` with mean aggregation: same parameters under the same names, same
numbers. It is faster because the input layer runs on atoms and bonds apart (a gather instead of an 86-wide
concatenation per directed bond) and messages are summed by `index_add`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gear.model.graphs import GraphBatch

__all__ = ["DMPNN"]


class DMPNN(nn.Module):
    """Embeds molecules: directed bond messages, summed to atoms, averaged to the molecule.

    Args:
        atom_features: d_v.
        bond_features: d_e.
        width: d_h, of messages and of the embedding.
        depth: message-passing steps, counted as chemprop does (depth 1 passes no message).
        dropout: after every update.
    """

    def __init__(self, atom_features: int, bond_features: int, width: int, depth: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.W_i = nn.Linear(atom_features + bond_features, width, bias=False)
        self.W_h = nn.Linear(width, width, bias=False)
        self.W_o = nn.Linear(atom_features + width, width)
        self.dropout = nn.Dropout(dropout)
        self.atom_features, self.width, self.depth = atom_features, width, depth

    def forward(self, graph: GraphBatch) -> Tensor:
        """Embeddings (B, d_h)."""
        h_A = self.atom_states(graph)
        summed = h_A.new_zeros(graph.size, self.width).index_add_(0, graph.molecule, h_A)
        return summed / graph.atom_counts[:, None]

    def atom_states(self, graph: GraphBatch) -> Tensor:
        """Hidden states of atoms (A, d_h): what chemprop's `BondMessagePassing` returns."""
        w_atom, w_bond = self.W_i.weight.split([self.atom_features, self.W_i.in_features - self.atom_features], 1)
        start_E = (graph.atoms @ w_atom.T).index_select(0, graph.bond_source) + graph.bonds @ w_bond.T
        h_E = functional.relu(start_E)
        for _ in range(1, self.depth):
            message_E = self._sum_to_atoms(h_E, graph).index_select(0, graph.bond_source)
            message_E = message_E - h_E.index_select(0, graph.reverse)
            h_E = self.dropout(functional.relu(start_E + self.W_h(message_E)))
        h_A = functional.relu(self.W_o(torch.cat([graph.atoms, self._sum_to_atoms(h_E, graph)], 1)))
        states: Tensor = self.dropout(h_A)
        return states

    def _sum_to_atoms(self, h_E: Tensor, graph: GraphBatch) -> Tensor:
        return h_E.new_zeros(len(graph.atoms), self.width).index_add_(0, graph.bond_target, h_E)
