"""Neuronavigation files that cannot be trusted: each is refused with its reason and its place, and none is a crash."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from test_navigation import (
    BRAINSIGHT_HEAD,
    BY_HAND,
    SAMPLE,
    TARGET,
    X,
    Y,
    Z,
    brainsight_cells,
    brainsight_text,
    coil_row,
    json_matrix,
    localite_text,
    navinibs_tree,
    numbers,
    plain,
    sample,
    softaxic_text,
    trigger_text,
    visor2_tree,
)

from stimplan.errors import InputError
from stimplan.exchange.navigation import NavigationFile, parse_navigation, read_navigation

SHEARED = Y + 0.1 * X


def spoiled_cell(index, value):
    cells = brainsight_cells()
    cells[index] = value
    return cells


def pose(matrix):
    return {"RigidTransformMatrix4x4": matrix}


def without(text, part):
    assert part in text
    return text.replace(part, "", 1)


def swapped(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


BROKEN = {
    # whole files
    "empty": ("", "empty"),
    "blank": (" \n\n", "empty"),
    "prose": ("Dear colleague,\nhere are the positions.\n", "none of the known formats"),
    "another XML": ("<html><body/></html>", "none of the known formats"),
    "an empty list": ("[]", "none of the known formats"),
    # Brainsight
    "no version": (swapped(brainsight_text(), "# Version: 14", "# Version: new"), "got the version 'new'"),
    "no system": (without(brainsight_text(), "# Coordinate system: NIfTI:Q:Aligned\n"), "coordinate system is ''"),
    "own system": (brainsight_text(system="Brainsight"), "export again with NIfTI:Aligned"),
    "world": (brainsight_text(system="World"), "'World'"),
    "template": (brainsight_text(system="NIfTI:MNI-152"), "export again"),
    "inches": (swapped(brainsight_text(), "millimetres", "inches"), "units are 'inches"),
    "encoding": (swapped(brainsight_text(), "UTF-8", "MacRoman"), "MacRoman"),
    "no columns": (
        BRAINSIGHT_HEAD.format(version=14, system="NIfTI:Aligned") + "M1\t1\t2\n",
        "line 7.*before any line",
    ),
    "a column lost": (without(brainsight_text(), "\tm2n1"), "line 7.*lacks the columns m2n1"),
    "a column twice": (swapped(brainsight_text(), "m2n1", "m2n2"), "more than once: m2n2"),
    "tabs lost": (brainsight_text(cells=[" ".join(brainsight_cells())]), "line 8.*2 values under 13 columns"),
    "a letter": (brainsight_text(cells=spoiled_cell(4, "abc")), "line 8.*m0n1: 'abc' is not a number"),
    "NaN": (brainsight_text(cells=spoiled_cell(0, "nan")), "Loc. X: 'nan' is not a number"),
    "a comma": (brainsight_text(cells=spoiled_cell(0, "1,5")), "write a decimal point"),
    "half a position": (brainsight_text(cells=spoiled_cell(2, "(null)")), "Loc. Z: '\\(null\\)'"),
    "sheared": (brainsight_text(cells=brainsight_cells((-X, SHEARED, -Z))), "'M1': the axes.*(sheared|lengths)"),
    "left-handed": (brainsight_text(cells=brainsight_cells((X, Y, -Z))), "'M1'.*left-handed"),
    "micrometres": (brainsight_text(cells=brainsight_cells(center=(-45500, 0, 1))), "45500 mm.*is the unit mm"),
    "too much power": (brainsight_text(more=sample(given="120")), "0 to 100 %, got 120"),
    "power in words": (brainsight_text(more=sample(given="full")), "Stim. Power: 'full'"),
    "no rows": (BRAINSIGHT_HEAD.format(version=14, system="NIfTI:Aligned") + TARGET, "no positions"),
    # Localite
    "no space": (without(localite_text((Z, -Y, X)), ' coordinateSpace="RAS"'), "coordinateSpace is ''.*RAS or LPS"),
    "a strange space": (localite_text((Z, -Y, X), space="LAS"), "coordinateSpace is 'LAS'"),
    "cut short": (localite_text((Z, -Y, X))[:200], "line 4.*not XML"),
    "a number lost": (without(localite_text((Z, -Y, X)), "data12="), "not XML|lacks data12"),
    "an attribute lost": (swapped(localite_text((Z, -Y, X)), "data12=", "date12="), "line 4.*'M1' lacks data12"),
    "an attribute twice": (swapped(localite_text((Z, -Y, X)), "data12=", "data11="), "duplicate attribute"),
    "no matrix": (swapped(localite_text((Z, -Y, X)), "<Matrix4D", "<Matrix3D"), "'M1' has no <Matrix4D>"),
    "other markers": ('<EntryTargetMarkerList coordinateSpace="RAS"/>', "holds <EntryTargetMarkerList>"),
    "Localite in metres of a giant": (localite_text((Z, -Y, X), center=(1e6, 0, 0)), "is the unit mm"),
    "mirrored space": (localite_text((Z, -Y, X), flips=(-1, 1, 1)), "left-handed"),
    "entities": ('<!DOCTYPE a [<!ENTITY b "c">]><InstrumentMarkerList coordinateSpace="&b;"/>', "entities"),
    "A/s": (swapped(trigger_text("M1"), '"A/us"', '"A/s"'), "valueA is in 'A/s', expected A/us"),
    "output above 100": (trigger_text("M1", amplitude="140"), "amplitudeA: expected 0 to 100 %, got 140"),
    "current in words": (trigger_text("M1", value="high"), "valueA: 'high'"),
    "time in words": (swapped(trigger_text("M1"), '"174485"', '"noon"'), "recordingTime: 'noon'"),
    # Softaxic
    "no point": (swapped(softaxic_text(), "<fp m", "<fq m").replace("</fp>", "</fq>"), "'M1' has 0 <fp>"),
    "no m21": (swapped(softaxic_text(), "m21=", "n21="), "line 5.*lacks m21"),
    "Softaxic sheared": (softaxic_text((SHEARED, -X, Z)), "(sheared|lengths)"),
    "tags crossed": (without(softaxic_text(), "</fmp>"), "line 9.*mismatched"),
    # visor2
    "not JSON": ('{"TargetMarkers": [', "not JSON at line 1"),
    "no markers": ('{"TargetMarkers": 5}', r"\$.TargetMarkers: missing"),
    "metres": (json.dumps(visor2_tree(PositionalUnit="m")), "PositionalUnit is 'm', expected 'mm'"),
    "another convention": (json.dumps(visor2_tree(CoilAxesConvention="visor")), "expected 'simnibs'"),
    "another system": (json.dumps(visor2_tree(CoordinateSystem="HEAD")), "expected 'ASSOCIATED_IMAGE'"),
    "three rows": (json.dumps(visor2_tree(CoilPose=pose(json_matrix()[:3]))), "4 rows of 4"),
    "text in it": (json.dumps(visor2_tree(CoilPose=pose([["1"] * 4] * 4))), "not a number"),
    "transposed": (json.dumps(visor2_tree(CoilPose=pose(np.array(json_matrix()).T.tolist()))), "last row"),
    "JSON NaN": (swapped(json.dumps(visor2_tree()), "-45.5", "NaN"), "NaN is not a number of JSON"),
    "no pose": (json.dumps(visor2_tree(CoilPose=None)), "4 rows of 4"),
    "image": (json.dumps({"TargetMarkers": [], "Configuration": {"AssociatedImageInfo": {}}}), "quatern: expected 3"),
    # NaviNIBS
    "no key": (json.dumps([{"key": ""}]), "a 'key'"),
    "NaviNIBS left-handed": (json.dumps(navinibs_tree(coilToMRITransf=json_matrix((X, Y, -Z)))), "left-handed"),
    "NaviNIBS twice": ('[{"key": "a", "key": "b"}]', "more than once"),
    # SimNIBS
    "few columns": ("CoilPos,1,2,3\n", "line 1.*has 3 values"),
    "z not across y": (coil_row(y=Z), "(sheared|lengths)"),
    "y twice as long": (coil_row(y=2 * Y), "lengths"),
    "a strange row": (coil_row() + "Coil,1,2,3\n", "line 2.*'Coil'"),
    "words in a row": (coil_row(distance="near"), "'near' is not a number"),
    "a row lost": ("\n".join(plain().split("\n")[:3]) + "\n", "3 rows, expected 4"),
    "five numbers": (plain().replace("\n", "\t1\n", 1), "line 1: 5 numbers in a row"),
    "scaled": ("\n".join(numbers(2 * X, 2 * Y, 2 * Z, [0, 0, 50])) + "\n0 0 0 1\n", "lengths 2 2 2"),
    "out of range": (plain().replace("70.125", "1e999", 1), "is not a number"),
    "infinite turn": ("1e300 0 0 0\n0 1 0 0\n0 0 1 9\n0 0 0 1\n", "lengths"),
}


@pytest.mark.parametrize("text, fragment", BROKEN.values(), ids=BROKEN)
def test_a_malformed_file_is_refused_with_its_reason(text, fragment):
    with pytest.raises(InputError, match=fragment):
        parse_navigation(text, file="positions")


def test_there_are_enough_of_them():
    assert len(BROKEN) >= 60


def test_every_fault_is_told_at_once_with_its_line():
    cells = spoiled_cell(4, "abc")
    bad = "\t".join(["M2", *brainsight_cells((X, Y, -Z))]) + "\n" + "M3\t1\n"
    with pytest.raises(InputError) as caught:
        parse_navigation(brainsight_text(3, "World", cells=cells, more=bad), file="a.txt")
    places = [(problem.file, problem.where) for problem in caught.value.problems]
    assert places == [("a.txt", "header"), ("a.txt", "line 8"), ("a.txt", "line 9"), ("a.txt", "line 10")]


def test_a_thousand_faults_are_not_a_thousand_lines():
    rows = "M\t1\n" * 1000
    with pytest.raises(InputError, match="and 900 more faults") as caught:
        parse_navigation(brainsight_text(more=rows))
    assert len(caught.value.problems) == 101


@pytest.mark.parametrize(
    "content, fragment",
    [
        (brainsight_text().encode("utf-16"), "UTF-16"),
        (brainsight_text().replace("M1", "Mé").encode("latin-1"), "not UTF-8"),
    ],
)
def test_other_encodings_are_refused(tmp_path, content, fragment):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=fragment):
        read_navigation(path)


def test_folders_and_missing_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="folder"):
        read_navigation(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read_navigation(tmp_path / "no.txt")


def test_a_byte_order_mark_and_line_ends_of_windows_change_nothing(tmp_path):
    for name, text in BY_HAND.items():
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
        expected = parse_navigation(text, format_name=name).targets
        assert read_navigation(path).targets == expected


def test_damaged_files_are_read_or_refused_and_never_crash():
    chance = random.Random(20)
    sources = [*BY_HAND.values(), trigger_text("M1"), brainsight_text(more=SAMPLE.format(power="Stim. Power") + "x")]
    pieces = ["\t", "\n", '"', "<", ">", "0", "-", "1e308", "NaN", ",", "{", "]", "\x00", "é", "\ud800", "(null)", "&"]
    outcomes = {"read": 0, "refused": 0}
    for _ in range(1500):
        text = chance.choice(sources)
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(text))
            stop = min(len(text), start + chance.choice((0, 1, 5, 40)))
            text = text[:start] + chance.choice(pieces) + text[stop:]
        try:
            found = parse_navigation(text, file="fuzz")
        except InputError:
            outcomes["refused"] += 1
        else:
            assert isinstance(found, NavigationFile)
            for target in found.targets:
                assert np.isfinite(target.pose.matrix_m).all() and np.abs(target.pose.center_m).max() <= 1
            outcomes["read"] += 1
    assert outcomes["read"] > 30 and outcomes["refused"] > 300
