"""Embedding functions of an application, for re-embedding: each text tells its number, and each number has its vector."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from scripts.edges import memories

DIMENSIONS, ROWS = 32, 600
_VECTORS = memories.make(ROWS + 100, DIMENSIONS, seed=99).embeddings


def good(texts: list[str]) -> list[list[float]]:
    """The new model."""
    return [_VECTORS[int(text.split()[-1])].tolist() for text in texts]


# What happens, once each, while the model is at work.
meanwhile: list[Callable[[], None]] = []


def busy(texts: list[str]) -> list[list[float]]:
    """The new model; the application writes while it is at work."""
    if meanwhile:
        meanwhile.pop()()
    return good(texts)


def kills(texts: list[str]) -> list[list[float]]:
    """The new model, until it comes to the text that this process is to be killed at."""
    if any(text.split()[-1] == os.environ["KILL_AT"] for text in texts):
        os.kill(os.getpid(), signal.SIGKILL)
    return good(texts)


def short(texts: list[str]) -> list[list[float]]:
    """A model that gives the last text, of the last tenant, other dimensions."""
    return [vector if int(text.split()[-1]) != ROWS - 1 else vector[:-1] for vector, text in zip(good(texts), texts, strict=True)]


def zeros(texts: list[str]) -> list[list[float]]:
    """A model that fails without saying so."""
    return [[0.0] * DIMENSIONS for _ in texts]


def nan(texts: list[str]) -> list[list[float]]:
    """A model that overflowed."""
    return [[float("nan")] * DIMENSIONS for _ in texts]


def fewer(texts: list[str]) -> list[list[float]]:
    """A model that drops what it cannot embed."""
    return good(texts)[1:]


def raises(texts: list[str]) -> list[list[float]]:
    """A model that is out of reach."""
    raise ConnectionError("the model is out of reach")
