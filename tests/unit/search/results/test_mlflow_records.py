"""What the recorder is told of a campaign's events."""

import dataclasses
import json
import tomllib

import pytest

from gear.results import EpochResult
from search.campaign.events import (
    AttemptLost,
    BlendFinished,
    BlendMember,
    EpochReported,
    Launched,
    StudyFinished,
    TrialAsked,
    TrialEnded,
)
from search.plan.plan_file import plan_from_dict
from search.results.mlflow_records import MlflowRecords, recorded, story
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support.fake_training import Simulation, small_plan
from tracking.recording.messages import ResultsThatHold, Step, StudyResult, StudyStarted, TrialResult, TrialStarted

EPOCH = EpochResult(1, 0.5, 0.5, 1, {"reg": 0.2, "curv": 0.0}, {"target": 0.2}, 2.0, 100.0, 0.0, 0, 900.0)
STUDY = "hv_from_ds.random.gear"
TWO = [BlendMember(STUDY, 0, 1), BlendMember(STUDY, 1, 1)]
HASHES = {"hv_from_ds.random": {"split_hash": "s", "data_hash": "d", "unit": "kJ/mol"}}


class Listener:
    """Keeps what a recorder is told."""

    def __init__(self):
        self.records = []

    def tell(self, *records):
        self.records += records


def told(*events, plan=None):
    return list(story(plan or small_plan(methods=["gear"]), HASHES, events))


def kinds(records):
    return [type(record) for record in records]


def life(number=0, state="complete", value=0.5, epochs=(EPOCH,)):
    params = {"weights.curv": 0.1 * (number + 1)}
    distribution = '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.01, "high": 10.0, "log": true}}'
    config = {"seed": 7, "training": {"epochs": 3}}
    yield TrialAsked(STUDY, number, 0, params, {"weights.curv": distribution}, config, origin="tpe")
    for row in epochs:
        row = dataclasses.replace(row, best_validation_rmse=value)
        yield EpochReported(STUDY, number, 0, row.epoch, row.metrics(), None)
    yield TrialEnded(STUDY, number, state, "last epoch", value if state == "complete" else None, len(epochs))


def test_a_study_is_told_with_all_that_its_runs_are_filtered_by():
    plan = small_plan(methods=["gear-no-curv"])
    (study,) = told(plan=plan)
    assert isinstance(study, StudyStarted)
    assert study.tags == {
        "pair": "hv_from_ds",
        "target": "hv",
        "source": "ds",
        "split": "random",
        "method": "gear-no-curv",
        **HASHES["hv_from_ds.random"],
    }
    assert (study.budget, study.params["epochs"], study.params["sampler"]) == (8, 9, "tpe")


def test_a_study_brings_its_plan_and_its_search_space():
    plan = small_plan(methods=["gear"], vary=("curvature.every",))
    (study,) = told(plan=plan)
    assert plan_from_dict(tomllib.loads(study.files["plan.toml"])) == plan
    space = {row["path"]: row for row in json.loads(study.files["space.json"])}
    rate = space["training.learning_rate"]
    assert (rate["kind"], rate["low"], rate["high"], rate["log"]) == ("float", 1e-3, 5e-3, True)
    assert rate["default"] == plan.config.training.learning_rate
    assert space["curvature.every"]["choices"] == [1, 2, 4, 8]


def test_a_trial_is_told_from_start_to_end():
    _, started, epoch, over, standing = told(*life())
    assert (started.params, started.tags["seed"], started.tags["origin"]) == (
        {"seed": 7, "training.epochs": 3},
        "7",
        "tpe",
    )
    assert (epoch.number, epoch.step) == (0, 1)
    assert {"validation_rmse", "seconds", "peak_memory_mb", "molecules_per_second"} <= set(epoch.metrics)
    assert (over.state, over.reason, over.metrics) == ("complete", "last epoch", {"total_seconds": 2.0})
    assert (standing.number, standing.step) == (None, 1)


def test_a_study_tells_its_best_and_its_counts_after_every_trial():
    lives = [*life(0, value=0.5), *life(1, value=0.7), *life(2, "failed"), *life(3, value=0.3)]
    standing = [record for record in told(*lives) if isinstance(record, Step) and record.number is None]
    assert [record.step for record in standing] == [1, 2, 3, 4]
    assert [record.metrics["best_validation_rmse"] for record in standing] == [0.5, 0.5, 0.5, 0.3]
    assert [record.metrics["trials_failed"] for record in standing] == [0, 0, 1, 1]
    assert [record.metrics["total_seconds"] for record in standing] == [2, 4, 6, 8]


