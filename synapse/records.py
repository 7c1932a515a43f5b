"""The base of frozen records. Their field names are those of the API, so their JSON is what programs read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)

from synapse.language import ENGLISH, N_, Text, own, own_language, parts_of, spoken, text_from, translated

Kept = Annotated[str, BeforeValidator(lambda value: own(value) if isinstance(value, Text) else value)]
"""A text that is kept and read later: in our own language, whoever asked for it."""
Retold = Annotated[str, WrapValidator(lambda value, check: own(value) if isinstance(value, Text) else check(value))]
"""A kept text that is said again in the language of whoever reads it, in a `RetoldRecord`."""


class Record(BaseModel):
    """A frozen value; `changed` returns a new one."""

    model_config = ConfigDict(frozen=True, extra='forbid')

    def changed(self, **values: Any) -> Self:
        said = {name: own(value) if isinstance(value, Text) else value for name, value in values.items()}
        return self.model_copy(update=said)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, times as ISO 8601 with offset."""
        return self.model_dump(mode='json')

    def as_document(self) -> dict[str, Any]:
        """Return what is kept: the JSON in our own language; records with `Retold` texts have their `parts` in it."""
        return self.model_dump(mode='json', context=_KEPT)


_KEPT = {'is_kept': True}
"""The context in which a record is written for files."""


class RetoldRecord(Record):
    """A record with texts that are `Retold`. Files keep what they were made of beside them, as `parts`."""

    @model_validator(mode='before')
    @classmethod
    def _read_parts(cls, values: Any) -> Any:
        if not isinstance(values, dict) or 'parts' not in values:
            return values
        given = {name: value for name, value in values.items() if name != 'parts'}
        return given | {name: text_from(given.get(name, ''), parts) for name, parts in values['parts'].items()}

    # So that it is the same for a record that is part of another one, such as the problem of a run.
    @model_serializer(mode='wrap')
    def _write(self, write: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        texts = dict(self._texts())
        if not texts or not info.mode_is_json():
            return values
        if not info.context:
            return values | {name: str(spoken(text)) for name, text in texts.items()}
        parts = {name: parts for name, text in texts.items() if (parts := parts_of(text))}
        return values | {name: str(own(text)) for name, text in texts.items()} | ({'parts': parts} if parts else {})

    def _texts(self) -> Iterator[tuple[str, Text]]:
        return ((name, value) for name, value in self.__dict__.items() if isinstance(value, Text))


def is_unset(value: object) -> bool:
    """Whether to leave a field out of the JSON."""
    return not value


_AT_LOG = (N_('The last lines of the log may say why.'), N_('The last lines of its log may say why.'))


class Problem(RetoldRecord):
    """Why a run or step did not succeed."""

    message: Retold
    hint: Retold = ''
    type: str = ''
    """Exception class, `signal`, `timeout`, `exit`, or empty."""
    file: str | None = None
    line: int | None = None
    traceback: str | None = None
    program: str = Field(default='', exclude_if=is_unset)
    """The program that failed, which may have said why; like those below only in JSON if it is known."""
    exit_code: int | None = Field(default=None, exclude_if=lambda value: value is None)
    """How the program or process ended, if that is what this problem is about; negative for a signal."""
    reason: str = Field(default='', exclude_if=is_unset)
    """Why, in the words of the program: a line of its output."""
    seq: int | None = Field(default=None, exclude_if=is_unset)
    """The log entry that has the reason."""
    step: str = Field(default='', exclude_if=is_unset)
    """The step in which a run was interrupted."""
    last_sign_at: datetime | None = Field(default=None, exclude_if=is_unset)
    """When an interrupted run gave its last sign of life."""

    @property
    def is_hint_at_log(self) -> bool:
        """Whether the hint says no more than to look at the log, which a reason answers."""
        return any(self.hint == translated(text, chosen) for text in _AT_LOG for chosen in (ENGLISH, own_language()))

    @property
    def words(self) -> str:
        """The message in the language of its reader, with the reason if it is not part of it."""
        message = spoken(self.message)
        if not self.reason or self.reason in message:
            return message
        return f'{message.rstrip(".")}: {self.reason}'


def now_utc() -> datetime:
    """Return the current time, aware, in UTC. Pass it to rules rather than calling it in them."""
    return datetime.now(UTC)
