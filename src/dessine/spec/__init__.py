"""YAML to a checked spec: files, lines, overrides, extends."""

from dessine.spec.document import BadSpec, Document, change, check_document, dump, inline, read, value

__all__ = ["BadSpec", "Document", "change", "check_document", "dump", "inline", "read", "value"]
