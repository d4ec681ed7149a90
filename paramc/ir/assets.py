"""Files that a job names: checkpoints, VAEs, text encoders, networks, embeddings."""

from typing import Final, Literal, TypeAlias

from paramc.ir.base import Model

Status: TypeAlias = Literal["unresolved", "found", "missing", "mismatch"]


HUB: Final = "hf://"  # a URN of a repository of the Hugging Face hub starts with it


class Hash(Model):
    """`sha256`: any prefix; `autov1`: A1111's 8 digits of 2022; `addnet`: kohya's; `md5`; `blake3`: InvokeAI's."""

    algorithm: Literal["sha256", "autov1", "addnet", "md5", "blake3"]
    hex: str


class AssetRef(Model):
    """One file by every name it was given; `status` and `path` are what the resolver found."""

    name: str | None = None
    hashes: tuple[Hash, ...] = ()
    urn: str | None = None
    version: str | None = None
    network: Literal["lora", "hypernet"] | None = None  # which kind of network it is
    path: str | None = None
    status: Status = "unresolved"


class Assets(Model):
    """The files of a job. `modules` are text encoders and VAEs loaded beside a bare diffusion model, in order."""

    checkpoint: AssetRef | None = None
    vae: AssetRef | None = None
    modules: tuple[AssetRef, ...] = ()
    networks: tuple[AssetRef, ...] = ()  # hashes of the networks that the prompt names, or networks named elsewhere
    embeddings: tuple[AssetRef, ...] = ()
    weight_dtype: str | None = None  # storage of the diffusion model, e.g. fp8, nf4; None = the file's
    caches_fp16_for_networks: bool = False
    vae_encoder: Literal["full", "taesd"] = "full"
    vae_decoder: Literal["full", "taesd"] = "full"

    @property
    def embedding_names(self) -> tuple[str, ...]:
        """Names of the textual inversions that the job knows of."""
        return tuple(asset.name for asset in self.embeddings if asset.name)


class ImageRef(Model):
    """A picture that goes in: by path, or known only by the md5 of its pixels."""

    path: str | None = None
    md5: str | None = None
