"""The flags of `python -m search.run`, and the plan they ask for."""

import argparse
import dataclasses
import itertools
import re
from pathlib import Path

from gear.config import EMBEDDINGS, TrialConfig
from gear.data import SPLITS, expand_splits
from gear.data.splits.split_name import FOLDED, NOISES, with_modifiers
from gear.errors import InputDataError
from gear.variants import VARIANTS, with_values
from search.cli.common_options import add_storage, add_tracking_uri
from search.cli.own_data_options import FIXED, add_own_data, own_pair
from search.plan.campaign_plan import CampaignPlan, expand_pairs
from search.plan.extension import RESUMABLE, extended_plan
from search.plan.plan_file import read_plan
from search.plan.presets import PRESETS
from search.plan.settings import FINALS, SAMPLERS, SearchSettings
from search.plan.space import METHODS, OPTIONAL

__all__ = ["begun_again", "extended", "make_parser", "new_plan"]

GPU_SHARE = 0.25  # a trial is small: four share a GPU
SPLIT_NAMES = (*SPLITS, *(f"{base}-kfold" for base in FOLDED))


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m search.run", description="Search for the best model of each pair of properties and each split."
    )
    what = parser.add_argument_group("what to search")
    what.add_argument("--preset", choices=list(PRESETS), help="default: quick without a GPU, benchmark with one")
    what.add_argument(
        "--pairs",
        nargs="+",
        metavar="ID",
        help="built-in: hv_from_ds 'hv_from_*' all; several sources: hv_from_bp+ds",
    )
    what.add_argument("--splits", nargs="+", metavar="SPLIT", help=" ".join(SPLIT_NAMES))
    what.add_argument(
        "--labels",
        nargs="+",
        type=_labels,
        metavar="N",
        help="of the target, for training and validation together: 30 60 120 all; a split for each (default: all)",
    )
    what.add_argument(
        "--overlap",
        choices=["excluded", "allowed"],
        help="may the source keep molecules that the target is judged on (default: excluded)",
    )
    what.add_argument(
        "--label-noise",
        metavar="NOISE",
        help=f"corrupt a percentage of the target's training labels: {' '.join(f'{kind}20' for kind in NOISES)}",
    )
    what.add_argument(
        "--methods", nargs="+", metavar="METHOD", help=f"{' '.join(METHODS)}; all of these: all; {' '.join(VARIANTS)}"
    )
    what.add_argument("--embedding", choices=EMBEDDINGS, help="what molecules are read by (default: dmpnn)")
    what.add_argument("--source-embedding", choices=EMBEDDINGS, help="of the sources (default: the target's)")
    what.add_argument("--plan", type=Path, metavar="FILE.toml", help="this and how it is searched, in full")
    add_own_data(parser)
    _add_search(parser)
    _add_launch(parser)
    return parser


def _add_search(parser: argparse.ArgumentParser) -> None:
    """Flags of how a study is searched and its winner found."""
    how = parser.add_argument_group("how it is searched")
    how.add_argument("--trials", type=int, metavar="N", help="a study; with --resume, more than before extends")
    how.add_argument("--epochs", type=int, metavar="N", help="at most, a trial")
    how.add_argument(
        "--validation-folds", type=_at_least_one, metavar="K", help="a trial is judged by its mean over K (default: 1)"
    )
    how.add_argument(
        "--finalists", type=int, metavar="N", help="train the best N again on fresh seeds before one wins (default: 0)"
    )
    how.add_argument(
        "--final", choices=FINALS, help="take the best trial's model, or refit its configuration as an ensemble"
    )
    how.add_argument("--seed", type=int, metavar="N", help="of the campaign")
    how.add_argument("--sampler", choices=SAMPLERS, help="what proposes trials (default: tpe)")
    how.add_argument(
        "--share",
        action=argparse.BooleanOptionalAction,
        help="begin a study with what beat the defaults in related ones (default: yes)",
    )
    how.add_argument(
        "--warm-start", nargs="+", metavar="CAMPAIGN", help="begin studies also with what was best in earlier campaigns"
    )
    how.add_argument("--vary", nargs="+", metavar="PATH", help="search these too: " + " ".join(OPTIONAL))


def _add_launch(parser: argparse.ArgumentParser) -> None:
    """Flags of where and how it runs."""
    where = parser.add_argument_group("where it runs and writes")
    where.add_argument("--name", metavar="CAMPAIGN", help="default: the preset with a counter")
    add_storage(where)
    add_tracking_uri(where)
    where.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of a running Ray cluster, or local; default: the cluster that this machine is the head of, or local",
    )
    where.add_argument("--cluster", metavar="FILE.yaml", help="that ray up was given: run on its head, follow it here")
    where.add_argument("--cpus-per-trial", type=int, metavar="N")
    where.add_argument("--gpus-per-trial", type=float, metavar="F", help="a fraction shares a GPU")
    where.add_argument("--concurrency", type=_at_least_one, metavar="N", help="most trials at once")
    where.add_argument(
        "--epoch-timeout", type=_seconds, metavar="T", help="end a worker whose epoch takes longer; default: never"
    )
    where.add_argument("--time-budget", type=_seconds, metavar="T", help="for instance 90s, 45m, 12h")
    how = parser.add_argument_group("this launch")
    how.add_argument("--resume", action="store_true", help="go on with the newest campaign, or with --name")
    how.add_argument(
        "--or-resume", action="store_true", help="or go on with --name where the same command began it before"
    )
    how.add_argument("--dry-run", action="store_true", help="print the plan and what it takes, and end")
    how.add_argument("--yes", action="store_true", help="do not ask")


