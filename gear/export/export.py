"""The export folder: a trained model or an ensemble as safetensors and JSON, without pickle or parts of the search.

members/0/model.safetensors   weights and buffers of the first member; more members follow
config.json                   format version, what was trained on what, members, unit, evidence, package versions
fingerprints.safetensors      of the training molecules, for the similarity of other molecules to them
calibration.safetensors       errors on validation molecules, for prediction intervals; not in every export
README.md                     the model card
usage.py                      how to predict with it in Python
checksums.json                SHA-256 of all the others
"""

import dataclasses
import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from gear.config import TrialSpec
from gear.data.distinct import distinct_points
from gear.data.molecules.query import check_neighbours, save_neighbours
from gear.data.pairs import PairData
from gear.errors import InputDataError, StorageError, in_a_line
from gear.evaluation.conformal import Calibration
from gear.evaluation.evaluate import load_best
from gear.export.calibration import CALIBRATION, calibration_facts, load_calibration, save_calibration
from gear.export.config_file import ColumnRange, MemberInfo, column_ranges, member_infos
from gear.export.legacy_formats import current_config, current_weights
from gear.export.model_card import model_card, usage
from gear.label_scaler import Scaler
from gear.methods import build_method, find_method
from gear.methods.base import Model
from gear.methods.plugin import short_name
from gear.parsing import to_dict
from gear.plugins import import_paths, refuse_code_in
from gear.training.checkpoint import write_folder
from gear.units import check_unit

__all__ = ["FORMAT", "ExportedMember", "ExportedModel", "Member", "export_model", "load_export", "recorded_inputs"]

