"""The scaling of inputs against NumPy, at every edge."""

import numpy as np
import torch

from gear.model.input_scaler import CLIP, InputScaler


def test_scales_by_mean_and_standard_deviation_of_the_log_modulus() -> None:
    """What the docstring says, at molecules that were not fitted."""
    generator = np.random.default_rng(0)
    seen, asked = generator.normal(size=(50, 3)) * [1, 100, 1e6], generator.normal(size=(5, 3)) * [1, 100, 1e6]
    scaler = InputScaler(3, log_modulus=True)
    scaler.fit(torch.tensor(seen, dtype=torch.float32))

    def log_modulus(x: np.ndarray) -> np.ndarray:
        return np.sign(x) * np.log1p(np.abs(x))

    wanted = (log_modulus(asked) - log_modulus(seen).mean(0)) / log_modulus(seen).std(0)
    found = scaler(torch.tensor(asked, dtype=torch.float32))
    np.testing.assert_allclose(found, wanted.clip(-CLIP, CLIP), rtol=1e-4, atol=1e-5)


def test_missing_and_constant_inputs_are_zero_and_far_ones_clipped() -> None:
    """Whatever comes in, what comes out is finite."""
    nan, inf = float("nan"), float("inf")
    scaler = InputScaler(4, log_modulus=False)
    scaler.fit(torch.tensor([[1.0, 5.0, nan, 0.0], [3.0, 5.0, nan, nan], [nan, 5.0, nan, 2.0]]))
    assert scaler.varying.tolist() == [True, False, False, True]
    found = scaler(torch.tensor([[2.0, 7.0, 1.0, 1.0], [1e9, -1e9, inf, nan], [-inf, nan, nan, 3.0]]))
    assert found.tolist() == [[0, 0, 0, 0], [CLIP, 0, 0, 0], [-CLIP, 0, 0, 2]]


def test_a_copy_of_its_state_scales_alike() -> None:
    """What it has learnt is in its buffers."""
    one, other = InputScaler(2, log_modulus=True), InputScaler(2, log_modulus=True)
    one.fit(torch.randn(20, 2))
    other.load_state_dict(one.state_dict())
    asked = torch.randn(3, 2)
    assert torch.equal(one(asked), other(asked))
