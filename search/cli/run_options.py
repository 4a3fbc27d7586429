"""The flags of `gear-search run`, and the plan they ask for."""

import argparse
import dataclasses
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gear.command_line import Parser, at_least
from gear.command_line import make_parser as command_parser
from gear.config import PairSpec, TaskSpec, TrialConfig
from gear.data import SPLITS, expand_splits
from gear.data.splits.split_name import FOLDED, NOISES, Modifier, with_modifiers, without
from gear.embeddings import EMBEDDINGS
from gear.errors import InputDataError
from gear.methods import METHODS
from gear.variants import VARIANTS, with_values
from search.cli.common_options import add_storage, add_tracking_uri, file_name
from search.cli.own_data_options import OWN_DATA, add_own_data, own_pair
from search.cli.setting_flags import add_settings, given_settings, seconds
from search.cli.source_choice import choose_sources
from search.plan.campaign_plan import CampaignPlan, expand_methods, expand_pairs, have_one_fold
from search.plan.extension import extended_plan, identity
from search.plan.plan_file import read_plan
from search.plan.presets import PRESETS
from search.plan.pretrained import with_pretrained
from search.plan.setting import settings_of
from search.plan.settings import SearchSettings

__all__ = ["begun_again", "extended", "make_parser", "new_plan"]

LONGEST_NAME = 100  # bytes of a campaign's name, to which files and MLflow add their own
GPU_SHARE = 0.25  # a trial is small: four share a GPU
SPLIT_NAMES = (*SPLITS, *(f"{base}-{kind}" for kind in ("kfold", "cv") for base in FOLDED), "my_module:my_split")
CONFIG = {
    "epochs": "training.epochs",
    "embedding": "embedding.kind",
    "source_embedding": "embedding.source_kind",
    "pretrained": "embedding.pretrained",
}
MODIFIERS: dict[str, Modifier] = {"labels": "labels", "overlap": "overlap", "label_noise": "noise"}
SETTINGS = settings_of(SearchSettings)
PLAN_FLAGS = (  # what a campaign is; the other flags say where and how it runs
    *("preset", "plan", "pairs", "splits", *MODIFIERS, "methods", *CONFIG),
    *OWN_DATA,
    *(setting.name for setting in SETTINGS),
)


def make_parser() -> Parser:
    """The command line."""
    parser = command_parser("search.run", "Search for the best model of each pair of properties on each split.")
    _add_plan(parser)
    add_own_data(parser)
    how = parser.add_argument_group(
        "how each study is searched", "The defaults are those of a plan file; presets have their own, see --dry-run."
    )
    how.add_argument("--epochs", type=at_least(1), metavar="N", help="maximum epochs of a trial")
    add_settings(how, SearchSettings)
    _add_launch(parser)
    return parser


def _add_plan(parser: argparse.ArgumentParser) -> None:
    """Flags of what is searched."""
    what = parser.add_argument_group("what to search")
    base = what.add_mutually_exclusive_group()
    base.add_argument(
        "--preset",
        choices=list(PRESETS),
        help="a plan with a name (default: quick, or small for pairs that you name)",
    )
    base.add_argument("--plan", type=Path, metavar="FILE.toml", help="read the whole plan from a file")
    what.add_argument(
        "--pairs",
        nargs="+",
        metavar="ID",
        help="built-in pairs: hv_from_ds, 'hv_from_*' or all; with several sources: hv_from_bp+ds",
    )
    what.add_argument("--splits", nargs="+", metavar="SPLIT", help=" ".join(SPLIT_NAMES))
    what.add_argument(
        "--labels",
        nargs="+",
        type=_labels,
        metavar="N",
        help="labels of the target for training and validation together, a number or all; several make several splits",
    )
    what.add_argument(
        "--overlap",
        choices=["excluded", "allowed"],
        help="whether the sources keep molecules that the target is judged on (default: excluded)",
    )
    what.add_argument(
        "--label-noise",
        metavar="NOISE",
        help=f"corrupt a percentage of the target's training labels: {' '.join(f'{kind}20' for kind in NOISES)}",
    )
    what.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help=f"methods: {' '.join(METHODS)}, or all; variants of gear: {' '.join(VARIANTS)}; "
        "your own: my_module:MyMethod",
    )
    _add_embeddings(what)


