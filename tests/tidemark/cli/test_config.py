from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tidemark.config.tree import leaves

SECRETS = ("hunter2-mongo", "hunter2-kafka", "hunter2-influx", "hunter2-file")
ENVIRON = {
    "MONGO_URI": "mongodb://me:hunter2-mongo@h:1/?tlsCertificateKeyFilePassword=hunter2-query",
    "KAFKA_SASL_PASSWORD": "hunter2-kafka",
    "INFLUX_TOKEN": "me:hunter2-influx",
}
CODE = "import sys; from tidemark.cli import main; main(sys.argv[1:])"


def tidemark(
    directory: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, "config", *arguments],
        cwd=directory,
        env=process_environment(environ or {}),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def process_environment(more: Mapping[str, str]) -> dict[str, str]:
    root = str(Path(__file__).parents[3])
    return {"PATH": os.environ["PATH"], "PYTHONPATH": root, "COLUMNS": "120", **more}


def on_a_terminal(directory: Path, *arguments: str, environ: Mapping[str, str]) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", CODE, "config", *arguments],
        cwd=directory,
        env=process_environment({"TERM": "xterm", **environ}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        chunks = []
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            if not chunk:
                break
            chunks.append(chunk)
        code = process.wait(timeout=180)
    os.close(ours)
    return code, b"".join(chunks).decode()


def test_check_of_a_good_configuration(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "config ok\n", "")


def test_check_reports_all_problems(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("run: {workers: 0}\nenigne: {}\n")
    done = tidemark(tmp_path, "check", environ={"TIDEMARK_STORES__LANES": "x"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("3 problems in the configuration\n")
    for part in ("run.workers = 0  (config.yaml:1)", "did you mean engine?", "stores.lanes = 'x'"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_check_takes_a_file(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("run: {workers: 0}\n")
    assert tidemark(tmp_path, "check", "--config", "other.yaml").returncode == 2
    assert tidemark(tmp_path, "check", "--config", "missing.yaml").returncode == 2
    assert tidemark(tmp_path, "check").returncode == 0


def test_show_has_every_setting_with_value_and_origin(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("run:\n  workers: 2\n")
    done = tidemark(tmp_path, "show", environ={"KAFKA_GROUP_ID": "x"})
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert [line.split(" = ")[0] for line in lines] == [leaf.path for leaf in leaves().values()]
    assert "run.workers = 2  (config.yaml:2)" in lines
    assert "run.processes = 1  (default)" in lines
    assert "kafka.group_id = x  (environment KAFKA_GROUP_ID)" in lines


def test_show_as_json(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "show", "--json", environ=ENVIRON)
    shown = json.loads(done.stdout)
    assert set(shown) == {leaf.path for leaf in leaves().values()}
    assert shown["engine.key_groups"] == {"value": 16, "origin": "default"}
    assert shown["documents.urls"] == {
        "value": ["mongodb://******@h:1/?tlsCertificateKeyFilePassword=******"],
        "origin": "environment MONGO_URI",
    }
    assert shown["series.influx_token"]["value"] == "******"
    assert shown["kafka.sasl_username"]["value"] is None


def test_show_of_a_bad_configuration(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "show", environ={"TIDEMARK_STORES__LANES": "x"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "stores.lanes" in done.stderr


def test_a_terminal_gets_tables(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("kafka: {group_id: '[red]x[/red]'}\n")
    code, text = on_a_terminal(tmp_path, "show", environ={})
    assert code == 0
    assert re.search(r"setting.*value.*origin", text)
    assert re.search(r"group_id.*config\.yaml:1", text)
    assert "[red]x[/red]" in text


def test_a_terminal_gets_problems_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("run: {workers: '[red]'}\n")
    code, text = on_a_terminal(tmp_path, "check", environ={})
    assert code == 2
    assert "run.workers" in text
    assert "'[red]'" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize("arguments", [("check",), ("show",), ("show", "--json")])
def test_no_command_shows_a_secret(tmp_path: Path, arguments: tuple[str, ...], bad: bool) -> None:
    (tmp_path / "hunter").write_text("hunter2-file\n")
    environ = {**ENVIRON, "TIDEMARK_SERIES__URLS_FILE": "hunter"}
    if not bad:
        del environ["TIDEMARK_SERIES__URLS_FILE"]
    done = tidemark(tmp_path, *arguments, environ=environ)
    assert done.returncode == (2 if bad else 0)
    _, terminal = on_a_terminal(tmp_path, *arguments, environ=environ)
    for text in (done.stdout, done.stderr, terminal):
        assert "hunter2" not in text


def test_rules_and_channels_are_checked_as_well(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "alerts:\n"
        "  rules:\n"
        "    - {name: a, pipeline: interactions, metric: totals, op: '>', threshold: 1}\n"
        "    - {name: b, pipeline: interactions, metric: count, per: user, op: '>', threshold: 1}\n"
        "  channels: {ops: {min_severity: critical}}\n"
    )
    done = tidemark(tmp_path, "check")
    assert done.returncode == 2
    assert "2 problems" in done.stderr
    assert "alerts.rules[0].metric = 'totals'" in done.stderr
    assert "did you mean total?" in done.stderr
    assert "alerts.channels.ops" in done.stderr
