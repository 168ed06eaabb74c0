"""Exports as the API takes them."""

import strawberry

from domain import click_exports

ExportFormat = click_exports.ExportFormat
strawberry.enum(
    ExportFormat,
    name="ExportFormat",
    description="What the file of an export is: JSON Lines, CSV (RFC 4180) or Apache Parquet.",
)
