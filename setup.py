"""What pyproject.toml can not say yet: the compiled half of reading, left out where it fails."""

from setuptools import Extension, setup

FOLDER = "dataflows/streaming/native"

setup(
    ext_modules=[
        Extension(
            "dataflows.streaming.native._native",
            sources=[f"{FOLDER}/{name}.c" for name in ("module", "groups", "records", "times")],
            depends=[f"{FOLDER}/{name}.h" for name in ("client", "groups", "records", "times")],
            extra_compile_args=["-std=c11", "-O3"],
            optional=True,
        )
    ]
)
