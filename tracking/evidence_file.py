"""The evidence of a registered version: tags by which a person filters, and one JSON file with all of it.

The file, `evidence.json`, lies beside the model among its artifacts. Versions that an earlier program registered have
all of it as tags, and are read as well.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tracking.mlflow_api import MlflowClient, ModelVersion, get_artifact_repository, mlflow

__all__ = ["FILTERS", "evidence_tags", "read_evidence", "update_evidence", "write_evidence"]

FILE = "evidence.json"
FORMAT_TAG, FORMAT = "evidence_format", 2  # the first has no file and no such tag
FILTERS = (
    *("pair", "split", "method", "campaign", "campaign_id", "study", "number", "trials", "labels", "models"),
    *("unit", "split_hash", "data_hash", "validation_rmse", "test_rmse", "test_rmse_units", "test_r2"),
)


def evidence_tags(evidence: Mapping[str, str]) -> dict[str, str]:
    """The tags of a version with this evidence; what is empty has none."""
    chosen = {name: evidence[name] for name in FILTERS if evidence.get(name)}
    if "campaign_id" not in chosen:  # an earlier version began the campaign, which is known by its name and time
        chosen["created"] = evidence.get("created", "")
    return {**chosen, FORMAT_TAG: str(FORMAT)}


def write_evidence(place: str, evidence: Mapping[str, str]) -> None:
    """Write the file beside a logged model, whose artifacts are in this place.

    Raises:
        MlflowException, OSError: it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
        file = Path(scratch) / FILE
        file.write_text(json.dumps({"format": FORMAT, "evidence": dict(evidence)}, indent=1, sort_keys=True))
        get_artifact_repository(place).log_artifact(str(file))  # type: ignore[no-untyped-call]


def read_evidence(version: ModelVersion) -> dict[str, str]:
    """All evidence of a version, with its other tags; its tags by themselves where the file is gone or damaged.

    Raises:
        MlflowException, OSError: the artifacts cannot be read now.
    """
    return {**_file(version), **{name: str(value) for name, value in version.tags.items()}}


def update_evidence(client: MlflowClient, version: ModelVersion, evidence: Mapping[str, str]) -> None:
    """Write what has changed of the evidence of a version. One of an earlier program keeps all of it as tags.

    Raises:
        MlflowException, OSError: it cannot be read or written.
    """
    with_file = FORMAT_TAG in version.tags
    if with_file and _file(version) != evidence:
        write_evidence(str(version.source), evidence)
    wanted = evidence_tags(evidence) if with_file else {name: text for name, text in evidence.items() if text}
    for name, text in wanted.items():
        if version.tags.get(name) != text:
            client.set_model_version_tag(version.name, version.version, name, text)
    for name in (name for name in FILTERS if name in version.tags and name not in wanted):
        client.delete_model_version_tag(version.name, version.version, name)


def _file(version: ModelVersion) -> dict[str, str]:
    """What the file of a version holds; empty where there is none or it is damaged."""
    if FORMAT_TAG not in version.tags:
        return {}
    repository = get_artifact_repository(str(version.source))
    if FILE not in (artifact.path for artifact in repository.list_artifacts()):
        return {}
    with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
        place = f"models:/{version.name}/{version.version}/{FILE}"
        text = Path(mlflow.artifacts.download_artifacts(place, dst_path=scratch)).read_bytes()
    try:
        return dict(json.loads(text)["evidence"])
    except (ValueError, KeyError, TypeError):
        return {}
