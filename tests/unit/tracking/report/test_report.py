"""The report: what it reads of campaigns, and what it compares."""

import numpy as np
import pytest

from gear.errors import StorageError, UnknownNameError
from gear.evaluation.held_out import PartPredictions
from tests.support.fake_records import LARGE, SMALL, Study, record_reference, study, trial
from tests.support.report_page import page_of, words
from tracking.report.compare import averages, best_transfer, changes, learns_logarithm, reference_changes
from tracking.report.reading import read_campaigns
from tracking.report.verdict import verdict
from tracking.report.views import overview, rows


def test_a_study_is_compared_with_single_task_training_on_the_same_split(recorded):
    (campaign,) = recorded(Study(test=0.4), Study(method="stl", test=0.5))
    (change,) = changes(campaign.studies)
    assert change.value == pytest.approx(-0.2)
    assert (change.study.method, change.baseline.method) == ("gear", "stl")


def test_settings_are_those_of_the_newest_launch(recorded, client):
    (campaign,) = recorded(Study())
    assert campaign.settings == {"epochs": "3", "sampler": "tpe"}  # an earlier version recorded no plan
    plan = 'name = "one"\n[search]\nsampler = "tpe"\nfinalists = 3\nvary = ["a", "b"]\n'
    client.log_text(campaign.studies[0].run_id, plan, "plan.toml")
    (campaign,) = read_campaigns(client, [])
    assert campaign.settings == {"epochs": "3", "sampler": "tpe", "finalists": "3", "vary": "('a', 'b')"}


def test_studies_on_other_molecules_are_not_compared(recorded):
    (campaign,) = recorded(Study(), Study(method="stl", hash="another"))
    assert changes(campaign.studies) == []
    assert "Whether transfer helped is unknown" in words(page_of([campaign]))


def test_a_campaign_is_compared_with_its_own_single_task_training_first(recorded):
    recorded(Study(test=0.4), Study(method="stl", test=0.5), campaign="one")
    campaigns = recorded(Study(method="stl", test=0.8, validation=0.1), campaign="two")
    found = changes([s for campaign in campaigns for s in campaign.studies])
    assert [change.value for change in found] == [pytest.approx(-0.2)]


def test_the_verdict_is_on_the_method_that_validation_chooses(recorded):
    """Never on the one that does best on test."""
    studies = (
        Study(validation=0.3, test=0.6),
        Study(method="mtl", validation=0.4, test=0.2),
        Study(method="stl", test=0.5),
    )
    (campaign,) = recorded(*studies)
    found = changes(campaign.studies)
    assert [change.study.method for change in best_transfer(found)] == ["gear"]
    assert verdict(campaign.studies, found).helped == 0
    assert "Transfer helped on 0 of 1 comparison" in words(page_of([campaign]))


def test_neither_a_classical_method_nor_a_blend_answers_whether_transfer_helps(recorded):
    """The one has no source, the other is a mean of several; both are shown as what they are."""
    others = ("gp", "blend", "svr")
    studies = (Study(method=method, validation=0.1, test=0.1) for method in others)
    (campaign,) = recorded(
        Study(test=0.6), Study(method="stl", test=0.5), Study(method="delta", validation=0.6, test=0.7), *studies
    )
    found = changes(campaign.studies)
    assert [change.study.method for change in best_transfer(found)] == ["gear"]
    assert verdict(campaign.studies, found).helped == 0
    shown = overview(campaign.studies, found)
    assert {"gear", "delta", "gp", "svr", "blend"} == {change.study.method for change in found}
    assert not any(method in shown["change-random"].description for method in others)
    assert "2 methods" in shown["change-random"].description
    assert all(method in shown["others-random"].description for method in others)
    assert "Classical methods and blends beside them" in words(page_of([campaign]))


def test_a_result_that_its_campaign_delivers_no_more_is_not_shown(recorded, client):
    (campaign,) = recorded(Study(), Study(method="blend", validation=0.1))
    (blend,) = (study for study in campaign.studies if study.method == "blend")
    client.set_tag(blend.run_id, "gear.status", "superseded")
    (campaign,) = read_campaigns(client, [])
    assert [study.method for study in campaign.studies] == ["gear"]
    assert "blend" not in words(page_of([campaign]))


def test_a_target_without_a_source_is_no_transfer(recorded):
    (campaign,) = recorded(Study(pair="hv", method="mine", test=0.4), Study(pair="hv", method="stl", test=0.5))
    assert best_transfer(changes(campaign.studies)) == []
    assert "Whether transfer helped is unknown" in words(page_of([campaign]))


