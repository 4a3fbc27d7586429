"""The export folder: a trained model as safetensors and JSON with a model card, free of pickle and of this search.

model.safetensors   weights and buffers
config.json         format version, what was trained on what, scaler, unit, evidence, package versions
README.md           the model card
checksums.json      SHA-256 of the three
"""

import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from gear.checkpoint import write_folder
from gear.config import TrialSpec, from_dict, to_dict
from gear.data.pairs import PairData
from gear.data.protocol import parse_split
from gear.errors import StorageError
from gear.evaluate import load_best
from gear.methods import Method, build_method
from gear.scaling import Scaler

__all__ = ["FORMAT", "ExportedModel", "export_model", "load_export"]

FORMAT = 2
WEIGHTS, CONFIG, CARD, CHECKSUMS = "model.safetensors", "config.json", "README.md", "checksums.json"
PACKAGES = ("torch", "chemprop", "rdkit", "chemicals", "thermo", "gear-search")


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """An export folder, loaded: the model in evaluation mode, its scaler, and all of its config.json."""

    model: Method
    scaler: Scaler
    info: dict[str, Any]


def export_model(checkpoint: Path, spec: TrialSpec, pair: PairData, to: Path, evidence: Mapping[str, Any]) -> None:
    """Write the best weights of a training checkpoint as an export folder, atomically.

    Args:
        checkpoint: folder that `TrainingRun.save` wrote.
        spec: of the trial.
        pair: its data, for the scaler and the unit.
        to: the folder to write.
        evidence: numbers and names to keep with the model (JSON), for the card and for whoever reviews it.

    Raises:
        StorageError: no readable checkpoint, or `to` cannot be written.
    """
    model = load_best(checkpoint, spec)
    scaler = Scaler.fit(pair.target.train.value, pair.target.log10)
    info = {
        "format": FORMAT,
        "property": pair.target.property,
        "name": pair.target.name,
        "unit": pair.target.unit,
        "pair": pair.id,
        "split": pair.split,
        "split_hash": pair.split_hash,
        "data_hash": pair.data_hash,
        "sizes": {
            "target": {part: len(getattr(pair.target, part).value) for part in ("train", "validation", "test")},
            "sources": {task.property: len(task.train.value) for task in pair.sources},
        },
        "scaler": dataclasses.asdict(scaler),
        "trial": to_dict(spec),
        "evidence": dict(evidence),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }

    def fill(draft: Path) -> None:
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, draft / WEIGHTS)
        (draft / CONFIG).write_text(json.dumps(info, indent=1))
        (draft / CARD).write_text(model_card(info))
        sums = {name: _sha256(draft / name) for name in (WEIGHTS, CONFIG, CARD)}
        (draft / CHECKSUMS).write_text(json.dumps(sums, indent=1))

    write_folder(to, fill)


def load_export(folder: Path) -> ExportedModel:
    """Load an export folder, after checking that it is whole and of a format this version knows.

    Raises:
        StorageError: files are missing or changed, or the format is a future one.
    """
    try:
        sums = json.loads((folder / CHECKSUMS).read_text())
        for name in (WEIGHTS, CONFIG):
            if _sha256(folder / name) != sums.get(name):
                raise StorageError(f"{folder / name} does not match {CHECKSUMS}: it was changed; export it again")
        info = json.loads((folder / CONFIG).read_text())
    except (OSError, ValueError) as error:
        raise StorageError(f"{folder} is no export folder ({error}): give the folder an export wrote") from error
    if info["format"] != FORMAT:
        raise StorageError(f"{folder} has export format {info['format']}, this version of gear reads {FORMAT}")
    spec = from_dict(TrialSpec, info["trial"])
    model = build_method(spec.config, len(spec.pair.sources))
    model.load_state_dict(load_file(folder / WEIGHTS))
    return ExportedModel(model.eval(), Scaler(**info["scaler"]), info)


def model_card(info: Mapping[str, Any]) -> str:
    """The card of an export, Markdown."""
    trial, sizes = info["trial"], info["sizes"]
    leak = "some" if parse_split(info["split"]).overlap else "none"
    sources = ", ".join(f"{name} ({count} molecules)" for name, count in sizes["sources"].items())
    evidence = "\n".join(f"| {name} | {_shown(value)} |" for name, value in info["evidence"].items())
    return f"""# {info["name"]} ({info["unit"]})

Predicts the {info["name"]} in {info["unit"]} from SMILES. Method `{trial["config"]["method"]}`, pair `{info["pair"]}`,
split `{info["split"]}` (hash `{info["split_hash"]}`).

    python -m gear.predict THIS_FOLDER molecules.csv --out predictions.csv

## Data

Target: {sizes["target"]["train"]} molecules for training, {sizes["target"]["validation"]} for validation,
{sizes["target"]["test"]} for test. Learnt from: {sources}; {leak} of the target's validation and test molecules
among them.

## Evidence

| | |
|--|--|
{evidence}

Selected on validation; test was not used for selection. RMSE without a unit is standardised by the training part.

## Limits

Trained on small organic molecules; stereochemistry is not seen. Far from the training molecules
a prediction is a guess, and nothing here says so.
"""


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
