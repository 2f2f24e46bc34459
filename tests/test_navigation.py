"""Neuronavigation files: what each program calls its axes, and that nothing is lost between any two of them."""

from __future__ import annotations

import json
import math
from itertools import product

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pose import matrices

from stimplan import cli
from stimplan.commands.poses import FORMAT_NAMES
from stimplan.errors import InputError
from stimplan.exchange.navigation import (
    FORMATS,
    NavigationTarget,
    WriteOptions,
    navigation_text,
    not_carried,
    parse_navigation,
    read_navigation,
)
from stimplan.exchange.navigation.visor2 import image_differences, image_header
from stimplan.pose import CoilPose, pose_from_axes

# A coil over the left motor cortex, by hand: z down and to the right, the handle to the back and outwards.
Z = np.array([0.6, 0.0, -0.8])
Y = np.array([0.8, 0.0, 0.6]) * 0.5 + np.array([0.0, 1.0, 0.0]) * np.sqrt(0.75)
X = np.cross(Y, Z)
CENTER_MM = (-45.5, -20.25, 70.125)
HAND = np.eye(4)
HAND[:3, :3] = np.column_stack([X, Y, Z])
HAND[:3, 3] = np.array(CENTER_MM) / 1000

NOWHERE = st.tuples(*[st.floats(-0.2, 0.2) for _ in range(3)]).filter(lambda p: np.linalg.norm(p) > 0.03)


def numbers(*axes):
    """Columns as text, row after row."""
    return [" ".join(f"{value:.15f}" for value in row) for row in np.column_stack(axes)]


def localite_text(axes, *, flips=(1, 1, 1), space="RAS", center=CENTER_MM):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = np.column_stack(axes), center
    matrix[:3] *= np.array(flips)[:, None]
    data = " ".join(f'data{i}{j}="{matrix[i, j]:.15f}"' for i, j in product(range(4), range(4)))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<InstrumentMarkerList coordinateSpace="{space}">\n'
        f'<InstrumentMarker index="0"><Marker description="M1" set="true">\n<Matrix4D {data}/>\n'
        "</Marker></InstrumentMarker></InstrumentMarkerList>\n"
    )


BRAINSIGHT_HEAD = (
    "# Version: {version}\n# Coordinate system: {system}\n# Created by: Brainsight\n"
    "# Units: millimetres, degrees, milliseconds, and microvolts\n# Encoding: UTF-8\n# Notes: tabs\n"
)
TARGET = "# Target Name\tLoc. X\tLoc. Y\tLoc. Z\tm0n0\tm0n1\tm0n2\tm1n0\tm1n1\tm1n2\tm2n0\tm2n1\tm2n2\n"
SAMPLE = (
    "# Sample Name\tSession Name\tIndex\tAssoc. Target\tLoc. X\tLoc. Y\tLoc. Z\tm0n0\tm0n1\tm0n2\tm1n0\tm1n1\tm1n2"
    "\tm2n0\tm2n1\tm2n2\tDist. to Target\t{power}\tDate\tTime\tComment\n"
)


def brainsight_cells(axes=(-X, Y, -Z), center=CENTER_MM):
    return [*(f"{value}" for value in center), *(f"{value:.15f}" for axis in axes for value in axis)]


def brainsight_text(version=14, system="NIfTI:Q:Aligned", *, cells=None, more=""):
    row = "\t".join(["M1", *(cells or brainsight_cells())])
    return BRAINSIGHT_HEAD.format(version=version, system=system) + TARGET + row + "\n" + more


def softaxic_text(axes=(Y, -X, Z), extra=""):
    matrix = np.column_stack(axes)
    values = " ".join(f'm{i}{j}="{matrix[i, j]:.15f}"' for i, j in product(range(3), range(3)))
    place = " ".join(f'{axis}="{value}"' for axis, value in zip("xyz", CENTER_MM, strict=True))
    return (
        f'<!DOCTYPE stmp>\n<stmp>\n <fmpm dataset="a">\n  <fmp global="0" id="M1">\n   <fp {values} {place} '
        f'ts="1629993666766"{extra}>\n    <bm y="1" z="2" x="3"/>\n   </fp>\n  </fmp>\n </fmpm>\n</stmp>\n'
    )


