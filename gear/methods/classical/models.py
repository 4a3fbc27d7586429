"""The classical methods that learn from the target by itself."""

import torch
from torch import Tensor

from gear.config import TrialConfig
from gear.methods.classical import BOOSTING, GP, SVR
from gear.methods.classical.boosted_trees import BoostedTrees
from gear.methods.classical.gaussian_process import GaussianProcess
from gear.methods.classical.inputs import MoleculeInputs
from gear.methods.classical.regressor import Regressor, drawn
from gear.methods.classical.support_vectors import SupportVectors
from gear.methods.fitted import FittedMethod
from gear.methods.pair_batch import PairBatch
from gear.model.molecules import MoleculeBatch

__all__ = ["Boosting", "ClassicalMethod", "GaussianProcessRegression", "SupportVectorRegression"]

REGRESSORS: dict[str, type[Regressor]] = {"svr": SupportVectors, "gp": GaussianProcess, "boosting": BoostedTrees}


class ClassicalMethod(FittedMethod):
    """A regressor on the inputs that `settings.inputs` names: that of `settings.learner`, or the method's own."""

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        self.inputs = MoleculeInputs(str(config.settings["inputs"]))
        learner = str(config.settings.get("learner", self.spec.name))
        self.regressor: Regressor = REGRESSORS[learner].of(config.settings)
        if (most := self.regressor.max_labels) is not None:
            self.notes = (f"learns from at most {most:,} labels of a task, drawn at random where there are more",)

    @property
    def predicting_kinds(self) -> frozenset[str]:
        """Those of its inputs."""
        return frozenset(self.inputs.kinds)

    def read_columns(self, count: int) -> None:
        """Read so many of the user's feature columns, `MoleculeBatch.columns`."""
        self.inputs.read_columns(count)

    @torch.no_grad()
    def fit(self, batch: PairBatch, seed: int) -> None:
        """Learn from the target's labels."""
        rows = drawn((~batch.target.isnan()).nonzero()[:, 0], self.regressor.max_labels, seed)
        self.inputs.fit(batch.molecules, rows)
        self.regressor.fit(self.inputs(batch.molecules)[rows], batch.target[rows].double(), seed)

    def check_state(self) -> None:
        """Check that inputs and regressor fit each other."""
        self.inputs.check()
        self.regressor.check(self.inputs.width)

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Target predictions (B,), standardised."""
        predicted: Tensor = self.regressor(self.inputs(molecules))
        return predicted


class SupportVectorRegression(ClassicalMethod):
    """Support vectors."""

    spec = SVR


class GaussianProcessRegression(ClassicalMethod):
    """A Gaussian process."""

    spec = GP


class Boosting(ClassicalMethod):
    """Boosted trees."""

    spec = BOOSTING
