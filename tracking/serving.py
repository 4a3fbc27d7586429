"""The registered model as MLflow loads it, from code without pickle: SMILES to predictions in the property's unit."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from gear.predict import load_predictor

__all__ = ["GearModel"]


class GearModel(PythonModel):
    """An export folder as a model of MLflow."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the artifact `export`."""
        self.predictor = load_predictor(Path(context.artifacts["export"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Predictions (B,) for a table with a column `smiles` and the feature columns that the model reads."""
        columns = model_input[list(names)].to_numpy() if (names := self.predictor.columns) else None
        return self.predictor.predict([str(smiles) for smiles in model_input["smiles"]], columns)


set_model(GearModel())
