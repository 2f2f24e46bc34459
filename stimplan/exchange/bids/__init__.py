"""NIBS-BIDS v6.3, the proposed BIDS for noninvasive brain stimulation: write, read and check datasets."""

from stimplan.exchange.bids.check import check_bids
from stimplan.exchange.bids.findings import BidsFinding
from stimplan.exchange.bids.model import BidsSession, Entities, SessionRecord
from stimplan.exchange.bids.read import read_bids
from stimplan.exchange.bids.view import BidsView, bids_view, not_carried, protocol_from
from stimplan.exchange.bids.vocabulary import NIBS_BIDS_VERSION
from stimplan.exchange.bids.write import write_bids

__all__ = [
    "NIBS_BIDS_VERSION",
    "BidsFinding",
    "BidsSession",
    "BidsView",
    "Entities",
    "SessionRecord",
    "bids_view",
    "check_bids",
    "not_carried",
    "protocol_from",
    "read_bids",
    "write_bids",
]
