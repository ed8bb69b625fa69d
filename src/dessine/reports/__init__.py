"""Self-contained HTML pages: one file that opens without a network, years later, on a narrow screen too."""

from dessine.reports.shell import facts, figure, joined, page, preformatted, section, table

__all__ = ["facts", "figure", "joined", "page", "preformatted", "section", "table"]
