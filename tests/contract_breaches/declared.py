"""Actions that say the wrong thing of themselves."""

from __future__ import annotations

from opcode_core import Effect, Output, Params, action
from pydantic import ConfigDict, Field

from contract_breaches.breach import Breach


class Bare(Params):
    told: int = Field(default=1, description="A number.")
    untold: int = 1


class Inner(Params):
    deep: str


class Nested(Params):
    inner: Inner | None = Field(default=None, description="An object.")


class Given(Output):
    told: int = Field(default=1, description="A number.")
    untold: int = 1


class Large(Params):
    one: int = Field(default=1, description="word " * 5000)


class Malformed(Params):
    model_config = ConfigDict(json_schema_extra={"required": "one"})
    one: int = Field(default=1, description="A number.")


@action("Breach.Name", effect=Effect.PURE)
def name() -> None:
    """Have a name that is none."""


@action("breach.document", effect=Effect.PURE)
def document() -> None:
    """Say in the first line what goes on in the second,
    so that a list shows half of it.
    """


@action("breach.parameter", effect=Effect.PURE)
def parameter(params: Bare) -> None:
    """Leave a parameter without a description."""


@action("breach.nested", effect=Effect.PURE)
def nested(params: Nested) -> None:
    """Leave a member of a parameter without a description."""


@action("breach.field", effect=Effect.PURE)
def field() -> Given:
    """Leave a field of the output without a description."""
    return Given()


@action("breach.large", effect=Effect.PURE)
def large(params: Large) -> None:
    """Have a schema as long as a book."""


@action("breach.malformed", effect=Effect.PURE)
def malformed(params: Malformed) -> None:
    """Have a schema that is none."""


@action("breach.nobody", effect=Effect.PURE, secrets=["tokn"])
def nobody(params: Bare) -> None:
    """Name a parameter that does not exist."""


BREACHES = (
    Breach("name", "no name of an action", name),
    Breach("documentation", "the first line alone", document),
    Breach("described", "parameter `untold`", parameter),
    Breach("described", "parameter `Inner.deep`", nested),
    Breach("described", "output `untold`", field),
    Breach("schemas", "at most 16384", large),
    Breach("schemas", "no JSON Schema of draft 2020-12", malformed),
    Breach("named_parameters", "no parameter: tokn", nobody),
)