FORMAT = 6  # `gear.export.legacy_formats` reads older ones
UNWEIGHTED = 5  # of an export whose calibration has no weights, so that programs of its time read it
WEIGHTS, NEIGHBOURS, USAGE = "model.safetensors", "fingerprints.safetensors", "usage.py"
CONFIG, CARD, CHECKSUMS = "config.json", "README.md", "checksums.json"
# a forged config.json, or one of another program, gives these
WRONG_JSON = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
# and what is built or read as it says, these
FORGED = (*WRONG_JSON, OSError, SafetensorError, RuntimeError, ArithmeticError, MemoryError)
PACKAGES = ("torch", "chemprop", "rdkit", "chemicals", "thermo", "scikit-learn", "lightgbm", "gear-search")


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One trained model of an ensemble.

    Attributes:
        checkpoint: folder that `TrainingRun.save` wrote.
        spec: of the trial.
        pair: the data it was trained on, for its scaler; the fold may differ between members.
        weight: in the mean of the ensemble, relative to those of the others.
    """

    checkpoint: Path
    spec: TrialSpec
    pair: PairData
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ExportedMember:
    """A member of an export, loaded: its model in evaluation mode, the scaler of its labels, its weight in the mean.

    The weights of all members sum to 1.
    """

    model: Model
    scaler: Scaler
    weight: float


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """An export folder, loaded.

    Attributes:
        members: one, or an ensemble's.
        info: the contents of config.json, converted to the current format.
        neighbours: file of the training molecules' fingerprints; None for formats before 3.
        calibration: of its prediction intervals; None for formats before 5 and where it was not given. Its scores have
            weights from format 6.
        columns: the feature columns that the members read beside the molecule, in their order.
    """

    members: tuple[ExportedMember, ...]
    info: dict[str, Any]
    neighbours: Path | None
    calibration: Calibration | None
    columns: Mapping[str, ColumnRange]


def export_model(
    members: Sequence[Member],
    pair: PairData,
    to: Path,
    evidence: Mapping[str, Any],
    calibration: Calibration | None = None,
    inputs: str = "",
) -> None:
    """Write the best weights of training checkpoints as an export folder, atomically.

    Args:
        members: one trained model, or several whose weighted mean is the prediction.
        pair: the data that the model was tested on, for the card.
        to: the folder to write.
        evidence: numbers and names to keep with the model (JSON), for the card and for reviewers. A number with its
            interval is the dict of an `Interval`.
        calibration: for prediction intervals, see `gear.evaluation.calibrate`; None for none.
        inputs: a digest of what the export is made of, to be known again by `recorded_inputs`.

    Raises:
        InputDataError: the unit is none, see `gear.units`.
        StorageError: no readable checkpoint, or `to` cannot be written.
    """
    check_unit(pair.target.unit)
    models = [load_best(member.checkpoint, member.spec) for member in members]
    weighted = calibration is not None and calibration.weights is not None
    info: dict[str, Any] = {"format": FORMAT if weighted else UNWEIGHTED}
    info |= _described(members, pair, evidence, transfers=any(model.learns_from_sources for model in models))
    info |= {"notes": _notes(members, models), "calibration": calibration_facts(calibration), "inputs": inputs}
    trained_on = sorted({smiles for member in members for smiles in member.pair.target.train.smiles})

    def fill(draft: Path) -> None:
        for index, model in enumerate(models):
            path = draft / _weights(index)
            path.parent.mkdir(parents=True)
            path.write_bytes(save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}))
        save_neighbours(draft / NEIGHBOURS, trained_on)
        save_calibration(draft, calibration)
        (draft / CONFIG).write_text(json.dumps(info, indent=1))
        (draft / CARD).write_text(model_card(info), encoding="utf-8")
        (draft / USAGE).write_text(usage(info), encoding="utf-8")
        sums = {name: _sha256(draft / name) for name in _files(info)}
        (draft / CHECKSUMS).write_text(json.dumps(sums, indent=1))

    write_folder(to, fill)


def load_export(folder: Path) -> ExportedModel:
    """Load an export folder of this or an older format, after checking that it is complete.

    A user's own method or embedding is imported as it is installed here, never from the folder.

    Raises:
        StorageError: files are missing or changed, or the format is a future one.
        InputDataError: a user's own method or embedding that cannot be imported here.
    """
    info = _checked(folder)
    try:
        described, columns = member_infos(info), column_ranges(info)
    except InputDataError as error:
        raise StorageError(f"{folder / CONFIG} is not that of an export: {error}; export it again") from error
    for path in {path for member in described for path in import_paths(member.trial.config)}:
        refuse_code_in(folder, path, "code of the model")
    neighbours = folder / NEIGHBOURS if info["format"] >= 3 else None
    try:
        members = tuple(_loaded(folder, index, member, info) for index, member in enumerate(described))
        calibration = load_calibration(folder, info.get("calibration"))
        if neighbours is not None:
            check_neighbours(neighbours)
    except FORGED as error:
        raise StorageError(f"{folder} cannot be loaded ({in_a_line(error)}): export it again") from error
    features = described[0].trial.pair.target.features
    return ExportedModel(members, info, neighbours, calibration, {name: columns[name] for name in features})


def recorded_inputs(folder: Path) -> str:
    """The digest that an export was written with, after every file was compared with its checksum; empty without one.

    Raises:
        StorageError: see `load_export`.
    """
    return str(_checked(folder).get("inputs", ""))


def _loaded(folder: Path, index: int, member: MemberInfo, info: Mapping[str, Any]) -> ExportedMember:
    """A member with its weights."""
    pair = member.trial.pair
    build = partial(build_method, member.trial.config, len(pair.sources), len(pair.target.features))
    weights = load_file(folder / _weights(index, info["format"]))
    if not import_paths(member.trial.config):
        _check_size(build, weights)
    model = build()
    model.load_state_dict(current_weights(weights, info))
    model.check_state()
    return ExportedMember(model.eval(), member.scaler, member.weight)


def _check_size(build: Callable[[], Model], weights: Mapping[str, Tensor]) -> None:
    """Refuse weights that are too few for a model, before it takes memory: a forged size could ask for any amount.

    Raises:
        ValueError: they are too few.
    """
    with torch.device("meta"):
        needed = sum(parameter.numel() for parameter in build().parameters())
    if needed > (found := sum(tensor.numel() for tensor in weights.values())):
        raise ValueError(f"{found:,} weights for a model of {needed:,}")


def _described(
    members: Sequence[Member], pair: PairData, evidence: Mapping[str, Any], *, transfers: bool
) -> dict[str, Any]:
    """What config.json tells of the models; `transfers` says whether a member has learnt from the sources."""
    total = sum(member.weight for member in members)
    return {
        "property": pair.target.property,
        "name": pair.target.name,
        "unit": pair.target.unit,
        "pair": pair.id,
        "split": pair.split,
        "split_hash": pair.split_hash,
        "data_hash": pair.data_hash,
        "sizes": {
            "target": {part: len(getattr(pair.target, part).value) for part in ("train", "validation", "test")},
            "sources": {task.property: len(task.train.value) for task in (pair.sources if transfers else ())},
        },
        "censored": _censored(members, pair),
        "columns": _ranges(members, pair.features),
        "members": [
            {
                "trial": to_dict(member.spec),
                "scaler": dataclasses.asdict(Scaler.fit(member.pair.target.train.value, member.pair.target.log10)),
                "split": member.pair.split,
                "split_hash": member.pair.split_hash,
                "weight": member.weight / total,
            }
            for member in members
        ],
        "evidence": dict(evidence),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _censored(members: Sequence[Member], pair: PairData) -> dict[str, dict[str, Any]]:
    """Of each task with values that are only bounds, how many, what was done with them, and by which methods not."""
    spec = members[0].spec.pair
    how = {task.property: task.censored for task in (spec.target, *spec.sources)}
    methods = {member.spec.config.method for member in members}
    fitted = sorted(short_name(method) for method in methods if find_method(method).fits_at_once)
    return {
        task.property: {"labels": task.censored, "how": how[task.property], "exact_for": fitted}
        for task in (pair.target, *pair.sources)
        if task.censored
    }


def _notes(members: Sequence[Member], models: Sequence[Model]) -> list[str]:
    """What must be known of how the members learn, each with the name of its method."""
    named = zip((short_name(member.spec.config.method) for member in members), models, strict=True)
    return sorted({f"{method}: {note}" for method, model in named for note in model.notes})


def _ranges(members: Sequence[Member], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Of each feature column, the range and mean over the data points that a member was trained on, each once."""
    if not names:
        return {}
    trained = [(member.pair, member.pair.target.train) for member in members]
    smiles = np.concatenate([np.array(list(part.smiles), str) for _, part in trained])
    features = [pair.features_of(part) for pair, part in trained]
    columns = np.column_stack([np.concatenate([found[name] for found in features]) for name in names])
    first, _ = distinct_points(np.unique(smiles, return_inverse=True)[1], columns)
    ranges = (ColumnRange(float(c.min()), float(c.mean()), float(c.max())) for c in columns[np.sort(first)].T)
    return {name: to_dict(found) for name, found in zip(names, ranges, strict=True)}


