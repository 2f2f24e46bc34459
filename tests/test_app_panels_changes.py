"""Changes and the form: a changed protocol is read strictly, says that it is not the published one, and saves whole."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stimplan.app.panels.changes import (
    add_electrode,
    free_sites,
    move_slider,
    read_number,
    remove_electrode,
    set_values,
    use_product,
)
from stimplan.app.panels.fields import form_fields
from stimplan.errors import InputError, ProtocolError
from stimplan.protocol import dump_protocol, list_protocols, read_protocol
from stimplan.strict_json import show_path

DURATION = ("stimulation", "waveform", "duration_min")
PATHS = {
    "TMS": [("stimulation", "coil"), ("stimulation", "blocks", 0, "pulse"), ("stimulation", "blocks", 0, "intensity"),
            ("stimulation", "blocks", 0, "placement"), ("course",)],
}  # fmt: skip
ELECTRIC = [("stimulation", "waveform"), ("stimulation", "electrodes", 0), ("stimulation", "electrodes", 0, "shape"),
            ("stimulation",), ("course",)]  # fmt: skip


@pytest.mark.parametrize("entry", list_protocols(), ids=lambda one: one.id)
def test_every_protocol_of_the_library_has_a_form_that_reads_its_own_values(entry):
    protocol = read_protocol(entry.id)
    fields = [one for at in PATHS.get(protocol.modality, ELECTRIC) for one in form_fields(protocol, at)]
    assert fields
    for field in fields:
        assert field.help and field.title
        if field.value is not None:
            assert field.read(field.shown) == field.value
    with_units = [one for one in fields if one.path[-1].endswith(("_mA", "_min", "_mm", "_s", "_Hz", "_percent"))]
    assert all(one.unit for one in with_units)


@pytest.mark.parametrize("pid", ["select-tdcs", "hd-4x1-m1", "antal-2008-tacs", "terney-2008-trns", "m1-so"])
def test_a_moved_slider_makes_a_whole_protocol_that_saves_and_reads_back(pid):
    changed = move_slider(read_protocol(pid), 0, Decimal("0.3"))
    assert read_protocol(dump_protocol(changed)) == changed
    assert abs(changed.electrodes[0].current_A) == pytest.approx(3e-4)
    assert changed.id == f"{pid}-changed"
    assert changed.evidence is None and changed.result is None and changed.published_totals is None
    assert "Not as published: changed in stimulation.electrodes" in changed.source.note


def test_what_was_known_about_a_changed_value_is_forgotten_and_the_rest_kept():
    before = read_protocol("select-tdcs")
    after = set_values(before, {DURATION: Decimal(20)})
    assert before.certainty_of("$.stimulation.waveform.duration_min") == "recalled"
    assert after.certainty_of("$.stimulation.waveform.duration_min") is None
    assert after.certainty_of("$.stimulation.electrodes[0].site") == "recalled"


def test_changes_add_up_in_one_note_and_the_name_grows_once():
    once = set_values(read_protocol("select-tdcs"), {DURATION: Decimal(20)})
    twice = move_slider(once, 0, Decimal(1))
    assert twice.id == "select-tdcs-changed"
    assert twice.title.count("(changed)") == 1
    assert "changed in stimulation.electrodes, stimulation.waveform;" in twice.source.note
    assert twice.source.note.count("Not as published") == 1


def test_a_changed_number_of_sessions_forgets_the_parts_of_the_course():
    after = set_values(read_protocol("select-tdcs"), {("course", "sessions"): 5})
    assert after.course.sessions == 5 and after.course.phases == ()


def test_a_bad_value_is_refused_with_its_place():
    with pytest.raises(ProtocolError) as caught:
        set_values(read_protocol("select-tdcs"), {DURATION: Decimal(-3)})
    assert [problem.where for problem in caught.value.problems] == ["$.stimulation.waveform.duration_min"]
    with pytest.raises(ProtocolError, match=r"F3|overlap|same"):
        set_values(read_protocol("select-tdcs"), {("stimulation", "electrodes", 1, "site"): "F3"})


def test_an_electrode_is_added_without_current_and_removed_with_its_current_given_back():
    start = read_protocol("hd-4x1-m1")
    more = add_electrode(start, "O2")
    assert more.electrodes[-1].current_A == 0 and more.electrodes[-1].site == "O2"
    fewer = remove_electrode(start, 1)
    assert [one.site for one in fewer.electrodes] == ["C3", "F3", "T7", "P3"]
    assert sum(Decimal(str(one.current_A)) for one in fewer.electrodes) == 0
    assert fewer.certainty_of("$.stimulation.electrodes[1].site") == start.certainty_of(
        "$.stimulation.electrodes[2].site"
    )
    with pytest.raises(ProtocolError, match="at least two"):
        remove_electrode(read_protocol("select-tdcs"), 0)
    with pytest.raises(ProtocolError, match="no electrode"):
        remove_electrode(start, 9)


def test_a_product_brings_its_size_and_another_size_is_no_product():
    ring = use_product(read_protocol("select-tdcs"), 0, "hd-ring-12")
    assert ring.electrodes[0].product == "hd-ring-12"
    assert ring.electrodes[0].shape.outer_diameter_m == pytest.approx(0.012)
    wider = set_values(ring, {("stimulation", "electrodes", 0, "shape", "outer_diameter_mm"): Decimal(14)})
    assert wider.electrodes[0].product is None
    with pytest.raises(ProtocolError, match=r"electrodes\.json"):
        use_product(ring, 0, "no-such-thing")


def test_free_sites_leave_out_those_with_an_electrode():
    free = free_sites(read_protocol("select-tdcs"))
    assert "F3" not in free and "F4" not in free and "Cz" in free


@pytest.mark.parametrize("text", ["", "two", "1,5", "nan", "inf", "1e", "٣x"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ProtocolError, match="number"):
        read_number(text)


def test_a_decimal_comma_is_named_and_a_true_minus_is_read():
    with pytest.raises(ProtocolError, match=r"write 1\.5"):
        read_number("1,5")
    assert read_number("\u22121.5") == Decimal("-1.5")


def test_missing_values_are_missing_and_never_filled_in():
    duration, up, _ = form_fields(read_protocol("select-tdcs"), ("stimulation", "waveform"))
    with pytest.raises(ProtocolError, match="no default"):
        duration.read("")
    assert up.read("") is None
    assert duration.title == "Duration (min)"
    with pytest.raises(ProtocolError, match="whole number"):
        form_fields(read_protocol("select-tdcs"), ("course",), ("sessions",))[0].read("2.5")


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_value_or_a_sentence(text):
    protocol = read_protocol("three-d-itbs")
    for at in PATHS["TMS"]:
        for field in form_fields(protocol, at):
            try:
                value = field.read(text)
                set_values(protocol, {field.path: value})
            except InputError as error:
                assert all(problem.what for problem in error.problems)


def test_places_of_fields_are_the_places_of_messages():
    field = form_fields(read_protocol("select-tdcs"), ("stimulation", "waveform"))[0]
    assert field.key == show_path(DURATION) == "$.stimulation.waveform.duration_min"
