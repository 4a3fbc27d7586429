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


def test_columns_in_any_unit_vary_alike() -> None:
    """A concentration in mol/L is as good as one in nmol/L; equal values do not vary, however large or small."""
    nanomolar = torch.rand(40, 1, generator=torch.Generator().manual_seed(0))
    found = []
    for unit in (1.0, 1e-9, 1e9):
        values = torch.cat([nanomolar * unit, torch.full((40, 1), 0.1 * unit)], 1)
        scaler = InputScaler(2, log_modulus=False, any_unit=True)
        scaler.fit(values)
        assert scaler.varying.tolist() == [True, False]
        found.append(scaler(values))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_descriptors_with_small_numbers_are_left_out() -> None:
    """As long as models exist, what they read of a molecule must not change."""
    scaler = InputScaler(3, log_modulus=False)
    scaler.fit(torch.tensor([[0.0, 0.0, 1e12], [4e-9, 4e-8, 1e12 + 1]], dtype=torch.float64))
    assert scaler.varying.tolist() == [False, True, True]


def test_a_copy_of_its_state_scales_alike() -> None:
    """What it has learnt is in its buffers."""
    one, other = InputScaler(2, log_modulus=True), InputScaler(2, log_modulus=True)
    one.fit(torch.randn(20, 2))
    other.load_state_dict(one.state_dict())
    asked = torch.randn(3, 2)
    assert torch.equal(one(asked), other(asked))
