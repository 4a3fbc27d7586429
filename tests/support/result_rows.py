"""Rows of results as campaigns give them."""

from results.rows import Row


def row(method, rmse, pair="hv_from_bp", split="random", labels=60, seed=1, **facts):
    known = {"experiment": "benchmark", "kind": "method", "mae": rmse / 2, "low": 0.9 * rmse, "high": 1.1 * rmse}
    known |= {"rmse_units": 10 * rmse, "mae_units": 5 * rmse, "unit": "K", "validation_rmse": rmse, "molecules": 100}
    known |= {"split_hash": f"{pair} {split} {seed} {labels}", "trials": 3, "seconds": 30.0}
    return Row(pair=pair, split=split, labels=labels, split_seed=seed, method=method, rmse=rmse, **(known | facts))


ERRORS = {"gear": 0.8, "mtl": 0.9, "delta": 0.85, "stl": 1.0, "gp": 0.95, "svr": 1.1}
PAIRS = ("hv_from_bp", "ct_from_bp", "dk_from_lp", "st_from_ri", "vp_from_bp", "fp_from_bp")
