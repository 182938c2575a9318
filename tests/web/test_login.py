"""Who gets in: loopback by default, a password or an explicit refusal of one elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sites import Site

from rag.errors import ConfigError
from rag.web.command import main
from rag.web.options import ServeOptions, is_loopback
from rag.web.passwords import add_user, checker, load_users


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "myhost"])
def test_other_hosts_need_a_decision(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match="--auth-file"):
        ServeOptions(host=host)
    assert ServeOptions(host=host, no_auth=True).uploads_on is False
    assert ServeOptions(host=host, auth_file=Path("x")).uploads_on is False


def test_loopback_needs_none() -> None:
    assert ServeOptions().uploads_on is True
    assert ServeOptions(host="::1").local
    with pytest.raises(ConfigError, match="expected one of them"):
        ServeOptions(no_auth=True, auth_file=Path("x"))
    with pytest.raises(ConfigError, match="1 to 65535"):
        ServeOptions(port=0)


def test_command_says_what_is_wrong_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--host", "0.0.0.0"]) == 2
    assert main(["--auth-file", str(tmp_path / "none"), "--data", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("error: ")]) == 2


def test_password_file_holds_no_password(tmp_path: Path) -> None:
    path = tmp_path / "users"
    add_user(path, "ann", "correct horse")
    add_user(path, "bob", "another password")
    add_user(path, "ann", "changed horse")
    text = path.read_text()
    assert "horse" not in text
    assert len(text.splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    check = checker(load_users(path))
    assert check("ann", "changed horse")
    assert check("bob", "another password")
    assert not check("ann", "correct horse")
    assert not check("eve", "changed horse")
    assert not check("ann", "x" * 1_000_000)


@pytest.mark.parametrize(
    ("name", "password"), [("a:b", "long enough"), ("", "long enough"), ("ann", "short")]
)
def test_bad_names_and_passwords_are_refused(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        add_user(tmp_path / "users", name, password)


@pytest.mark.parametrize("line", ["ann:plain:00:00", "ann", "ann:scrypt:zz:00", ""])
def test_malformed_password_files_name_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "users"
    path.write_text(line + "\n")
    with pytest.raises(ConfigError, match=r"line 1|names nobody"):
        load_users(path)


def test_login_opens_and_guessing_is_slow(start_site: Callable[..., Site], tmp_path: Path) -> None:
    path = tmp_path / "users"
    add_user(path, "ann", "correct horse")
    site = start_site(auth_file=str(path), uploads=False)
    with site.client() as client:
        assert '"auth_required":true' in client.get("/").text.replace(" ", "")
        for route in ("/config", "/gradio_api/info", "/gradio_api/queue/data?session_hash=x"):
            assert client.get(route).status_code == 401
        for route in ("call/ask", "queue/join", "component_server"):
            assert client.post(f"/gradio_api/{route}", json={"data": ["x"]}).status_code == 401
        wrong = [
            client.post("/login", data={"username": "ann", "password": f"guess {i}"}).status_code
            for i in range(8)
        ]
        assert wrong[:5] == [400] * 5
        assert set(wrong[5:]) == {429}
    # A server of its own, since the guesser has used up this client's tries.
    site.stop()
    site.start()
    with site.client() as client:
        assert client.post("/login", data={"username": "ann", "password": "correct horse"}).status_code == 200
        assert client.get("/config").status_code == 200


def test_another_host_refuses_names_it_does_not_have(start_site: Callable[..., Site]) -> None:
    site = start_site(host="0.0.0.0", no_auth=True, allowed_hosts=["wiki.example"])
    with site.client() as client:
        assert client.get("/", headers={"host": "127.0.0.1"}).status_code == 200
        assert client.get("/", headers={"host": "192.168.7.7:7860"}).status_code == 200
        assert client.get("/", headers={"host": "wiki.example"}).status_code == 200
        assert client.get("/", headers={"host": "attacker.example"}).status_code == 400
        assert client.post("/gradio_api/upload", files={"files": b"x"}).status_code == 404
