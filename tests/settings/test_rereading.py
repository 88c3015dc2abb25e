"""What is read again while the server runs, part by part."""

from pathlib import Path

from bridge.settings import Settings, load, reread

ROUTE = '[[route]]\ncallee = "+49*"\ngreeting = "hello"\n'


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_secrets_and_routes_are_read_again_and_other_options_stay(tmp_path: Path) -> None:
    token = written(tmp_path / "token", "one")
    config = written(tmp_path / "bridge.toml", f'api_token_file = "{token}"\nmax_calls = 7\n')
    flags = {"config": str(config)}
    settings = load(flags, {})
    token.write_text("two")
    config.write_text(f'api_token_file = "{token}"\nmax_calls = 9\n{ROUTE}')
    fresh, problems = reread(settings, flags, {})
    assert not problems and fresh.api_token and fresh.api_token.get_secret_value() == "two"
    assert [route.options for route in fresh.route] == [{"greeting": "hello"}] and fresh.max_calls == 7


def test_each_part_that_cannot_be_read_stays_and_the_others_are_new(tmp_path: Path) -> None:
    token, other = written(tmp_path / "token", "one"), written(tmp_path / "twilio", "1")
    config = written(tmp_path / "bridge.toml", ROUTE)
    flags = {"config": str(config), "api_token_file": str(token), "twilio_auth_token_file": str(other)}
    settings = load(flags, {})
    token.unlink()
    other.write_text("2")
    config.write_text('[[route]]\ncallee = 7\ngreeting = "hello"\n')
    fresh, problems = reread(settings, flags, {})
    assert fresh.api_token == settings.api_token and fresh.route == settings.route
    assert fresh.twilio_auth_token and fresh.twilio_auth_token.get_secret_value() == "2"
    assert len(problems) == 2 and "api_token_file: cannot read" in problems[0] and "callee is 7" in problems[1]


def test_routes_that_are_gone_from_the_file_are_gone(tmp_path: Path) -> None:
    config = written(tmp_path / "bridge.toml", ROUTE)
    settings = load({"config": str(config)}, {})
    config.write_text("")
    assert reread(settings, {}, {"BRIDGE_CONFIG": str(config)}) == (Settings(), [])
