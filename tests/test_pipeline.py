"""A whole run: what it returns, what it writes, and what it leaves behind when something goes wrong."""

from __future__ import annotations

import errno
import hashlib
import json

import attrs
import numpy as np
import pytest
from people import healthy
from runs import plan, small_head, small_run, stopped_plan

from stimplan.errors import HeadError, InputError, MontageError, ProtocolError, SafetyStop
from stimplan.exchange import grid_around
from stimplan.peaks import field_quantities
from stimplan.pipeline import RunOptions, in_space_m, run, simulated_on
from stimplan.protocol import read_protocol
from stimplan.report import outputs
from stimplan.safety import check, read_simulated
from stimplan.safety.subject import Implant

FILES = {
    "field.nii.gz", "field.vtu", "montage.png", "session.png", "course.png", "field_surface.png", "field_slices.png",
    "field_normal.png", "scalp_potential.png", "overview.png", "scene.html", "report.html", "report-light.html",
    "summary.json",
}  # fmt: skip
# The scene is a picture too, and the light report is the one whose pictures are small.
PICTURES = {name for name in FILES if name.endswith(".png")} | {"scene.html", "report-light.html"}


@pytest.fixture(autouse=True)
def coarse_volumes(monkeypatch):
    """Volumes at 5 mm: what is tested here does not depend on their size."""
    monkeypatch.setattr(outputs, "grid_around", lambda head: grid_around(head, 5e-3))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "results"
    return run(plan(), small_head(), out=out), out


def test_a_run_writes_every_file_and_nothing_else(written):
    _, out = written
    assert {path.name for path in out.iterdir()} == FILES


def test_the_summary_is_the_record(written):
    result, out = written
    assert json.loads((out / "summary.json").read_text(encoding="utf-8")) == result.record()


