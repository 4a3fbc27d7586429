"""What an export says of itself: a card with data, scores, intended use and limits, and a snippet that predicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from gear.data.splits.split_name import parse_split
from gear.methods.plugin import short_name
from gear.plugins import is_import_path, path_of

__all__ = ["model_card", "usage"]

ALL_LABELS = """These parts served to choose and to test the model. Then it was trained again on all their molecules,
those for validation and test included. The errors below are estimates: they are those of models of the same
configuration that were trained without these molecules."""
CROSS_VALIDATION = """These are the parts of the first fold of a cross-validation. Each molecule is in the test part of
one fold and was predicted there by models of a search that did not see its label: the errors below are over all
molecules, and standardised by all labels. The model is the mean of the models of all folds."""
DONE_WITH_BOUNDS = {
    "drop": "left out",
    "bound": "taken as if the bound were the value",
    "learn": "learnt as bounds, by a one-sided loss",
}
EXACT = "The errors below are of exact values only."
LIMITS = """## Limits

The model ignores stereochemistry and isotopes. It extrapolates to structures that the training molecules lack; a low
similarity suggests this, and a high one does not rule it out. Expect larger errors than those above on molecules of
another kind.
"""


SNIPPET = '''"""Predict with the model in this folder. Needs only the core install of gear-search."""

from pathlib import Path

from gear.predict import load_predictor

model = load_predictor(Path(__file__).parent)
smiles = ["CCO", "c1ccccc1"]
{asked}
for row in zip(smiles, found.value, found.spread, found.similarity):
    print(model.property, model.unit, *row)
if model.calibration is not None:  # intervals made to hold the value of 90 % of molecules like those of validation
    level = min(90, model.calibration.highest)
    for ends in zip(smiles, *model.interval(found, level)):
        print(level, *ends)
'''
ASKED = "found = model.assess(smiles)  # model.predict(smiles) gives only the values"
ASKED_AT = """columns = [{values}] * len(smiles)  # of each molecule: {names}
found = model.assess(smiles, columns)  # model.predict(smiles, columns) gives only the values"""


def usage(info: Mapping[str, Any]) -> str:
    """A Python file that predicts with an export.

    Args:
        info: of `gear.export`, its config.json.
    """
    columns = info["columns"]
    values = ", ".join(f"{column['mean']:.6g}" for column in columns.values())
    names = " ".join(", ".join(columns).split())  # on one line
    asked = ASKED_AT.format(values=f"[{values}]", names=names) if columns else ASKED
    return SNIPPET.format(asked=asked)


def model_card(info: Mapping[str, Any]) -> str:
    """The card of an export, Markdown.

    Args:
        info: of `gear.export`, its config.json.
    """
    versions = ", ".join(f"{name} {version}" for name, version in info["versions"].items())
    sections = (
        _head(info),
        _warnings(info["evidence"].get("warnings", ())),
        _data(info),
        _evidence(info["evidence"], info["split"]),
        _intervals(info),
        LIMITS,
        f"Made with {versions}.\n",
    )
    return "\n".join(filter(None, sections))


def _head(info: Mapping[str, Any]) -> str:
    members = info["members"]
    spread = ", and with `spread`, the standard deviation over the models" if len(members) > 1 else ""
    read = ", ".join(["SMILES", *info["columns"]])
    return f"""# {info["name"]} ({info["unit"]})

Predicts the {info["name"]} in {info["unit"]} from {read}. {_members(members)}

    python -m gear.predict THIS_FOLDER molecules.csv --out predictions.csv

`usage.py` does it in Python. Both need only the core install of gear-search, without Ray, Optuna or MLflow. A
prediction comes with `similarity`, that of the nearest training molecule{spread}.

## Intended use

To estimate the {info["name"]} of molecules like those it was trained on, to rank candidates or to fill gaps in a table.
A prediction is not a measurement, and no basis for a decision about safety.
"""


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    return "## Warnings\n\n" + "".join(f"- {warning[:1].upper()}{warning[1:]}.\n" for warning in warnings)


def _members(members: list[dict[str, Any]]) -> str:
    methods = sorted({member["trial"]["config"]["method"] for member in members})
    named = "Method " + ", ".join(f"`{short_name(method)}`" for method in methods)
    if paths := [path for path in map(path_of, methods) if is_import_path(path)]:
        code = ", ".join(f"`{path}`" for path in paths)
        named += f" (its code, {code}, is not in this folder and must be importable where it predicts)"
    if len(members) == 1:
        return f"{named}."
    folds = len({member["split_hash"] for member in members})
    apart = f", on {folds} choices of validation molecules" if folds > 1 else ""
    if len({round(member["weight"], 9) for member in members}) > 1:
        return f"{named}: the weighted mean of {len(members)} models{apart}."
    return f"{named}: the mean of {len(members)} models, trained from different seeds{apart}."


