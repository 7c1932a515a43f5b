"""What can be set when starting Synapse: flags first, then `SYNAPSE_*` variables, then these defaults."""

import ipaddress
import os
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, field_validator

GIB = 1024**3
MOST_WORKERS = 64


def default_data_folder() -> Path:
    """The platform's user data folder, such as `~/.local/share/synapse` on Linux."""
    return Path(platformdirs.user_data_dir('synapse', appauthor=False))


class Settings(BaseModel):
    """Every setting of the command line; sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra='forbid', validate_default=True)

    host: str = '127.0.0.1'
    port: int = Field(default=8000, ge=0, le=65535)
    data: Path = Field(default_factory=default_data_folder)
    workers: int = Field(default_factory=lambda: max(1, min(4, os.cpu_count() or 1)), ge=1, le=MOST_WORKERS)
    no_browser: bool = False
    native: bool = False
    no_login: bool = False

    max_upload_bytes: int = Field(default=20 * GIB, ge=1)
    min_free_bytes: int = Field(default=500 * 1024**2, ge=0)
    """With less free disk space no new run starts."""

    @field_validator('data')
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def is_loopback(self) -> bool:
        if self.host == 'localhost':
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def with_port(self, port: int) -> 'Settings':
        """The same settings with the port that was actually bound."""
        return self.model_copy(update={'port': port})

    @property
    def authority(self) -> str:
        """`host:port` as a browser writes it in its Host header."""
        host = f'[{self.host}]' if ':' in self.host else self.host
        return f'{host}:{self.port}'

    @property
    def url(self) -> str:
        return f'http://{self.authority}/'


def settings_from(flags: dict[str, Any]) -> Settings:
    """Settings in which given flags take precedence over `SYNAPSE_*` variables.

    :raises pydantic.ValidationError: if a value is invalid
    """
    variables = {name.lower(): text for name, text in os.environ.items()}
    given: dict[str, Any] = {name: variables.get(f'synapse_{name}') for name in Settings.model_fields}
    given |= {name: value for name, value in flags.items() if value is not None}
    return Settings(**{name: value for name, value in given.items() if value is not None})
