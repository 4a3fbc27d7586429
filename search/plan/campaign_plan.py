"""What a campaign is to do: pairs x splits x methods."""

import fnmatch
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gear.config import PairSpec, TrialConfig, joined_kinds
from gear.data import PAIRS, expand_splits, parse_pair, parse_split
from gear.data.splits.split_name import LABEL_FOLDS, cross_validations
from gear.embeddings import EMBEDDINGS, check_embedding_name
from gear.errors import InputDataError, UnknownNameError
from gear.methods import METHODS, SOURCELESS, find_method
from gear.methods.plugin import is_plugin, plugin_name, short_name
from gear.plugins import import_path, import_paths, path_of
from gear.units import check_unit
from gear.variants import VARIANTS, method_of
from search.plan.pretrained import with_pretrained
from search.plan.purpose import Purpose
from search.plan.settings import SearchSettings
from search.plan.space import OPTIONAL, fixed_by

__all__ = [
    "BLEND",
    "CHAMPION",
    "FEW_LABELS",
    "CampaignPlan",
    "StudyPlan",
    "blend_name",
    "check_settings",
    "expand_methods",
    "expand_pairs",
    "have_one_fold",
    "make_plan",
    "stable_seed",
]

BLEND = "blend"  # stands for a method in the name of a mean of trials of several methods
CHAMPION = "champion"  # the same for the best of each fold of a cross-validation, whichever method that is
LONGEST_NAME = 200  # characters of a study's, which are names of folders
FEW_LABELS = 240  # the maximum at which a study has several validation folds by default


