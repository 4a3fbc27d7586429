"""A trained model as a folder that needs neither pickle nor the search."""

from gear.export.config_file import ColumnRange
from gear.export.export import (
    FORMAT,
    ExportedMember,
    ExportedModel,
    Member,
    export_model,
    load_export,
    recorded_inputs,
)

__all__ = [
    "FORMAT",
    "ColumnRange",
    "ExportedMember",
    "ExportedModel",
    "Member",
    "export_model",
    "load_export",
    "recorded_inputs",
]
