"""Registered models: winners of studies and blends are versions, and the best of a pair and split is its champion.

A model is named `gear.PAIR.SPLIT` and has the aliases `best_METHOD`, `champion` and `challenger`. Versions with the
same split and data hash are ranked by their validation RMSE; the test part never decides. An alias moves only after the
new version was loaded and has predicted. A version carries its evidence, see `tracking.evidence_file`, which is brought
up to date at each resume. What its campaign does not deliver any more is superseded and has no alias.

`gear-search models` lists the champions, see `tracking.models`.
"""

import importlib.metadata
import json
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

import gear
from gear.drafts import draft_folder
from gear.errors import GearError, StorageError, UnknownNameError
from gear.plugins import source_of
from tracking.client import open_client
from tracking.evidence import RegisteredVersion, Winner, description, evidence
from tracking.evidence_file import evidence_tags, read_evidence, update_evidence, write_evidence
from tracking.identity import CampaignIdentity
from tracking.mlflow_api import (
    AnyType,
    ColSpec,
    MlflowClient,
    MlflowException,
    ModelSignature,
    ModelVersion,
    RegisteredModel,
    Schema,
    get_artifact_repository,
    mlflow,
)
from tracking.runs import SUPERSEDED, find_run

__all__ = [
    "RegisteredVersion",
    "Winner",
    "champion_export",
    "champions",
    "model_name",
    "register_winner",
    "rivals",
    "supersede_others",
]

REQUIREMENTS = ("torch", "chemprop", "rdkit", "numpy", "pyarrow", "safetensors", "platformdirs", "chemicals", "thermo")
EXAMPLE = ("CCO", "c1ccccc1")
STATUS, READY = "status", "ready"  # the tag of a version that says whether it competes, and its value where it does


def model_name(pair: str, split: str) -> str:
    """Name of the registered model of a pair and split."""
    return f"gear.{pair}.{split}"


def register_winner(tracking_uri: str, export: Path, winner: Winner) -> RegisteredVersion:
    """Register a winner's export folder and move the aliases.

    Registering the same models again brings the evidence of their version up to date. A version whose files are gone is
    withdrawn for a new one.

    Raises:
        StorageError: MLflow cannot be written.
    """
    client = open_client(tracking_uri)
    name = model_name(winner.pair, winner.split)
    try:
        there = _registered(client, name, winner)
        if there is not None:
            _renew(client, there, winner)
        version = _register(client, name, export, winner) if there is None else str(there.version)
        _move_aliases(client, name, winner, version)
        return _described(client, name, version)
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot register {name} in {tracking_uri}: {error}") from error


def supersede_others(
    tracking_uri: str, campaign: CampaignIdentity, models: Iterable[str], delivered: Mapping[str, str]
) -> None:
    """Mark the versions of a campaign that it does not deliver any more, and pass their aliases on.

    Args:
        tracking_uri: of MLflow.
        campaign: whose versions they are; those of others stay as they are.
        models: names of the models that it may have registered.
        delivered: by study, blend or joined result that the campaign delivers, its version; empty where it could not be
            registered now, and what was registered of it stays.

    Raises:
        StorageError: MLflow cannot be read or written.
    """
    client = open_client(tracking_uri)
    try:
        for name in models:
            own = [version for version in _versions(client, name) if _is_from(version, campaign)]
            for version in own:
                if delivered.get(version.tags.get("study", "")) not in ("", str(version.version)):
                    _supersede(client, version)
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot bring the registered models in {tracking_uri} up to date: {error}") from error


def champion_export(tracking_uri: str, pair: str, split: str, method: str | None, to: Path) -> RegisteredVersion:
    """Copy the export folder of the champion, or of the best version of one method, to an empty or new folder `to`.

    Raises:
        StorageError: `to` is not empty or cannot be written, or MLflow cannot be read.
        UnknownNameError: there is no such model.
    """
    client = open_client(tracking_uri)
    name, alias = model_name(pair, split), "champion" if method is None else f"best_{method}"
    try:
        found = client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        known = [f"{v.name} ({', '.join(v.aliases)})" for v in champions(tracking_uri)] or ["none yet"]
        raise UnknownNameError("registered model", f"{name}@{alias}", known) from error
    if not to.name:
        raise StorageError(f"cannot write {to}: give --to a new folder")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise StorageError(f"{to} is not empty: give --to a new folder")
    try:
        if not _has_files(found):
            raise StorageError(_missing(found))
        with tempfile.TemporaryDirectory() as scratch, draft_folder(to) as draft:
            model = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{found.version}", dst_path=scratch))
            _copy_files(next(model.glob("artifacts/*")), draft)
    except (OSError, MlflowException) as error:
        raise StorageError(f"cannot write {to}: {error}") from error
    return _described(client, name, found.version)


def _copy_files(folder: Path, to: Path) -> None:
    """Copy what is in a folder, with new permissions: earlier versions were written for their owner only."""
    for path in sorted(folder.rglob("*")):
        copy = to / path.relative_to(folder)
        copy.mkdir() if path.is_dir() else shutil.copyfile(path, copy)


