"""States that bonds and atoms share: as few as the graphs allow, and no fewer."""

import numpy as np
import pytest
import torch

from gear.data import featurize
from gear.model import GraphStore
from gear.model.levels import Levels


def states(smiles, depth):
    """Number of states of bonds at each level above their kinds, and of atoms."""
    levels = Levels(featurize(smiles))
    return [len(level.start) - 1 for level in levels.bonds(depth)], len(levels.atoms(depth).start) - 1


def test_bonds_of_a_ring_share_one_state():
    assert states(["c1ccccc1"], 4) == ([1, 1, 1], 1)


def test_equal_molecules_share_all_their_states():
    assert states(["CCO"] * 50, 3) == states(["CCO"], 3)


def test_states_tell_surroundings_apart_step_by_step():
    # bonds with nothing, CH3, CH2 behind them; then CH2 is told apart by what lies behind it in turn
    assert states(["CCCCCC"], 3) == ([3, 4], 3)


@pytest.mark.parametrize("merged", [True, False])
def test_every_bond_and_atom_has_a_state_below_its_own(merged):
    store = GraphStore(featurize(["CCO", "CC(C)C", "C"]), torch.device("cpu"))
    found = store.batch(torch.arange(3)).environments(3, merged=merged)
    rows = len(found.bond_kinds)
    for step in found.bonds:
        assert len(step.column_start) - 1 == len(found.bond_kinds) + rows
        rows = len(step.row_start) - 1
    assert len(found.atoms.column_start) - 1 == len(found.atom_kinds) + rows
    assert np.diff(found.molecules.row_start).tolist() == found.atom_counts.tolist() == [3, 4, 1]


def test_networks_that_read_a_batch_share_its_environments():
    batch = GraphStore(featurize(["CCO"]), torch.device("cpu")).batch(torch.tensor([0]))
    assert batch.environments(3) is batch.environments(3)
    assert batch.environments(3) is not batch.environments(3, merged=False)
