"""Tables of limits: the cell that holds for a frequency and an intensity, looked up on the strict side.

"next_higher" takes the next tabulated row and column at or above a value, as the tables for trains of pulses ask for;
beyond the last one there is no cell. "linear" interpolates between rows and keeps the first and the last limit outside.
"""

from __future__ import annotations

import math
from typing import Literal

import attrs

from stimplan.safety.values import Severity

Lookup = Literal["next_higher", "linear"]


@attrs.frozen
class Axis:
    """Rows or columns: a quantity, the unit the source prints, and the tabulated values, SI and rising."""

    quantity: str
    display_unit: str
    values: tuple[float, ...]

    def next_higher(self, value: float) -> int | None:
        """Number of the first tabulated value that is not below a value; None beyond the last."""
        return next((number for number, tabulated in enumerate(self.values) if tabulated >= value), None)


@attrs.frozen
class Cell:
    """A limit, SI; censored where it is only the longest that was tested."""

    limit: float
    is_censored: bool


@attrs.frozen
class Table:
    """A table of limits.

    Attributes
    ----------
    lookup : {"next_higher", "linear"}
    rows : Axis
    columns : Axis or None
        None for a table with one column.
    cells : tuple of tuple of Cell
        Row by row.
    censored_severity : tuple of (row number, severity)
        Severity of the censored cells of a row, where it differs from the rule's.
    message_censored, message_no_cell : str
        Beyond a censored cell; beyond the table.
    """

    lookup: Lookup
    rows: Axis
    columns: Axis | None
    cells: tuple[tuple[Cell, ...], ...]
    censored_severity: tuple[tuple[int, Severity], ...]
    message_censored: str
    message_no_cell: str

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Rows, and columns where there are any."""
        return (self.rows,) if self.columns is None else (self.rows, self.columns)

    def find(self, values: tuple[float, ...]) -> tuple[Cell, Severity | None] | None:
        """Cell for one value an axis, and its own severity if it has one; None beyond the table."""
        if self.lookup == "linear":
            return self._between(*values), None
        places = [axis.next_higher(value) for axis, value in zip(self.axes, values, strict=True)]
        if None in places:
            return None
        row, *column = [place for place in places if place is not None]
        (cell,) = [self.cells[row][number] for number in column] if column else self.cells[row]
        return cell, dict(self.censored_severity).get(row) if cell.is_censored else None

    def _between(self, value: float) -> Cell:
        """Cell at a value, on the straight line between two rows."""
        rows, cells = self.rows.values, [cell for (cell,) in self.cells]
        upper = self.rows.next_higher(value)
        if upper is None or upper == 0:
            return cells[-1] if upper is None else cells[0]
        share = (value - rows[upper - 1]) / (rows[upper] - rows[upper - 1])
        below, above = cells[upper - 1], cells[upper]
        limit = below.limit + share * (above.limit - below.limit)
        return Cell(float(f"{limit:.12g}"), above.is_censored)


def are_numbers(values: list[float | None]) -> bool:
    """Whether every value is given and is not NaN."""
    return all(value is not None and not math.isnan(value) for value in values)
