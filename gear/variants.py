"""Variants: configurations of a method with a name of their own, such as the ablations of GEAR.

A variant is searched, recorded and compared like a method. The settings that it fixes are not searched. This module
does not import torch.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from gear.config import TrialConfig, Value

__all__ = ["VARIANTS", "Variant", "get_value", "method_of", "with_values"]


@dataclass(frozen=True, slots=True)
class Variant:
    """A method and the settings it fixes, by their path in `TrialConfig`."""

    method: str
    fixed: Mapping[str, Value] = field(default_factory=dict)


_CHANGES: dict[str, dict[str, Value]] = {
    "gear-no-auto": {"weights.auto": 0.0},
    "gear-no-cons": {"weights.cons": 0.0},
    "gear-no-map": {"weights.map": 0.0},
    "gear-no-metric": {"weights.metric": 0.0},
    "gear-no-curv": {"weights.curv": 0.0, "curvature.matching": "none"},
    "gear-isometry": {"curvature.metric": "isometry"},
    "gear-concordance": {"curvature.discrepancy": "concordance"},
    "gear-mean-curvature": {"curvature.matching": "mean_curvature"},
    "gear-hessian": {"curvature.matching": "hessian"},
    "gear-distance": {"curvature.matching": "distance"},
    "gear-warm": {"training.warm_start": True},
    "gear-cold": {"training.warm_start": False},
    # equal widths, no skip, the curvature of the whole latent space: identically zero, see docs/method.md
    "gear-published": {"transfer.frame": 50, "transfer.skip": False, "curvature.immersion": "frame"},
}
VARIANTS = {name: Variant("gear", fixed) for name, fixed in _CHANGES.items()}


def method_of(name: str) -> Variant:
    """The variant of a name; the name of a method is the variant that fixes nothing."""
    return VARIANTS.get(name, Variant(name))


def get_value(config: TrialConfig, path: str) -> Value:
    """The setting at a path, `weights.curv`, or `settings.NAME` of the method's own."""
    group, name = path.split(".")
    if group == "settings":
        return config.settings[name]
    value: Value = getattr(getattr(config, group), name)
    return value


def with_values(config: TrialConfig, values: Mapping[str, Value]) -> TrialConfig:
    """The configuration with new values for the settings at the given paths."""
    for path, value in values.items():
        group, name = path.split(".")
        if group == "settings":
            config = dataclasses.replace(config, settings={**config.settings, name: value})
            continue
        part = dataclasses.replace(getattr(config, group), **{name: value})
        config = dataclasses.replace(config, **{group: part})
    return config
