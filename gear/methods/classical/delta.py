"""Transfer by a classical model of the source: its predictions, corrected for the target by a second model.

Molecules that the source was trained on are predicted by models that have not seen them (`FOLDS` of them), so that the
target learns how far a prediction of the source can be trusted, and not how well the source remembers its labels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from gear.config import TrialConfig
from gear.methods.classical import DELTA, UNTUNED
from gear.methods.classical.inputs import InputBlock, MoleculeInputs
from gear.methods.classical.models import ClassicalMethod
from gear.methods.classical.regressor import drawn
from gear.methods.classical.support_vectors import SupportVectors
from gear.methods.pair_batch import PairBatch
from gear.model.molecules import MoleculeBatch

__all__ = ["Delta", "ridge"]

FOLDS = 5
RIDGE = 1.0  # of the sources' coefficients, in molecules


class SourceModel(nn.Module):
    """Support vectors on a source's descriptors, with the settings of the reference."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = MoleculeInputs("descriptors")
        self.regressor = SupportVectors(**UNTUNED)

    def fit(self, molecules: MoleculeBatch, labels: Tensor, asked: Tensor, seed: int) -> Tensor:
        """Learn from the known labels (B,), and predict molecules `asked` (N,) by models that have not seen theirs.

        Molecules with the same descriptors count as one, so it does not matter whether a feature column or a task
        tells them apart.
        """
        rows = drawn((~labels.isnan()).nonzero()[:, 0], self.regressor.max_labels, seed)
        self.inputs.fit(molecules, rows)
        inputs = self.inputs(molecules)
        self.regressor.fit(inputs[rows], labels[rows].double())
        predicted: Tensor = self.regressor(inputs[asked])
        same = self.inputs.blocks["descriptors"](molecules.read_by("descriptors")).unique(dim=0, return_inverse=True)[1]
        folds = torch.from_numpy(np.random.default_rng(seed).permutation(len(same)) % FOLDS).to(same.device)[same]
        shared = torch.isin(same[asked], same[rows])
        for fold in folds[asked][shared].unique():
            others = rows[folds[rows] != fold]
            apart = SupportVectors(**UNTUNED)
            apart.fit(inputs[others], labels[others].double())
            held = shared & (folds[asked] == fold)
            predicted[held] = apart.to(inputs.device)(inputs[asked][held])
        return predicted

    def forward(self, molecules: MoleculeBatch) -> Tensor:
        """Predictions (B,) of the source, standardised."""
        predicted: Tensor = self.regressor(self.inputs(molecules))
        return predicted


class Delta(ClassicalMethod):
    """`residual`: a linear map of the sources' predictions plus a regressor of what it leaves of the target.

    `feature`: a regressor of the target that reads the sources' predictions as further inputs.
    """

    spec = DELTA
    sees_sources = True

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.of_sources: Sequence[SourceModel] = nn.ModuleList(SourceModel() for _ in range(sources))  # type: ignore[assignment]
        self.feature = config.settings["form"] == "feature"
        self.scale = InputBlock(sources)
        self.register_buffer("coefficients", torch.zeros(sources + 1, dtype=torch.float64))

    @property
    def predicting_kinds(self) -> frozenset[str]:
        """Those of its inputs and of the sources' models."""
        return frozenset({*self.inputs.kinds, "descriptors"})

    def read_columns(self, count: int) -> None:
        """Read so many of the user's feature columns, `MoleculeBatch.columns`."""
        for inputs in (self.inputs, *(source.inputs for source in self.of_sources)):
            inputs.read_columns(count)

    @torch.no_grad()
    def fit(self, batch: PairBatch, seed: int) -> None:
        """Fit the sources, then what the target adds to them."""
        rows = drawn((~batch.target.isnan()).nonzero()[:, 0], self.regressor.max_labels, seed)
        found = [
            source.fit(batch.molecules, label, rows, seed)
            for source, label in zip(self.of_sources, batch.labels[:, 1:].unbind(1), strict=True)
        ]
        told, labels = torch.stack(found, 1), batch.target[rows].double()
        self.scale.fit(told)
        self.inputs.fit(batch.molecules, rows)
        inputs = self.inputs(batch.molecules)[rows]
        if self.feature:
            self.regressor.fit(torch.cat([inputs, self.scale(told)], 1), labels, seed)
        else:
            self.coefficients = ridge(told, labels)
            self.regressor.fit(inputs, labels - self._mapped(told), seed)

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Predictions of a task (B,), standardised."""
        if task > 0:
            return self.of_sources[task - 1](molecules)
        told = torch.stack([source(molecules) for source in self.of_sources], 1)
        inputs = self.inputs(molecules)
        if self.feature:
            found: Tensor = self.regressor(torch.cat([inputs, self.scale(told)], 1))
            return found
        return self._mapped(told) + self.regressor(inputs)

    def _mapped(self, told: Tensor) -> Tensor:
        """The linear map (B,) of the sources' predictions (B, S)."""
        return told @ self.coefficients[1:] + self.coefficients[0]


def ridge(told: Tensor, labels: Tensor) -> Tensor:
    """Intercept and coefficients (1 + S,) of labels (N,) on predictions (N, S); the intercept is not shrunk."""
    centre, mean = told.mean(0), labels.mean()
    apart = told - centre
    shrunk = apart.mT @ apart + RIDGE * torch.eye(told.shape[1], dtype=told.dtype, device=told.device)
    slopes = torch.linalg.solve(shrunk, apart.mT @ (labels - mean))
    return torch.cat([(mean - centre @ slopes)[None], slopes])
