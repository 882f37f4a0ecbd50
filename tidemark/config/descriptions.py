"""What the docstrings under the fields say: their descriptions, in config.yaml and on the page.

pydantic can read them itself (`use_attribute_docstrings`), but does so whenever a process starts,
which takes longer than all else that is done for the configuration.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from pydantic import BaseModel

from tidemark.config.settings import Settings
from tidemark.config.tree import Leaf, sections


def description(leaf: Leaf) -> str:
    """Return what is said under the field, on one line; empty where nothing is."""
    model: type[BaseModel] = Settings
    for name in leaf.route[:-1]:
        model = sections(model)[name]
    return " ".join(_field_docs(model).get(leaf.route[-1], "").split())


@cache
def _field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring under each field of a model and of those that it inherits from."""
    docs: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
            assert isinstance(definition, ast.ClassDef)
            for field, below in pairwise(definition.body):
                match field, below:
                    case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                        docs[name] = inspect.cleandoc(text)
    return docs
