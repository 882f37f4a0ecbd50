"""The tree: every setting of Tidemark, with its default."""

from __future__ import annotations

from generator.settings import GeneratorSettings
from tidemark.config.alerts import AlertsSettings
from tidemark.config.base import Section
from tidemark.config.engine import EngineSettings, RecoverySettings, RunSettings, TimeSettings
from tidemark.config.kafka import KafkaSettings, SourceSettings, TopicsSettings
from tidemark.config.observability import ObservabilitySettings
from tidemark.config.pipelines import PipelinesSettings
from tidemark.config.stores import DocumentsSettings, SeriesSettings, StoresSettings
from tidemark.config.surface import DashboardSettings, LoggingSettings


class Settings(Section):
    """Every setting of Tidemark."""

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicsSettings = TopicsSettings()
    source: SourceSettings = SourceSettings()
    time: TimeSettings = TimeSettings()
    engine: EngineSettings = EngineSettings()
    recovery: RecoverySettings = RecoverySettings()
    pipelines: PipelinesSettings = PipelinesSettings()
    alerts: AlertsSettings = AlertsSettings()
    documents: DocumentsSettings = DocumentsSettings()
    series: SeriesSettings = SeriesSettings()
    stores: StoresSettings = StoresSettings()
    run: RunSettings = RunSettings()
    dashboard: DashboardSettings = DashboardSettings()
    logging: LoggingSettings = LoggingSettings()
    observability: ObservabilitySettings = ObservabilitySettings()
    generator: GeneratorSettings = GeneratorSettings()
