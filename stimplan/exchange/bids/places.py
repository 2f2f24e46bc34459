"""Places that NIBS-BIDS has no words for."""

from __future__ import annotations

from stimplan.errors import InputError, Problem
from stimplan.protocol import Protocol
from stimplan.site_forms import AnteriorOf, BeamF3, Tape


def refuse_tapes(protocol: Protocol, *, is_placed: bool) -> None:
    """Refuse places found with a tape measure: they have neither a name nor, before they are placed, coordinates.

    Raises
    ------
    InputError
        Every such electrode, unless the montage is placed on a head, and every such coil.
    """
    magnetic = protocol.magnetic
    sites: dict[str, object]
    if magnetic is not None:
        sites = {f"blocks[{number}].placement": block.placement.site for number, block in enumerate(magnetic.blocks)}
    else:
        sites = {f"electrodes[{number}]": one.site for number, one in enumerate(protocol.electrodes) if not is_placed}
    problems = [
        Problem(
            f"$.stimulation.{where}.site",
            f"{site}: NIBS-BIDS v6.3 needs a name or coordinates; "
            + ("keep the protocol file itself with the dataset" if magnetic else "simulate it on a head first"),
        )
        for where, site in sites.items()
        if isinstance(site, BeamF3 | Tape | AnteriorOf)
    ]
    if problems:
        raise InputError(problems)