def test_the_record_has_the_digest_of_every_file(written):
    result, out = written
    assert set(result.record()["files"]) == FILES - {"summary.json"}
    for name, digest in result.record()["files"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest


def test_the_report_holds_the_pictures(written):
    _, out = written
    assert (out / "report.html").read_text(encoding="utf-8").count("data:image/png;base64,") == 8


def test_a_run_without_figures_draws_none(tmp_path):
    run(plan(), small_head(), out=tmp_path, options=RunOptions(with_figures=False))
    assert {path.name for path in tmp_path.iterdir()} == FILES - PICTURES


def test_a_run_without_a_folder_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(plan(), small_head()).files == {}
    assert list(tmp_path.iterdir()) == []


def test_the_field_rules_are_judged_after_the_solve():
    assert any(finding.rule_id == "TES-BRAIN-J" for finding in small_run().report.findings)


def test_the_safety_rules_are_told_the_current_density_of_the_brain_only():
    field = small_run().field
    inside = small_head().in_tissue("gray_matter")
    told = field_quantities(small_run().exposure)
    largest = np.linalg.norm(field.J_A_per_m2[inside], axis=1).max()
    assert told["brain_current_density_max_A_per_m2"] == pytest.approx(largest)
    assert told["brain_current_density_p999_A_per_m2"] < largest
    assert largest < np.linalg.norm(field.J_A_per_m2, axis=1).max()


def test_a_stopped_protocol_is_not_simulated(tmp_path):
    def never(stage, fraction):
        pytest.fail(f"{stage} was begun")

    with pytest.raises(SafetyStop, match="verdict is stop") as caught:
        run(stopped_plan(), small_head(), out=tmp_path / "out", progress=never)
    assert caught.value.report.verdict == "stop" and caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_protocol_is_simulated_when_asked_and_the_report_says_so(tmp_path):
    options = RunOptions(with_figures=False, even_if_stopped=True)
    result = run(stopped_plan(), small_head(), out=tmp_path, options=options)
    assert result.report.verdict == "stop"
    assert "Simulated although the safety verdict is “stop”" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_coil_of_a_family_that_nothing_stands_in_for_is_asked_for_by_name(tmp_path):
    plan = read_protocol("amiaz-2009-smoking")
    coil = attrs.evolve(plan.magnetic.coil, family="cap")
    cap = attrs.evolve(plan, stimulation=attrs.evolve(plan.magnetic, coil=coil))
    with pytest.raises(InputError, match="missing: the model of the cap coil; the protocol does not report it"):
        run(cap, small_head(), out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_field_that_breaks_a_rule_stops_the_run(tmp_path, monkeypatch):
    from stimplan import pipeline

    real = pipeline.check

    def strict(protocol, *, field=None, **others):
        report = real(protocol, field=field, **others)
        if field is None:
            return report
        broken = [attrs.evolve(f, status="stop", severity="justify") for f in report.findings]
        return attrs.evolve(report, findings=tuple(broken))

    monkeypatch.setattr(pipeline, "check", strict)
    with pytest.raises(SafetyStop):
        run(plan(), small_head(), out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("step", ["write_volumes", "write_vtu", "draw_figures", "render", "write_summary"])
def test_nothing_is_left_behind_whatever_step_fails(tmp_path, monkeypatch, step, error):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr(outputs, step, fails)
    with pytest.raises(type(error)):
        run(
            plan(), small_head(), out=tmp_path / "deep" / "out", options=RunOptions(with_figures=step == "draw_figures")
        )
    assert list(tmp_path.iterdir()) == []


def test_a_real_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    """Files larger than the limit of the process fail while they are written, as on a full disk."""
    import signal

    resource = pytest.importorskip("resource", reason="needs the limits of a Unix process")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError):
            run(plan(), small_head(), out=tmp_path / "out", options=RunOptions(with_figures=False))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_is_a_file_is_refused_before_anything_is_computed(tmp_path, monkeypatch):

    monkeypatch.setattr("stimplan.head.prepare.load_head", lambda *args, **kwargs: pytest.fail("the head was loaded"))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        run(plan(), out=tmp_path / "file")


@pytest.mark.parametrize(
    ("protocol", "head", "options", "error"),
    [
        ({}, None, {}, ProtocolError),
        ("no-such-protocol", None, {}, ProtocolError),
        (plan(), "colin28", {}, HeadError),
        (plan(), None, {"electrode_model": "perfect"}, InputError),
        (plan(), None, {"conductivities_S_per_m": {"bone": 0.01}}, HeadError),
        (plan(), None, {"conductivities_S_per_m": {"scalp": -1.0}}, HeadError),
        (plan(), None, {"conductivities_S_per_m": {"scalp": float("nan")}}, HeadError),
        (plan(), None, {"edge_mm": 3.0}, InputError),
        (plan(target={"label": "nowhere", "mni_mm": [0, 0, 95], "radius_mm": 2}), None, {}, InputError),
    ],
)
def test_what_cannot_be_used_is_refused_and_leaves_nothing(tmp_path, protocol, head, options, error):
    with pytest.raises(error):
        run(protocol, head or small_head(), out=tmp_path / "out", options=RunOptions(**options))
    assert list(tmp_path.iterdir()) == []


def test_electrodes_far_from_this_head_are_refused_by_name():
    tree = plan()
    tree["stimulation"]["electrodes"][1]["site"] = {"position_mm": [0, 0, 120]}
    with pytest.raises(MontageError, match="from the scalp"):
        run(tree, small_head())


def test_other_conductivities_change_the_field_and_are_in_the_record():
    result = run(plan(), small_head(), options=RunOptions(conductivities_S_per_m={"scalp": 0.2}))
    assert result.metrics.median_V_per_m != pytest.approx(small_run().metrics.median_V_per_m, rel=0.01)
    (scalp,) = (t for t in result.record()["head"]["tissues"] if t["name"] == "scalp")
    assert scalp["conductivity_S_per_m"] == 0.2 and scalp["source"] == "set by the user"


def test_the_target_is_measured_where_it_is():
    inside = small_run().target_metrics
    assert inside.n_elements > 0
    mni = np.array(inside.peak_mni_m)
    assert np.linalg.norm(mni - [-0.038, 0.039, 0.026]) <= 0.010
    assert small_run().point_of_interest_m == (-0.038, 0.039, 0.026)


def test_without_a_target_the_slices_meet_at_the_peak():
    result = run(plan(target=None), small_head())
    assert result.target_metrics is None
    assert result.point_of_interest_m == pytest.approx(result.metrics.peak_mni_m)


def test_a_head_without_mni_space_has_no_target_and_still_gives_a_report(tmp_path):
    head = attrs.evolve(small_head(), mni_from_head=None)
    result = run(plan(), head, out=tmp_path, options=RunOptions(with_figures=False))
    assert result.target_metrics is None and result.metrics.peak_mni_m is None
    assert "head coordinates" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_position_is_moved_into_mni_space():
    assert in_space_m(small_head(), (0.0, 0.01, 0.0)) == pytest.approx((0.0, 0.005, 0.0))


def test_progress_is_told_and_ends_at_one(tmp_path):
    told = []
    options = RunOptions(with_figures=False)
    run(plan(), small_head(), out=tmp_path, options=options, progress=lambda stage, part: told.append((stage, part)))
    assert told[-1] == ("done", 1.0) and all(0 <= part <= 1 for _, part in told)
    assert {"writing volumes", "writing the report"} <= {stage for stage, _ in told}


def test_the_files_are_the_same_bytes_every_time(tmp_path):
    options = RunOptions(with_figures=False)
    first = run(plan(), small_head(), out=tmp_path / "a", options=options)
    second = run(plan(), small_head(), out=tmp_path / "b", options=options)
    assert dict(first.files) == dict(second.files)


def person_with(kind, mni_mm, **changes):
    """Everything answered, one piece of metal at a place."""
    return healthy("tes", implants=(Implant(kind, tuple(x / 1000 for x in mni_mm)),), **changes)


def site_rule(report):
    return next(one for one in report.findings if one.rule_id == "IMPLANT-TES-SITE")


def test_the_distance_to_an_implant_is_that_from_the_electrodes_on_this_head():
    # The left electrode lies on the 85 mm sphere of the small head, not at F3 of the template head.
    (left, _) = small_run().placement.electrodes
    center_mm = 1000 * np.add(left.center_m, [0.0, -0.005, 0.0])  # MNI of this head lies 5 mm further back
    outward = center_mm / np.linalg.norm(center_mm)
    chosen = RunOptions(subject=person_with("skull-plate", center_mm + 70 * outward), with_figures=False)
    report = run(plan(), small_head(), options=attrs.evolve(chosen, even_if_stopped=True)).report
    found = site_rule(report)
    # 70 mm from the centre; the pad of 5 cm x 5 cm reaches 35.36 mm, and 18 mm are not certain
    assert found.status == "pass"
    assert found.value == pytest.approx(0.070 - np.hypot(0.025, 0.025) - 0.018, abs=1e-9)
    assert "as placed on the head 'small'" in found.message


def test_metal_under_an_electrode_of_this_head_stops_the_run_before_the_solve(monkeypatch):
    (left, _) = small_run().placement.electrodes
    chosen = RunOptions(subject=person_with("skull-plate", 1000 * np.add(left.center_m, [0.0, -0.005, 0.0])))
    monkeypatch.setattr("stimplan.pipeline.expose", lambda *_, **__: pytest.fail("it was solved"))
    with pytest.raises(SafetyStop) as stop:
        run(plan(), small_head(), options=chosen)
    assert site_rule(stop.value.report).status == "stop"


def test_a_person_without_coordinates_is_judged_before_the_head_is_loaded(monkeypatch):
    monkeypatch.setattr("stimplan.head.prepare.load_head", lambda *_, **__: pytest.fail("it was loaded"))
    chosen = RunOptions(subject=healthy("tes", implants=(Implant("pacemaker"),)))
    with pytest.raises(SafetyStop):
        run(plan(), "colin27", options=chosen)


def test_the_record_names_the_person_and_where_the_electrodes_lie_in_mni():
    record = small_run().record()
    assert record["person"] is None
    for one in record["montage"]["electrodes"]:
        assert np.allclose(np.subtract(one["center_mni_m"], one["center_m"]), [0.0, -0.005, 0.0], atol=1e-12)
    person = healthy("tes")
    result = attrs.evolve(small_run(), subject=person)
    assert result.record()["person"] == {"id": "x", "digest": person.digest}


def test_a_record_says_what_the_check_needs_and_the_check_says_the_same():
    result = small_run()
    simulated = read_simulated(result.record())
    assert simulated.protocol_digest == result.protocol.digest
    assert simulated == simulated_on(result.placement, result.quantities)
    assert check(result.protocol, field=simulated) == result.report


def test_the_policy_of_a_run_is_the_one_asked_for():
    chosen = RunOptions(profile="conservative", even_if_stopped=True, with_figures=False)
    assert run(plan(), small_head(), options=chosen).report.profile == "conservative"
