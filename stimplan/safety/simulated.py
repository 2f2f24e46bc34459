"""What a simulation adds to a check: numbers of the field, and where the electrodes really lie on a head."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import attrs

from stimplan.errors import InputError, Problem
from stimplan.montage import Point
from stimplan.units import text
from stimplan.values import frozen_mapping

if TYPE_CHECKING:
    from stimplan.protocol import Protocol

Space = Literal["MNI", "head"]


def _maybe_frozen(mapping: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if mapping is None else frozen_mapping(mapping)


@attrs.frozen
class Simulated:
    """A simulated field, as far as rules ask about it; plain numbers, so that no solver is needed to judge them.

    Attributes
    ----------
    protocol_digest : str
        Of the protocol that was simulated.
    head : str
        Name of the head model.
    quantities : mapping of str to float, or None
        Numbers of the field in SI, such as `brain_current_density_p999_A_per_m2`; None where no field was solved yet.
    head_positions_m : mapping of str to 3-tuple
        Centre of each electrode on the scalp by its label, in coordinates of the head, m.
    mni_positions_m : mapping of str to 3-tuple, or None
        The same in MNI coordinates; None where the head has none.
    told : tuple of str
        What the run says about a coil and its field, for people who sign; no rule reads it.
    """

    protocol_digest: str
    head: str
    quantities: Mapping[str, float] | None = attrs.field(default=None, converter=_maybe_frozen)
    head_positions_m: Mapping[str, Point] = attrs.field(factory=dict, converter=frozen_mapping)
    mni_positions_m: Mapping[str, Point] | None = attrs.field(default=None, converter=_maybe_frozen)
    told: tuple[str, ...] = ()

    def positions_m(self, space: Space) -> Mapping[str, Point] | None:
        """Places of the electrodes in a space, m; None where the head does not have it."""
        return self.head_positions_m if space == "head" else self.mni_positions_m


def refuse_other_protocol(protocol: Protocol, simulated: Simulated) -> None:
    """Make sure that a simulation is of this protocol, value for value.

    Raises
    ------
    InputError
        It is of another one; both digests are named.
    """
    if simulated.protocol_digest != protocol.digest:
        what = (
            f"the simulation is of another protocol: its digest is {simulated.protocol_digest}, that of "
            f"{protocol.id!r} is {protocol.digest}; simulate {protocol.id!r} again"
        )
        raise InputError(Problem("field", what))


def read_simulated(record: Mapping[str, Any], *, file: str = "") -> Simulated:
    """What the record of a run (`summary.json`) says about its field and its electrodes.

    Parameters
    ----------
    record : mapping
        JSON data, as `json` or `stimplan.strict_json` read it.
    file : str
        Its name in messages.

    Raises
    ------
    InputError
        It is not the record of a run, or a part that is needed is missing or no number.
    """
    try:
        if record.get("coil") is not None:
            return _of_coils(record)
        electrodes = record["montage"]["electrodes"]
        has_mni = record["head"]["has_mni"] is True
        return Simulated(
            protocol_digest=_text(record["protocol"]["digest"]),
            head=_text(record["head"]["name"]),
            quantities={
                _text(name): math.nan if value is None else _number(value)
                for name, value in record["field"]["brain_current_density"].items()
            },
            head_positions_m={_text(one["label"]): _point(one["center_m"]) for one in electrodes},
            mni_positions_m={_text(one["label"]): _point(one["center_mni_m"]) for one in electrodes}
            if has_mni
            else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"is not the record of a run of this program ({error!r}); simulate the protocol again"
        raise InputError(Problem("", what, file=file)) from error


def _of_coils(record: Mapping[str, Any]) -> Simulated:
    """The same of a run of stimulation by a coil: the middle of each block's coil."""
    poses = {_text(block["label"]): block["pose"] for block in record["coil"]["blocks"]}
    has_mni = record["head"]["has_mni"] is True
    return Simulated(
        protocol_digest=_text(record["protocol"]["digest"]),
        head=_text(record["head"]["name"]),
        quantities={_text(name): _number(value) for name, value in record["coil"]["safety_facts"].items()},
        head_positions_m={label: _point(pose["center_m"]) for label, pose in poses.items()},
        mni_positions_m={label: _point(pose["center_mni_m"]) for label, pose in poses.items()} if has_mni else None,
        told=tuple(_said(record["coil"], block) for block in record["coil"]["blocks"]),
    )


def _said(coil: Mapping[str, Any], block: Mapping[str, Any]) -> str:
    """A block of a coil's run in one sentence: the coil, its drive, its field and the spread of that."""
    where, of = ("below the coil", "below") if block["at_target"] is None else ("at the target", "target")
    mean = text(_number((block["at_target"] or block["below"])["mean_V_per_m"]), "V_per_m")
    spread = "" if block["spread"] is None else _spread(block["spread"]["figures"][of]["mean"])
    assumed = "; the handle's direction was assumed" if block["pose"]["is_handle_assumed"] else ""
    name = {"protocol": "", "run": ", chosen for the run", "stand-in": ", in place of the protocol's"}[coil["chosen"]]
    if coil.get("stand_in") is not None:  # the records of older runs do not say how far it is
        name += f" ({_text(coil['stand_in']['short'])})"
    drive = _text(block["drive"]["sentence"]).rstrip(".")
    return f"{_text(block['label'])}: {_text(coil['name'])}{name}{assumed}. {drive}. Mean |E| {where} {mean}{spread}"


def _spread(mean: Mapping[str, Any]) -> str:
    low, high = (text(_number(mean[f"{end}_V_per_m"]), "V_per_m") for end in ("low", "high"))
    return f" ({low} to {high} over placements)"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _point(value: Any) -> Point:
    x, y, z = (_number(one) for one in value)
    return (x, y, z)
