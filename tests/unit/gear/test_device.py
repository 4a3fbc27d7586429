"""Which device a run takes; on a GPU, the numbers of the CPU."""

from contextlib import contextmanager
from itertools import product

import pytest
import torch
from threadpoolctl import threadpool_info

from gear.device import claim, peak_memory_mb, pick_device
from gear.embeddings import EMBEDDINGS
from gear.methods import METHODS
from gear.testing.pairs import synthetic_pair
from gear.training.folds import single_run
from gear.training.fusing import can_be_fused, runs_with_one_store
from gear.training.loop import TrainingRun
from gear.training.tally import Tally
from gear.training.together import Together
from gear.variants import with_values

TRAINED = [name for name, spec in METHODS.items() if not spec.fits_at_once]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
ON_GPU = (pytest.mark.gpu, needs_gpu)
# what is checked on a GPU is run on a CPU too, so that it also works where the GPU is
devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=ON_GPU)])
arrays = pytest.mark.parametrize(
    ("method", "device"),
    [("stl", "cpu"), *(pytest.param(one, "cuda", marks=ON_GPU) for one in ("stl", "gear", "gate"))],
)
# the directions of a slice come from an eigendecomposition, whose success the host asks for
NO_SLICE = {"curvature.immersion": "frame", "transfer.frame": 60}
OF_FEW = {"curvature.molecules": 8, "curvature.every": 1}


RATES = (0.003, 0.001, 0.01)


@pytest.fixture(scope="module")
def folds():
    """Pairs with batches of different sizes."""
    return [synthetic_pair(labels, 40, seed=seed) for seed, labels in enumerate((60, 61, 53))]


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_a_gpu_where_there_is_one(gpu, device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert pick_device("auto").type == device
    assert pick_device("cpu").type == "cpu"


def test_the_threads_of_a_run_are_those_of_every_library():
    """The rounding of sums depends on them: a trial that is trained again in another process gives its numbers."""
    try:
        for count in (2, 1):
            claim(count)
            of_blas = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
            assert (of_blas, torch.get_num_threads()) == ({count}, count)
    finally:
        claim(1)


def test_memory_is_that_of_the_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * 2**20)
    assert peak_memory_mb(torch.device("cuda")) == 3
    assert peak_memory_mb(torch.device("cpu")) > 10


@pytest.mark.parametrize(("share", "fraction"), [(0.25, 0.25), (0.0, 1.0), (2.0, 1.0)])
def test_a_run_may_fill_its_share_of_the_gpu_and_nothing_of_the_last_run_is_left(monkeypatch, share, fraction):
    done = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: done.append("emptied"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: done.append("peak forgotten"))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", done.append)
    claim(1, share)
    assert done == ["emptied", "peak forgotten", fraction]


@contextmanager
def host_must_not_wait(device):
    if device == "cpu":
        yield
        return
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def steps_of_an_epoch(runs, device, monkeypatch):
    """Train an epoch of runs together, with a host that must not wait; the sums of its steps."""
    array = Together(runs)
    next(array.epochs())  # what is set up once may wait
    monkeypatch.setattr(Tally, "totals", lambda tally: tally)  # at the end of an epoch, the host waits for them
    with host_must_not_wait(device):
        tally = array._train_epoch()
    monkeypatch.undo()
    return tally.totals()


@pytest.mark.parametrize(
    ("method", "kind", "device"),
    [("stl", "dmpnn", "cpu"), *(pytest.param(*one, "cuda", marks=ON_GPU) for one in product(TRAINED, EMBEDDINGS))],
)
def test_no_step_waits_for_the_gpu(method, kind, device, pair, quick_config, monkeypatch, tmp_path):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))
    config = with_values(quick_config(method), {"embedding.kind": kind} | NO_SLICE)
    (totals,) = steps_of_an_epoch([TrainingRun(config, pair, device)], device, monkeypatch)
    assert totals.skipped() == 0


@arrays
def test_no_step_of_an_array_waits_for_the_gpu(method, device, folds, quick_config, monkeypatch):
    config = with_values(quick_config(method), NO_SLICE | OF_FEW | {"embedding.dropout": 0.2})
    configs = [with_values(config, {"training.learning_rate": rate}) for rate in RATES]
    assert can_be_fused(configs, folds)
    found = steps_of_an_epoch(runs_with_one_store(configs, folds, device), device, monkeypatch)
    assert [totals.skipped() for totals in found] == [0] * len(folds)


@devices
def test_step_whose_gradient_is_not_finite_is_left_out_on_a_gpu_too(device, pair, quick_config):
    run = TrainingRun(quick_config("stl"), pair, device)
    before = [parameter.clone() for parameter in run.model.parameters()]
    run.data.labels.fill_(torch.inf)
    (totals,) = Together([run])._train_epoch()
    assert totals.skipped() == totals.steps
    assert all(torch.equal(mine, kept) for mine, kept in zip(run.model.parameters(), before, strict=True))


def losses(rows):
    return [(row.validation_rmse, *row.train_loss.values()) for row in rows]


@arrays
def test_an_array_gives_what_each_run_gives_by_itself_and_the_same_bits_twice(method, device, folds, quick_config):
    config = with_values(quick_config(method, source_epochs=1), {"curvature.slice_rank": 3} | OF_FEW)
    configs = [with_values(config, {"training.learning_rate": rate}) for rate in RATES]
    first, second = (
        [losses(results.values()) for results in Together(runs_with_one_store(configs, folds, device)).epochs()]
        for _ in range(2)
    )
    assert first == second
    apart = [losses(TrainingRun(*one, device).epochs()) for one in zip(configs, folds, strict=True)]
    for epoch, of_members in enumerate(first):
        for member, mine in enumerate(of_members):
            assert mine == pytest.approx(apart[member][epoch], rel=0.02, abs=1e-3)


@devices
def test_a_member_that_fails_leaves_the_others_as_they_are(device, folds, quick_config):
    configs = [quick_config("stl")] * len(folds)
    healthy = next(Together(runs_with_one_store(configs, folds, device)).epochs())
    runs = runs_with_one_store(configs, folds, device)
    runs[1].data.labels.fill_(torch.inf)
    epochs = Together(runs).epochs()
    found = next(epochs)
    assert found[1].status == "failed"
    assert [found[k].validation_rmse for k in (0, 2)] == [healthy[k].validation_rmse for k in (0, 2)]
    assert list(next(epochs)) == [0, 2]


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("method", METHODS)
def test_gpu_trains_as_the_cpu_does(method, pair, quick_config):
    config = quick_config(method, ema=0.0)
    on_gpu, on_cpu = (list(single_run(config, pair, device).epochs()) for device in ("cuda", "cpu"))
    for mine, theirs in zip(on_gpu, on_cpu, strict=True):
        assert mine.validation_rmse == pytest.approx(theirs.validation_rmse, rel=0.05)
