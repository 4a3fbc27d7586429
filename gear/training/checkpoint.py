"""Checkpoints: folders of tensors (safetensors) and JSON, without pickle.

A folder is written under another name beside its place, brought to the disk and then renamed, so that it is never
incomplete, whatever crashes. Checksums tell a damaged one from a whole one. Those of earlier versions have none.
"""

import contextlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from gear.drafts import draft_folder
from gear.errors import CheckpointError, StorageError

__all__ = ["load_module", "module_tensors", "read_state", "restoring", "write_folder", "write_state"]

TENSORS, STATE = "state.safetensors", "state.json"
PARTS = {"tensors_crc32", "state_crc32", "state"}  # of state.json, if it has checksums


def write_folder(folder: Path, fill: Callable[[Path], None], *, durable: bool = True) -> None:
    """Let `fill` write a new folder beside `folder`, then rename it to `folder`, replacing an existing one.

    Args:
        folder: to write.
        fill: writes the content into the folder that it is given.
        durable: whether it is to survive a crash of the machine; a folder inside another one need not by itself.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        with draft_folder(folder, durable=durable) as draft:
            fill(draft)
    except (OSError, SafetensorError, StorageError) as error:  # SafetensorError: on a full disk, for instance
        raise StorageError(f"cannot write {folder}: {getattr(error, 'strerror', None) or error}") from error


def write_state(folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write tensors and a JSON state as a folder, atomically; `durable`: see `write_folder`."""

    def fill(draft: Path) -> None:
        data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        (draft / TENSORS).write_bytes(data)
        sums = {"tensors_crc32": zlib.crc32(data), "state_crc32": _checksum(state)}
        (draft / STATE).write_text(json.dumps(sums | {"state": state}, indent=1))

    write_folder(folder, fill, durable=durable)


def read_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the JSON state that `write_state` wrote.

    Raises:
        CheckpointError: the folder is missing, damaged, or not a checkpoint.
        StorageError: it cannot be read.
    """
    with restoring(folder):
        try:
            data, state = (folder / TENSORS).read_bytes(), json.loads((folder / STATE).read_bytes())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise CheckpointError(f"no checkpoint in {folder}: {error.strerror}") from error
        except OSError as error:
            raise StorageError(f"cannot read checkpoint {folder}: {error.strerror or error}") from error
        if not state:
            raise ValueError("it is empty")
        if state.keys() & PARTS:
            if state["tensors_crc32"] != zlib.crc32(data) or state["state_crc32"] != _checksum(state["state"]):
                raise ValueError("its checksum does not fit its content")
            state = state["state"]
        return load(data), dict(state)


@contextlib.contextmanager
def restoring(folder: Path) -> Iterator[None]:
    """Re-raise what a block says of a checkpoint that it does not understand.

    Raises:
        CheckpointError: instead of the errors of JSON, of safetensors, and of names or types that are not as expected.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise CheckpointError(f"the checkpoint in {folder} is damaged: {error}") from error


def module_tensors(module: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Parameters and buffers of a module by name, with a prefix."""
    return {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items()}


def load_module(module: nn.Module, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Load the tensors with a prefix into a module.

    Raises:
        ValueError: a name of the module is not among them, or one of another shape is.
    """
    cut = len(prefix)
    try:
        module.load_state_dict({name[cut:]: tensor for name, tensor in tensors.items() if name.startswith(prefix)})
    except RuntimeError as error:
        raise ValueError(f"the tensors {prefix}* are not those of the model") from error


def _checksum(state: Any) -> int:  # noqa: ANN401 - whatever JSON holds
    return zlib.crc32(json.dumps(state, sort_keys=True).encode())
