"""What pyproject.toml can not say yet: the compiled parts, each left out where it fails."""

from setuptools import Extension, setup

SHARED = "tidemark/native"
READING = "dataflows/streaming/native"
PRODUCER = "tidemark/producer"


def compiled(name: str, folder: str, sources: list[str], headers: list[str]) -> Extension:
    """Return an extension module of C sources in a folder."""
    return Extension(
        name,
        sources=[f"{folder}/{source}.c" for source in sources],
        depends=[
            f"{SHARED}/views.h",
            f"{SHARED}/librdkafka.h",
            *(f"{folder}/{header}.h" for header in headers),
        ],
        include_dirs=[SHARED],
        extra_compile_args=["-std=c11", "-O3"],
        optional=True,
    )


setup(
    ext_modules=[
        compiled(
            "dataflows.streaming.native._native",
            READING,
            ["module", "groups", "records", "times"],
            ["client", "groups", "records", "times"],
        ),
        compiled("tidemark.producer._producer", PRODUCER, ["_producer"], ["client"]),
    ]
)
