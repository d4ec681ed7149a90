"""A dialect as its folder describes it: lineage, files looked up through the parents, tables laid over them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paramc.resources import GRAMMARS
from paramc.tables import Table, merged, read_table


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """One folder of `grammars/`. `folders` is its lineage, itself first and the root ancestor last; `roots` are the
    folders of dialects that it was found among."""

    name: str
    folders: tuple[Path, ...]
    about: Table
    roots: tuple[Path, ...] = (GRAMMARS,)

    @property
    def title(self) -> str:
        """What people call the program."""
        return str(self.about.get("title", self.name))

    @property
    def engine(self) -> str:
        """Which reading engine understands it: `infotext`, `record`, `graph`, `job`."""
        return str(self.about["engine"])

    @property
    def sniff(self) -> tuple[str, ...]:
        """Patterns of this very dialect (never inherited) that betray its texts."""
        return self.own_list("sniff")

    @property
    def form(self) -> str:
        """What its texts look like, a form of forms.toml; those of settings texts are `text`."""
        return str(self.about.get("form", "text" if self.engine == "infotext" else "json"))

    def own_list(self, name: str) -> tuple[str, ...]:
        """The texts listed under `name` in this very dialect's description."""
        own = read_table(self.folders[0] / "dialect.toml").get(name, [])
        return tuple(str(item) for item in own) if isinstance(own, list) else ()

    def path(self, file: str) -> Path | None:
        """The nearest `file` in the lineage, or None."""
        return _nearest(self.folders, file)

    def table(self, file: str) -> Table:
        """`file` of every ancestor, the descendants' rows laid over; empty when nobody has it."""
        result: Table = {}
        for folder in reversed(self.folders):
            if (folder / file).is_file():
                result = merged(result, read_table(folder / file))
        return result


@cache
def _nearest(folders: tuple[Path, ...], file: str) -> Path | None:
    return next((folder / file for folder in folders if (folder / file).is_file()), None)
