"""A protocol in words, made from its fields: for a clinician, for the person, for a paper; and two side by side."""

from stimplan.describe.checklist import Review, review, reviews
from stimplan.describe.clinician import clinician_text
from stimplan.describe.gaps import not_reported
from stimplan.describe.methods import methods_text, missing_lines
from stimplan.describe.patient import patient_text
from stimplan.describe.titles import generated_title, suggest_id, title_of

__all__ = [
    "Review",
    "clinician_text",
    "generated_title",
    "methods_text",
    "missing_lines",
    "not_reported",
    "patient_text",
    "review",
    "reviews",
    "suggest_id",
    "title_of",
]
