"""Where a run computes, and how much memory it took there."""

import resource

import torch

__all__ = ["peak_memory_mb", "pick_device"]


def pick_device(device: str) -> torch.device:
    """`auto` resolved: a GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def peak_memory_mb(device: torch.device) -> float:
    """Most memory used so far, in MB: of the device on a GPU, of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
