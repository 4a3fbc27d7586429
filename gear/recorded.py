"""Trials that an earlier version recorded, completed with the values that version used.

Every version records all its settings, so a setting that is missing did not exist yet. The trial was trained as if the
setting had the value given here, which need not be today's default.
"""

from collections.abc import Mapping
from typing import Any

from gear.config import TrialConfig
from gear.parsing import from_dict

__all__ = ["complete", "complete_pair", "recorded_config"]

_WHOLE_EMBEDDING = {"width", "depth", "dropout"}  # of every version; a hand-written file rarely names all
_WHOLE_TRAINING = {"epochs", "batch_size", "learning_rate", "weight_decay", "clip", "ema", "patience"}
_WHOLE_TRANSFER = {"depth", "inverse_depth", "width", "frame", "skip", "gain"}
_WHOLE_TASK = {"property", "file", "column", "smiles_column", "unit", "log10", "split_column", "drop_bad_rows"}
_BEFORE_KEYS = {"key_version": 1}
_BEFORE_AGGREGATION = {"aggregation": "mean", "dropout_place": "atoms"}
_BEFORE_STEPS = {"epoch_steps": 1}
_BEFORE_LIMIT = {"source_molecules": 0}
_BEFORE_PATHS = {"prediction": "direct"}


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """The dict of a `TrialConfig` with the settings that its version did not have; incomplete groups are kept."""
    found = dict(config)
    for group, whole, added in (
        ("embedding", _WHOLE_EMBEDDING, _BEFORE_AGGREGATION),
        ("training", _WHOLE_TRAINING, _BEFORE_STEPS | _BEFORE_LIMIT),
        ("transfer", _WHOLE_TRANSFER, _BEFORE_PATHS),
    ):
        values = config.get(group)
        if isinstance(values, Mapping) and whole <= values.keys():
            found[group] = added | dict(values)
    return found


def complete_pair(pair: Mapping[str, Any]) -> dict[str, Any]:
    """The dict of a `PairSpec` with the version of its keys, which earlier versions did not have."""
    target = pair.get("target")
    recorded = isinstance(target, Mapping) and _WHOLE_TASK <= target.keys()
    return (_BEFORE_KEYS if recorded else {}) | dict(pair)


def recorded_config(config: Mapping[str, Any], where: str = "") -> TrialConfig:
    """Parse the dict of a recorded `TrialConfig`.

    Raises:
        InputDataError: see `gear.parsing.from_dict`.
    """
    return from_dict(TrialConfig, complete(config), where)
