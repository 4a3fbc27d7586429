"""Paths inside a campaign folder, relative to it, that trials use as well as the driver."""

__all__ = ["cross_validation_file", "held_out_file", "predictions_file", "references_file", "trial_folder"]


def trial_folder(study: str, number: int) -> str:
    """The folder of a trial, relative to the campaign folder."""
    return f"checkpoints/{study}/{number:04d}"


def predictions_file(study: str) -> str:
    """The file with the predictions of a study's winner, relative to the campaign folder."""
    return f"predictions/{study}.parquet"


def held_out_file(key: str) -> str:
    """The file with what one model predicts for the held-out molecules, relative to the campaign folder."""
    return f"held_out/{key}.parquet"


def references_file(pair: str, split: str) -> str:
    """The file with the references of a pair and split, relative to the campaign folder."""
    return f"references/{pair}.{split}.json"


def cross_validation_file(pair: str, split: str) -> str:
    """The file with the results over all folds of a cross-validation, relative to the campaign folder."""
    return f"cross_validations/{pair}.{split}.json"
