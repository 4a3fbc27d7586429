"""A split of your own: test the heaviest molecules, train on the lighter ones.

Run it in the folder that holds this file:

    python -m search.run --pairs st_from_ri --splits my_split:by_weight

docs/plugins/split.md explains what a split must do.
"""

import numpy as np
from rdkit.Chem import Descriptors, MolFromSmiles

from gear.data.task import TaskTable


def by_weight(task: TaskTable) -> np.ndarray:
    """The heaviest tenth is the test part, the next tenth the validation part."""
    weight = np.array([Descriptors.MolWt(MolFromSmiles(parent)) for parent in task.parent])
    validation, test = np.quantile(weight, [0.8, 0.9])
    return np.select([weight > test, weight > validation], ["test", "validation"], "train")
