"""The evidence for a registered model, from which a reviewer can judge it, and how it is shown. Needs no MLflow."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gear.data.splits.split_name import parse_split
from gear.evaluation.comparison import Change, reference_words
from gear.evaluation.conformal import recorded_coverage
from tracking.identity import CampaignIdentity

__all__ = ["RegisteredVersion", "Winner", "champion_lines", "description", "evidence", "rival_lines", "shown"]

HASH_SHOWN = 12
CHANGE, AGAINST_REFERENCE, AGAINST_BEST = "against_single_task", "against_reference", "against_best"  # names
WARNINGS = "warnings"
COVERED = 90  # per cent, the prediction intervals that are shown
COMPARISONS = {
    AGAINST_BEST: "the best single method",
    CHANGE: "single-task learning",
    AGAINST_REFERENCE: "an untuned support vector machine",
}
# prefixes of a rival's numbers
BASELINES = {"stl_": "single-task", "reference_": "untuned SVR", "champion_before_": "previous champion"}
ALL_LABELS = (
    "Its models were then trained again on all labels of the target, validation and test part included: the errors are "
    "those of models of the same configuration without these labels."
)
# of a winner, in a form of their own or not at all
APART = ("scores", "single_task", "change", "reference", "reference_change", "warnings", "against_best", "own_code")


@dataclass(frozen=True, slots=True)
class Winner:
    """The best trial of a study, or a blend of a pair and split, with its evidence.

    Attributes:
        number: of the trial; None for a blend, the mean of several trials.
        trials: numbers of the trials that trained its configuration again and whose models predict together; empty
            where its own model predicts. Of a blend its members.
        labels: `all` if its models were trained again on all labels of the target, whose errors are then estimates by
            those of the models that were tested; else empty.
        models: a digest of the trials whose models are exported, and of their shares.
        scores: its numbers by name, with `validation_rmse` and `test_rmse` (both standardised by the target's training
            part); `X_low` and `X_high` are the 95 % interval of X.
        test_evaluations: how often the study was evaluated on the test part.
        created: time at which the campaign was created.
        campaign_id: its id; empty where an earlier version began it and it was not resumed since.
        single_task: the same numbers of single-task learning in the campaign on the same split, if there are any.
        change: of the test RMSE against single-task learning, if there is any.
        reference: numbers of the strongest reference on the same test molecules, if there are any.
        reference_change: of the test RMSE against that reference, if there is any.
        warnings: what whoever uses the model must know, a sentence each.
        against_best: of a blend, how its test RMSE compares with that of the best single method, in words.
        config: complete configuration of the trial.
        own_code: import paths of the user's own code that the models need.
        versions: of this program and the packages beneath it.
    """

    pair: str
    split: str
    method: str
    study: str
    campaign: str
    number: int | None
    split_hash: str
    scores: Mapping[str, float]
    data_hash: str = ""
    trials: str = ""
    labels: str = ""
    models: str = ""
    test_evaluations: int = 1
    unit: str = ""
    created: str = ""
    campaign_id: str = ""
    single_task: Mapping[str, float] = field(default_factory=dict)
    change: Change | None = None
    reference: Mapping[str, float] = field(default_factory=dict)
    reference_change: Change | None = None
    warnings: Sequence[str] = ()
    against_best: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    own_code: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> CampaignIdentity:
        """The campaign that it comes from."""
        return CampaignIdentity(self.campaign, self.campaign_id, self.created)


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version of a registered model, its aliases, and its evidence, see `tracking.evidence_file`."""

    name: str
    version: str
    aliases: tuple[str, ...]
    evidence: dict[str, str]


def evidence(winner: Winner, champion: RegisteredVersion | None) -> dict[str, str]:
    """The evidence for a winner as texts by name, with the previous champion's numbers on the same split and data."""
    known = {name: value for name, value in asdict(winner).items() if name not in APART and value is not None}
    known |= winner.scores
    known |= {f"stl_{name}": value for name, value in winner.single_task.items()}
    known |= {f"reference_{name}": value for name, value in winner.reference.items()}
    if winner.change is not None:
        known[CHANGE] = winner.change.words(winner.method)
    if winner.against_best:
        known[AGAINST_BEST] = winner.against_best
    if winner.reference_change is not None:
        known[AGAINST_REFERENCE] = reference_words(winner.reference_change, winner.method)
    if winner.warnings:
        known[WARNINGS] = "; ".join(winner.warnings)
    if champion is not None:
        known |= {"champion_before": champion.version, "champion_before_method": champion.evidence["method"]}
        known |= {
            f"champion_before_{name}": champion.evidence[name] for name in winner.scores if name in champion.evidence
        }
    return {name: json.dumps(value) if isinstance(value, Mapping) else str(value) for name, value in known.items()}


