"""Hypothesis strategies: valid values of the package. They are kept once made: making them costs more than drawing."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import attrs
from hypothesis import strategies as st

from stimplan.montage import Circle, Electrode, Layer, Rectangle, Ring, Source
from stimplan.protocol import (
    Block,
    Coil,
    CoilPlacement,
    Course,
    DirectWaveform,
    ElectricStimulation,
    Evidence,
    Handle,
    Indication,
    Intensity,
    InterferenceWaveform,
    Intermittence,
    MagneticStimulation,
    NoiseWaveform,
    OscillatingWaveform,
    Outcome,
    Pattern,
    Peripheral,
    Phase,
    Protocol,
    PublishedTotals,
    Pulse,
    PulsedWaveform,
    Result,
    Sham,
    Simulation,
    SinusoidalWaveform,
    Step,
    Stimulator,
    Stimulus,
    Target,
    Therapy,
    Threshold,
    Timing,
    conditions,
)
from stimplan.sites import known_sites, materials
from stimplan.units import to_si

# Far enough from each other for any electrode below: outlines of at most 70 mm, neighbours more than 70 mm apart.
FAR_APART = ("F3", "F4", "P7", "P8", "Oz")
STATUSES = ("read", "secondary", "recalled", "assumed")


@cache
def numbers(least: str, most: str, places: int = 6) -> st.SearchStrategy[Decimal]:
    """Decimal numbers as a person writes them into a file."""
    first, last = (int(Decimal(limit).scaleb(places)) for limit in (least, most))
    return st.integers(first, last).map(lambda value: Decimal(value).scaleb(-places))


@cache
def si(suffix: str, least: str, most: str) -> st.SearchStrategy[float]:
    """SI values of numbers in a file unit."""
    return numbers(least, most).map(lambda value: to_si(value, suffix))


@cache
def texts(longest: int = 60) -> st.SearchStrategy[str]:
    """Any text with something to see in it, quotes and umlauts included."""
    visible = st.characters(exclude_categories=("Cs", "Cc"))
    return st.text(visible, min_size=1, max_size=longest).filter(lambda text: text.strip() != "")


@cache
def one_of(*values: object) -> st.SearchStrategy[Any]:
    """One of some values."""
    return st.sampled_from(values)


@cache
def maybe_text() -> st.SearchStrategy[str | None]:
    """Text, or None where a file says nothing."""
    return st.none() | texts()


@cache
def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value, or None where a file says nothing."""
    return st.none() | strategy


@cache
def shapes(longest_mm: str = "70") -> st.SearchStrategy[Circle | Rectangle | Ring]:
    """Outlines of at most so many mm."""
    side = si("mm", "10", longest_mm)
    circle = st.builds(Circle, diameter_m=si("mm", "2", longest_mm))
    rectangle = st.builds(Rectangle, width_m=side, height_m=side, rotation_rad=si("deg", "-180", "180"))
    ring = st.builds(Ring, inner_diameter_m=si("mm", "0.5", "10"), outer_diameter_m=si("mm", "10.5", longest_mm))
    return circle | rectangle | ring


@cache
def layers() -> st.SearchStrategy[tuple[Layer, ...]]:
    """One to three layers of known materials."""
    layer = st.builds(Layer, material=st.sampled_from(sorted(materials())), thickness_m=si("mm", "0.01", "20"))
    return st.lists(layer, min_size=1, max_size=3).map(tuple)


@cache
def currents(count: int) -> st.SearchStrategy[list[Decimal]]:
    """Currents in mA that sum to zero exactly, none of them zero."""
    free = st.lists(numbers("0.01", "1"), min_size=count - 1, max_size=count - 1)
    return free.map(lambda values: [*values, -sum(values, Decimal(0))])


@cache
def _labels(count: int) -> st.SearchStrategy[list[str]]:
    return st.lists(texts(20), min_size=count, max_size=count, unique=True)


