"""How much the slow tests do."""

from __future__ import annotations

import os

# Generated protocols of each kind in a slow round trip. CI draws 150; the figure we quote is of a run with 1000:
# STIMPLAN_EXAMPLES=1000 python -m pytest -m slow -k "of_each_kind" tests/test_protocol.py tests/test_bids.py
MANY = int(os.environ.get("STIMPLAN_EXAMPLES", "150"))