def test_an_effect_on_every_molecule_is_beyond_chance_and_none_is_not(recorded):
    (campaign,) = recorded(
        Study(errors=SMALL),
        Study(method="mtl", errors=LARGE[::-1]),
        Study(method="stl", errors=LARGE),
    )
    better, same = (found.change for found in changes(campaign.studies))
    assert better.sure
    assert better.interval.high < -0.9
    assert better.p_value < 0.01
    assert not same.sure
    assert same.p_value > 0.5


def test_only_molecules_that_both_have_predicted_count(recorded):
    """The last ten errors of the longer one are huge, and have no partner."""
    (campaign,) = recorded(Study(errors=LARGE + (500.0,) * 10), Study(method="stl", errors=LARGE))
    (change,) = changes(campaign.studies)
    assert change.change.interval.low == pytest.approx(0, abs=1e-9)


def test_without_predictions_there_is_neither_interval_nor_p(recorded):
    (campaign,) = recorded(Study(), Study(method="stl", test=0.5))
    (change,) = changes(campaign.studies)
    assert (change.change.interval, change.change.p_value, change.change.sure) == (None, None, False)
    text = words(page_of([campaign]))
    assert "were not recorded, so it is unknown which differences are chance" in text
    assert "Predictions not recorded, so there is no parity plot" in text


@pytest.mark.parametrize("log", [True, False])
def test_whether_models_see_the_logarithm_is_told_from_their_errors(log):
    generator = np.random.default_rng(1)
    true = 10 ** generator.normal(1, 0.4, 300)
    studies = []
    for method, size in (("gear", 0.1), ("stl", 0.3)):
        if log:
            predicted = true * 10 ** generator.normal(0, size, 300)
            standardised = float(np.sqrt(np.square(np.log10(predicted / true)).mean())) / 0.4
        else:
            predicted = np.abs(true + generator.normal(0, size, 300))
            standardised = float(np.sqrt(np.square(predicted - true).mean())) / 12
        parts = {"test": PartPredictions(np.arange(300).astype(str), true, predicted)}
        studies.append(study([trial()], method, predictions=parts, test_rmse=standardised))
    assert learns_logarithm(studies) is log


def test_folds_are_averaged_with_their_spread(recorded):
    folds = [
        Study(split=f"random-fold{k}", method=method, test=test, hash=f"s{k}")
        for k, tests in ((1, (0.4, 0.5)), (2, (0.6, 0.5)))
        for method, test in zip(("gear", "stl"), tests, strict=True)
    ]
    (campaign,) = recorded(*folds, Study(split="scaffold"))
    gear, stl = averages(campaign.studies, changes(campaign.studies))
    assert (gear.split, gear.method, gear.n) == ("random", "gear", 2)
    assert gear.test_rmse == pytest.approx((0.5, 0.1 * 2**0.5))
    assert gear.change == pytest.approx((0.0, 0.2 * 2**0.5))
    assert stl.change is None


# references


def test_references_are_rows_below_the_studies_of_their_pair_and_split(recorded, client, uri):
    recorded(Study(errors=SMALL), Study(method="stl", errors=LARGE), Study(split="scaffold", hash="other"))
    for name, errors in (("mean", LARGE * 2), ("svr", LARGE)):
        metrics = {"test_r2": 0.125, "test_n": 50, "test_rmse_low": 0.2222, "test_rmse_high": 0.3333}
        record_reference(uri, "quick-1", Study(errors=errors, metrics=metrics), name)
    (campaign,) = read_campaigns(client, [])
    found = rows([campaign], changes(campaign.studies), reference_changes(campaign.studies, campaign.references))
    names = [row.study.title if row.is_reference else row.study.method for row in found]
    assert names == ["gear", "stl", "mean", "untuned SVR", "gear"]
    gear, stl, _, _, scaffold = found
    assert gear.against.sure
    assert gear.against.value == pytest.approx(-1 + 0.1 / 3)
    assert stl.against.value == pytest.approx(0)
    assert scaffold.against is None
    text = words(page_of([campaign]))
    assert "hv_from_ds random untuned SVR 0.3000 0.2222 to 0.3333 3 kJ/mol 0.125 n 50" in text
    assert "beats an untuned support vector machine (SVR) on 1 of 1 pair under a split." in text
    assert "Weakest against it" not in text


def test_a_champion_that_does_not_beat_the_reference_is_named(recorded, client, uri):
    recorded(Study(errors=LARGE, validation=0.3), Study(method="stl", errors=SMALL, validation=0.4))
    record_reference(uri, "quick-1", Study(errors=SMALL))
    text = words(page_of(read_campaigns(client, [])))
    assert "beats an untuned support vector machine (SVR) on 0 of 1" in text
    assert "Weakest against it: hv_from_ds random: test RMSE of gear is 2900.0 % higher than of an untuned" in text
    assert "gear does not beat an untuned support vector machine: do not use this model." in text


