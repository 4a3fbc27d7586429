"""The blend of a campaign: chosen among what was kept, tested once, ranked by what it is expected to reach."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from gear.evaluation.blending import choose_blend
from gear.evaluation.evaluate import combined
from gear.evaluation.held_out import HeldOutPredictions, predictions_table
from gear.export import Member
from gear.label_scaler import Scaler
from search.campaign.campaign import Campaign
from search.campaign.events import StudyFinished, TrialAsked, TrialEnded
from search.campaign.leaderboard import standings
from search.campaign.selection import score, winner
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.results import blend as module
from search.results.blend import judge_blends
from search.results.blend_evidence import blend_words, winner_of_blend
from search.results.ensemble import judge, weights_of
from search.results.evidence import read_board
from search.results.winners import leaderboard
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support.fake_training import recorded_search, small_plan

PLAN = small_plan("quick-1", final="blend", blend_candidates=2)
HEAD = {
    "plan": plan_to_dict(PLAN),
    "data": {"hv_from_ds.random": {"split_hash": "s", "data_hash": "d", "unit": "kJ/mol"}},
    "created": "monday",
    "versions": {},
}
GEAR, STL, BLEND = (f"hv_from_ds.random.{name}" for name in ("gear", "stl", "blend"))
N, FOLDS = 60, 3
SCALER = Scaler(0.0, 1.0, log10=False)
SMILES = np.array([f"C{k:03d}" for k in range(2 * N)], object)
TRUTH = np.random.default_rng(0).normal(size=2 * N)  # validation molecules, then test molecules


def independent(trial):
    """Errors of a model that have nothing to do with those of other trials."""
    return np.random.default_rng([trial.number, len(trial.study)]).normal(size=2 * N)


def alike(trial):
    """The same errors for all trials, larger for a higher number."""
    return np.random.default_rng(5).normal(size=2 * N) * (1 + trial.number / 10)


def predicted(error, fold):
    """What a fold's model predicts: a third of the validation molecules, and all test molecules."""
    rows = np.concatenate([np.arange(fold, N, FOLDS), np.arange(N, 2 * N)])
    part = np.where(rows < N, "validation", "test")
    unknown = np.full(len(rows), np.nan)
    return HeldOutPredictions(SMILES[rows], part, TRUTH[rows], TRUTH[rows] + error[rows], unknown, SCALER)


@pytest.fixture
def models(monkeypatch):
    """Lets the trials of a campaign have models with given errors; lists the trials that were asked to predict."""
    asked = []

    def make(errors):
        pair = SimpleNamespace(split_hash="s", data_hash="d")

        def trained(campaign, store, trial, stack):
            asked.append((trial.study, trial.number))
            specs = [SimpleNamespace(error=errors(trial), fold=fold) for fold in range(FOLDS)]
            return [Member(Path(), spec, pair) for spec in specs]

        # intervals need real molecules
        def judged(of, alone):
            together = combined(alone, weights_of(of))
            return predictions_table(together), judge(alone, together)

        monkeypatch.setattr(module, "judge_with_intervals", judged)
        monkeypatch.setattr(module, "trained", trained)
        monkeypatch.setattr(module, "damage", lambda campaign, store, trial: "")
        monkeypatch.setattr(
            module, "predict_all", lambda of, _: [predicted(one.spec.error, one.spec.fold) for one in of]
        )
        return asked

    return make


@pytest.fixture
def store(tmp_path):
    with CampaignStore.create(LocalPath(tmp_path / "quick-1"), HEAD, plan_to_toml(PLAN)) as opened:
        yield opened


def searched(store, plan=PLAN):
    """A campaign whose trials are over, with the checkpoints that it keeps."""
    campaign = recorded_search(plan, store)
    for study in campaign.studies.values():
        for trial in study.ranking:
            trial.checkpoint = f"checkpoints/{study.name}/{trial.number:04d}/attempt-0/epoch-9"
            (store.folder / trial.checkpoint / "state.json").write_text("{}")
        best = winner(study, plan.search)
        scores = {"rmse": 1.0, "rmse_units": 1.0, "mae": 1.0, "r2": 0.0, "n": N}
        campaign.finish_study(StudyFinished(study.name, best.number, best.value, 1, scores, "s", "d"))
    return campaign


def lowest(campaign):
    return min(score(study, winner(study, PLAN.search)) for study in campaign.studies.values())