def new_plan(args: argparse.Namespace, *, gpu: bool) -> tuple[CampaignPlan, str]:
    """The plan that the flags ask for, and why it is that preset. Its name is that of --name, or empty.

    Raises:
        InputDataError: flags that contradict each other, or a value out of range.
        UnknownNameError: an unknown pair, split or method.
    """
    if args.plan is not None:
        plan, why = read_plan(args.plan), f"read from {args.plan}"
    else:
        preset, why = _preset(args, gpu=gpu)
        plan = PRESETS[preset]
    pairs = [*expand_pairs(args.pairs or []), *own_pair(args)]
    plan = dataclasses.replace(
        plan,
        name=args.name or plan.name,
        pairs=tuple(pairs) or plan.pairs,
        splits=_splits(args, plan),
        methods=_methods(args, plan),
        search=_settings(args, plan.search, gpu=gpu),
        config=_config(args, plan.config),
    )
    if not re.fullmatch(r"[\w.-]*", plan.name) or plan.name.startswith("."):
        raise InputDataError(f"--name {plan.name}: use letters, digits, '-', '_' and '.'")
    return plan, why


def extended(plan: CampaignPlan, args: argparse.Namespace) -> CampaignPlan:
    """The plan of a campaign that is resumed: more --trials, another way to crown the winner; all else stays.

    Raises:
        InputDataError: a flag asks for another campaign.
    """
    fixed = (
        "preset",
        "pairs",
        "splits",
        "labels",
        "overlap",
        "label_noise",
        "methods",
        "embedding",
        "source_embedding",
        "epochs",
        "seed",
        "sampler",
        "share",
        "warm_start",
        "vary",
        "validation_folds",
        "plan",
        "cpus_per_trial",
        "gpus_per_trial",
    )
    for name in (*fixed, *FIXED):
        if getattr(args, name) not in (None, []):
            flag = "--" + name.replace("_", "-")
            raise InputDataError(f"{flag} cannot change a campaign that is resumed: start another, or leave it out")
    given = {name: getattr(args, name) for name in RESUMABLE}
    return extended_plan(plan, {name: value for name, value in given.items() if value is not None})


def begun_again(before: CampaignPlan, asked: CampaignPlan) -> CampaignPlan:
    """The plan of a campaign whose command is given again, after it ended or was killed.

    Raises:
        InputDataError: it was begun by another command.
    """
    plan = extended_plan(before, {name: getattr(asked.search, name) for name in RESUMABLE})
    if plan != asked:
        raise InputDataError(f"campaign {before.name} was begun with another plan: give its flags, or another --name")
    return plan


def _methods(args: argparse.Namespace, plan: CampaignPlan) -> tuple[str, ...]:
    named = (METHODS if name == "all" else (name,) for name in args.methods or plan.methods)
    return tuple(dict.fromkeys(itertools.chain.from_iterable(named)))


def _config(args: argparse.Namespace, base: TrialConfig) -> TrialConfig:
    """What the search leaves alone."""
    given = {
        "training.epochs": args.epochs,
        "embedding.kind": args.embedding,
        "embedding.source_kind": args.source_embedding,
    }
    return with_values(base, {path: value for path, value in given.items() if value is not None})


def _splits(args: argparse.Namespace, plan: CampaignPlan) -> tuple[str, ...]:
    splits = expand_splits(args.splits) if args.splits else plan.splits
    overlap, budgets = args.overlap == "allowed", args.labels or [None]
    return tuple(
        with_modifiers(split, overlap=overlap, noise=args.label_noise, labels=labels)
        for split in splits
        for labels in budgets
    )


def _preset(args: argparse.Namespace, *, gpu: bool) -> tuple[str, str]:
    if args.preset is not None:
        return args.preset, "asked for"
    if args.pairs or args.target_data:
        return "small", "settings for the pairs you named"
    return ("benchmark", "there is a GPU") if gpu else ("quick", "there is no GPU")


def _settings(args: argparse.Namespace, base: SearchSettings, *, gpu: bool) -> SearchSettings:
    names = ("trials", "validation_folds", "finalists", "final", "seed", "sampler", "share")
    given = {name: getattr(args, name) for name in (*names, "epoch_timeout", "cpus_per_trial", "gpus_per_trial")}
    chosen = {name: value for name, value in given.items() if value is not None}
    chosen |= {name: tuple(getattr(args, name)) for name in ("vary", "warm_start") if getattr(args, name) is not None}
    if args.plan is None and gpu:
        chosen.setdefault("gpus_per_trial", GPU_SHARE)
    return dataclasses.replace(base, **chosen)


def _at_least_one(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _labels(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number of labels: write 60, or all")
    return int(text)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration: write 90s, 45m or 12h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
