"""How long something takes, as people write it."""

__all__ = ["duration"]


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, `1:02:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
