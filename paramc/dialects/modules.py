"""Steps of a reader that lists the additional model files."""

from dataclasses import dataclass

from paramc.dialects.found import Found


@dataclass(frozen=True, slots=True)
class Modules:
    """The list `key` of additional model files: the field `single`, which goes, else all that start with `series`."""

    key: str
    single: str
    series: str

    def apply(self, found: Found) -> None:
        single = found.fields.pop(self.single, None)
        names = (
            [single]
            if single is not None
            else [value for key, value in found.fields.items() if key.startswith(self.series)]
        )
        if names:
            found.fields[self.key] = [str(name) for name in names]


@dataclass(frozen=True, slots=True)
class SecondModules:
    """The list `key` of the files of the second pass: `same` where `first` is absent or says so, else none known."""

    key: str
    first: str
    same: str

    def apply(self, found: Found) -> None:
        found.fields[self.key] = [self.same] if found.fields.get(self.first, self.same) == self.same else []