@cache
@st.composite
def electrodes(draw: st.DrawFn, longest_mm: str = "70", kind: str = "direct") -> tuple[Electrode, ...]:
    """Two to five electrodes (four for interference) whose currents balance as the kind of waveform asks."""
    count = 4 if kind == "temporal-interference" else draw(st.integers(2, len(FAR_APART)))
    is_paired = kind == "temporal-interference"
    amounts = [*draw(currents(2)), *draw(currents(2))] if is_paired else draw(currents(count))
    offsets = draw(currents(count)) if kind == "oscillating" else [None] * count
    turn = draw(si("deg", "0", "180")) if kind == "sinusoidal" else None
    labels = draw(_labels(count))
    made = []
    for number, (site, current, offset) in enumerate(zip(FAR_APART, amounts, offsets, strict=False)):
        made.append(
            Electrode(
                site=site if draw(st.booleans()) else known_sites()[site],
                shape=draw(shapes(longest_mm)),
                layers=draw(layers()),
                current_A=to_si(current, "mA"),
                phase_rad=turn,
                offset_A=None if offset is None else to_si(offset, "mA"),
                channel=1 + number // 2 if kind == "temporal-interference" else None,
                **({"label": labels[number]} if draw(st.booleans()) else {}),
            )
        )
    return tuple(made)


@cache
def points() -> st.SearchStrategy[tuple[float, float, float]]:
    """MNI points, m."""
    coordinate = si("mm", "-90", "90")
    return st.tuples(coordinate, coordinate, coordinate)


@cache
def targets() -> st.SearchStrategy[Target]:
    """Targets with and without a place."""
    placed = st.builds(Target, label=texts(), mni_m=points(), radius_m=si("mm", "0.5", "100"))
    return placed | st.builds(Target, label=texts(), mni_m=st.none(), radius_m=st.none())


@cache
def frequencies(most: str = "1000") -> st.SearchStrategy[float]:
    """Frequencies of stimulation, Hz."""
    return si("Hz", "0.05", most)


KIND_OF = {
    "tDCS": "direct",
    "HD-tDCS": "direct",
    "tACS": "sinusoidal",
    "tRNS": "noise",
    "otDCS": "oscillating",
    "tPCS": "pulsed",
    "TI": "temporal-interference",
}
MODALITIES = (*KIND_OF, "TMS")
TMS_KINDS = ("single", "paired", "repetitive", "iTBS", "cTBS", "QPS", "PAS", "deep")
# pulses of one stimulus with different references, which not every format has words for
CONDITIONED = "conditioned"


@cache
def _ramps() -> st.SearchStrategy[float | None]:
    return st.none() | st.just(0.0) | si("s", "0.1", "600")


@cache
def _pauses() -> st.SearchStrategy[Intermittence]:
    return st.builds(Intermittence, on_s=si("s", "1", "10"), off_s=si("s", "1", "10"))


@cache
@st.composite
def waveforms(draw: st.DrawFn, kind: str = "direct") -> DirectWaveform:
    """Plausible sessions of one kind, with and without ramps and pauses."""
    base = {"duration_s": draw(si("min", "1", "120")), "ramp_up_s": draw(_ramps()), "ramp_down_s": draw(_ramps())}
    base["intermittence"] = draw(maybe(_pauses()))
    if kind == "direct":
        return DirectWaveform(**base)
    if kind in ("sinusoidal", "oscillating"):
        cls = SinusoidalWaveform if kind == "sinusoidal" else OscillatingWaveform
        frequency = draw(maybe(frequencies()))
        note = draw(texts() if frequency is None else maybe_text())
        return cls(**base, frequency_Hz=frequency, frequency_note=note)
    if kind == "noise":
        low, high = draw(si("Hz", "0.1", "300")), draw(si("Hz", "301", "1000"))
        band = draw(st.sampled_from([(low, high), (None, None), (None, high), (low, None)]))
        shape = draw(one_of("gaussian", "uniform", None))
        return NoiseWaveform(**base, band_low_Hz=band[0], band_high_Hz=band[1], distribution=shape)
    if kind == "pulsed":
        polarity = draw(one_of("monophasic", "biphasic"))
        width, gap = draw(si("ms", "0.05", "100")), draw(si("ms", "0.05", "1000"))
        return PulsedWaveform(**base, pulse_width_s=width, pulse_gap_s=gap, polarity=polarity)
    carriers = (draw(si("Hz", "1000", "2000")), draw(si("Hz", "2001", "2100")))
    return InterferenceWaveform(**base, carriers_Hz=carriers)


@cache
@st.composite
def sparse_electric(draw: st.DrawFn, modality: str) -> ElectricStimulation:
    """What some formats have no words for: sizes without a convention, noise on a direct current."""
    made = draw(electric(modality))
    if modality == "tRNS":
        offsets = draw(currents(len(made.electrodes)))
        pairs = zip(made.electrodes, offsets, strict=True)
        on_top = tuple(attrs.evolve(one, offset_A=to_si(offset, "mA")) for one, offset in pairs)
        return attrs.evolve(made, electrodes=on_top, amplitude_convention=draw(st.none() | st.just("peak")))
    return attrs.evolve(made, amplitude_convention=None)


