"""Turns the events of a campaign into records for MLflow."""

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gear.parsing import to_dict
from gear.results import OBJECTIVE, STATES
from search.campaign.events import BlendFinished, EpochReported, Event, StudyFinished, TrialAsked, TrialEnded
from search.campaign.importance import importances
from search.campaign.leaderboard import data_facts
from search.campaign.selection import repeats_to_start
from search.campaign.study import Study, Trial, concerned
from search.plan.campaign_plan import BLEND, CampaignPlan, StudyPlan
from search.plan.plan_file import plan_to_toml
from search.plan.space import defaults, space
from search.results.blend_evidence import members_words
from search.results.cross_validation import read_joined
from search.storage.base import StoragePath
from search.storage.campaign_store import read_events
from tracking.recording import messages
from tracking.recording.messages import Record, Scalar
from tracking.recording.recorder import Recorder
from tracking.runs import PLAN

__all__ = ["MlflowRecords", "final_records", "history", "recorded", "story"]

Hashes = Mapping[str, Mapping[str, str]]  # of the data of every "PAIR.SPLIT"


class MlflowRecords:
    """Listens to a campaign and passes its events to the recorder.

    Args:
        recorder: takes the records.
        plan: of the campaign.
        hashes: of its data, by `PAIR.SPLIT`.
        events: earlier ones, which the recorder gets from its history.
    """

    def __init__(self, recorder: Recorder, plan: CampaignPlan, hashes: Hashes, events: Iterable[Event] = ()) -> None:
        self._recorder = recorder
        self._translator = _Translator(plan, hashes)
        for event in events:
            self._translator.records_of(event)

    def __call__(self, *events: Event) -> None:
        """Pass events on."""
        for event in events:
            self._recorder.tell(*self._translator.records_of(event))


def story(plan: CampaignPlan, hashes: Hashes, events: Iterable[Event]) -> Iterator[Record]:
    """All records of a campaign's events, from its beginning."""
    yield from _Translator(plan, hashes).story(events)


def history(plan: CampaignPlan, hashes: Hashes, folder: StoragePath) -> Iterator[Record]:
    """All records of a running campaign up to now.

    Raises:
        StorageError: the campaign folder cannot be read.
    """
    time.sleep(folder.lag)  # by then the storage shows what was just written
    yield from recorded(plan, hashes, folder)


def recorded(plan: CampaignPlan, hashes: Hashes, folder: StoragePath) -> Iterator[Record]:
    """All records of a campaign, from its folder.

    Raises:
        StorageError: the campaign folder cannot be read.
    """
    translator = _Translator(plan, hashes)
    yield from translator.story(read_events(folder))
    yield from final_records(plan, hashes, folder, translator.blends.values())


def final_records(
    plan: CampaignPlan, hashes: Hashes, folder: StoragePath, blends: Iterable[BlendFinished]
) -> Iterator[Record]:
    """The results over all folds of each cross-validation, each a study without trials, and which of such studies hold.

    Args:
        plan: of the campaign.
        hashes: of its data, by `PAIR.SPLIT`.
        folder: of the campaign.
        blends: the newest of each pair and split.

    Raises:
        StorageError: the campaign folder cannot be read.
    """
    hold = {blend.name for blend in blends if blend.scores and plan.search.final == "blend"}
    pairs = {pair.id: pair for pair in plan.pairs}
    for joined in read_joined(plan, folder):
        hold.add(joined.name)
        tags = _tags(StudyPlan(pairs[joined.pair], joined.split, joined.method))
        tags |= data_facts(hashes, joined.pair, joined.split)
        tags |= {"split_hash": joined.split_hash, "data_hash": joined.data_hash}
        yield messages.StudyStarted(joined.name, 0, tags)
        yield messages.StudyResult(
            study=joined.name,
            tests=joined.test_evaluations,
            derived=True,
            metrics=_of_winner(joined.numbers),
            tags={"folds": str(len(joined.parts)), "parts": joined.methods},
        )
    yield messages.ResultsThatHold(frozenset(hold))


