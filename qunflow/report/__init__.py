"""
Numbers made readable: one self-contained HTML page, a JSON list and SVG charts.

Nothing is computed here that a stage has not recorded; a figure whose window has not passed stays blank.
"""

from qunflow.report.writing import finality, report_figures, write_report, write_retention_book

__all__ = ["finality", "report_figures", "write_report", "write_retention_book"]