def test_a_reference_on_other_molecules_is_no_comparison(recorded, client, uri):
    recorded(Study(errors=SMALL))
    record_reference(uri, "quick-1", Study(errors=LARGE, hash="other"))
    (campaign,) = read_campaigns(client, [])
    assert reference_changes(campaign.studies, campaign.references) == {}
    assert "an untuned support vector machine (SVR) on" not in words(page_of([campaign]))


def test_a_record_of_an_earlier_version_has_no_references(recorded):
    (campaign,) = recorded(Study())
    assert campaign.references == ()
    assert all(not row.is_reference for row in rows([campaign], [], {}))


def test_what_looks_wrong_with_a_winner_stands_beside_it(recorded):
    campaigns = recorded(Study(findings={"overfitted": "validation error is 9 times the training error"}))
    board = page_of(campaigns).partition('id="board"')[2].partition("</table>")[0]
    assert 'gear<small class="finding">validation error is 9 times the training error</small>' in board


# what is read


def test_trials_are_read_with_their_ends_and_curves(recorded):
    (campaign,) = recorded(Study())
    (found,) = campaign.studies
    assert [(t.number, t.state, t.ran) for t in found.trials] == [
        (0, "complete", True),
        (1, "pruned", True),
        (2, "failed", False),
    ]
    assert [epoch for epoch, _ in found.trials[0].curve] == [1, 2, 3]
    assert found.trials[2].curve == ()  # none of its numbers is one
    assert found.winner.number == 0
    assert found.geometry["rho_correlation"] == (0.25, 0.75)


def test_a_configuration_trained_again_is_no_trial_of_the_search(recorded):
    (campaign,) = recorded(Study(states=("complete",) * 3, origins={2: "refit of #0"}))
    (found,) = campaign.studies
    assert [t.number for t in found.trials] == [0, 1]
    assert [t.number for t in found.repeats] == [2]
    assert "Trained again with other seeds: 1 trials" in words(page_of([campaign]))


def test_models_that_were_tested_together_are_told_beside_each_alone(recorded):
    (campaign,) = recorded(Study(metrics={"test_models": 4, "test_rmse_alone": 0.41, "test_rmse_alone_sd": 0.02}))
    assert "Tested as 4 models together; each alone has a test RMSE of 0.4100 ± 0.0200." in words(page_of([campaign]))


def test_recorded_intervals_are_shown(recorded):
    (campaign,) = recorded(Study(metrics={"test_rmse_low": 0.3511, "test_rmse_high": 0.4522}))
    assert "0.3511 to 0.4522" in words(page_of([campaign]))


def test_coverage_of_the_intervals_is_a_table(recorded):
    metrics = {"test_n": 100, "test_coverage_50": 0.5, "test_width_50_units": 4.0}
    metrics |= {"test_coverage_90": 0.88, "test_width_90_units": 12.5}
    (campaign,) = recorded(Study(metrics=metrics))
    text = words(page_of([campaign]))
    assert "Prediction intervals of the winner on the test molecules" in text
    assert "50 % 50 % (40 to 60 %) 4 kJ/mol 90 % 88 % (80 to 93 %) 12.5 kJ/mol" in text
    (campaign,) = recorded(Study(), campaign="without")[1:]
    assert "Prediction intervals of the winner" not in words(page_of([campaign]))


def test_campaigns_are_chosen_by_name_and_runs_of_others_left_out(recorded, client):
    recorded(Study(), campaign="one")
    client.create_run(client.get_experiment_by_name("one").experiment_id, run_name="mine")
    recorded(Study(method="stl"), campaign="two")
    assert [campaign.name for campaign in read_campaigns(client, [])] == ["one", "two"]
    (one,) = read_campaigns(client, ["one"])
    assert [s.method for s in one.studies] == ["gear"]


def test_a_second_campaign_of_one_name_is_told(recorded, client):
    for name in ("one", "one 0db36a91", "ones"):
        recorded(Study(), campaign=name)
    said = []
    (found,) = read_campaigns(client, ["one"], said.append)
    assert found.name == "one"
    assert said[0] == "another campaign of the name one is recorded: --campaign 'one 0db36a91'"
    assert len(said) == 2
    read_campaigns(client, ["one 0db36a91"], said.append)
    assert len(said) == 3


def test_a_campaign_that_is_not_there_is_one_line(recorded, client):
    with pytest.raises(StorageError, match="has no campaign: run a search first"):
        read_campaigns(client, [])
    recorded(Study())
    with pytest.raises(UnknownNameError, match="unknown campaign 'gone'"):
        read_campaigns(client, ["gone"])
