"""What jq says went wrong, for the people who must act.

jq's messages show values, and `error` says whatever the program wants: what is said here is put together from jq's
words for types and from what the program itself spells out, never from a message as it came.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

from opcode_core import ExecutionError, ExpressionSyntaxError

from opcode_expr_jq.pool import BusyError
from opcode_expr_jq.process import (
    CrashedError,
    NoMemoryError,
    NotStartedError,
    TooLongError,
    WorkerError,
)
from opcode_expr_jq.worker import MEMORY, MOST_OUTPUT, PREFIX

_TYPE = "(null|boolean|number|string|array|object)"
_BOTH = rf"{_TYPE} \(.*\) and {_TYPE} \(.*\)"
_SHOWN = 200
_RUNTIME = (
    (rf"Cannot index {_TYPE} with {_TYPE}\b", "a {} cannot be indexed with a {}"),
    (rf"Cannot iterate over {_TYPE}\b", "a {} has no items to go through"),
    (r".* because the divisor is zero", "a number is divided by zero"),
    (rf"{_BOTH} cannot be (added|subtracted|multiplied|divided)", "a {} and a {} cannot be {}"),
    (rf"{_BOTH} cannot have their containment checked", "whether a {} has a {} in it cannot be asked"),
    (rf"{_TYPE} \(.*\) cannot be (negated|sorted|grouped|matched|csv-formatted|tsv-formatted)", "a {} cannot be {}"),
    (rf"{_TYPE} \(.*\) cannot be parsed as a number", "a {} cannot be read as a number"),
    (rf"{_TYPE} \(.*\) has no (keys|length)", "a {} has no {}"),
    (rf"{_TYPE} \(.*\) only strings\b", "a {} stands where a string was expected"),
    (rf"{_TYPE} not a string or array", "a {} stands where a string or array was expected"),
    (rf"{_TYPE} \(.*\) number required", "a {} stands where a number was expected"),
    (rf"{_TYPE} \(.*\) is not valid in a csv row", "a {} cannot stand in a row of CSV"),
    (rf"{_TYPE} \(.*\) can not be escaped for shell", "a {} cannot be quoted for a shell"),
    (rf"{_TYPE} \(.*\) can't be imploded", "a {} is no code point"),
    (rf"Cannot use {_TYPE} \(.*\) as object key", "a {} cannot be the key of an object"),
    (rf"Cannot check whether {_TYPE} has a {_TYPE} key", "whether a {} has a {} as its key cannot be asked"),
    (r"Object keys must be strings", "the key of an object is no string"),
    (r"Out of bounds negative array index", "a negative index is beyond the beginning of an array"),
    (r"Array index too large", "an index is beyond what an array can have"),
    (r"Array/string slice indices must be integers", "the bounds of a slice are no integers"),
    (r"A slice of an array can only be assigned another array", "a slice of an array takes an array only"),
    (r"Invalid path expression\b", "a path was expected, such as `.a.b`, and something computed was found"),
    (r"Paths? must be specified as an array", "a path is an array of keys"),
    (r"Range bounds must be numeric", "the bounds of `range` are no numbers"),
    (r"limit doesn't support negative count", "the count of `limit` is negative"),
    (r"date .* does not match format", "a text is no date of the expected form"),
    (r"\w+(?:/1)? requires (?:parsed datetime|array|string) inputs", "a function of dates was given something else"),
    (r".* is not valid base64 data|.* trailing base64 byte found", "a text is no base64"),
    (r"Regex failure\b", "a pattern is no regular expression that jq knows, or too much work"),
    (r".* is not a valid modifier string", "the flags of a pattern are none that jq knows"),
    (r".* is not a valid format", "there is no such format: `@json`, `@csv`, `@base64` and the like are there"),
    (r".*\bdepth\b", "a value is nested too deep"),
    (r".* \(while parsing '", "a text is no JSON"),
    (r"(?:startswith\(\)|endswith\(\)|split|trim|explode|implode|flatten|join) ",
     "a function was given something that it does not work on"),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), text) for pattern, text in _RUNTIME)
_MEMBER = re.compile(rf'Cannot index {_TYPE} with string \("(.*)"\)')
_COMPILE = re.compile(r"jq: error: (.*?)(?: at <top-level>, line (\d+), column (\d+))?:?\n", re.DOTALL)  # fmt: skip
_UNDEFINED = re.compile(r"(\$?[A-Za-z_]\w*)(?:/(\d+))? is not defined")
_UNEXPECTED = re.compile(r"syntax error, unexpected ([^,]+)")
_WORDS = {
    "end of file": "the end",
    "IDENT": "this name",
    "FIELD": "this field",
    "LITERAL": "this number",
    "FORMAT": "this format",
    "BINDING": "this variable",
    "QQSTRING_START": "this string",
    "INVALID_CHARACTER": "this character",
}


def failure(message: str, said: Collection[str]) -> ExecutionError:
    """The error of a program that failed.

    Args:
        message: What jq says.
        said: The texts the program spells out: `error("no rows")` may be shown, `error(.inputs.x)` may not.
    """
    if message in said:
        return ExecutionError(f"the program ended with its error: {message[:_SHOWN]}")
    member = _MEMBER.fullmatch(message)
    if member is not None and member[2] in said:
        return ExecutionError(_grammar(f"a {member[1]} has no member `{member[2][:_SHOWN]}`"))
    for pattern, text in _PATTERNS:
        found = pattern.match(message)
        if found is not None:
            return ExecutionError(_grammar(text.format(*found.groups())))
    return ExecutionError(
        "the program ended with an error of its own, which may hold values and so is not shown"
    )


_NO_MEMORY = f"the program needs more than {MEMORY >> 20} MiB of memory, or what jq gives up on"


def unanswered(error: WorkerError, seconds: float) -> ExecutionError:
    """The error of a program whose worker gave no answer in so many seconds."""
    return ExecutionError(_why(error, seconds))


def no_memory() -> ExecutionError:
    """The error of a program that needs too much memory."""
    return ExecutionError(_NO_MEMORY)


def too_large() -> ExecutionError:
    """The error of a program with too much to say."""
    return ExecutionError(f"the program gives more than {MOST_OUTPUT >> 20} MiB of JSON")


def not_compiled(error: WorkerError, seconds: float) -> ExpressionSyntaxError:
    """The error of a program that could not be compiled in so many seconds."""
    return ExpressionSyntaxError(f"jq cannot compile it: {_why(error, seconds)}")


def wrong(message: str, source: str, variables: Mapping[str, str]) -> ExpressionSyntaxError:
    """The error of a program that does not compile.

    Args:
        message: What jq says.
        source: The program.
        variables: What its input has at its top.
    """
    found = _COMPILE.match(message + "\n")
    if found is None:
        return ExpressionSyntaxError("jq cannot compile it")
    offset = _offset(source, found[2], found[3])
    text = " ".join(found[1].split())[:_SHOWN]
    undefined, unexpected = _UNDEFINED.match(text), _UNEXPECTED.match(text)
    if undefined is not None:
        text = _undefined(undefined[1], undefined[2], source, offset, variables)
    elif unexpected is not None:
        what = unexpected[1].strip("'")
        text = f"{_WORDS.get(unexpected[1], f'`{what}`')} is not expected here"
        if what == "?//":
            text += ": with a space, `? //` is the alternative of a failed path"
    return ExpressionSyntaxError(f"no jq: {text}{_place(source, offset)}", offset)


def _undefined(
    name: str, arity: str | None, source: str, offset: int | None, variables: Mapping[str, str]
) -> str:
    if name.startswith("$"):
        return f"there is no variable `{name}`"
    what = f"function `{name}`" + (f" with {arity} arguments" if arity not in (None, "0") else "")
    if name in _FUNCTIONS:
        return f"`{name}` does not take {arity or 0} arguments"
    if name in variables:
        return f"there is no {what}: the variable is `.{name}`"
    if offset is not None and source[:offset].rstrip().endswith("-"):
        return f'there is no {what}: a name with a dash is read as `.["a-b"]`'
    close = difflib.get_close_matches(name, (*_FUNCTIONS, *variables), n=1)
    meant = f".{close[0]}" if close and close[0] in variables else close[0] if close else ""
    return f"there is no {what}" + (f"; did you mean `{meant}`?" if meant else "")


_FUNCTIONS = (
    "abs", "add", "all", "any", "arrays", "ascii_downcase", "ascii_upcase", "booleans", "capture", "ceil",
    "combinations", "contains", "del", "empty", "endswith", "error", "explode", "first", "flatten", "floor",
    "foreach", "from_entries", "fromdate", "fromjson", "getpath", "group_by", "gsub", "has", "implode", "in",
    "index", "indices", "inside", "isempty", "join", "keys", "keys_unsorted", "last", "length", "limit", "ltrimstr",
    "map", "map_values", "match", "max", "max_by", "min", "min_by", "not", "now", "nth", "nulls", "numbers",
    "objects", "paths", "pick", "range", "recurse", "reduce", "repeat", "reverse", "round", "rtrimstr", "scan",
    "select", "setpath", "sort", "sort_by", "split", "splits", "sqrt", "startswith", "strftime", "strings",
    "strptime", "sub", "test", "to_entries", "todate", "tojson", "tonumber", "tostring", "transpose", "trim",
    "type", "unique", "unique_by", "until", "values", "walk", "while", "with_entries",
)  # fmt: skip
"""What may have been meant by the name of a function."""


def _offset(source: str, line: str | None, column: str | None) -> int | None:
    """Where jq means, in characters: its columns are bytes, and the first line begins with ours."""
    if line is None or column is None:
        return None
    lines = source.split("\n")
    number = int(line) - 1
    if not 0 <= number < len(lines):
        return None
    ours = 0 if number else len(PREFIX)
    before = len(lines[number].encode()[: max(int(column) - 1 - ours, 0)].decode(errors="ignore"))
    return sum(len(one) + 1 for one in lines[:number]) + before


def _place(source: str, offset: int | None) -> str:
    if offset is None:
        return ""
    shown = source[offset : offset + 30].partition("\n")[0].strip()
    return f", at `{shown}`" if shown else ", at the end"


def _why(error: WorkerError, seconds: float) -> str:
    if isinstance(error, TooLongError):
        return f"the program takes longer than {seconds:g} s"
    if isinstance(error, NoMemoryError):
        return _NO_MEMORY
    if isinstance(error, CrashedError):
        return "the program, or a value in it, is nested too deep"
    if isinstance(error, BusyError):
        return "too many programs are waiting to be run"
    if isinstance(error, NotStartedError):
        return f"jq's process cannot be started: {error.reason}"
    return "the process it ran in was ended from outside"


def _grammar(text: str) -> str:
    text = re.sub(r"\ba null\b", "null", text)
    return re.sub(r"\ba (array|object)\b", r"an \1", text)
