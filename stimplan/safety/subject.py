"""A person as the check sees one: pseudonymous, immutable, and with "unknown" wherever nobody answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import Literal

import attrs

from stimplan.montage import Point
from stimplan.safety.simulated import Space

YesNo = Literal["yes", "no", "unknown"]
Sex = Literal["female", "male", "other"]
MriStatus = Literal["unrestricted", "conditional", "not-for-mri", "unknown"]


@attrs.frozen
class FormAnswer:
    """Answer to one item of a form, with what the person said about it."""

    answer: YesNo = "unknown"
    detail: str | None = None


@attrs.frozen
class Implant:
    """Something in or on the body that conducts, is magnetic or holds a battery.

    Attributes
    ----------
    kind : str
        One of the kinds of `safety/implants.json`.
    position_m : 3-tuple or None
        Its nearest part, m.
    region : str or None
        One of the regions of `safety/implants.json`, where no coordinates are known.
    distance_m : float or None
        Measured on the person, from the coil or the nearest electrode to the nearest part of the implant, m.
    active : {"yes", "no", "unknown"}
        Whether it holds a battery or electronics.
    mri : {"unrestricted", "conditional", "not-for-mri", "unknown"}
        What its label says about magnetic resonance imaging.
    detail : str or None
    space : {"MNI", "head"}
        What the position is in: MNI coordinates, or those of the person's own head model.
    """

    kind: str
    position_m: Point | None = None
    region: str | None = None
    distance_m: float | None = None
    active: YesNo = "unknown"
    mri: MriStatus = "unknown"
    detail: str | None = None
    space: Space = "MNI"


@attrs.frozen
class Medication:
    """One substance that is taken, by name, ATC code or RxNorm id.

    Attributes
    ----------
    name, atc, rxnorm : str or None
        At least one of them.
    dose_changed : {"yes", "no", "unknown"}
        Whether the dose was changed in the last weeks.
    withdrawn : {"yes", "no", "unknown"}
        Whether it is being stopped, or was stopped in the last weeks.
    """

    name: str | None = None
    atc: str | None = None
    rxnorm: str | None = None
    dose_changed: YesNo = "unknown"
    withdrawn: YesNo = "unknown"

    @property
    def label(self) -> str:
        """Its name in messages."""
        return self.name or (f"ATC {self.atc}" if self.atc else f"RxNorm {self.rxnorm}")


@attrs.frozen
class HealthCondition:
    """Something the person has: an id of `protocols/conditions.json` or of `safety/screening/person.json`.

    Attributes
    ----------
    id : str
    position_m : 3-tuple or None
        Where it is, m: the nearest edge of a skull defect, a lesion or a wound.
    at_electrode : {"yes", "no", "unknown"}
        Whether it lies under an electrode, as seen on the person; goes before the coordinates.
    detail : str or None
    space : {"MNI", "head"}
        What the position is in: MNI coordinates, or those of the person's own head model.
    """

    id: str
    position_m: Point | None = None
    at_electrode: YesNo = "unknown"
    detail: str | None = None
    space: Space = "MNI"


def _sorted_answers(
    answers: Iterable[tuple[str, str, FormAnswer]],
) -> tuple[tuple[str, str, FormAnswer], ...]:
    return tuple(sorted(answers, key=lambda row: (row[0], len(row[1]), row[1])))


@attrs.frozen(kw_only=True)
class Subject:
    """One person, pseudonymous. None and "unknown" mean that nobody asked; an empty list means that there is none.

    Attributes
    ----------
    id : str
        Pseudonym; never a name.
    age_years : float or None
    sex : {"female", "male", "other"} or None
    pregnant, capacity_to_consent, hearing_problem, recreational_drugs_24h : {"yes", "no", "unknown"}
    answers : tuple of (form, item, FormAnswer)
        Answers to the forms of `safety/screening/`, sorted.
    implants, medications, conditions : tuple or None
    sleep_hours : float or None
        Sleep in the night before the session, h.
    alcohol_units_24h : float or None
        Units of 8 g of alcohol in the 24 h before the session.
    notes : str or None
        Remarks for people.
    """

    id: str
    age_years: float | None = None
    sex: Sex | None = None
    pregnant: YesNo = "unknown"
    capacity_to_consent: YesNo = "unknown"
    hearing_problem: YesNo = "unknown"
    recreational_drugs_24h: YesNo = "unknown"
    answers: tuple[tuple[str, str, FormAnswer], ...] = attrs.field(default=(), converter=_sorted_answers)
    implants: tuple[Implant, ...] | None = None
    medications: tuple[Medication, ...] | None = None
    conditions: tuple[HealthCondition, ...] | None = None
    sleep_hours: float | None = None
    alcohol_units_24h: float | None = None
    notes: str | None = None

    @property
    def has_positions(self) -> bool:
        """Whether something in the body is given by coordinates, so that a distance has to be computed."""
        listed: tuple[Implant | HealthCondition, ...] = (*(self.implants or ()), *(self.conditions or ()))
        return any(one.position_m is not None for one in listed)

    def answer_to(self, form: str, item: str) -> FormAnswer:
        """Answer to an item of a form; "unknown" where there is none."""
        found = {(form_id, item_id): answer for form_id, item_id, answer in self.answers}
        return found.get((form, item), FormAnswer())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all values, the same in every process."""
        return hashlib.sha256(repr(self).encode()).hexdigest()
