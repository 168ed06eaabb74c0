"""Every setting of every role, read once from environment and command line; `.env.example` lists them."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Processes = Annotated[int, msgspec.Meta(ge=1, le=64)]
Points = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
MongodbUrl = Annotated[str, msgspec.Meta(pattern=r"^mongodb(\+srv)?://.")]
RedisUrl = Annotated[str, msgspec.Meta(pattern=r"^(rediss?|unix)://.")]
SmtpUrl = Annotated[str, msgspec.Meta(pattern=r"^smtps?://.")]
PublicUrl = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#\s]+/?$")]
_SECRET = {"mongodb_url", "redis_url", "admin_key", "smtp_url"}


class Misconfigured(Exception):
    """A setting cannot be used; the message names it, its option and what would be right."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this process is to run. Each field's environment variable is `LINKGRAPH_` and its name in capitals.

    Args:
        data_dir: where embedded engines, journals and the first key live.
        mongodb_url: a replica set or sharded cluster; None starts the embedded engine.
        mongodb_cache_gb: the embedded engine's own cache, gigabytes, at least 0.25.
        mongodb_database: the database's name, also the prefix of every Redis channel.
        redis_url: Redis or Valkey; None starts the embedded engine.
        host: address that the ports are bound on.
        api_port: GraphQL over HTTP, SSE and WebSocket.
        redirect_port: short links.
        redirect_lookup_ms: how long a visitor waits for a database that is asked for a link, milliseconds.
        worker_port: health and metrics of a worker that runs alone; None opens no port.
        jobs_port: health and metrics of a jobs process that runs alone; None opens no port.
        api_processes: API processes under `serve`.
        redirect_processes: redirect processes under `serve`.
        worker_processes: worker processes under `serve`.
        jobs_processes: jobs processes under `serve`.
        api_url: public base of the API; None means http://localhost:<api_port>.
        short_url: public base of short links; None means http://localhost:<redirect_port>.
        admin_key: the first admin API key; None makes one at first start.
        smtp_url: the server that mails leave through; None writes them into a folder of the data directory.
        mail_from: sender of mails whose promotion names none.
        geoip_db: a MaxMind city or country database; None leaves places unknown.
        trusted_proxies: CIDRs whose X-Forwarded-For is believed, comma-separated.
        country_header: header in which a trusted proxy names the country; None means that none does.
        playground: serve GraphiQL and introspection.
        allowed_origins: browser origins that may open the API from another site, comma-separated.
        cost_budget: points an API key may spend at once.
        cost_restore_per_second: points that come back each second.
    """

    data_dir: Path = Path(".linkgraph")
    mongodb_url: MongodbUrl | None = None
    mongodb_cache_gb: Annotated[float, msgspec.Meta(ge=0.25)] = 0.25
    mongodb_database: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,60}$")] = "linkgraph"
    redis_url: RedisUrl | None = None
    host: str = "127.0.0.1"
    api_port: Port = 8000
    redirect_port: Port = 8001
    redirect_lookup_ms: Annotated[int, msgspec.Meta(ge=10, le=10_000)] = 250
    worker_port: Port | None = None
    jobs_port: Port | None = None
    api_processes: Processes = 1
    redirect_processes: Processes = 1
    worker_processes: Processes = 1
    jobs_processes: Processes = 1
    api_url: PublicUrl | None = None
    short_url: PublicUrl | None = None
    admin_key: str | None = None
    smtp_url: SmtpUrl | None = None
    mail_from: str = "Linkgraph <no-reply@localhost>"
    geoip_db: Path | None = None
    trusted_proxies: str = ""
    country_header: str | None = None
    playground: bool = False
    allowed_origins: str = ""
    cost_budget: Points = 10_000
    cost_restore_per_second: Points = 1_000

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ, **given: object) -> "Settings":
        """Settings of the environment; `given` values that are not None win.

        Raises:
            Misconfigured: a value is not of its setting's type.
        """
        found: dict[str, object] = {
            field: environment[f"LINKGRAPH_{field.upper()}"]
            for field in cls.__struct_fields__
            if environment.get(f"LINKGRAPH_{field.upper()}")
        }
        found.update({name: value for name, value in given.items() if value is not None})
        try:
            return msgspec.convert(found, cls, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            raise Misconfigured(_named(str(error), found)) from None

    def to_env(self) -> dict[str, str]:
        """The environment from which `from_env` makes these settings again."""
        return {
            f"LINKGRAPH_{name.upper()}": str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in msgspec.structs.asdict(self).items()
            if value is not None
        }

    def on(self, mongodb_url: str, redis_url: str) -> "Settings":
        """These settings, with the URLs of embedded engines for those that none are given for."""
        return msgspec.structs.replace(
            self, mongodb_url=self.mongodb_url or mongodb_url, redis_url=self.redis_url or redis_url
        )

    @property
    def api_base(self) -> str:
        """Public base of the API, without a slash at its end."""
        return (self.api_url or f"http://localhost:{self.api_port}").rstrip("/")

    @property
    def short_base(self) -> str:
        """Public base of short links, without a slash at its end."""
        return (self.short_url or f"http://localhost:{self.redirect_port}").rstrip("/")

    @property
    def journals_dir(self) -> Path:
        """Where redirect processes write and workers read journals."""
        return self.data_dir / "journals"

    @property
    def mails_dir(self) -> Path:
        """Where mails are written while there is no SMTP server."""
        return self.data_dir / "mail"

    @property
    def metrics_dir(self) -> Path:
        """Where the processes of `serve` put their counts together."""
        return self.data_dir / "metrics"


def _path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise TypeError(f"no setting is a {kind}")


def _named(problem: str, found: Mapping[str, object]) -> str:
    """msgspec's message ("Expected `int`, got `str` - at `$.api_port`") in the operator's words."""
    named = re.fullmatch(r"(.*) - at `\$\.(\w+)`", problem)
    if named is None:
        return problem
    name = named[2]
    value = "what it is" if name in _SECRET else repr(str(found[name]))
    return (
        f"LINKGRAPH_{name.upper()} (--{name.replace('_', '-')}) cannot be {value}: "
        f"{named[1][0].lower()}{named[1][1:]}"
    )
