"""Settings: from the environment (`OPCODE_*`) and one TOML file, checked when they are read.

The file is named by `OPCODE_CONFIG`; without that it is `opcode.toml` beside the database, if there is one. What the
environment and the file disable adds up; otherwise the environment wins.
"""

from opcode_core.settings.known import KNOWN as KNOWN
from opcode_core.settings.model import Limits as Limits, Settings as Settings
from opcode_core.settings.read import SettingsError as SettingsError, load_settings as load_settings
