"""Products with sparse 0/1 matrices."""

import torch

from gear.model.incidence import Incidence

# rows: column 2 twice and column 0; nothing; column 1
MATRIX = Incidence(*(torch.tensor(numbers) for numbers in ([2, 0, 2, 1], [0, 3, 3, 4], [0, 2, 0, 0], [0, 1, 2, 4, 4])))
DENSE = torch.tensor([[1.0, 0, 2, 0], [0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.float64)


def test_product_and_gradients_are_those_of_the_dense_matrix():
    values = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(MATRIX @ values, DENSE @ values)
    assert torch.autograd.gradcheck(lambda x: MATRIX @ x, (values,))
    assert torch.autograd.gradgradcheck(lambda x: (MATRIX @ x).square(), (values,))


def test_matrix_without_ones_gives_zeros():
    none = torch.zeros(0, dtype=torch.int64)
    empty = Incidence(none, torch.zeros(3, dtype=torch.int64), none, torch.zeros(1, dtype=torch.int64))
    assert torch.equal(empty @ torch.zeros(0, 5), torch.zeros(2, 5))