def test_an_attempt_that_goes_on_starts_no_second_trial_and_is_counted():
    started, epoch, ended = life()
    again = dataclasses.replace(started, attempt=1)
    records = told(started, AttemptLost(STUDY, 0, 0, "node lost"), again, epoch, ended)
    assert kinds(records) == [StudyStarted, TrialStarted, Step, TrialResult, Step]
    assert records[3].tags["attempts"] == "2"


def test_a_trial_that_is_trained_again_says_of_which_and_is_none_of_the_search():
    started, epoch, ended = life(1)
    again = dataclasses.replace(started, purpose="rescore", of=0)
    records = told(*life(0), again, epoch, ended)
    assert records[5].tags["purpose"] == "rescore"
    assert records[5].tags["of"] == "0"
    assert [record.step for record in records if isinstance(record, Step) and record.number is None] == [1]


def test_a_trial_is_told_with_the_versions_that_trained_it():
    asked, epoch, ended = life()
    first, second = Launched("monday", {"torch": "2.12.0"}), Launched("tuesday", {"torch": "2.13.0"})
    started, *_, result, _ = told(first, asked, epoch, ended)[1:]
    assert (started.tags["versions"], result.tags["versions"]) == ('{"torch": "2.12.0"}',) * 2
    assert "versions_before" not in result.tags
    again = dataclasses.replace(asked, attempt=1)
    *_, result, _ = told(first, asked, epoch, second, again, epoch, ended)
    assert (result.tags["versions"], result.tags["versions_before"]) == ('{"torch": "2.13.0"}', '{"torch": "2.12.0"}')
    assert "versions" not in told(asked)[1].tags  # an earlier version recorded none


def test_findings_become_tags_of_the_trial():
    assert "finding.flat_curvature" in told(*life())[3].tags
    healthy = dataclasses.replace(EPOCH, train_loss={"reg": 0.2, "curv": 0.1})
    assert not [tag for tag in told(*life(epochs=(healthy,)))[3].tags if tag.startswith("finding.")]


def test_a_winner_is_told_with_its_numbers_on_test():
    finished = StudyFinished(STUDY, 0, 0.5, 2, {"rmse": 0.6, "rmse_low": 0.5, "n": 40})
    end = told(*life(), finished)[-1]
    numbers = {"test_rmse": 0.6, "test_rmse_low": 0.5, "test_n": 40}
    assert end.metrics == {**numbers, "winner_validation_rmse": 0.5}
    assert (end.tests, end.state, end.tags["winner"]) == (2, "complete", "0")
    assert end.files == {}


def test_a_result_whose_validation_error_changed_is_told_as_a_revision():
    finished = StudyFinished(STUDY, 0, 0.5, 1, {"rmse": 0.6})
    blend = BlendFinished("hv_from_ds", "random", TWO, {STUDY: [0, 1]}, 0.3, 0.4, 0.5, 0.4, 1, {"rmse": 0.45})
    results = [finished, blend, *(dataclasses.replace(one, validation_rmse=0.7) for one in (finished, blend))]
    results.append(dataclasses.replace(finished, test_evaluations=2))
    ends = [record for record in told(*life(0), *life(1), *results) if isinstance(record, StudyResult)]
    assert [(end.tests, end.revision) for end in ends] == [(1, 0), (1, 0), (1, 1), (1, 1), (2, 0)]
    assert [end.metrics["winner_validation_rmse"] for end in ends] == [0.5, 0.4, 0.7, 0.7, 0.5]


@pytest.mark.parametrize(
    ("final", "scores", "hold"),
    [("blend", [{"rmse": 0.4}], True), ("blend", [{"rmse": 0.4}, {}], False), ("refit", [{"rmse": 0.4}], False)],
)
def test_what_a_campaign_does_not_deliver_does_not_hold(final, scores, hold, tmp_path):
    plan = small_plan("quick-1", methods=["gear"], final=final)
    with CampaignStore.create(LocalPath(tmp_path / "quick-1"), {"plan": {}}, "") as store:
        store.append(*life(0), *life(1))
        for found in scores:
            store.append(BlendFinished("hv_from_ds", "random", TWO, {}, 0.3, 0.4, 0.5, 0.4, 1, found))
        *_, last = recorded(plan, HASHES, store.folder)
    assert last == ResultsThatHold(frozenset({"hv_from_ds.random.blend"} if hold else ()))


