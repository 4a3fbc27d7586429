"""A thousand malformed files: each gives a table or one clear line, never a traceback.

They begin as files that people write: with any delimiter, line end, preamble, number and missing value.
"""

import gzip
import random

import pytest

from gear.config import TaskSpec
from gear.data.user_files.task_file import read_task
from gear.errors import GearError

BASE = b"smiles,value,part\nCCO,1.5,train\nc1ccccc1,-2e3,test\nCC(=O)O,0.25,validation\nC[N+](=O)[O-],7,train\n"
NUMBERS = "1.5 -2e3 1,048 1.048,5 <0.5 >=100 n/a - NA 1_000 7.2±0.3 12-14°C −5 0,25 1e400".split()
PIECES = [
    b",", b";", b"\t", b"\n", b"\r", b"\r\n", b'"', b"\x00", b"\xff", b"\xef\xbb\xbf", b"nan", b"inf", b"1e400", b" ",
    b"(", b"[", b"*", b".", b"'", b"PK", b"PAR1", b"\x1f\x8b", b"%", b"smiles", b"\xe2\x80\x93", b"-", b"9" * 400,
]  # fmt: skip


def as_people_write(generator):
    """A file with some layout, and numbers of all kinds."""
    delimiter, end = generator.choice(",;\t"), generator.choice(["\n", "\r\n", "\r"])
    header = [generator.choice(["smiles", "SMILES", "canonical_smiles", "smi"]), "value", "part"]
    rows = [["CCO", "1.5", "train"], ["CC(=O)O", "0.25", "test"], ["CC(O)=C", generator.choice(NUMBERS), "train"]]
    rows += [["CCN", generator.choice(NUMBERS), "validation"] for _ in range(generator.randint(0, 2))]
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in row] for row in [header, *rows]]
    before = generator.choice(["", "", f"sep={delimiter}{end}", f"# a comment{end}", end])
    if generator.random() < 0.1:
        quoted[1][2] += "x" * 200_000
    return (before + end.join(map(delimiter.join, quoted)) + end).encode()


def malformed(generator):
    """A file with some bytes removed, repeated, replaced or inserted; sometimes zipped, sometimes cut."""
    content = bytearray(generator.choice([BASE, as_people_write(generator)]))
    for _ in range(generator.randint(0, 6)):
        place = generator.randrange(len(content) + 1)
        length = generator.choice([0, 1, 1, 5, 30])
        piece = generator.choice([*PIECES, bytes(content[place : place + 20]), bytes([generator.randrange(256)])])
        content[place : place + length] = piece
    if generator.random() < 0.1:
        content = bytearray(gzip.compress(bytes(content)))
    if generator.random() < 0.1:
        content = content[: generator.randrange(len(content) + 1)]
    return bytes(content)


@pytest.mark.parametrize("seed", range(10))
def test_malformed_file_is_a_table_or_one_line(seed, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gear.data.user_files.task_file.cache_folder", lambda: tmp_path / "cache")
    generator = random.Random(seed)
    tables, lines = 0, []
    for index in range(100):
        path = tmp_path / f"{index}.csv"
        path.write_bytes(malformed(generator))
        options = {"drop_bad_rows": generator.random() < 0.5, "log10": generator.random() < 0.2}
        options["censored"] = generator.choice(["refuse", "drop", "bound", "learn"])
        column = generator.choice([None, "part"])
        try:
            table = read_task(TaskSpec("mine", str(path), "value", split_column=column, **options))
            tables += len(table.smiles) == len(table.value) > 0
        except GearError as error:
            lines.append(str(error))
    assert tables + len(lines) == 100
    assert min(tables, len(lines)) > 5  # both kinds were met
    assert all(line.isprintable() and len(line) < 1500 for line in lines)
    assert "Traceback" not in capfd.readouterr().err
