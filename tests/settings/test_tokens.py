"""The file of API tokens: what is read, and what is refused without a secret in the words."""

import hashlib
from pathlib import Path

import pytest

from bridge.settings import Settings, refusals
from bridge.settings.tokens import EVERY_SCOPE, Scope, digest_of, read_tokens

SECRET = "s3cret-s3cret-s3cret"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "tokens.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_tokens_are_read_by_themselves_or_by_their_digest(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"another-token-of-ours").hexdigest()
    text = f"""
        [[token]]
        name = "wall"
        token = "{SECRET}"
        scopes = ["read"]
        [[token]]
        name = "boss"
        sha256 = "{digest.upper()}"
        scopes = ["admin"]
    """
    wall, boss = read_tokens(written(tmp_path, text))
    assert (wall.name, wall.digest, wall.scopes) == ("wall", digest_of(SECRET), frozenset({Scope.READ}))
    assert (boss.digest, boss.scopes) == (digest_of("another-token-of-ours"), EVERY_SCOPE)


def table(**fields: str) -> str:
    given = {"name": '"wall"', "token": f'"{SECRET}"', "scopes": '["read"]', **fields}
    return "[[token]]\n" + "".join(f"{name} = {value}\n" for name, value in given.items() if value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "[[token]]"),
        ("token = 7", "[[token]]"),
        ("token = [7]", "token 1"),
        ("[token]\nname = 'a'", "[[token]]"),
        (table() + "\n[more]\n", "[[token]]"),
        (f'token = "{SECRET}', "no TOML (at "),
        (b"\xff\xfe", "UTF-8"),
        ("a = " + "[" * 5000, "no TOML"),
        (table(name=""), "token 1: name"),
        (table(name='"a\\nb"'), "token 1: name"),
        (table(scope='["read"]'), "unknown scope"),
        (table(scopes=""), "scopes must be"),
        (table(scopes='["write"]'), "scopes must be"),
        (table(scopes='"read"'), "scopes must be"),
        (table(scopes="[[]]"), "scopes must be"),
        (table(token=""), "give token or sha256"),
        (table(sha256='"' + "a" * 64 + '"'), "not both"),
        (table(token="7"), "give token or sha256"),
        (table(token='"short"'), "16"),
        (table(token='"a blank in the token"'), "blanks"),
        (table(token="", sha256='"abc"'), "64"),
        (table() + table(), "same name"),
        (table() + table(name='"other"'), "same token"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_reason(tmp_path: Path, text: str | bytes, why: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=r".") as error:
        read_tokens(path)
    assert why in str(error.value) and "s3cret" not in str(error.value)
    [line] = refusals(Settings(api_tokens_file=path))
    assert line.startswith(f"--api-tokens-file {path}: ")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusals(Settings(api_tokens_file=tmp_path / "none"))[0]


def test_with_a_file_of_tokens_the_server_may_be_open_to_the_network(tmp_path: Path) -> None:
    assert refusals(Settings(host="0.0.0.0", api_tokens_file=written(tmp_path, table()))) == []
