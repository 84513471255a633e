"""A reader of pickles that can build arrays of bytes, lists, dicts, tuples, text and numbers, and nothing else.

A pickle is a program. Before it runs, every instruction is compared with a list of harmless ones; while it runs, the
names that NumPy's arrays need are bound to objects of this module, so that no function of any library can be called.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any, Final, Never

import numpy as np
from numpy.typing import NDArray

_INSTRUCTIONS: Final = frozenset(
    {
        *("PROTO", "FRAME", "STOP", "MARK", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
        *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE"),
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    }
)
_DEEPEST_TUPLES: Final = 10
"""An array needs two; tuples within tuples, a million deep, would overflow the stack when they are hashed."""
_MOST_INSTRUCTIONS: Final = 3_000_000
"""CIFAR-100's largest file has 0.4 million; one byte can make an object of 64."""
_MOST_DIGITS: Final = 4000
_MARK: Final = -1


class ForbiddenPickle(ValueError):
    """The pickle wants more than arrays, lists, dicts, text and numbers; nothing of it was run."""


class ForbiddenName(ForbiddenPickle):
    """It names a function or a class of its own choice, and could run any program."""


def load_dict(content: bytes) -> dict[str, Any]:
    """Build the dict that a pickle describes. Text of Python 2 comes as bytes, but for the keys; arrays are uint8.

    Raises:
        ForbiddenPickle: It names a function or class, or uses an instruction, that data do not need.
        ValueError: It is damaged, or no dict.
    """
    try:
        _check(content)
        built = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except ForbiddenPickle:
        raise
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (pickle.UnpicklingError, EOFError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ValueError(str(error) or type(error).__name__) from None
    if not isinstance(built, dict):
        raise ValueError(f"a {type(built).__name__} instead of a dict")
    return {
        key.decode("latin1") if isinstance(key, bytes) else str(key): value.value
        if isinstance(value, _Array)
        else value
        for key, value in built.items()
    }


def _check(content: bytes) -> None:
    depths = _TupleDepths()
    for count, (instruction, given, _) in enumerate(pickletools.genops(content)):
        argument: Any = given
        if count > _MOST_INSTRUCTIONS:
            raise ForbiddenPickle(f"more than {_MOST_INSTRUCTIONS:,} instructions")
        name = instruction.name
        if name not in _INSTRUCTIONS:
            what = f" ({argument})" if name == "INST" else ""
            raise ForbiddenPickle(f"the instruction {name}{what}")
        if name == "GLOBAL":
            _find(*argument.split(" ", 1))
        elif name in ("PUT", "LONG_BINPUT"):
            if argument > len(content):  # the table of remembered objects would be made that long
                raise ForbiddenPickle(f"a memo of {argument:,} entries")
        elif name == "LONG4" and argument.bit_length() > _MOST_DIGITS:
            raise ForbiddenPickle("a number of thousands of digits")
        depths.follow(instruction, argument)


class _TupleDepths:
    """How deep tuples lie in tuples, followed through the stack and the memo without building anything.

    Only tuples count: lists and dicts cannot be hashed, so that no hash goes through them. An item of the stack is
    its depth, 0 for all that is no tuple.
    """

    def __init__(self) -> None:
        self._stack: list[int] = []
        self._memo: dict[int, int] = {}

    def follow(self, instruction: pickletools.OpcodeInfo, argument: Any) -> None:
        """Do to the depths what the instruction does to the objects.

        Raises:
            ForbiddenPickle: Tuples are nested too deeply.
            ValueError: The stack does not hold what the instruction needs.
        """
        name, before = instruction.name, instruction.stack_before
        if name == "MARK":
            self._stack.append(_MARK)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memo[len(self._memo) if argument is None else argument] = self._pop(1, keep=True)[0]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self._stack.append(self._memo.get(argument, 0))
        else:
            taken: list[int] = []
            count = len(before)
            if pickletools.markobject in before:
                while (top := self._pop(1)[0]) != _MARK:
                    taken.append(top)
                count = before.index(pickletools.markobject)
            taken += self._pop(count)
            depth = 1 + max(taken, default=0) if name.startswith("TUPLE") else 0
            if depth > _DEEPEST_TUPLES:
                raise ForbiddenPickle(f"tuples within tuples, more than {_DEEPEST_TUPLES} deep")
            self._stack.extend(depth for _ in instruction.stack_after)

    def _pop(self, count: int, *, keep: bool = False) -> list[int]:
        if count > len(self._stack):
            raise ValueError("an instruction without its objects")
        taken = self._stack[len(self._stack) - count :]
        if not keep:
            del self._stack[len(self._stack) - count :]
        return taken


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _find(module, name)

    def persistent_load(self, pid: Any) -> Never:
        raise ForbiddenPickle(f"a reference to an object outside ({pid!r})")


def _find(module: str, name: str) -> Any:
    """Return this module's own object for a name; the only place where names are looked up."""
    stand_in = _KNOWN.get((module, name))
    if stand_in is None:
        raise ForbiddenName(f"{module}.{name}"[:200])
    return stand_in()


class _Inert:
    """Has no attributes that a BUILD instruction could set."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise ForbiddenPickle("a change of a function")


class _ArrayClass(_Inert):
    __slots__ = ()


class _Reconstruct(_Inert):
    """``numpy.core.multiarray._reconstruct(ndarray, (0,), b"b")``: an array without content."""

    __slots__ = ()

    def __call__(self, kind: Any, shape: Any, dtype: Any) -> _Array:
        if not isinstance(kind, _ArrayClass):
            raise ForbiddenPickle("an array of another class")
        return _Array()


class _DtypeClass(_Inert):
    """``numpy.dtype("u1", …)``: bytes are the only type of CIFAR's arrays."""

    __slots__ = ()

    def __call__(self, code: Any, *_: Any) -> _Dtype:
        if code not in ("u1", b"u1", "|u1", b"|u1"):
            raise ForbiddenPickle(f"an array of type {code!r:.40}")
        return _Dtype()


class _Dtype:
    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """Byte order and alignment; without meaning for bytes."""


class _Encode(_Inert):
    """``_codecs.encode(text, "latin1")``: how Python 3 writes bytes for Python 2."""

    __slots__ = ()

    def __call__(self, text: Any, codec: Any = "latin1") -> bytes:
        if not isinstance(text, str) or codec not in ("latin1", b"latin1", "latin-1"):
            raise ForbiddenPickle(f"the codec {codec!r:.40}")
        return text.encode("latin1")


class _Array:
    """An array whose content comes with its state: version, shape, type, order, bytes."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: NDArray[np.uint8] = np.empty(0, np.uint8)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("an array without content")
        _, shape, dtype, fortran, content = state
        sides = shape if isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape) else (-1,)
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes) or math.prod(sides) != len(content):
            raise ValueError(f"an array of shape {shape!r:.60} whose content does not fit")
        self.value = np.frombuffer(content, np.uint8).reshape(sides, order="F" if fortran else "C")


_KNOWN: Final = {
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _DtypeClass,
    ("_codecs", "encode"): _Encode,
}