def _checked(folder: Path) -> dict[str, Any]:
    """The contents of config.json in the current format, after every file was compared with its checksum."""
    try:
        sums = json.loads((folder / CHECKSUMS).read_text())
        _compare(folder, CONFIG, sums)
        info = json.loads((folder / CONFIG).read_text())
        version = info["format"]
    except PermissionError as error:
        raise StorageError(f"cannot read {error.filename} ({error.strerror}): ask its owner for permission") from error
    except (OSError, *WRONG_JSON) as error:
        raise StorageError(f"{folder} is not an export folder ({error}): give a folder that an export wrote") from error
    if type(version) is not int or version not in range(1, FORMAT + 1):
        raise StorageError(
            f"{folder} has export format {version}, this version of gear reads 1 to {FORMAT}: install a newer one"
        )
    try:
        info = current_config(info)
        files = _files(info)
    except WRONG_JSON as error:
        raise StorageError(f"{folder / CONFIG} is not that of an export ({error!r}): export it again") from error
    for name in files:
        _compare(folder, name, sums)
    return info


def _compare(folder: Path, name: str, sums: Mapping[str, str]) -> None:
    """Raise an error if a file is missing or was changed."""
    path = folder / name
    try:
        if not path.is_file():
            raise StorageError(f"{folder} has no {name}: the export is incomplete; export it again")
        found = _sha256(path)
    except OSError as error:
        raise StorageError(f"cannot read {path} ({error.strerror}): ask its owner for permission") from error
    if found != sums.get(name):
        raise StorageError(f"{path} does not match {CHECKSUMS}: it was changed; export it again")


def _files(info: Mapping[str, Any]) -> list[str]:
    """All files of an export except the checksums."""
    weights = [_weights(index, info["format"]) for index in range(len(info["members"]))]
    calibration = [CALIBRATION] if info.get("calibration") else []
    return [*weights, CONFIG, CARD, *([NEIGHBOURS, USAGE] if info["format"] >= 3 else []), *calibration]


def _weights(member: int, version: int = FORMAT) -> str:
    return f"members/{member}/{WEIGHTS}" if version >= 3 else WEIGHTS


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
