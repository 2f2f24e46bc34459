"""Rules about coils: trains however they are written, blocks, thresholds, courses, devices; and the policy profiles."""

import math

import attrs
import pytest
from safety_vectors import TEN_HZ, THRESHOLD, Loose, block, itbs, tms, trains

from stimplan.errors import InputError, ResourceError
from stimplan.protocol import read_protocol
from stimplan.safety import RuleSet, check, load_profiles, load_rules, profiles
from stimplan.safety.quantities import QUANTITIES, Case


def judged(tree, **options):
    return check(read_protocol(tree), **options)


def statuses(tree, **options):
    return {finding.rule_id: finding.status for finding in judged(tree, **options).findings}


def finding(tree, rule_id, **options):
    return next(one for one in judged(tree, **options).findings if one.rule_id == rule_id)


def measure(name, tree, number=0):
    protocol = read_protocol(tree)
    return QUANTITIES[name].measure(Case(protocol, block=protocol.stimulation.blocks[number]))


PAIR = {"pulses": 2, "intervals_ms": [3]}
FOUR = {"pulses": 4, "intervals_ms": [5, 5, 5]}
LONG = {"pulses": 40, "intervals_ms": [100] * 39}


@pytest.mark.parametrize(
    ("one", "rate_Hz", "train_s", "interval_s", "is_repetitive", "is_conventional"),
    [
        (block([], 120), 0, 0, None, 0, 0),
        (block([(1, 5)], 120), 0, 0, None, 0, 0),
        (block([(60, 5)], 120), 0.2, 300, None, 0, 0),
        (block([(60, 4.9)], 120), 1 / 4.9, 294, None, 1, 1),
        (block([(900, 1)], 110), 1, 900, None, 1, 1),
        (trains(10, 120, 4, 26, 75), 10, 4, 26, 1, 1),
        (block([(75, 30)], 120, stimulus=LONG), 10, 4, 26, 1, 1),
        (block([], 120, stimulus=LONG), 10, 4, None, 1, 1),
        (block([], 120, stimulus=PAIR), 0, None, None, 0, 0),
        (block([(60, 5)], 120, stimulus=PAIR), 0.4, 300, None, 0, 0),
        (block([(600, 1)], 120, stimulus=PAIR), 2, 600, None, 1, 1),
        (block([], 120, stimulus={"pulses": 3, "intervals_ms": [20, 20]}), 0, None, None, 0, 0),
        (block([], 90, stimulus=FOUR), 0, None, None, 1, 0),
        (block([(360, 5)], 90, stimulus=FOUR), 0.8, 1800, None, 1, 0),
        (block([(10, 5)], 90, stimulus={"pulses": 4, "intervals_ms": [200] * 3}), 5, 0.8, 4.2, 1, 1),
        (itbs(80, "aMT"), 50, 2, 8, 1, 0),
        (block([(10, 0.2), (20, 10)], 80, stimulus={"pulses": 3, "intervals_ms": [20, 20]}), 50, 2, 8, 1, 0),
        (block([(6, 0.02), (10, 0.2)], 80), 50, 0.12, 0.08, 1, 1),
        (block([(3, 0.02), (10, 0.1)], 80), 50, 0.06, 0.04, 1, 1),
        (block([(10, 0.1), (4, 1)], 100), 10, 4, None, 1, 1),
    ],
)
def test_trains_are_what_is_delivered_however_they_are_written(
    one, rate_Hz, train_s, interval_s, is_repetitive, is_conventional
):
    tree = tms(one)
    assert measure("pulse_rate_Hz", tree) == pytest.approx(rate_Hz, rel=1e-11)
    if train_s is not None:
        assert measure("train_duration_s", tree) == pytest.approx(train_s, rel=1e-11)
        interval = measure("inter_train_interval_s", tree)
        assert interval is None if interval_s is None else interval == pytest.approx(interval_s, rel=1e-9)
    assert measure("is_repetitive", tree) == is_repetitive
    assert measure("is_conventional", tree) == is_conventional


def test_a_long_train_cut_into_blocks_does_not_pass_as_short_ones():
    whole = tms(block([(100, 0.1)], 120))
    cut = tms(block([(40, 0.1)], 120, gap_s=0.1), block([(40, 0.1)], 120, gap_s=5), block([(20, 0.1)], 120))
    assert statuses(whole)["TMS-TRAIN-W98"] == "stop"
    assert statuses(cut)["TMS-GAP"] == "stop" and finding(cut, "TMS-GAP").place == "block 1"
    assert statuses(cut)["TMS-GAP-KNOWN"] == "pass"


