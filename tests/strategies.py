"""Hypothesis strategies: valid values of the package."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from stimplan.montage import Circle, Electrode, Layer, Rectangle, Ring, Source
from stimplan.protocol import Course, Protocol, Target, Waveform
from stimplan.sites import materials
from stimplan.units import to_si

# Far enough from each other for any electrode below: outlines of at most 70 mm, neighbours more than 70 mm apart.
FAR_APART = ("F3", "F4", "P7", "P8", "Oz")
STATUSES = ("read", "secondary", "recalled", "assumed")


def numbers(least: str, most: str, places: int = 6) -> st.SearchStrategy[Decimal]:
    """Decimal numbers as a person writes them into a file."""
    first, last = (int(Decimal(limit).scaleb(places)) for limit in (least, most))
    return st.integers(first, last).map(lambda value: Decimal(value).scaleb(-places))


def si(suffix: str, least: str, most: str) -> st.SearchStrategy[float]:
    """SI values of numbers in a file unit."""
    return numbers(least, most).map(lambda value: to_si(value, suffix))


def texts(longest: int = 60) -> st.SearchStrategy[str]:
    """Any text with something to see in it, quotes and umlauts included."""
    visible = st.characters(exclude_categories=("Cs", "Cc"))
    return st.text(visible, min_size=1, max_size=longest).filter(lambda text: text.strip() != "")


def shapes(longest_mm: str = "70") -> st.SearchStrategy[Circle | Rectangle | Ring]:
    """Outlines of at most so many mm."""
    side = si("mm", "10", longest_mm)
    circle = st.builds(Circle, diameter_m=si("mm", "2", longest_mm))
    rectangle = st.builds(Rectangle, width_m=side, height_m=side, rotation_rad=si("deg", "-180", "180"))
    ring = st.builds(Ring, inner_diameter_m=si("mm", "0.5", "10"), outer_diameter_m=si("mm", "10.5", longest_mm))
    return circle | rectangle | ring


def layers() -> st.SearchStrategy[tuple[Layer, ...]]:
    """One to three layers of known materials."""
    layer = st.builds(Layer, material=st.sampled_from(sorted(materials())), thickness_m=si("mm", "0.01", "20"))
    return st.lists(layer, min_size=1, max_size=3).map(tuple)


@st.composite
def electrodes(draw: st.DrawFn, longest_mm: str = "70") -> tuple[Electrode, ...]:
    """Two to five electrodes whose currents sum to zero exactly."""
    count = draw(st.integers(2, len(FAR_APART)))
    free = [draw(numbers("0.001", "4")) for _ in range(count - 1)]
    currents = [*free, -sum(free, Decimal(0))]
    labels = draw(st.lists(texts(20), min_size=count, max_size=count, unique=True))
    made = []
    for site, current, label in zip(FAR_APART, currents, labels, strict=False):
        extra = {"label": label} if draw(st.booleans()) else {}
        shape = draw(shapes(longest_mm))
        made.append(Electrode(site=site, shape=shape, layers=draw(layers()), current_A=to_si(current, "mA"), **extra))
    return tuple(made)


def points() -> st.SearchStrategy[tuple[float, float, float]]:
    """MNI points, m."""
    coordinate = si("mm", "-90", "90")
    return st.tuples(coordinate, coordinate, coordinate)


def targets() -> st.SearchStrategy[Target]:
    """Targets with and without a place."""
    placed = st.builds(Target, label=texts(), mni_m=points(), radius_m=si("mm", "0.5", "100"))
    return placed | st.builds(Target, label=texts(), mni_m=st.none(), radius_m=st.none())


def waveforms() -> st.SearchStrategy[Waveform]:
    """Plausible sessions, with and without ramps."""
    ramp = st.none() | st.just(0.0) | si("s", "0.1", "600")
    return st.builds(Waveform, duration_s=si("min", "0.05", "600"), ramp_up_s=ramp, ramp_down_s=ramp)


def courses() -> st.SearchStrategy[Course]:
    """Courses of one to many sessions."""
    return st.builds(
        Course,
        sessions=st.integers(1, 1000),
        sessions_per_day=st.none() | st.integers(1, 100),
        min_gap_s=st.none() | si("h", "0.01", "1000"),
        schedule=st.none() | texts(),
    )


def sources() -> st.SearchStrategy[Source]:
    """Sources with and without a DOI."""
    doi = st.none() | st.just("10.1111/j.1469-7793.2000.t01-1-00633.x")
    return st.builds(Source, citation=texts(), doi=doi, status=st.sampled_from(STATUSES[:3]), note=st.none() | texts())


@st.composite
def protocols(draw: st.DrawFn) -> Protocol:
    """Valid protocols, everything optional both there and not there."""
    modality = draw(st.sampled_from(("tDCS", "HD-tDCS")))
    places = st.sampled_from(("$.title", "$.course.sessions", "$.stimulation.electrodes[0].current_mA"))
    optional = st.none() | texts()
    return Protocol(
        id=draw(st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)),
        title=draw(texts()),
        modality=modality,
        electrodes=draw(electrodes("70" if modality == "tDCS" else "22")),
        waveform=draw(waveforms()),
        course=draw(courses()),
        purpose=draw(optional),
        indication=draw(optional),
        population=draw(optional),
        target=draw(st.none() | targets()),
        source=draw(st.none() | sources()),
        certainty=tuple(draw(st.dictionaries(places, st.sampled_from(STATUSES))).items()),
    )
