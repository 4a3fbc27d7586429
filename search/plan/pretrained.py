"""Pretrained weights in a plan: their file is read once, where the plan is made, and its shape is the plan's."""

import dataclasses

from gear.config import TrialConfig

__all__ = ["with_pretrained"]


def with_pretrained(config: TrialConfig) -> TrialConfig:
    """The configuration with the shape and the digest of the file of pretrained weights that it names, if it names one.

    Raises:
        InputDataError: the file cannot be used, or does not have the shape that the configuration asks for.
    """
    if config.embedding.pretrained_file is None:
        return config
    from gear.pretrain.start import fit_to_file  # torch, two seconds

    return dataclasses.replace(config, embedding=fit_to_file(config.embedding))
