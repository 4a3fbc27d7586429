"""A trained model as a folder to take away, free of pickle and of the search."""

from gear.export.export import FORMAT, ExportedMember, ExportedModel, Member, export_model, load_export

__all__ = ["FORMAT", "ExportedMember", "ExportedModel", "Member", "export_model", "load_export"]
