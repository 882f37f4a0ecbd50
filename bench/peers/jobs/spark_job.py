"""Counts per (user, type) and (item, type) in PySpark Structured Streaming.

python spark_job.py SERVERS TOPIC OUTPUT CHECKPOINTS
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

SCHEMA = "user_id STRING, item_id STRING, interaction_type STRING, timestamp TIMESTAMP"


def main(servers: str, topic: str, output: str, checkpoints: str) -> None:
    """Read what is in the topic, in micro-batches, and write each window once it is closed."""
    spark = (
        SparkSession.builder.appName("peer")
        .master("local[2]")
        .config("spark.sql.shuffle.partitions", 2)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", 500_000)
        .load()
    )
    events = records.select(
        sf.from_json(sf.col("value").cast("string"), SCHEMA).alias("event")
    ).select("event.*")
    sides = sf.explode(
        sf.array(
            sf.struct(sf.lit("user").alias("kind"), sf.col("user_id").alias("key")),
            sf.struct(sf.lit("item").alias("kind"), sf.col("item_id").alias("key")),
        )
    )
    counts = (
        events.withWatermark("timestamp", "5 seconds")
        .select("timestamp", "interaction_type", sides.alias("side"))
        .groupBy(
            sf.window("timestamp", "10 seconds").alias("window"),
            "side.kind",
            "side.key",
            sf.col("interaction_type").alias("type"),
        )
        .count()
        .select(sf.col("window.start").alias("window_start"), "kind", "key", "type", "count")
    )
    query = (
        counts.writeStream.format("parquet")
        .option("path", output)
        .option("checkpointLocation", checkpoints)
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