def test_the_time_between_blocks_that_is_not_reported_is_a_warning():
    tree = tms(block([(40, 0.1)], 100), block([(40, 0.1)], 100))
    assert statuses(tree)["TMS-GAP-KNOWN"] == "unknown" and "TMS-GAP" not in statuses(tree)
    assert judged(tree).verdict == "warn"
    assert "TMS-GAP-KNOWN" not in statuses(tms(block([(40, 0.1)], 100)))


@pytest.mark.parametrize(("gap_s", "status"), [(5, "pass"), (4.999, "stop"), (6, "pass")])
def test_five_seconds_between_blocks_are_asked_for(gap_s, status):
    tree = tms(block([(40, 0.1)], 100, gap_s=gap_s), block([(40, 0.1)], 100))
    assert statuses(tree)["TMS-GAP"] == status


def test_every_block_that_breaks_a_rule_is_named_with_its_own_limit():
    tree = tms(
        block([(600, 1)], 120, label="right", gap_s=60),
        block([(40, 0.1)], 110, gap_s=60),
        block([(50, 0.1), (30, 30)], 120, label="left"),
    )
    found = [one for one in judged(tree).findings if one.rule_id == "TMS-TRAIN-W98"]
    assert [(one.place, one.status, one.limit, one.censored) for one in found] == [
        ("right", "warn", 360.0, True),
        ("left", "stop", 4.2, False),
    ]
    assert "10 Hz" in found[1].message and "120 %" in found[1].message and "5 s" in found[1].message
    assert "1 Hz" in found[0].message and "beyond what was tested" in found[0].message


def test_the_only_block_needs_no_name():
    assert finding(tms(trains(*TEN_HZ)), "TMS-TRAIN-C97").place == ""


def test_blocks_that_keep_a_rule_share_a_finding_with_the_worst_of_them():
    tree = tms(block([(40, 0.1)], 100, gap_s=60), block([(45, 0.1)], 100, label="longer"))
    (one,) = [one for one in judged(tree).findings if one.rule_id == "TMS-TRAIN-W98"]
    assert (one.status, one.place, one.value) == ("pass", "longer", 4.5)


def test_a_block_that_cannot_be_judged_does_not_hide_behind_one_that_breaks_the_rule():
    tree = tms(trains(10, 120, 5, 25, 60), block([(50, 0.1), (60, 30)], 60, "MSO", label="by output"))
    found = {one.place: one.status for one in judged(tree).findings if one.rule_id == "TMS-TRAIN-W98"}
    assert found == {"block 1": "stop", "by output": "unknown"}
    message = next(one.message for one in judged(tree).findings if one.place == "by output" and one.status == "unknown")
    assert "(by output)" in message and "motor threshold" in message


def test_a_protocol_without_blocks_has_no_rule_that_quietly_stays_out():
    base = read_protocol(tms(block([(40, 0.1)], 100)))
    names = ("id", "modality", "electrodes", "waveform", "course", "digest", "title")
    plain = {name: getattr(base, name) for name in names}
    report = check(Loose(**plain, stimulation=attrs.evolve(base.stimulation, blocks=())))
    found = {one.rule_id: one.status for one in report.findings}
    assert found["TMS-TRAIN-W98"] == found["TMS-MT-REQUIRED"] == found["TMS-DATA-PULSES"] == "unknown"
    assert report.verdict == "unknown"


@pytest.mark.parametrize(
    "intensity",
    [{"value_percent": 60, "reference": "MSO"}, {"field_V_per_m": 80}, {"didt_A_per_us": 90}],
)
def test_an_intensity_without_a_motor_threshold_is_not_looked_up(intensity):
    one = {**trains(10, 100, 4, 26, 10), "intensity": intensity}
    report = judged(tms(one))
    assert statuses(tms(one))["TMS-TRAIN-W98"] == "unknown"
    assert report.verdict == "unknown"
    assert statuses(tms({**itbs(80, "aMT"), "intensity": intensity}))["TMS-TBS-RMT-120"] == "unknown"


