"""Actions that tell secrets."""

from __future__ import annotations

from typing import Any

from opcode_core import ActionContext, Effect, ExecutionError, Params, action
from pydantic import Field, field_validator

from contract_breaches.breach import Breach


class Login(Params):
    token: str = Field(description="Who logs in.")


class Judged(Params):
    token: str = Field(description="Who logs in.")

    @field_validator("token")
    @classmethod
    def _is_short(cls, value: str) -> str:
        if len(value) > 8:
            raise ValueError(f"{value} is too long")
        return value


@action("breach.telling", effect=Effect.PURE, secrets=["token"])
def telling(params: Login) -> Any:
    """Tell it in an error."""
    raise ExecutionError(f"{params.token} may not log in")


@action("breach.detailing", effect=Effect.PURE, secrets=["token"])
def detailing(params: Login) -> Any:
    """Tell it in the details of an error."""
    raise ExecutionError("you may not log in", {"sent": {"headers": [params.token]}})


@action("breach.logging", effect=Effect.PURE, secrets=["token"])
def logging(params: Login, context: ActionContext) -> Any:
    """Tell the log."""
    context.log.log("debug", "logging in", {"as": params.token})


@action("breach.emitting", effect=Effect.PURE, secrets=["token"])
def emitting(params: Login, context: ActionContext) -> Any:
    """Tell everybody who reads events."""
    context.emit("logged_in", {"as": params.token})


@action("breach.giving", effect=Effect.PURE, secrets=["token"])
def giving(params: Login) -> Any:
    """Give it back."""
    return {"was": params.token.removeprefix("Bearer ")}


@action("breach.judging", effect=Effect.PURE, secrets=["token"])
def judging(params: Judged) -> Any:
    """Tell it when a workflow is defined."""


BREACHES = (
    Breach("secrets", "its error holds the value of `token`", telling),
    Breach("secrets", "its error holds", detailing),
    Breach("secrets", "its log holds", logging),
    Breach("secrets", "its events holds", emitting),
    Breach("secrets", "its output holds", giving),
    Breach("secrets", "what `define` says holds", judging),
)
