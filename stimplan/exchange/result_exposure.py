"""The folder of a run, read again whole: every part of the waveform's field, and the electrodes where they lay.

What is drawn from it is what was drawn in the run; only numbers are of single precision, and a head with MNI space is
seen there, for its mesh was written in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil_field import CoilPlacement
from stimplan.errors import InputError, MontageError, Problem
from stimplan.exchange.result_coil import coils_again
from stimplan.exchange.result_folder import MESH, no_field, read_result, read_run_mesh
from stimplan.exchange.result_record import SUMMARY, how_again
from stimplan.exposure import Exposure
from stimplan.field import Field
from stimplan.field_map import map_maker
from stimplan.head.model import HeadModel
from stimplan.montage import Electrode, Point, Rectangle
from stimplan.placement import Placement, place
from stimplan.protocol import Protocol, read_protocol

Array = NDArray[np.float64]

# A course of a day has a few blocks of a coil; files and figures of later ones are not written.
MOST_BLOCKS = 12
# Of a pad's direction, radians: below it turning it again changes nothing one could see.
_SAME_WAY_RAD = 1e-3


@attrs.frozen(eq=False)
class RunAgain:
    """A run as it lies on the disk, ready to be drawn.

    Attributes
    ----------
    exposure : Exposure
        Its head is the mesh of the folder: in MNI space where the head had one. Of a coil the field of its first block,
        without the coil; `read_coil_exposures` has them all.
    protocol : Protocol
    record : mapping
        What `summary.json` holds.
    notices : tuple of str
        What a reader of pictures made of it must know.
    folder : Path
    """

    exposure: Exposure
    protocol: Protocol
    record: Mapping[str, Any]
    notices: tuple[str, ...]
    folder: Path

    @property
    def point_of_interest_m(self) -> Point:
        """Where slices meet: the target where the run measured it, else the peak; as the mesh lies, m."""
        found = self.record["field"]
        target = self.protocol.target
        if found["at_target"] is not None and target is not None and target.mni_m is not None:
            return target.mni_m
        x, y, z = found["in_tissue"]["peak_mni_m"] or found["in_tissue"]["peak_position_m"]
        return (x, y, z)


def read_exposure(folder: Path) -> RunAgain:
    """Read the fields, the protocol and the electrodes of a run; of several blocks of a coil the first.

    Raises
    ------
    InputError
        No such folder, files that are missing or damaged, or that belong to different runs.
    """
    result = read_result(folder)
    head, record = result.shown.head, result.record
    protocol = _protocol(folder, record)
    mesh = read_run_mesh(folder, record)
    try:
        if record.get("coil") is not None:
            _, notices = coils_again(record["coil"], head)
            fields = {"direct": _coil_field(mesh, head, record, None, number=0)}
        else:
            placement, notices = _laid_again(protocol, head, record)
            fields = _fields(mesh, head, record, placement)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise no_field(folder, record, error) from None
    exposure = Exposure(fields, map_maker(protocol.electric))
    return RunAgain(exposure, protocol, record, (*result.notices, *notices), folder)


def read_coil_exposures(first: RunAgain) -> dict[int, Exposure]:
    """The fields of a coil's blocks that differ, each with its coil, by the number of the first block that has it.

    Parameters
    ----------
    first : RunAgain
        The run, with the field of its first block.

    Raises
    ------
    InputError
        The file of a later block is missing or damaged, or holds another field.
    """
    folder, record, head = first.folder, first.record, first.exposure.field.head
    found: dict[int, Exposure] = {}
    digests: set[str] = set()
    placements, _ = coils_again(record["coil"], head)
    for at, block in enumerate(record["coil"]["blocks"][:MOST_BLOCKS]):
        if block["digest"] in digests:
            continue
        digests.add(block["digest"])
        start = f"block{block['number']}_" if at else ""
        mesh = read_run_mesh(folder, record, start=start, digest=block["digest"])
        try:
            field = _coil_field(mesh, head, record, placements[at], number=at)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise no_field(folder, record, error, name=f"{start}{MESH}") from None
        found[block["number"]] = Exposure({"direct": field}, map_maker(None))
    return found


def _coil_field(
    mesh: Any, head: HeadModel, record: Mapping[str, Any], placement: CoilPlacement | None, *, number: int
) -> Field:
    """The field of one block of a coil, with the coil where it can be drawn."""
    block = record["coil"]["blocks"][number]
    return Field(
        head=head,
        placement=cast(Any, placement),
        E_V_per_m=np.asarray(mesh.cell_data["E_V_per_m"], dtype=np.float64),
        potential_V=np.asarray(mesh.point_data["potential_V"], dtype=np.float64),
        electrode_potential_V=np.zeros(0),
        residual=float(block["residual"]),
        iterations=block["iterations"],
        provenance=record["provenance"]["field"],
    )


def _protocol(folder: Path, record: Mapping[str, Any]) -> Protocol:
    tree = record["protocol"]
    if not isinstance(tree, dict):
        raise InputError(Problem("$.protocol", f"is no protocol; {how_again(folder)}", file=str(folder / SUMMARY)))
    return read_protocol({key: value for key, value in tree.items() if key != "digest"})


def _fields(mesh: Any, head: HeadModel, record: Mapping[str, Any], placement: Placement | None) -> dict[str, Field]:
    """A field for each part of the waveform, by its name."""
    parts: Mapping[str, Any] = record["field"]["parts"]
    is_direct = record["field"]["map"]["id"] == "magnitude"
    potentials = [] if placement is None else [one["potential_V"] for one in record["montage"]["electrodes"]]
    fields = {}
    for name, part in parts.items():
        stem = "" if is_direct else "_" + name.replace(" ", "_")
        fields[name] = Field(
            head=head,
            placement=placement,
            E_V_per_m=np.asarray(mesh.cell_data[f"E{stem}_V_per_m"], dtype=np.float64),
            potential_V=np.asarray(mesh.point_data[f"potential{stem}_V"], dtype=np.float64),
            electrode_potential_V=np.array(potentials, dtype=np.float64),
            residual=float(part["residual"]),
            iterations=part["iterations"],
            provenance={**record["provenance"]["field"], "currents_A": part["currents_A"]},
        )
    return fields


def _laid_again(
    protocol: Protocol, head: HeadModel, record: Mapping[str, Any]
) -> tuple[Placement | None, tuple[str, ...]]:
    """The electrodes on the mesh of the folder, at their recorded places, turned as they were."""
    if protocol.electric is None or record["montage"] is None:
        return None, ()
    rows = record["montage"]["electrodes"]
    is_mni = record["head"]["has_mni"]
    own = protocol.electric.electrodes
    moved = [_at(one, row["center_mni_m" if is_mni else "center_m"]) for one, row in zip(own, rows, strict=True)]
    ups = [row.get("up_mni" if is_mni else "up") for row in rows]
    try:
        turned = [_turned(one, head, up) for one, up in zip(moved, ups, strict=True)]
        placed = _placed(turned, head, record)
    except MontageError as error:
        return None, (f"The electrodes are not drawn, for they do not lie on the mesh of the folder: {error}",)
    patches = tuple(attrs.evolve(patch, electrode=one) for patch, one in zip(placed.electrodes, own, strict=True))
    return attrs.evolve(placed, electrodes=patches, protocol_digest=protocol.digest), ()


def _at(electrode: Electrode, center_m: Sequence[float]) -> Electrode:
    x, y, z = center_m
    return attrs.evolve(electrode, site=(float(x), float(y), float(z)))


def _turned(electrode: Electrode, head: HeadModel, up: Sequence[float] | None) -> Electrode:
    """A rectangle turned so that its height points as recorded; discs and rings have no direction."""
    shape = electrode.shape
    if up is None or not isinstance(shape, Rectangle):
        return electrode
    (patch,) = _placed([electrode], head, None).electrodes
    right = np.cross(patch.up, patch.normal)
    recorded = np.asarray(up, float)
    # Counter-clockwise as seen from outside: up turns towards the left.
    angle = math.atan2(-float(recorded @ right), float(recorded @ patch.up))
    if abs(angle) < _SAME_WAY_RAD:
        return electrode
    return attrs.evolve(electrode, shape=attrs.evolve(shape, rotation_rad=shape.rotation_rad + angle))


def _placed(electrodes: Sequence[Electrode], head: HeadModel, record: Mapping[str, Any] | None) -> Placement:
    model = "complete" if record is None else record["montage"]["electrode_model"]
    montage: Any = SimpleNamespace(electrodes=tuple(electrodes), digest="")
    return place(montage, head, electrode_model=model)