def test_the_strongest_pulse_of_a_stimulus_counts():
    pair = {"pulses": 2, "intervals_ms": [3], "relative_intensities_percent": [80, 125]}
    assert measure("resting_intensity_fraction", tms(block([(600, 1)], 100, stimulus=pair))) == 1.25
    weak = {"pulses": 2, "intervals_ms": [3], "relative_intensities_percent": [80, 90]}
    assert measure("resting_intensity_fraction", tms(block([(600, 1)], 100, stimulus=weak))) == 1.0


def test_a_pulse_with_an_intensity_of_its_own_is_not_overlooked():
    def pair(*own):
        return tms(block([(600, 1)], 80, stimulus={"pulses": 2, "intervals_ms": [3], "intensities": list(own)}))

    strong = {"value_percent": 190, "reference": "rMT"}
    assert measure("resting_intensity_fraction", pair(None, strong)) == 1.9
    for_1mV = {"value_percent": 100, "reference": "1mV"}
    assert measure("resting_intensity_fraction", pair(None, for_1mV)) is None


@pytest.mark.parametrize(
    ("tree", "rule_id", "status"),
    [
        (tms(block([(40, 0.1)], 130)), "TMS-INT-130", "pass"),
        (tms(block([(10, 0.1)], 131)), "TMS-INT-130", "stop"),
        (tms(block([(10, 0.1)], 131)), "TMS-TRAIN-W98", "stop"),
        (tms(block([(10, 0.1)], 121)), "TMS-INT-OBS", "warn"),
        (tms(block([(10, 0.1)], 120)), "TMS-INT-OBS", "pass"),
        (tms(block([(10, 1 / 30)], 90)), "TMS-TRAIN-W98", "stop"),
        (tms(itbs(80, "aMT")), "TMS-TBS-CLASSIC", "pass"),
        (tms(itbs(80, "rMT")), "TMS-TBS-CLASSIC", None),
        (tms(itbs(121, "rMT")), "TMS-TBS-RMT-120", "stop"),
        (tms(itbs(100, "rMT")), "TMS-TBS-RMT", "pass"),
        (tms(itbs(80, "aMT", 21)), "TMS-PULSES-TBS", "warn"),
        (tms(itbs(80, "aMT", 61)), "TMS-PULSES-TBS-1800", "warn"),
        (tms(block([(3, 0.02), (201, 0.2)], 80, "aMT")), "TMS-TBS-CONT", "warn"),
        (tms(block([(3, 0.02), (100, 0.2)], 80, "aMT")), "TMS-TBS-CONT", "pass"),
        (tms(block([(3, 1 / 30), (100, 1 / 6)], 80, "aMT")), "TMS-TBS-PATTERN", "stop"),
        (tms(block([(4, 0.02), (100, 0.2)], 80, "aMT")), "TMS-TBS-PATTERN", "stop"),
        (tms(block([(3, 0.02), (10, 0.2), (20, 9.9)], 80, "aMT")), "TMS-TBS-PATTERN", "stop"),
        (tms(block([(3, 0.02), (11, 0.2), (20, 10.2)], 80, "aMT")), "TMS-TBS-PATTERN", "stop"),
        (tms(block([(3, 0.02), (10, 0.2), (20, 10.05)], 80, "aMT")), "TMS-TBS-PATTERN", "pass"),
        (tms(block([(361, 5)], 90, "aMT", stimulus=FOUR)), "TMS-QPS-PULSES", "stop"),
        (tms(block([(360, 4.9)], 90, "aMT", stimulus=FOUR)), "TMS-QPS-PERIOD", "stop"),
        (tms(block([(360, 5)], 91, "aMT", stimulus=FOUR)), "TMS-QPS-INT", "stop"),
        (tms(block([(360, 5)], 90, "rMT", stimulus=FOUR)), "TMS-QPS-INT", "unknown"),
        (tms(block([(9, 5)], 90, "aMT", stimulus={"pulses": 4, "intervals_ms": [1.4] * 3})), "TMS-QPS-ISI", "stop"),
        (tms(block([(9, 5)], 90, "aMT", stimulus={"pulses": 4, "intervals_ms": [100] * 3})), "TMS-QPS-ISI", "pass"),
        (tms(trains(10, 110, 5, 25, 61)), "TMS-PULSES-SESSION", "warn"),
        (tms(itbs(90, "rMT", 61), sessions=50, per_day=10, gap_h=1), "TMS-PULSES-DAY", "stop"),
        (tms(itbs(90, "rMT", 60), sessions=51, per_day=10, gap_h=1), "TMS-PULSES-COURSE", "pass"),
        (tms(itbs(90, "rMT", 61), sessions=50, per_day=9, gap_h=1), "TMS-PULSES-COURSE", "pass"),
        (tms(itbs(90, "rMT", 60), sessions=50, per_day=10, gap_h=0.8), "TMS-ACCEL", "warn"),
        (tms(itbs(90, "rMT", 60), sessions=50, per_day=10), "TMS-ACCEL", "unknown"),
        (tms(itbs(90, "rMT", 60), sessions=50, per_day=1), "TMS-ACCEL", None),
        (tms(itbs(90, "rMT", 60), sessions=50, per_day=10, gap_h=1), "TMS-ACCEL-RTMS", None),
        (tms(block([], 50, "MSO")), "TMS-SP", "pass"),
        (tms(block([], 50, "MSO")), "TMS-MT-REQUIRED", None),
        (tms(trains(*TEN_HZ), coil="circular"), "TMS-HCOIL", "pass"),
        (tms(trains(*TEN_HZ), coil="circular"), "TMS-FIG8", None),
        (tms(trains(*TEN_HZ)), "TMS-FIG8", "pass"),
        (tms(trains(*TEN_HZ)), "ACOU-PPE", "pass"),
        (tms(trains(*TEN_HZ)), "TMS-RISK", "pass"),
    ],
)
def test_a_rule_has_the_status_its_protocol_deserves(tree, rule_id, status):
    assert statuses(tree).get(rule_id) == status