def test_data_points_of_a_molecule_stay_together_where_the_choice_is_judged(store, models, monkeypatch):
    """Ten data points with the error of their molecule each: the estimates are those of one data point each."""
    campaign, _ = searched(store), models(independent)

    def with_points(of, _):
        rows = np.tile(np.arange(2 * N), 10)
        predicted = [TRUTH[rows] + one.spec.error[rows] for one in of]
        part, unknown = np.where(rows < N, "validation", "test"), np.full(len(rows), np.nan)
        columns = {"temperature": np.repeat(np.arange(10.0), 2 * N)}
        return [HeldOutPredictions(SMILES[rows], part, TRUTH[rows], one, unknown, SCALER, columns) for one in predicted]

    monkeypatch.setattr(module, "predict_all", with_points)
    judge_blends(campaign, store, pytest.fail)
    (blend,) = campaign.tested_blends
    candidates = [trial for study in campaign.studies.values() for trial in study.ranking[:2]]
    errors = np.array([independent(trial)[:N] for trial in candidates])
    by_molecules = choose_blend(TRUTH[:N] + errors, TRUTH[:N], SCALER)
    assert (blend.expected_rmse, blend.single_rmse) == pytest.approx((by_molecules.expected, by_molecules.single))


def test_members_come_from_the_best_of_all_studies_and_their_mean_is_tested_and_written(store, models):
    campaign, asked = searched(store), models(independent)
    judge_blends(campaign, store, pytest.fail)
    (blend,) = campaign.tested_blends
    assert sorted(asked) == sorted((s.name, t.number) for s in campaign.studies.values() for t in s.ranking[:2])
    assert {member.study for member in blend.members} == {GEAR, STL}
    assert (blend.name, blend.test_evaluations, blend.split_hash) == (BLEND, 1, "s")
    shares = np.array([member.count for member in blend.members]) / sum(member.count for member in blend.members)
    trials = [campaign.studies[member.study].trials[member.number] for member in blend.members]
    mean = TRUTH[N:] + shares @ [independent(trial)[N:] for trial in trials]
    table = pq.read_table(str(store.folder / f"predictions/{BLEND}.parquet"))
    np.testing.assert_allclose(table["prediction"].to_numpy(), mean)
    assert blend.scores["rmse"] == pytest.approx(np.sqrt(np.square(mean - TRUTH[N:]).mean()))
    assert blend.scores["models"] == FOLDS * len(trials)


def test_a_better_blend_is_the_champion_and_is_said_to_be(store, models):
    campaign = searched(store)
    models(independent)
    judge_blends(campaign, store, pytest.fail)
    (blend,) = campaign.tested_blends
    assert blend.better
    assert blend.validation_rmse == pytest.approx(lowest(campaign) * blend.expected_rmse / blend.single_rmse)
    assert [row.study for row in standings(campaign)] == [GEAR, STL, BLEND]
    assert min(standings(campaign), key=lambda row: row.validation_rmse).study == BLEND
    found, *compared = blend_words(read_board(campaign, HEAD, store.folder), blend)
    assert "the blend is the champion" in found
    assert f"gear #{campaign.studies[GEAR].best.number}" in found
    best = min(standings(campaign)[:2], key=lambda row: row.validation_rmse).method
    assert ["than of gear" in line for line in compared] == ([True] if best == "gear" else [])
    board = leaderboard(campaign, HEAD, store.folder)
    assert board.notes == [found, *compared]
    assert "than of stl" in board.changes[BLEND].words("blend")
    won = winner_of_blend(read_board(campaign, HEAD, store.folder), blend)
    assert (won.method, won.number, won.study) == ("blend", None, BLEND)
    assert "% gear #" in won.trials


def test_where_one_trial_is_best_by_itself_there_is_no_blend_and_nothing_is_tested(store, models):
    campaign = searched(store)
    models(alike)
    judge_blends(campaign, store, pytest.fail)
    assert campaign.tested_blends == []
    assert [row.study for row in standings(campaign)] == [GEAR, STL]
    assert not (store.folder / f"predictions/{BLEND}.parquet").exists()
    (line,) = leaderboard(campaign, HEAD, store.folder).notes
    assert "no blend, since no mean of trials has a lower validation RMSE" in line


def test_a_blend_that_is_not_expected_to_be_better_ranks_behind_the_best_single_trial(store, models, monkeypatch):
    def not_better(*args, **kwargs):
        return dataclasses.replace(choose_blend(*args, **kwargs), expected=0.9, single=0.8)

    monkeypatch.setattr(module, "choose_blend", not_better)
    campaign = searched(store)
    models(independent)
    judge_blends(campaign, store, pytest.fail)
    (blend,) = campaign.tested_blends
    assert blend.validation_rmse > lowest(campaign)
    assert "stays the champion" in blend_words(read_board(campaign, HEAD, store.folder), blend)[0]


