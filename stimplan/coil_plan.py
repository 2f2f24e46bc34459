"""Protocol x HeadModel -> the coil of each block at its pose, driven as hard as the protocol says.

Everything the protocol leaves open is asked for by name: the coil where its model is no coil of the catalogue (one of
its family only where somebody says that it may stand in), the person's threshold where the intensity is relative to
one, dI/dt at 100 % of the output where the coil's file does not say. Nothing typical is put in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from stimplan.coil import (
    Coil,
    StandIn,
    Stimulator,
    find_coil,
    is_in_catalogue,
    list_coils,
    read_coil,
    stand_in_for,
)
from stimplan.coil.intensity import Known, convert, stimulator_of
from stimplan.coil_field import CoilPlacement
from stimplan.coil_on_head import coil_placement
from stimplan.errors import CoilError, Problem
from stimplan.pose_plan import poses_of
from stimplan.protocol.magnetic import Handle
from stimplan.protocol.reading import as_protocol

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel
    from stimplan.protocol import Protocol
    from stimplan.protocol.magnetic import Coil as StatedCoil


@attrs.frozen(eq=False)
class PlannedCoil:
    """The coil of one block.

    Attributes
    ----------
    placement : CoilPlacement
        At the intensity of the block; a pulse of another relative intensity scales the field.
    steps : tuple of str
        How dI/dt was found, as text.
    notices : tuple of str
        What a reader must know about the pose, and about a coil that stands in for another.
    """

    placement: CoilPlacement
    steps: tuple[str, ...]
    notices: tuple[str, ...]


def plan_coils(
    protocol: Protocol | str | Path | Mapping[str, Any],
    head: HeadModel,
    *,
    coil: Coil | Literal["stand-in"] | None = None,
    handle: Handle | None = None,
    known: Known | None = None,
    folder: Path | None = None,
) -> tuple[PlannedCoil, ...]:
    """Place the coil of each block of a protocol, driven at the block's intensity.

    Parameters
    ----------
    protocol : Protocol, str, Path or mapping
        Anything `read_protocol` takes.
    head : HeadModel
    coil : Coil or "stand-in", optional
        Instead of the protocol's; or the one that stands in for it where it is not in the catalogue, which the first
        of the notices says (see `stimplan.coil.stand_in`). Its rate at 100 % of the output is not used.
    handle : Handle, optional
        For blocks that do not say where the handle points.
    known : Known, optional
        Measured thresholds of the person, and dI/dt at 100 % of the output where the coil does not state it.
    folder : Path, optional
        Where the coil file that the protocol names is; by default the current folder.

    Returns
    -------
    tuple of PlannedCoil
        In the order of the blocks. The sign of dI/dt is positive: the field under a figure-8 points away from the
        handle while the current grows.

    Raises
    ------
    CoilError
        No coil, what is missing for an intensity, places that cannot be: all of it, each with its block.
    """
    plan = as_protocol(protocol) if isinstance(protocol, str | Path | Mapping) else protocol
    magnetic = getattr(plan, "magnetic", None)
    if magnetic is None:
        raise CoilError(f"protocol {getattr(plan, 'id', protocol)!r} has no coil")
    known = known or Known()
    meant, told = _meant(magnetic.coil, coil, folder)
    used = as_driven(meant, known.max_didt_A_per_s)
    casing = used.casing_points_m
    poses = poses_of(plan, head, handle=handle, casing_points_m=casing)
    facts = with_rate(known, used)
    problems: list[Problem] = []
    planned = []
    for number, (block, pose) in enumerate(zip(magnetic.blocks, poses, strict=True)):
        where = f"$.stimulation.blocks[{number}]"
        try:
            found = convert(block.intensity, "didt", facts)
            placement = coil_placement(used, pose_m=pose, didt_A_per_s=found.value, head=head)
            planned.append(PlannedCoil(placement, found.steps, (*told, *pose.notices)))
        except CoilError as error:
            problems += [Problem(f"{where}.{p.where}" if p.where else where, p.what) for p in error.problems]
    if problems:
        raise CoilError(problems)
    return tuple(planned)


def _meant(
    stated: StatedCoil, given: Coil | Literal["stand-in"] | None, folder: Path | None
) -> tuple[Coil, tuple[str, ...]]:
    """The coil that is asked for, and what must be said about it."""
    if isinstance(given, Coil):
        return given, ()
    if given not in (None, "stand-in"):
        raise CoilError(Problem("coil", f'expected a Coil, "stand-in" or None, got {given!r}'))
    in_place = None if given is None else stand_in_of(stated)
    return (coil_of(stated, folder), ()) if in_place is None else (in_place.coil(), (in_place.sentence,))


def stand_in_of(stated: StatedCoil) -> StandIn | None:
    """What stands in for a protocol's coil; None where its file or the catalogue has it, or nothing is near enough."""
    if stated.file is not None or is_in_catalogue(stated.manufacturer, stated.model):
        return None
    return stand_in_for(stated.family, stated.manufacturer, stated.model)


def coil_of(stated: StatedCoil, folder: Path | None = None) -> Coil:
    """The coil a protocol names: its file, or its model where that is a coil of the catalogue.

    Parameters
    ----------
    stated : Coil
        Of the protocol.
    folder : Path, optional
        Where its file is; by default the current folder.

    Raises
    ------
    CoilError
        The file cannot be read, the model is not reported, or its geometry is not in the catalogue.
    """
    if stated.file is not None:
        return read_coil((folder or Path()) / stated.file)
    if stated.model in list_coils():
        return read_coil(str(stated.model))
    entry = find_coil(stated.manufacturer, stated.model)
    if entry is not None:
        return read_coil(entry.id)
    made_by = f" of {stated.manufacturer}" if stated.manufacturer else ""
    if stated.model is None:
        what = f"missing: the model of the {stated.family} coil{made_by}; the protocol does not report it"
    else:
        what = f"missing: the geometry of model {stated.model!r}{made_by}, which is no coil of the catalogue"
    in_place = stand_in_of(stated)
    if in_place is not None:
        what += f'; nearest, if you decide so: {in_place.entry.id} ({in_place.short}), taken by coil="stand-in"'
    raise CoilError(Problem("$.stimulation.coil", f"{what}; give a coil ({', '.join(list_coils())}), or its file"))


def with_rate(known: Known, coil: Coil) -> Known:
    """The facts, with the coil's own rate at 100 % where none is given, and whose stimulator's it is."""
    if known.max_didt_A_per_s is not None:
        return known
    return attrs.evolve(known, max_didt_A_per_s=coil.max_didt_A_per_s, rate_of=stimulator_of(coil))


def as_driven(coil: Coil, max_didt_A_per_s: float | None) -> Coil:
    """The coil on the stimulator at hand: its rate at 100 % of the output, where it is known, replaces the coil's."""
    if max_didt_A_per_s is None:
        return coil
    own = coil.stimulators or (Stimulator(),)
    return attrs.evolve(coil, stimulators=[Stimulator(max_didt_A_per_s=max_didt_A_per_s) for _ in own])
