"""Which campaign a record in MLflow belongs to. Names may be given twice, and campaigns begin in the same second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CREATED", "ID", "CampaignIdentity"]

ID, CREATED = "gear.id", "gear.created"  # tags of an experiment


@dataclass(frozen=True, slots=True)
class CampaignIdentity:
    """A campaign, wherever it lies and whatever its name is now.

    Attributes:
        name: its name now.
        id: random; empty where an earlier version began the campaign and it was not resumed since.
        created: when it was begun; by this and its name an earlier version knew it.
    """

    name: str
    id: str = ""
    created: str = ""

    @classmethod
    def of(cls, name: str, head: Mapping[str, Any]) -> "CampaignIdentity":
        """The identity that a campaign.json records."""
        return cls(name, head.get("id", ""), head["created"])

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether an experiment with these tags is that of the campaign."""
        if ID in tags:
            return tags[ID] == self.id
        return tags.get(CREATED, "") == self.created

    @property
    def other_name(self) -> str:
        """Of its experiment where that of another campaign has its name."""
        return f"{self.name} {self.id or self.created}"
