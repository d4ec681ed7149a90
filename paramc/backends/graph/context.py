"""What the functions that write single operations share: the plan, the tables, the graph so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath, PureWindowsPath
from typing import NamedTuple

from paramc.backends.description import Target
from paramc.backends.graph.builder import Graph, Socket, Sockets
from paramc.backends.graph.tables import BaseRow, GraphTables
from paramc.backends.registry import Choices
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.control import Reference
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.plan import Decode, LoadImage, Op, PatchModel, Plan


class Steered(NamedTuple):
    """What the last pass was made with, in the server's words; the pictures that steered all of it left out.

    `distilled`: the guidance that its texts hold. `takes_all`: a strength shortens no schedule in its program.
    """

    model: Socket
    clip: Socket
    positive: Socket
    negative: Socket
    cfg: float
    sampler: str
    scheduler: str
    steps: int
    seed: int
    distilled: float | None = None
    takes_all: bool = False


@dataclass(eq=False)
class Context:
    """One graph in the making. `made` are outputs by what the plan calls them (`id.slot`), `sizes` in pixels."""

    job: Job
    plan: Plan
    target: Target
    tables: GraphTables
    choices: Choices
    graph: Graph
    made: Sockets = field(default_factory=dict)
    sizes: dict[str, Size] = field(default_factory=dict)
    steered: Steered | None = None

    @cached_property
    def base(self) -> BaseRow:
        """What the base of the model decides."""
        return self.tables.base(self.plan.base)

    @cached_property
    def ops(self) -> Mapping[str, Op]:
        """The operations by id."""
        return {op.id: op for op in self.plan.ops}

    @cached_property
    def references(self) -> tuple[ImageRef, ...]:
        """Pictures that the model looks at."""
        patches = [op.patch for op in self.plan.ops if isinstance(op, PatchModel)]
        shown = dict.fromkeys(patch.image for patch in patches if isinstance(patch, Reference))
        if not shown and self.plan.family in self.base.refers:
            shown = dict.fromkeys(op.image for op in self.plan.ops if isinstance(op, LoadImage))
        return tuple(shown)

    @cached_property
    def vae(self) -> Socket:
        """The VAE that the finished picture is decoded by."""
        return self.socket(next(op.vae for op in self.plan.ops if isinstance(op, Decode)))

    @cached_property
    def embeddings(self) -> tuple[str, ...]:
        """Names of the embeddings that the job knows of."""
        return self.job.assets.embedding_names

    def keep(self, op: Op, outputs: Sockets) -> None:
        """Remember what an operation gave; its only output may be called by the operation alone."""
        self.made |= {f"{op.id}.{name}": socket for name, socket in outputs.items()}
        if outputs:
            self.made[op.id] = next(iter(outputs.values()))

    def socket(self, reference: str) -> Socket:
        """The output that the plan calls `reference`."""
        return self.made[reference]

    def keep_size(self, name: str, source: str) -> None:
        """What the operation `name` gives is as large as what it takes."""
        if source in self.sizes:
            self.sizes[name] = self.sizes[source]

    def word(self, table: str, name: str) -> str:
        """The target's word for `name`; the first word of the table where it has none."""
        words = self.tables.words[table]
        return words.get(name) or next(iter(words.values()))


def file_name(context: Context, folder: str, asset: AssetRef | None) -> str:
    """What a loader calls an asset: its file, else its name with the suffix of its folder, else a hash."""
    files = context.tables.files
    name = asset.name if asset else None
    if asset and asset.path:
        name = PurePosixPath(asset.path.replace("\\", "/")).name
    if not name and asset and asset.hashes:
        name = asset.hashes[0].hex
    name = name or files.unnamed[folder]
    return name if name.lower().endswith(files.suffixes) else name + files.suffix[folder]


def picture_name(context: Context, folder: str, image: ImageRef) -> str:
    """What the loader of pictures calls one: its file, else the hash of its pixels.

    A job that was read from a graph has the loader's own names, which tell folders too.
    """
    files = context.tables.files
    if image.path and context.job.producer.dialect == context.target.dialect:
        return loader_name(image.path)
    name = PureWindowsPath(image.path).name if image.path else image.md5 or files.unnamed[folder]
    return name if name.lower().endswith(files.pictures) else name + files.suffix[folder]


def loader_name(path: str) -> str:
    """What a graph's loader of pictures calls one: a place in its own folder as it is, of one elsewhere the file."""
    elsewhere = PureWindowsPath(path)  # which knows the paths of every system
    return elsewhere.name if elsewhere.anchor else path


def file_prefix(context: Context, wish: str) -> str:
    """The start of the result's file name: no character that a file system refuses, no way out of the folder."""
    forbidden = context.tables.files.forbidden
    clean = "".join("_" if char in forbidden or ord(char) < 32 else char for char in wish)
    parts = [part for part in clean.split("/") if part.strip(" .")]
    return "/".join(parts) or context.plan.base


def batch_of(context: Context, asked: int) -> int:
    """One image where the job is about one of a batch: it has a seed of its own."""
    return 1 if context.job.batch.position is not None else asked
