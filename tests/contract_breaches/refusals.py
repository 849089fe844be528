"""Actions that take what they should refuse, or fall over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opcode_core import ActionSource, Effect, Params, Problem, action
from pydantic import ConfigDict, Field, field_validator

from contract_breaches.breach import Breach


class Careless(Params):
    model_config = ConfigDict(extra="ignore")
    count: int = Field(default=1, description="How many.")


class Converting(Params):
    model_config = ConfigDict(strict=False)
    count: int = Field(default=1, description="How many.")


class Optional(Params):
    model_config = ConfigDict(json_schema_extra={"required": ["count"]})
    count: int = Field(default=1, description="How many.")


class Stumbling(Params):
    count: int = Field(default=1, description="How many.")

    @field_validator("count", mode="before")
    @classmethod
    def _is_small(cls, value: Any) -> Any:
        if value > 1000:
            raise ValueError("at most 1000")
        return value


def _check(source: ActionSource) -> Iterator[Problem]:
    if source.params["count"] > 1000:
        yield Problem(source.pointer, "INVALID_VALUE", "at most 1000")


@action("breach.careless", effect=Effect.PURE)
def careless(params: Careless) -> None:
    """Take parameters that do not exist."""


@action("breach.converting", effect=Effect.PURE)
def converting(params: Converting) -> None:
    """Take true for one."""


@action("breach.optional", effect=Effect.PURE)
def optional(params: Optional) -> None:
    """Do without what the schema says is required."""


@action("breach.stumbling", effect=Effect.PURE)
def stumbling(params: Stumbling) -> None:
    """Have a validator that compares texts with numbers."""


@action("breach.checking", effect=Effect.PURE, check=_check)
def checking(params: Careless) -> None:
    """Have a check that wants what is not there."""


BREACHES = (
    Breach("unknown_parameter", "a misspelt one is lost", careless),
    Breach("wrong_types", "boolean is taken", converting),
    Breach("missing_parameters", "`count` is required", optional),
    Breach("wrong_types", "raised TypeError", stumbling),
    Breach("unknown_parameter", "raised KeyError", checking),
)
