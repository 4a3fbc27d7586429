"""GEAR: transfer learning on molecules by matching the curvature of latent spaces (arXiv 2506.13015).

The names below are imported when they are first used, so `import gear` loads neither torch nor RDKit.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gear.config import EmbeddingConfig, PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
    from gear.data.builtin.tables import load_property
    from gear.data.pair_names import parse_pair
    from gear.data.pairs import PairData, load_pair
    from gear.evaluation.evaluate import Scores, score_test_part
    from gear.export.export import Member, export_model
    from gear.prediction import Prediction, Predictor, load_predictor
    from gear.results import EpochResult
    from gear.train import train_trial

__version__ = "0.2.0.dev0"
__all__ = [
    "EmbeddingConfig",
    "EpochResult",
    "Member",
    "PairData",
    "PairSpec",
    "Prediction",
    "Predictor",
    "Scores",
    "TaskSpec",
    "TrainingConfig",
    "TrialConfig",
    "TrialSpec",
    "export_model",
    "load_pair",
    "load_predictor",
    "load_property",
    "parse_pair",
    "score_test_part",
    "train_trial",
]

_HOMES = {
    "EmbeddingConfig": "gear.config",
    "EpochResult": "gear.results",
    "Member": "gear.export.export",
    "PairData": "gear.data.pairs",
    "PairSpec": "gear.config",
    "Prediction": "gear.prediction",
    "Predictor": "gear.prediction",
    "Scores": "gear.evaluation.evaluate",
    "TaskSpec": "gear.config",
    "TrainingConfig": "gear.config",
    "TrialConfig": "gear.config",
    "TrialSpec": "gear.config",
    "export_model": "gear.export.export",
    "load_pair": "gear.data.pairs",
    "load_predictor": "gear.prediction",
    "load_property": "gear.data.builtin.tables",
    "parse_pair": "gear.data.pair_names",
    "score_test_part": "gear.evaluation.evaluate",
    "train_trial": "gear.train",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in _HOMES:
        raise AttributeError(f"module 'gear' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
