"""Tells the tracking recorder what happens in a campaign, from its events."""

from collections.abc import Mapping
from typing import Any

from gear.config import to_dict
from gear.diagnostics import diagnose
from gear.results import EpochResult
from search.events import EpochReported, Event, StudyFinished, TrialAsked, TrialEnded
from search.plan import CampaignPlan
from tracking.recorder import Recorder, StudyInfo

__all__ = ["Feed", "study_params"]

Scalar = str | int | float | bool


class Feed:
    """Give it every event of a campaign, from the first: the recorder leaves out what it has already."""

    def __init__(self, recorder: Recorder, plan: CampaignPlan, hashes: Mapping[str, Mapping[str, str]]) -> None:
        self._recorder = recorder
        self._epochs: dict[tuple[str, int], list[EpochResult]] = {}  # of trials that have not ended
        for study in plan.studies:
            recorder.study_started(
                StudyInfo(
                    name=study.name,
                    pair=study.pair.id,
                    split=study.split,
                    method=study.method,
                    budget=plan.search.trials,
                    tags=dict(hashes[f"{study.pair.id}.{study.split}"]),
                    params=study_params(plan),
                )
            )

    def __call__(self, *events: Event) -> None:
        """Pass events on."""
        for event in events:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        match event:
            case TrialAsked(attempt=0):
                tags = {"seed": str(event.config["seed"]), "origin": event.origin}
                self._recorder.trial_started(event.study, event.number, _flat(event.config), tags)
            case EpochReported():
                rows = self._epochs.setdefault((event.study, event.number), [])
                rows.append(EpochResult.from_metrics(event.epoch, event.metrics))
                self._recorder.trial_epoch(event.study, event.number, event.epoch, event.metrics)
            case TrialEnded():
                metrics = {} if event.value is None else {"best_validation_rmse": event.value}
                findings = diagnose(self._epochs.pop((event.study, event.number), []))
                tags = {f"finding.{finding.name}": finding.message for finding in findings}
                self._recorder.trial_ended(event.study, event.number, event.state, event.reason, metrics, tags)
            case StudyFinished():
                metrics = {f"test_{name}": float(value) for name, value in event.scores.items()}
                metrics |= {"best_validation_rmse": event.validation_rmse}
                tags = {"winner": str(event.winner), "test_evaluations": str(event.test_evaluations)}
                self._recorder.study_ended(event.study, metrics, tags)


def study_params(plan: CampaignPlan) -> dict[str, Scalar]:
    """The settings of every study of a plan, flat."""
    return {"epochs": plan.epochs, **to_dict(plan.search)}


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Scalar]:
    flat: dict[str, Scalar] = {}
    for name, value in config.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
