"""`python -m tidemark.demo.child PARENT MODULE [ARGS]`: run a module that ends with the demo."""

from __future__ import annotations

import runpy
import sys

from tidemark.supervisor.lifeline import die_with

if __name__ == "__main__":
    parent_pid, module, *arguments = sys.argv[1:]
    die_with(int(parent_pid))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
