"""URLs of repositories as git takes them, and what is wrong with the others."""

import pytest

from functions.wire.git_urls import BadGitUrl, GitUrl, resolve_relative


@pytest.mark.parametrize(
    ("text", "scheme", "user", "authority", "path"),
    [
        ("https://github.com/ada/app.git", "https", "", "github.com", "/ada/app.git"),
        ("HTTPS://GitHub.com/ada/app", "https", "", "github.com", "/ada/app"),
        ("http://git.example.com:3000/a", "http", "", "git.example.com:3000", "/a"),
        ("git@github.com:ada/app.git", "ssh", "git", "github.com", "ada/app.git"),
        ("github.com:ada/app", "ssh", "git", "github.com", "ada/app"),
        ("org-123@github.com:ada/app", "ssh", "org-123", "github.com", "ada/app"),
        ("ssh://git@git.example.com:2222/~ada/app.git", "ssh", "git", "git.example.com:2222", "/~ada/app.git"),
        ("SSH://git.example.com/a", "ssh", "git", "git.example.com", "/a"),
        ("git+ssh://git@github.com/ada/app", "ssh", "git", "github.com", "/ada/app"),
        ("git@[2001:db8::1]:app", "ssh", "git", "[2001:db8::1]", "app"),
    ],
)
def test_urls_that_git_clones(text: str, scheme: str, user: str, authority: str, path: str) -> None:
    url = GitUrl.parse(text)
    assert (url.scheme, url.user, url.authority, url.path) == (scheme, user, authority, path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://user:secret@github.com/a/b", "capsule token set"),
        ("https://token@github.com/a/b", "capsule token set"),
        ("ssh://git:secret@github.com/a/b", "capsule key show"),
        ("git://github.com/a/b", "no encryption"),
        ("file:///etc/passwd", "https:// or ssh://"),
        ("/srv/git/app.git", "https:// or ssh://"),
        ("../app.git", "https:// or ssh://"),
        ("app:path", "https:// or ssh://"),
        ("ext::sh -c id", "spaces"),
        ("ssh://-oProxyCommand=id/a", "host or port"),
        ("git@-oProxyCommand=id:a", "host or port"),
        ("-u@github.com:a", "https:// or ssh://"),
        ("https://github.com/", "git clone"),
        ("https://github.com:99999/a", "host or port"),
        *(
            (f"https://{host}/a", "host or port")
            for host in ("git.example.com:0", "a..b.com", "a" * 64 + ".com", "xn--a", "\u202egithub.com", "a%2eb")
        ),
    ],
)
def test_other_texts_are_refused_with_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(BadGitUrl, match=words):
        GitUrl.parse(text)


@pytest.mark.parametrize(
    ("text", "host", "passed_to_git"),
    [
        ("https://①②⑦.0.0.1/a.git", "127.0.0.1", "https://127.0.0.1/a.git"),
        ("https://Bücher.example:8443/a.git", "xn--bcher-kva.example", "https://xn--bcher-kva.example:8443/a.git"),
        ("ssh://ada@bücher.example/a", "xn--bcher-kva.example", "ssh://ada@xn--bcher-kva.example/a"),
        ("https://GIT.example.com./a", "git.example.com", "https://git.example.com/a"),
    ],
)
def test_a_host_is_mapped_once(text: str, host: str, passed_to_git: str) -> None:
    """Curl would map the name itself, and resolve another one than was checked."""
    url = GitUrl.parse(text)
    assert (url.host, url.text) == (host, passed_to_git)


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("https://h/a/b.git", "../c.git", "https://h/a/c.git"),
        ("https://h/a/b/", "../../c/d", "https://h/c/d"),
        ("https://h/a/b.git", "./c", "https://h/a/b.git/c"),
        ("git@h.org:a/b.git", "../c.git", "git@h.org:a/c.git"),
        ("git@h.org:b.git", "../c.git", "git@h.org:c.git"),
        ("https://h/a/b.git", "https://other/c", "https://other/c"),
        ("https://h/a/b.git", "git@other.org:c", "git@other.org:c"),
    ],
)
def test_relative_urls_of_submodules(base: str, url: str, expected: str) -> None:
    assert resolve_relative(base, url) == expected


def test_what_hosts_publish_over_https_too() -> None:
    assert GitUrl.parse("git@github.com:a/b.git").over_https() == GitUrl.parse("https://github.com/a/b.git")
    assert GitUrl.parse("ssh://git@h.org:2222/a").over_https() is None
