"""Who wins: by one look at the trials, on fresh seeds, or refitted; and nothing trained for it is counted as search."""

import dataclasses
import math
from functools import partial
from statistics import fmean

import pytest

from search.campaign.events import BlendFinished, BlendMember, TrialAsked
from search.campaign.selection import (
    blend_candidates,
    delivered,
    kept,
    members,
    repeats_to_start,
    score,
    unvalidated,
    winner,
)
from search.storage.checkpoint_cleanup import CheckpointCleanup
from tests.support.fake_training import BrokenRun, FakeRun, Simulation, small_plan

PLAN = {"methods": ["stl"], "trials": 9}


def only_study(simulation):
    (study,) = simulation.campaign.studies.values()
    return study, simulation.campaign.plan.search


def asked(simulation, purpose):
    return [e for e in simulation.events if isinstance(e, TrialAsked) and e.purpose == purpose and not e.attempt]


def test_without_finalists_the_lowest_value_wins_and_nothing_is_trained_again():
    simulation = Simulation(small_plan(**PLAN)).run()
    study, search = only_study(simulation)
    assert winner(study, search) is study.best
    assert len(study.trials) == 9


def test_finalists_are_trained_again_on_fresh_seeds_and_the_lowest_mean_wins():
    simulation = Simulation(small_plan(**PLAN, finalists=3)).run()
    study, search = only_study(simulation)
    again = asked(simulation, "rescore")
    assert simulation.campaign.done
    assert len(study.trials) == 9 + 3 * 2
    assert sorted(event.of for event in again) == sorted(trial.number for trial in study.ranking[:3] for _ in range(2))
    assert len({event.config["seed"] for event in again} | {trial.config["seed"] for trial in study.searched}) == 15
    means = {n: fmean(t.value for t in study.trials if t.of == n) for n in {event.of for event in again}}
    assert winner(study, search).number == min(means, key=means.get)
    assert score(study, winner(study, search)) == min(means.values())


def test_a_trial_on_a_fresh_seed_is_never_stopped_early_and_does_not_count_as_search():
    simulation = Simulation(small_plan(**PLAN, finalists=4)).run()
    study, _ = only_study(simulation)
    assert {trial.state for trial in study.trials if trial.purpose == "rescore"} == {"complete"}
    assert study.ended == len(study.searched) == 9
    assert all(trial.purpose == "search" for trial in study.ranking)
    assert sum(map(len, study.rungs.values())) == sum(len(trial.curve) for trial in study.searched)


def test_finalists_that_fail_on_fresh_seeds_lose():
    plain = Simulation(small_plan(**PLAN)).run()
    best, second = only_study(plain)[0].ranking[:2]

    class FailsForTheBest(BrokenRun):
        def epochs(self):
            fresh = all(trial.config["seed"] != self.spec.config.seed for trial in only_study(plain)[0].searched)
            same = self.spec.config.training.learning_rate == best.config["training"]["learning_rate"]
            return super().epochs() if fresh and same else FakeRun.epochs(self)

    study, search = only_study(Simulation(small_plan(**PLAN, finalists=2), factory=FailsForTheBest).run())
    assert winner(study, search).number == second.number


def test_a_finalist_that_fails_late_on_a_fresh_seed_loses_whatever_it_reached_before():
    plan = small_plan(**PLAN, pruner="none")
    plain = Simulation(plan).run()
    best, second = only_study(plain)[0].ranking[:2]
    known = {trial.config["seed"] for trial in only_study(plain)[0].searched}

    class FailsLateForTheBest(FakeRun):
        def epochs(self):
            mine = self.spec.config.training.learning_rate == best.config["training"]["learning_rate"]
            for result in super().epochs():
                if mine and self.spec.config.seed not in known:
                    if result.epoch == 8:
                        raise RuntimeError("CUDA out of memory")
                    result = dataclasses.replace(result, best_validation_rmse=0.001)
                yield result

    study, search = only_study(
        Simulation(small_plan(**PLAN, pruner="none", finalists=2), factory=FailsLateForTheBest).run()
    )
    assert [(again.state, again.value) for again in study.repeats[best.number]] == [("failed", 0.001)] * 2
    assert score(study, study.best) == math.inf
    assert winner(study, search).number == second.number


