"""The files of folders that may hold settings, however the folders are linked with one another."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeAlias

PICTURES = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".gif", ".heic", ".mp4", ".mov", ".webm", ".mkv",
    ".latent",
})  # fmt: skip
TEXTS = frozenset({".txt", ".json"})  # where no picture of the same name lies beside them
Told: TypeAlias = Callable[[str, str], None]
"""Is told of a folder that cannot be read, and why."""


def walk(roots: Sequence[str], told: Told) -> Iterator[str]:
    """The path of each file, a folder's before those of its subfolders; every folder once: links may form circles."""
    seen: set[tuple[int, int]] = set()
    waiting = list(reversed(roots))
    while waiting:
        place = waiting.pop()
        if os.path.isfile(place):  # noqa: PTH113  # a Path for each of a million names takes longer than to look
            yield place
            continue
        try:
            state = os.stat(place)  # noqa: PTH116
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            folders = yield from _files(place, told)
        except OSError as error:
            told(place, (error.strerror or str(error)).lower())
            continue
        waiting += sorted(folders, reverse=True)


def _files(folder: str, told: Told) -> Generator[str, None, list[str]]:
    """The files of one folder. Gives its subfolders. Nobody waits for a pipe or reads a device that never ends."""
    folders: list[str] = []
    with os.scandir(folder) as items:
        for item in items:
            suffix = os.path.splitext(item.name)[1].lower()  # noqa: PTH122
            if suffix in PICTURES:
                if _is_folder(item):
                    folders.append(item.path)
                elif _is_special(item):
                    told(item.path, "it is a pipe or a device, not a file")
                else:
                    yield item.path
            elif suffix in TEXTS and not _is_folder(item):
                if not _is_special(item) and not _beside_a_picture(item.path):
                    yield item.path
            elif _is_folder(item):
                folders.append(item.path)
    return folders


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_special(item: os.DirEntry[str]) -> bool:
    """Is it there, and neither a file nor a folder?"""
    try:
        return not item.is_file() and bool(item.stat())
    except OSError:  # a link that leads nowhere
        return False


def _beside_a_picture(path: str) -> bool:
    stem = os.path.splitext(path)[0]  # noqa: PTH122
    return any(os.path.exists(stem + suffix) for suffix in ("", *PICTURES))  # noqa: PTH110
