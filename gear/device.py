"""Where a run computes, what it may take there, and how much memory it took."""

import resource

import torch
from torch import Tensor

from gear.errors import InputDataError

__all__ = ["claim", "peak_memory_mb", "pick_device", "send"]


def pick_device(device: str) -> torch.device:
    """`auto` resolved: a GPU where there is one.

    Raises:
        InputDataError: a GPU is asked for and there is none.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputDataError(f"device {device}: PyTorch sees no GPU here; auto takes the CPU then")
    return torch.device(device)


def claim(threads: int, gpu_share: float = 0.0) -> None:
    """Before a run: the CPU threads it may use and its share of the GPU's memory, 0 for all of it.

    What an earlier run of the process left on the GPU is given back, so that one that ran out of memory costs the next
    nothing, and the peak is counted anew.
    """
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.set_per_process_memory_fraction(min(gpu_share, 1.0) or 1.0)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device; a GPU takes it when it gets there, and nobody waits."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def peak_memory_mb(device: torch.device) -> float:
    """Most memory used so far, in MB: of the device on a GPU, of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
