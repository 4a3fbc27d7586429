"""GEAR: transfer learning on molecules by matching the curvature of latent spaces (arXiv 2506.13015).

The names below are imported when they are first used, so `import gear` loads neither torch nor RDKit.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gear.config import EmbeddingConfig, PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
    from gear.data.builtin.tables import load_property
    from gear.data.pairs import PairData, load_pair, parse_pair
    from gear.evaluation.evaluate import Scores, test_scores
    from gear.export.export import Member, export_model
    from gear.predict import Prediction, Predictor, load_predictor
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
    "test_scores",
    "train_trial",
]

_NAMES = {
    "gear.config": ("EmbeddingConfig", "PairSpec", "TaskSpec", "TrainingConfig", "TrialConfig", "TrialSpec"),
    "gear.data.builtin.tables": ("load_property",),
    "gear.data.pairs": ("PairData", "load_pair", "parse_pair"),
    "gear.evaluation.evaluate": ("Scores", "test_scores"),
    "gear.export.export": ("Member", "export_model"),
    "gear.predict": ("Prediction", "Predictor", "load_predictor"),
    "gear.results": ("EpochResult",),
    "gear.train": ("train_trial",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'gear' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
