"""The manifests: valid by Kubernetes' own schemas, consistent, and with little power."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import custom, k8s
from tests.deploy.composing import ROOT
from tests.docs.pages import commands
from tests.support.servers.cache import installed, run_step
from tidemark.config import load_settings

REQUIREMENTS = Path(__file__).with_name("k8s-requirements.txt")
VERSIONS = ("1.29", "1.31", "1.34")
MONITOR = "ServiceMonitor/tidemark"


@pytest.fixture(scope="module")
def validator() -> Path:
    """Return a Python that has kubernetes-validate, which brings the schemas along."""

    def build(folder: Path) -> None:
        run_step(sys.executable, "-m", "venv", folder)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        run_step(*pip, "install", "--quiet", "--require-hashes", "-r", REQUIREMENTS)

    tag = f"py{sys.version_info.major}.{sys.version_info.minor}"
    return installed(f"kubernetes-validate-1.37.0-{tag}", build) / "bin" / "python"


def validate(validator: Path, path: Path, version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *[str(validator), "-m", "kubernetes_validate"],
            *["--strict", "--kubernetes-version", version, str(path)],
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(validator: Path, tmp_path: Path, version: str) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(k8s.text())
    done = validate(validator, path, version)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert printed.count(" passed for resource ") == len(k8s.manifests()) - 1, printed
    # No kind of Kubernetes itself: checked below.
    assert "Couldn't find schema for kind ServiceMonitor" in printed


def test_a_manifest_with_a_misspelt_key_is_not(validator: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(k8s.text().replace("podManagementPolicy", "podManagementPolice"))
    assert validate(validator, path, VERSIONS[0]).returncode != 0


def wrong_with(validator: Path, monitor: dict[str, Any]) -> str:
    """Return what the operator's definition of a ServiceMonitor says against one, or nothing."""
    schema = custom.closed(
        custom.schema(custom.definition("servicemonitors"), monitor["apiVersion"])
    )
    done = subprocess.run(
        [validator, ROOT / "tests" / "deploy" / "customcheck.py"],
        input=json.dumps([schema, monitor, VERSIONS[-1]]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert bool(done.returncode) == bool(done.stdout), done.stdout
    return done.stdout


def test_the_monitor_is_what_the_prometheus_operator_takes(validator: Path) -> None:
    monitor = k8s.manifests()[MONITOR]
    names = custom.definition("servicemonitors")["spec"]["names"]
    assert monitor["kind"] == names["kind"]
    assert wrong_with(validator, monitor) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("endpoints", "endpoint", "$.spec: Additional properties are not allowed ('endpoint'"),
        ("interval", "intervall", "$.spec.endpoints[0]: Additional properties are not allowed"),
        ("matchLabels", "matchLabel", "$.spec.selector: Additional properties are not allowed"),
        ("labels", "lables", "$.metadata: Additional properties are not allowed"),
        ("selector", None, "'selector' is a required property"),
        ("15s", "15 seconds", "$.spec.endpoints[0].interval: '15 seconds' does not match"),
    ],
)
def test_a_monitor_that_is_wrong_anywhere_is_not(
    validator: Path, right: str, wrong: str | None, says: str
) -> None:
    text = json.dumps(k8s.manifests()[MONITOR])
    assert text.count(f'"{right}"') == 1
    spoilt = json.loads(text.replace(f'"{right}"', f'"{wrong}"'))
    if wrong is None:
        del spoilt["spec"]["None"]
    assert says in wrong_with(validator, spoilt)


def stateful_set() -> dict[str, Any]:
    spec: dict[str, Any] = k8s.manifests()["StatefulSet/tidemark"]["spec"]
    return spec


def test_there_is_an_address_for_every_replica() -> None:
    addresses = k8s.environment()["TIDEMARK_RUN__ADDRESSES"].split(",")
    name = stateful_set()["serviceName"]
    assert addresses == [f"tidemark-{n}.{name}:2101" for n in range(stateful_set()["replicas"])]


def test_the_services_names_are_there_before_anybody_is_ready() -> None:
    service = k8s.manifests()["Service/tidemark"]["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"] is True
    assert {port["port"] for port in service["ports"]} == {2101, 9464}


def test_the_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    secrets = {
        "kafka-password": "one",
        "mongo-uri": "mongodb://u:two@mongodb:27017",
        "influx-token": "three",
    }
    for name, value in secrets.items():
        (tmp_path / name).write_text(value)
    environ = {
        name: value.replace("/run/secrets/tidemark", str(tmp_path))
        for name, value in k8s.environment().items()
    }
    settings = load_settings(None, environ | {"TIDEMARK_RUN__MEMBER": "2"})
    assert len(settings.run.cluster()) == 3
    assert settings.recovery.directory == Path("/var/lib/tidemark/recovery")


def test_secrets_are_files_and_not_in_the_manifests() -> None:
    for name, value in k8s.environment().items():
        if any(word in name for word in ("PASSWORD", "TOKEN", "MONGO_URI")):
            assert name.endswith("_FILE")
            assert value.startswith("/run/secrets/tidemark/")
    assert not [name for name in k8s.manifests() if name.startswith("Secret/")]


def test_who_is_told_may_be_in_the_secret_and_is_remembered_on_the_volume() -> None:
    assert k8s.secret_variables() == {"NOTIFY_URLS": "notify-urls"}
    (variable,) = k8s.container()["env"]
    assert variable["valueFrom"]["secretKeyRef"]["optional"] is True
    recovery = Path(k8s.environment()["TIDEMARK_RECOVERY__DIRECTORY"])
    assert Path(k8s.environment()["TIDEMARK_ALERTS__NOTIFY__STATE"]).parent == recovery.parent


