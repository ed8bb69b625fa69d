"""Self-contained HTML pages: one file that opens without a network, years later, on a narrow screen too."""

from dessine.reports.shell import beside, facts, figure, folded, joined, link, page, preformatted, prose, section, table

__all__ = ["beside", "facts", "figure", "folded", "joined", "link", "page", "preformatted", "prose", "section", "table"]