def test_five_days_are_five_times_a_day_and_never_more_than_the_course():
    short, long = tms(itbs(90, "rMT"), sessions=12, per_day=10, gap_h=1), tms(itbs(90, "rMT"), sessions=99, per_day=2)
    assert measure("five_day_pulses", short) == 7200 and measure("five_day_pulses", long) == 6000
    assert measure("daily_pulses", long) == 1200 and measure("course_pulses", long) == 59400
    assert measure("five_day_pulses", tms(itbs(90, "rMT"), sessions=12, per_day=None)) is None


def test_pulses_are_counted_by_their_kind():
    tree = tms(itbs(80, "aMT"), trains(10, 100, 4, 26, 10), block([(50, 6)], 120))
    assert measure("theta_pulses", tree) == 600
    assert measure("conventional_pulses", tree) == 400
    assert measure("session_pulses", tree) == 1050


@pytest.mark.parametrize(
    ("threshold", "required", "how", "each"),
    [
        (THRESHOLD, "pass", "pass", "pass"),
        (None, "unknown", None, None),
        ({**THRESHOLD, "measured": "each-session"}, "pass", "pass", "pass"),
        ({**THRESHOLD, "measured": "weekly"}, "pass", "pass", "warn"),
        ({**THRESHOLD, "measured": "once"}, "pass", "pass", "warn"),
        ({**THRESHOLD, "measured": None}, "pass", "pass", "unknown"),
        ({**THRESHOLD, "muscle": None}, "pass", "warn", "pass"),
        ({"method": None, "muscle": None, "coil": None, "measured": "daily"}, "pass", "warn", "pass"),
    ],
)
def test_the_threshold_and_how_it_was_measured(threshold, required, how, each):
    tree = tms({**trains(10, 100, 4, 26, 10), "threshold": threshold}, sessions=10)
    found = statuses(tree)
    assert [found.get(f"TMS-MT-{name}") for name in ("REQUIRED", "HOW", "EACH")] == [required, how, each]
    if threshold is None:
        assert judged(tree).verdict == "unknown"


def test_a_single_session_needs_one_measurement():
    once = {**trains(10, 100, 4, 26, 10), "threshold": {**THRESHOLD, "measured": "once"}}
    assert statuses(tms(once))["TMS-MT-EACH"] == "pass"