class _Translator:
    """Turns events into records. It must see every event once, in order: the end of a trial or study sums it up.

    `blends` has the newest of each pair and split, by name.
    """

    def __init__(self, plan: CampaignPlan, hashes: Hashes) -> None:
        self._plan, self._hashes = plan, hashes
        self._studies = {s.name: Study(s, plan.search.trials, plan.search.replacements) for s in plan.studies}
        self.blends: dict[str, BlendFinished] = {}
        self._results: Counter[tuple[str, int]] = Counter()  # by name and number of tests

    def story(self, events: Iterable[Event]) -> Iterator[Record]:
        """The records of the studies and of all events, from the first."""
        yield from self.beginning()
        for event in events:
            yield from self.records_of(event)

    def beginning(self) -> Iterator[Record]:
        """The records of the studies, before any event."""
        for study in self._plan.studies:
            yield messages.StudyStarted(
                name=study.name,
                budget=self._plan.search.trials,
                tags=self._tags(study),
                params={"epochs": self._plan.epochs, **to_dict(self._plan.search)},
                files={PLAN: plan_to_toml(self._plan), "space.json": _space(self._plan, study)},
            )

    def records_of(self, event: Event) -> list[Record]:
        """The records of an event."""
        for study in concerned(self._studies, event):
            study.apply(event)
        match event:
            case BlendFinished():
                self.blends[event.name] = event
                return self._blend(event)
            case TrialAsked(attempt=0):
                tags = {"seed": str(event.config["seed"]), "origin": event.origin, "purpose": event.purpose}
                tags |= {} if event.of is None else {"of": str(event.of)}
                tags |= _versions(self._studies[event.study].trials[event.number])
                return [messages.TrialStarted(event.study, event.number, _flat(event.config), tags)]
            case EpochReported():
                return [messages.Step(event.study, event.number, event.epoch, event.metrics)]
            case TrialEnded():
                return self._end(self._studies[event.study], event)
            case StudyFinished():
                return [_conclusion(self._studies[event.study], event, self._revision(event.study, event))]
        return []

    def _revision(self, name: str, result: StudyFinished | BlendFinished) -> int:
        """How many results of this name with as many tests were told before this one."""
        self._results[name, result.test_evaluations] += 1
        return self._results[name, result.test_evaluations] - 1

    def _tags(self, study: StudyPlan) -> dict[str, str]:
        return _tags(study) | dict(self._hashes[f"{study.pair.id}.{study.split}"])

    def _blend(self, blend: BlendFinished) -> list[Record]:
        """A tested blend: a study without trials. Of a single member nothing is recorded."""
        if not blend.scores:
            return []
        pair = next(pair for pair in self._plan.pairs if pair.id == blend.pair)
        tags = self._tags(StudyPlan(pair, blend.split, BLEND))
        return [
            messages.StudyStarted(blend.name, 0, tags),
            messages.StudyResult(
                study=blend.name,
                tests=blend.test_evaluations,
                metrics=_of_winner(blend.numbers),
                tags={"members": members_words(self._studies, blend)},
                revision=self._revision(blend.name, blend),
            ),
        ]

    def _end(self, study: Study, event: TrialEnded) -> list[Record]:
        """The end of a trial, and the state of its study after it."""
        trial = study.trials[event.number]
        tags = {f"finding.{finding.name}": finding.message for finding in trial.findings}
        tags["attempts"] = str(trial.attempt + 1)
        tags |= _versions(trial)
        metrics = {"total_seconds": trial.seconds}
        told: list[Record] = [messages.TrialResult(event.study, event.number, event.state, event.reason, metrics, tags)]
        if trial.purpose == "search":
            told.append(messages.Step(event.study, None, study.ended, _standing(study)))
        if study.to_start <= 0 and not study.running and not repeats_to_start(study, self._plan.search):
            told += _end_of(study)
        return told


def _versions(trial: Trial) -> dict[str, str]:
    """The versions of packages and of this program that trained a trial; `versions_before` if they changed."""
    *before, last = [json.dumps(dict(versions)) for versions in trial.versions] or [""]
    found = {"versions": last, "versions_before": " ".join(before)}
    return {name: text for name, text in found.items() if text}


def _end_of(study: Study) -> list[Record]:
    """The end of a study without trials left; where its winner is not evaluated yet, the end comes with that."""
    if study.best is None:
        return [messages.StudyResult(study.name, 0, "failed", tags={"reason": "no trial completed"})]
    return [messages.StudyResult(study.name, study.finished[-1].test_evaluations)] if study.finished else []


def _tags(study: StudyPlan) -> dict[str, str]:
    pair = study.pair
    return {
        "pair": pair.id,
        "target": pair.target.property,
        "source": "+".join(task.property for task in pair.sources),
        "split": study.split,
        "method": study.method_name,
    }


def _standing(study: Study) -> dict[str, float]:
    """The state of a study, after each trial that ends."""
    counts = {f"trials_{state}": float(study.count(state)) for state in STATES}
    best = {} if study.best is None or study.best.value is None else {OBJECTIVE: study.best.value}
    return {**counts, **best, "total_seconds": study.ended_seconds}


def _conclusion(study: Study, event: StudyFinished, revision: int) -> Record:
    metrics = _of_winner(event.numbers)
    shares = importances(study.searched)
    metrics |= {f"importance/{path}": share for path, share in shares.items()}
    return messages.StudyResult(
        study=event.study,
        tests=event.test_evaluations,
        metrics=metrics,
        tags={"winner": str(event.winner), "models": " ".join(map(str, event.trials or [event.winner]))},
        files={"importance.json": json.dumps(shares, indent=1)} if shares else {},
        revision=revision,
    )


def _of_winner(numbers: Mapping[str, float]) -> dict[str, float]:
    """Metrics of a result; the best of the search on validation, as the study's curve has it, is another number."""
    return {f"winner_{name}" if name.startswith("validation_") else name: value for name, value in numbers.items()}


def _space(plan: CampaignPlan, study: StudyPlan) -> str:
    """The dimensions of a study's search space with their defaults, JSON."""
    vary = plan.search.vary
    start = defaults(study.method, plan.config, vary)
    found = [
        {"kind": type(dimension).__name__.lower(), **dataclasses.asdict(dimension), "default": start[dimension.path]}
        for dimension in space(study.method, vary, plan.config)
    ]
    return json.dumps(found, indent=1)


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Scalar]:
    flat: dict[str, Scalar] = {}
    for name, value in config.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
