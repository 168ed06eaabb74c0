"""Exports of other shorteners: each real shape of them gives slug, destination, title, tags and dates."""

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from domain.csv_rows import CsvRows
from domain.errors import Rejected, UserErrorCode
from domain.import_columns import Columns, Imported, moment, tags
from domain.importers import IMPORTERS, ImportFormat

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXPORTS = {
    ImportFormat.CSV: (
        "destination;slug;title;tags;createdAt;expiresAt;notes\n"
        "https://example.com/;Spring;Spring sale;a|b;2026-03-29T01:30:00+01:00;2027-01-01;x\n"
    ),
    ImportFormat.BITLY: (
        "Link,Custom Link,Destination URL,Title,Tags,Created,Engagements\n"
        'https://bit.ly/3xYz,https://go.example/Spring,https://example.com/,Spring sale,"a, b",'
        "2026-03-29T00:30:00+0000,12\n"
    ),
    ImportFormat.DUB: (
        "Short link,Destination URL,Tags,Created at,Clicks,Title\n"
        'https://dub.sh/Spring,https://example.com/,"a, b",2026-03-29T00:30:00.000Z,12,Spring sale\n'
    ),
    ImportFormat.SHORT_IO: (
        "Original URL,Path,Short URL,Title,Tags,Created At\n"
        "https://example.com/,Spring,https://s.example/Spring,Spring sale,a;b,2026-03-29 00:30:00\n"
    ),
    ImportFormat.SHLINK: (
        "createdAt,domain,shortCode,shortUrl,longUrl,title,tags,visits\n"
        "2026-03-29T01:30:00+01:00,s.test,Spring,https://s.test/Spring,https://example.com/,Spring sale,"
        "a|b,7\n"
    ),
    ImportFormat.KUTT: (
        "id,address,target,link,description,created_at,expire_in,visit_count,tags\n"
        "1,Spring,https://example.com/,https://kutt.to/Spring,Spring sale,2026-03-29T00:30:00.000Z,,7,a|b\n"
    ),
    ImportFormat.YOURLS: (
        "keyword,url,title,timestamp,ip,clicks,tags\n"
        "Spring,https://example.com/,Spring sale,2026-03-29 00:30:00,192.0.2.1,7,a|b\n"
    ),
}


def imported(kind: ImportFormat, text: str, domain: str | None = None) -> Imported:
    reader = CsvRows()
    (row,) = [*reader.feed(text.encode()), *reader.end()]
    assert isinstance(row, bytes)
    return Columns(IMPORTERS[kind], reader.columns).read(msgspec.json.decode(row), domain, NOW)


def refused(kind: ImportFormat, text: str) -> list[tuple[UserErrorCode, tuple[str, ...]]]:
    with pytest.raises(Rejected) as rejected:
        imported(kind, text)
    return [(error.code, error.field) for error in rejected.value.errors]


def test_there_is_an_importer_for_each_format() -> None:
    assert set(IMPORTERS) == set(ImportFormat) == set(EXPORTS)


@pytest.mark.parametrize("kind", ImportFormat)
def test_the_guide_names_every_column(kind: ImportFormat) -> None:
    """docs/guide/importing.md has a row for each format with all that its importer reads."""
    guide = Path(__file__).resolve().parents[2] / "docs" / "guide" / "importing.md"
    (row,) = [line for line in guide.read_text().splitlines() if line.startswith(f"| `{kind.value}` |")]
    told = {re.sub(r"[^a-z0-9]", "", name.lower()) for name in re.split(r"[|,;]|→ \w+", row)}
    read = {
        re.sub(r"[^a-z0-9]", "", column)
        for columns in msgspec.structs.asdict(IMPORTERS[kind]).values()
        if isinstance(columns, tuple)
        for column in columns
    }
    assert read - told == set()