def rivals(tracking_uri: str, model: str) -> list[RegisteredVersion]:
    """The versions of a model that have an alias: the champion, then the challenger, then the best of each method.

    Args:
        tracking_uri: of MLflow.
        model: its name, with or without the `gear.` that all of them begin with.

    Raises:
        UnknownNameError: there is no such model.
    """
    client = open_client(tracking_uri)
    known = sorted(found.name for found in _models(client))
    name = next((n for n in (model, f"gear.{model}") if n in known), None)
    if name is None:
        raise UnknownNameError("registered model", model, known or ["none yet"])
    aliases = client.get_registered_model(name).aliases
    order = sorted(aliases, key=lambda alias: (alias != "champion", alias != "challenger", alias))
    return [_described(client, name, version) for version in dict.fromkeys(str(aliases[alias]) for alias in order)]


def champions(tracking_uri: str) -> list[RegisteredVersion]:
    """The champion of every pair and split, by name."""
    client = open_client(tracking_uri)
    models = sorted(_models(client), key=lambda model: model.name)
    return [_described(client, m.name, m.aliases["champion"]) for m in models if "champion" in m.aliases]


def _models(client: MlflowClient) -> list[RegisteredModel]:
    """All registered models, of which MLflow answers a page at a time."""
    page = client.search_registered_models()
    found = list(page)
    while page.token:
        page = client.search_registered_models(page_token=page.token)
        found += page
    return found


def _registered(client: MlflowClient, name: str, winner: Winner) -> ModelVersion | None:
    """The version that an earlier launch registered for this result; it competes again if it was superseded."""
    for version in _versions(client, name, (READY, SUPERSEDED)):
        if _holds(version, winner) and _is_from(version, winner.identity):
            if not _has_files(version):
                _withdraw(client, version, "lost")
                continue
            if version.tags[STATUS] != READY:
                client.set_model_version_tag(name, version.version, STATUS, READY)
            return version
    return None


def _holds(version: ModelVersion, winner: Winner) -> bool:
    """Whether a version has the models of a result."""
    names = ("study", "number", "trials", "labels")
    own = ["" if (value := getattr(winner, name)) is None else str(value) for name in names]
    if [version.tags.get(name, "") for name in names] != own:
        return False
    if "models" in version.tags:
        return bool(version.tags["models"] == winner.models)
    return not (winner.models and winner.labels)  # of an earlier version, which may have had some of all labels only


def _renew(client: MlflowClient, version: ModelVersion, winner: Winner) -> None:
    """Bring the evidence of a version up to date; the champion before it stays the one of that time."""
    before = read_evidence(version)
    known = evidence(winner, None) | {name: before[name] for name in before if name.startswith("champion_before")}
    update_evidence(client, version, known)
    if version.description != (told := description(known)):
        client.update_model_version(version.name, version.version, told)


def _has_files(version: ModelVersion) -> bool:
    """Whether the export folder of a version is where it was stored."""
    return bool(get_artifact_repository(str(version.source)).list_artifacts("artifacts"))


def _missing(version: ModelVersion) -> str:
    again = f"gear-search record {version.tags.get('campaign', 'CAMPAIGN')}"
    return (
        f"{version.name} version {version.version}: its files are not found: put {version.source} back, or write them "
        f"again with {again}"
    )


def _withdraw(client: MlflowClient, version: ModelVersion, status: str) -> list[str]:
    """Take a version out of the competition, and return the aliases that it had."""
    client.set_model_version_tag(version.name, version.version, STATUS, status)
    aliases = client.get_registered_model(version.name).aliases
    held = [alias for alias, holder in aliases.items() if str(holder) == str(version.version)]
    for alias in held:
        client.delete_registered_model_alias(version.name, alias)
    return held


def _supersede(client: MlflowClient, version: ModelVersion) -> None:
    """Take a version out of the competition, and give its aliases to the next best on its split and data."""
    name = version.name
    for alias in _withdraw(client, version, SUPERSEDED):
        rivals = _comparable(client, name, _judged_on(version.tags))
        heirs = [v for v in rivals if alias in ("champion", f"best_{v.tags['method']}")]
        if (best := _best(client, heirs)) is not None:
            client.set_registered_model_alias(name, alias, best)
    aliases = client.get_registered_model(name).aliases
    if "challenger" in aliases and aliases["challenger"] == aliases.get("champion"):
        client.delete_registered_model_alias(name, "challenger")


def _is_from(version: ModelVersion, campaign: CampaignIdentity) -> bool:
    """Whether a version comes from a campaign."""
    if "campaign_id" in version.tags:
        return bool(version.tags["campaign_id"] == campaign.id)
    known = version.tags.get("campaign", ""), version.tags.get("created", "")  # to an earlier version
    return known == (campaign.name, campaign.created)


def _versions(client: MlflowClient, name: str, statuses: Collection[str] = (READY,)) -> list[ModelVersion]:
    return [v for v in client.search_model_versions(f"name = '{name}'") if v.tags.get(STATUS) in statuses]


def _comparable(client: MlflowClient, name: str, judged_on: tuple[str, str]) -> list[ModelVersion]:
    """The versions that compete and were judged on this split and these data, by their hashes."""
    return [version for version in _versions(client, name) if _judged_on(version.tags) == judged_on]


