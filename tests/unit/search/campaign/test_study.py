"""What a study keeps of its trials."""

import dataclasses

import pytest

from gear.results import EpochResult
from search.campaign.events import EpochReported, TrialAsked, TrialEnded
from search.campaign.study import Study
from tests.support.fake_training import small_plan

HEALTHY = EpochResult(1, 0.5, 0.5, 1, {"reg": 0.2, "curv": 0.1}, {"target": 0.2}, 2.0, 100.0, 0.0, 0, 900.0)
SINGULAR = dataclasses.replace(HEALTHY, failed_metric_share=0.5)


@pytest.fixture
def study():
    plan = small_plan(methods=["gear"])
    return Study(plan.studies[0], 8, 2)


def live(study, number, *epochs):
    """A trial from its start to its end."""
    study.apply(TrialAsked(study.name, number, 0, {}, {}, {"seed": number}))
    for epoch, row in epochs:
        study.apply(EpochReported(study.name, number, 0, epoch, row.metrics()))
    study.apply(TrialEnded(study.name, number, "complete", "last epoch", 0.5, len(epochs)))
    return [finding.name for finding in study.trials[number].findings]


def test_what_looks_wrong_is_kept_of_each_trial(study):
    assert live(study, 0, (1, HEALTHY), (2, SINGULAR)) == ["near_singular_metric"]
    assert live(study, 1, (1, HEALTHY), (2, HEALTHY)) == []


def test_an_epoch_that_was_repeated_counts_as_it_was_last(study):
    assert live(study, 0, (1, HEALTHY), (2, SINGULAR), (2, HEALTHY)) == []


def test_a_trial_without_epochs_has_no_findings(study):
    assert live(study, 0) == []
