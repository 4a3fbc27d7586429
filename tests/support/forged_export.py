"""Export folders whose checksums are right and whose contents are not."""

import hashlib
import json

from gear.errors import GearError
from gear.prediction import load_predictor


def forge(folder, name, content):
    """Write a file, and its right checksum."""
    (folder / name).write_bytes(content)
    sums = json.loads((folder / "checksums.json").read_text())
    (folder / "checksums.json").write_text(json.dumps(sums | {name: hashlib.sha256(content).hexdigest()}))


def outcome(folder):
    """What a prediction with intervals gives: numbers, or one line."""
    try:
        model = load_predictor(folder)
        found = model.assess(["CCO", "bad("])
        if model.calibration is not None:
            model.interval(found, 50)
    except GearError as error:
        told = str(error)
    else:
        told = ""
        assert (found.value.shape, found.reason[1]) == ((2,), "cannot parse SMILES 'bad('")
    assert "\n" not in told
    return told
