"""crypto.*: published vectors, canonical JSON, refused parameters."""

from __future__ import annotations

import json
import re
from typing import Any

import opcode_action_crypto as plugin
import pydantic
import pytest
from opcode_action_crypto import HashParams, HmacParams, hash_, hmac_, uuid_
from opcode_core import Action, Effect, ValidationError

# FIPS 180-4 and RFC 1321: the messages "abc" and "".
DIGESTS = [
    ("abc", "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        "abc",
        "sha384",
        (
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
            "8086072ba1e7cc2358baeca134c825a7"
        ),
    ),
    (
        "abc",
        "sha512",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
    ),
    ("abc", "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("abc", "md5", "900150983cd24fb0d6963f7d28e17f72"),
    ("", "sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("", "md5", "d41d8cd98f00b204e9800998ecf8427e"),
    ("grüße", "sha256", "8285d1ad84c6b6e475d3b50dbf90389c8c7a07a278d9ae46d5698cbe872e3834"),
]

# RFC 2202 and RFC 4231, test case 2, and RFC 4231, test case 6 (a key longer than a block).
JEFE = "what do ya want for nothing?"
LONG_KEY = "Test Using Larger Than Block-Size Key - Hash Key First"
CODES = [
    (JEFE, "md5", "750c783e6ab0b503eaa86e310a5db738"),
    (JEFE, "sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    (JEFE, "sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (
        JEFE,
        "sha384",
        (
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
            "8e2240ca5e69e2c78b3239ecfab21649"
        ),
    ),
    (
        JEFE,
        "sha512",
        (
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
    ),
]


def run_hash(**params: Any) -> dict[str, Any]:
    output: dict[str, Any] = hash_.run(HashParams.model_validate(params)).model_dump(by_alias=True)
    return output


def run_hmac(**params: Any) -> dict[str, Any]:
    output: dict[str, Any] = hmac_.run(HmacParams.model_validate(params)).model_dump(by_alias=True)
    return output


@pytest.mark.parametrize(("data", "algorithm", "digest"), DIGESTS)
def test_hash_gives_the_published_digests(data: str, algorithm: str, digest: str) -> None:
    assert run_hash(data=data, algorithm=algorithm) == {"hash": digest, "algorithm": algorithm}


def test_hash_is_sha256_unless_told_otherwise() -> None:
    assert run_hash(data="abc")["algorithm"] == "sha256"


@pytest.mark.parametrize(("data", "algorithm", "code"), CODES)
def test_hmac_gives_the_published_codes(data: str, algorithm: str, code: str) -> None:
    assert run_hmac(data=data, key="Jefe", algorithm=algorithm) == {
        "hmac": code,
        "algorithm": algorithm,
    }


def test_hmac_hashes_a_key_longer_than_a_block_first() -> None:
    key = "k" * 200
    folded = bytes.fromhex(run_hash(data=key)["hash"])
    import hmac as reference  # the standard library's, as the second opinion

    assert run_hmac(data=LONG_KEY, key=key)["hmac"] == (
        reference.new(folded, LONG_KEY.encode(), "sha256").hexdigest()
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"b": [1, True, None], "a": "x"}, '{"a":"x","b":[1,true,null]}'),
        ({"b": {"d": 1, "c": 2}, "a": 0}, '{"a":0,"b":{"c":2,"d":1}}'),
        ({"é": "ü"}, '{"é":"ü"}'),
        ([], "[]"),
        (None, "null"),
        (True, "true"),
        (12345678901234567, "12345678901234567"),
    ],
)
def test_other_data_is_hashed_as_canonical_json(data: Any, text: str) -> None:
    assert run_hash(data=data) == run_hash(data=text)
    assert run_hmac(data=data, key="k") == run_hmac(data=text, key="k")


def test_a_string_that_looks_like_json_is_hashed_as_it_is() -> None:
    assert run_hash(data='{"b": 1, "a": 2}') != run_hash(data={"b": 1, "a": 2})


def test_deep_data_is_hashed() -> None:
    deep = json.loads("[" * 128 + "]" * 128)
    assert run_hash(data=deep) == run_hash(data="[" * 128 + "]" * 128)


def test_empty_keys_and_nul_characters_are_bytes_like_any_other() -> None:
    assert (
        run_hmac(data="", key="")["hmac"]
        == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    )
    assert run_hash(data="a\x00b") != run_hash(data="a")


def test_half_a_character_is_refused_without_showing_the_key() -> None:
    with pytest.raises(ValidationError, match="`key` holds half of a surrogate pair") as caught:
        hmac_.run(HmacParams.model_construct(data="x", key="top\ud800secret", algorithm="sha256"))
    assert "top" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_uuid_is_of_version_4_and_never_the_same() -> None:
    made = {uuid_.run().uuid for _ in range(1000)}
    assert len(made) == 1000
    pattern = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(pattern.fullmatch(each) for each in made)


@pytest.mark.parametrize(
    ("model", "params", "location"),
    [
        (HashParams, {}, ("data",)),
        (HashParams, {"data": "x", "algorithm": "crc32"}, ("algorithm",)),
        (HashParams, {"data": "x", "algorithm": "SHA256"}, ("algorithm",)),
        (HashParams, {"data": "x", "salt": "y"}, ("salt",)),
        (HmacParams, {"data": "x"}, ("key",)),
        (HmacParams, {"data": "x", "key": 5}, ("key",)),
        (HmacParams, {"data": "x", "key": None}, ("key",)),
    ],
)
def test_wrong_parameters_are_refused(model: Any, params: Any, location: tuple[str, ...]) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        model.model_validate(params)
    assert [line["loc"] for line in caught.value.errors()] == [location]


def test_the_plugin_registers_its_three_actions_as_pure_and_quick() -> None:
    registered: list[Action] = []
    plugin.opcode_register_actions(registered.append)
    assert [each.name for each in registered] == ["crypto.hash", "crypto.hmac", "crypto.uuid"]
    assert all(each.effect is Effect.PURE and each.in_place for each in registered)
    assert [sorted(each.secrets) for each in registered] == [["data"], ["key"], []]
