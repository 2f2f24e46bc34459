"""The layout of the protocol file, version 2: which key of the file is which attribute of which value.

The order of the keys here is their order in a written file. What a key may hold is said by the schema alone.
"""

from __future__ import annotations

from typing import Any

import attrs

from stimplan.montage import Circle, Electrode, Layer, Point, Rectangle, Ring, Source
from stimplan.protocol import electric, magnetic, plan
from stimplan.protocol.codec import (
    INTEGER,
    NUMBER,
    PLAIN,
    Codec,
    Key,
    by_class,
    key,
    many,
    optional,
    or_null,
    pairs,
    quantity,
    record,
)
from stimplan.protocol.model import Protocol
from stimplan.site_forms import HOTSPOT, AnteriorOf, BeamF3, SiteForm, Tape
from stimplan.sites import resolve_site
from stimplan.units import from_si, to_si

POINT = many(quantity("mm"))


_SITE_NAME = Codec(resolve_site, lambda site: site)
# Forms of a place found with a tape measure, by the one key of their object.
_FORMS: dict[str, tuple[type[SiteForm], Codec]] = {
    "beam_f3": (
        BeamF3,
        record(
            BeamF3,
            key("nasion_inion_cm"),
            key("tragus_cm"),
            key("circumference_cm"),
            optional("adjustment"),
        ),
    ),
    "tape": (
        Tape,
        record(
            Tape,
            key("from", attribute="start"),
            key("along"),
            optional("towards"),
            optional("distance_cm"),
            optional("percent", quantity("percent"), attribute="fraction"),
            optional("arc_cm"),
        ),
    ),
    "anterior_of": (
        AnteriorOf,
        record(
            AnteriorOf,
            key("site", Codec(lambda site: site if site == HOTSPOT else resolve_site(site), lambda site: site)),
            key("distance_cm"),
        ),
    ),
}


def _read_site(site: Any) -> str | Point | SiteForm:
    if isinstance(site, str):
        return resolve_site(site)
    ((name, tree),) = site.items()
    return POINT.read(tree) if name == "position_mm" else _FORMS[name][1].read(tree)


def _write_site(site: str | Point | SiteForm) -> Any:
    if isinstance(site, str):
        return site
    if isinstance(site, tuple):
        return {"position_mm": POINT.write(site)}
    return next({name: codec.write(site)} for name, (cls, codec) in _FORMS.items() if isinstance(site, cls))


def _read_label(tree: Any) -> Electrode:
    electrode: Electrode = _ELECTRODE.read({"label": None, **tree})
    return electrode if electrode.label is not None else _unlabelled(electrode)


def _unlabelled(electrode: Electrode) -> Electrode:
    """The same electrode under the name of its site."""
    name = Electrode(electrode.site, electrode.shape, electrode.layers, electrode.current_A).label
    return attrs.evolve(electrode, label=name)


def _write_label(electrode: Electrode) -> Any:
    tree = _ELECTRODE.write(electrode)
    if electrode.label == _unlabelled(electrode).label:
        del tree["label"]
    return tree


SHAPE = by_class(
    "type",
    {
        "circle": (Circle, record(Circle, key("diameter_mm"))),
        "rectangle": (Rectangle, record(Rectangle, key("width_mm"), key("height_mm"), key("rotation_deg"))),
        "ring": (Ring, record(Ring, key("inner_diameter_mm"), key("outer_diameter_mm"))),
    },
)
_ELECTRODE = record(
    Electrode,
    key("site", Codec(_read_site, _write_site)),
    key("label"),
    key("current_mA"),
    optional("phase_deg"),
    optional("offset_mA"),
    optional("channel", INTEGER),
    key("shape", SHAPE),
    key("layers", many(record(Layer, key("material"), key("thickness_mm")))),
    optional("product"),
)
ELECTRODE = Codec(_read_label, _write_label)

_DURATION = (
    key("duration_min"),
    key("ramp_up_s"),
    key("ramp_down_s"),
    optional("intermittence", record(electric.Intermittence, key("on_s"), key("off_s"))),
)
_FREQUENCY = (key("frequency_Hz"), optional("frequency_note"))
_NOISE = (key("band_low_Hz"), key("band_high_Hz"), key("distribution"))
_PULSES = (key("pulse_width_ms"), key("pulse_gap_ms"), key("polarity"))
_WAVEFORM_KEYS: dict[type[electric.DirectWaveform], tuple[Any, ...]] = {
    electric.DirectWaveform: (),
    electric.SinusoidalWaveform: _FREQUENCY,
    electric.NoiseWaveform: _NOISE,
    electric.OscillatingWaveform: _FREQUENCY,
    electric.PulsedWaveform: _PULSES,
    electric.InterferenceWaveform: (key("carriers_Hz", many(quantity("Hz"))),),
}
WAVEFORM = by_class("type", {cls.type: (cls, record(cls, *keys, *_DURATION)) for cls, keys in _WAVEFORM_KEYS.items()})


def _electric(convention: Key) -> Codec:
    return record(
        electric.ElectricStimulation, key("electrodes", many(ELECTRODE)), convention, key("waveform", WAVEFORM)
    )


# A direct current has no convention; of the others null says that the source does not report it.
_DIRECT, _OTHER = _electric(optional("amplitude_convention")), _electric(key("amplitude_convention"))
ELECTRIC = Codec(_DIRECT.read, lambda value: (_DIRECT if value.waveform.type == "direct" else _OTHER).write(value))

