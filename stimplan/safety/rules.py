"""Rules as values: a condition for when a rule applies, a statement that must hold, and its source.

A limit is always written as what must hold, so a value that cannot be compared (NaN) never passes:

    None or NaN   "unknown"      infinite   "broken", whatever the operator      else   holds or broken
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Callable
from functools import cached_property
from typing import Literal, get_args

import attrs

from stimplan import units
from stimplan.safety.tables import Table, are_numbers
from stimplan.safety.values import Citation, Severity

Outcome = Literal["holds", "broken", "unknown", "skipped"]
Op = Literal["<=", ">=", "<", ">", "between", "known", "report"]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@attrs.frozen
class Statement:
    """One quantity compared with its limit.

    Attributes
    ----------
    quantity : str
        Name in `stimplan.safety.quantities`.
    op : str
        "<=", ">=", "<", ">", "between" (both ends included), "known" (is given; in conditions only) or "report"
        (the number is shown and nothing is asked of it).
    limits : tuple of float
        SI; two for "between", none for "known" and "report", else one.
    display_unit : str
        File suffix of the unit the source uses; "" for a bare number.
    """

    quantity: str
    op: Op
    limits: tuple[float, ...]
    display_unit: str

    def holds(self, value: float) -> bool:
        """Whether a value satisfies the statement; NaN and infinity never do."""
        if not math.isfinite(value):
            return False
        if self.op in ("known", "report"):
            return True
        if self.op == "between":
            return self.limits[0] <= value <= self.limits[1]
        (limit,) = self.limits
        return _COMPARE[self.op](value, limit)

    def badness(self, value: float) -> float:
        """Larger for a worse value; orders values that were judged by the same statement."""
        if self.op == "between":
            return max(self.limits[0] - value, value - self.limits[1])
        return -value if self.op in (">", ">=") else value

    def limit_for(self, value: float | None) -> float | None:
        """The limit that decides about a value, SI."""
        if self.op == "between" and value is not None and value < self.limits[0]:
            return self.limits[0]
        return self.limits[-1] if self.limits else None

    def text(self, value: float, digits: int = 4) -> str:
        """A value of this quantity for people, in the unit of the source: `"4 mA"`."""
        shown = float(units.from_si(value, self.display_unit)) if self.display_unit else value
        unit = units.unit_text(self.display_unit)
        return f"{float(f'{shown:.{digits}g}'):.15g} {unit}".strip()  # 14400, not 1.44e+04

    def value_text(self, value: float | None) -> str:
        """Text of a value, with more digits where rounding would hide that it differs from the limit."""
        if value is None or math.isnan(value):
            return ""
        if math.isinf(value):
            return "infinite"
        short = self.text(value)
        is_hidden = any(value != limit and short == self.text(limit) for limit in self.limits)
        return self.text(value, digits=13) if is_hidden else short

    @property
    def limit_text(self) -> str:
        """Text of the limits: `"40 min"`, `"0.1 mA to 20 mA"`."""
        return " to ".join(self.text(limit) for limit in self.limits)


@attrs.frozen
class Judgement:
    """What a rule said about one case.

    Attributes
    ----------
    outcome : {"holds", "broken", "unknown", "skipped"}
    must : Statement
        The statement that was asked; for a table, with the limit of its cell.
    severity : Severity
    is_censored : bool
        The limit is only the highest value that was tried.
    is_beyond : bool
        The table has no cell for this case.
    """

    outcome: Outcome
    must: Statement
    severity: Severity
    is_censored: bool
    is_beyond: bool = False

    def excess(self, value: float) -> float:
        """How far a value is on the wrong side of its limit; orders values whose limits differ."""
        at_limit = sum(map(self.must.badness, self.must.limits))  # nothing at either end of "between"
        return self.must.badness(value) - at_limit


@attrs.frozen
class Vector:
    """A worked example that pins a rule: quantities in SI, and the outcome they must have."""

    given: tuple[tuple[str, float | None], ...]
    expect: Outcome
    note: str


@attrs.frozen
class Rule:
    """One rule, as written in `safety/rules/*.json`; the schema there describes each field.

    `profiles` names the policy profiles the rule belongs to, each with the severity it has there; None: all of them,
    with the rule's own severity.
    """

    id: str
    version: str
    modality: tuple[str, ...]
    profiles: tuple[tuple[str, Severity], ...] | None
    applies_if: tuple[Statement, ...]
    must: Statement
    table: Table | None
    unit: str
    censored: bool
    severity: Severity
    basis: str
    population: str
    title: str
    rationale: str
    citation: Citation
    message_holds: str
    message_broken: str
    vectors: tuple[Vector, ...]

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of all quantities the rule looks at."""
        axes = self.table.axes if self.table else ()
        asked = (self.must.quantity, *(condition.quantity for condition in self.applies_if))
        return (*asked, *(axis.quantity for axis in axes))

    def in_profile(self, profile: str) -> Rule | None:
        """The rule with the severity it has in a profile; None where it does not belong to it."""
        if self.profiles is None:
            return self
        severity = dict(self.profiles).get(profile)
        return None if severity is None else attrs.evolve(self, severity=severity)

    def judge(self, reading: Callable[[str], float | None]) -> Outcome:
        """Outcome of the rule for the numbers `reading(quantity)`, see `judgement`."""
        return self.judgement(reading).outcome

    def judgement(self, reading: Callable[[str], float | None]) -> Judgement:
        """What the rule says about the numbers `reading(quantity)`, SI or None.

        "skipped" where a condition is not met. A condition that cannot be decided (not known, or not finite) never
        excuses: unless another one rules the rule out, the outcome is then "unknown", or "broken" for an infinite
        value. A table whose row or column is not known makes it "unknown"; a case beyond the table is "broken".
        """
        is_undecided = False
        for condition in self.applies_if:
            value = reading(condition.quantity)
            if condition.op == "known":
                if value is None:
                    return self._judged("skipped")
            elif value is None or not math.isfinite(value):
                is_undecided = True
            elif not condition.holds(value):
                return self._judged("skipped")
        value = reading(self.must.quantity)
        if value is None or math.isnan(value) or (is_undecided and math.isfinite(value)):
            return self._judged("unknown")
        if math.isinf(value):
            return self._judged("broken")
        return self._from_table(value, reading) if self.table else self._compared(self._judged("holds"), value)

    def _judged(self, outcome: Outcome) -> Judgement:
        return Judgement(outcome, self.must, self.severity, self.censored)

    def _compared(self, judgement: Judgement, value: float) -> Judgement:
        return judgement if judgement.must.holds(value) else attrs.evolve(judgement, outcome="broken")

    def _from_table(self, value: float, reading: Callable[[str], float | None]) -> Judgement:
        assert self.table is not None
        places = [reading(axis.quantity) for axis in self.table.axes]
        if not are_numbers(places):
            return self._judged("unknown")
        found = self.table.find(tuple(place for place in places if place is not None))
        if found is None:
            return attrs.evolve(self._judged("broken"), is_beyond=True)
        cell, severity = found
        must = attrs.evolve(self.must, limits=(cell.limit,))
        own = milder(severity, self.severity) if severity else self.severity
        return self._compared(Judgement("holds", must, own, cell.is_censored), value)


