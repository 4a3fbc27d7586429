"""GEAR: transfer learning on molecules by matching the curvature of latent spaces (arXiv 2506.13015).

The names below are imported when they are first used, so `import gear` loads neither torch nor RDKit.
"""

from typing import TYPE_CHECKING

from gear.lazy import lazy_names

if TYPE_CHECKING:
    from gear.config import EmbeddingConfig, PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
    from gear.data.builtin.tables import load_property
    from gear.data.pair_names import parse_pair
    from gear.data.pairs import PairData, load_pair
    from gear.evaluation.calibrate import calibrate
    from gear.evaluation.evaluate import Scores, predict_held_out, score_test_part
    from gear.evaluation.held_out import out_of_fold
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
    "calibrate",
    "export_model",
    "load_pair",
    "load_predictor",
    "load_property",
    "out_of_fold",
    "parse_pair",
    "predict_held_out",
    "score_test_part",
    "train_trial",
]

_LATE = {
    "gear.config": (
        "EmbeddingConfig",
        "PairSpec",
        "TaskSpec",
        "TrainingConfig",
        "TrialConfig",
        "TrialSpec",
    ),
    "gear.data.builtin.tables": ("load_property",),
    "gear.data.pair_names": ("parse_pair",),
    "gear.data.pairs": (
        "PairData",
        "load_pair",
    ),
    "gear.evaluation.calibrate": ("calibrate",),
    "gear.evaluation.evaluate": (
        "Scores",
        "predict_held_out",
        "score_test_part",
    ),
    "gear.evaluation.held_out": ("out_of_fold",),
    "gear.export.export": (
        "Member",
        "export_model",
    ),
    "gear.prediction": (
        "Prediction",
        "Predictor",
        "load_predictor",
    ),
    "gear.results": ("EpochResult",),
    "gear.train": ("train_trial",),
}
if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, _LATE)


def __dir__() -> list[str]:
    return sorted(__all__)