# A pose's rotation has no unit; only the last number of each of the first three rows is a length.
_ROW = Codec(
    lambda row: (*map(NUMBER.read, row[:3]), to_si(row[3], "mm")),
    lambda row: [*(NUMBER.write(x) for x in row[:3]), from_si(row[3], "mm")],
)
_POSE = Codec(
    lambda rows: (*map(_ROW.read, rows[:3]), tuple(map(NUMBER.read, rows[3]))),
    lambda rows: [*map(_ROW.write, rows[:3]), [NUMBER.write(x) for x in rows[3]]],
)
COIL_PLACEMENT = record(
    magnetic.CoilPlacement,
    optional("site", Codec(_read_site, _write_site)),
    optional("mni_mm", POINT),
    optional("pose_mm", _POSE),
    key("method"),
    optional("handle", record(magnetic.Handle, optional("from_midline_deg"), optional("towards", _SITE_NAME))),
    optional("distance_mm"),
)
INTENSITY = record(
    magnetic.Intensity,
    optional("value_percent"),
    optional("reference"),
    optional("didt_A_per_us"),
    optional("field_V_per_m"),
)
TIMING = record(
    magnetic.Timing,
    key(
        "stimulus",
        record(
            magnetic.Stimulus,
            key("pulses", INTEGER),
            optional("intervals_ms", many(quantity("ms"))),
            optional("relative_intensities_percent", many(quantity("percent")), attribute="relative_intensities"),
            optional("intensities", many(or_null(INTENSITY))),
        ),
    ),
    key(
        "patterns",
        many(record(magnetic.Pattern, key("count", INTEGER), key("interval_s"), optional("name"))),
    ),
)
BLOCK = record(
    magnetic.Block,
    optional("label"),
    key("pulse", record(magnetic.Pulse, key("shape"), key("current_direction"))),
    key("timing", TIMING),
    key("intensity", INTENSITY),
    optional("depth_adjusted"),
    key("threshold", record(magnetic.Threshold, key("method"), key("muscle"), key("coil"), key("measured"))),
    key("placement", COIL_PLACEMENT),
    optional("peripheral", record(magnetic.Peripheral, key("nerve"), key("interval_ms"), key("intensity"))),
    optional("gap_s"),
)
MAGNETIC = record(
    magnetic.MagneticStimulation,
    key("coil", record(magnetic.Coil, key("family"), key("model"), optional("manufacturer"), optional("file"))),
    key("stimulator", record(magnetic.Stimulator, key("manufacturer"), key("model"))),
    key("blocks", many(BLOCK)),
)
STIMULATION = Codec(
    lambda tree: (MAGNETIC if "blocks" in tree else ELECTRIC).read(tree),
    lambda value: (MAGNETIC if isinstance(value, magnetic.MagneticStimulation) else ELECTRIC).write(value),
)

_PHASE = record(
    plan.Phase,
    key("name"),
    key("sessions", INTEGER),
    optional("sessions_per_day", INTEGER),
    optional("sessions_per_week", INTEGER),
    optional("weeks", NUMBER),
)
COURSE = record(
    plan.Course,
    key("sessions", INTEGER),
    key("sessions_per_day", INTEGER),
    optional("sessions_per_week", INTEGER),
    key("min_gap_h"),
    key("schedule"),
    optional("phases", many(_PHASE)),
)
_SHAM = record(
    plan.Sham,
    key("type"),
    optional("description"),
    optional("ramp_up_s"),
    optional("duration_s"),
    optional("ramp_down_s"),
)
_OUTCOME = record(
    plan.Outcome,
    key("measure"),
    optional("low", NUMBER),
    optional("high", NUMBER),
    optional("at_sessions", many(INTEGER)),
)
_RESULT = record(
    plan.Result, key("direction"), key("summary"), optional("n_active", INTEGER), optional("n_total", INTEGER)
)
_PUBLISHED = record(
    plan.PublishedTotals,
    optional("pulses_per_session", INTEGER),
    optional("session_duration_min"),
    optional("charge_per_session_C"),
    optional("note"),
)
_SIMULATION = record(
    plan.Simulation, optional("conductivity_preset"), optional("conductivities_S_per_m", pairs(NUMBER))
)
PROTOCOL = record(
    Protocol,
    key("schema_version", INTEGER),
    key("id"),
    key("title"),
    key("modality"),
    optional("indication", record(plan.Indication, key("condition"), optional("note"))),
    optional("population"),
    optional("purpose"),
    optional("target", record(plan.Target, key("label"), key("mni_mm", POINT), key("radius_mm"))),
    key("stimulation", STIMULATION),
    optional("sham", _SHAM),
    optional("blinding"),
    key("course", COURSE),
    optional("steps", many(record(plan.Step, key("kind"), key("condition"), key("action")))),
    optional("therapy", record(plan.Therapy, key("name"), key("timing"), optional("note"))),
    optional("programme"),
    optional("goals", many(PLAIN)),
    optional("outcomes", many(_OUTCOME)),
    optional("evidence", record(plan.Evidence, key("grade"), key("scheme"), key("design"), key("status"))),
    optional("result", _RESULT),
    optional("published_totals", _PUBLISHED),
    optional("simulation", _SIMULATION),
    optional("reporting", pairs()),
    optional("source", record(Source, key("citation"), key("doi"), key("status"), optional("note"))),
    optional("certainty", pairs()),
)
