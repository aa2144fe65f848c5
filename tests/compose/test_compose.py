"""docker-compose.yaml: right by its schema, closed to the outside, and without a secret."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from tests.compose.files import COMPOSE, EXAMPLE, ROOT, VARIABLE, compose, example, interpolated, services, texts, tool

SERVICES = services()
ONCE = {name for name, service in SERVICES.items() if service.get("restart", "no") == "no"}
SECRET = re.compile(r"PASSWORD(?!S_FILE)|SECRET|_KEY|SQL_ALCHEMY_CONN")
FILLED = {name: value or "Y" for name, value in example().items()}


def test_it_keeps_to_the_compose_specification() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_whole_system_is_there() -> None:
    wanted = {"mssql", "mssql-setup", "mongo", "kafka", "postgres", "airflow-api-server", "airflow-scheduler",
              "airflow-dag-processor", "airflow-triggerer", "airflow-setup", "pages"}  # fmt: skip
    assert wanted <= SERVICES.keys()
    assert not [name for name in wanted if "profiles" in SERVICES[name]]


def test_variables_are_in_the_example_and_the_example_has_no_others() -> None:
    named = {found["name"] for text in texts(compose()) for found in VARIABLE.finditer(text)}
    read = {found["name"] for found in VARIABLE.finditer((ROOT / "pipelines.yaml").read_text(encoding="utf-8"))}
    assert named <= example().keys()
    assert example().keys() <= named | read


def test_variables_of_the_example_have_a_comment_and_secrets_no_value() -> None:
    blocks = EXAMPLE.read_text(encoding="utf-8").split("\n\n")
    for block in blocks[1:]:
        assert re.match(r"#[^\n]*\n#", block), f"no comment in {block[:60]!r}"
    assert not {name: value for name, value in example().items() if SECRET.search(name) and value}


def test_defaults_are_the_examples() -> None:
    for text in texts(compose()):
        for found in VARIABLE.finditer(text):
            if found["how"] == ":-":
                assert example()[found["name"]] == found["rest"], found["name"]


def test_no_variable_is_left_to_chance() -> None:
    bare = [found[0] for text in texts(compose()) for found in VARIABLE.finditer(text) if not found["how"]]
    assert bare == []
    stray = [text for text in texts(compose()) if re.search(r"(?<!\$)\$(?![{$])", text)]
    assert stray == []


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", interpolated(port, FILLED)), port
    assert SERVICES[name].get("network_mode") in (None, "none")


def test_no_port_is_published_twice() -> None:
    outside = [interpolated(p, FILLED).split(":")[1] for s in SERVICES.values() for p in s.get("ports", [])]
    assert len(outside) == len(set(outside))


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image
    assert re.search(r"\d+\.\d+|CU\d+", tag), f"{name}: {tag}"
    assert "latest" not in tag


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_the_environment(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        if SECRET.search(key):
            rest = VARIABLE.sub("", value)
            assert rest in ("", "postgresql+psycopg2://airflow:@postgres:5432/airflow"), key
            assert VARIABLE.search(value), key


def test_the_administrators_password_stays_with_server_and_set_up() -> None:
    knowing = {name for name, service in SERVICES.items() if "MSSQL_SA_PASSWORD" in str(service)}
    assert knowing == {"mssql", "mssql-setup"}
    for name, service in SERVICES.items():
        mounts = [m for m in service.get("volumes", []) if isinstance(m, str)]
        if any(m.startswith(".:") for m in mounts):
            assert "/dev/null:/opt/medallion/.env:ro" in mounts, name


@pytest.mark.parametrize("name", SERVICES)
def test_what_keeps_running_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    assert (name in ONCE) == ("healthcheck" not in service)
    for after, how in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if after in ONCE else "service_healthy"
        assert how["condition"] == wanted, f"{name} after {after}"


def waits_for(name: str, seen: tuple[str, ...] = ()) -> set[str]:
    assert name not in seen, f"services wait for each other: {seen}"
    before = SERVICES[name].get("depends_on", {})
    return set(before) | {other for b in before for other in waits_for(b, (*seen, name))}


@pytest.mark.parametrize("name", ["airflow-scheduler", "airflow-api-server", "medallion"])
def test_the_engine_starts_when_its_login_is_there(name: str) -> None:
    assert {"mssql-owner", "mssql", "mssql-setup"} <= waits_for(name)


def test_named_volumes_are_declared_and_used() -> None:
    mounts = [m for s in SERVICES.values() for m in s.get("volumes", [])]
    used = {m.split(":")[0] for m in mounts if isinstance(m, str) and m[0] not in "./"}
    assert used == compose()["volumes"].keys()


def test_sql_servers_data_lies_in_the_project_with_the_right_owner() -> None:
    mount = "./mssql-data:/var/opt/mssql"
    assert mount in SERVICES["mssql"]["volumes"]
    assert mount in SERVICES["mssql-owner"]["volumes"]
    assert SERVICES["mssql-owner"]["entrypoint"] == ["chown", "-R", "10001:0", "/var/opt/mssql"]
    assert SERVICES["mssql-owner"]["image"] == SERVICES["mssql"]["image"]


def megabytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])", text).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit == "g" else 1)


def test_the_container_has_more_memory_than_sql_server_may_take() -> None:
    server: dict[str, Any] = SERVICES["mssql"]
    given = megabytes(interpolated(server["mem_limit"], FILLED))
    taken = int(interpolated(server["environment"]["MSSQL_MEMORY_LIMIT_MB"], FILLED))
    assert given >= 1.2 * taken


def test_the_engines_variables_are_those_of_the_target() -> None:
    target = (ROOT / "pipelines.yaml").read_text(encoding="utf-8")
    wanted = {found["name"] for found in VARIABLE.finditer(target) if found["name"].startswith("MSSQL_")}
    for name in ("medallion", "airflow-scheduler"):
        assert wanted <= SERVICES[name]["environment"].keys()


@pytest.mark.parametrize("name", [name for name in SERVICES if name.startswith("airflow-") or name == "medallion"])
def test_the_server_is_the_target_of_everything_that_names_none(name: str) -> None:
    assert SERVICES[name]["environment"]["MEDALLION_TARGET"] == "sqlserver"
