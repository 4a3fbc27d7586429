"""How `bench_training` sums up the times of steps."""

import training_peers


def test_steps_are_summed_up_over_whole_rounds_of_which_one_step_evaluates_metric_and_curvature():
    cold = [100.0] * 31
    warm = [9.0 if index % 4 == 0 else 1.0 for index in range(31)]
    assert training_peers.warm_mean(cold + warm, 4) == 3.0
    assert training_peers.warm_mean([1.0, 9.0], 1) == 9.0
