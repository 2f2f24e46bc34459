"""Errors, units and values: the ground everything stands on."""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stimplan import errors, units, values

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6)


@given(finite, st.sampled_from(sorted(units._TO_SI)))
def test_a_value_written_in_file_units_reads_back_to_the_last_bit(value, suffix):
    assert units.to_si(units.from_si(value, suffix), suffix) == value


@pytest.mark.parametrize(
    "key, noun, suffix, inside",
    [
        ("current_mA", "current", "mA", "current_A"),
        ("didt_A_per_us", "didt", "A_per_us", "didt_A_per_s"),
        ("sessions", "sessions", "", "sessions"),
        ("position_mm", "position", "mm", "position_m"),
        ("rotation_deg", "rotation", "deg", "rotation_rad"),
    ],
)
def test_a_key_carries_its_unit(key, noun, suffix, inside):
    assert units.split_key(key) == (noun, suffix)
    assert units.si_key(key) == inside


def test_square_centimetres_are_ten_thousandths():
    assert units.to_si(35, "cm2") == 35e-4
    density = 2e-3 / units.to_si(35, "cm2")
    assert density == pytest.approx(0.5714, abs=1e-4)
    assert density * 1200 == pytest.approx(685.7, abs=0.05)


@given(st.one_of(st.integers(-(10**30), 10**30), st.decimals(allow_nan=False, allow_infinity=False, places=9),
                 st.floats(allow_nan=False, allow_infinity=False), st.fractions()),
       st.sampled_from(sorted(units._TO_SI)))  # fmt: skip
def test_a_conversion_is_the_exact_product_rounded_once(value, suffix):
    exact = Fraction(value) * units._TO_SI[suffix][1]
    if abs(exact) < 1e300:
        assert units.to_si(value, suffix) == float(exact)


def test_degrees_are_exact_where_they_can_be():
    assert units.to_si(180, "deg") == math.pi
    assert str(units.from_si(math.pi / 4, "deg")) == "45"


def test_text_for_people_has_a_unit():
    assert units.text(0.002, "A") == "2 mA"
    assert units.text(35e-4, "m2") == "35 cm²"


def test_a_frozen_array_is_owned_and_read_only():
    mine = np.zeros((2, 3))
    frozen = values.frozen_array(mine, name="x", shape=(None, 3))
    mine[0, 0] = 1
    assert frozen[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        frozen[0, 0] = 1


@pytest.mark.parametrize("bad, message", [([1.0, 2.0], "expected shape"), ([[1.0, math.nan, 0.0]], "not finite")])
def test_a_frozen_array_refuses_what_does_not_fit(bad, message):
    with pytest.raises(ValueError, match=message):
        values.frozen_array(bad, name="x", shape=(None, 3))


def test_a_digest_sees_every_difference():
    base = values.digest({"a": 1.0, "b": (1, 2)}, np.arange(3))
    assert base == values.digest({"b": (1, 2), "a": 1.0}, np.arange(3))
    others = [
        values.digest({"a": 1.0, "b": (1, 2)}, np.arange(4)),
        values.digest({"a": np.nextafter(1.0, 2.0), "b": (1, 2)}, np.arange(3)),
        values.digest({"a": 1.0, "b": (12,)}, np.arange(3)),
        values.digest({"a": 1, "b": (1, 2)}, np.arange(3)),
        values.digest({"a": 1.0, "b": (1, 2)}, np.arange(3).astype(np.int32)),
    ]
    assert len({base, *others}) == 6


def test_a_digest_is_the_same_in_another_process():
    code = "from stimplan.values import digest; print(digest('a', 1.5, {'x': [1, None, True]}, frozenset({'q', 'r'})))"
    here = values.digest("a", 1.5, {"x": [1, None, True]}, frozenset({"q", "r"}))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == here


def test_a_digest_refuses_what_it_does_not_understand():
    with pytest.raises(TypeError, match="no digest"):
        values.digest(object())


def test_attrs_values_of_different_types_have_different_digests():
    one = attrs.make_class("One", ["x"], frozen=True)
    two = attrs.make_class("Two", ["x"], frozen=True)
    assert values.digest(one(1)) != values.digest(two(1))


@pytest.mark.parametrize(
    "kind, builtin, code",
    [
        (errors.ProtocolError, ValueError, 2),
        (errors.ResourceError, LookupError, 2),
        (errors.SolveError, ArithmeticError, 4),
        (errors.MissingExtra, ImportError, 5),
    ],
)
def test_every_error_has_one_root_and_an_exit_code(kind, builtin, code):
    assert issubclass(kind, errors.StimplanError)
    assert issubclass(kind, builtin)
    assert kind.exit_code == code


def test_an_input_error_lists_every_problem_with_its_place():
    problems = [errors.Problem("$.a", "is missing", "p.json"), errors.Problem("$.b", "is NaN", "p.json")]
    error = errors.ProtocolError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "p.json: $.a: is missing\np.json: $.b: is NaN"


@pytest.mark.parametrize(
    ("suffix", "shown"),
    [("uA", "µA"), ("mA", "mA"), ("us", "µs"), ("A_per_us", "A/µs"), ("mA_per_cm2", "mA/cm²"), ("A_per_m2", "A/m²"),
     ("percent", "%"), ("kohm", "kΩ"), ("deg", "°"), ("V_per_m", "V/m"), ("", "")],
)  # fmt: skip
def test_a_unit_stands_as_people_write_it(suffix, shown):
    from stimplan.units import unit_text

    assert unit_text(suffix) == shown


def test_no_unit_of_files_reaches_a_reader_in_its_plain_letters():
    from stimplan.units import _TO_SI, unit_text

    assert not [name for name in _TO_SI if any(word in unit_text(name) for word in ("_", "u", "ohm", "percent", "2"))]
