"""Files that tests upload, read and kept as POST /uploads does."""

from app.services import Services
from domain.csv_rows import CsvRows
from domain.json_lines import JsonLines
from domain.uploads import UNUSED, Packing, Upload, UploadFormat


async def uploaded(opened: Services, workspace_id: str, content: str) -> str:
    """The id of an upload: of JSON Lines where the content begins like an object, otherwise of CSV."""
    lines = content.lstrip().startswith("{")
    reader: JsonLines | CsvRows = JsonLines() if lines else CsvRows()
    packing, upload_id, now = Packing(), opened.ids.new("upl"), opened.clock()
    for row in [*reader.feed(content.encode()), *reader.end()]:
        chunk = packing.add(row)
        if chunk is not None:
            await opened.uploads.add_chunk(workspace_id, upload_id, chunk, now + UNUSED)
    rest = packing.rest()
    assert rest is not None
    await opened.uploads.add_chunk(workspace_id, upload_id, rest, now + UNUSED)
    upload = Upload(
        id=upload_id,
        workspace_id=workspace_id,
        format=UploadFormat.JSON_LINES if lines else UploadFormat.CSV,
        columns=reader.columns,
        rows=packing.rows,
        chunks=packing.chunks,
        created_at=now,
        expires_at=now + UNUSED,
    )
    await opened.uploads.add(workspace_id, upload)
    return upload_id
