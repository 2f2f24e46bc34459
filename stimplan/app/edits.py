"""What a click on a site of the head does to a protocol."""

from __future__ import annotations

from typing import Any

from stimplan.app.panels.changes import add_electrode, remove_electrode, set_values
from stimplan.app.panels.pose import place_values
from stimplan.protocol import Protocol
from stimplan.sites import resolve_site
from stimplan.strict_json import JsonPath


def pick_site(protocol: Protocol, site: str) -> Protocol:
    """The protocol without its electrode at a site, or with one more there that has no current yet.

    A coil goes to the site instead: in all blocks that have it where the first has it.

    Raises
    ------
    InputError
        No such site; an electrode that does not fit beside its neighbours, or without which no current could flow.
    """
    name = resolve_site(site)
    if protocol.magnetic is not None:
        blocks = protocol.magnetic.blocks
        values: dict[JsonPath, Any] = {}
        for number, block in enumerate(blocks):
            if block.placement == blocks[0].placement:
                values |= place_values(protocol, number, site=name)
        return set_values(protocol, values)
    for number, electrode in enumerate(protocol.electrodes):
        if isinstance(electrode.site, str) and resolve_site(electrode.site) == name:
            return remove_electrode(protocol, number)
    return add_electrode(protocol, name)
