"""Every number a rule may ask for, by name. The name ends in its SI unit.

A quantity is a function of a `Case`: the protocol, the simulated field where there is one, and for quantities of
scope "electrode" or "block" one of them. It returns None where the protocol does not say. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stimplan.safety.cases import Case, Quantity, Row
from stimplan.safety.course_quantities import COURSE
from stimplan.safety.electric_quantities import ELECTRIC
from stimplan.safety.magnetic_quantities import MAGNETIC
from stimplan.safety.pulse_quantities import PULSES

__all__ = ["QUANTITIES", "Case", "Quantity"]


def _from_field(key: str) -> Callable[[Case], float | None]:
    return lambda case: None if case.field is None else case.field.get(key)


def _field_row(key: str, unit: str, label: str) -> Row:
    return (key, unit, label, "field", _from_field(key))


_FIELD: tuple[Row, ...] = (
    _field_row("brain_current_density_p999_A_per_m2", "A_per_m2", "the simulated current density in the brain"),
    _field_row("brain_carrier_field_p999_V_per_m", "V_per_m", "the simulated field of the carriers in the brain"),
    _field_row("brain_heating_K", "", "the simulated warming of the brain in °C"),
)

QUANTITIES: Mapping[str, Quantity] = {
    row[0]: Quantity(*row) for row in (*ELECTRIC, *MAGNETIC, *PULSES, *COURSE, *_FIELD)
}
