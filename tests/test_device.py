"""Which device a run takes; on a GPU, the numbers of the CPU."""

import pytest
import torch

from gear.device import peak_memory_mb, pick_device
from gear.training import TrainingRun

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


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("method", ["gear", "stl"])
def test_gpu_trains_as_the_cpu_does(method, pair, quick_config):
    config = quick_config(method, ema=0.0)
    on_gpu, on_cpu = (list(TrainingRun(config, pair, device).epochs()) for device in ("cuda", "cpu"))
    for mine, theirs in zip(on_gpu, on_cpu, strict=True):
        assert mine.validation_rmse == pytest.approx(theirs.validation_rmse, rel=0.05)
