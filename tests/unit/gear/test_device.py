"""Which device a run takes; on a GPU, the numbers of the CPU."""

import pytest
import torch

from gear.device import claim, peak_memory_mb, pick_device
from gear.embeddings import EMBEDDINGS
from gear.methods import METHODS
from gear.training.folds import single_run
from gear.training.loop import TrainingRun
from gear.variants import with_values

TRAINED = [name for name, spec in METHODS.items() if not spec.fits_at_once]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_a_gpu_where_there_is_one(gpu, device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert pick_device("auto").type == device
    assert pick_device("cpu").type == "cpu"


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


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("method", TRAINED)
@pytest.mark.parametrize("kind", EMBEDDINGS)
def test_no_step_waits_for_the_gpu(method, kind, pair, quick_config, monkeypatch, tmp_path):
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))
    # but for the directions of a slice, an eigendecomposition, whose success the host asks for
    settings = {"embedding.kind": kind, "curvature.immersion": "frame", "transfer.frame": 60}
    run = TrainingRun(with_values(quick_config(method), settings), pair, "cuda")
    next(run.epochs())  # what is set up once may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        tally = run._train_epoch(torch.Generator().manual_seed(0))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert tally.skipped() == 0


@pytest.mark.gpu
@needs_gpu
def test_step_whose_gradient_is_not_finite_is_left_out_on_a_gpu_too(pair, quick_config):
    run = TrainingRun(quick_config("stl"), pair, "cuda")
    before = [parameter.clone() for parameter in run.model.parameters()]
    run.data.labels.fill_(torch.inf)
    tally = run._train_epoch(torch.Generator().manual_seed(0))
    assert tally.skipped() == tally.steps
    assert all(torch.equal(mine, kept) for mine, kept in zip(run.model.parameters(), before, strict=True))


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("method", METHODS)
def test_gpu_trains_as_the_cpu_does(method, pair, quick_config):
    config = quick_config(method, ema=0.0)
    on_gpu, on_cpu = (list(single_run(config, pair, device).epochs()) for device in ("cuda", "cpu"))
    for mine, theirs in zip(on_gpu, on_cpu, strict=True):
        assert mine.validation_rmse == pytest.approx(theirs.validation_rmse, rel=0.05)
