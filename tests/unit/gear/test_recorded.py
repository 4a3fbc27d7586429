"""Settings that an earlier version did not record have the values that it used."""

import dataclasses

from gear.config import PairSpec, TaskSpec, TrialConfig
from gear.parsing import to_dict
from gear.recorded import complete_pair, recorded_config


def test_recorded_configuration_is_kept_and_an_older_one_completed() -> None:
    """Whoever trains a recorded trial again gets its numbers, whatever the defaults are by then."""
    today = to_dict(TrialConfig())
    assert recorded_config(today) == TrialConfig()
    del today["embedding"]["aggregation"], today["training"]["epoch_steps"], today["transfer"]["prediction"]
    del today["training"]["source_molecules"]
    older = recorded_config(today)
    assert (older.embedding.aggregation, older.training.epoch_steps, older.transfer.prediction) == ("mean", 1, "direct")
    assert older.training.source_molecules == 0


def test_file_written_by_hand_takes_the_defaults() -> None:
    """One that names only what it changes is not a record of an earlier version."""
    written = recorded_config({"transfer": {"frame": 60}, "training": {"epochs": 3}})
    assert written.transfer == dataclasses.replace(TrialConfig().transfer, frame=60)
    assert written.training == dataclasses.replace(TrialConfig().training, epochs=3)


def test_recorded_pair_has_the_keys_of_its_time() -> None:
    """A pair that an earlier version recorded is split as it was; one that is written by hand as today."""
    today = to_dict(PairSpec(TaskSpec("hv"), (TaskSpec("ds"),)))
    assert complete_pair(today)["key_version"] == 2
    del today["key_version"]
    assert complete_pair(today)["key_version"] == 1
    assert "key_version" not in complete_pair({"target": {"property": "hv"}, "sources": []})
