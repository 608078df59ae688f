import pytest

from winnowry.schemas.urls import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a:b@h/", "https://a@h/"),
        ("https://:b@h/", "https://@h/"),
        ("https://a:b:c@d@h/x@y", "https://a@h/x@y"),
        ("file:/a:b@c", "file:/a:b@c"),
        ("https://h:1/a:b@c", "https://h:1/a:b@c"),
        ("a:b@h", "a:b@h"),
        ("", ""),
    ],
)
def test_only_the_password_is_left_out(url: str, shown: str) -> None:
    assert without_password(url) == shown
