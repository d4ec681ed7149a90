"""Job × catalogue → Job: every named file looked up, by hash first, then by name. The catalogue may be empty."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from paramc.ir.assets import AssetRef, Hash
from paramc.ir.job import Job

PREFIX = 8  # hex digits below which a hash identifies nothing


@dataclass(frozen=True)
class Catalogue:
    """Files at hand: each with its name, its path and the hashes that were computed. `kinds`: by path."""

    files: tuple[AssetRef, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)

    def of(self, kind: str) -> "Catalogue":
        """The files that may be of a kind: those whose kind is not known as another."""
        if not self.kinds:
            return self
        fits = (kind, "unknown", None)
        return Catalogue(tuple(file for file in self.files if self.kinds.get(file.path or "") in fits))

    @cached_property
    def by_name(self) -> dict[str, AssetRef]:
        """The files by name, without folder and suffix; the first of a name counts."""
        return {stem_of(file.name or ""): file for file in reversed(self.files)}

    def by_hash(self, wanted: Hash) -> AssetRef | None:
        """The file one of whose hashes begins with `wanted`, or the other way round."""
        return next((file for file in self.files if any(same_hash(wanted, known) for known in file.hashes)), None)


def resolve_job(job: Job, catalogue: Catalogue) -> Job:
    """The job with path and status of every asset that the catalogue knows; unchanged for an empty catalogue."""
    if not catalogue.files:
        return job
    assets = job.assets
    updated = assets.model_copy(
        update={
            "checkpoint": _resolved(assets.checkpoint, catalogue.of("checkpoint")),
            "vae": _resolved(assets.vae, catalogue.of("vae")),
            "modules": _all(assets.modules, catalogue),
            "networks": _all(assets.networks, catalogue.of("network")),
            "embeddings": _all(assets.embeddings, catalogue.of("embedding")),
        }
    )
    return job.model_copy(update={"assets": updated})


def _all(assets: Iterable[AssetRef], catalogue: Catalogue) -> tuple[AssetRef, ...]:
    return tuple(found for asset in assets if (found := _resolved(asset, catalogue)) is not None)


def _resolved(asset: AssetRef | None, catalogue: Catalogue) -> AssetRef | None:
    if asset is None:
        return None
    by_hash = next((file for wanted in asset.hashes if (file := catalogue.by_hash(wanted))), None)
    if by_hash:
        return asset.model_copy(update={"path": by_hash.path, "status": "found"})
    by_name = catalogue.by_name.get(stem_of(asset.name or ""))
    if by_name is None:
        return asset.model_copy(update={"status": "missing"})
    status = "mismatch" if _contradicts(asset, by_name) else "found"
    return asset.model_copy(update={"path": by_name.path, "status": status})


def _contradicts(asset: AssetRef, file: AssetRef) -> bool:
    """Whether both sides state a hash of one algorithm, and none agrees."""
    pairs = [(wanted, known) for wanted in asset.hashes for known in file.hashes if wanted.algorithm == known.algorithm]
    return bool(pairs) and not any(same_hash(wanted, known) for wanted, known in pairs)


def same_hash(wanted: Hash, known: Hash) -> bool:
    """Whether one is the beginning of the other, long enough to mean anything."""
    shorter = min(len(wanted.hex), len(known.hex))
    return (
        wanted.algorithm == known.algorithm
        and shorter >= PREFIX
        and wanted.hex[:shorter].lower() == known.hex[:shorter].lower()
    )


def stem_of(name: str) -> str:
    """The name of a file without folder and suffix, in lower case."""
    file = name.replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, suffix = file.rpartition(".")
    return (stem if dot and suffix.lower() in {"safetensors", "ckpt", "pt", "pth", "gguf", "bin"} else file).lower()
