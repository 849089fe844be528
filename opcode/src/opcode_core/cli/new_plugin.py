"""`opcode plugins new`: a small plugin that is complete, to begin with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from opcode_core.cli.new_plugin_files import FILES
from opcode_core.cli.text import BAD_USAGE, FAILED, plain, print_json, stop
from opcode_core.plugins.registry import RESERVED

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST = 40
_WRONG = "it is what its actions begin with: lower-case letters, digits and single underscores, such as `dice`"


def new_plugin(name: str, into: str, *, as_json: bool) -> None:
    """Write the package; end the command when it cannot be.

    Args:
        name: What its actions begin with.
        into: The folder to put it in, which has to be there.
        as_json: Whether machines read the answer.
    """
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        stop(f"{plain(name[:_LONGEST])!r} cannot be a plugin's name: {_WRONG}", BAD_USAGE)
    if name in RESERVED:
        stop(f"the name `{name}` belongs to {RESERVED[name]}: choose another one", BAD_USAGE)
    words = {
        "{name}": name,
        "{dashed}": name.replace("_", "-"),
        "{package}": f"opcode_action_{name}",
        "{Class}": "".join(part.capitalize() for part in name.split("_")),
    }
    folder = Path(into) / f"opcode-action-{words['{dashed}']}"
    try:
        written = _write(folder, words)
    except FileExistsError:
        stop(f"{plain(folder)} is there already, and nothing of it was changed", FAILED)
    except OSError as error:
        stop(f"{plain(folder)} cannot be written: {error.strerror}", FAILED)
    if as_json:
        print_json({"folder": str(folder), "files": written, "action": f"{name}.hello"})
        return
    print(f"{plain(folder)}: a plugin with the action {name}.hello. Next:")  # noqa: T201 - the answer
    print(f"  pip install -e {plain(shlex.quote(f'{folder}[test]'))}")  # noqa: T201 - the answer
    print(f"  opcode actions {name}.hello")  # noqa: T201 - the answer
    print(f"  cd {plain(shlex.quote(str(folder)))} && python -m pytest")  # noqa: T201 - the answer


def _write(folder: Path, words: dict[str, str]) -> list[str]:
    """Write the files into a folder that is made for them.

    Raises:
        FileExistsError: There is such a folder, or anything of that name.
        OSError: It cannot be written.
    """
    folder.mkdir()
    written = []
    for path, content in FILES.items():
        name, text = (_filled(one, words) for one in (path, content))
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
        written.append(name)
    return written


def _filled(text: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
