"""What the classical methods read of a molecule: descriptors, counted environments, a user's own columns."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gear.data.molecules.descriptors import descriptor_names
from gear.embeddings.fingerprint import COUNTS
from gear.methods.classical import INPUTS
from gear.methods.classical.regressor import check_shapes
from gear.model.input_scaler import InputScaler
from gear.model.molecules import MoleculeBatch

__all__ = ["InputBlock", "MoleculeInputs"]


class InputBlock(nn.Module):
    """Inputs of one sort, scaled so that the variances of those that vary sum to one over the training molecules.

    So a kernel's width means the same whatever the number of inputs, and blocks side by side have equal influence.

    Args:
        inputs: F, how many there are.
        log_modulus: see `InputScaler`.
        any_unit: see `InputScaler`.
        standardised: whether each input has the same variance; otherwise frequent ones keep the larger.
    """

    def __init__(
        self, inputs: int, *, log_modulus: bool = False, any_unit: bool = False, standardised: bool = True
    ) -> None:
        super().__init__()
        self.inputs, self.standardised = inputs, standardised
        self.scaler = InputScaler(inputs, log_modulus=log_modulus, any_unit=any_unit)

    def fit(self, values: Tensor) -> None:
        """Take the scales from the values (N, F) of the training molecules; NaN is missing."""
        self.scaler.fit(values)
        if not self.standardised:
            scale, varying = self.scaler.scale, self.scaler.varying
            scale[varying] = scale[varying].square().sum().sqrt()

    @property
    def width(self) -> int:
        """K, how many columns vary."""
        return int(self.scaler.varying.sum())

    def check(self) -> None:
        """Check the shapes of what was loaded.

        Raises:
            ValueError: they are those of another number of inputs.
        """
        check_shapes(self.scaler, centre=(self.inputs,), scale=(self.inputs,))

    def forward(self, values: Tensor) -> Tensor:
        """Inputs (B, K) float64 of the K columns that vary, from values (B, F)."""
        scaled = self.scaler.scaled(values)[:, self.scaler.varying]
        return scaled / max(self.width, 1) ** 0.5 if self.standardised else scaled


class MoleculeInputs(nn.Module):
    """All blocks side by side.

    Args:
        which: a key of `gear.methods.classical.INPUTS`.
    """

    def __init__(self, which: str) -> None:
        super().__init__()
        self.kinds = INPUTS[which]
        self.blocks = nn.ModuleDict()
        if "descriptors" in self.kinds:
            self.blocks["descriptors"] = InputBlock(len(descriptor_names()), log_modulus=True)
        if "fingerprint" in self.kinds:
            self.blocks["counts"] = InputBlock(COUNTS, standardised=False)

    def read_columns(self, count: int) -> None:
        """Read so many of the user's feature columns too."""
        self.blocks["columns"] = InputBlock(count, any_unit=True)

    def fit(self, molecules: MoleculeBatch, rows: Tensor) -> None:
        """Take the scales from the molecules `rows` (N,), those that a model learns from."""
        for name, block in self._blocks.items():
            block.fit(_values(molecules, name)[rows])

    @property
    def width(self) -> int:
        """K, how many inputs there are."""
        return sum(block.width for block in self._blocks.values())

    def check(self) -> None:
        """Check the shapes of what was loaded.

        Raises:
            ValueError: those of a block are others.
        """
        for block in self._blocks.values():
            block.check()

    def forward(self, molecules: MoleculeBatch) -> Tensor:
        """Inputs (B, K) float64."""
        return torch.cat([self.block(name, molecules) for name in self._blocks], 1)

    def block(self, name: str, molecules: MoleculeBatch) -> Tensor:
        """The inputs (B, K) of one block."""
        found: Tensor = self._blocks[name](_values(molecules, name))
        return found

    @property
    def _blocks(self) -> Mapping[str, InputBlock]:
        return self.blocks  # type: ignore[return-value]  # a ModuleDict does not tell what it holds


def _values(molecules: MoleculeBatch, block: str) -> Tensor:
    """The values (B, F) that a block reads."""
    values: Tensor
    if block == "columns":
        assert molecules.columns is not None
        values = molecules.columns
    else:
        values = molecules.read_by("fingerprint")[:, :COUNTS] if block == "counts" else molecules.read_by(block)
    return values
