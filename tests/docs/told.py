"""What is done with each command of the pages. A command that is missing here fails a test."""

from __future__ import annotations

from typing import Final

from tests.docs.steps import Elsewhere, Ends, Given, Lives, Step, Stops

READY: Final = r"group\.ready"
SENT: Final = r"acknowledged [1-9]"
SOME: Final = r"."
OK: Final = "OK: events read = "
FEW: Final = "JOBS=0 ARGS=tests/stats/test_groups.py"
BYTEWAX: Final = (130, 1, -2)
"""Bytewax's own runner has no exit code for Ctrl-C."""
MAKE: Final = (130, 2, -2)
"""Make goes with its group, by the signal or with 2 for whatever its command ended with."""
_ENGINE = "no container engine here: a docker that notes what it is asked"
_MEASURED = "tests/bench/test_smoke.py::test_throughput_can_be_measured"
_CLUSTER = "no Kubernetes here"

STEPS: Final[dict[str, tuple[Step, ...]]] = {
    "README.md": (
        Lives("make demo", until="so far", codes=MAKE),
        Ends("make demo SECONDS=40", says=OK, beside=True),
        Ends("make setup && . .venv/bin/activate"),
        Ends("make test", says="passed", more=FEW),
        Ends("make check", says="Success: no issues found(.|\n)*passed", more=FEW),
        Ends("make bench", says="import", more="ARGS='startup --quick'"),
        Ends("make chaos", says="soak", more="ARGS='--quick soak'"),
        Given("export KAFKA_BOOTSTRAP_SERVERS=broker:9092"),
        Given("export MONGO_URI=mongodb://localhost:27017"),
        Given("export INFLUX_URL=http://localhost:8086"),
        Given("export INFLUX_TOKEN=..."),
        Ends("tidemark config check", says="config ok"),
        Ends("tidemark topics create", says="user_interactions .*created"),
        Lives("tidemark generate --stream all --rate 5000 --duration 60", until=SENT),
        Lives("tidemark run", until="reads"),
        Ends("tidemark config show", says="environment KAFKA_BOOTSTRAP_SERVERS"),
        Lives("python -m bytewax.run dataflows.main", until="reads", codes=BYTEWAX),
        Lives("python -m bytewax.run dataflows.main -w 2 -s 2", until="reads", codes=BYTEWAX),
        Lives("python -m bytewax.run dataflows.logins", until="reads", codes=BYTEWAX),
        Lives("tidemark run --processes 4", until=READY),
    ),
    "SECURITY.md": (
        Elsewhere(
            "make audit",
            "tests/test_packaging.py::test_an_audit_asks_about_every_pin",
            "its data is out of reach here: a pip-audit that notes what it is asked",
        ),
        Elsewhere(
            "docker compose config --no-interpolate",
            "tests/deploy/test_compose.py::test_no_password_is_written_down",
            _ENGINE,
        ),
    ),
    "docs/alerts.md": (
        Ends("tidemark alerts list", says="low_stock"),
        Given("export NOTIFY_URLS_FILE=/run/secrets/notify_urls"),
        Ends("tidemark config check", says="config ok"),
        Ends("tidemark alerts test", says="ops(.|\n)*mail|mail(.|\n)*ops"),
        Lives("tidemark run", until=READY),
        Lives("tidemark notify", until="notify.started"),
        Ends("tidemark notify --once"),
    ),
    "docs/commerce.md": (
        Lives("python -m bytewax.run dataflows.sales", until="reads", codes=BYTEWAX),
    ),
    "docs/configuration.md": (
        Ends("tidemark config check", says="config ok"),
        Ends("tidemark config show", says=r"config\.yaml:\d+"),
        Ends("python -m tidemark.config.reference"),
    ),
    "docs/deploying.md": (
        Elsewhere(
            "make up", "tests/deploy/test_compose.py::test_make_asks_docker_compose", _ENGINE
        ),
        Elsewhere(
            "make down", "tests/deploy/test_compose.py::test_make_asks_docker_compose", _ENGINE
        ),
        Elsewhere(
            "docker volume rm tidemark_ca tidemark_kafka-certificate tidemark_mongodb-certificate",
            "tests/deploy/test_compose.py::test_the_volumes_to_renew_hold_certificates",
            _ENGINE,
        ),
        Elsewhere(
            "kubectl create namespace tidemark",
            "tests/deploy/test_k8s.py::test_the_secret_of_the_page_is_the_one_that_is_mounted",
            _CLUSTER,
        ),
        Elsewhere(
            "kubectl --namespace tidemark create secret generic tidemark --from-file=ca.pem"
            " --from-file=kafka-password --from-file=mongo-uri --from-file=influx-token",
            "tests/deploy/test_k8s.py::test_the_secret_of_the_page_is_the_one_that_is_mounted",
            _CLUSTER,
        ),
        Elsewhere(
            "kubectl apply -k deploy/k8s",
            "tests/deploy/test_k8s.py::test_every_manifest_is_valid",
            _CLUSTER,
        ),
        Elsewhere(
            "deploy/k8s/rescale.sh 4",
            "tests/deploy/test_k8s.py::test_rescaling_stops_all_then_changes_addresses_then_starts",
            _CLUSTER,
        ),
    ),
    "docs/generator.md": (
        Ends("tidemark topics create"),
        Lives("tidemark generate", until=SENT),
        Lives("python -m generator", until=SENT),
        Lives("tidemark generate --rate 5000 --speed 10 --duration 60", until=SENT),
        Ends(
            "tidemark generate --rate max --event-rate 50000 --count 2000000"
            " --start-time 2026-11-20",
            says="sent 2000000, acknowledged 2000000, failed 0",
        ),
        Lives(
            "tidemark generate --malformed 0.01 --late 0.005 --truth var/truth.parquet", until=SENT
        ),
        Lives(
            "tidemark generate --set scenarios.silence.partition=1"
            " --set scenarios.silence.after_s=30",
            until=SENT,
        ),
        Ends("tidemark generate --stream sales --stdout --count 5", says="transaction_id"),
        Lives("tidemark generate --stream all --rate 2000", until=SENT),
    ),
    "docs/grafana.md": (
        Ends("python -m grafana"),
        Ends("python -m grafana --check"),
    ),
    "docs/live-page.md": (
        Lives("tidemark dashboard", until=r"live page: http://127\.0\.0\.1"),
        Lives("make demo", until="so far", codes=MAKE),
        Ends("python -m bench.dashboard", says="--users", more="--help"),
    ),
    "docs/metrics.md": (
        Lives("tidemark run", until=READY, stays=True),
        Ends("curl -s http://127.0.0.1:9464/readyz", says='"ok": true'),
        Ends("curl -s http://127.0.0.1:9464/metrics", says="tidemark_supervisor_restarts_total"),
        Ends("python -m tidemark.observability.reference"),
    ),
    "docs/performance.md": (
        *(
            Elsewhere(f"make bench{more}", _MEASURED, "it takes minutes to an hour")
            for more in ("", ' ARGS="throughput --rounds 3"', ' ARGS="keys --quick"')
        ),
        Elsewhere(
            "make bench-plots",
            "tests/bench/test_commands.py::test_plots_and_tables_are_made_from_results",
            "it writes into the sources",
        ),
    ),
    "docs/peers.md": tuple(
        Elsewhere(
            command,
            "tests/bench/test_peers_commands.py::test_a_broker_runs_and_tables",
            "with all peers it takes half an hour",
        )
        for command in (
            "make bench-peers",
            "python -m bench.peers broker --folder DIR",
            "python -m bench.peers run --kafka ADDRESS --folder DIR --json FILE "
            "--only Tidemark --only 'Flink SQL' --rounds 2",
            "python -m bench.peers run --kafka ADDRESS --folder DIR --json FILE "
            "--only 'Quix Streams' --events 1000000",
            "python -m bench.peers table FILE --write docs/peers.md",
        )
    ),
    "docs/operations.md": (
        Ends("tidemark config check", says="config ok"),
        Ends("tidemark topics create", says="exists already"),
        Lives("tidemark run", until="reads", stays=True),
        Ends("curl -s http://127.0.0.1:9464/readyz", says='"ok": true'),
        Ends("tidemark backup var.backup", says="tidemark.db"),
        Elsewhere(
            'mongodump --uri "$MONGO_URI" --db tidemark --out mongo.backup',
            "tests/end_to_end/test_backup.py::test_mongodb_and_influxdb_are_put_back",
            "MongoDB's tools may be missing: then the documents are copied by pymongo",
        ),
        Elsewhere(
            "influxd backup -portable -host 127.0.0.1:8088 -db tidemark influx.backup",
            "tests/end_to_end/test_backup.py::test_mongodb_and_influxdb_are_put_back",
            "beside a server of its own",
        ),
        Stops(),
        Ends("cp -a var var.copy"),
        Ends("rm -rf var/recovery var/tidemark.db* var/notify.db*"),
        Ends("cp -a var.backup/. var/"),
        Elsewhere(
            'mongorestore --uri "$MONGO_URI" --drop mongo.backup',
            "tests/end_to_end/test_backup.py::test_mongodb_and_influxdb_are_put_back",
            "MongoDB's tools may be missing: then the documents are copied by pymongo",
        ),
        Elsewhere(
            "influxd restore -portable -host 127.0.0.1:8088 -db tidemark influx.backup",
            "tests/end_to_end/test_backup.py::test_mongodb_and_influxdb_are_put_back",
            "beside a server of its own",
        ),
        *(
            Elsewhere(
                command,
                f"tests/deploy/test_influxdb2.py::{test}",
                "where InfluxDB 2 is installed",
            )
            for test, commands in {
                "test_a_full_backup_is_put_back_with_its_tokens": (
                    "influx backup influx.backup",
                    "influx restore --full influx.backup",
                ),
                "test_a_bucket_is_put_back_by_its_points": (
                    "influx restore --bucket tidemark --new-bucket restored influx.backup",
                    "influx query --org tidemark "
                    '\'from(bucket: "restored") |> range(start: 0) |> to(bucket: "tidemark")\'',
                    "influx bucket delete --org tidemark --name restored",
                ),
            }.items()
            for command in commands
        ),
        Elsewhere(
            "kubectl --namespace tidemark scale statefulset/tidemark --replicas=0",
            "tests/deploy/test_k8s.py::test_rescaling_stops_all_then_changes_addresses_then_starts",
            _CLUSTER,
        ),
        Lives("tidemark run --processes 2", until=READY),
        Lives("tidemark run --on-missing-offset earliest", until=READY),
        Lives("tidemark run --fresh", until="reads"),
        Ends("tidemark dlq list", says="invalid_"),
        Ends("tidemark late list"),
    ),
    "docs/repair.md": (
        Ends("tidemark dlq list", says="invalid_schema"),
        Ends("tidemark dlq list user_interactions --json", says='"invalid_schema"'),
        Ends("tidemark late list", says="user_interactions"),
        Lives("tidemark tail user_interactions.dlq", until=SOME, more="--from-beginning"),
        Ends("tidemark dlq replay --where reason=invalid_schema", says="3 "),
        Ends(
            "tidemark dlq replay --where reason=invalid_schema --transform repairs:rename",
            says="2 ",
        ),
        Ends(
            "tidemark dlq replay --where reason=invalid_schema --transform repairs:rename --yes",
            says="2 ",
        ),
        Ends(
            "tidemark recompute --from 2026-11-22T12:00:00Z --to 2026-11-22T13:00:00Z",
            says="nothing written",
        ),
        Ends(
            "tidemark recompute --from 2026-11-22T12:00:00Z --to 2026-11-22T13:00:00Z --yes",
            says="late included 5",
        ),
        Ends("tidemark dlq replay --yes"),
    ),
    "docs/running.md": (
        Ends("tidemark topics create"),
        Lives("tidemark run --processes 2", until="reads", stays=True),
        Ends("tidemark topics list --all", says=r"user_interactions\.dlq"),
        Lives("tidemark tail user_interactions.dlq --from-beginning", until=SOME),
        Ends(
            "tidemark tail user_interactions --count 5 --partition 0 --json | jq .value",
            says="user_id",
        ),
        Stops(),
        Lives("tidemark demo", until="so far", stays=True),
        Lives(
            "tidemark tail alerts --config var/demo/config.yaml",
            until=SOME,
            before="env -u KAFKA_BOOTSTRAP_SERVERS",  # it would be asked instead
        ),
        Stops(),
        Ends("tidemark demo --seconds 40", says=OK),
    ),
    "docs/your-own-pipeline.md": tuple(
        Elsewhere(
            command,
            "tests/docs/test_own_pipeline.py"
            "::test_the_pipeline_of_the_page_runs_alone_and_with_the_others",
            "with the code of the page",
        )
        for command in (
            "python -m bytewax.run returns",
            "tidemark run --processes 2",
            "tidemark dlq list returns",
        )
    ),
}