@pytest.mark.parametrize(
    ("patterns", "fill"),
    [([(40, 0.1), (75, 30)], 3.9 / 30), ([(40, 0.1), (75, 3.9)], 1.0), ([(40, 0.1), (75, 2)], 1.95), ([], 0.0)],
)
def test_pulses_that_would_overlap_are_a_fault_of_the_timing(patterns, fill):
    base = read_protocol(tms(block([(40, 0.1)], 100)))
    one = base.stimulation.blocks[0]
    levels = tuple(attrs.evolve(one.timing.patterns[0], count=count, interval_s=gap) for count, gap in patterns)
    case = Case(base, block=attrs.evolve(one, timing=attrs.evolve(one.timing, patterns=levels)))
    assert QUANTITIES["timing_fill_fraction"].measure(case) == pytest.approx(fill, rel=1e-11)


@pytest.mark.parametrize(
    ("model", "rules"),
    [
        ("Rapid2", {"DEV-RAPID2-ON", "DEV-RAPID2-FMAX-0"}),
        ("Rapid²", {"DEV-RAPID2-ON", "DEV-RAPID2-FMAX-0"}),
        ("Super Rapid2", {"DEV-RAPID2-ON", "DEV-RAPID2-FMAX-1"}),
        ("Super Rapid² Plus1", {"DEV-RAPID2-ON", "DEV-RAPID2-FMAX-2"}),
        ("MagPro R30", set()),
        (None, set()),
    ],
)
def test_the_device_tables_are_asked_for_the_devices_they_are_of(model, rules):
    tree = tms(block([(40, 0.1), (10, 30)], 60, "MSO"), stimulator={"manufacturer": "Magstim", "model": model})
    always = {"DEV-RAPID2-PULSE"} if rules else set()
    assert {rule for rule in statuses(tree) if rule.startswith("DEV")} == rules | always
    by_threshold = tms(trains(*TEN_HZ), stimulator={"manufacturer": "Magstim", "model": model})
    assert {rule for rule in statuses(by_threshold) if rule.startswith("DEV")} <= {"DEV-RAPID2-PULSE"}


@pytest.mark.parametrize(
    ("patterns", "most"),
    [([], 1), ([(61, 1)], 60), ([(60, 1)], 60), ([(40, 0.1), (10, 30)], 80), ([(700, 0.1)], 600), ([(3, 100)], 1)],
)
def test_the_busiest_minute_is_found(patterns, most):
    assert measure("pulses_in_busiest_minute", tms(block(patterns, 60, "MSO"))) == most


def test_a_minute_with_too_many_pulses_is_told_by_its_number():
    tree = tms(block([(600, 0.1)], 80, "MSO"), stimulator={"manufacturer": "Magstim", "model": "Rapid2"})
    one = finding(tree, "DEV-RAPID2-ON")
    assert (one.status, one.value_text, one.limit_text) == ("warn", "600", "390.8")
    assert "80 %" in one.message


def test_more_pulses_than_can_be_looked_through_are_not_counted_by_the_minute():
    base = read_protocol(tms(block([(40, 0.1)], 100)))
    one = base.stimulation.blocks[0]
    pattern = attrs.evolve(one.timing.patterns[0], count=10**9)
    case = Case(base, block=attrs.evolve(one, timing=attrs.evolve(one.timing, patterns=(pattern,))))
    assert QUANTITIES["pulses_in_busiest_minute"].measure(case) is None


@pytest.mark.parametrize(
    ("tree", "rate_Hz"),
    [
        (tms(block([], 60, "MSO")), 0),
        (tms(block([(40, 0.1), (10, 30)], 60, "MSO")), 10),
        (tms(block([(3, 0.02), (200, 0.2)], 60, "MSO")), 50),
        (tms(block([(9, 5)], 60, "MSO", stimulus=FOUR)), 200),
    ],
)
def test_the_highest_rate_counts_bursts_too(tree, rate_Hz):
    assert measure("fastest_rate_Hz", tree) == rate_Hz


def test_the_h_coil_is_named_with_its_published_rate():
    one = finding(tms(trains(*TEN_HZ), coil="H-coil"), "TMS-HCOIL")
    assert one.status == "warn" and "5.56" in one.message and "0.14" in one.message and one.access == "read"


def test_what_a_protocol_of_a_coil_cannot_say_is_listed():
    text = " ".join(judged(tms(trains(*TEN_HZ))).not_judged)
    for word in ("person", "Hearing protection", "Implants", "EMG", "Staff", "Heating", "patients", "children"):
        assert word in text


# --- a number that is none --------------------------------------------------------------------------------------