def json_matrix(axes=(X, Y, Z)):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = np.column_stack(axes), CENTER_MM
    return matrix.tolist()


def visor2_tree(**changes):
    target = {
        "Name": "M1", "CoordinateSystem": "ASSOCIATED_IMAGE", "PositionalUnit": "mm",
        "CoilAxesConvention": "simnibs", "CoilPose": {"RigidTransformMatrix4x4": json_matrix()},
    }  # fmt: skip
    return {"TargetMarkers": [{"CoilTarget": target | changes}]}


def navinibs_tree(**changes):
    return [{"key": "M1", "coilToMRITransf": json_matrix((-X, Y, -Z))} | changes]


def coil_row(z=Z, y=Y, distance="0", name=",M1"):
    values = [*CENTER_MM, *z, *y]
    return f"CoilPos,{','.join(f'{value:.15f}' for value in values)},{distance}{name}\n"


def plain():
    rows = ["\t".join(f"{value:.15f}" for value in row) for row in json_matrix()]
    return "\n".join(rows) + "\n"


BY_HAND = {
    "brainsight": brainsight_text(),
    "localite": localite_text((Z, -Y, X)),
    "localite-lps": localite_text((Z, -Y, X), flips=(-1, -1, 1), space="LPS"),
    "softaxic": softaxic_text(),
    "visor2": json.dumps(visor2_tree()),
    "navinibs": json.dumps(navinibs_tree()),
    "simnibs": "Type,pos_x,pos_y,pos_z\nFiducial,1,2,3,Nz\n" + coil_row(),
    "matrix": plain(),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_each_programs_axes_are_those_its_users_see(name):
    """The same coil written by hand in each program's own axes is the same pose."""
    found = parse_navigation(BY_HAND[name])
    assert found.format == name
    (target,) = found.targets
    assert np.allclose(target.pose.matrix_m, HAND, atol=1e-12)
    assert target.name in ("M1", "1")


def test_softaxic_axes_agree_with_a_pose_known_in_simnibs():
    """A position of Softaxic and its `matsimnibs` as SimNIBS's own test states both (numbers rounded as there)."""
    text = softaxic_text(([-0.171625, 0.967445, -0.186001], [0.335503, 0.234913, 0.912279],
                          [0.926273, 0.0941655, -0.364897]))  # fmt: skip
    (target,) = parse_navigation(text).targets
    expected = [[-0.335503, -0.171625, 0.926273], [-0.234913, 0.967445, 0.0941655], [-0.912279, -0.186001, -0.364897]]
    assert np.allclose(target.pose.matrix_m[:3, :3], expected, atol=2e-6)
    assert target.recorded_at == "2021-08-26T16:01:06.766Z"


def test_the_handle_lies_at_the_back_in_every_program():
    for text in BY_HAND.values():
        (target,) = parse_navigation(text).targets
        assert target.pose.handle_direction @ np.array([0, -1, 0]) > 0.8


targets = st.lists(
    st.builds(
        lambda matrix, center, name: NavigationTarget(name, CoilPose(moved(matrix, center))),
        matrices(),
        NOWHERE,
        st.text(st.characters(blacklist_categories=("Cs", "Cc", "Co", "Cn", "Zl", "Zp")), min_size=1, max_size=12).map(
            lambda name: f"T{name}".strip()
        ),
    ),
    min_size=1,
    max_size=3,
)


def moved(matrix, center):
    matrix = matrix.copy()
    matrix[:3, 3] = center
    return matrix


@pytest.mark.parametrize("name", ["T<stmp", "MarkerList", "<InstrumentMarkerList", "CoilPos", '"TargetMarkers"', "key"])
@pytest.mark.parametrize("kept", FORMATS)
def test_a_name_that_looks_like_another_program_does_not_change_what_the_file_is(kept, name):
    target = NavigationTarget(name, CoilPose(moved(np.eye(4), (0.0, 0.0, 0.125))))
    read = parse_navigation(navigation_text([target], kept))
    np.testing.assert_allclose(read.targets[0].pose.matrix_m, target.pose.matrix_m, atol=1e-9)


@pytest.mark.parametrize("one, other", list(product(FORMATS, FORMATS)))
@settings(max_examples=10)
@given(planned=targets)
def test_from_any_program_to_any_other_and_back_nothing_moves(one, other, planned):
    first = parse_navigation(navigation_text(planned, one))
    second = parse_navigation(navigation_text(first.targets, other))
    assert first.format == one and second.format == other
    for start, through, end in zip(planned, first.targets, second.targets, strict=True):
        # 1e-9 m is 1e-6 mm
        assert np.abs(through.pose.center_m - start.pose.center_m).max() < 1e-12
        assert np.abs(end.pose.center_m - start.pose.center_m).max() < 1e-12
        assert np.abs(end.pose.matrix_m - start.pose.matrix_m).max() < 1e-14
        assert through.name == start.name or one == "navinibs"


# Every program, in every version or coordinate system of it that is written.
VENDORS = {
    **{f"brainsight-{version}": ("brainsight", WriteOptions(version=version)) for version in (7, 12, 13, 14)},
    **{name: (name, None) for name in FORMATS if name not in ("brainsight", "matrix")},
}


def poses_all_round():
    """Coils on every side of a head, each turned another way; positions that no short decimal in mm has."""
    found = []
    for number, (x, y, z) in enumerate(product((-1, 1), (-1, 0.3), (-0.2, 1))):
        inward = -np.array([x, y, z]) / np.linalg.norm([x, y, z])
        handle = np.cross(inward, [math.cos(number), math.sin(number), 0.4])
        found.append(pose_from_axes(-0.1 / 3 * inward * (2 + number / 7), inward=inward, handle=handle))
    return found


@pytest.mark.parametrize("one, other", list(product(VENDORS, VENDORS)))
def test_from_one_vendor_to_a_matrix_to_another_nothing_moves(tmp_path, one, other):
    planned = [NavigationTarget(f"T{number}", pose) for number, pose in enumerate(poses_all_round())]
    at = planned
    for name, options in (VENDORS[one], ("matrix", None), VENDORS[other]):
        path = tmp_path / f"step{FORMATS[name].suffix}"
        path.write_text(navigation_text(at, name, options), encoding="utf-8")
        found = read_navigation(path)
        assert found.format == name and not found.skipped
        at = found.targets
    for start, end in zip(planned, at, strict=True):
        assert end.name == start.name
        assert np.abs(end.pose.center_m - start.pose.center_m).max() < 1e-12  # 1e-9 mm
        assert np.abs(end.pose.matrix_m - start.pose.matrix_m).max() < 1e-14
        assert np.abs(end.pose.handle_direction - start.pose.handle_direction).max() < 1e-14


@pytest.mark.parametrize("version", [7, 12, 13, 14])
def test_every_version_of_brainsight_is_written_and_read(version):
    target = NavigationTarget("M1", CoilPose(HAND))
    found = parse_navigation(navigation_text([target], "brainsight", WriteOptions(version=version)))
    assert np.allclose(found.targets[0].pose.matrix_m, HAND, atol=1e-15)
    assert found.coordinate_system == ("NIfTI:Q:Aligned" if version == 14 else "NIfTI:Aligned")


def sample(power="Stim. Power", given="55", place=None, name="Sample 1"):
    cells = [name, "Session 1", "1", "(null)", *(place or brainsight_cells()), "1.2", given]
    return SAMPLE.format(power=power) + "\t".join([*cells, "2024-02-22", "11:32:09.283", "(null)"]) + "\n"


@pytest.mark.parametrize("version, power", [(7, "Stim. Power"), (14, "Stim. Power A")])
def test_samples_of_brainsight_carry_output_and_time(version, power):
    text = brainsight_text(version, "NIfTI:Aligned", more=sample(power))
    found = parse_navigation(text + "# Planned Landmark Name\tLoc. X\tLoc. Y\tLoc. Z\nLPA\t1\t2\t3\n")
    assert [target.name for target in found.targets] == ["M1", "Sample 1"]
    assert [target.is_recorded for target in found.targets] == [False, True]
    assert found.targets[1].mso_fraction == 0.55 and found.targets[1].recorded_at == "2024-02-22T11:32:09.283"
    assert any("Planned Landmark" in notice for notice in found.notices)


def with_emg(*rows, units="millimetres, degrees, milliseconds, and microvolts"):
    """An export of samples with the responses of two channels; a row is name, output, and the two, as text."""
    columns = SAMPLE.format(power="Stim. Power A\tStim. Pulse Interval\tStim. Power B").rstrip()
    lines = [f"{columns}\tEMG Channels\tEMG Peak-to-peak 1\tEMG Latency 1\tEMG Peak-to-peak 2\tEMG Data 1"]
    for name, output, *responses, other in rows:
        place = [name, "Session 1", "1", "(null)", *brainsight_cells(), "1.2", output, "(null)", other]
        when = ["2024-02-22", "11:32:09.283", "(null)"]
        lines.append("\t".join([*place, *when, "1;2", responses[0], "21.5", responses[1], "0.1;-0.2;3e1"]))
    return brainsight_text(14, more="\n".join(lines) + "\n").replace(
        "millimetres, degrees, milliseconds, and microvolts", units
    )


def test_samples_of_brainsight_carry_the_responses_of_the_muscles():
    found = parse_navigation(with_emg(("a", "55", "812.5", "(null)", "(null)"), ("b", "60", "0", "40", "70")))
    assert [target.mep_V for target in found.targets] == [(), (("1", 812.5e-6),), (("1", 0.0), ("2", 40e-6))]
    assert any("1 samples are of pairs" in notice for notice in found.notices)
    assert "amplitude of the muscle's response" in not_carried(found.targets, "localite-triggers")


def test_responses_in_an_unknown_unit_are_left_aside_and_wrong_ones_refused():
    found = parse_navigation(with_emg(("a", "55", "812.5", "1", "(null)"), units="millimetres, degrees"))
    assert not any(target.mep_V for target in found.targets)
    assert any("does not say that they are microvolts" in notice for notice in found.notices)
    with pytest.raises(InputError) as caught:
        parse_navigation(with_emg(("a", "55", "-3", "x", "(null)")))
    told = str(caught.value)
    assert "'a', EMG Peak-to-peak 1: an amplitude from peak to peak is not negative, got -3" in told
    assert "EMG Peak-to-peak 2: 'x' is not a number" in told


def test_three_decimals_of_brainsight_7_are_read():
    cells = [f"{float(cell):.3f}" for cell in brainsight_cells()]
    (target,) = parse_navigation(brainsight_text(7, "NIfTI:Aligned", cells=cells)).targets
    assert np.allclose(target.pose.matrix_m, HAND, atol=2e-3)


def test_a_new_version_of_brainsight_is_read_with_a_notice():
    found = parse_navigation(brainsight_text(15))
    assert found.targets and any("15 was not met" in notice for notice in found.notices)


def trigger_text(matrix="zero", value="62.0", amplitude="55.0"):
    kinds = {"zero": np.zeros((4, 4)), "none": np.eye(4), "M1": np.array(json_matrix((Z, -Y, X)))}
    rows = kinds[matrix].copy()
    rows[3] = [0, 0, 0, 1]
    data = " ".join(f'data{i}{j}="{rows[i, j]}"' for i, j in product(range(4), range(4)))
    return (
        '<TriggerMarkerList coordinateSpace="RAS" startTime="14:25:34.445">\n<ResponseParameters>'
        '<responseDescription id="valueA" unit="A/us"/></ResponseParameters>\n'
        '<TriggerMarker description="" recordingTime="174485" set="true">\n<ResponseValues>'
        f'<Value key="valueA" response="{value}"/><Value key="response" response="NaN"/>'
        f'<Value key="amplitudeA" response="{amplitude}"/></ResponseValues>\n<Matrix4D {data}/></TriggerMarker>\n'
        "</TriggerMarkerList>"
    )


def test_pulses_of_localite_carry_current_output_and_time():
    found = parse_navigation(trigger_text("M1"))
    (target,) = found.targets
    assert (target.didt_A_per_s, target.mso_fraction, target.elapsed_s) == (62e6, 0.55, 174.485)
    assert target.is_recorded and not any(
        one.is_recorded for one in parse_navigation(localite_text((Z, -Y, X))).targets
    )
    assert np.allclose(target.pose.matrix_m, HAND)
    again = parse_navigation(navigation_text(found.targets, "localite-triggers")).targets
    assert again[0].didt_A_per_s == 62e6 and again[0].mso_fraction == 0.55 and again[0].elapsed_s == 174.485
    assert not_carried(found.targets, "localite-triggers") == ()
    assert len(not_carried(found.targets, "brainsight")) == 3


def test_a_stimulator_that_said_nothing_is_nothing():
    (target,) = parse_navigation(trigger_text("M1", "NaN", "0.0")).targets
    assert target.didt_A_per_s is None and target.mso_fraction is None


@pytest.mark.parametrize("matrix", ["zero", "none"])
def test_pulses_without_tracking_are_listed_by_name_and_left_out(matrix):
    found = parse_navigation(trigger_text(matrix))
    assert not found.targets and found.skipped[0].name == "1" and "not tracked" in found.skipped[0].why


def test_entries_without_a_position_are_skipped_in_every_format():
    nothing = ["(null)"] * 12
    assert parse_navigation(brainsight_text(more=sample(place=nothing))).skipped[0].name == "Sample 1"
    tree = [*navinibs_tree(), {"key": "plan", "targetCoord": [1, 2, 3], "angle": 45}, {"key": "no"}]
    skipped = parse_navigation(json.dumps(tree)).skipped
    assert [entry.name for entry in skipped] == ["plan", "no"] and "angle only" in skipped[0].why
    tree = visor2_tree()
    tree["TargetMarkers"].append({"PointTarget": {}})
    assert "no coil target but PointTarget" in parse_navigation(json.dumps(tree)).skipped[0].why


def test_names_that_come_twice_get_a_number_for_navinibs():
    pose = CoilPose(HAND)
    found = parse_navigation(navigation_text([NavigationTarget("a", pose), NavigationTarget("a", pose)], "navinibs"))
    assert [target.name for target in found.targets] == ["a", "a (2)"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_name_with_a_tab_is_written_nowhere(name):
    with pytest.raises(InputError, match="control character"):
        navigation_text([NavigationTarget("a\tb", CoilPose(HAND))], name)


def test_nothing_is_not_written():
    with pytest.raises(InputError, match="no positions"):
        navigation_text([], "matrix")
    with pytest.raises(InputError, match="no format"):
        navigation_text([NavigationTarget("a", CoilPose(HAND))], "brainstorm")
    with pytest.raises(InputError, match="expected 7, 12, 13, 14"):
        navigation_text([NavigationTarget("a", CoilPose(HAND))], "brainsight", WriteOptions(version=3))
    with pytest.raises(InputError, match="coordinate system"):
        navigation_text([NavigationTarget("a", CoilPose(HAND))], "brainsight", WriteOptions(coordinate_system="World"))


def test_numpy_reads_the_plain_matrices(tmp_path):
    path = tmp_path / "poses.txt"
    path.write_text(navigation_text([NavigationTarget("a", CoilPose(HAND))] * 2, "matrix"))
    both = np.loadtxt(path).reshape(2, 4, 4)
    assert np.allclose(both[1][:3, 3], CENTER_MM) and np.allclose(both[0][:3, :3], HAND[:3, :3])


def test_visor2_keeps_the_image_and_compares_it(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), dtype=np.uint8), np.diag([2.0, 2.0, 2.0, 1.0]))
    nibabel.save(image, tmp_path / "t1.nii")
    header = image_header(tmp_path / "t1.nii")
    written = navigation_text([NavigationTarget("a", CoilPose(HAND))], "visor2", WriteOptions(image=header))
    found = parse_navigation(written)
    assert found.image == header and image_differences(found.image, header) == ()
    other = header | {"NIfTI_qoffset": (1.0, 0.0, 0.0)}
    assert "qoffset" in image_differences(header, other)[0]
    (tmp_path / "no.nii").write_text("no")
    with pytest.raises(InputError, match="not a NIfTI"):
        image_header(tmp_path / "no.nii")