class LuckyOnce(FakeRun):
    """A configuration that is not known has a low error at first, and a high one on every other seed."""

    def __init__(self, spec, known):
        super().__init__(spec)
        rate = spec.config.training.learning_rate
        self.floor = 5.0 if rate in known else 0.01
        known.add(rate)

    def value(self, epoch):
        return self.floor + math.exp(-epoch)


class Removals:
    """Stands in for a store; lists the trials whose checkpoints were removed."""

    def __init__(self):
        self.removed = set()

    def write_trial(self, study, number, spec):
        pass

    def remove_checkpoints(self, study, number, keep=None):
        if keep is None:
            self.removed.add(number)


@pytest.mark.parametrize("more", [{"final": "refit"}, {"final_labels": "all"}])
def test_what_was_trained_again_of_a_winner_is_kept_while_luckier_trials_lead(more):
    first = Simulation(small_plan(**PLAN, finalists=2, **more)).run()
    before, _ = only_study(first)
    known = {trial.config["training"]["learning_rate"] for trial in before.searched}
    extended = small_plan(**(PLAN | {"trials": 10}), finalists=2, **more)
    luck = set()

    def run(spec):
        return (FakeRun if spec.config.training.learning_rate in known else partial(LuckyOnce, known=luck))(spec)

    again, store = Simulation(extended, first.steps, run), Removals()
    again.campaign.listeners.append(CheckpointCleanup(again.campaign, store))
    study, search = only_study(again)
    best = winner(study, search)
    again.run()
    assert study.best is study.searched[-1] is not best
    assert winner(study, search) is best
    assert (
        not {trial.number for trial in [*members(study, best, search), *delivered(study, best, search)]} & store.removed
    )
    assert study.best.number not in store.removed
    assert {t.purpose for t in study.repeats[best.number]} == {"rescore", "refit" if "final" in more else "all-labels"}


def test_the_winner_is_refitted_on_folds_and_seeds_and_its_models_are_the_result():
    simulation = Simulation(small_plan(**PLAN, finalists=2, final="refit")).run()
    study, search = only_study(simulation)
    refits = asked(simulation, "refit")
    best = winner(study, search)
    assert [event.of for event in refits] == [best.number] * search.refit_seeds
    assert [trial.number for trial in members(study, best, search)] == [event.number for event in refits]
    specs = [simulation.campaign.spec(study.name, event.number) for event in refits]
    assert {spec.folds for spec in specs} == {search.refit_folds}
    assert len({spec.config.seed for spec in specs}) == 2


def test_wherever_a_campaign_was_cut_off_it_ends_with_the_same_winner():
    plan = small_plan(**PLAN, finalists=3, final="refit")
    whole = Simulation(plan, slots=1).run()
    study, search = only_study(whole)
    purposes = set()
    for cut in range(1, len(whole.steps), 7):
        resumed = Simulation(plan, whole.steps[:cut], slots=1)
        purposes |= {trial.purpose for trial in only_study(resumed)[0].trials}
        other, _ = only_study(resumed.run())
        assert winner(study, search).number == winner(other, search).number, cut
        assert [(trial.purpose, trial.of) for trial in study.trials] == [
            (trial.purpose, trial.of) for trial in other.trials
        ], cut
    assert purposes == {"search", "rescore", "refit"}  # it was cut off in each of these stages


def test_an_extended_search_keeps_what_is_known_of_its_finalists():
    first = Simulation(small_plan(**PLAN, finalists=2)).run()
    second = Simulation(small_plan(**(PLAN | {"trials": 14}), finalists=2), first.steps).run()
    study, _ = only_study(second)
    assert len(study.searched) == 14
    assert [trial.of for trial in study.trials if trial.of is not None] == [
        *(event.of for event in asked(first, "rescore")),
        *(event.of for event in asked(second, "rescore")[4:]),
    ]
    assert all(len(again) == 2 for again in study.repeats.values())
    assert {trial.number for trial in study.ranking[:2]} <= set(study.repeats)


def test_what_the_search_proposes_does_not_depend_on_what_was_trained_again():
    first = Simulation(small_plan(**PLAN, finalists=2), slots=1).run()
    extended = small_plan(**(PLAN | {"trials": 14}), finalists=2)
    continued, plain = Simulation(extended, first.steps, slots=1).run(), Simulation(extended, slots=1).run()
    assert [t.params for t in only_study(continued)[0].searched] == [t.params for t in only_study(plain)[0].searched]


