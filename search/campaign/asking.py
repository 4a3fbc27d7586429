"""What a campaign trains next: which study, with which parameters, and what is trained beside it in the same worker.

Nothing here changes the campaign; what is asked for takes effect once it is recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from gear.config import Value
from gear.parsing import to_dict
from search.campaign.arrays import can_join, has_company, held_by, max_running, room
from search.campaign.events import TrialAsked
from search.campaign.proposer import Proposer
from search.campaign.selection import Repeat, repeats_to_start, unvalidated
from search.campaign.study import Study, Trial
from search.campaign.study_transfer import Start, transferred_start
from search.plan.campaign_plan import CampaignPlan, stable_seed

__all__ = ["Asking"]


class Asking:
    """Asks for the next attempts.

    Args:
        plan: of the campaign.
        studies: by name, as they are at the time of a call.
        earlier: for each study by name, the studies of earlier campaigns that it may take configurations from.
    """

    def __init__(
        self, plan: CampaignPlan, studies: Mapping[str, Study], earlier: Mapping[str, Sequence[Study]]
    ) -> None:
        self._plan, self._studies, self._earlier = plan, studies, earlier
        self._proposers = {study.name: Proposer(study.method, plan.config, plan.search) for study in plan.studies}

    def left(self, study: Study) -> int:
        """Number of a study's trials that are still to be started, by what is known now."""
        return max(study.to_start, 0) or len(repeats_to_start(study, self._plan.search))

    def again(self, trial: Trial) -> TrialAsked:
        """The next attempt at an interrupted trial."""
        return TrialAsked(
            trial.study,
            trial.number,
            trial.attempt + 1,
            trial.params,
            trial.distributions,
            trial.config,
            trial.checkpoint,
            trial.origin,
            trial.purpose,
            trial.of,
            trial.array,
        )

    def new(self) -> TrialAsked | None:
        """A new trial of the study with the most work left, preferably of one that has few trials running."""
        open_studies = [study for study in self._studies.values() if study.to_start > 0]
        if not open_studies:
            return None
        study = max(open_studies, key=_urgency)
        own = self._studies.values() if self._plan.search.transfer_starts else ()
        others = [*own, *self._earlier.get(study.name, ())]
        return self._proposed(study, transferred_start(study, others, self._plan.search, self._plan.config))

    def repeat(self) -> TrialAsked | None:
        """A trial of a finished search that is trained again."""
        for study in self._studies.values():
            for repeat in repeats_to_start(study, self._plan.search):
                return self._repeated(study, repeat)
        return None

    def company(self, first: Trial, interrupted: Sequence[Trial]) -> Iterator[TrialAsked]:
        """Further attempts for the array of a trial that was just handed out (`search.campaign.arrays`).

        Args:
            first: of the array.
            interrupted: other trials that wait for their next attempt.

        Yields:
            Each attempt once the caller has recorded the one before.
        """
        if not has_company(first, self._plan.search):
            return
        study = self._studies[first.study]
        if first.attempt:
            yield from (self.again(trial) for trial in interrupted if can_join(trial, first))
        elif first.purpose == "search":
            held = held_by(first)
            while room(study, self._plan.search) > 0:
                yield self._proposed(study, held=held, array=first.number)
        else:
            waiting = repeats_to_start(study, self._plan.search)
            yield from (self._repeated(study, again) for again in waiting if again.trial.number == first.of)

    def _proposed(
        self,
        study: Study,
        start: Start | None = None,
        held: Mapping[str, Value] = MappingProxyType({}),
        array: int | None = None,
    ) -> TrialAsked:
        """The next trial of a study's search; `start`, `held`: see `Proposer.propose`; `array`: see `TrialAsked`."""
        found = self._proposers[study.name].propose(study, start, held)
        return TrialAsked(
            study=study.name,
            number=len(study.trials),
            attempt=0,
            params=found.params,
            distributions=found.distributions,
            config=to_dict(found.config),
            origin=found.origin,
            array=array,
        )

    def _repeated(self, study: Study, repeat: Repeat) -> TrialAsked:
        """A trial with the configuration of another one and a seed of its own."""
        trial, number = repeat.trial, len(study.trials)
        config = {**trial.config, "seed": stable_seed(self._plan.search.seed, study.name, repeat.purpose, number)}
        if repeat.purpose == "all-labels":
            config["training"] = trial.config["training"] | unvalidated(study, trial)
        return TrialAsked(
            study=study.name,
            number=number,
            attempt=0,
            params=trial.params,
            distributions=trial.distributions,
            config=config,
            origin=f"{repeat.purpose} of #{trial.number}",
            purpose=repeat.purpose,
            of=trial.number,
        )


def _urgency(study: Study) -> tuple[bool, float, int]:
    has_room = len(study.running) < max_running(study)
    return has_room, study.seconds_to_start, study.to_start