def test_the_command_lists_the_formats_there_are():
    assert tuple(FORMATS) == FORMAT_NAMES


def run(capsys, *args):
    code = cli.run([str(arg) for arg in args])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_shows_and_converts(tmp_path, capsys):
    source, out = tmp_path / "triggers.xml", tmp_path / "out.txt"
    source.write_text(trigger_text("M1"))
    code, shown, _ = run(capsys, "poses", "show", source)
    assert code == 0 and "centre (-45.5, -20.2, 70.1) mm" in shown and "62 A/µs" in shown and "handle -0.400" in shown
    code, told, _ = run(capsys, "poses", "convert", source, out, "--to", "brainsight", "--version", "13")
    assert code == 0 and "not carried: rate of change" in told
    assert out.read_text().startswith("# Version: 13") and np.allclose(
        read_navigation(out).targets[0].pose.matrix_m, HAND
    )
    code, _, err = run(capsys, "poses", "convert", source, out, "--to", "matrix")
    assert code == 2 and "--force" in err and out.read_text().startswith("# Version")
    code, data, _ = run(capsys, "poses", "convert", source, out, "--to", "matrix", "--force", "--json")
    assert code == 0 and json.loads(data)["targets"][0]["mso_fraction"] == 0.55
    code, data, _ = run(capsys, "poses", "show", out, "--json", "--from", "matrix")
    assert np.allclose(json.loads(data)["targets"][0]["matrix_m"], HAND)


