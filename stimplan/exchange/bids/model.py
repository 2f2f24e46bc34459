"""Values around a dataset: what its files are called, what was delivered, what a reader found."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import attrs

from stimplan.errors import InputError, Problem
from stimplan.exchange.bids.view import BidsView
from stimplan.protocol import Protocol

_LABEL = re.compile(r"[0-9A-Za-z]+")
ENTITIES = ("sub", "ses", "task", "acq", "run")


def _label(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and not _LABEL.fullmatch(value):
        what = f"{value!r} is no BIDS label; expected letters and digits only"
        raise InputError(Problem(attribute.name, what))


@attrs.frozen
class Entities:
    """Whom, when and during what: the parts of a file's name.

    Attributes
    ----------
    subject : str
        Label of the participant, letters and digits.
    session, acquisition : str or None
    task : str
        What the participant did meanwhile; "rest" where nothing.
    run : int or None
        Number of the table, where one session needs several.

    Raises
    ------
    InputError
        A label has other characters than letters and digits.
    """

    subject: str = attrs.field(default="01", validator=_label)
    session: str | None = attrs.field(default=None, validator=_label, kw_only=True)
    task: str = attrs.field(default="rest", validator=_label, kw_only=True)
    acquisition: str | None = attrs.field(default=None, validator=_label, kw_only=True)
    run: int | None = attrs.field(default=None, kw_only=True)

    @property
    def stem(self) -> str:
        """Start of the file names, `sub-01_ses-1_task-rest`."""
        labels = (self.subject, self.session, self.task, self.acquisition, self.run)
        return "_".join(f"{name}-{label}" for name, label in zip(ENTITIES, labels, strict=True) if label is not None)

    @property
    def folder(self) -> PurePosixPath:
        """Folder of the participant, or of the session, from the dataset's root."""
        session = [] if self.session is None else [f"ses-{self.session}"]
        return PurePosixPath(f"sub-{self.subject}", *session)


@attrs.frozen
class SessionRecord:
    """What one session really delivered; None where it was not recorded.

    Attributes
    ----------
    status : str
        How it ended, such as "completed" or "stopped".
    durations_s : tuple of float
        Duration of each delivery, s: of the one current, of each channel, or of each block of pulses.
    start : str or None
        Date and time, ISO 8601.
    status_description, subject_feedback : str or None
        In words.
    validation : {"verified", "observed", "not_verified", "unknown"} or None
        Whether the delivery was watched.
    impedances_ohm : tuple of float
        Of each electrode, ohm; empty where it was not measured.
    thresholds : tuple of (reference, fraction)
        Measured rMT, aMT or 1mV intensity, as a fraction of the stimulator's output.
    """

    status: str
    durations_s: tuple[float, ...]
    start: str | None = None
    status_description: str | None = None
    subject_feedback: str | None = None
    validation: str | None = None
    impedances_ohm: tuple[float, ...] = ()
    thresholds: tuple[tuple[str, float], ...] = ()


@attrs.frozen
class BidsSession:
    """One stimulation in a dataset.

    Attributes
    ----------
    entities : Entities
    view : BidsView or None
        What the tables say; None where stimplan has no words for it, see `not_understood`.
    not_understood : tuple of Problem
        What is in the tables and not in the view.
    record : SessionRecord or None
    protocol : Protocol or None
        The planned protocol itself, where the dataset keeps it in `sourcedata/stimplan`.
    differences : tuple of str
        Places where the tables say something else than the planned protocol.
    not_carried : tuple of str
        Paths of the planned protocol that the tables have no words for.
    """

    entities: Entities
    view: BidsView | None
    not_understood: tuple[Problem, ...] = ()
    record: SessionRecord | None = None
    protocol: Protocol | None = None
    differences: tuple[str, ...] = ()
    not_carried: tuple[str, ...] = ()
