"""What every pass hands on, as text: of a Job the values that changed, of a Plan its operations."""

from paramc.diagnostics.render import escaped
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.paths import leaves, plain
from paramc.ir.plan import Plan
from paramc.source.model import Source


class Trace:
    """Notes what the passes hand on, in `text`."""

    def __init__(self) -> None:
        self.text = ""
        self._values: dict[str, str] = {}

    def __call__(self, name: str, value: object) -> None:
        """Note what the pass `name` gave."""
        match value:
            case Source():
                lines = [f"{value.carrier} · {value.encoding} · {len(value.text)} characters"]
            case Job():
                lines = self._changes(value)
            case Plan():
                lines = [op.model_dump_json(exclude_defaults=True) for op in value.ops]
            case _:
                lines = [str(value)]
        self.text += "".join(f"{line}\n" for line in (f"# {name}", *(f"  {escaped(line)}" for line in lines)))

    def _changes(self, job: Job) -> list[str]:
        """`+ path = value` and `- path = value`, in the order of the Job's fields."""
        values = {path: plain(value) for path, value in leaves(job)} | _family(job.family)
        before, self._values = self._values, values
        gone = [f"- {path} = {text}" for path, text in before.items() if values.get(path) != text]
        new = [f"+ {path} = {text}" for path, text in values.items() if before.get(path) != text]
        return [*gone, *new] or ["unchanged"]


def _family(family: Family | None) -> dict[str, str]:
    return {"family": f"{family.name} ({family.confidence})"} if family else {}