def blend_name(pair: str, split: str) -> str:
    """The name of a pair's blend, made like that of a study."""
    return f"{pair}.{split}.{BLEND}"


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """One study: a method on a pair and a split. A plug-in's `method` is NAME=PATH, see `gear.methods.plugin`."""

    pair: PairSpec
    split: str
    method: str

    @property
    def name(self) -> str:
        """The study's name, `hv_from_ds.random.gear`."""
        return f"{self.pair.id}.{self.split}.{self.method_name}"

    @property
    def method_name(self) -> str:
        """The method's name by itself."""
        return short_name(self.method)


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
            UnknownNameError: a split, embedding or method that does not exist.
            InputDataError: nothing to do, or the same twice.
        """
        for split in self.splits:
            if parse_split(split).base == "file" and any(pair.target.split_column is None for pair in self.pairs):
                raise InputDataError(f"split {split} needs --split-column, a column of the target's own file")
        if self.search.validation_folds > 1 and have_one_fold(self.splits):
            raise InputDataError(f"split {self.splits[0]} says which molecules validate: use --validation-folds 1")
        self._check_embeddings()
        self._check_sources()
        self._check_pretrained()
        for method in self.methods:  # a plug-in need not be at hand where a campaign is only read
            if method not in (*METHODS, *VARIANTS) and not ("=" in method and is_plugin(method)):
                raise UnknownNameError("method", method, (*METHODS, *VARIANTS, "my_name=my_module:MyMethod"))
        ids = tuple(pair.id for pair in self.pairs)
        methods = tuple(map(short_name, self.methods))
        if BLEND in methods:
            raise InputDataError(f"a method cannot be named {BLEND}, which a mean of several methods is: rename it")
        if CHAMPION in methods and cross_validations(self.splits):
            raise InputDataError(f"a method cannot be named {CHAMPION} with a cross-validation: rename it")
        for kind, names in (("pair", ids), ("split", self.splits), ("method", methods)):
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
    def import_paths(self) -> tuple[str, ...]:
        """The import paths of the user's own code that trials run."""
        methods = (path_of(method) for method in self.methods if is_plugin(method))
        splits = (split.base for split in map(parse_split, self.splits) if split.is_own)
        return tuple(dict.fromkeys((*methods, *import_paths(self.config), *splits)))

    @property
    def files(self) -> list[str]:
        """The user's files that trials read: tables, and pretrained weights."""
        tables = {task.file for pair in self.pairs for task in (pair.target, *pair.sources) if task.file is not None}
        weights = self.config.embedding.pretrained_file
        return sorted(tables | ({str(weights)} if weights is not None else set()))

    @property
    def embedding_kinds(self) -> frozenset[str]:
        """Forms of molecules that some trial may read."""
        specs = [find_method(method_of(method).method) for method in self.methods]
        return frozenset().union(*(spec.kinds or self._kinds_of_networks for spec in specs))

    @property
    def trained_kinds(self) -> frozenset[str]:
        """Forms of molecules that some trial may read of a method that is trained step by step."""
        specs = [find_method(method_of(method).method) for method in self.methods]
        return frozenset().union(*(spec.kinds or self._kinds_of_networks for spec in specs if not spec.fits_at_once))

    @property
    def _kinds_of_networks(self) -> frozenset[str]:
        """Forms that methods with embeddings read."""
        embedding = self.config.embedding
        return frozenset(EMBEDDINGS if self._varies_kinds else {embedding.kind, embedding.of_source.kind})

    @property
    def _varies_kinds(self) -> bool:
        return not {"embedding.kind", "embedding.source_kind"}.isdisjoint(self.search.vary)

    def _check_embeddings(self) -> None:
        """Refuse an embedding that does not exist, and a user's own where the search chooses among the built-in."""
        embedding = self.config.embedding
        for kind in (embedding.kind, embedding.of_source.kind):
            check_embedding_name(kind)
            if self._varies_kinds and kind not in EMBEDDINGS:
                raise InputDataError(
                    f"--vary embedding.kind chooses among {', '.join(EMBEDDINGS)}: leave it out, or --embedding {kind}"
                )

    def _check_sources(self) -> None:
        """Refuse a target without a source where a method needs one."""
        alone = next((pair for pair in self.pairs if not pair.sources), None)
        # a plug-in says it itself where it is built
        known = [method for method in self.methods if method in (*METHODS, *VARIANTS)]
        needing = next((name for name in known if METHODS[method_of(name).method].uses_sources), None)
        if alone is not None and needing is not None:
            raise InputDataError(
                f"target {alone.id} has no source, which {needing} needs: name one, or use --methods "
                f"{' '.join(SOURCELESS)}"
            )

    def _check_pretrained(self) -> None:
        """Refuse pretrained weights where no embedding has a D-MPNN, or where what they fix is to be varied."""
        if self.config.embedding.pretrained == "none":
            return
        parts = [part for kind in self._kinds_of_networks for part in joined_kinds(kind)]
        if all(part in EMBEDDINGS and part != "dmpnn" for part in parts):
            kinds = ", ".join(sorted(self._kinds_of_networks))
            raise InputDataError(f"--pretrained is for embedding dmpnn, the plan has {kinds}: leave it out")
        if varied := sorted(fixed_by(self.config).intersection(self.search.vary)):
            raise InputDataError(f"--vary {varied[0]} does not go with --pretrained, whose weights have one shape")

    def folds(self, split: str, purpose: Purpose) -> int:
        """Validation folds of a trial.

        By default few labels are divided into folds of which each validates once, so that a trial is judged by all of
        its labels and not by the luck of a dozen. Nothing is validated on where all labels are trained on, and there is
        one fold where the split says which molecules validate.
        """
        parsed = parse_split(split)
        if purpose == "all-labels" or parsed.fixes_validation:
            return 1
        if purpose == "refit":
            return self.search.refit_folds
        few = parsed.folds_labels and (parsed.labels or 0) <= FEW_LABELS
        return self.search.validation_folds or (LABEL_FOLDS if few else 1)

    @property
    def epochs(self) -> int:
        """Most epochs of a trial."""
        return self.config.training.epochs

    @property
    def grace_epochs(self) -> int:
        """The first epoch after which a trial may be stopped early: it has had the grace period's optimiser steps."""
        return -(-self.search.grace_steps // self.config.training.epoch_steps)


def make_plan(
    pairs: Sequence[str | PairSpec],
    splits: Sequence[str],
    methods: Sequence[str],
    *,
    name: str = "",
    preset: str = "plan",
    epochs: int | None = None,
    config: TrialConfig | None = None,
    **search: Any,  # noqa: ANN401 - fields of SearchSettings
) -> CampaignPlan:
    """A plan from names.

    Args:
        pairs: ids or globs of built-in pairs, or specifications of pairs of your own.
        splits: such as `random`, `scaffold-n60`, `random-kfold`.
        methods: and variants of them, and the import paths of plug-ins.
        name: of the campaign; empty for the first free one of its preset.
        preset: what the plan is known as.
        epochs: maximum of a trial, instead of the configuration's.
        config: what the search leaves alone.
        **search: fields of `SearchSettings`, such as `trials=20`. A sampler or pruner of your own may also be given as
            the class or function itself.

    Raises:
        UnknownNameError, InputDataError: see `CampaignPlan`; or `gear.plugins.import_path` finds no path, or
            pretrained weights cannot be used.
    """
    for kind in ("sampler", "pruner"):
        if callable(search.get(kind)):
            search[kind] = import_path(search[kind], kind)
    config = config or TrialConfig()
    if epochs is not None:
        config = replace(config, training=replace(config.training, epochs=epochs))
    found = [pair for named in pairs for pair in ([named] if isinstance(named, PairSpec) else expand_pairs([named]))]
    return CampaignPlan(
        name=name,
        preset=preset,
        pairs=tuple(dict.fromkeys(found)),
        splits=expand_splits(splits),
        methods=expand_methods(methods),
        search=SearchSettings(**search),
        config=with_pretrained(config),
    )


def stable_seed(*parts: str | int) -> int:
    """A seed in [0, 2^31) that depends on the parts alone, on every machine."""
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def expand_methods(names: Sequence[str]) -> tuple[str, ...]:
    """Methods and variants by name, `all` built-in methods, or the import paths of plug-ins, each once.

    Raises:
        UnknownNameError: no such method.
        InputDataError: a plug-in that cannot be used.
    """
    found: dict[str, None] = {}
    for name in names:
        if name == "all":
            found |= dict.fromkeys(METHODS)
        elif name in VARIANTS:
            found[name] = None
        else:
            spec = find_method(name)
            found[spec.name if name in METHODS else plugin_name(spec)] = None
    return tuple(found)


def check_settings(plan: CampaignPlan) -> None:
    """Refuse settings of plug-ins, fixed or to be varied, that no method of the plan has, odd units and too long names.

    Raises:
        UnknownNameError: such a setting.
        InputDataError: a plug-in that cannot be used, a unit that is none (`gear.units`), or a study whose folder could
            not have its name.
    """
    for pair in plan.pairs:
        for task in (pair.target, *pair.sources):
            check_unit(task.unit)
    longest = max((study.name for study in plan.studies), key=len)
    if len(longest) > LONGEST_NAME:
        raise InputDataError(
            f"the study {longest[:40]}... would have a name of {len(longest)} characters, at most {LONGEST_NAME} are "
            "possible: use shorter names of columns, or fewer sources"
        )
    specs = [find_method(method_of(method).method) for method in plan.methods]
    known = [f"settings.{name}" for spec in specs for name in spec.settings]
    searched = [*OPTIONAL, *(dimension.path for spec in specs for dimension in spec.optional)]
    for paths, has in (([f"settings.{name}" for name in plan.config.settings], known), (plan.search.vary, searched)):
        for path in paths:
            if path not in has:
                raise UnknownNameError("setting", path, has or ["no method of the plan has settings of its own"])


def have_one_fold(splits: Sequence[str]) -> bool:
    """Whether there are splits and every one says which molecules validate."""
    return bool(splits) and all(parse_split(split).fixes_validation for split in splits)


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