def test_errors_on_validation_are_those_that_chose_the_winner():
    scores = {"rmse": 0.6, "validation_rmse": 0.5, "validation_mae": 0.4, "validation_rmse_low": 0.3}
    chosen = {"winner_validation_rmse": 0.5, "winner_validation_mae": 0.4, "winner_validation_rmse_low": 0.3}
    assert told(*life(), StudyFinished(STUDY, 0, 0.5, 1, scores))[-1].metrics == {"test_rmse": 0.6, **chosen}
    by_a_mean = told(*life(), StudyFinished(STUDY, 0, 0.7, 1, scores))[-1].metrics
    assert by_a_mean == {"test_rmse": 0.6, "winner_validation_rmse": 0.7}


def test_what_mattered_is_told_with_the_winner_of_ten_trials():
    lives = [event for number in range(10) for event in life(number, value=abs(number - 4) / 10)]
    end = told(*lives, StudyFinished(STUDY, 4, 0.0, 1))[-1]
    assert end.metrics["importance/weights.curv"] == 1.0
    assert json.loads(end.files["importance.json"]) == {"weights.curv": 1.0}


def test_an_extended_study_whose_winner_stays_ends_again():
    plan = small_plan(methods=["gear"], trials=2)
    records = told(*life(0), StudyFinished(STUDY, 0, 0.5, 1), *life(1, "pruned"), plan=plan)
    ends = [record for record in records if isinstance(record, StudyResult)]
    assert [(end.tests, end.state) for end in ends] == [(1, "complete"), (1, "complete")]
    assert ends[1].metrics == {}
    assert records[-1] == ends[1]


def test_a_study_with_trials_left_does_not_end_again():
    records = told(*life(0), StudyFinished(STUDY, 0, 0.5, 1), *life(1, "pruned"))
    assert len([record for record in records if isinstance(record, StudyResult)]) == 1


def test_a_study_whose_trials_all_failed_has_failed():
    plan = small_plan(methods=["gear"], trials=2, replacements=0)
    records = told(*life(0, "failed"), *life(1, "failed"), plan=plan)
    assert [record.state for record in records if isinstance(record, StudyResult)] == ["failed"]


def test_a_launch_that_goes_on_tells_what_the_whole_story_tells():
    simulation = Simulation(small_plan(methods=["gear"]))
    simulation.run()
    events = simulation.events
    for cut in (0, 3, len(events) // 2, len(events)):
        listener = Listener()
        feed = MlflowRecords(listener, small_plan(methods=["gear"]), HASHES, events[:cut])
        feed(*events[cut:])
        assert told(*events) == told(*events[:cut]) + listener.records


def test_a_blend_is_told_as_a_study_without_trials():
    members = [BlendMember(STUDY, 0, 3), BlendMember(STUDY, 1, 1)]
    numbers = {"selected_rmse": 0.3, "expected_rmse": 0.4, "single_rmse": 0.5, "validation_rmse": 0.36}
    more = {"test_evaluations": 1, "scores": {"rmse": 0.45, "n": 50}}
    blend = BlendFinished("hv_from_ds", "random", members, {STUDY: [0, 1]}, **numbers, **more)
    started, result = told(*life(0), *life(1), blend)[-2:]
    assert isinstance(started, StudyStarted)
    assert (started.name, started.budget, started.tags["method"]) == ("hv_from_ds.random.blend", 0, "blend")
    assert {name: started.tags[name] for name in HASHES["hv_from_ds.random"]} == HASHES["hv_from_ds.random"]
    assert isinstance(result, StudyResult)
    assert (result.study, result.tests, result.tags) == (started.name, 1, {"members": "75 % gear #0, 25 % gear #1"})
    assert (result.metrics["winner_validation_rmse"], result.metrics["test_rmse"]) == (0.36, 0.45)


def test_nothing_is_told_of_a_blend_of_one_trial():
    alone = BlendFinished("hv_from_ds", "random", [BlendMember(STUDY, 0, 1)], {STUDY: [0, 1]}, 0.3, 0.4, 0.4, 0.4)
    assert told(*life(0), *life(1), alone) == told(*life(0), *life(1))
