"""The parameters of the http actions, and their answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from opcode_core import Output, Params, parse_duration
from pydantic import Field, field_validator

BodyEncoding = Literal["json", "form", "text", "raw"]
Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


class Bearer(Params):
    """A bearer token."""

    type: Literal["bearer"]
    token: str = Field(description="The token.")


class Basic(Params):
    """A name and a password."""

    type: Literal["basic"]
    username: str = Field(description="The name.")
    password: str = Field(description="The password.")


class ApiKey(Params):
    """A key in a header."""

    type: Literal["api_key"]
    header_name: str = Field(description="The name of the header.")
    header_value: str = Field(description="The key.")


Auth = Annotated[Bearer | Basic | ApiKey, Field(discriminator="type")]


class GetParams(Params):
    """What to ask for."""

    url: str = Field(description="http or https, absolute.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers to send.")
    query: dict[str, str] = Field(
        default_factory=dict, description="Added to the query of the URL."
    )
    auth: Auth | None = Field(
        None, description="How to log in; wins over a header of the same name."
    )
    timeout: str = Field(default="30s", description="For the whole exchange, body included.")
    follow_redirects: bool = Field(default=True, description="Whether redirects are followed.")
    max_redirects: int = Field(default=10, ge=0, le=50, description="How many are; 0 for none.")
    tls_skip_verify: bool = Field(
        default=False, description="Do not check the server's certificate."
    )
    fail_on_error_status: bool = Field(
        default=False, description="Fail on a status of 400 and above."
    )

    @field_validator("timeout")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        parse_duration(value)
        return value


class PostParams(GetParams):
    """What to send, and where."""

    body: Any = Field(None, description="What to send; without it there is no body.")
    body_encoding: BodyEncoding = Field(
        "json",
        description=(
            "`json`: any value. `form`: an object of scalars. `text`: a string, other JSON as JSON. "
            "`raw`: a string, or bytes as `base64:…`. Sets Content-Type unless a header does."
        ),
    )

    @property
    def has_body(self) -> bool:
        """Whether a body was given; `null` is one."""
        return "body" in self.model_fields_set


class RequestParams(PostParams):
    """What to send, where and how."""

    method: Method = Field("GET", description="The method, in capitals.")


class Response(Output):
    """The answer."""

    status_code: int = Field(description="Such as 404.")
    status: str = Field(description="Such as `404 Not Found`.")
    headers: dict[str, str] = Field(
        description="Names in lower case, several values joined by `, `."
    )
    body: Any = Field(description="JSON parsed, text, {base64} for other bytes, null when empty.")
    content_type: str = Field(description="The header Content-Type; empty when there is none.")
    duration_ms: float = Field(description="How long the exchange took, in milliseconds.")