@cache
@st.composite
def electric(draw: st.DrawFn, modality: str = "tDCS") -> ElectricStimulation:
    """Stimulation of one electric modality."""
    kind = KIND_OF[modality]
    convention = None if kind == "direct" else draw(one_of("peak", "peak-to-peak", "RMS"))
    made = draw(electrodes("22" if modality == "HD-tDCS" else "70", kind))
    return ElectricStimulation(made, draw(waveforms(kind)), convention)


def _patterns(draw: st.DrawFn, kind: str) -> tuple[Stimulus, tuple[Pattern, ...]]:
    name = st.none() | texts(20)
    count = draw(st.integers(1, 100))
    if kind == "single":
        patterns = draw(st.sampled_from([(), (Pattern(count, 5.0),), (Pattern(count, 7.5, "pulse"),)]))
        return Stimulus(), patterns
    if kind in ("paired", "PAS"):
        stimulus = Stimulus(2, (draw(si("ms", "1", "300")),), draw(st.sampled_from([(), (0.8, 1.0)])))
        return (stimulus if kind == "paired" else Stimulus()), (Pattern(count, draw(si("s", "4", "20")), draw(name)),)
    if kind == CONDITIONED:
        own = draw(st.lists(st.none() | intensities(), max_size=2))
        own = draw(st.permutations([None, draw(intensities()), *own]))
        gaps = tuple(draw(si("ms", "1", "300")) for _ in own[1:])
        return Stimulus(len(own), gaps, intensities=tuple(own)), (Pattern(count, draw(si("s", "4", "20")), draw(name)),)
    if kind == "QPS":
        return Stimulus(4, (draw(si("ms", "1.5", "100")),) * 3), (Pattern(draw(st.integers(1, 360)), 5.0),)
    if kind in ("iTBS", "cTBS"):
        burst, theta = Pattern(3, 0.02, "burst"), Pattern(10 if kind == "iTBS" else 200, 0.2)
        return Stimulus(), (burst, theta, Pattern(20, 10.0)) if kind == "iTBS" else (burst, theta)
    hertz, pulses = draw(st.integers(1, 25)), draw(st.integers(1, 60))
    gap = draw(numbers("0.5", "60"))
    train_s = to_si(Decimal(pulses) / hertz + gap, "s")
    return Stimulus(), (
        Pattern(pulses, to_si(Decimal(1) / hertz, "s"), "train"),
        Pattern(draw(st.integers(1, 75)), train_s),
    )