def _add_embeddings(what: argparse._ArgumentGroup) -> None:
    """Flags of how models read molecules."""
    what.add_argument(
        "--embedding",
        metavar="NAME",
        help=f"form in which models read molecules (default: dmpnn): {' '.join(EMBEDDINGS)}, my_module:MyEmbedding, or "
        "several of them joined by +",
    )
    what.add_argument(
        "--source-embedding", metavar="NAME", help="form in which source models read them (default: the target's)"
    )
    what.add_argument(
        "--pretrained",
        metavar="WEIGHTS",
        help="weights that the embedding dmpnn begins with (default: none): descriptors, see gear-search pretrain, or "
        "a FILE of its or a checkpoint of chemprop; their width, depth and aggregation are not searched",
    )


def _add_launch(parser: argparse.ArgumentParser) -> None:
    """Flags of where and how it runs."""
    where = parser.add_argument_group("where it runs and writes")
    where.add_argument(
        "--name", type=file_name, metavar="CAMPAIGN", help="name of the campaign (default: the preset and a number)"
    )
    add_storage(where)
    add_tracking_uri(where)
    where.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="a running Ray cluster to join, or local (default: the cluster whose head this machine is, or local)",
    )
    where.add_argument(
        "--cluster", metavar="FILE.yaml", help="run on the head of the cluster that ray up started from this file"
    )
    where.add_argument(
        "--concurrency", type=at_least(1), metavar="N", help="workers at once; each trains a trial or an array"
    )
    where.add_argument(
        "--time-budget",
        type=seconds,
        metavar="T",
        help="end the search after this time, such as 45m or 12h, and test the best so far",
    )
    how = parser.add_argument_group("this launch")
    again = how.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", help="continue the campaign of --name (default: the one that was driven last)"
    )
    again.add_argument(
        "--or-resume",
        action="store_true",
        help="continue the campaign of --name if the same command began it, otherwise begin it",
    )
    how.add_argument("--dry-run", action="store_true", help="print the plan and what it takes, and start nothing")
    how.add_argument("--yes", action="store_true", help="skip the confirmation prompt")


def new_plan(args: argparse.Namespace, *, gpu: bool) -> tuple[CampaignPlan, str]:
    """The plan that the flags ask for, and why it is that preset. Its name is that of --name, or empty.

    Raises:
        InputDataError: flags that contradict each other, or a value out of range.
        UnknownNameError: an unknown pair, split or method.
    """
    if args.plan is not None:
        plan, why = read_plan(args.plan), f"read from {args.plan}"
    else:
        preset, why = _preset(args)
        plan = PRESETS[preset]
        search = plan.search
        if gpu:
            search = dataclasses.replace(search, gpus_per_trial=GPU_SHARE)
        if have_one_fold(_splits(args, plan)):
            search = dataclasses.replace(search, validation_folds=0)
        plan = dataclasses.replace(plan, search=search)
    splits = _splits(args, plan)
    own = own_pair(args, choose=lambda target: choose_sources(target, args, splits))
    pairs = (*expand_pairs(args.pairs or []), *own)
    plan = dataclasses.replace(_with_flags(plan, args, pairs or plan.pairs), name=args.name or plan.name)
    if not re.fullmatch(r"[\w.-]*", plan.name) or plan.name.startswith("."):
        raise InputDataError(f"--name {plan.name}: use letters, digits, '-', '_' and '.'")
    if len(os.fsencode(plan.name)) > LONGEST_NAME:
        raise InputDataError(f"--name {plan.name[:20]}... has {len(plan.name)} characters: use at most {LONGEST_NAME}")
    return plan, why


def extended(plan: CampaignPlan, args: argparse.Namespace) -> CampaignPlan:
    """The plan of a campaign that is resumed, with what the flags may change of it; a flag may also repeat what it has.

    Raises:
        InputDataError: a flag asks for another campaign.
        UnknownNameError: an unknown pair, split or method.
    """
    if _asks_for_another(plan, args):
        given = [name for name in PLAN_FLAGS if getattr(args, name) is not None]
        guilty = [name for name in given if _asks_for_another(plan, _only(args, name))]
        named = ", ".join(_flag(args, name) for name in guilty or given)
        raise InputDataError(
            f"{named} cannot change campaign {plan.name}, which is resumed: leave it out, or start another campaign"
        )
    return extended_plan(plan, _settings(_on_top_of(plan, args)))


