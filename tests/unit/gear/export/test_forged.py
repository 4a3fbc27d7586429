"""Export folders whose checksums are right and whose contents are not: each is one clear line, never a traceback."""

import copy
import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from gear.errors import StorageError
from gear.evaluation.conformal import Calibration
from gear.export import export_model, load_export
from tests.support.forged_export import forge, outcome

MEMBER = "members/0/model.safetensors"
TENSORS = (MEMBER, "members/1/model.safetensors", "fingerprints.safetensors", "calibration.safetensors")
ODD = [None, True, -1, 0, 3, 1e400, float("nan"), 10**18, "", "\x1b[2J", "nonsense", [], [[]], {}, {"a": 1}]
READ = ("format", "property", "unit", "split", "columns", "members", "calibration")
WRONG = [
    ({"members": []}, "members must be a list of at least one"),
    ({"members": {}}, "members must be a list of at least one"),
    ({"members": None}, "is not that of an export"),
    ({"members": [1, 2]}, r"members\[0\] must be an object"),
    ({"members": [{}, {}]}, r"missing key members\[0\]\.trial"),
    ({"unit": None}, "unit must be str"),
    ({"unit": '=HYPERLINK("http://a.b")'}, "has the character '=', which no unit has there"),
    ({"unit": "K" * 61}, "has 61 characters: use at most 60"),
    ({"property": "a\x1b[31m"}, "property has characters that are not printable"),
    ({"columns": {"ph": {"minimum": 1, "mean": 2, "maximum": 3}}}, "columns are not those that the members read"),
    ({"columns": {"ph": {"minimum": 1, "mean": 5, "maximum": 3}}}, r"columns\.ph has no range"),
    ({"calibration": {"slope": "steep", "log10": False}}, r"calibration\.slope must be float"),
    ({"calibration": []}, "cannot be loaded|is not that of an export"),
]


@pytest.fixture(scope="module")
def whole(ensemble, tmp_path_factory):
    """Two members and a calibration."""
    folder = tmp_path_factory.mktemp("whole") / "export"
    export_model(ensemble[:2], ensemble[0].pair, folder, {}, Calibration(np.arange(20.0), 1.25, log10=False))
    return folder


@pytest.fixture
def forged(whole, tmp_path):
    """A copy."""
    return shutil.copytree(whole, tmp_path / "export", dirs_exist_ok=True)


def info_of(folder):
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_what_a_prediction_needs_is_checked_and_named(changes, message, forged):
    forge(forged, "config.json", json.dumps(info_of(forged) | changes).encode())
    with pytest.raises(StorageError, match=message):
        load_export(forged)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scaler": {"mean": 0.0, "sd": 0.0, "log10": False}}, "positive standard deviation"),
        ({"scaler": {"mean": float("nan"), "sd": 1.0, "log10": False}}, "finite mean"),
        ({"scaler": {"mean": 0.0, "sd": 1.0}}, r"missing key members\[0\]\.scaler\.log10"),
        ({"weight": 0.9}, "sum to 1.4, not to 1"),
        ({"weight": -1}, "weight must be above 0"),
        ({"weight": "half"}, "weight must be float"),
        ({"trial": "hv"}, r"members\[0\]\.trial must be an object"),
    ],
)
def test_every_member_is_checked(change, message, forged):
    info = info_of(forged)
    info["members"][0] |= change
    forge(forged, "config.json", json.dumps(info).encode())
    with pytest.raises(StorageError, match=message):
        load_export(forged)


@pytest.mark.parametrize("group", ["embedding", "encoder", "transfer"])
@pytest.mark.parametrize("size", ["depth", "width"])
@pytest.mark.parametrize("value", [1000, 10**9, 10**18])
def test_size_that_the_weights_do_not_have_takes_no_memory(group, size, value, forged):
    info = info_of(forged)
    info["members"][0]["trial"]["config"][group][size] = value
    forge(forged, "config.json", json.dumps(info).encode())
    told = outcome(forged)
    unread = group == "transfer" or (group, size) == (
        "embedding",
        "depth",
    )  # by single-task learning; no weights of its own
    assert told or (unread and value < 10**18)