def test_the_command_refuses_what_means_nothing(tmp_path, capsys):
    source = tmp_path / "a.xml"
    source.write_text(trigger_text("zero"))
    code, _, err = run(capsys, "poses", "convert", source, tmp_path / "no" / "b", "--to", "matrix", "--version", "7")
    assert code == 2 and "--version" in err and "no folder" in err
    code, _, err = run(capsys, "poses", "convert", source, tmp_path / "b", "--to", "matrix")
    assert code == 2 and "none of its 1 entries has a position" in err and not (tmp_path / "b").exists()
    code, _, err = run(capsys, "poses", "show", tmp_path / "gone.txt")
    assert code == 2 and "gone.txt" in err


def test_positions_of_another_image_are_not_passed_on(tmp_path, capsys):
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.diag([2.0, 2, 2, 1])), tmp_path / "t1.nii")
    tree = visor2_tree()
    info = {"NIfTI_quatern": [0, 1, 0], "NIfTI_qoffset": [90, -126, -172], "NIfTI_pixdim": [-1, 1, 1, 1]}
    tree["Configuration"] = {"AssociatedImageInfo": info}
    (tmp_path / "a.mrk").write_text(json.dumps(tree))
    out = tmp_path / "b.mrk"
    args = ("poses", "convert", tmp_path / "a.mrk", out, "--to", "visor2")
    code, _, err = run(capsys, *args, "--image", tmp_path / "t1.nii")
    assert code == 2 and "another image" in err and not out.exists()
    assert run(capsys, *args)[0] == 0 and read_navigation(out).image["NIfTI_qoffset"] == (90, -126, -172)


def test_the_coil_of_a_protocol_is_written_for_a_navigator_with_its_picture(tmp_path, capsys):
    out, picture = tmp_path / "plan.xml", tmp_path / "plan.png"
    args = ("poses", "place", "three-d-itbs", out, "--to", "localite", "--edge-mm", "teaching")
    code, _, err = run(capsys, *args)
    assert code == 2 and "does not say where the handle points" in err and not out.exists()
    code, told, _ = run(capsys, *args, "--handle-deg", "45", "--picture", picture)
    assert code == 0 and "taken: 45" in told and picture.stat().st_size > 10_000
    (target,) = read_navigation(out).targets
    assert target.name == "three-d-itbs" and np.allclose(1e3 * target.pose.center_m, [-53, 57, 36], atol=4)
    assert (target.pose.handle_direction[:2] < 0).all()
    code, _, err = run(capsys, *args, "--handle-deg", "nan", "--force")
    assert code == 2 and "--handle-deg" in err
    code, data, _ = run(capsys, *args, "--handle-towards", "Cz", "--force", "--json")
    assert code == 0 and "towards Cz" in json.loads(data)["notices"][-1]
