"""Checkpoints: folders of tensors (safetensors) and JSON, without pickle.

A folder is written under another name beside its place and then renamed, so that it is never incomplete.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gear.errors import StorageError

__all__ = ["load_module", "module_tensors", "read_state", "write_folder", "write_state"]

TENSORS, STATE = "state.safetensors", "state.json"


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write a new folder beside `folder`, then rename it to `folder`, replacing an existing one.

    Raises:
        StorageError: the folder cannot be written.
    """
    draft = folder.with_name(f".{folder.name}.draft-{os.getpid()}")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        fill(draft)
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    except (OSError, SafetensorError) as error:  # SafetensorError: on a full disk, for instance
        shutil.rmtree(draft, ignore_errors=True)
        raise StorageError(f"cannot write {folder}: {getattr(error, 'strerror', None) or error}") from error


def write_state(folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write tensors and a JSON state as a folder, atomically."""

    def fill(draft: Path) -> None:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, draft / TENSORS)
        (draft / STATE).write_text(json.dumps(state, indent=1))

    write_folder(folder, fill)


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the JSON state that `write_state` wrote.

    Raises:
        StorageError: the folder is missing or is not a checkpoint.
    """
    try:
        return load_file(folder / TENSORS), json.loads((folder / STATE).read_text())
    except (OSError, ValueError) as error:
        raise StorageError(f"no readable checkpoint in {folder}: {error}") from error


def module_tensors(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Parameters and buffers of a module by name, with a prefix."""
    return {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items()}


def load_module(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Load the tensors with a prefix into a module; all names of the module must be among them."""
    cut = len(prefix)
    module.load_state_dict({name[cut:]: tensor for name, tensor in tensors.items() if name.startswith(prefix)})
