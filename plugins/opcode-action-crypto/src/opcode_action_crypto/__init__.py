"""OPCODE's hashes, MACs and ids: `crypto.hash`, `crypto.hmac` and `crypto.uuid`."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import Any, Literal

from opcode_core import (
    ActionRegistrar,
    Effect,
    Output,
    Params,
    ValidationError,
    action,
    canonical_json,
    hookimpl,
)
from pydantic import Field

Algorithm = Literal["sha256", "sha384", "sha512", "sha1", "md5"]


class HashParams(Params):
    """What `crypto.hash` takes."""

    data: Any = Field(
        description="What to hash: a string as its UTF-8 bytes, anything else as canonical JSON "
        "(sorted keys, no spaces)."
    )
    algorithm: Algorithm = Field(default="sha256", description="The hash function.")


class HashOutput(Output):
    """What `crypto.hash` gives."""

    hash: str = Field(description="The digest in lower-case hexadecimal.")
    algorithm: Algorithm = Field(description="The hash function that was used.")


class HmacParams(Params):
    """What `crypto.hmac` takes."""

    data: Any = Field(
        description="What to authenticate: a string as its UTF-8 bytes, anything else as canonical "
        "JSON (sorted keys, no spaces)."
    )
    key: str = Field(description="The key; its UTF-8 bytes are used. It may be a secret.")
    algorithm: Algorithm = Field(default="sha256", description="The hash function below the HMAC.")


class HmacOutput(Output):
    """What `crypto.hmac` gives."""

    hmac: str = Field(description="The code in lower-case hexadecimal.")
    algorithm: Algorithm = Field(description="The hash function that was used.")


class UuidOutput(Output):
    """What `crypto.uuid` gives."""

    uuid: str = Field(description="A random UUID (version 4), in lower case.")


@action("crypto.hash", effect=Effect.PURE, secrets=["data"])
def hash_(params: HashParams) -> HashOutput:
    """Hash `data`.

    A string is hashed as its UTF-8 bytes, any other JSON value as canonical JSON, so that equal
    objects give equal hashes whatever the order of their keys. `sha1` and `md5` are there for
    systems that still ask for them; they protect nothing.
    """
    digest = hashlib.new(params.algorithm, _bytes(params.data, "data"), usedforsecurity=False)
    return HashOutput(hash=digest.hexdigest(), algorithm=params.algorithm)


@action("crypto.hmac", effect=Effect.PURE, secrets=["key"])
def hmac_(params: HmacParams) -> HmacOutput:
    """Compute the HMAC (RFC 2104) of `data` under `key`.

    `data` is taken as `crypto.hash` takes it.
    """
    code = hmac.digest(
        _bytes(params.key, "key"), _bytes(params.data, "data"), params.algorithm
    ).hex()
    return HmacOutput(hmac=code, algorithm=params.algorithm)


@action("crypto.uuid", effect=Effect.PURE)
def uuid_() -> UuidOutput:
    """Make a random UUID (version 4)."""
    return UuidOutput(uuid=str(uuid.uuid4()))


@hookimpl
def opcode_register_actions(register: ActionRegistrar) -> None:
    """Register the three actions."""
    for each in (hash_, hmac_, uuid_):
        register(each)


def _bytes(value: Any, name: str) -> bytes:
    text = value if isinstance(value, str) else canonical_json(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # Not chained: the exception carries the whole text, which may be a key.
        raise ValidationError(
            f"`{name}` holds half of a surrogate pair, which is no character and has no bytes"
        ) from None
