"""The support matrix."""

from paramc.backends.matrix import support_matrix


def column(title: str) -> dict[str, str]:
    head, _, *rows = [line.strip("| ").split(" | ") for line in support_matrix().splitlines()]
    place = head.index(title)
    return {row[0]: row[place] for row in rows}


def counted(grade: str, cell: str) -> int:
    return sum(int(part.split()[0]) for part in cell.split(", ") if part.endswith(f" {grade}"))


def test_a_set_of_options_that_keeps_more_has_a_column_of_its_own() -> None:
    plain, exact = column("diffusers"), column("diffusers `exact`")
    assert counted("exact", exact["sampler"]) > counted("exact", plain["sampler"])
    assert counted("dropped", exact["prompt"]) < counted("dropped", plain["prompt"])
