from pathlib import Path

import pytest

from bridge.legs.sip.from_settings import read_users


def test_callers_are_read_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text("# who\n\nanna:s3:cret \nben:ö\n", "utf-8")
    assert read_users(path) == ("anna:s3:cret ", "ben:ö")


@pytest.mark.parametrize("text", ["", "# none\n", "anna\n", "anna:\n", ":x\n", " anna:x\n", 'a"b:x\n', "a:1\na:2\n"])
def test_a_file_that_would_let_in_other_people_than_it_says_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(text)
    with pytest.raises(ValueError, match="sip_users: "):
        read_users(path)
