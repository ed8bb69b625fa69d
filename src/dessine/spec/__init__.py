"""YAML to a checked spec: files, lines, overrides, extends."""

from dessine.spec.document import BadSpec, Document, anchor, anchored, check_document
from dessine.spec.overrides import change, placed, value
from dessine.spec.reading import read, read_text
from dessine.spec.text import dump, inline

__all__ = [
    "BadSpec",
    "Document",
    "anchor",
    "anchored",
    "change",
    "check_document",
    "dump",
    "inline",
    "placed",
    "read",
    "read_text",
    "value",
]
