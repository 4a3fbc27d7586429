"""The card of an exported model: its data, its scores, its intended use and its limits."""

from collections.abc import Mapping, Sequence
from typing import Any

from gear.data.splits.split_name import parse_split
from gear.methods.plugin import short_name
from gear.plugins import is_import_path, path_of

__all__ = ["model_card"]

LIMITS = """## Limits

The model ignores stereochemistry and isotopes. It extrapolates to structures that the training molecules lack; a low
similarity suggests this, and a high one does not rule it out. Expect larger errors than those above on molecules of
another kind.
"""


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
        _evidence(info["evidence"]),
        _intervals(info),
        LIMITS,
        f"Made with {versions}.\n",
    )
    return "\n".join(filter(None, sections))


def _head(info: Mapping[str, Any]) -> str:
    members = info["members"]
    spread = ", and with `spread`, the standard deviation over the models" if len(members) > 1 else ""
    return f"""# {info["name"]} ({info["unit"]})

Predicts the {info["name"]} in {info["unit"]} from SMILES. {_members(members)}

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
    return f"{named}: the mean of {len(members)} models, trained from different seeds{apart}."


def _data(info: Mapping[str, Any]) -> str:
    target, sources = info["sizes"]["target"], info["sizes"]["sources"]
    leak = "some" if parse_split(info["split"]).overlap else "none"
    learnt_from = ", ".join(f"{name} ({count} molecules)" for name, count in sources.items())
    return f"""## Data

Target: {target["train"]} molecules for training, {target["validation"]} for validation, {target["test"]} for test.
Learnt from: {learnt_from}; {leak} of the target's validation and test molecules among them.

| pair | split | split hash | data hash |
|--|--|--|--|
| `{info["pair"]}` | `{info["split"]}` | `{info["split_hash"]}` | `{info["data_hash"]}` |
"""


def _evidence(evidence: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in evidence.items() if name != "warnings"}
    rows = "\n".join(f"| {_cell(name)} | {_cell(_shown(value))} |" for name, value in shown.items())
    return f"""## Evidence

| | |
|--|--|
{rows}

The model was selected on the validation part; the test part was not used for selection. RMSE without a unit is
standardised by the training part. Intervals are 95 %, by bootstrap over the molecules: they show how much a number
would vary with other molecules of this kind.
"""


def _intervals(info: Mapping[str, Any]) -> str:
    facts = info.get("calibration")
    if not facts:
        return ""
    return f"""## Prediction intervals

`--interval 90` adds the ends of an interval that holds the value of 90 % of molecules like those of validation. It is
made of the errors on {facts["molecules"]} validation molecules, enough for levels up to {facts["highest_level"]:g} %.
It is wider where the similarity is lower. The percentage is an average over molecules: of molecules of another kind,
fewer values are inside.
"""


def _shown(value: object) -> str:
    if isinstance(value, Mapping) and {"value", "low", "high"} <= value.keys():
        return f"{_shown(value['value'])} ({_shown(value['low'])} to {_shown(value['high'])})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
