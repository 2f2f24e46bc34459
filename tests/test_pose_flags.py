"""Every flag with a number, of the commands for coils: what is wrong is told with the flag, in the flag's unit."""

from __future__ import annotations

import math
import re

import pytest
from runs import small_head

from stimplan.cli import run as cli
from stimplan.coil import read_coil
from stimplan.coil_search import SearchSpace, Uncertainty
from stimplan.commands.flags import as_typed, check_rate
from stimplan.errors import InputError
from stimplan.pose_cloud import grid_moves, placement_design
from stimplan.units import exact_text

COIL = ["--coil", "magstim-70mm-figure8"]
SEARCH = ["search", "head:10,20,70", *COIL, "--out", "found"]
FIELD = ["poses", "field", "three-d-itbs", *COIL, "--out", "t.csv"]
PLACE = ["poses", "place", "three-d-itbs", "p.txt", "--to", "matrix"]
CONVERT = ["poses", "convert", "p.txt", "q.txt", "--to", "brainsight"]
RUN = ["run", "three-d-itbs", *COIL, "--out", "r", "--no-figures"]

# command, flag, and values of it that cannot be, as they are typed
BAD = [
    (SEARCH, "--radius-mm", ("-3", "0", "120.0004", "1e300", "x", "nan")),
    (SEARCH, "--spacing-mm", ("-1", "0.4999", "51", "inf")),
    (SEARCH, "--distance-mm", ("-0.5", "50.01", "ten")),
    (SEARCH, "--most-lift-mm", ("-3", "60")),
    (SEARCH, "--uncertainty-mm", ("-5", "0", "50.5")),
    (SEARCH, "--uncertainty-deg", ("-1", "0", "180.01", "361")),
    (SEARCH, "--didt", ("0", "114.7301", "-500", "x")),
    (SEARCH, "--top-k", ("0", "-1", "1001", "2.5", "many")),
    (SEARCH, "--angles", ("0", "0.5", "5:2", "90:0:10", "0:400:10", "x")),
    (SEARCH, "--tilt-deg", ("3", "3,x", "1,2,3")),
    (SEARCH, "--edge-mm", ("-3", "0.01", "coarse")),
    (SEARCH, "--also", ("C3@-1", "C3@0", "C3@x")),
    (FIELD, "--didt-a-per-us", ("-1", "0", "nan", "inf", "114.7301", "x")),
    (FIELD, "--shift-mm", ("-3", "nan", "x")),
    (FIELD, "--turn-deg", ("-10", "inf")),
    (FIELD, "--seed", ("-1", "1.5")),
    (FIELD, "--jitter", ("0", "10001", "1.5")),
    (FIELD, "--grid-mm", ("10", "10,x", "10,nan")),
    (FIELD, "--edge-mm", ("-3", "9")),
    ([*FIELD, "--design"], "--shift-mm", ("100.0001", "250")),
    ([*FIELD, "--design"], "--turn-deg", ("180.001", "400")),
    ([*FIELD, "--grid-mm", "5,5"], "--turns-deg", ("x", "1,,2", "nan")),
    (["poses", "field", "p.txt", *COIL, "--out", "t.csv"], "--max-didt-a-per-us", ("-1", "0", "inf", "x")),
    (PLACE, "--handle-deg", ("-360.00001", "1000", "nan", "x")),
    (PLACE, "--edge-mm", ("-3", "9")),
    (CONVERT, "--version", ("3", "x")),
    (RUN, "--handle-deg", ("-360.00001", "1000", "nan", "x")),
    (RUN, "--threshold-mso", ("0", "-1", "rMT=100.00001", "nan", "x")),
    (RUN, "--threshold-didt", ("0", "-1", "aMT=inf", "x")),
    (RUN, "--max-didt-a-per-us", ("0", "-1", "inf", "x")),
    (RUN, "--didt-a-per-us", ("0", "-1", "nan", "x")),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with one file of a pose in it, and no head that takes long."""
    from stimplan.head import load_head

    def load(name, **options):
        edge = options.get("edge_mm")
        return small_head() if edge in (None, "teaching") else load_head(name, **options)

    monkeypatch.setattr("stimplan.head.load_head", load)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.txt").write_text("-1 0 0 0\n0 1 0 0\n0 0 -1 90\n0 0 0 1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "flag", "typed"), [(command, flag, one) for command, flag, values in BAD for one in values]
)
def test_a_number_that_cannot_be_is_told_with_its_flag_as_it_was_typed(folder, capsys, command, flag, typed):
    assert cli([*command, f"{flag}={typed}"]) == 2
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if re.match(rf"stimplan: (argument )?{flag}\b", line)]
    assert len(lines) == 1 and len(err.splitlines()) == 1, err
    number = re.split("[=@]", typed)[-1]
    shown = {"1e300": "1e+300", "3,x": "x"}.get(number, number)
    assert re.search(rf"(?<![\d.]){re.escape(shown)}(?:\.0)?(?![\d]|\.\d)", lines[0]), lines[0]
    assert sorted(path.name for path in folder.iterdir()) == ["p.txt"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--grid-mm", "100.5,5"], "--grid-mm, HALF: must be 0 to 100 mm, got 100.5 mm"),
        (["--grid-mm", "5,0.4"], "--grid-mm, STEP: must be 0.5 to 100 mm, got 0.4 mm"),
        (["--grid-mm", "100,0.5"], "--grid-mm, STEP: this grid has 160,801 poses"),
    ],
)
def test_of_two_numbers_the_wrong_one_is_named(folder, capsys, options, told):
    assert cli([*FIELD, *options]) == 2
    assert told in capsys.readouterr().err


def test_a_rate_beyond_the_stimulator_is_told_in_amperes_per_microsecond(folder, capsys):
    assert cli([*FIELD, "--didt-a-per-us", "300"]) == 2
    assert "--didt-a-per-us: 300 A/µs is more than the 114.73 A/µs that Rapid gives" in capsys.readouterr().err
    problems = []
    check_rate(problems, "--didt", didt_A_per_s=math.nan, coil=None)
    check_rate(problems, "--didt", didt_A_per_s=-114.73e6, coil=read_coil("magstim-70mm-figure8"))
    assert [str(one) for one in problems] == ["--didt: dI/dt must be a finite number other than 0, got nan A/µs"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: SearchSpace(radius_m=-0.003), "got -3 mm"),
        (lambda: SearchSpace(radius_m=math.nan), "got nan mm"),
        (lambda: Uncertainty(shift_m=0.0501), "got 50.1 mm"),
        (lambda: Uncertainty(turn_rad=-0.1), r"got -5\.7\d+°"),
        (lambda: placement_design(shift_m=0.2), "got 200 mm"),
        (lambda: placement_design(turn_rad=math.inf), "got inf°"),
        (lambda: grid_moves(0.01, 1e-6), "got 0.001 mm"),
    ],
)
def test_the_library_tells_lengths_in_mm_and_angles_in_degrees(make, told):
    with pytest.raises(InputError, match=told):
        make()


def test_numbers_are_shown_with_every_digit_they_were_given_with():
    assert [exact_text(one, "mm") for one in (-0.003, 0.1200004, 0.0004999)] == ["-3 mm", "120.0004 mm", "0.4999 mm"]
    assert exact_text(math.radians(45), "deg") == "45°"
    assert [as_typed(one) for one in (-5.0, 360.00001, math.nan, 1e20)] == ["-5", "360.00001", "nan", "1e+20"]
