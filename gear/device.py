"""Where a run computes, and how much memory it took there."""

import resource

import torch
from torch import Tensor

__all__ = ["peak_memory_mb", "pick_device", "send"]


def pick_device(device: str) -> torch.device:
    """`auto` resolved: a GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device; a GPU takes it when it gets there, and nobody waits."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def peak_memory_mb(device: torch.device) -> float:
    """Most memory used so far, in MB: of the device on a GPU, of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