@cache
def placements() -> st.SearchStrategy[CoilPlacement]:
    """A site, a point or a pose, with and without a handle."""
    site = st.sampled_from(FAR_APART)
    handle = (
        st.none()
        | st.builds(Handle, from_midline_rad=si("deg", "-180", "180"))
        | st.builds(Handle, towards=st.just("Cz"))
    )
    rest = {
        "method": st.none() | texts(),
        "handle": handle,
        "distance_m": st.none() | st.just(0.0) | si("mm", "0.01", "30"),
    }
    turned = st.sampled_from(
        (((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), ((0.6, -0.8, 0.0), (0.8, 0.6, 0.0), (0.0, 0.0, 1.0)))
    )
    scalp = st.tuples(si("mm", "-90", "90"), si("mm", "-90", "90"), si("mm", "2", "120"))
    pose = st.builds(
        lambda r, p: (*((*row, x) for row, x in zip(r, p, strict=True)), (0.0, 0.0, 0.0, 1.0)), turned, scalp
    )
    return (
        st.builds(CoilPlacement, site=site, **rest)
        | st.builds(CoilPlacement, mni_m=points(), **rest)
        | st.builds(CoilPlacement, pose_m=pose, **rest)
    )


@cache
def intensities() -> st.SearchStrategy[Intensity]:
    """All the ways to say how strong."""
    relative = st.builds(
        Intensity, value_fraction=si("percent", "10", "100"), reference=st.sampled_from(("rMT", "aMT", "MSO", "1mV"))
    )
    rate = st.builds(Intensity, didt_A_per_s=si("A_per_us", "1", "200"))
    return relative | rate | st.builds(Intensity, field_V_per_m=si("V_per_m", "1", "300"))


@cache
def thresholds() -> st.SearchStrategy[Threshold]:
    """Ways of measuring a threshold, as far as they are reported."""
    measured = one_of(None, "each-session", "weekly", "once")
    return st.builds(Threshold, method=maybe_text(), muscle=maybe_text(), coil=maybe_text(), measured=measured)


@cache
def nerves() -> st.SearchStrategy[Peripheral]:
    """Stimulation of a nerve before each pulse."""
    return st.builds(Peripheral, nerve=texts(), interval_s=si("ms", "5", "50"), intensity=maybe_text())


@cache
@st.composite
def blocks(draw: st.DrawFn, kind: str = "repetitive", is_last: bool = True) -> Block:
    """A block of one kind of magnetic stimulation."""
    stimulus, patterns = _patterns(draw, kind)
    return Block(
        pulse=Pulse(
            draw(one_of("monophasic", "biphasic", "half-sine", None)),
            draw(one_of("PA", "AP", "LM", "ML", None)),
        ),
        timing=Timing(stimulus, patterns),
        intensity=draw(intensities()),
        threshold=draw(maybe(thresholds())),
        placement=draw(placements()),
        label=draw(maybe_text()),
        depth_adjusted=draw(one_of(True, False, None)),
        peripheral=draw(nerves()) if kind == "PAS" else None,
        gap_s=None if is_last else draw(_gaps()),
    )


@cache
def _gaps() -> st.SearchStrategy[float | None]:
    return st.none() | st.just(0.0) | si("s", "0.01", "3600")


@cache
def _stimulators() -> st.SearchStrategy[Stimulator]:
    return st.builds(Stimulator, manufacturer=maybe_text(), model=maybe_text())


@cache
@st.composite
def magnetic(draw: st.DrawFn, kind: str = "repetitive") -> MagneticStimulation:
    """Stimulation by a coil, one block or two."""
    text = maybe_text()
    family = "H-coil" if kind == "deep" else draw(one_of("figure-8", "circular", "double-cone", "cap"))
    first = [draw(blocks(kind, is_last=False))] if draw(st.booleans()) else []
    return MagneticStimulation(
        coil=Coil(family, model=draw(text), manufacturer=draw(text), file=draw(text)),
        stimulator=draw(maybe(_stimulators())),
        blocks=(*first, draw(blocks(kind))),
    )


@cache
def _weeks() -> st.SearchStrategy[float]:
    return numbers("50", "500").map(float)


@cache
@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Courses of one to many sessions, with and without phases."""
    counts = draw(st.lists(st.integers(1, 50), min_size=1, max_size=4))
    per_day = draw(st.none() | st.integers(1, min(10, sum(counts))))
    per_week = draw(st.none() | st.integers(per_day or 1, 7 * (per_day or 1)))
    phases = tuple(
        Phase(
            name=draw(one_of("acute", "taper", "maintenance", "other")),
            sessions=count,
            sessions_per_day=per_day and draw(st.none() | st.integers(1, per_day)),
            sessions_per_week=per_week and draw(st.none() | st.integers(1, per_week)),
            weeks=draw(maybe(_weeks())),
        )
        for count in counts
    )
    return Course(
        sessions=sum(counts),
        sessions_per_day=per_day,
        min_gap_s=draw(
            st.none() | si("h", "8.5" if (per_day or 1) < 3 else "2.4", "12" if (per_day or 1) < 3 else "2.6")
        ),
        schedule=draw(maybe(texts())),
        sessions_per_week=per_week,
        phases=phases if draw(st.booleans()) else (),
    )


@cache
def sources() -> st.SearchStrategy[Source]:
    """Sources with and without a DOI."""
    doi = st.none() | st.just("10.1111/j.1469-7793.2000.t01-1-00633.x")
    return st.builds(Source, citation=texts(), doi=doi, status=st.sampled_from(STATUSES[:3]), note=st.none() | texts())


@cache
def outcomes() -> st.SearchStrategy[Outcome]:
    """Outcome measures with every kind of limits."""
    limits = one_of((None, None), (0.0, 52.0), (-1.5, 1.5), (0.0, None))
    times = one_of((), (0,), (1,), (0, 1))
    return st.builds(lambda name, low_high, sessions: Outcome(name, *low_high, sessions), texts(), limits, times)


@cache
@st.composite
def results(draw: st.DrawFn) -> Result:
    """What came out, with no more people stimulated than there were."""
    n_total = draw(st.none() | st.integers(0, 50))
    return Result(
        direction=draw(one_of("positive", "negative", "mixed", "physiological")),
        summary=draw(texts()),
        n_active=None if n_total is None else draw(st.none() | st.integers(0, n_total)),
        n_total=n_total,
    )


@cache
def _parts() -> dict[str, st.SearchStrategy[Any]]:
    """Strategies of what surrounds the stimulation, where it is there."""
    text = maybe_text()
    second = st.none() | si("s", "0.1", "600")
    sham = {"ramp_up_s": second, "duration_s": second, "ramp_down_s": second}
    steps = st.builds(Step, kind=one_of("titration", "adjust", "stop"), condition=texts(), action=texts())
    return {
        "indication": st.builds(Indication, condition=one_of(*sorted(conditions())), note=text),
        "population": texts(),
        "purpose": texts(),
        "target": targets(),
        "sham": st.builds(Sham, type=one_of("low-intensity", "other-site", "none"), description=text, **sham),
        "blinding": one_of("none", "single", "double", "triple"),
        "steps": st.lists(steps, min_size=1, max_size=2).map(tuple),
        "therapy": st.builds(Therapy, name=texts(), timing=one_of(None, "before", "during", "after"), note=text),
        "programme": one_of("cognitive", "paediatric", "motor", "language"),
        "goals": st.lists(texts(), min_size=1, max_size=2).map(tuple),
        "outcomes": st.lists(outcomes(), min_size=1, max_size=2).map(tuple),
        "evidence": st.builds(
            Evidence,
            grade=one_of(*"ABC"),
            scheme=texts(),
            design=one_of("rct", "crossover", "modelling"),
            status=one_of(*STATUSES[:3]),
        ),
        "result": results(),
        "published_totals": st.builds(
            PublishedTotals,
            pulses_per_session=st.none() | st.integers(1, 5000),
            session_duration_s=st.none() | si("min", "1", "60"),
            charge_per_session_C=st.none() | si("C", "0.1", "10"),
            note=texts(),
        ),
        "simulation": st.builds(
            Simulation,
            conductivity_preset=one_of(None, "roast", "mccann2019"),
            conductivities_S_per_m=st.dictionaries(
                one_of("scalp", "csf"), st.integers(100, 4000).map(lambda value: value / 1000), max_size=2
            ).map(lambda items: tuple(items.items())),
        ),
        "reporting": st.dictionaries(
            one_of("age", "sex", "time_of_day", "device"), texts() | st.booleans(), min_size=1, max_size=4
        ).map(lambda items: tuple(items.items())),
        "source": sources(),
        "title": texts(),
        "certainty": st.dictionaries(
            one_of("$.title", "$.course.sessions", "$.stimulation.electrodes[0].current_mA"),
            one_of(*STATUSES),
            min_size=1,
        ).map(lambda items: tuple(items.items())),
    }


@cache
@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Everything around the stimulation, each part there or not: one number says which, for speed."""
    parts = _parts()
    there = draw(st.integers(0, 2 ** len(parts) - 1)) * 0x9E3779B1  # odd: spreads the small numbers, which are frequent
    return {name: draw(part) for place, (name, part) in enumerate(parts.items()) if there >> place & 1}


@cache
@st.composite
def protocols(draw: st.DrawFn, modality: str | None = None, kind: str | None = None) -> Protocol:
    """Valid protocols of a modality (and a kind of TMS), everything optional both there and not there."""
    modality = modality or draw(st.sampled_from(MODALITIES))
    kind = kind or draw(st.sampled_from(TMS_KINDS))
    plan = {"title": None, **draw(plans())}
    if plan.get("published_totals") is not None:
        other = "charge_per_session_C" if modality == "TMS" else "pulses_per_session"
        plan["published_totals"] = attrs.evolve(plan["published_totals"], **{other: None})
    return Protocol(
        id=draw(_ids()),
        modality=modality,
        stimulation=draw(magnetic(kind) if modality == "TMS" else electric(modality)),
        course=draw(courses()),
        **plan,
    )


@cache
def _ids() -> st.SearchStrategy[str]:
    part = st.text("abcxyz019", min_size=1, max_size=8)
    return st.lists(part, min_size=1, max_size=4).map("-".join)


LONE_BLOCK = Block(
    pulse=Pulse("biphasic", None),
    timing=Timing(Stimulus(), ()),
    intensity=Intensity(value_fraction=1.2, reference="rMT"),
    threshold=None,
    placement=CoilPlacement(method=None, site="F3"),
)