def milder(one: Severity, other: Severity) -> Severity:
    """The less severe of two severities."""
    order = get_args(Severity)
    return max(one, other, key=order.index)


@attrs.frozen
class Note:
    """Something the rules of these modalities cannot see; in every profile, or in some."""

    modality: tuple[str, ...]
    text: str
    profiles: tuple[str, ...] | None = None


@attrs.frozen
class RuleSet:
    """All rules that are in force together.

    Attributes
    ----------
    version : str
        Names and versions of the files.
    """

    version: str
    rules: tuple[Rule, ...]
    not_judged: tuple[Note, ...] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every word and number of the rules; floats are written out exactly."""
        return hashlib.sha256(repr((self.version, self.rules, self.not_judged)).encode()).hexdigest()

    @property
    def unverified(self) -> tuple[str, ...]:
        """Ids of the rules whose source nobody has compared with them yet."""
        return tuple(rule.id for rule in self.rules if rule.citation.verified_by is None)

    def in_profile(self, profile: str) -> RuleSet:
        """The rules and notes that belong to a profile, each with its severity there."""
        rules = [rule for one in self.rules if (rule := one.in_profile(profile))]
        notes = [note for note in self.not_judged if note.profiles is None or profile in note.profiles]
        return attrs.evolve(self, rules=tuple(rules), not_judged=tuple(notes))

    def of_modality(self, modality: str) -> tuple[Rule, ...]:
        """Rules that cover a modality, in the order of the files."""
        return tuple(rule for rule in self.rules if modality in rule.modality)