def with_interval(interval_s):
    base = read_protocol(tms(trains(10, 100, 4, 26, 10)))
    one = base.stimulation.blocks[0]
    inner = attrs.evolve(one.timing.patterns[0])
    object.__setattr__(inner, "interval_s", interval_s)  # past the constructor, which refuses what is no time
    timing = attrs.evolve(one.timing, patterns=(inner, one.timing.patterns[1]))
    stimulation = attrs.evolve(base.stimulation, blocks=(attrs.evolve(one, timing=timing),))
    return attrs.evolve(base, stimulation=stimulation)


def test_an_interval_that_is_not_a_number_never_passes():
    report = check(with_interval(math.nan))
    assert report.verdict == "unknown"
    assert {one.rule_id: one.status for one in report.findings}["TMS-TRAIN-W98"] == "unknown"


def with_intensity(value):
    base = read_protocol(tms(trains(10, 100, 4, 26, 10)))
    one = base.stimulation.blocks[0]
    intensity = attrs.evolve(one.intensity, value_fraction=value)
    stimulation = attrs.evolve(base.stimulation, blocks=(attrs.evolve(one, intensity=intensity),))
    return attrs.evolve(base, stimulation=stimulation)


@pytest.mark.parametrize(("value", "verdict"), [(None, "unknown"), (math.nan, "unknown"), (math.inf, "stop")])
def test_an_intensity_that_is_none_never_passes(value, verdict):
    assert check(with_intensity(value)).verdict == verdict


@pytest.mark.parametrize(("reference", "rule_id", "most"), [("rMT", "TMS-DATA-INT", 2.5), ("MSO", "TMS-DATA-MSO", 1.0)])
def test_an_impossible_intensity_that_the_file_would_have_refused_is_a_stop(reference, rule_id, most):
    def status(value):
        base = with_intensity(value)
        one = base.stimulation.blocks[0]
        intensity = attrs.evolve(one.intensity, reference=reference)
        stimulation = attrs.evolve(base.stimulation, blocks=(attrs.evolve(one, intensity=intensity),))
        return {f.rule_id: f.status for f in check(attrs.evolve(base, stimulation=stimulation)).findings}[rule_id]

    assert (status(most), status(most * 1.001)) == ("pass", "stop")


# --- profiles ---------------------------------------------------------------------------------------------------


def test_a_report_names_its_profile_and_says_what_the_others_would_have_said():
    report = judged(tms(trains(*TEN_HZ), sessions=30))
    assert (report.profile, report.verdict) == ("research-ifcn2021", "stop")
    label, strict = report.other_profiles["device-label-us"], report.other_profiles["conservative"]
    assert (label.verdict, label.differing) == ("warn", ("TMS-TRAIN-C97",))
    assert (strict.verdict, strict.differing) == ("stop", ("TMS-ITI-120",))
    record = report.record()
    assert record["profile"] == "research-ifcn2021"
    assert record["other_profiles"]["device-label-us"] == {"verdict": "warn", "differing": ["TMS-TRAIN-C97"]}


@pytest.mark.parametrize("name", [profile.id for profile in load_profiles()])
def test_what_another_profile_would_have_said_is_what_it_says(name):
    for tree in (tms(trains(*TEN_HZ), sessions=30), tms(itbs(90, "rMT", 60), sessions=50, per_day=10, gap_h=1)):
        said = {one.profile: one.verdict for one in judged(tree).others} | {"research-ifcn2021": judged(tree).verdict}
        own = judged(tree, profile=name)
        assert own.profile == name and own.verdict == said[name]
        assert set(own.other_profiles) == {profile.id for profile in load_profiles()} - {name}


def test_a_rule_of_one_profile_is_asked_in_no_other():
    from safety_vectors import PAD_35, tdcs

    tree = tdcs(2.5, 35, PAD_35)
    label = statuses(tree, profile="device-label-us")
    assert label["LABEL-FL100-I"] == label["LABEL-FL100-T"] == "stop"
    assert not [rule for rule in statuses(tree) if rule.startswith("LABEL")]
    assert "TES-GUIDE-4MA" in statuses(tree, profile="conservative") and "TES-GUIDE-4MA" not in statuses(tree)


def test_a_note_of_one_profile_is_listed_in_no_other():
    tree = tms(trains(*TEN_HZ))
    assert any("label" in text for text in judged(tree, profile="device-label-us").not_judged)
    assert not any("instructions for use" in text for text in judged(tree).not_judged)


