"""Ways to damage a file, for properties that hold whatever is damaged: each returns the new content, None for no file.

`at` is a place within the data, `value` a byte below 255.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

__all__ = ["LINES", "PLAIN", "apply_damage", "damaging"]


def flip(data, at, value):
    return data[:at] + bytes([data[at] ^ (value % 255 + 1)]) + data[at + 1 :]


def cut(data, at, value):
    return data[:at]


def lose(data, at, value):
    return data[:at] + data[at + value + 1 :]


def zero(data, at, value):
    end = at + 16 * (value + 1)
    return data[:at] + bytes(len(data[at:end])) + data[end:]


def insert(data, at, value):
    return data[:at] + bytes([value]) + data[at:]


def remove(data, at, value):
    return None


def empty(data, at, value):
    return b""


def cut_at_a_line(data, at, value):
    return data[: data.rfind(b"\n", 0, at) + 1]


def lose_a_line(data, at, value):
    lines = data.splitlines(keepends=True)
    del lines[at % len(lines)]
    return b"".join(lines)


def double_a_line(data, at, value):
    lines = data.splitlines(keepends=True)
    lines.insert(value % len(lines), lines[at % len(lines)])
    return b"".join(lines)


PLAIN = [flip, cut, lose, zero, insert, remove, empty]
LINES = [*PLAIN, cut_at_a_line, lose_a_line, double_a_line]


def damaging(mutations, examples):
    """A test that gets `damage` many times over, for `apply_damage`."""
    damage = st.tuples(st.sampled_from(mutations), st.integers(0, 100), st.integers(0, 10**6), st.integers(0, 254))
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

    def decorate(test):
        return settings(max_examples=examples, deadline=None, suppress_health_check=quiet)(given(damage=damage)(test))

    return decorate


def apply_damage(damage, files):
    """Damage one of some files, and return its path and what it was before."""
    mutate, which, at, value = damage
    path = files[which % len(files)]
    before = path.read_bytes()
    changed = mutate(before, at % len(before), value)
    path.unlink()
    if changed is not None:
        path.write_bytes(changed)
    return path, before