def test_an_interrupted_campaign_does_not_choose_or_test_again_unless_the_candidates_changed(
    store, models, monkeypatch
):
    campaign, asked = searched(store), models(independent)
    judge_blends(campaign, store, pytest.fail)
    asked.clear()
    with monkeypatch.context() as patch:
        patch.setattr(module, "damage", lambda campaign, store, trial: pytest.fail("a checkpoint was read"))
        judge_blends(campaign, store, pytest.fail)
    again = Campaign(PLAN, store.append, store.events())
    for study in again.studies.values():
        for trial in study.ranking:
            trial.checkpoint = campaign.studies[study.name].trials[trial.number].checkpoint
    judge_blends(again, store, pytest.fail)
    assert asked == []
    assert again.blends == campaign.blends
    more = dataclasses.replace(PLAN, search=dataclasses.replace(PLAN.search, blend_candidates=3))
    again.plan = more
    judge_blends(again, store, pytest.fail)
    assert len(asked) == sum(len(study.ranking[:3]) for study in again.studies.values()) > 4
    assert [blend.test_evaluations for blend in again.blends[BLEND]] == [1, 2]


def test_a_blend_is_ranked_anew_where_fresh_seeds_change_the_error_of_the_best_winner(store, models):
    campaign, asked = searched(store), models(independent)
    judge_blends(campaign, store, pytest.fail)
    (first,) = campaign.tested_blends
    asked.clear()
    study = min(campaign.studies.values(), key=lambda study: study.best.value)
    number = len(study.trials)
    campaign._record(
        TrialAsked(study.name, number, 0, {}, {}, study.best.config, purpose="rescore", of=study.best.number),
        TrialEnded(study.name, number, "complete", "last epoch", study.best.value + 0.01, 9),
    )
    for _ in range(2):
        judge_blends(campaign, store, pytest.fail)
    assert asked == []
    assert campaign.blends[BLEND][0] == first
    (last,) = campaign.blends[BLEND][1:]
    assert last == dataclasses.replace(
        first, validation_rmse=pytest.approx(lowest(campaign) * last.expected_rmse / last.single_rmse)
    )
    assert last.validation_rmse > first.validation_rmse
    assert [row.test_evaluations for row in standings(campaign) if row.study == BLEND] == [1]


def test_a_blend_that_was_tested_and_lost_counts_as_tested(store, models, monkeypatch):
    campaign = searched(store)
    models(independent)
    judge = module.judge_with_intervals

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "judge_with_intervals", die)
    with pytest.raises(KeyboardInterrupt):
        judge_blends(campaign, store, pytest.fail)
    monkeypatch.setattr(module, "judge_with_intervals", judge)
    judge_blends(campaign, store, pytest.fail)
    for one in (campaign, Campaign(PLAN, store.append, store.events())):
        assert one.blends[BLEND][-1].test_evaluations == 2
        assert [row.test_evaluations for row in standings(one) if row.study == BLEND] == [2]


def test_candidates_without_checkpoints_are_said_and_the_others_are_taken(store, models):
    campaign, asked = searched(store), models(independent)
    gone = campaign.studies[GEAR].ranking[1]
    (store.folder / gone.checkpoint).remove()
    said = []
    judge_blends(campaign, store, said.append)
    assert (GEAR, gone.number) not in asked
    assert len(asked) == 3
    assert len(said) == 1
    assert f"{GEAR}: the checkpoints of 1 of the best 2 trials were removed" in said[0]


def test_without_two_trials_there_is_nothing_to_blend(store, models):
    campaign, asked = searched(store), models(independent)
    for study in campaign.studies.values():
        for trial in study.ranking:
            (store.folder / trial.checkpoint).remove()
    said = []
    judge_blends(campaign, store, said.append)
    assert asked == []
    assert "no blend, since there are no two trials to choose from" in said[-1]


def test_a_campaign_that_is_to_end_otherwise_does_not_show_its_blend(store, models):
    campaign = searched(store)
    models(independent)
    judge_blends(campaign, store, pytest.fail)
    campaign.plan = dataclasses.replace(PLAN, search=dataclasses.replace(PLAN.search, final="best"))
    assert [row.study for row in standings(campaign)] == [GEAR, STL]
