"""An embedding of your own: counts of functional groups, read by a perceptron.

Run it in the folder that holds this file:

    python -m search.run --pairs st_from_ri --methods stl gear --embedding my_embedding:FunctionalGroups

It is a small, quick input that a chemist can read; docs/plugins/embedding.md explains every part.
"""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from torch import nn

from gear.config import EmbeddingConfig
from gear.embeddings import Embedding

GROUPS = {
    "carbon": "[#6]",
    "ring atom": "[R]",
    "aromatic atom": "[a]",
    "rotatable bond": "[!$(*#*)&!D1]-&!@[!$(*#*)&!D1]",
    "double bond": "[#6]=[#6]",
    "triple bond": "*#*",
    "hydroxyl": "[OX2H]",
    "ether": "[OD2]([#6])[#6]",
    "carbonyl": "[CX3]=[OX1]",
    "carboxylic acid": "[CX3](=O)[OX2H]",
    "ester": "[CX3](=O)[OX2][#6]",
    "amine": "[NX3;!$(N-C=O);!$(N-[!#6;!#1])]",
    "amide": "[NX3][CX3]=[OX1]",
    "nitrile": "[CX2]#[NX1]",
    "nitro": "[N+](=O)[O-]",
    "sulfur": "[#16]",
    "silicon": "[#14]",
    "fluorine": "[F]",
    "chlorine": "[Cl]",
    "bromine or iodine": "[Br,I]",
}
PATTERNS = [Chem.MolFromSmarts(smarts) for smarts in GROUPS.values()]


class FunctionalGroups(Embedding):
    """How often each group occurs in a molecule, as log(1 + count)."""

    def features(self, smiles: Sequence[str]) -> np.ndarray:
        """Log counts (M, groups)."""
        molecules = [Chem.MolFromSmiles(text) for text in smiles]
        return np.log1p([[len(mol.GetSubstructMatches(p)) for p in PATTERNS] for mol in molecules])

    def network(self, config: EmbeddingConfig) -> nn.Module:
        """A perceptron of `config.depth` layers."""
        layers: list[nn.Module] = []
        inputs = len(GROUPS)
        for _ in range(config.depth):
            layers += [nn.Linear(inputs, config.width), nn.ReLU(), nn.Dropout(config.dropout)]
            inputs = config.width
        return nn.Sequential(*layers)
