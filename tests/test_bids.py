"""NIBS-BIDS: what is written is read again, all of it or none, and nothing is lost in silence."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from sizes import MANY
from strategies import KIND_OF, TMS_KINDS, protocols

from stimplan.errors import InputError
from stimplan.exchange.bids import bids_view, read_bids, write_bids
from stimplan.protocol import Protocol

KINDS = (*((modality, None) for modality in KIND_OF), *(("TMS", kind) for kind in TMS_KINDS))


def names(kind: tuple[str, str | None]) -> str:
    return "-".join(part for part in kind if part)


def survives(protocol: Protocol) -> None:
    """Write, read, compare in every field that NIBS-BIDS holds, with the plan and without it."""
    try:
        view = bids_view(protocol)
    except InputError:
        assume(False)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "data"
        write_bids(protocol, root)
        (session,) = read_bids(root)
        assert session.not_understood == ()
        assert session.view == view
        assert session.protocol == protocol
        assert session.differences == ()
        for plan in (root / "sourcedata" / "stimplan").iterdir():
            plan.unlink()
        (bare,) = read_bids(root)
        assert bare.protocol is None
        if len(protocol.stimulation.blocks if protocol.magnetic else ()) != 1 or "_" not in protocol.id:
            assert bare.view == view


@pytest.mark.parametrize("kind", KINDS, ids=names)
def test_what_nibs_bids_holds_survives_writing_and_reading(kind):
    @settings(max_examples=50)
    @given(protocols(*kind))
    def holds(protocol):
        survives(protocol)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=names)
def test_many_protocols_of_each_kind_survive(kind):
    @settings(max_examples=MANY)
    @given(protocols(*kind))
    def holds(protocol):
        survives(protocol)

    holds()
