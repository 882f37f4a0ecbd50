"""Alert rules, who is told, and how: Grafana's unified alerting, provisioned by files."""
