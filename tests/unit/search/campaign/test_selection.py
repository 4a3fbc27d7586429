"""Who wins: by one look at the trials, on fresh seeds, or refitted; and nothing trained for it is counted as search."""

from statistics import fmean

import pytest

from search.campaign.events import TrialAsked
from search.campaign.selection import kept, members, score, winner
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


@pytest.mark.parametrize("cut", range(0, 300, 13))
def test_wherever_a_campaign_was_cut_off_it_ends_with_the_same_winner(cut):
    plan = small_plan(**PLAN, finalists=3, final="refit")
    whole = Simulation(plan, slots=1).run()
    resumed = Simulation(plan, whole.steps[: cut + 1], slots=1).run()
    (study, search), (other, _) = only_study(whole), only_study(resumed)
    assert winner(study, search).number == winner(other, search).number
    assert [(trial.purpose, trial.of) for trial in study.trials] == [
        (trial.purpose, trial.of) for trial in other.trials
    ]


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
