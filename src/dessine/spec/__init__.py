"""YAML to a checked spec: files, lines, overrides, extends."""

from dessine.spec.document import BadSpec, Document, check_document, dump, read

__all__ = ["BadSpec", "Document", "check_document", "dump", "read"]
