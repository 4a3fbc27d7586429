"""What a campaign is to do: pairs x splits x methods, and how each study is searched."""

import fnmatch
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from gear.config import EMBEDDINGS, EmbeddingKind, PairSpec, TrialConfig, from_dict, to_dict
from gear.data import PAIRS, expand_splits, parse_pair, parse_split
from gear.data.protocol import FOLDED
from gear.errors import InputDataError, UnknownNameError
from gear.recorded import recorded_config
from gear.variants import VARIANTS
from search.events import Purpose
from search.space import METHODS, OPTIONAL

__all__ = [
    "FINALS",
    "SAMPLERS",
    "CampaignPlan",
    "SamplerName",
    "SearchSettings",
    "StudyPlan",
    "expand_pairs",
    "plan_from_dict",
    "plan_to_dict",
    "plan_to_toml",
    "read_plan",
    "stable_seed",
]

SamplerName = Literal["tpe", "gp", "random"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
FinalName = Literal["best", "refit"]
FINALS: tuple[FinalName, ...] = get_args(FinalName)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How every study is searched.

    Attributes:
        trials: budget of a study; failed trials are replaced, up to `replacements`.
        sampler: what proposes trials once there are finished ones to learn from: a tree-structured Parzen estimator,
            a Gaussian process, or chance.
        startup_trials: finished trials of a study before the sampler learns from them; until then it is chance.
        share: whether a study begins with what beat the defaults in related studies, see `search.related`.
        warm_start: names of earlier campaigns in the same storage that studies begin with, see `search.earlier`.
        grace_steps: optimiser steps that a trial has had before early stopping looks at it for the first time.
        reduction_factor: of the trials that reach a rung, about one in this many goes on.
        validation_folds: of a trial, trained side by side, each with its own validation molecules; its value is their
            mean.
        finalists: trials of a study that are trained again on fresh seeds before one of them wins; below 2 the best of
            the search wins.
        finalist_seeds: fresh seeds of each.
        final: what a study results in: the winner as it was trained, or its configuration trained anew on
            `refit_folds` validation folds for each of `refit_seeds` seeds, which predict together.
        refit_seeds: see there.
        refit_folds: where the split leaves a choice of validation molecules.
        replacements: most failed trials of a study that are replaced.
        attempts: most workers that a trial may lose, plus one.
        epoch_timeout: seconds an epoch may take before its worker is ended, the first one with all that precedes it;
            0 for any.
        checkpoint_every: epochs; the last epoch of a trial is always kept.
        seed: of the campaign; every trial's seed follows from it.
        split_seed: of the splits.
        cpus_per_trial: also the threads of a trial.
        gpus_per_trial: a fraction shares a GPU.
        vary: settings to search beside the usual ones, by their path; see `search.space.OPTIONAL`.
    """

    trials: int = 8
    sampler: SamplerName = "tpe"
    startup_trials: int = 4
    share: bool = True
    warm_start: tuple[str, ...] = ()
    grace_steps: int = 100
    reduction_factor: float = 3.0
    validation_folds: int = 1
    finalists: int = 0
    finalist_seeds: int = 2
    final: FinalName = "best"
    refit_seeds: int = 2
    refit_folds: int = 4
    replacements: int = 4
    attempts: int = 3
    epoch_timeout: float = 0.0
    checkpoint_every: int = 1
    seed: int = 0
    split_seed: int = 0
    cpus_per_trial: int = 1
    gpus_per_trial: float = 0.0
    vary: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be searched.

        Raises:
            InputDataError: a value is out of range.
        """
        positive = ("trials", "grace_steps", "validation_folds", "finalist_seeds", "refit_seeds", "refit_folds")
        for name in (*positive, "attempts", "checkpoint_every", "cpus_per_trial"):
            if getattr(self, name) < 1:
                raise InputDataError(f"search.{name} must be at least 1, got {getattr(self, name)}")
        not_negative = ("startup_trials", "finalists", "replacements", "epoch_timeout", "gpus_per_trial")
        for name in (*not_negative, "seed", "split_seed"):
            if getattr(self, name) < 0:
                raise InputDataError(f"search.{name} must not be negative, got {getattr(self, name)}")
        for path in self.vary:
            if path not in OPTIONAL:
                raise UnknownNameError("setting to vary", path, list(OPTIONAL))
        if self.reduction_factor <= 1:
            raise InputDataError(f"search.reduction_factor must be greater than 1, got {self.reduction_factor}")


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """One study: a method on a pair and a split."""

    pair: PairSpec
    split: str
    method: str

    @property
    def name(self) -> str:
        """The study's name, `hv_from_ds.random.gear`."""
        return f"{self.pair.id}.{self.split}.{self.method}"


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """A named set of studies: every method, or variant of one, on every split of every pair.

    `config` holds what the search leaves alone (the number of epochs, the immersion, ...); its method and seed are
    each trial's own.
    """

    name: str
    preset: str
    pairs: tuple[PairSpec, ...]
    splits: tuple[str, ...]
    methods: tuple[str, ...]
    search: SearchSettings = field(default_factory=SearchSettings)
    config: TrialConfig = field(default_factory=TrialConfig)

    def __post_init__(self) -> None:
        """Refuse names that do not exist, and repetitions.

        Raises:
            UnknownNameError: a split or method that does not exist.
            InputDataError: nothing to do, or the same twice.
        """
        for split in self.splits:
            if parse_split(split).base == "file" and any(pair.target.split_column is None for pair in self.pairs):
                raise InputDataError(f"split {split} needs --split-column, a column of the target's own file")
            if self.search.validation_folds > 1 and parse_split(split).base not in FOLDED:
                raise InputDataError(f"split {split} says which molecules validate: use --validation-folds 1")
        for method in self.methods:
            if method not in (*METHODS, *VARIANTS):
                raise UnknownNameError("method", method, (*METHODS, *VARIANTS))
        ids = tuple(pair.id for pair in self.pairs)
        for kind, names in (("pair", ids), ("split", self.splits), ("method", self.methods)):
            if not names:
                raise InputDataError(f"the plan has no {kind}: name at least one")
            if len(set(names)) < len(names):
                raise InputDataError(f"the plan names a {kind} twice: {', '.join(names)}")

    @property
    def studies(self) -> tuple[StudyPlan, ...]:
        """The studies, pair by pair."""
        return tuple(
            StudyPlan(pair, split, method) for pair in self.pairs for split in self.splits for method in self.methods
        )

    @property
    def embedding_kinds(self) -> frozenset[EmbeddingKind]:
        """Forms of molecules that some trial may read."""
        embedding = self.config.embedding
        varied = {"embedding.kind", "embedding.source_kind"} & {*self.search.vary}
        return frozenset(EMBEDDINGS if varied else {embedding.kind, embedding.of_source.kind})

    def folds(self, split: str, purpose: Purpose) -> int:
        """Validation folds of a trial."""
        if purpose != "refit":
            return self.search.validation_folds
        return self.search.refit_folds if parse_split(split).base in FOLDED else 1

    @property
    def epochs(self) -> int:
        """Most epochs of a trial."""
        return self.config.training.epochs


def stable_seed(*parts: str | int) -> int:
    """A seed in [0, 2^31) that depends on the parts alone, on every machine."""
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def expand_pairs(patterns: Sequence[str]) -> tuple[PairSpec, ...]:
    """Pairs by id, glob over the built-in ones (`hv_from_*`), or `all`, each once.

    Raises:
        UnknownNameError: a name of no pair, or a pattern that matches none.
    """
    found: dict[str, PairSpec] = {}
    for pattern in patterns:
        ids = list(PAIRS) if pattern == "all" else fnmatch.filter(PAIRS, pattern)
        if not ids and any(sign in pattern for sign in "*?["):
            raise UnknownNameError("pair", pattern, PAIRS)
        found |= {pair: parse_pair(pair) for pair in ids or [pattern]}
    return tuple(found.values())


def plan_to_dict(plan: CampaignPlan) -> dict[str, Any]:
    """The plain dict of a plan: built-in pairs by their id."""
    pairs = [pair.id if _is_built_in(pair) else to_dict(pair) for pair in plan.pairs]
    return {**to_dict(plan), "pairs": pairs, "splits": list(plan.splits), "methods": list(plan.methods)}


def plan_from_dict(data: Mapping[str, Any]) -> CampaignPlan:
    """The plan of `plan_to_dict`'s dict; what is missing takes the default, pairs may be globs.

    Raises:
        InputDataError: unknown key or wrong type, named by its path.
        UnknownNameError: an unknown pair, split or method.
    """
    known = ("name", "preset", "pairs", "splits", "methods", "search", "config")
    if unknown := sorted(set(data) - set(known)):
        raise InputDataError(f"unknown key {unknown[0]} in the plan; known: {', '.join(known)}")
    for name in ("pairs", "splits", "methods"):
        if not isinstance(data.get(name), list):
            raise InputDataError(f"the plan's {name} must be a list")
    pairs: list[PairSpec] = []
    for pair in data["pairs"]:
        pairs += [from_dict(PairSpec, pair, "pairs")] if isinstance(pair, dict) else expand_pairs([str(pair)])
    return CampaignPlan(
        name=str(data.get("name", "")),
        preset=str(data.get("preset", "plan")),
        pairs=tuple(pairs),
        splits=expand_splits(data["splits"]),
        methods=tuple(data["methods"]),
        search=from_dict(SearchSettings, _in_steps(data.get("search", {})), "search"),
        config=recorded_config(data.get("config", {}), "config"),
    )


def _in_steps(search: Any) -> Any:  # noqa: ANN401 - whatever a file holds there
    """Settings of a search whose version counted the grace period in epochs, which had one step at least."""
    if not isinstance(search, dict) or "grace_period" not in search:
        return search
    return {name: value for name, value in search.items() if name != "grace_period"} | {
        "grace_steps": search["grace_period"]
    }


def read_plan(path: Path) -> CampaignPlan:
    """Parse a plan file, TOML.

    Raises:
        InputDataError: unreadable, or not a plan.
        UnknownNameError: an unknown pair, split or method.
    """
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputDataError(f"cannot read plan {path}: {error}") from error
    return plan_from_dict(data)


def plan_to_toml(plan: CampaignPlan) -> str:
    """The text that `read_plan` reads."""
    data = plan_to_dict(plan)
    top = {name: value for name, value in data.items() if not isinstance(value, dict)}
    return _toml_lines(top) + "".join(f"\n[{name}]\n{_toml_lines(data[name])}" for name in ("search", "config"))


def _toml_lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {_toml(value)}\n" for name, value in table.items())


def _toml(value: Any) -> str:  # noqa: ANN401 - any value of a plan
    """A TOML value; None has no place there and is left out."""
    if isinstance(value, dict):
        items = (f"{name} = {_toml(item)}" for name, item in value.items() if item is not None)
        return "{ " + ", ".join(items) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def _is_built_in(pair: PairSpec) -> bool:
    return all(task.file is None for task in (pair.target, *pair.sources))
