"""Joins a user's own feature columns, a temperature for instance, to what an embedding knows of the molecule."""

import torch
from torch import Tensor, nn

from gear.errors import InputDataError
from gear.grouped import Linear
from gear.model.input_scaler import InputScaler

__all__ = ["ColumnNetwork"]


class ColumnNetwork(nn.Module):
    """The embedding plus a correction, which an MLP makes of the embedding and the scaled columns.

    The MLP sees both together, since a column often acts on the structure: heat thins one liquid more than another.
    Over 30 data sets made by such rules the validation RMSE of a sum with a linear map of the columns was 9 +- 4 %
    higher; an MLP without the sum, a linear layer on both, and scales and shifts (FiLM) did not differ.

    Args:
        columns: F, how many there are.
        width: of the embedding.
    """

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        self.columns = columns
        self.scaler = InputScaler(columns, log_modulus=False, any_unit=True)
        self.layers = nn.Sequential(Linear(width + columns, width), nn.SiLU(), Linear(width, width))

    def forward(self, embedded: Tensor, columns: Tensor | None) -> Tensor:
        """Embeddings (B, width) of molecules at the values `columns` (B, F), of embeddings of the molecules.

        Raises:
            InputDataError: there are no columns, or another number of them.
        """
        if columns is None or columns.shape[1] != self.columns:
            found = "none" if columns is None else str(columns.shape[1])
            raise InputDataError(f"the model reads {self.columns} feature columns, but the molecules have {found}")
        scaled = self.scaler(columns)
        correction: Tensor = self.layers(torch.cat([embedded, scaled.expand(*embedded.shape[:-1], -1)], dim=-1))
        return embedded + correction
