"""Names a program cannot use here: those that reach out of it, and what to write instead."""

from __future__ import annotations

from opcode_core import ExpressionSyntaxError

from opcode_expr_jq.tokens import Token

_NO_ENVIRONMENT = "programs have no environment: give what is needed as an input"
_NO_FILES = "programs read no files"
_NO_OUTPUT = "programs write nothing but their result"
_NO_ENDING = "a program ends by itself: `error` fails it, `empty` gives nothing"
_NO_INPUT = "there is one input only, which is `.`"

_FUNCTIONS = {
    "env": _NO_ENVIRONMENT,
    "input": _NO_INPUT,
    "inputs": "the workflow's inputs are `.inputs`",
    "input_filename": _NO_FILES,
    "input_line_number": _NO_INPUT,
    "get_search_list": _NO_FILES,
    "modulemeta": _NO_FILES,
    "debug": _NO_OUTPUT,
    "stderr": _NO_OUTPUT,
    "halt": _NO_ENDING,
    "halt_error": _NO_ENDING,
    "import": _NO_FILES,
    "include": _NO_FILES,
    "module": _NO_FILES,
}
_VARIABLES = {
    "ENV": _NO_ENVIRONMENT,
    "__prog_args": _NO_ENVIRONMENT,
    "__prog_name": _NO_ENVIRONMENT,
}


def check_names(tokens: tuple[Token, ...]) -> None:
    """Refuse the names that reach out of a program.

    Args:
        tokens: The program.

    Raises:
        ExpressionSyntaxError: One of them is there.
    """
    for token in tokens:
        if token.kind == "name" and not token.key:
            why, shown = _FUNCTIONS.get(token.text), token.text
        elif token.kind == "variable":
            why, shown = _VARIABLES.get(token.text), f"${token.text}"
        else:
            continue
        if "::" in token.text:
            why = _NO_FILES
        if why is not None:
            raise ExpressionSyntaxError(f"`{shown}` cannot be used: {why}", token.offset)
