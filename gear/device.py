"""The device of a run, its limits there, and how much memory it used."""

import ctypes
import resource

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from gear.errors import InputDataError

__all__ = ["claim", "peak_memory_mb", "pick_device", "send"]


def pick_device(device: str) -> torch.device:
    """The device of a name; `auto` is a GPU if there is one, else the CPU.

    Raises:
        InputDataError: the name asks for a GPU and there is none.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputDataError(f"device {device}: PyTorch finds no GPU here; auto uses the CPU then")
    return torch.device(device)


def claim(threads: int, gpu_share: float = 0.0) -> None:
    """Set the CPU threads of a run and its share of the GPU's memory; call it before the run starts.

    Memory that an earlier run of the process left on the GPU is freed, also after that run ran out of memory, and the
    peak of the memory is counted from here.

    Args:
        threads: number of CPU threads.
        gpu_share: of the GPU's memory, 0 to 1; 0 means all of it.
    """
    torch.set_num_threads(threads)
    threadpool_limits(threads, user_api="blas")  # NumPy's and SciPy's sums, whose rounding depends on it
    _keep_freed_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.set_per_process_memory_fraction(min(gpu_share, 1.0) or 1.0)


def _keep_freed_memory() -> None:
    """Let the allocator keep what a step frees for the next, rather than fetch new pages from the system every time."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not the GNU C library
        return
    mallopt(-3, 32 * 2**20)  # M_MMAP_THRESHOLD, at its largest
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """A copy of a CPU tensor on the device; the copy to a GPU is asynchronous."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def peak_memory_mb(device: torch.device) -> float:
    """Most memory used so far, in MB: of the device on a GPU, of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
