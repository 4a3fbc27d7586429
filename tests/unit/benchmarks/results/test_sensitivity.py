"""Which settings mattered, by trials whose error is known."""

import pytest
from results.sensitivity import effects

from tests.support.fake_training import Simulation, small_plan


@pytest.fixture(scope="module")
def found():
    """A learning rate of 2e-3 is best and the seed matters a little; nothing else does."""
    plan = small_plan(
        pairs=["hv_from_ds", "dk_from_lp"], methods=["stl"], trials=60, sampler="random", pruner="none", epochs=3
    )
    campaign = Simulation(plan).run().campaign
    return effects("sensitivity", campaign)


def test_the_setting_that_decides_is_the_most_important(found):
    shares = {effect.setting: effect.importance for effect in found}
    assert max(shares, key=lambda name: shares[name]) == "training.learning_rate"
    assert sum(shares.values()) == pytest.approx(1)


def test_levels_share_all_trials_and_are_relative_to_their_study(found):
    levels = [effect for effect in found if effect.setting == "training.learning_rate"]
    assert {effect.level for effect in levels} == {"low third", "middle third", "high third"}
    assert sum(effect.trials for effect in levels) == 120
    assert {effect.studies for effect in levels} == {2}
    best = min(levels, key=lambda effect: effect.change)
    assert best.level == "middle third"
    assert best.change < 0 < max(effect.change for effect in levels)
    batch = [effect.level for effect in found if effect.setting == "training.batch_size"]
    assert batch == sorted(batch, key=int)
