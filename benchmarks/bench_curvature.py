"""Time and memory of the curvature, against its peers in the same run.

    python benchmarks/bench_curvature.py [--plot docs/curvature.png]

n = 50, two hidden layers of 64, one thread, float32. Memory is the peak of what torch's profiler sees allocated, not
the size of the process. Times are medians of seven runs of forward and backward. What does not fit is extrapolated per
molecule from the largest batch that does, and marked with ~.
"""

import gc
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from curvature_peers import (
    N,
    autodiff,
    autodiff_published,
    floor,
    gauss,
    metric_analytic,
    metric_forward,
    metric_reverse,
    network,
    on_slice,
    third_derivatives,
)
from torch.profiler import ProfilerActivity, profile

from gear.command_line import Parser

BATCHES = (1, 8, 64, 512)
REPEATS, MAX_SECONDS, MAX_BYTES = 7, 10.0, 4e9
STEPS = 80  # training steps of a configuration, half of them to warm up
PAPER = 85.5  # times less memory than autograd for the metric's derivatives, at data size 1

Peer = Callable[..., torch.Tensor]


class Cost(NamedTuple):
    seconds: float
    peak: float  # bytes
    extrapolated: bool = False

    def shown(self) -> str:
        sign = "~" if self.extrapolated else " "
        return f"{sign}{1e3 * self.seconds:9.1f} ms {sign}{self.peak / 2**20:9.1f} MiB"


def step(peer: Peer, net: torch.nn.Module, z: torch.Tensor) -> None:
    net.zero_grad(set_to_none=True)
    peer(net, z).square().mean().backward()


def peak_bytes(run: Callable[[], None]) -> float:
    """Most bytes allocated at once, by the running sum of the profiler's allocations."""
    run()
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    current = peak = 0
    for event in sorted(_memory_events(profiler), key=lambda e: e.start_ns()):
        current += event.nbytes()
        peak = max(peak, current)
    return float(peak)


def _memory_events(profiler: profile) -> list:
    return [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]


def seconds(run: Callable[[], None], repeats: int = REPEATS) -> float:
    run()
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def cost(peer: Peer, m: int, batch: int, before: Cost | None, before_batch: int) -> Cost:
    """Measured, or extrapolated from the smaller batch where the larger would take too much."""
    growth = batch / before_batch
    if before is not None and (before.peak * growth > MAX_BYTES or before.seconds * growth > MAX_SECONDS):
        return Cost(before.seconds * growth, before.peak * growth, True)
    net, z = network(m), torch.randn(batch, N)
    run = partial(step, peer, net, z)
    started = time.perf_counter()
    run()
    repeats = REPEATS if time.perf_counter() - started < 1 else 1
    return Cost(seconds(run, repeats), peak_bytes(run))


def curve(peer: Peer, m: int = 64) -> dict[int, Cost]:
    found: dict[int, Cost] = {}
    for batch in BATCHES:
        before = list(found)[-1] if found else 1
        found[batch] = cost(peer, m, batch, found.get(before), before)
    return found


def peers_table() -> dict[str, dict[int, Cost]]:
    """All ways to the curvature, over the batch."""
    peers = {
        "J and g alone": floor,
        "Gauss route": gauss,
        "third derivatives": third_derivatives,
        "Gauss, autodiff": autodiff,
        "published, autodiff": autodiff_published,
    }
    print(f"R and its gradient, n = {N}, m = 64\n{'':20}" + "".join(f"{f'batch {b}':>29}" for b in BATCHES))
    curves = {name: curve(peer) for name, peer in peers.items()}
    for name, found in curves.items():
        print(f"{name:20}" + "".join(f"{cost.shown():>29}" for cost in found.values()))
    for name in ("Gauss, autodiff", "published, autodiff", "third derivatives"):
        ratio = curves[name][512].peak / curves["Gauss route"][512].peak
        print(f"memory over the Gauss route at batch 512, {name}: {ratio:.0f} times")
    print()
    return curves


def metric_table() -> None:
    """The published measurement: memory for the metric's derivatives at data size 1."""
    net, z = network(N), torch.randn(1, N)
    found = {
        name: peak_bytes(lambda peer=peer: peer(net, z))  # type: ignore[misc]
        for name, peer in (
            ("analytic", metric_analytic),
            ("reverse over reverse", metric_reverse),
            ("forward over forward", metric_forward),
        )
    }
    factors = factors_memory(net, z)
    print("memory for the first derivatives of the metric at data size 1 (m = n = 50)")
    print(f"{'Jacobian and factorised Hessian instead':38}{factors / 2**20:10.2f} MiB")
    for name, peak in found.items():
        print(
            f"{name:38}{peak / 2**20:10.2f} MiB  {peak / found['analytic']:8.1f} x analytic"
            f"  {peak / factors:8.1f} x factors   (published: {PAPER} x)"
        )
    print()


def factors_memory(net: torch.nn.Module, z: torch.Tensor) -> float:
    """Jacobian and factorised Hessian: all the derivative information that the Gauss route needs."""
    from gear.geometry import hessian_factors

    return peak_bytes(lambda: hessian_factors(net, z))  # type: ignore[arg-type,return-value]