def begun_again(before: CampaignPlan, asked: CampaignPlan) -> CampaignPlan:
    """The plan of a campaign whose command is given again, after it ended or was killed.

    Raises:
        InputDataError: it was begun by another command.
    """
    was, now = identity(before), identity(asked)
    if other := [part for part in was if was[part] != now[part]]:
        raise InputDataError(
            f"campaign {before.name} was begun with another plan (other {', '.join(other)}): give the same flags, or "
            "another --name"
        )
    return extended_plan(before, _settings(asked))


def _asks_for_another(plan: CampaignPlan, args: argparse.Namespace) -> bool:
    """Whether flags change what a resumed campaign must keep."""
    try:
        return identity(_on_top_of(plan, args)) != identity(plan)
    except InputDataError:  # they fit no plan, or not this one
        return True


def _on_top_of(plan: CampaignPlan, args: argparse.Namespace) -> CampaignPlan:
    """A recorded plan, or a file's in its place, with what the flags ask for."""
    base = plan if args.plan is None else dataclasses.replace(read_plan(args.plan), name=plan.name)
    built_in = [pair for pair in base.pairs if pair.is_built_in]
    own = [pair for pair in base.pairs if not pair.is_built_in]
    recorded = own[0] if len(own) == 1 and own[0].target.file is not None else None

    def choose(_: TaskSpec) -> tuple[TaskSpec, ...]:  # what was chosen at the first time
        return () if recorded is None else recorded.sources

    asked = (*(expand_pairs(args.pairs) if args.pairs else built_in), *(own_pair(args, recorded, choose) or own))
    return dataclasses.replace(_with_flags(base, args, asked), preset=args.preset or base.preset)


def _settings(plan: CampaignPlan) -> dict[str, Any]:
    return {setting.name: getattr(plan.search, setting.name) for setting in SETTINGS}


def _only(args: argparse.Namespace, name: str) -> argparse.Namespace:
    """One of the flags."""
    return argparse.Namespace(**{**dict.fromkeys(PLAN_FLAGS), name: getattr(args, name)})


def _flag(args: argparse.Namespace, name: str) -> str:
    """A flag as it was given."""
    flag = {setting.name: setting.flag for setting in SETTINGS}.get(name, "--" + name.replace("_", "-"))
    return f"--no-{flag[2:]}" if getattr(args, name) is False else flag


def _with_flags(plan: CampaignPlan, args: argparse.Namespace, pairs: Iterable[PairSpec]) -> CampaignPlan:
    return dataclasses.replace(
        plan,
        pairs=tuple(pairs),
        splits=_splits(args, plan),
        methods=expand_methods(args.methods) if args.methods else plan.methods,
        search=dataclasses.replace(plan.search, **given_settings(args, SearchSettings)),
        config=_config(args, plan.config),
    )


def _config(args: argparse.Namespace, base: TrialConfig) -> TrialConfig:
    """What the search does not vary."""
    given = {path: getattr(args, name) for name, path in CONFIG.items()}
    if args.pretrained is not None:
        given["embedding.pretrained_hash"] = ""  # of an earlier file
    return with_pretrained(with_values(base, {path: value for path, value in given.items() if value is not None}))


def _splits(args: argparse.Namespace, plan: CampaignPlan) -> tuple[str, ...]:
    """The splits asked for; a modifier takes the place of the plan's own, and is refused beside one in --splits."""
    given = [modifier for name, modifier in MODIFIERS.items() if getattr(args, name) is not None]
    splits = expand_splits(args.splits) if args.splits else [without(split, given) for split in plan.splits]
    overlap, budgets = args.overlap == "allowed", args.labels or [None]
    named = (
        with_modifiers(split, overlap=overlap, noise=args.label_noise, labels=labels)
        for split in splits
        for labels in budgets
    )
    return tuple(dict.fromkeys(named))


def _preset(args: argparse.Namespace) -> tuple[str, str]:
    if args.preset is not None:
        return args.preset, "asked for"
    if args.pairs or args.target_data:
        return "small", "settings for the pairs you named"
    return "quick", "a first search"


def _labels(text: str) -> int | None:
    if text == "all":
        return None
    try:
        return at_least(1)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}: write a number of labels such as 60, or all") from None
