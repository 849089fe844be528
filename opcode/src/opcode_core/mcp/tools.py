"""Calling a tool: name, arguments, the service's verb, the answer or the refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from opcode_core.errors import NotFoundError, OpcodeError
from opcode_core.logs import logger
from opcode_core.mcp.arguments import Schema, read_arguments
from opcode_core.mcp.schemas import TOOLS, Tool
from opcode_core.model.requests import (
    Call,
    DefineRequest,
    QueryRequest,
    RunRequest,
    SignalRequest,
    StatusRequest,
)
from opcode_core.suggest import did_you_mean, listing


class Verbs(Protocol):
    """What of the service the tools call."""

    async def define(self, request: DefineRequest) -> dict[str, Any]:
        """See `Service.define`."""
        ...

    async def run(self, request: RunRequest) -> dict[str, Any]:
        """See `Service.run`."""
        ...

    async def status(self, request: StatusRequest) -> dict[str, Any]:
        """See `Service.status`."""
        ...

    async def signal(self, request: SignalRequest) -> dict[str, Any]:
        """See `Service.signal`."""
        ...

    async def query(self, request: QueryRequest) -> dict[str, Any]:
        """See `Service.query`."""
        ...

    def params_schema(self, action: str) -> Schema | None:
        """JSON Schema of an action's parameters; None for an unknown one."""
        ...


_BY_NAME = {tool.name: tool for tool in TOOLS} | {
    tool.name.replace(".", "_"): tool for tool in TOOLS
}


class ToolCalls:
    """Answers tool calls; nothing but cancellation ever leaves it as an exception.

    Args:
        verbs: The service.
        folder: The working directory of the client's process; None for the engine's own.
    """

    def __init__(self, verbs: Verbs, folder: str | None = None) -> None:
        self._verbs = verbs
        self._folder = folder
        self._params_schema = lru_cache(maxsize=512)(verbs.params_schema)

    async def call(
        self, name: str, given: Any, call: Call | None = None
    ) -> tuple[dict[str, Any], bool]:
        """Answer one call.

        Args:
            name: The tool's name, with a dot or an underscore.
            given: The arguments as they came; or the error that kept them from being read.
            call: What to know it by when it comes again; None if it cannot.

        Returns:
            The answer and False, or the error object and True.
        """
        if isinstance(given, OpcodeError):
            return given.to_json(), True
        try:
            tool = _find(name)
            arguments = read_arguments(given, tool.arguments, self._params_schema)
            return await self._verb(tool, arguments, call), False
        except OpcodeError as error:
            return error.to_json(), True
        except Exception:  # noqa: BLE001 - whatever it is, its text is for the log only
            logger.exception("a tool call failed", extra={"data": {"tool": name[:100]}})
            return {
                "code": "INTERNAL",
                "message": "the server failed on this call: its log says why",
            }, True

    def _verb(
        self, tool: Tool, arguments: dict[str, Any], call: Call | None
    ) -> Awaitable[dict[str, Any]]:
        verbs = self._verbs
        calls: Mapping[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "opcode.define": lambda given: verbs.define(DefineRequest(**given, call=call)),
            "opcode.run": lambda given: verbs.run(
                RunRequest(**given, working_directory=self._folder, call=call)
            ),
            "opcode.status": lambda given: verbs.status(
                StatusRequest(**{**given, "include": tuple(given.get("include", ()))})
            ),
            "opcode.signal": lambda given: verbs.signal(SignalRequest(**given, call=call)),
            "opcode.query": lambda given: verbs.query(QueryRequest(**given)),
        }
        return calls[tool.name](arguments)


def _find(name: str) -> Tool:
    tool = _BY_NAME.get(name)
    if tool is None:
        names = [tool.name for tool in TOOLS]
        raise NotFoundError(
            f"there is no tool `{name[:100]}`: there are {listing(names)}{did_you_mean(name, names)}"
        )
    return tool