def description(tags: Mapping[str, str]) -> str:
    """The evidence in a few lines of Markdown, for the version's page."""
    lines = [
        f"`{tags['method']}` on `{tags['pair']}`, split `{tags['split']}`: {_made_of(tags)} in campaign "
        f"`{tags['campaign']}`, chosen on validation. RMSEs are standardised by "
        f"{parse_split(tags['split']).standardised_by}, with 95 % intervals.",
        *([ALL_LABELS] if tags.get("labels") else []),
        "",
        "| | validation RMSE | test RMSE |",
        "|--|--|--|",
    ]
    for prefix, who in {"": "this version", **BASELINES}.items():
        if f"{prefix}test_rmse" in tags:
            numbers = (shown(tags, f"{prefix}{name}") for name in ("validation_rmse", "test_rmse"))
            lines.append(f"| {who} | {' | '.join(numbers)} |")
    for tag, rival in COMPARISONS.items():
        if tag in tags:
            lines += ["", f"Against {rival}: {tags[tag]}."]
    if WARNINGS in tags:
        lines += ["", f"**Warnings**: {tags[WARNINGS]}."]
    for coverage in recorded_coverage(tags):
        if coverage.level == COVERED:
            lines += ["", f"Prediction intervals: {coverage.words(tags.get('unit', ''))}."]
    lines += [
        "",
        f"Tested {tags['test_evaluations']} times. Split `{tags['split_hash']}`, data `{tags['data_hash']}`. "
        "All numbers, the configuration and the versions: `evidence.json` among the model's artifacts.",
    ]
    return "\n".join(lines)


def _made_of(tags: Mapping[str, str]) -> str:
    if "number" not in tags:
        return f"the mean of trials, {tags['trials']},"
    return f"trial {tags['number']} of study `{tags['study']}`"


def shown(tags: Mapping[str, str], name: str) -> str:
    """A number and, where known, its interval: `0.2000 (0.1900 to 0.2100)`."""
    if name not in tags:
        return ""
    ends = f"{name}_low", f"{name}_high"
    interval = (
        f" ({' to '.join(f'{float(tags[end]):.4g}' for end in ends)})" if all(end in tags for end in ends) else ""
    )
    return f"{float(tags[name]):.4f}{interval}"


def champion_lines(champions: Sequence[RegisteredVersion]) -> list[str]:
    """A table with one line per champion."""
    rows = [["model", "version", "method", "validation RMSE", "test RMSE", "split", "data"]]
    for found in champions:
        tags = found.evidence
        numbers = [shown(tags, name) for name in ("validation_rmse", "test_rmse")]
        rows.append([found.name, found.version, tags["method"], *numbers, *_hashes(tags)])
    return _table(rows)


def rival_lines(versions: Sequence[RegisteredVersion]) -> list[str]:
    """Versions of one model side by side, the champion first."""
    first = versions[0]
    rows = [["", *(", ".join(sorted(v.aliases, key=_rank)) for v in versions)]]
    rows.append(["version", *(v.version for v in versions)])
    for label, text in _facts(versions):
        rows.append([label, *text])
    scale = f"standard deviations of {parse_split(first.evidence['split']).standardised_by}"
    lines = [f"{first.name}, RMSE and MAE in {scale}, with 95 % intervals where known"]
    lines += ["", *_table(rows)]
    told = (*COMPARISONS, WARNINGS)
    compared = [f"version {v.version}: {v.evidence[tag]}" for v in versions for tag in told if tag in v.evidence]
    lines += ["", *compared] if compared else []
    others = [v.version for v in versions if _hashes(v.evidence) != _hashes(first.evidence)]
    if others:
        which = ", ".join(others)
        lines += [
            "",
            f"version {which}: judged on another split or other data than version {first.version}, so their "
            "numbers cannot be compared with its",
        ]
    return lines


def _facts(versions: Sequence[RegisteredVersion]) -> list[tuple[str, list[str]]]:
    """For each fact that any version has: its label, and one text per version."""
    tags = [v.evidence for v in versions]
    plain = {
        "method": "method",
        "campaign": "campaign",
        "trial": "number",
        "trials": "trials",
        "labels": "labels",
        "seed": "seed",
    }
    rows = [(label, [t.get(name, "") for t in tags]) for label, name in plain.items()]
    for part in ("validation", "test"):
        for prefix, who in {"": "", **{prefix: f", {who}" for prefix, who in BASELINES.items()}}.items():
            for measure in ("rmse", "mae"):
                name = f"{prefix}{part}_{measure}"
                rows.append((f"{part} {measure.upper()}{who}", [shown(t, name) for t in tags]))
    units = [(shown(t, "test_rmse_units"), t.get("unit", "")) for t in tags]
    rows.append(("test RMSE in units", [f"{number} {unit}".strip() if number else "" for number, unit in units]))
    covered = [{c.level: c for c in recorded_coverage(t)}.get(COVERED) for t in tags]
    rows.append((f"test values inside {COVERED} % intervals", ["" if c is None else c.shown for c in covered]))
    rows.append(("times tested", [t.get("test_evaluations", "") for t in tags]))
    rows.append(("previous champion", [t.get("champion_before", "") for t in tags]))
    split, data = zip(*(_hashes(t) for t in tags), strict=True)
    versions_of = [json.loads(t.get("versions", "{}")) for t in tags]
    code = [" ".join(filter(None, (v.get("gear-search"), _commits(v)))) for v in versions_of]
    rows += [("split", list(split)), ("data", list(data)), ("code", code)]
    return [(label, texts) for label, texts in rows if any(texts)]


def _commits(versions: Mapping[str, str]) -> str:
    """The commit of this program, or several where these trained the models of a version."""
    return ", ".join(commit[:HASH_SHOWN] for commit in versions.get("commit", "").split(", "))


def _hashes(tags: Mapping[str, str]) -> list[str]:
    return [tags.get(name, "")[:HASH_SHOWN] for name in ("split_hash", "data_hash")]


def _rank(alias: str) -> tuple[bool, bool, str]:
    return alias != "champion", alias != "challenger", alias


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as what is in them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = (zip(row, widths, strict=True) for row in rows)
    return ["  ".join(f"{text:{width}}" for text, width in row).rstrip() for row in cells]
