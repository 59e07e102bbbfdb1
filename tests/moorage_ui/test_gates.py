"""Who comes in: one browser at a person's own machine; who signs in, in a cluster."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.moorage_ui.hospital import RUN, Hospital
from tests.moorage_ui.visiting import Visitor, enter

pytestmark = [pytest.mark.plane, pytest.mark.xdist_group("ui")]

Server = Callable[[str], Visitor]
Start = Callable[[str], str]


def test_the_address_works_once(start: Start, hospital: Hospital) -> None:
    """The first browser is in; without its cookie, or with the address again, nobody is."""
    address = start("watcher")
    visitor = enter(address)
    assert RUN in visitor.get(f"/runs?namespace={hospital.world.reader}").text
    parts = urlsplit(address)
    stranger = Visitor(visitor.url)
    assert stranger.get(f"{parts.path}?{parts.query}").status == 401
    assert stranger.get("/runs").status == 401
    assert stranger.get(f"/live/runs?namespace={hospital.world.reader}").status == 401
    assert Visitor(visitor.url, headers={"Cookie": "moorage-ui-1=x"}).get("/sites").status == 401


def test_a_wrong_word_does_not_use_the_address_up(start: Start) -> None:
    """Whoever guesses keeps nobody out."""
    address = start("watcher")
    assert Visitor(address.partition("/enter")[0]).get("/enter?word=guess").status == 401
    assert enter(address).get("/runs").status == 200


def test_another_name_for_this_machine_is_refused(start: Start) -> None:
    """A page elsewhere whose name leads to 127.0.0.1 reads nothing, cookie or not."""
    visitor = enter(start("watcher"))
    port = urlsplit(visitor.url).port
    assert visitor.get("/runs", Host=f"evil.test:{port}").status == 400
    assert visitor.get("/runs", Host=f"localhost:{port}").status == 200


def test_without_the_stores_keys_runs_are_drawn_by_site(start: Start, hospital: Hospital) -> None:
    """Who may not read the Secrets on their own machine sees phases, and is told why there is no more."""
    text = enter(start("watcher")).get(f"/runs/{hospital.world.reader}/{RUN}").text
    assert "The plan can&#x27;t be read from here" in text
    assert "Groups" in text
    assert "boston" in text


def test_with_them_there_is_the_plan(start: Start, hospital: Hospital) -> None:
    """The administrator, whose kubeconfig may read everything."""
    text = enter(start("")).get(f"/runs/{hospital.world.reader}/{RUN}").text
    assert '"stocks"' in text
    assert "can&#x27;t be read" not in text


def test_signing_in_and_out(server: Server, hospital: Hospital) -> None:
    """A token gives a cookie that is not the token, lasts until one signs out, and is for this host and HTTPS only."""
    nobody = server("")
    token = hospital.token("watcher")
    came = nobody.ask("POST", "/sign-in", f"token={token}".encode(), Content_Type="application/x-www-form-urlencoded")
    assert (came.status, came.headers["Location"]) == (303, "/runs")
    told = str(came.headers["Set-Cookie"])
    assert token not in told
    for word in ("__Host-", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"):
        assert word in told
    visitor = Visitor(nobody.url, ca=nobody.ca, headers={"Cookie": told.partition(";")[0]})
    assert RUN in visitor.get(f"/runs?namespace={hospital.world.reader}").text
    assert visitor.ask("POST", "/sign-out", b"").status == 303
    assert visitor.get("/runs").status == 401


def test_a_wrong_token_signs_nobody_in(server: Server) -> None:
    """It is said, and no cookie is set."""
    nobody = server("")
    form = "application/x-www-form-urlencoded"
    for body in (b"token=wrong", b"token=", b"", b"token=" + b"x" * 30_000):
        came = nobody.ask("POST", "/sign-in", body, Content_Type=form)
        assert came.status in {401, 413}
        assert "Set-Cookie" not in came.headers


def test_another_sites_form_does_nothing(server: Server, hospital: Hospital) -> None:
    """Neither in nor out."""
    nobody = server("")
    body = f"token={hospital.token('watcher')}".encode()
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert nobody.ask("POST", "/sign-in", body, Origin="https://evil.test", **form).status == 403
    assert nobody.ask("POST", "/sign-in", body, Sec_Fetch_Site="cross-site", **form).status == 403
    assert nobody.ask("POST", "/sign-out", b"", Sec_Fetch_Site="cross-site").status == 403


def test_guessing_is_slow(server: Server) -> None:
    """So many tokens that are nobody's come from one address at once, and then few."""
    nobody = server("")
    found = [Visitor(nobody.url, f"guess-{index}", nobody.ca).get("/runs").status for index in range(60)]
    assert found[0] == 401
    assert 429 in found
