"""Import a package without paying for the modules it names and rarely uses."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """Stands where a module stands, and becomes it at the first attribute that is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def deferred_imports(*names: str) -> Iterator[None]:
    """Within the block an import of one of ``names`` costs nothing; the module is loaded when it is first used.

    Whatever was not used by the end of the block is imported normally from then on: only the importers inside the
    block keep the stand-in, which forwards to the real module. The standard library's LazyLoader would do, but up to
    Python 3.11 a second import of such a module, which is what importers are, already loads it.

    The garbage collector rests meanwhile, and never looks through what the block made: an import makes hundreds of
    thousands of objects and frees none.
    """
    stand_ins = {name: _Deferred(name) for name in names if name not in sys.modules}
    sys.modules.update(stand_ins)
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
