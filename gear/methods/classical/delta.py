"""Transfer by a classical model of the source: its predictions, corrected for the target by a second model.

Molecules that the source was trained on are predicted as if it had not been, so that the target learns how far a
prediction of the source can be trusted, and not how well the source remembers its labels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gear.config import TrialConfig
from gear.methods.classical import DELTA, GP
from gear.methods.classical.gaussian_process import GaussianProcess
from gear.methods.classical.inputs import InputBlock, MoleculeInputs
from gear.methods.classical.models import ClassicalMethod
from gear.methods.classical.regressor import check_shapes, drawn
from gear.methods.pair_batch import PairBatch
from gear.model.molecules import MoleculeBatch

__all__ = ["Delta", "ridge"]

RIDGE = 1.0  # of the sources' coefficients, in molecules


class SourceModel(nn.Module):
    """A Gaussian process on a source's descriptors, with the settings that `gp` has by default."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = MoleculeInputs("descriptors")
        self.process = GaussianProcess.of(GP.settings)

    def fit(self, molecules: MoleculeBatch, labels: Tensor, asked: Tensor, seed: int) -> Tensor:
        """Learn from the known labels (B,), and predict molecules `asked` (N,), each without its own labels.

        Molecules with the same descriptors count as one, whatever task or feature columns they come with.
        """
        rows = drawn((~labels.isnan()).nonzero()[:, 0], self.process.max_labels, seed)
        self.inputs.fit(molecules, rows)
        inputs, known = self.inputs(molecules), labels[rows].double()
        self.process.fit(inputs[rows], known, seed)
        molecule = self.inputs.block("descriptors", molecules).unique(dim=0, return_inverse=True)[1]
        found = self.process.predict_without_own(inputs[asked], molecule[asked], molecule[rows])
        self.process.release()
        return found

    def forward(self, molecules: MoleculeBatch) -> Tensor:
        """Predictions (B,) of the source, standardised."""
        predicted: Tensor = self.process(self.inputs(molecules))
        return predicted


class Delta(ClassicalMethod):
    """`residual`: a linear map of the sources' predictions plus a regressor of what it leaves of the target.

    `feature`: a regressor of the target that reads the sources' predictions as further inputs.
    `both`: a linear map, and a regressor of the rest that reads the predictions too.
    """

    spec = DELTA
    sees_sources = True
    coefficients: Tensor  # (1 + S,) float64, the intercept first

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.of_sources: Sequence[SourceModel] = nn.ModuleList(SourceModel() for _ in range(sources))  # type: ignore[assignment]
        self.maps, self.reads = (config.settings["form"] in (form, "both") for form in ("residual", "feature"))
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
        if self.maps:
            self.coefficients = ridge(told, labels)
        inputs = self._joined(self.inputs(batch.molecules)[rows], told)
        self.regressor.fit(inputs, labels - self._mapped(told), seed)

    def check_state(self) -> None:
        """Check that the models of the sources, the inputs and the regressor fit each other."""
        for source in self.of_sources:
            source.inputs.check()
            source.process.check(source.inputs.width)
        self.inputs.check()
        self.scale.check()
        check_shapes(self, coefficients=(1 + len(self.of_sources),))
        self.regressor.check(self.inputs.width + (self.scale.width if self.reads else 0))

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Predictions of a task (B,), standardised."""
        if task > 0:
            of_source: Tensor = self.of_sources[task - 1](molecules)
            return of_source
        told = torch.stack([source(molecules) for source in self.of_sources], 1)
        rest: Tensor = self.regressor(self._joined(self.inputs(molecules), told))
        return self._mapped(told) + rest

    def _joined(self, inputs: Tensor, told: Tensor) -> Tensor:
        """What the regressor reads of inputs (B, F) and the sources' predictions (B, S)."""
        return torch.cat([inputs, self.scale(told)], 1) if self.reads else inputs

    def _mapped(self, told: Tensor) -> Tensor:
        """The linear map (B,) of the sources' predictions (B, S); zero where there is none."""
        mapped: Tensor = told @ self.coefficients[1:] + self.coefficients[0]
        return mapped


def ridge(told: Tensor, labels: Tensor) -> Tensor:
    """Intercept and coefficients (1 + S,) of labels (N,) on predictions (N, S); the intercept is not shrunk."""
    centre, mean = told.mean(0), labels.mean()
    apart = told - centre
    shrunk = apart.mT @ apart + RIDGE * torch.eye(told.shape[1], dtype=told.dtype, device=told.device)
    slopes = torch.linalg.solve(shrunk, apart.mT @ (labels - mean))
    return torch.cat([(mean - centre @ slopes)[None], slopes])
