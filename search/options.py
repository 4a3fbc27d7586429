"""The flags of `python -m search.run`, and the plan they ask for."""

import argparse
import dataclasses
import re
from pathlib import Path

from gear.config import PairSpec, TaskSpec
from gear.data import SPLITS, expand_splits
from gear.data.protocol import FOLDED, NOISES, with_modifiers
from gear.errors import InputDataError
from search.plan import PRESETS, CampaignPlan, SearchSettings, expand_pairs, read_plan
from search.space import METHODS, OPTIONAL
from tracking.recorder import DEFAULT_TRACKING_URI

__all__ = ["extended", "make_parser", "new_plan"]

GPU_SHARE = 0.25  # a trial is small: four share a GPU
SPLIT_NAMES = (*SPLITS, *(f"{base}-kfold" for base in FOLDED))


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m search.run", description="Search for the best model of each pair of properties and each split."
    )
    what = parser.add_argument_group("what to search")
    what.add_argument("--preset", choices=list(PRESETS), help="default: quick without a GPU, benchmark with one")
    what.add_argument("--pairs", nargs="+", metavar="ID", help="built-in pairs, globs ('hv_from_*'), or all")
    what.add_argument("--splits", nargs="+", metavar="SPLIT", help=" ".join(SPLIT_NAMES))
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
    what.add_argument("--methods", nargs="+", metavar="METHOD", help=" ".join(METHODS))
    what.add_argument("--trials", type=int, metavar="N", help="a study; with --resume, more than before extends")
    what.add_argument("--epochs", type=int, metavar="N", help="at most, a trial")
    what.add_argument("--seed", type=int, metavar="N", help="of the campaign")
    what.add_argument("--vary", nargs="+", metavar="PATH", help="search these too: " + " ".join(OPTIONAL))
    what.add_argument("--plan", type=Path, metavar="FILE.toml", help="all of the above in full")
    _add_user_data(parser)
    where = parser.add_argument_group("where it runs and writes")
    where.add_argument("--name", metavar="CAMPAIGN", help="default: the preset with a counter")
    where.add_argument("--storage", type=Path, default=Path("campaigns"), metavar="DIR", help="of all campaigns")
    where.add_argument("--tracking-uri", default=DEFAULT_TRACKING_URI, metavar="URI", help="MLflow's")
    where.add_argument("--address", metavar="HOST:PORT", help="of a running Ray cluster; default: this machine")
    where.add_argument("--cpus-per-trial", type=int, metavar="N")
    where.add_argument("--gpus-per-trial", type=float, metavar="F", help="a fraction shares a GPU")
    where.add_argument("--concurrency", type=_at_least_one, metavar="N", help="most trials at once")
    where.add_argument("--time-budget", type=_seconds, metavar="T", help="for instance 90s, 45m, 12h")
    how = parser.add_argument_group("this launch")
    how.add_argument("--resume", action="store_true", help="go on with the newest campaign, or with --name")
    how.add_argument("--dry-run", action="store_true", help="print the plan and end")
    how.add_argument("--yes", action="store_true", help="do not ask")
    return parser


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
    pairs = [*expand_pairs(args.pairs or []), *_user_pair(args)]
    config = plan.config
    if args.epochs is not None:
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=args.epochs))
    plan = dataclasses.replace(
        plan,
        name=args.name or plan.name,
        pairs=tuple(pairs) or plan.pairs,
        splits=_splits(args, plan),
        methods=tuple(args.methods or plan.methods),
        search=_settings(args, plan.search, gpu=gpu),
        config=config,
    )
    if not re.fullmatch(r"[\w.-]*", plan.name) or plan.name.startswith("."):
        raise InputDataError(f"--name {plan.name}: use letters, digits, '-', '_' and '.'")
    return plan, why