def _data(info: Mapping[str, Any]) -> str:
    target = info["sizes"]["target"]
    learnt = sorted({member["trial"].get("labels", "train") for member in info["members"]})
    joined = f"\n\n{CROSS_VALIDATION}" if parse_split(info["split"]).is_joined else ""
    whole = f"\n\n{ALL_LABELS}" if "all" in learnt else ""
    what = "data points" if info["columns"] else "molecules"
    return f"""## Data

Target: {target["train"]} {what} for training, {target["validation"]} for validation, {target["test"]} for test.
{_learnt_from(info, what)}{_bounds(info)}{_notes(info)}{joined}{whole}

| pair | split | split hash | data hash |
|--|--|--|--|
| `{info["pair"]}` | `{info["split"]}` | `{info["split_hash"]}` | `{info["data_hash"]}` |
{_columns(info["columns"])}"""


def _learnt_from(info: Mapping[str, Any], what: str) -> str:
    """The tasks that at least one of the members has learnt from, and the weights that it began with."""
    sources = ", ".join(f"{name} ({count} {what})" for name, count in info["sizes"]["sources"].items())
    leak = "some" if parse_split(info["split"]).overlap else "none"
    told = f"Learnt from: {sources or 'the target only'}"
    told += f"; {leak} of the target's validation and test molecules among them." if sources else "."
    embeddings = [member["trial"]["config"].get("embedding", {}) for member in info["members"]]
    begun = sorted({embedding.get("pretrained", "none") for embedding in embeddings} - {"none"})
    return told + (f" Embeddings began with pretrained weights: {', '.join(begun)}." if begun else "")


def _bounds(info: Mapping[str, Any]) -> str:
    """What was done with censored values, a line for each task that had some."""
    told = []
    for task, found in info.get("censored", {}).items():  # missing in earlier exports
        done = DONE_WITH_BOUNDS[found["how"]]
        if found["how"] == "learn" and found["exact_for"]:
            done += f", but taken as if they were exact by {', '.join(found['exact_for'])}"
        told.append(f"{found['labels']} of {task}, {done}")
    if not told:
        return ""
    return f"\n\nCensored values, of which only a bound is known (such as `<0.5`): {'; '.join(told)}. {EXACT}"


def _notes(info: Mapping[str, Any]) -> str:
    """How members learn, where that is not as the sizes of the parts let one think."""
    notes = info.get("notes", ())  # missing in earlier exports
    return f"\n\nOf the members: {'; '.join(notes)}." if notes else ""


def _columns(columns: Mapping[str, Mapping[str, float]]) -> str:
    """The feature columns, with a line before them; nothing where there are none."""
    if not columns:
        return ""
    rows = "\n".join(
        f"| {_cell(name)} | {found['minimum']:.4g} to {found['maximum']:.4g} | {found['mean']:.4g} |"
        for name, found in columns.items()
    )
    return f"""
The model reads these columns beside the molecule, in the units of the training table; a table to predict must have
them. All data points of a molecule, one for each set of values, are in one part.

| column | training range | mean |
|--|--|--|
{rows}
"""


def _evidence(evidence: Mapping[str, Any], split: str) -> str:
    shown = {name: value for name, value in evidence.items() if name != "warnings"}
    rows = "\n".join(f"| {_cell(name)} | {_cell(_shown(value))} |" for name, value in shown.items())
    return f"""## Evidence

| | |
|--|--|
{rows}

The model was selected on the validation part; the test part was not used for selection. RMSE without a unit is
standardised by {parse_split(split).standardised_by}. Intervals are 95 %, by bootstrap over the molecules:
they show how much a number would vary with other molecules of this kind.
"""


def _intervals(info: Mapping[str, Any]) -> str:
    facts = info.get("calibration")
    if not facts:
        return ""
    several = " Each molecule counts once, however many data points it has." if info["columns"] else ""
    return f"""## Prediction intervals

`--interval 90` adds the ends of an interval made to hold the value of 90 % of molecules like those of validation. It is
made of the errors on {facts["molecules"]} validation molecules, enough for levels up to {facts["highest_level"]:g} %.
It is wider where the similarity is lower. The percentage is an average over molecules: of molecules of another kind,
fewer values are inside.{several} It is guaranteed only for a single model that the validation molecules did not help
to choose. What the tested models reached is in the evidence, where it was measured.
"""


def _shown(value: object) -> str:
    if isinstance(value, Mapping) and {"value", "low", "high"} <= value.keys():
        return f"{_shown(value['value'])} ({_shown(value['low'])} to {_shown(value['high'])})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