def test_checkpoints_are_kept_of_all_that_may_still_win():
    simulation = Simulation(small_plan(**PLAN, finalists=3, final="refit")).run()
    study, search = only_study(simulation)
    result = {trial.number for trial in members(study, winner(study, search), search)}
    assert kept(study, search) == {trial.number for trial in study.ranking[:3]} | result


def test_for_a_blend_the_best_few_and_the_winner_keep_their_checkpoints():
    plan = small_plan(**PLAN, finalists=4, final="blend", blend_candidates=2)
    study, search = only_study(Simulation(plan).run())
    candidates = blend_candidates(study, search)
    assert {t.number for t in candidates} == {t.number for t in [*study.ranking[:2], winner(study, search)]}
    assert kept(study, search) == {t.number for t in study.ranking[:4]}
    fewer = dataclasses.replace(search, finalists=0, blend_candidates=5)
    assert kept(study, fewer) == {t.number for t in study.ranking[:5]}
    assert kept(study, dataclasses.replace(fewer, final="best")) == {study.best.number}


@pytest.mark.parametrize("final", ["best", "refit"])
def test_what_is_taken_home_is_trained_on_all_labels_once_it_is_known(final):
    simulation = Simulation(small_plan(**PLAN, finalists=2, final=final, final_labels="all")).run()
    study, search = only_study(simulation)
    best, again = winner(study, search), asked(simulation, "all-labels")
    assert simulation.campaign.done
    assert [event.of for event in again] == [best.number] * search.refit_seeds
    assert [trial.number for trial in delivered(study, best, search)] == [event.number for event in again]
    tested = [trial.purpose for trial in members(study, best, search)]
    assert tested == (["refit"] * 2 if final == "refit" else ["search"])
    for event in again:
        spec = simulation.campaign.spec(study.name, event.number)
        assert (spec.labels, spec.folds) == ("all", 1)
        assert (spec.config.training.patience, spec.config.training.keep) == (0, "last")
    assert len({event.config["seed"] for event in again} | {best.config["seed"]}) == 3
    assert {event.number for event in again} <= kept(study, search)


def test_a_training_without_validation_takes_as_many_epochs_as_were_best_before():
    simulation = Simulation(small_plan(**PLAN, finalists=2, final_labels="all")).run()
    study, search = only_study(simulation)
    best = winner(study, search)
    for trial, epoch in zip([best, *study.repeats[best.number]], (3, 5, 8, 100, 100), strict=True):
        trial.best_epoch = epoch
    assert unvalidated(study, best)["epochs"] == 5  # of the winner and its two fresh seeds


def test_models_on_all_labels_that_failed_leave_those_that_were_tested():
    class FailsOnAllLabels(BrokenRun):
        def epochs(self):
            return super().epochs() if self.spec.labels == "all" else FakeRun.epochs(self)

    simulation = Simulation(small_plan(**PLAN, final_labels="all"), factory=FailsOnAllLabels).run()
    study, search = only_study(simulation)
    assert simulation.campaign.done
    assert len(asked(simulation, "all-labels")) == 2
    assert delivered(study, winner(study, search), search) == [winner(study, search)]


def blended(simulation, *members):
    (study,) = simulation.campaign.studies.values()
    place = study.plan.pair.id, study.plan.split
    found = [BlendMember(study.name, number, 1) for number in members]
    simulation.campaign.finish_blend(BlendFinished(*place, found, {study.name: list(members)}, 1.0, 1.0, 1.0, 1.0))
    return study, simulation.campaign.plan.search


def test_members_of_a_blend_are_trained_on_all_labels_when_they_are_known():
    simulation = Simulation(small_plan(**PLAN, final="blend", final_labels="all")).run()
    first, second = (trial.number for trial in only_study(simulation)[0].ranking[:2])
    assert simulation.campaign.done
    study, search = blended(simulation, first, second)
    assert not simulation.campaign.done
    assert [again.trial.number for again in repeats_to_start(study, search)] == [second, second]
    simulation.run()
    assert simulation.campaign.done
    assert [trial.of for trial in delivered(study, study.trials[second], search)] == [second, second]
    assert {trial.number for trial in study.repeats[second]} <= kept(study, search)
    resumed = Simulation(simulation.campaign.plan, simulation.steps)
    assert resumed.campaign.done
    assert resumed.campaign.blends == simulation.campaign.blends
