"""A real LiteLLM proxy whose database is a table in memory.

Usage: PYTHON-WITH-LITELLM litellm_with_keys.py CONFIG ROWS.json PORT

Prisma's engine cannot be had everywhere. What LiteLLM makes of the rows (its checks, errors and the documents of
/key/info and its like) is its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import AsyncMock

from load_with_litellm import NO_NETWORK
from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A row as Prisma hands it out."""

    model_config = ConfigDict(extra="allow")


class Table:
    """Rows of one table, found by the columns that are asked for."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    async def find_many(self, where: dict[str, Any] | None = None, **_: object) -> list[Record]:
        wanted = (where or {}).items()
        return [Record(**row) for row in self._rows if all(row.get(name) == value for name, value in wanted)]

    async def find_first(self, where: dict[str, Any] | None = None, **_: object) -> Record | None:
        return next(iter(await self.find_many(where)), None)

    find_unique = find_first

    def __getattr__(self, name: str) -> AsyncMock:
        return AsyncMock(return_value=None)


class Database:
    """LiteLLM's ``PrismaClient``, as far as requests with keys use it."""

    def __init__(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        self._rows = rows
        self.db = self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("litellm_"):
            return Table(self._rows.get(name, []))
        return AsyncMock(return_value=None)

    async def get_data(self, token: Any = None, user_id: Any = None, team_id: Any = None, **named: Any) -> Any:
        from litellm.proxy import _types as types

        if named.get("table_name") == "combined_view":
            row = await self.litellm_verificationtoken.find_first({"token": token})
            return row and types.LiteLLM_VerificationTokenView(**{**row.model_dump(), "last_refreshed_at": None})
        if named.get("query_type") == "find_all":
            return []
        if user_id is not None:
            row = await self.litellm_usertable.find_first({"user_id": user_id})
            return row and types.LiteLLM_UserTable(**row.model_dump())
        if team_id is not None:
            row = await self.litellm_teamtable.find_first({"team_id": team_id})
            return row and types.LiteLLM_TeamTable(**row.model_dump())
        return None


def columns_of(model: str, schema: str) -> dict[str, Any]:
    """What Prisma gives a row of this table where nothing is said."""
    text = schema.partition(f"model {model} {{")[2].partition("\n}")[0]
    found: dict[str, Any] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith(("/", "@")):
            continue
        name, kind, default = words[0], words[1], line.partition("@default(")[2]
        if kind.endswith("[]"):
            found[name] = []
        elif kind.rstrip("?") in ("String", "Json", "Float", "Int", "BigInt", "Boolean", "DateTime"):
            found[name] = {"": None, '"': {}, "f": False, "t": True, "n": datetime.now(UTC), "0": 0, "u": None}.get(
                default[:1]
            )
        else:
            found[name] = None  # a relation
    return found


class Errors(ModuleType):
    """Stands for the ``prisma`` package, of which LiteLLM wants the names of errors."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made: Any = self if name == "errors" else type(name, (Exception,), {})
        setattr(self, name, made)
        return made


def main() -> None:
    sys.modules["prisma"] = sys.modules["prisma.errors"] = Errors("prisma")
    os.environ.update(NO_NETWORK, LITELLM_LOG="CRITICAL")
    os.environ.pop("REDIS_HOST", None)
    import uvicorn
    from litellm.proxy import proxy_server, utils

    config, rows_file, port = sys.argv[1:]
    schema = (Path(proxy_server.__file__).parent / "schema.prisma").read_text(encoding="utf-8")
    rows: dict[str, list[dict[str, Any]]] = {}
    for model, given in json.loads(Path(rows_file).read_text(encoding="utf-8")).items():
        for row in given:
            if "token" in row:
                row["token"] = utils.hash_token(row["token"])
            if isinstance(row.get("expires"), str):
                row["expires"] = datetime.fromisoformat(row["expires"])
            rows.setdefault(model.lower(), []).append({**columns_of(model, schema), **row})

    async def serve() -> None:
        await proxy_server.initialize(config=config)
        proxy_server.prisma_client = Database(rows)  # type: ignore[assignment]
        settings = uvicorn.Config(proxy_server.app, port=int(port), lifespan="off", log_level="critical")
        await uvicorn.Server(settings).serve()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