def test_the_secret_of_the_page_is_the_one_that_is_mounted(tmp_path: Path) -> None:
    """Ask kubectl what it would make; a Kubernetes is not needed for that."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    settings = k8s.environment().values()
    mounted = {Path(each).name for each in settings if each.startswith("/run/secrets/tidemark/")}
    for name in (*mounted, "notify-urls"):
        (tmp_path / name).write_text(f"{name} of the test")
    told = {
        each.text: each.words
        for each in commands()
        if each.page == "docs/deploying.md" and " create " in each.text and each.typed
    }
    made = {}
    for words in told.values():
        for more in ([], ["--from-file=notify-urls"] if "secret" in words else []):
            done = subprocess.run(
                [*words, *more, "--dry-run=client", "--output=yaml"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            found = yaml.safe_load(done.stdout)
            made[found["kind"], len(more)] = found
    assert made["Namespace", 0]["metadata"]["name"] == "tidemark"
    for extra, keys in ((0, mounted), (1, mounted | {"notify-urls"})):
        secret = made["Secret", extra]
        assert secret["metadata"]["name"] == "tidemark"
        assert secret["metadata"]["namespace"] == "tidemark"
        assert secret["data"].keys() == keys


def test_the_recovery_store_survives_its_pod() -> None:
    mounts = {each["name"]: each["mountPath"] for each in k8s.container()["volumeMounts"]}
    (claim,) = stateful_set()["volumeClaimTemplates"]
    home = mounts[claim["metadata"]["name"]]
    assert k8s.environment()["TIDEMARK_RECOVERY__DIRECTORY"].startswith(f"{home}/")
    assert stateful_set()["persistentVolumeClaimRetentionPolicy"]["whenScaled"] == "Retain"


def test_pods_have_little_power() -> None:
    container, pod = k8s.container(), stateful_set()["template"]["spec"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert pod["automountServiceAccountToken"] is False
    user = (ROOT / "Dockerfile").read_text().partition("USER ")[2].partition(":")[0]
    assert pod["securityContext"]["runAsUser"] == int(user)


def test_probes_ask_the_endpoints_of_the_supervisor() -> None:
    probes = {
        kind: k8s.container()[f"{kind}Probe"]["httpGet"]
        for kind in ("startup", "liveness", "readiness")
    }
    assert probes == {
        "startup": {"path": "/healthz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }


def test_only_members_reach_the_mesh() -> None:
    (mesh,) = [
        rule
        for rule in k8s.manifests()["NetworkPolicy/tidemark"]["spec"]["ingress"]
        if {"protocol": "TCP", "port": 2101} in rule["ports"]
    ]
    own = {"podSelector": {"matchLabels": stateful_set()["selector"]["matchLabels"]}}
    assert mesh["from"] == [own]


def test_every_selector_selects_the_pods() -> None:
    labels = stateful_set()["template"]["metadata"]["labels"]
    found = k8s.manifests()
    selectors = [
        stateful_set()["selector"]["matchLabels"],
        found["Service/tidemark"]["spec"]["selector"],
        found["PodDisruptionBudget/tidemark"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy/tidemark"]["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()


def test_the_monitor_finds_the_services_port() -> None:
    monitor = k8s.manifests()[MONITOR]["spec"]
    service = k8s.manifests()["Service/tidemark"]
    wanted = monitor["selector"]["matchLabels"].items()
    assert wanted <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert endpoint["path"] == "/metrics"


@pytest.fixture
def kubectl(tmp_path: Path) -> Path:
    """Make a kubectl that notes what it is asked, and whose pods go after a second look."""
    path = tmp_path / "kubectl"
    path.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n'
        f'case "$*" in *"get pods"*) test -e {tmp_path}/gone || echo pod/tidemark-0;'
        f" touch {tmp_path}/gone ;; esac\n"
    )
    path.chmod(0o755)
    return path


def test_rescaling_stops_all_then_changes_addresses_then_starts(
    kubectl: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        ["sh", k8s.K8S / "rescale.sh", "2", "there"],
        env={"PATH": "/usr/bin:/bin", "KUBECTL": str(kubectl)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    asked = [
        line.removeprefix("--namespace there ")
        for line in (tmp_path / "asked").read_text().splitlines()
    ]
    addresses = "tidemark-0.tidemark:2101,tidemark-1.tidemark:2101"
    pods = "get pods --selector app.kubernetes.io/name=tidemark --output name"
    assert asked == [
        "scale statefulset/tidemark --replicas=0",
        pods,
        pods,
        "patch configmap/tidemark-cluster --type merge --patch"
        f' {{"data":{{"TIDEMARK_RUN__ADDRESSES":"{addresses}"}}}}',
        "scale statefulset/tidemark --replicas=2",
        "wait statefulset/tidemark --for=jsonpath={.status.readyReplicas}=2 --timeout=300s",
    ]


@pytest.mark.parametrize("wrong", ["", "0", "many", "-1"])
def test_rescaling_to_nonsense_is_refused(kubectl: Path, tmp_path: Path, wrong: str) -> None:
    done = subprocess.run(
        ["sh", k8s.K8S / "rescale.sh", wrong],
        env={"PATH": "/usr/bin:/bin", "KUBECTL": str(kubectl)},
        check=False,
        capture_output=True,
    )
    assert done.returncode == 2
    assert not (tmp_path / "asked").exists()
