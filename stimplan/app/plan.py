"""What the app is about at a moment: one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from stimplan.errors import InputError, Problem
from stimplan.sites import resolve_site

if TYPE_CHECKING:
    from stimplan.protocol import Protocol
    from stimplan.safety import Subject

DEFAULT_HEAD = "colin27"


@attrs.frozen
class Plan:
    """A protocol on a head, for a person.

    Attributes
    ----------
    protocol : Protocol
        Always a whole and valid one: what is being typed and is not valid yet stays in its form.
    origin : str
        Where it is from, in words: "library", a file's name, "new".
    head_name : str
        Anything `load_head` takes.
    subject : Subject or None
        Answers of the person, where there are any.
    profile : str or None
        Policy profile of the safety rules; None is the default one.
    """

    protocol: Protocol
    origin: str = "library"
    head_name: str = DEFAULT_HEAD
    subject: Subject | None = None
    profile: str | None = None

    @property
    def currents_A(self) -> Mapping[str, float]:
        """Current by 10-10 site, A, as the preview takes it.

        Raises
        ------
        InputError
            There is no such preview of this protocol; the message says why.
        """
        return preview_currents_A(self.protocol)


def preview_currents_A(protocol: Protocol) -> dict[str, float]:
    """Currents by site of a protocol whose field is one picture, A; those at one site are added.

    An alternating current whose electrodes are in phase or in antiphase is shown at its largest moment. Electrodes
    without current are left out.

    Raises
    ------
    InputError
        A coil; several phases or channels, whose field is not one picture (`stimplan.app.swinging` has maps of it); an
        electrode that is at no named site.
    """
    import math

    electric = protocol.electric
    if electric is None:
        raise InputError("the preview shows currents through electrodes; for a coil run the exact solve")
    problems = []
    if electric.waveform.type == "temporal-interference":
        what = "carriers have a field each, not one set of currents; the preview shows their envelope"
        problems.append(Problem("", what))
    currents: dict[str, float] = {}
    for electrode in electric.electrodes:
        turn = math.cos(electrode.phase_rad or 0.0)
        if abs(abs(turn) - 1) > 1e-9:
            what = (
                "its phase is neither 0 nor 180°, so that there is no one set of currents; the preview shows the cycle"
            )
            problems.append(Problem(electrode.label, what))
        if not isinstance(electrode.site, str):
            problems.append(Problem(electrode.label, "is at no named site; run the exact solve"))
            continue
        site = resolve_site(electrode.site)
        currents[site] = currents.get(site, 0.0) + round(turn) * electrode.current_A
    if problems:
        raise InputError(problems)
    return {site: current for site, current in currents.items() if current != 0}
