"""One record of a run, as JSON and as a self-contained page."""

from stimplan.report.page import figure_address, render
from stimplan.report.record import json_text, plain, run_record

__all__ = ["figure_address", "json_text", "plain", "render", "run_record"]
