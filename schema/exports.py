"""Exports as the API takes them."""

import strawberry

from domain import exports, file_rows

ExportFormat = file_rows.FileFormat
strawberry.enum(
    ExportFormat,
    name="ExportFormat",
    description="What the file of an export is: JSON Lines, CSV (RFC 4180) or Apache Parquet.",
)
Exported = exports.Exported
strawberry.enum(
    Exported,
    name="Exported",
    description="What is in the file of an export: clicks, or the counts of each UTC day by value.",
)
