"""The shapes of what OpenAI-compatible servers answer, as far as anything of it is used. Pure."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge.speech.api import EngineFailed

Byte = Annotated[int, Field(ge=0, le=255)]


class AnswerShape(BaseModel):
    """A part of an answer; what we do not use may be of any shape."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Alternative(AnswerShape):
    """A token that the answer may have had in a place, with the logarithm of its probability."""

    token: str
    logprob: float | None = None


class Token(AnswerShape):
    """A token of the answer."""

    token: str
    raw: list[Byte] | None = Field(default=None, alias="bytes")
    """Bytes of its text, which may end inside a character."""
    top_logprobs: list[Alternative] | None = None
    """What it was chosen from, where that was asked for."""


class Tokens(AnswerShape):
    content: list[Token] | None = None


class Said(AnswerShape):
    content: str | None = None


class Choice(AnswerShape):
    message: Said
    finish_reason: str | None = None
    logprobs: Tokens | None = None


class PromptTokens(AnswerShape):
    cached_tokens: int | None = None


class Usage(AnswerShape):
    prompt_tokens: int = 0
    prompt_tokens_details: PromptTokens | None = None


class Chat(AnswerShape):
    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None


class Transcript(AnswerShape):
    text: str
    language: str | None = None


class ListedModel(AnswerShape):
    """A model that a server has."""

    id: str
    root: str | None = None
    """Path or hub id of what is served under that name, where the server tells (vLLM does)."""
    max_model_len: int | None = None
    """Tokens of prompt and answer together, where the server tells (vLLM does)."""


class Models(AnswerShape):
    data: list[ListedModel]


S = TypeVar("S", bound=AnswerShape)


def read(shape: type[S], content: bytes) -> S:
    """Return `content` as a `shape`.

    Raises:
        EngineFailed: it is none; the text says where it differs.
    """
    try:
        return shape.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise EngineFailed(f"answers {content[:80]!r}: {where}: {first['msg'][:120]}") from error
