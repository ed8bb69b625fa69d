"""Self-contained HTML pages: one file that opens without a network, years later, on a narrow screen too."""

from dessine.reports.shell import facts, figure, page, section, table

__all__ = ["facts", "figure", "page", "section", "table"]
