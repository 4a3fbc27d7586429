"""Where things lie in a campaign folder, relative to it."""

__all__ = ["predictions_file", "trial_folder"]


def trial_folder(study: str, number: int) -> str:
    """Where a trial writes, relative to the campaign folder."""
    return f"checkpoints/{study}/{number:04d}"


def predictions_file(study: str) -> str:
    """Where the predictions of a study's winner lie, relative to the campaign folder."""
    return f"predictions/{study}.parquet"
