"""docker-compose.yml: it loads, refuses to start without passwords, and keeps to its rules."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.composing import COMPOSE, ROOT, DoesNotLoad, Project, filled, load, secrets
from tests.docs.pages import commands

ONCE = {"certificates", "kafka-users", "influxdb-tokens", "topics"}
"""Services that do something and end."""
OURS = {"topics", "dataflow", "dashboard", "generator"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return load(filled(tmp_path_factory.mktemp("compose")))


def services(project: Project) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = project["services"]
    return found


def test_compose_loads_it_and_knows_every_key(project: Project) -> None:
    assert set(services(project)) == {
        *("kafka", "kafka-users", "kafka-ui", "certificates", "mongodb", "influxdb"),
        *("influxdb-tokens", "topics", "dataflow", "dashboard", "generator"),
        *("prometheus", "grafana"),
    }


@pytest.mark.parametrize("name", secrets())
def test_it_does_not_start_without_a_password(name: str, tmp_path: Path) -> None:
    dotenv = filled(tmp_path)
    text = dotenv.read_text()
    dotenv.write_text(re.sub(rf"^{name}=.*$", f"{name}=", text, flags=re.MULTILINE))
    with pytest.raises(DoesNotLoad, match=f"set {name} in .env"):
        load(dotenv)


def test_secrets_of_the_example_are_those_that_it_asks_for() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE.read_text()))
    assert asked == set(secrets())


def test_no_password_is_written_down() -> None:
    for line in COMPOSE.read_text().splitlines():
        name, _, value = line.strip().partition(": ")
        if re.fullmatch(r"[A-Z_]*(PASSWORD|TOKEN)", name):
            assert value.startswith("${"), line


def test_ports_are_open_on_this_machine_only(project: Project) -> None:
    ports = [port for service in services(project).values() for port in service.get("ports", [])]
    assert ports
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_every_image_is_pinned(project: Project) -> None:
    for name, service in services(project).items():
        _, _, tag = service["image"].rpartition(":")
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag), (name, service["image"])


def test_images_are_those_that_the_dockerfile_pins() -> None:
    stages = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(stages) == 2
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", stage) for stage in stages)


def test_what_stays_up_has_a_health_check(project: Project) -> None:
    for name, service in services(project).items():
        if name not in ONCE | {"generator"}:
            assert service["healthcheck"]["test"], name


def test_what_is_depended_on_is_healthy_or_done(project: Project) -> None:
    for name, service in services(project).items():
        for other, how in service.get("depends_on", {}).items():
            done = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == done, (name, other)


def test_profiles(project: Project) -> None:
    by_profile: dict[str, set[str]] = {}
    for name, service in services(project).items():
        for profile in service["profiles"]:
            by_profile.setdefault(profile, set()).add(name)
    assert by_profile["load"] == {"generator"}
    assert by_profile["tools"] == {"kafka-ui"}
    assert by_profile["core"] == set(services(project)) - {"generator", "kafka-ui"}


def test_our_containers_are_read_only_and_without_privileges(project: Project) -> None:
    for name in OURS:
        service = services(project)[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]


def test_the_dataflow_stops_by_sigint_and_has_time_for_it(project: Project) -> None:
    dataflow = services(project)["dataflow"]
    assert dataflow["stop_signal"] == "SIGINT"
    assert dataflow["stop_grace_period"] == "30s"


def test_what_must_survive_is_in_named_volumes(project: Project) -> None:
    kept = {
        (name, volume["target"]): volume["source"]
        for name, service in services(project).items()
        for volume in service.get("volumes", [])
        if volume["type"] == "volume" and not volume.get("read_only")
    }
    assert kept["dataflow", "/var/lib/tidemark"] == "recovery"
    assert kept["kafka", "/var/lib/kafka/data"] == "kafka"
    assert kept["mongodb", "/data/db"] == "mongodb"
    assert kept["influxdb", "/var/lib/influxdb2"] == "influxdb"
    assert kept["grafana", "/var/lib/grafana"] == "grafana"


def test_files_that_are_mounted_are_there(project: Project) -> None:
    for service in services(project).values():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists()
                assert volume["read_only"] is True


def test_processes_of_the_dataflow_are_set_from_outside(tmp_path: Path) -> None:
    dataflow = services(load(filled(tmp_path), DATAFLOW_PROCESSES="3"))["dataflow"]
    assert dataflow["environment"]["TIDEMARK_RUN__PROCESSES"] == "3"


def test_the_administrators_token_and_passwords_reach_nobody_who_needs_them_not(
    project: Project,
) -> None:
    powerful = {
        "secretinfluxadmintoken": {"influxdb", "influxdb-tokens"},
        "secretinfluxadminpassword": {"influxdb"},
        "secretmongorootpassword": {"mongodb"},
        "secretmongopassword": {"mongodb", "dataflow"},
    }
    for secret, allowed in powerful.items():
        holders = {name for name, each in services(project).items() if secret in str(each)}
        assert holders == allowed, secret


@pytest.mark.parametrize("script", sorted((ROOT / "deploy" / "compose").glob("*.sh")))
def test_scripts_are_sound_and_may_be_run(script: Path) -> None:
    assert script.stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0


def test_make_env_fills_in_what_is_empty_and_keeps_what_is_there(tmp_path: Path) -> None:
    scripts = tmp_path / "deploy" / "compose"
    scripts.mkdir(parents=True)
    for name in ("deploy/compose/make-env.sh", ".env.example"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())

    def make() -> str:
        subprocess.run(["sh", scripts / "make-env.sh"], check=True)
        return (tmp_path / ".env").read_text()

    first = make()
    found = dict(re.findall(r"^([A-Z_]+)=([0-9a-f]{48})$", first, re.MULTILINE))
    assert set(found) == set(secrets())
    assert len(set(found.values())) == len(found)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert make() == first
    load(tmp_path / ".env")


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """Make a docker that notes what it is asked; return the directory that it is in."""
    path = tmp_path / "bin" / "docker"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n')
    path.chmod(0o755)
    return path.parent


def test_make_asks_docker_compose(docker: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "deploy").mkdir(parents=True)
    shutil.copytree(ROOT / "deploy" / "compose", project / "deploy" / "compose")
    for name in ("Makefile", ".env.example"):
        shutil.copy(ROOT / name, project)
    environ = {"PATH": f"{docker}:/usr/bin:/bin"}
    for target in ("up", "down"):
        done = subprocess.run(["make", target], cwd=project, env=environ, capture_output=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "asked").read_text().splitlines() == [
        "compose up --build --detach",
        "compose ps",
        "compose down",
    ]
    load(project / ".env")


def test_the_volumes_to_renew_hold_certificates(project: Project) -> None:
    (told,) = [each for each in commands() if each.words[:3] == ["docker", "volume", "rm"]]
    made = {
        volume["source"]
        for volume in services(project)["certificates"]["volumes"]
        if volume["type"] == "volume"
    }
    assert set(told.words[3:]) == {project["volumes"][name]["name"] for name in made}


def test_the_image_runs_as_a_user_of_its_own() -> None:
    text = (ROOT / "Dockerfile").read_text()
    last_stage = text[text.rindex("\nFROM ") :]
    assert "pip uninstall --yes --root-user-action=ignore setuptools wheel pip" in last_stage
    assert re.search(r"^USER 10001:10001$", last_stage, re.MULTILINE)
    assert "COPY --from=build /opt/tidemark" in last_stage
    assert "COPY . " not in text


def test_no_image_is_built_without_its_compiled_parts() -> None:
    """setup.py leaves out what does not compile; to the build of an image that is a failure."""
    compiled = re.findall(r'"([a-z.]+\._[a-z]+)"', (ROOT / "setup.py").read_text())
    assert len(compiled) > 0
    build = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[0]
    installed, _, then = build.partition("pip install --no-deps --no-build-isolation .")
    assert "apt-get install --yes --no-install-recommends gcc libc6-dev" in installed
    # -P: not from the sources beside it, which hold no compiled file.
    assert f"&& python -P -c 'import {', '.join(compiled)}'" in then


def test_the_image_holds_every_package() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    pyproject = (ROOT / "pyproject.toml").read_text()
    packages = set(re.findall(r'^    "(\w+)", "\1\.\*",$', pyproject, re.MULTILINE))
    assert copied == packages
    assert {f"!{name}" for name in packages} <= set(ignored)
    assert ignored[1] == "*"