def test_a_weight_that_differs_is_a_difference_although_the_outcome_is_the_same():
    report = judged(tms(block([(40, 0.1)], 100), block([(40, 0.1)], 100)))
    assert report.verdict == "warn" and report.other_profiles["conservative"].verdict == "warn"
    rules = load_rules()
    weights = {rule.id: rule.severity for rule in rules.in_profile("conservative").rules}
    assert weights["TMS-ACCEL"] == "justify" and weights["TMS-TRAIN-C97"] == "justify"
    assert {rule.id: rule.severity for rule in rules.in_profile("device-label-us").rules}["TMS-TRAIN-C97"] == "warn"
    many = judged(tms(itbs(90, "rMT", 60), sessions=50, per_day=10, gap_h=0.5)).other_profiles["conservative"]
    assert {"TMS-ACCEL", "TMS-PULSES-TBS"} <= set(many.differing) and many.verdict == "stop"


def test_an_unknown_profile_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="did you mean 'conservative'"):
        judged(tms(trains(*TEN_HZ)), profile="conservativ")
    with pytest.raises(InputError, match="known are research-ifcn2021"):
        judged(tms(trains(*TEN_HZ)), profile="x")


def test_the_default_profile_comes_first_and_every_profile_says_what_it_is():
    found = load_profiles()
    assert found[0].id == "research-ifcn2021"
    assert all(profile.title and profile.description[-1] == "." for profile in found)
    named = {name for rule in load_rules().rules for name, _ in rule.profiles or ()}
    assert named <= {profile.id for profile in found}


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"profiles": [{"id": "x"}], "default": "x"}', '{"profiles": [], "default": "x"}']
)
def test_a_damaged_list_of_profiles_is_a_damaged_installation(tmp_path, monkeypatch, text):
    path = tmp_path / "profiles.json"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(profiles, "data_path", lambda *parts: path)
    with pytest.raises(ResourceError, match="damaged"):
        profiles.load_profiles.__wrapped__()


def test_an_empty_rule_set_is_unknown_in_every_profile():
    report = check(read_protocol(tms(trains(*TEN_HZ))), rules=RuleSet("none", ()))
    assert {other.verdict for other in report.others} == {"unknown"} and report.verdict == "unknown"


@pytest.mark.parametrize(("shape", "is_other"), [("biphasic", 0), ("monophasic", 1), ("half-sine", 1), (None, None)])
def test_the_shape_of_the_pulses_is_the_blocks_own(shape, is_other):
    other = {**block([], 100), "pulse": {"shape": shape, "current_direction": None}}
    assert measure("is_other_pulse", tms(block([], 100), other), number=1) == is_other


def test_what_a_run_tells_about_pulses_goes_to_its_block():
    protocol = read_protocol(tms(block([], 60, "MSO"), block([], 60, "MSO")))
    first, second = protocol.stimulation.blocks
    facts = {
        "is_other_pulse": 1.0, "is_threshold_of_other_pulse_in_block_2": 1.0, "is_pulse_not_given_in_block_1": 0.0,
        "threshold_intensity_of_block_2": 0.9,
    }  # fmt: skip

    def told(name, one):
        return QUANTITIES[name].measure(Case(protocol, field=facts, block=one))

    assert [told("is_other_pulse", one) for one in (first, second)] == [0.0, 0.0]  # the protocol's own comes first
    assert [told("is_threshold_of_other_pulse", one) for one in (first, second)] == [None, 1.0]
    assert [told("is_pulse_not_given", one) for one in (first, second)] == [0.0, None]
    assert [told("threshold_intensity_fraction", one) for one in (first, second)] == [None, 0.9]


@pytest.mark.parametrize(("relative", "most"), [([50, 80], 1.0), ([80, 150], 1.5)])
def test_the_strongest_pulse_counts_of_an_intensity_that_the_run_found(relative, most):
    pair = {"pulses": 2, "intervals_ms": [3], "relative_intensities_percent": relative}
    protocol = read_protocol(tms(block([], 40, "MSO", stimulus=pair)))
    case = Case(protocol, field={"threshold_intensity_of_block_1": 1.0}, block=protocol.stimulation.blocks[0])
    assert QUANTITIES["threshold_intensity_fraction"].measure(case) == most
