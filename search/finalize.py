"""After the search: the winner of each study, chosen on validation, is evaluated on test, exported and registered."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gear.data import PairData, load_pair
from gear.errors import GearError
from search.campaign import Campaign
from search.events import StudyFinished
from search.folder import Folder
from search.plan import StudyPlan
from search.standings import Standing, standings
from search.store import EXPORTS, CampaignStore
from search.study import Study, Trial
from tracking.registry import Winner, register_winner

__all__ = ["finalize", "register_winners", "winner_of"]


def finalize(
    campaign: Campaign, store: CampaignStore, tracking_uri: str, say: Callable[[str], None] = print
) -> list[Standing]:
    """Evaluate, export and register the winner of every study that has one, and give the leaderboard.

    A winner that was evaluated by an earlier launch is not evaluated again; exporting and registering are repeated,
    since they may have been interrupted.

    Raises:
        GearError: a checkpoint cannot be read or an export not written.
    """
    for study in campaign.studies.values():
        if study.best is None:
            say(_without_winner(study))
            continue
        pair = load_pair(study.plan.pair, study.plan.split, campaign.plan.search.split_seed)
        finished = _evaluated(campaign, store, study, study.best, pair)
        with store.export(study.name) as folder:
            _export(campaign, store, study, study.best, pair, finished, folder)
    register_winners(campaign, store.head, store.folder, tracking_uri, say)
    return standings(campaign)


def register_winners(
    campaign: Campaign, head: Mapping[str, Any], folder: Folder, tracking_uri: str, say: Callable[[str], None] = print
) -> None:
    """Register the exported winner of every study, once all are evaluated: single-task learning is their evidence.

    Args:
        campaign: as it is now.
        head: its campaign.json.
        folder: of the campaign.
        tracking_uri: of MLflow, which has recorded the winners' trials.
        say: told what could not be registered.
    """
    for study in campaign.studies.values():
        place = folder / EXPORTS / study.name
        try:
            if study.finished and place.exists():
                with place.local() as export:
                    register_winner(tracking_uri, export, winner_of(campaign, head, study))
        except (GearError, OSError) as error:
            say(f"{study.name}: exported, but not registered: {error}")


def _without_winner(study: Study) -> str:
    """What to say of a study of which no trial completed."""
    if not study.given_up:
        return f"{study.name}: no trial completed, so there is no winner"
    reasons = Counter(trial.reason for trial in study.searched if trial.state == "failed")
    (reason, count), *_ = reasons.most_common(1)
    return f"{study.name}: given up, since all {study.ended} trials failed, {count} of them with: {reason}"


def _evaluated(campaign: Campaign, store: CampaignStore, study: Study, best: Trial, pair: PairData) -> StudyFinished:
    """The test scores of the winner: recorded, or computed now and recorded."""
    if study.finished and study.finished[-1].winner == best.number:
        return study.finished[-1]
    from gear.evaluate import test_scores  # torch, not before it is needed

    assert best.checkpoint is not None
    assert best.value is not None
    with store.checkpoint(best.checkpoint) as checkpoint:
        scores = test_scores(checkpoint, campaign.spec(study.name, best.number), pair)
    finished = StudyFinished(
        study=study.name,
        winner=best.number,
        validation_rmse=best.value,
        test_evaluations=len(study.finished) + 1,
        scores=dataclasses.asdict(scores),
        split_hash=pair.split_hash,
        data_hash=pair.data_hash,
    )
    campaign.finish_study(finished)
    return finished


def _export(
    campaign: Campaign,
    store: CampaignStore,
    study: Study,
    best: Trial,
    pair: PairData,
    finished: StudyFinished,
    to: Path,
) -> None:
    from gear.export import Member, export_model

    assert best.checkpoint is not None
    evidence: dict[str, Any] = {
        "campaign": campaign.plan.name,
        "study": study.name,
        "trial": best.number,
        "trials (complete, pruned, failed)": f"{study.count('complete')}, {study.count('pruned')}, "
        f"{study.count('failed')}",
        "validation RMSE": finished.validation_rmse,
        "test RMSE": finished.scores["rmse"],
        f"test RMSE ({pair.target.unit})": finished.scores["rmse_units"],
        "test evaluations": finished.test_evaluations,
    }
    spec = campaign.spec(study.name, best.number)
    with store.checkpoint(best.checkpoint) as checkpoint:
        export_model([Member(checkpoint, spec, pair)], pair, to, evidence)


def winner_of(campaign: Campaign, head: Mapping[str, Any], study: Study) -> Winner:
    """What is known of a study's winner, for whoever reviews it."""
    plan, finished = study.plan, study.finished[-1]
    rival = next((other for other in campaign.studies.values() if _is_single_task(other, plan)), None)
    config = study.trials[finished.winner].config
    return Winner(
        pair=plan.pair.id,
        split=plan.split,
        method=plan.method,
        study=study.name,
        campaign=campaign.plan.name,
        created=head["created"],
        number=finished.winner,
        test_evaluations=finished.test_evaluations,
        split_hash=finished.split_hash,
        data_hash=finished.data_hash,
        unit=head["data"][f"{plan.pair.id}.{plan.split}"]["unit"],
        scores=_scores(finished),
        single_task={} if rival is None else _scores(rival.finished[-1]),
        config=config,
        seed=config["seed"],
        versions=head["versions"],
    )


def _is_single_task(study: Study, plan: StudyPlan) -> bool:
    """Whether it is the evaluated study of single-task learning beside another of the same pair and split."""
    same = (study.plan.pair.id, study.plan.split) == (plan.pair.id, plan.split)
    return same and study.plan.method == "stl" != plan.method and bool(study.finished)


def _scores(finished: StudyFinished) -> dict[str, float]:
    """Every number of an evaluation: what does not say that it is of the validation part is of the test part."""
    numbers = {name: float(value) for name, value in finished.scores.items() if isinstance(value, int | float)}
    named = {name if name.startswith("validation_") else f"test_{name}": value for name, value in numbers.items()}
    return {"validation_rmse": finished.validation_rmse, **named}