def _register(client: MlflowClient, name: str, export: Path, winner: Winner) -> str:
    """Log the model under the run of its trial or blend, register it, and check that it predicts."""
    example, signature = _example(export)
    run = find_run(client, winner.identity, winner.study, winner.number)
    title = winner.method if winner.number is None else f"{winner.method}-{winner.number}"
    # not within start_run, which a run or an experiment that a notebook has made active does not allow
    logged = client.create_logged_model(run.info.experiment_id, title, run.info.run_id, params=run.data.params)
    mlflow.models.Model.log(
        artifact_path=None,
        flavor=mlflow.pyfunc,
        run_id=run.info.run_id,
        model_id=logged.model_id,
        python_model=str(Path(__file__).with_name("serving.py")),
        artifacts={"export": str(export)},
        code_paths=_code(winner),
        pip_requirements=[f"{package}=={_version(package)}" for package in REQUIREMENTS],
        signature=signature,
        input_example=example,
    )
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    known = evidence(winner, _champion_on(client, name, winner))
    place, told = logged.artifact_location, description(known)
    write_evidence(place, known)
    tags = evidence_tags(known)
    made = client.create_model_version(name, place, run.info.run_id, tags, model_id=logged.model_id, description=told)
    predicted = np.asarray(mlflow.pyfunc.load_model(f"models:/{name}/{made.version}").predict(example))
    if not np.isfinite(predicted).all():
        raise GearError(f"{name} version {made.version} does not predict: {predicted}")
    client.set_model_version_tag(name, made.version, STATUS, READY)
    return str(made.version)


def _example(export: Path) -> tuple[pd.DataFrame, ModelSignature]:
    """Molecules at the means of the feature columns that the model reads, and the signature."""
    columns = json.loads((export / "config.json").read_text()).get("columns", {})
    example = pd.DataFrame({"smiles": EXAMPLE, **{name: column["mean"] for name, column in columns.items()}})
    number = AnyType()  # type: ignore[no-untyped-call] # "double" would refuse columns of integers
    numbers = [ColSpec(number, name) for name in columns]
    return example, ModelSignature(Schema([ColSpec("string", "smiles"), *numbers]), Schema([ColSpec("double")]))


def _code(winner: Winner) -> list[str]:
    """What a registered model brings along: this package, and the modules of a user's own code."""
    own = map(source_of, winner.own_code)
    return [str(Path(gear.__file__).parent), *(str(source) for source in own if source is not None)]


def _champion_on(client: MlflowClient, name: str, winner: Winner) -> RegisteredVersion | None:
    """The current champion, if it was judged on the winner's split and data."""
    version = client.get_registered_model(name).aliases.get("champion")
    if version is None:
        return None
    champion = _described(client, name, version)
    return champion if _judged_on(champion.evidence) == (winner.split_hash, winner.data_hash) else None


def _judged_on(known: Mapping[str, str]) -> tuple[str, str]:
    return known["split_hash"], known.get("data_hash", "")


def _version(package: str) -> str:
    return importlib.metadata.version(package).partition("+")[0]


def _move_aliases(client: MlflowClient, name: str, winner: Winner, version: str) -> None:
    """Give `best_METHOD` and `champion` to the lowest validation RMSE on the winner's split, else `challenger`."""
    comparable = _comparable(client, name, (winner.split_hash, winner.data_hash))
    best_of_method = _best(client, [v for v in comparable if v.tags["method"] == winner.method])
    best = _best(client, comparable)
    if best is None or best_of_method is None:
        raise StorageError("no version has files")  # not even the one that was registered just now
    client.set_registered_model_alias(name, f"best_{winner.method}", best_of_method)
    aliases = client.get_registered_model(name).aliases
    champion = aliases.get("champion")
    if champion is None or str(champion) in {str(v.version) for v in comparable}:  # not one of another split or data
        champion = best
        client.set_registered_model_alias(name, "champion", champion)
    if str(champion) != version:
        client.set_registered_model_alias(name, "challenger", version)
    elif str(aliases.get("challenger")) == version:
        client.delete_registered_model_alias(name, "challenger")


def _best(client: MlflowClient, versions: list[ModelVersion]) -> str | None:
    """The version with the lowest validation RMSE; of equal ones that on all labels, then a refit, then the older.

    One whose files are gone is withdrawn; None where no other is left.
    """

    def rank(version: ModelVersion) -> tuple[float, bool, bool, int]:
        tags = version.tags
        return float(tags["validation_rmse"]), not tags.get("labels"), not tags.get("trials"), int(version.version)

    for version in sorted(versions, key=rank):
        if _has_files(version):
            return str(version.version)
        _withdraw(client, version, "lost")
    return None


def _described(client: MlflowClient, name: str, version: str) -> RegisteredVersion:
    aliases = client.get_registered_model(name).aliases
    held = tuple(sorted(alias for alias, holder in aliases.items() if str(holder) == str(version)))
    return RegisteredVersion(name, str(version), held, read_evidence(client.get_model_version(name, version)))