def places(value, path=()):
    """The places of everything in a JSON value, itself included."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def changed(info, path, value, *, drop):
    """A copy with one value replaced or left out."""
    if not path:
        return value
    info = copy.deepcopy(info)
    *way, last = path
    parent = info
    for key in way:
        parent = parent[key]
    if drop:
        del parent[last]
    else:
        parent[last] = value
    return info


@given(data=st.data(), value=st.sampled_from(ODD), drop=st.booleans())
@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_changed_in_the_config_it_predicts_or_says_why_not(data, value, drop, whole, forged):
    info = info_of(whole)
    path = data.draw(st.sampled_from([path for path in places(info) if not path or path[0] in READ]))
    forge(forged, "config.json", json.dumps(changed(info, path, value, drop=drop)).encode())
    outcome(forged)


@given(
    name=st.sampled_from(TENSORS),
    which=st.integers(0, 50),
    change=st.sampled_from(["drop", "rename", "scalar", "longer", "integers", "negative", "nan", "empty"]),
)
@example(name="fingerprints.safetensors", which=0, change="empty")
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_changed_in_the_tensors_it_predicts_or_says_why_not(name, which, change, whole, forged):
    tensors = load_file(whole / name)
    key = sorted(tensors)[which % len(tensors)]
    array = tensors.pop(key)
    changes = {
        "drop": {},
        "rename": {"another": array},
        "scalar": {key: np.zeros((), array.dtype)},
        "longer": {key: np.concatenate([np.atleast_1d(array), np.atleast_1d(array)])},
        "integers": {key: np.zeros(array.shape, np.int64)},
        "negative": {key: -np.ones(array.shape, np.float32)},
        "nan": {key: np.full(array.shape, np.nan, np.float32)},
        "empty": {key: np.zeros((0, *array.shape[1:]), array.dtype)},
    }
    forge(forged, name, save(tensors | changes[change]))
    told = outcome(forged)
    forge(forged, name, (whole / name).read_bytes())
    assert told or change in ("integers", "negative", "nan", "longer", "empty")


@pytest.mark.parametrize(
    "weights",
    [
        np.full(20, 0.51),
        np.zeros(20),
        -np.ones(20),
        np.full(20, 2.0),
        np.full(20, np.nan),
        np.ones(19),
        np.ones(20, "f4"),
    ],
    ids=["no molecules", "zero", "negative", "large", "nan", "few", "float32"],
)
def test_weights_of_a_calibration_are_those_of_whole_molecules(weights, forged):
    tensors = load_file(forged / "calibration.safetensors")
    forge(forged, "calibration.safetensors", save(tensors | {"weights": np.full(20, 0.5)}))
    assert load_export(forged).calibration.molecules == 10
    forge(forged, "calibration.safetensors", save(tensors | {"weights": weights}))
    with pytest.raises(StorageError, match="the weights of the calibration are not those of whole molecules"):
        load_export(forged)


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 100, b"\x08\0\0\0\0\0\0\0[[[[[[[["])
def test_file_that_holds_no_tensors_is_one_line(name, content, forged):
    forge(forged, name, content)
    assert "cannot be loaded" in outcome(forged)


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"\xff", b"null", b'"x"', b"1", b'{"format": [5]}', b'{"format": 5}']
)
def test_config_that_is_no_config_is_one_line(content, forged):
    forge(forged, "config.json", content)
    assert outcome(forged).startswith(str(forged))


@pytest.mark.parametrize("version", [True, 5.0])
def test_format_is_a_whole_number(version, forged):
    forge(forged, "config.json", json.dumps(info_of(forged) | {"format": version}).encode())
    assert "this version of gear reads 1 to" in outcome(forged)


@pytest.mark.parametrize("files", range(8))
def test_half_of_a_copy_is_one_line(files, whole, tmp_path):
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    for name in names[:files]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(whole / name, tmp_path / name)
    told = outcome(tmp_path)
    assert "is not an export folder" in told or "the export is incomplete" in told


@pytest.mark.parametrize("name", ["config.json", "checksums.json", MEMBER, "fingerprints.safetensors", "README.md"])
def test_file_of_another_user_is_named(name, forged, monkeypatch):
    real = type(forged).open

    def refusing(path, *args, **kwargs):
        if path == forged / name:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(type(forged), "open", refusing)
    told = outcome(forged)
    assert told == f"cannot read {forged / name} (Permission denied): ask its owner for permission"