def ratio_table() -> None:
    """Time of R over the floor, forward and backward, at batch 512."""
    z = torch.randn(512, N)
    print("time of R and its gradient over J and g of the whole latent space with theirs, batch 512")
    cases = [("codimension 1", 51, gauss), ("codimension 14", 64, gauss)]
    cases += [(f"slice of rank {rank}", 50, partial(on_slice, rank=rank)) for rank in (24, 8)]
    for name, m, peer in cases:
        net = network(m)
        base, mine = (seconds(partial(step, p, net, z)) for p in (floor, peer))
        print(f"{name:18}{1e3 * base:9.1f} ms {1e3 * mine:9.1f} ms   ratio {mine / base:5.2f}")
    print()


def growth_table() -> None:
    """Cost over batch and depth; linear means an exponent of 1."""
    batches, depths = (32, 64, 128, 256, 512, 1024), (1, 2, 3, 4)
    net = network(64)
    by_batch = [seconds(partial(step, gauss, net, torch.randn(b, N))) for b in batches]
    z = torch.randn(128, N)
    by_depth = [seconds(partial(step, gauss, network(64, (64,) * d), z)) for d in depths]
    print("growth: ms over batch  ", "  ".join(f"{b}: {1e3 * s:.1f}" for b, s in zip(batches, by_batch, strict=True)))
    print("        ms over depth  ", "  ".join(f"{d}: {1e3 * s:.1f}" for d, s in zip(depths, by_depth, strict=True)))
    print(f"exponent: batch {_exponent(batches, by_batch):.2f}, depth {_exponent(depths, by_depth):.2f}\n")


def _exponent(x: tuple[int, ...], y: list[float]) -> float:
    x_log, y_log = torch.tensor(x).double().log(), torch.tensor(y).double().log()
    x_log, y_log = x_log - x_log.mean(), y_log - y_log.mean()
    return float((x_log * y_log).sum() / (x_log * x_log).sum())


def share_table() -> None:
    """What metric and curvature add to a training step of the default model, at every step and at every fourth."""
    from training_peers import Steps

    from gear.config import CurvatureConfig, LossWeights, TrialConfig
    from gear.data import load_pair

    pair = load_pair("hv_from_ds", "random")
    cases = {
        "every step": (LossWeights(), 1),
        "without curvature": (LossWeights(curv=0.0), 1),
        "without both": (LossWeights(curv=0.0, metric=0.0), 1),
        "every 4th step": (LossWeights(), 4),
    }
    runs = {
        name: Steps(TrialConfig(weights=weights, curvature=CurvatureConfig(every=every)), pair)
        for name, (weights, every) in cases.items()
    }
    for index in range(STEPS):  # taken in turn: the machine's mood is shared
        for run in runs.values():
            run.step(index)
    ms = {name: run.mean() for name, run in runs.items()}
    bare = ms["without both"]
    print("a training step of the default model without validation, processor time, 16 molecules for both terms")
    for name, taken in ms.items():
        print(f"{name:18}{taken:7.1f} ms   metric and curvature {100 * (1 - bare / taken):4.0f} %")
    print()


def lazy_table() -> None:
    """Validation RMSE and seconds of default trials, both terms at every step and at every fourth."""
    from gear.config import CurvatureConfig, TrialConfig
    from gear.data import load_pair
    from gear.training.loop import fit

    pair = load_pair("hv_from_ds", "random")
    print("default trial, hv_from_ds random, three seeds: best validation RMSE (seconds)")
    for every in (1, 4):
        found = []
        for seed in range(3):
            rows = list(fit(TrialConfig(seed=seed, curvature=CurvatureConfig(every=every)), pair))
            found.append((rows[-1].best_validation_rmse, sum(row.seconds for row in rows)))
        mean = statistics.mean(rmse for rmse, _ in found)
        print(f"every {every}:  " + "  ".join(f"{r:.4f} ({s:.0f} s)" for r, s in found) + f"   mean {mean:.4f}")
    print()


def plot(curves: dict[str, dict[int, Cost]], path: Path) -> None:
    """Time and memory over the batch."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, found in curves.items():
        dashed = any(cost.extrapolated for cost in found.values())
        style = {"marker": "o", "linestyle": "--" if dashed else "-", "label": name}
        axes[0].loglog(list(found), [1e3 * cost.seconds for cost in found.values()], **style)
        axes[1].loglog(list(found), [cost.peak / 2**20 for cost in found.values()], **style)
    for axis, label in zip(axes, ("forward and backward, ms", "peak memory, MiB"), strict=True):
        axis.set(xlabel="molecules", ylabel=label)
        axis.grid(alpha=0.3)
    axes[1].legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=120)
    print(f"plot: {path}")


def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    metric_table()
    curves = peers_table()
    ratio_table()
    growth_table()
    share_table()
    lazy_table()
    if args.plot is not None:
        plot(curves, args.plot)


if __name__ == "__main__":
    main()
