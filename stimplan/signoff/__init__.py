"""Sign-off: one page to read in ten seconds and to sign, and a plain-language sheet for the person; HTML and PDF.

Everything on the pages comes from one record of plain data, so that the two forms cannot say different things:

    record = signoff_record(protocol, check(protocol, subject=subject), subject=subject)
    html, pdf = render_signoff(record), signoff_pdf(record)
"""

from stimplan.signoff.ledger_part import LedgerPart, ledger_part
from stimplan.signoff.page import render_sheet, render_signoff
from stimplan.signoff.pdf import signoff_pdf
from stimplan.signoff.record import signoff_record
from stimplan.signoff.sheet import sheet_record
from stimplan.signoff.sheet_pdf import sheet_pdf

__all__ = [
    "LedgerPart",
    "ledger_part",
    "render_sheet",
    "render_signoff",
    "sheet_pdf",
    "sheet_record",
    "signoff_pdf",
    "signoff_record",
]