def extended(plan: CampaignPlan, args: argparse.Namespace) -> CampaignPlan:
    """The plan of a campaign that is resumed: --trials may raise its budget, all else stays.

    Raises:
        InputDataError: a flag asks for another campaign.
    """
    fixed = (
        "preset",
        "pairs",
        "splits",
        "overlap",
        "label_noise",
        "methods",
        "epochs",
        "seed",
        "vary",
        "plan",
        "cpus_per_trial",
        "gpus_per_trial",
    )
    for name in (*fixed, "target_data", "source_data", "split_column"):
        if getattr(args, name) is not None:
            flag = "--" + name.replace("_", "-")
            raise InputDataError(f"{flag} cannot change a campaign that is resumed: start another, or leave it out")
    if args.trials is None:
        return plan
    if args.trials < plan.search.trials:
        raise InputDataError(f"--trials {args.trials}: the campaign has {plan.search.trials} already; it can only grow")
    return dataclasses.replace(plan, search=dataclasses.replace(plan.search, trials=args.trials))


def _splits(args: argparse.Namespace, plan: CampaignPlan) -> tuple[str, ...]:
    splits = expand_splits(args.splits) if args.splits else plan.splits
    overlap = args.overlap == "allowed"
    return tuple(with_modifiers(split, overlap=overlap, noise=args.label_noise) for split in splits)


def _preset(args: argparse.Namespace, *, gpu: bool) -> tuple[str, str]:
    if args.preset is not None:
        return args.preset, "asked for"
    if args.pairs or args.target_data:
        return "quick", "settings for the pairs you named"
    return ("benchmark", "there is a GPU") if gpu else ("quick", "there is no GPU")


def _settings(args: argparse.Namespace, base: SearchSettings, *, gpu: bool) -> SearchSettings:
    given = {name: getattr(args, name) for name in ("trials", "seed", "cpus_per_trial", "gpus_per_trial")}
    chosen = {name: value for name, value in given.items() if value is not None}
    if args.vary is not None:
        chosen["vary"] = tuple(args.vary)
    if args.plan is None and gpu:
        chosen.setdefault("gpus_per_trial", GPU_SHARE)
    return dataclasses.replace(base, **chosen)


def _add_user_data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a pair of your own (CSV, TSV or Parquet with a SMILES column, or gzip of it)")
    for task in ("target", "source"):
        group.add_argument(f"--{task}-data", type=Path, metavar="FILE")
        group.add_argument(f"--{task}-column", metavar="NAME", help="of the values")
        group.add_argument(f"--{task}-unit", default="", metavar="UNIT")
        group.add_argument(f"--{task}-log", action="store_true", help="learn the logarithm of the values")
        group.add_argument(f"--{task}-smiles-column", metavar="NAME", help="default: --smiles-column")
    group.add_argument("--smiles-column", default="smiles", metavar="NAME")
    group.add_argument("--split-column", metavar="NAME", help="of the target's file: train, validation or test a row")
    group.add_argument("--drop-bad-rows", action="store_true", help="leave rows out that cannot be used")


def _user_pair(args: argparse.Namespace) -> list[PairSpec]:
    needed = {f"--{t}-{f}": getattr(args, f"{t}_{f}") for t in ("target", "source") for f in ("data", "column")}
    missing = [flag for flag, value in needed.items() if value is None]
    if len(missing) == len(needed):
        return []
    if missing:
        raise InputDataError(f"a pair of your own needs {', '.join(needed)}: {missing[0]} is missing")
    names = [_property_name(getattr(args, f"{task}_column")) for task in ("target", "source")]
    if names[0] == names[1]:  # both columns are called "value": the files may tell more
        names = [_property_name(getattr(args, f"{task}_data").name.partition(".")[0]) for task in ("target", "source")]
    if names[0] == names[1] or not all(names):
        raise InputDataError(
            f"--target-column {args.target_column}, --source-column {args.source_column}: no two different names with "
            "a letter can be made of the columns or of the files: rename a column"
        )
    return [PairSpec(_user_task(args, "target", names[0]), _user_task(args, "source", names[1]))]


def _property_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower()).lstrip("0123456789")


def _user_task(args: argparse.Namespace, task: str, name: str) -> TaskSpec:
    return TaskSpec(
        property=name,
        file=str(getattr(args, f"{task}_data").resolve()),
        column=getattr(args, f"{task}_column"),
        smiles_column=getattr(args, f"{task}_smiles_column") or args.smiles_column,
        unit=getattr(args, f"{task}_unit"),
        log10=getattr(args, f"{task}_log"),
        split_column=args.split_column if task == "target" else None,
        drop_bad_rows=args.drop_bad_rows,
    )


def _at_least_one(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration: write 90s, 45m or 12h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
