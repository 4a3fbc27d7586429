"""Each failure signature is named once, and a healthy trial gets no finding."""

import dataclasses

import pytest

from gear.config import CurvatureConfig, TransferConfig, TrialConfig
from gear.evaluation.diagnostics import Finding, compare_splits, diagnose, expected_memory_mb, gathered
from gear.results import EpochResult
from gear.training.loop import fit

HEALTHY = EpochResult(
    epoch=1,
    validation_rmse=0.4,
    best_validation_rmse=0.4,
    best_epoch=1,
    train_loss={"reg": 0.2, "map": 0.2, "curv": 0.01, "metric": 0.3},
    validation_loss={"target": 0.2, "source": 0.1},
    seconds=1.0,
    molecules_per_second=1000.0,
    failed_metric_share=0.0,
    skipped_steps=0,
    peak_memory_mb=900.0,
    geometry={"rho_spread": 1e-3, "participation_ratio": 8.0},
)


def history(last=None, epochs=5):
    """Healthy epochs, the last one changed."""
    return [HEALTHY] * (epochs - 1) + [dataclasses.replace(HEALTHY, **last or {})]


def names(rows, config=None):
    return [finding.name for finding in diagnose(rows, config)]


def test_healthy_trial_has_no_finding():
    assert diagnose(history(), TrialConfig()) == []
    assert diagnose([]) == []


@pytest.mark.parametrize(
    ("last", "name"),
    [
        ({"failed_metric_share": 0.2}, "near_singular_metric"),
        ({"train_loss": HEALTHY.train_loss | {"metric": 1.9}}, "metric_stuck"),
        ({"geometry": {"rho_spread": 1e-5, "participation_ratio": 8.0}}, "curvature_spread_collapsed"),
        ({"train_loss": {"reg": 0.05, "cons": 0.1}}, "overfitted"),
        ({"peak_memory_mb": 1e5}, "memory"),
    ],
)
def test_each_signature_is_named(last, name):
    assert names(history(last), TrialConfig()) == [name]


def test_one_main_latent_direction_is_no_finding():
    """One property needs one: good models of few and of many molecules have it."""
    assert names(history({"geometry": {"rho_spread": 1e-3, "participation_ratio": 1.02}})) == []


@pytest.mark.parametrize(
    "losses",
    [
        {"reg": 0.01, "cons": 0.1, "map": 0.2, "curv": 0.01},
        {"reg": 0.01, "cons": 0.1, "map": 0.2},  # without curvature, which the search may choose
        {"reg": 0.01, "source": 0.1},  # of multi-task training, where `reg` is the target's alone
    ],
)
def test_a_low_training_error_is_a_finding_only_without_the_mapping_loss(losses):
    assert names(history({"train_loss": losses})) == []


def test_single_task_training_has_no_geometry_to_complain_about():
    alone = {"train_loss": {"reg": 0.01}, "validation_loss": {"target": 0.5}, "geometry": {}}
    assert names([dataclasses.replace(HEALTHY, **alone)] * 5) == []


def test_young_trial_is_not_judged():
    assert names(history({"train_loss": HEALTHY.train_loss | {"metric": 20.0}}, epochs=1)) == []


def test_findings_are_one_line_each_and_said_once():
    rows = [dataclasses.replace(HEALTHY, failed_metric_share=0.5, peak_memory_mb=1e6)] * 9
    found = diagnose(rows, TrialConfig())
    assert len({finding.name for finding in found}) == len(found) == 2
    assert not any("\n" in finding.message for finding in found)


def test_of_models_that_are_averaged_each_kind_is_told_once_and_in_how_many():
    stuck, other = Finding("metric_stuck", "the metric loss is still 4"), Finding("metric_stuck", "still 5")
    memory = Finding("memory", "peak memory 9 MB")
    assert gathered([[stuck, memory]]) == [stuck, memory]
    assert gathered([[stuck], [], [other, memory]]) == [
        Finding("metric_stuck", "the metric loss is still 4 (2 of 3 members)"),
        Finding("memory", "peak memory 9 MB (1 of 3 members)"),
    ]
    assert gathered([]) == gathered([[], []]) == []


def test_scaffold_far_worse_than_random_is_named():
    assert compare_splits(0.4, 0.5) is None
    assert "2.0 times" in compare_splits(0.4, 0.8).message


def test_trial_at_equal_widths_is_diagnosed_as_flat(pair, quick_config):
    config = dataclasses.replace(
        quick_config("gear"), curvature=CurvatureConfig(immersion="frame"), transfer=TransferConfig(frame=50)
    )
    assert "flat_curvature" in names(list(fit(config, pair)), config)


def test_default_trial_fits_its_memory_estimate(pair, quick_config):
    rows = list(fit(quick_config("gear"), pair))
    assert rows[-1].peak_memory_mb < 3 * expected_memory_mb(quick_config("gear"))
    assert "flat_curvature" not in names(rows)
