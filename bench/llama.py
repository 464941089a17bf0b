"""The two packages that llama.cpp can be taken from: speed on the same model, turn by turn.

    python bench/llama.py [--model FILE.gguf] [--rounds 7]

Needs both packages. Each round measures either package in a process of its own, in alternating
order. Prints medians, ranges and the paired ratio. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from rung.core.clock import monotonic_ms
from rung.core.config import LLAMA_PACKAGES, num_threads
from rung.engines.catalogue import DEFAULT_MODEL
from rung.engines.models import locate

_PROMPT_TOKENS, _DECODED_TOKENS, _SEQUENCES = 256, 64, 32


def measure(path: Path) -> dict[str, float]:
    """Return the speeds of the package that RUNG_LLAMA names."""
    from rung.engines.llama_api import LlamaModel

    model = LlamaModel(path, context_tokens=2048, threads=num_threads())
    text = "The quick brown fox jumps over the lazy dog, and nobody is surprised. " * 40
    tokens = model.tokenize(text, special=False)[:_PROMPT_TOKENS]
    model.decode(tokens[:32], range(32), [(0,)] * 32, [31])
    model.clear()
    start = monotonic_ms()
    model.decode(tokens, range(len(tokens)), [(0,)] * len(tokens), [len(tokens) - 1])
    prefill = monotonic_ms()
    for at in range(_DECODED_TOKENS):
        model.decode([tokens[at]], [len(tokens) + at], [(0,)], [0])
    decoded = monotonic_ms()
    for sequence in range(1, _SEQUENCES + 1):
        model.share(0, sequence, 0, len(tokens))
    forked = monotonic_ms()
    model.decode(
        tokens[:_SEQUENCES],
        [len(tokens)] * _SEQUENCES,
        [(sequence,) for sequence in range(1, _SEQUENCES + 1)],
        range(_SEQUENCES),
    )
    end = monotonic_ms()
    model.close()
    return {
        "prefill tokens/s": 1000 * len(tokens) / (prefill - start),
        "decode tokens/s": 1000 * _DECODED_TOKENS / (decoded - prefill),
        f"batch of {_SEQUENCES} sequences, ms": end - forked,
    }


def main() -> None:
    """Measure both packages and print what they do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    path = Path(given.model) if given.model else locate(DEFAULT_MODEL).path
    if given.one:
        print(json.dumps(measure(path)))
        return
    command = [sys.executable, __file__, "--one", "--model", str(path)]
    found: dict[str, list[dict[str, float]]] = {package: [] for package in LLAMA_PACKAGES}
    print(f"{path.name}, {num_threads()} threads, load {os.getloadavg()[0]:.2f} before")
    for number in range(given.rounds):
        for package in LLAMA_PACKAGES if number % 2 else LLAMA_PACKAGES[::-1]:
            run = subprocess.run(
                command,
                env={**os.environ, "RUNG_LLAMA": package},
                check=True,
                stdout=subprocess.PIPE,
            )
            found[package].append(json.loads(run.stdout))
    for what in found[LLAMA_PACKAGES[0]][0]:
        for package, rows in found.items():
            values = [row[what] for row in rows]
            print(
                f"{what:<28} {package:<17} median {statistics.median(values):7.1f} "
                f"[{min(values):.1f}, {max(values):.1f}]  n = {len(values)}"
            )
        pairs = zip(*(found[package] for package in LLAMA_PACKAGES), strict=True)
        ratio = statistics.median(one[what] / other[what] for one, other in pairs)
        print(f"{what:<28} ratio {ratio:.2f}")
    print(f"load {os.getloadavg()[0]:.2f} after")


if __name__ == "__main__":
    main()