@pytest.mark.parametrize("kind", ImportFormat)
def test_each_export_keeps_slug_title_tags_and_date(kind: ImportFormat) -> None:
    found = imported(kind, EXPORTS[kind], "go.example")
    draft = found.draft
    assert (draft.destination, draft.slug, draft.title, draft.tags, draft.domain) == (
        "https://example.com/",
        "Spring",
        "Spring sale",
        ["a", "b"],
        "go.example",
    )
    assert found.created_at == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def test_a_table_of_ones_own_may_have_notes_and_an_end() -> None:
    draft = imported(ImportFormat.CSV, EXPORTS[ImportFormat.CSV]).draft
    assert (draft.notes, draft.expires_at) == ("x", "2027-01-01T00:00:00.000Z")
    assert imported(ImportFormat.CSV, "URL\nhttps://example.com/\n").draft.slug is msgspec.UNSET


@pytest.mark.parametrize(
    ("short_url", "slug"),
    [
        ("https://bit.ly/3xYz", "3xYz"),
        ("bit.ly/3xYz", "3xYz"),
        ("https://bit.ly/caf%C3%A9/", "café"),
        ('["https://go.example/a","https://go.example/b"]', "a"),
        ("https://bit.ly/a/b", "a/b"),  # judged later: no slug has a slash
    ],
)
def test_the_slug_is_the_path_of_a_short_url(short_url: str, slug: str) -> None:
    quoted = short_url.replace('"', '""')
    found = imported(ImportFormat.BITLY, f'Link,Long URL\n"{quoted}",https://example.com/\n')
    assert found.draft.slug == slug


def test_a_file_without_a_needed_column_is_refused_as_a_whole() -> None:
    assert refused(ImportFormat.SHLINK, "shortCode,title\na,b\n") == [(UserErrorCode.REQUIRED, ("file",))]
    assert refused(ImportFormat.SHLINK, "longUrl,title\na,b\n") == [(UserErrorCode.REQUIRED, ("file",))]


def test_errors_of_a_row_name_the_column() -> None:
    text = "Short URL,Original URL,Created At\n,https://example.com/,last summer\n"
    assert refused(ImportFormat.SHORT_IO, text) == [
        (UserErrorCode.INVALID, ("Created At",)),
        (UserErrorCode.REQUIRED, ("Short URL",)),
    ]
    text = "keyword,url,timestamp\na,https://example.com/,2026-11-23 00:00:00\n"
    assert refused(ImportFormat.YOURLS, text) == [(UserErrorCode.INVALID, ("timestamp",))]


def test_a_link_with_a_password_is_not_imported_open() -> None:
    text = "address,target,password\na,https://example.com/,true\n"
    assert refused(ImportFormat.KUTT, text) == [(UserErrorCode.INVALID, ("password",))]
    assert imported(ImportFormat.KUTT, text.replace("true", "false")).draft.slug == "a"


def test_a_link_of_another_time_zone_is_not_of_the_future() -> None:
    found = imported(
        ImportFormat.YOURLS, "keyword,url,timestamp\na,https://example.com/,2026-11-20 14:00:00\n"
    )
    assert found.created_at == NOW


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-05-31", datetime(2026, 5, 31, tzinfo=UTC)),
        ("2026-05-31T10:00:00.123456Z", datetime(2026, 5, 31, 10, 0, 0, 123_000, UTC)),
        ("2026-05-31 10:00:00 UTC", datetime(2026, 5, 31, 10, tzinfo=UTC)),
        ("1780221600", datetime(2026, 5, 31, 10, tzinfo=UTC)),
        ("1780221600000", datetime(2026, 5, 31, 10, tzinfo=UTC)),
    ],
)
def test_dates_come_in_several_shapes(text: str, at: datetime) -> None:
    assert moment(text) == at


@pytest.mark.parametrize(
    "text", ["", "05/31/2026", "0000-00-00 00:00:00", "1980-01-01", "٢٠٢٦", "2026-02-30"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        moment(text)


def test_titles_of_web_pages_come_in_one_line() -> None:
    text = 'keyword,url,title\na,https://example.com/,"\n  Spring\n sale "\n'
    assert imported(ImportFormat.YOURLS, text).draft.title == "Spring sale"


def test_tags_come_in_several_shapes() -> None:
    assert tags("a|b c") == tags("a, b c") == tags("a;b c") == tags('["a","b c"]') == ["a", "b c"]
