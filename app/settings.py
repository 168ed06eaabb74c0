"""Every setting of every role, read once from the environment and the command line; `.env.example` lists them."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this process is to run. Each field's environment variable is `LINKGRAPH_` and its name in capitals.

    Args:
        data_dir: where embedded engines, journals and the first key live.
        mongodb_url: a replica set or sharded cluster; None starts the embedded engine.
        mongodb_database: the database's name, also the prefix of every Redis channel.
        redis_url: Redis or Valkey; None starts the embedded engine.
        host: address that the ports are bound on.
        api_port: GraphQL over HTTP, SSE and WebSocket.
        redirect_port: short links.
        api_processes: API processes under `serve`.
        redirect_processes: redirect processes under `serve`.
        worker_processes: worker processes under `serve`.
        short_url: public base of short links; None means http://localhost:<redirect_port>.
        admin_key: the first admin API key; None makes one at first start.
        geoip_db: a MaxMind city or country database; None leaves places unknown.
        trusted_proxies: CIDRs whose X-Forwarded-For is believed, comma-separated.
        country_header: header in which a trusted proxy names the country; None means that none does.
        playground: serve GraphiQL and introspection.
        allowed_origins: browser origins that may open the API from another site, comma-separated.
        cost_budget: points an API key may spend at once.
        cost_restore_per_second: points that come back each second.
    """

    data_dir: Path = Path(".linkgraph")
    mongodb_url: str | None = None
    mongodb_database: str = "linkgraph"
    redis_url: str | None = None
    host: str = "127.0.0.1"
    api_port: int = 8000
    redirect_port: int = 8001
    api_processes: int = 1
    redirect_processes: int = 1
    worker_processes: int = 1
    short_url: str | None = None
    admin_key: str | None = None
    geoip_db: Path | None = None
    trusted_proxies: str = ""
    country_header: str | None = None
    playground: bool = False
    allowed_origins: str = ""
    cost_budget: int = 10_000
    cost_restore_per_second: int = 1_000

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ, **given: object) -> "Settings":
        """Settings of the environment; `given` values that are not None win.

        Raises:
            msgspec.ValidationError: a value is not of its setting's type; the message names the setting.
        """
        found: dict[str, object] = {
            field: environment[f"LINKGRAPH_{field.upper()}"]
            for field in cls.__struct_fields__
            if environment.get(f"LINKGRAPH_{field.upper()}")
        }
        found.update({name: value for name, value in given.items() if value is not None})
        return msgspec.convert(found, cls, strict=False, dec_hook=_path)

    @property
    def short_base(self) -> str:
        """Public base of short links, without a slash at its end."""
        return (self.short_url or f"http://localhost:{self.redirect_port}").rstrip("/")

    @property
    def journals_dir(self) -> Path:
        """Where redirect processes write and workers read journals."""
        return self.data_dir / "journals"


def _path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise NotImplementedError(f"no setting is a {kind}")
