"""The coil of a finished run, found again for its pictures.

A folder does not hold the winding. A coil of the catalogue is built again: its digest tells whether it is the one the
run used, and where the catalogue describes it otherwise today the picture says so. A coil that came as a file of its
own is not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from stimplan.coil import Coil, catalogue_entry, list_coils, read_coil
from stimplan.coil_field import CoilPlacement
from stimplan.coil_plan import as_driven
from stimplan.errors import CoilError
from stimplan.head.model import HeadModel

# Positions of a record in the head's own coordinates and in MNI that differ by less are of one space, m.
_SAME_SPACE_M = 1e-6


def coil_again(record: Mapping[str, Any]) -> tuple[Coil | None, str]:
    """The coil of a record's `coil`, and what whoever sees it must know: "" where it is the very one."""
    last = None
    for coil in _candidates(record):
        if coil.digest == record["digest"]:
            return coil, ""
        last = last or coil
    if last is None:
        return None, f"The coil is not drawn: {record['name']!r} is neither in the folder nor in the catalogue."
    return last, f"{record['name']} is drawn as the catalogue describes it now; the run used another description of it."


def coils_again(record: Mapping[str, Any], head: HeadModel) -> tuple[list[CoilPlacement | None], tuple[str, ...]]:
    """The coil of each block at its pose on the mesh of a folder, and what whoever sees it must know.

    Parameters
    ----------
    record : mapping
        `coil` of a run's record.
    head : HeadModel
        Of the folder: in MNI space where the run's head has one.
    """
    (coil, notice), blocks = coil_again(record), record["blocks"]
    if coil is None:
        return [None] * len(blocks), (notice,)
    if not all(_is_one_space(block["pose"]) for block in blocks):
        why = "The coil is not drawn: the mesh of the folder lies in MNI space, the recorded pose in the head's own."
        return [None] * len(blocks), (why,)
    placed: list[CoilPlacement | None] = []
    for block in blocks:
        rates = (float(block["drive"]["didt_A_per_s"]),) * max(1, len(coil.stimulators))
        try:
            placed.append(CoilPlacement(coil, np.array(block["pose"]["head_from_coil_m"], dtype=float), rates, head))
        except CoilError as error:
            return [None] * len(blocks), (f"The coil is not drawn: {error}.",)
    return placed, (notice,) if notice else ()


def _candidates(record: Mapping[str, Any]) -> Iterator[Coil]:
    """The catalogue's coil: as it is, without a rate of its own, at the rate of the run; by its name in old records."""
    entry = record.get("catalogue")
    for name in list_coils():
        if name == entry or (entry is None and catalogue_entry(name).name == record["name"]):
            coil = read_coil(name)
            bare = attrs.evolve(coil, stimulators=())
            yield from (coil, bare)
            yield from (as_driven(one, record["max_didt_A_per_s"]) for one in (coil, bare))


def _is_one_space(pose: Mapping[str, Any]) -> bool:
    own, mni = pose["center_m"], pose["center_mni_m"]
    return mni is None or bool(np.allclose(own, mni, rtol=0.0, atol=_SAME_SPACE_M))
