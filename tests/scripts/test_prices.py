"""`agentmem prices` against a real server on loopback that speaks the pages of Azure's price service. Its prices are made up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.domain.environment import STACKS
from infra.domain.prices import monthly_cost
from scripts import check
from scripts.edges import price_service, price_table, stack_file
from scripts.edges.exits import BAD, BUSY, CONFIGURATION, GOOD, UNREACHABLE, USAGE, Failure
from scripts.prices import refresh, show
from tests.domain.test_prices import MONTH, STORAGE, meter
from tests.scripts.price_pages import Service, answer


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv(price_service.ENDPOINT, server.address)
        yield server
        server.shutdown()


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    for stack in STACKS:
        shutil.copy(root / f"Pulumi.{stack}.yaml", tmp_path)
    return tmp_path


def _refresh(project: Path, *regions: str, dry_run: bool = False, as_json: bool = False, seconds: float = 5.0) -> int:
    return refresh(project, regions=regions, dry_run=dry_run, as_json=as_json, seconds=seconds)


def test_it_reads_every_page_and_writes_what_it_understands(service: Service, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _refresh(project) == GOOD
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"prices refresh · westeurope · EUR · {service.address}{price_service.PATH}"
    assert lines[1].startswith("westeurope: 11 prices, 11 changed")
    assert f"  left out: {STORAGE}, Something New: this version does not know it" in lines
    assert lines[-1] == "prices.json is written, 11 prices changed; next: git diff prices.json, agentmem check --all"
    assert len(service.asked) == 3
    assert service.asked[0]["currencyCode"] == ["'EUR'"]
    assert service.asked[0]["$filter"] == [
        "serviceName eq 'Azure Database for PostgreSQL' and armRegionName eq 'westeurope' and priceType eq 'Consumption'"
    ]
    table = price_table.load(project)
    # 730 hours of 2 × 0.10, 128 GiB of 0.12, twice.
    assert str(monthly_cost(stack_file.read("prod", project), table)) == "322.72 EUR"


def test_again_nothing_changes_and_a_new_price_is_shown(service: Service, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _refresh(project)
    capsys.readouterr()
    _refresh(project)
    assert "westeurope: 11 prices, 0 changed" in capsys.readouterr().out
    service.items[3] = meter(STORAGE, "Storage Data Stored", "Storage", 0.13, unitOfMeasure=MONTH)
    service.items.pop(2)
    _refresh(project)
    out = capsys.readouterr().out
    assert [line.split() for line in out.splitlines() if "→" in line] == [
        ["Standard_B1ms", "compute_hour", "0.02", "→", "gone"],
        ["Premium_LRS", "storage_gib_month", "0.12", "→", "0.13"],
    ]


def test_a_dry_run_writes_nothing(service: Service, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _refresh(project, dry_run=True, as_json=True) == GOOD
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["written"]) == ("agentmem/prices-refresh/1", False)
    assert {"kind": "storage_gib_month", "name": "Premium_LRS", "old": None, "new": "0.12"} in document["regions"]["westeurope"]["changed"]
    assert not (project / price_table.FILE).exists()


def test_the_regions_of_all_stack_files_and_replicas_are_asked(service: Service, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "Pulumi.dev.yaml"
    text = path.read_text(encoding="utf-8")
    edited = text.replace("replica: null", "replica: {location: northeurope, sku: Standard_D2s_v3, virtual_endpoint: null}", 1)
    assert edited != text
    path.write_text(edited, encoding="utf-8")
    assert _refresh(project) == BAD
    assert "northeurope: the service has no prices of PostgreSQL flexible servers" in capsys.readouterr().out
    assert list(price_table.load(project).regions) == ["westeurope"]


def test_a_region_without_prices_keeps_what_the_table_had(service: Service, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _refresh(project)
    before = (project / price_table.FILE).read_bytes()
    service.items = []
    assert _refresh(project) == BAD
    assert "nothing was written" in capsys.readouterr().out
    assert (project / price_table.FILE).read_bytes() == before


def test_throttling_trouble_and_an_answer_cut_short_are_asked_again(
    service: Service, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_service, "_FIRST_WAIT", 0.05)
    service.troubles = [
        answer("429 Too Many Requests", b"", Retry_After="0"),
        answer("503 Service Unavailable", b"no"),
        answer("200 OK", b'{"Items": [', length=5000),
        b"",
    ]
    assert _refresh(project) == GOOD
    talk = capsys.readouterr().err
    assert "westeurope: the price service asks to wait" in talk
    assert "is in trouble (status 503)" in talk
    assert talk.count("cannot be reached, or its answer was cut short") == 2


@pytest.mark.parametrize(
    ("trouble", "code", "says"),
    [
        (answer("429 Too Many Requests", b"", Retry_After="3600"), BUSY, "the price service asks to wait"),
        (answer("500 Oh", b"", Retry_After="3600"), UNREACHABLE, "the price service is in trouble (status 500)"),
        (answer("404 Not Found", b""), BAD, "answers with status 404"),
        (answer("302 Found", b"", Location="http://127.0.0.1:1/"), BAD, "answers with status 302"),
        (answer("200 OK", b'{"Items": ['), BAD, "no JSON document"),
        (answer("200 OK", b"[" * 100_000), BAD, "no JSON document"),
        (answer("200 OK", b"[]"), BAD, "no page of prices"),
        (answer("200 OK", b'{"Items": []}'), BAD, "no page of prices"),
        (answer("200 OK", b'{"Items": [7], "NextPageLink": null}'), BAD, "an item is no mapping"),
        (answer("200 OK", b'{"Items": [{"currencyCode": "USD"}], "NextPageLink": null}'), BAD, "it answers in USD, asked for EUR"),
        (answer("200 OK", b'{"Items": [{"currencyCode": "EUR"}], "NextPageLink": null}'), BAD, "an item is of no region"),
        (answer("200 OK", b'{"Items": [], "NextPageLink": "https://prices.azure.com/api/retail/prices"}'), BAD, "somewhere else"),
        (answer("200 OK", b'{"Items": [], "NextPageLink": "http://127.0.0.1:x/api"}'), BAD, "somewhere else"),
        (answer("200 OK", b'{"Items": [], "NextPageLink": 7}'), BAD, "somewhere else"),
    ],
)
def test_what_is_no_answer_ends_it_and_the_old_table_stays(trouble: bytes, code: int, says: str, service: Service, project: Path) -> None:
    _refresh(project)
    before = (project / price_table.FILE).read_bytes()
    service.troubles = [trouble]
    with pytest.raises(Failure) as raised:
        _refresh(project)
    assert (raised.value.code, says in raised.value.fact) == (code, True), raised.value.fact
    assert (project / price_table.FILE).read_bytes() == before


def test_pages_that_never_end_do_end(service: Service, project: Path) -> None:
    service.endless = True
    with pytest.raises(Failure, match="its pages never end"):
        _refresh(project)


def test_a_service_that_trickles_is_left_at_the_deadline(service: Service, project: Path) -> None:
    service.trickles = True
    started = time.monotonic()
    with pytest.raises(Failure, match="does not come to an end"):
        _refresh(project, seconds=0.5)
    assert time.monotonic() - started < 3


def test_a_table_in_dollars_is_not_mixed_with_euros(service: Service, project: Path) -> None:
    (project / price_table.FILE).write_text('{"schema": "agentmem/prices/1", "currency": "USD", "regions": {}}', encoding="utf-8")
    with pytest.raises(Failure, match="is in USD, and prices are read in EUR"):
        _refresh(project)


def test_a_service_that_is_not_there_is_unreachable_within_its_deadline(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(price_service.ENDPOINT, "http://127.0.0.1:1")
    with pytest.raises(Failure) as raised:
        _refresh(project, seconds=0.5)
    assert raised.value.code == UNREACHABLE


@pytest.mark.parametrize("address", ["http://example.org", "https://prices.azure.com.evil.test", "ftp://127.0.0.1", "http://127.0.0.1/x"])
def test_no_endpoint_but_loopback_is_taken(address: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(price_service.ENDPOINT, address)
    with pytest.raises(Failure) as raised:
        _refresh(project)
    assert (raised.value.code, "only a loopback address" in raised.value.fact) == (CONFIGURATION, True)


@pytest.mark.parametrize("region", ["West Europe", "x' or 1 eq 1", ""])
def test_a_region_is_a_short_name(region: str, project: Path) -> None:
    with pytest.raises(Failure) as raised:
        _refresh(project, region)
    assert raised.value.code == USAGE


@pytest.mark.parametrize(
    ("text", "says"), [("{", "is no JSON document"), ("{}", "the table has no currency"), ('{"new": 1}', "the key 'new'")]
)
def test_a_broken_table_is_said_by_every_reader(text: str, says: str, project: Path) -> None:
    (project / price_table.FILE).write_text(text, encoding="utf-8")
    for reader in (lambda: show("prod", project, as_json=False), lambda: check.check(["prod"], project, False), lambda: _refresh(project)):
        with pytest.raises(Failure) as raised:
            reader()
        assert (raised.value.code, raised.value.where, says in raised.value.fact) == (CONFIGURATION, "prices.json", True)


def test_the_bill_is_shown_line_by_line(service: Service, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _refresh(project)
    capsys.readouterr()
    assert show("prod", project, as_json=False) == GOOD
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("prices show prod · westeurope · 730 hours a month · prices of ")
    assert [line.split()[-2:] for line in lines[1:5]] == [["146.00", "EUR"], ["15.36", "EUR"]] * 2
    assert lines[-1] == "prod costs 322.72 EUR a month; below the ceiling of 600 EUR"
    assert show("prod", project, as_json=True) == GOOD
    document = json.loads(capsys.readouterr().out)
    assert (document["total"], document["ceiling_eur"], document["above_ceiling"]) == (322.72, 600, False)


def test_without_prices_the_bill_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("dev", project, as_json=False) == GOOD
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == ("what dev costs is unknown: no prices of westeurope, agentmem prices refresh; the ceiling of 60 EUR cannot be judged")


def test_check_fails_above_the_ceiling_with_its_line(service: Service, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _refresh(project)
    path = project / "Pulumi.prod.yaml"
    text = path.read_text(encoding="utf-8").replace("monthly_cost_ceiling_eur: 600", "monthly_cost_ceiling_eur: 300")
    path.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert check.check(["prod"], project, False) == CONFIGURATION
    out = capsys.readouterr().out
    line = next(number for number, each in enumerate(text.splitlines(), start=1) if "monthly_cost_ceiling_eur" in each)
    assert f"Pulumi.prod.yaml:{line}: guard.monthly_cost_ceiling_eur is 300, but the server costs 322.72 EUR a month" in out
    assert show("prod", project, as_json=False) == BAD


def test_the_shipped_environments_are_judged_with_the_shipped_table(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.check(list(STACKS), root, True) == GOOD
    document = json.loads(capsys.readouterr().out)
    assert all(each["problems"] == [] for each in document["environments"].values())


def test_the_command_asks_for_no_login_and_says_what_it_did(service: Service, project: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(project), price_service.ENDPOINT: service.address}
    command = [sys.executable, "-m", "scripts.cli", "prices", "refresh", "--region", "westeurope", "--folder", str(project)]
    done = subprocess.run(
        command, cwd=Path(price_service.__file__).parents[2], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (GOOD, "")
    assert done.stdout.splitlines()[-1].startswith("prices.json is written, 11 prices changed")
