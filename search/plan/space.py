"""The search space of a method: pure functions from an Optuna trial to a configuration.

A dimension is named by its path in `TrialConfig`, so that the sampler's parameters, the configuration and what is
logged share their names. The space is unconditional: a multivariate sampler learns from every trial.
What a method's space holds is in its specification (`gear.methods`). A variant (`gear.variants`) is searched like the
method it belongs to, without what it fixes. Where embeddings begin with pretrained weights, their shape is fixed.
"""

from collections.abc import Collection

from gear.config import TrialConfig, Value
from gear.methods import METHODS, base_of, find_method
from gear.pretrain.recipe import SHAPE
from gear.space import Dimension, Suggester
from gear.variants import get_value, method_of, with_values

__all__ = ["OPTIONAL", "defaults", "fixed_by", "held", "space", "suggest"]

# Paths of all dimensions that built-in methods search on request.
OPTIONAL = tuple(dict.fromkeys(dimension.path for spec in METHODS.values() for dimension in spec.optional))


def fixed_by(base: TrialConfig) -> frozenset[str]:
    """Paths of the settings that pretrained weights fix, if the configuration asks for any."""
    names = SHAPE if base.embedding.pretrained != "none" else ()
    return frozenset(f"embedding.{name}" for name in names)


def space(name: str, vary: Collection[str] = (), base: TrialConfig | None = None) -> tuple[Dimension, ...]:
    """The dimensions of a method's or variant's space, with the optional ones that are in `vary` and that it has.

    An optional dimension takes the place of one of the same setting, which has fewer values.

    Args:
        name: of the method or variant.
        vary: paths of optional dimensions.
        base: the configuration before the search changes it, which may fix dimensions; None for the defaults.
    """
    variant = method_of(name)
    spec = find_method(variant.method)
    asked = {dimension.path: dimension for dimension in spec.optional if dimension.path in vary}
    fixed = fixed_by(base or TrialConfig()) | variant.fixed.keys()
    found = {dimension.path: dimension for dimension in spec.space} | asked
    return tuple(dimension for path, dimension in found.items() if path not in fixed)


def suggest(trial: Suggester, name: str, base: TrialConfig, vary: Collection[str] = ()) -> TrialConfig:
    """The configuration `base_of(name, base)` with every dimension of its space chosen by the trial."""
    return with_values(
        base_of(name, base), {dimension.path: dimension.suggest(trial) for dimension in space(name, vary, base)}
    )


def defaults(name: str, base: TrialConfig, vary: Collection[str] = ()) -> dict[str, Value]:
    """The parameters at which `suggest` gives `base_of` the name back."""
    config = base_of(name, base)
    return {dimension.path: get_value(config, dimension.path) for dimension in space(name, vary, base)}


def held(config: TrialConfig, name: str, base: TrialConfig, vary: Collection[str] = ()) -> dict[str, Value]:
    """The settings of any configuration that the space has a value for; a plug-in's may be newer than it."""
    found = {
        dimension: get_value(config, dimension.path)
        for dimension in space(name, vary, base)
        if not dimension.path.startswith("settings.") or dimension.path.partition(".")[2] in config.settings
    }
    return {dimension.path: value for dimension, value in found.items() if dimension.holds(value)}
