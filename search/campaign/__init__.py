"""Every decision of a campaign, as pure objects over its events: no Ray, no files."""
