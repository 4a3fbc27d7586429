"""What is known of a method before it is built: its name, its search space, its settings. Needs no torch."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gear.config import TrialConfig, Value
from gear.errors import InputDataError
from gear.methods.shared_space import OPTIONAL
from gear.parsing import parse_value
from gear.space import Dimension

__all__ = ["MethodSpec"]


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """Describes a method.

    Attributes:
        name: lower-case letters, digits, `-` and `_`; part of the names of studies, files and registered models.
        title: what it is, in a few words.
        space: the dimensions that are searched; the defaults must lie in them.
        optional: dimensions that are searched on request, `--vary PATH`.
        settings: the defaults of settings of its own, weights of its own loss terms among them. They are at
            `settings.NAME` in a configuration and in the space.
        fits_at_once: whether it is a `gear.methods.fitted.FittedMethod`, whose trial is one epoch, however many
            `training.epochs` says.
        joins: whether it is a `gear.methods.joint.JointMethod`: models of one structure are trained as one array.
        kinds: forms of molecules that it may read whatever `embedding.kind` says; empty for a method with embeddings.
        colour: of a built-in method's studies in the report, a name in `tracking.report.drawing.COLOURS`.
        uses_sources: whether it needs a source; a target without one is searched only by methods that do not.
        model: import path of the class, `package.module:Class`. Left out by a plug-in, which is named by that path.
    """

    name: str
    title: str
    space: tuple[Dimension, ...]
    optional: tuple[Dimension, ...] = OPTIONAL
    settings: Mapping[str, Value] = field(default_factory=dict, hash=False)
    fits_at_once: bool = False
    joins: bool = False
    kinds: tuple[str, ...] = ()
    colour: str = "purple"
    uses_sources: bool = True
    model: str = ""

    def __post_init__(self) -> None:
        """Refuse names that cannot be used.

        Raises:
            InputDataError: a name of other characters, or a dimension of a setting that the method does not have.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", self.name):
            raise InputDataError(
                f"method '{self.name}': a method's name has lower-case letters, digits, '-' and '_' and begins with a "
                "letter or digit"
            )
        for dimension in (*self.space, *self.optional):
            group, _, name = dimension.path.partition(".")
            if group == "settings" and name not in self.settings:
                raise InputDataError(f"method '{self.name}' searches {dimension.path}: give its default in `settings`")

    def completed(self, config: TrialConfig) -> TrialConfig:
        """The configuration with the default of each of the method's own settings that it leaves out.

        Raises:
            InputDataError: it has a setting that the method does not have, or one of the wrong type.
        """
        for name, value in config.settings.items():
            if name not in self.settings:
                known = f"known: {', '.join(self.settings)}" if self.settings else "it has none of its own"
                raise InputDataError(f"method '{self.name}' has no setting settings.{name}; {known}")
            parse_value(type(self.settings[name]), value, f"settings.{name}")
        return dataclasses.replace(config, settings={**self.settings, **config.settings})
