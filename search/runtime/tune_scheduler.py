"""Tune's scheduler: reports every epoch to the campaign, and continues or stops the trial as the campaign decides."""

import logging
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from search.campaign.campaign import Campaign
from search.runtime.deferred_error import DeferredErrors
from search.runtime.ray_internals import controller_of
from search.storage.campaign_store import CampaignStore

__all__ = ["CampaignScheduler"]

log = logging.getLogger(__name__)
MAX_REASON = 300  # characters


class CampaignScheduler(FIFOScheduler):
    """Reports results and lost trials to the campaign: Tune calls its scheduler before any other hook."""

    def __init__(self, campaign: Campaign, errors: DeferredErrors, store: CampaignStore) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.campaign = campaign
        self.errors = errors
        self.store = store
        self._lost: set[str] = set()  # ids of the trials whose loss is reported

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:  # noqa: ANN401
        """Report an epoch of every trial of a worker, and return whether any of them goes on."""
        going, leaving = False, []
        for place, row in result["rows"]:
            job = trial.config["jobs"][place]
            if row.note:
                log.warning("trial %s of %s %s", job["number"], job["study"], row.note)
            stop = True
            with self.errors.deferred():
                stop = self.campaign.report(trial.trial_id, row, place)
            going |= not stop
            if stop and row.status == "running":
                leaving.append(place)
        if not going or self.errors.first is not None:
            stopped: str = self.STOP
            return stopped
        controller = controller_of(tune_controller) if leaving else None
        if controller is not None:  # else the trials train on, and their epochs count nowhere
            controller.call(trial, "leave", leaving)
        continued: str = self.CONTINUE
        return continued

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:  # noqa: ANN401
        """Report trials as lost: their worker died, or an array of several failed."""
        if trial.trial_id in self._lost:
            return
        self._lost.add(trial.trial_id)
        job = trial.config["jobs"][0]
        with self.errors.deferred():
            own = self.store.read_error(job["study"], job["number"], job["attempt"])
            self.campaign.lose(trial.trial_id, own or _last_error_line(trial))

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:  # noqa: ANN401
        """Choose any trial that waits. Also report the trials that Tune gave up without calling any hook.

        A trial whose own worker is starting is not chosen: Tune would give it the worker of the next trial that ends,
        and end the worker that starts. Trials shorter than such a start would then never run on a new node.
        """
        controller = controller_of(tune_controller)
        if controller is None:
            return super().choose_trial_to_run(tune_controller)
        for trial in controller.failed:
            self.on_trial_error(tune_controller, trial)
        return next((trial for trial in controller.pending if not controller.is_starting(trial)), None)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its scheduler, and this program never reads it back."""
        return {}


def _last_error_line(trial: Trial) -> str:
    """The last line of the error file that Tune has written for a trial."""
    path = trial.error_file
    lines = Path(path).read_text().split("\n") if path is not None else []
    filled = [line.strip() for line in lines if line.strip()]
    return filled[-1][:MAX_REASON] if filled else "no error was given"
